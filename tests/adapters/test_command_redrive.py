"""`stepwell redrive`: an execution that did not succeed goes on where it stopped, in this process."""

import json
from pathlib import Path

import pytest

from commands import arn_of, callback, in_a_row, kept, left_behind, screen_of, task, types_of, write_machine
from stepwell.adapters.command.main import invoke
from stepwell.adapters.command.settings import Settings

DAY = 86_400_000
ITEMS = {
    "Type": "Map",
    "ItemsPath": "$.items",
    "ItemProcessor": {"StartAt": "Item", "States": {"Item": task("item", End=True)}},
}
ORDER = in_a_row(
    First=task("first", ResultPath="$.first"),
    Both={
        "Type": "Parallel",
        "Branches": [
            {"StartAt": "Label", "States": {"Label": task("label", End=True)}},
            {"StartAt": "Each", "States": {"Each": {**ITEMS, "End": True}}},
        ],
    },
)
FUNCTIONS = """
import os, time

def note(name, value):
    with open("calls.txt", "a") as calls:
        calls.write(name + "\\n")
    return value

def first(event):
    return note("first", 1)

def label(event):
    return note("label", "label")

def item(event):
    if event == 2 and not os.path.exists("repaired"):
        time.sleep(0.2)  # the others come to their end first
        raise ValueError("no item two")
    return note(f"item-{event}", event * 10)
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("STEPWELL_DATA", raising=False)
    monkeypatch.setattr("sys.path", [*__import__("sys").path])
    write_machine(tmp_path, "order", ORDER)
    (tmp_path / "functions.py").write_text(FUNCTIONS)
    return tmp_path


@pytest.fixture
def failed(folder, capsys) -> str:
    """The ARN of a run that failed at its second item."""
    given = '{"items": [1, 2]}'
    assert invoke(["run", "order.asl.json", "-i", given, "--functions", "functions.py", "--name", "one"]) == 1
    capsys.readouterr()
    return arn_of("order", "one")


def refused(capsys, *arguments: str) -> str:
    assert invoke(["redrive", *arguments]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    (line,) = shown.err.splitlines()
    return line.removeprefix("stepwell: ")


def test_it_goes_on_where_it_failed_and_repeats_nothing_that_went_well(capsys, folder, failed):
    (folder / "repaired").touch()

    assert invoke(["redrive"]) == 0

    assert capsys.readouterr().out == '["label",[10,20]]\n'
    assert sorted((folder / "calls.txt").read_text().split()) == ["first", "item-1", "item-2", "label"]
    assert types_of(folder, failed).count("ExecutionRedriven") == 1
    assert kept(folder).describe(failed).redrive_count == 1


def test_it_may_fail_again_and_be_redriven_again(capsys, folder, failed):
    assert invoke(["redrive", "one"]) == 1
    assert capsys.readouterr().err == "stepwell: one: FAILED: ValueError: no item two\n"

    (folder / "repaired").touch()
    assert invoke(["redrive", "one", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["status"] == "SUCCEEDED"
    assert kept(folder).describe(failed).redrive_count == 2


def test_other_functions_may_be_given(capsys, folder, failed):
    (folder / "repaired.py").write_text("def item(event):\n    return 'repaired'\n")

    assert invoke(["redrive", "--functions", "repaired.py"]) == 0
    assert capsys.readouterr().out == '["label",[10,"repaired"]]\n'


def test_the_history_tells_where_each_event_of_the_redrive_happened(capsys, folder, failed):
    (folder / "repaired").touch()
    assert invoke(["redrive"]) == 0
    capsys.readouterr()

    assert invoke(["history"]) == 0

    rows = [line.split(maxsplit=4) for line in capsys.readouterr().out.splitlines()]
    redriven = next(index for index, row in enumerate(rows) if row[2] == "ExecutionRedriven")
    places = [row[2:4] for row in rows[redriven + 1 :]]
    assert rows[redriven][3:] == ["for", "the 1st time"]
    assert places[:3] == [
        ["1/1", "LambdaFunctionScheduled"],
        ["1/1", "LambdaFunctionStarted"],
        ["1/1", "LambdaFunctionSucceeded"],
    ]
    assert ["1", "MapStateExited"] in places


def test_a_terminal_sees_what_was_before_and_what_comes(folder, failed):
    (folder / "repaired").touch()

    shown = screen_of(folder, "redrive")

    final = shown[shown.rindex("✓ Both") :]
    assert "goes on after " in shown
    assert "✓ First" in shown
    assert "✓ Both · 2 of 2 branches" in final
    assert "#1 ✓ Each · 2 of 2 items" in final
    assert "SUCCEEDED in " in final


# --- what cannot be redriven ------------------------------------------------------------------------------------------


def test_what_has_succeeded_is_refused_in_aws_words(capsys, folder):
    left_behind(folder, in_a_row(Ok={"Type": "Pass"}), seconds=1)

    assert refused(capsys) == "Execution Not Redrivable: 'Execution is SUCCEEDED and cannot be redriven'"


def test_what_is_gone_is_resumed_instead(capsys, folder):
    left_behind(folder, in_a_row(Ask=callback()))

    assert refused(capsys, "one") == (
        "Execution Not Redrivable: 'Execution is RUNNING and cannot be redriven'; its process is gone: "
        "`stepwell resume one` carries it on"
    )


def test_after_14_days_it_is_too_late(capsys, folder):
    from stepwell.adapters.clocks import SystemClock

    left_behind(folder, in_a_row(No={"Type": "Fail"}), seconds=1, at=SystemClock().now() - 15 * DAY)

    assert refused(capsys) == "Execution Not Redrivable: 'Execution redrivable period exceeded'"


def test_what_an_engine_has_started_needs_functions(capsys, folder):
    from stepwell.definitions.failure import Failure

    def fails(task):
        yield Failure("Boom", None)

    left_behind(folder, in_a_row(First=task("first")), has_settings=False, tasks=fails, seconds=1)

    assert refused(capsys).startswith("one: was started by an engine or a server: redrive it there, or name")
    assert invoke(["redrive", "--functions", "functions.py"]) == 0
    assert capsys.readouterr().out == "1\n"


def test_somebody_else_may_be_faster(capsys, folder, failed, monkeypatch):
    from stepwell.adapters.stores.sqlite import SqliteStore

    monkeypatch.setattr(SqliteStore, "claim", lambda store, arn: None)

    assert refused(capsys) == "Execution Not Redrivable: 'Execution is RUNNING and cannot be redriven'"


def test_an_unknown_execution_is_one_clear_line(capsys, folder, failed):
    assert refused(capsys, "none-such") == (
        "Execution Does Not Exist: 'none-such'; `stepwell list` shows those in .stepwell"
    )


def test_skipped_time_stays_skipped(capsys, folder):
    settings = Settings(directory=str(folder), fast_forward=True)
    definition = in_a_row(
        Nap={"Type": "Wait", "Seconds": 3600}, First=task("first"), Again={"Type": "Wait", "Seconds": 3600}
    )
    write_machine(folder, "job", definition)
    assert invoke(["run", "job.asl.json", "--fast-forward", "--name", "one"]) == 1
    assert settings.fast_forward

    assert invoke(["redrive", "--functions", "functions.py"]) == 0

    history = kept(folder).history(arn_of("job", "one"))
    assert 7_200_000 <= history[-1].at - history[0].at < 7_210_000
    assert [event.at for event in history] == sorted(event.at for event in history)
