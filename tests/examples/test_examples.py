"""The examples do what their READMEs say.

A README shows a command behind a `$ ` and, where the execution succeeds, its output below; a command that nothing is
shown for ends otherwise. Commands run in this process, in an empty folder in which `examples` can be seen.
"""

import json
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stepwell.adapters.command.main import invoke
from stepwell.adapters.tasks.bindings import load_module
from stepwell.local import run

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def documented() -> Iterator[Any]:
    """Every command of every README, with the text that is shown below it."""
    for readme in sorted(EXAMPLES.glob("*/README.md")):
        blocks = re.findall(r"```console\n(.*?)```", readme.read_text(encoding="utf-8"), re.S)
        for block in blocks:
            for command, output in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.M):
                words = shlex.split(command)
                yield pytest.param(words, output, id=f"{readme.parent.name}-{_told_apart(words)}")


def _told_apart(words: list[str]) -> str:
    wanted = words[words.index("--test-case") + 1] if "--test-case" in words else words[words.index("--input") + 1]
    return Path(wanted).stem


@pytest.fixture
def beside_the_examples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "examples").symlink_to(EXAMPLES)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])


@pytest.mark.usefixtures("beside_the_examples")
@pytest.mark.parametrize(("words", "shown"), list(documented()))
def test_a_documented_command_ends_as_its_readme_shows(
    words: list[str], shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command, *arguments = words
    assert command == "stepwell"

    code = invoke(arguments)
    printed = capsys.readouterr()

    if shown:
        assert code == 0, printed.err
        assert json.loads(printed.out) == json.loads(shown)
    else:
        assert code == 1, printed.err


def test_every_example_has_a_readme_with_commands() -> None:
    folders = {path.name for path in EXAMPLES.iterdir() if path.is_dir()}

    shown = {str(parameters.id) for parameters in documented()}
    assert all(any(name.startswith(f"{folder}-") for name in shown) for folder in folders)


def run_example(folder: str, definition: str, input: str, **options: Any) -> Any:
    return run(
        str(EXAMPLES / folder / definition),
        json.loads((EXAMPLES / folder / input).read_text(encoding="utf-8")),
        functions=load_module(str(EXAMPLES / folder / "functions.py")),
        fast_forward=True,
        **options,
    )


def entered(result: Any) -> list[str]:
    """The names of the states in the order in which they were entered."""
    return [
        event["stateEnteredEventDetails"]["name"] for event in result.history if "stateEnteredEventDetails" in event
    ]


def order(case: str) -> Any:
    return run_example("order", "order.asl.json", "order.json", mocks=(str(EXAMPLES / "order/mocks.json"), case))


def test_an_order_whose_payment_is_declined_gives_its_stock_back() -> None:
    result = order("PaymentDeclined")

    assert result.status == "FAILED"
    assert result.error == "PaymentDeclined"
    assert result.cause == "Order A-1042 was cancelled: The card was declined"
    assert entered(result)[-3:] == ["Take payment", "Release stock", "Order cancelled"]


def test_an_order_that_nobody_carries_is_refunded_after_four_attempts() -> None:
    result = order("CarrierOnStrike")

    assert result.error == "CarrierUnavailable"
    assert entered(result)[-3:] == ["Refund payment", "Release stock", "Order cancelled"]
    assert sum(event["type"] == "LambdaFunctionScheduled" for event in result.history) == 2 + 1 + 4 + 2
    assert 1 + 1.5 + 2.25 <= result.stopped_at - result.started_at < 60


def test_a_station_that_is_offline_spoils_nothing() -> None:
    result = run_example("pipeline", "pipeline.asl.json", "day.json")

    assert [station["station"] for station in result.output["stations"]] == ["harbour", "hill", "airport"]
    assert [station["station"] for station in result.output["failed"]] == ["lighthouse"]


@pytest.mark.parametrize(
    ("case", "reminders"), [("Approved", 0), ("ApprovedAfterReminder", 1), ("Rejected", 0), ("NoAnswer", 2)]
)
def test_a_manager_who_does_not_answer_is_reminded(case: str, reminders: int) -> None:
    result = run_example(
        "approval", "approval.asl.json", "expense.json", mocks=(str(EXAMPLES / "approval/mocks.json"), case)
    )

    assert entered(result).count("Remind manager") == reminders


def test_an_approval_that_nobody_answers_takes_six_days_and_two_pauses() -> None:
    result = run_example("approval", "approval.asl.json", "expense.json")

    assert result.error == "NoAnswer"
    assert 0 <= result.stopped_at - result.started_at - (3 * 172_800 + 2 * 14_400) < 60


def test_an_approved_expense_is_paid_at_nine_on_the_25th() -> None:
    result = run_example("approval", "approval.asl.json", "taxi.json")

    waited = next(event for event in result.history if event["type"] == "WaitStateExited")
    assert json.loads(waited["stateExitedEventDetails"]["output"])["payday"][7:] == "-25T09:00:00Z"


def test_the_report_takes_its_currency_and_its_functions_from_the_template() -> None:
    result = run_example("nightly-report", "template.yaml#NightlyReport", "yesterday.json")

    assert result.output["text"].splitlines() == ["Lisbon: 1840 EUR", "Ghent: 920 EUR", "Turin: 1310 EUR"]
    scheduled = [event for event in result.history if event["type"] == "LambdaFunctionScheduled"]
    assert {event["lambdaFunctionScheduledEventDetails"]["resource"] for event in scheduled} == {
        "arn:aws:lambda:us-east-1:123456789012:function:collect-sales"
    }
