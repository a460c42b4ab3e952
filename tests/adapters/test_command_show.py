"""`stepwell show`: where an execution stands, how it ended, and what to do next."""

import json
import time
from pathlib import Path

import pytest

from commands import Process, Terminal, arn_of, callback, in_a_row, left_behind, task, wait_for_event, write_machine
from stepwell.adapters.command.main import invoke
from stepwell.definitions.failure import Failure

ACTIVITY = "arn:aws:states:us-east-1:123456789012:activity:pack"
ITEMS = {
    "StartAt": "Each",
    "States": {
        "Each": {
            "Type": "Map",
            "End": True,
            "MaxConcurrency": 30,
            "ItemProcessor": {"StartAt": "Nap", "States": {"Nap": {"Type": "Wait", "Seconds": 600, "End": True}}},
        }
    },
}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("STEPWELL_DATA", raising=False)
    return tmp_path


def page(capsys, *arguments: str) -> list[str]:
    assert invoke(["show", *arguments]) == 0
    return capsys.readouterr().out.splitlines()


def fails(asked):
    yield Failure("CardDeclined", '{"errorMessage": "not enough money", "errorType": "CardDeclined"}')


# --- the object -------------------------------------------------------------------------------------------------------


def test_json_is_what_describe_execution_tells(capsys, folder):
    left_behind(folder, in_a_row(Ok={"Type": "Pass"}), input='{"n":  1}', seconds=1)

    assert invoke(["show", "--json"]) == 0

    told = json.loads(capsys.readouterr().out)
    assert told.pop("startDate") <= told.pop("stopDate")
    assert told == {
        "executionArn": arn_of("job", "one"),
        "stateMachineArn": "arn:aws:states:us-east-1:123456789012:stateMachine:job",
        "name": "one",
        "status": "SUCCEEDED",
        "input": '{"n":  1}',
        "inputDetails": {"included": True},
        "output": '{"n":1}',
        "outputDetails": {"included": True},
        "redriveCount": 0,
        "redriveStatus": "NOT_REDRIVABLE",
        "redriveStatusReason": "Execution is SUCCEEDED and cannot be redriven",
    }


def test_json_of_a_failure_has_error_cause_and_whether_it_can_be_redriven(capsys, folder):
    left_behind(folder, in_a_row(Charge=task("charge")), tasks=fails, seconds=1)

    assert invoke(["show", "one", "--json"]) == 0

    told = json.loads(capsys.readouterr().out)
    assert (told["status"], told["error"]) == ("FAILED", "CardDeclined")
    assert json.loads(told["cause"])["errorMessage"] == "not enough money"
    assert told["redriveStatus"] == "REDRIVABLE"
    assert "redriveStatusReason" not in told


def test_json_of_one_that_runs_has_no_end(capsys, folder):
    left_behind(folder, in_a_row(Ask=callback()))

    assert invoke(["show", "one", "--json"]) == 0
    assert not json.loads(capsys.readouterr().out).keys() & {"stopDate", "output", "error", "cause"}


# --- the page ---------------------------------------------------------------------------------------------------------


def test_the_page_tells_how_it_ended_and_what_to_do(capsys, folder):
    left_behind(folder, in_a_row(Charge=task("charge")), tasks=fails, seconds=1)

    shown = page(capsys)

    assert shown[0] == "job · one"
    assert shown[1].startswith("FAILED after ")
    assert "  error    CardDeclined: not enough money" in shown
    assert '  cause    {"errorMessage": "not enough money", "errorType": "CardDeclined"}' in shown
    assert shown[shown.index("stopped in") + 1] == "  Charge"
    assert "  stepwell redrive one   lets it go on where it stopped" in shown


def test_what_cannot_be_redriven_says_why(capsys, folder):
    at = time.time_ns() // 1_000_000 - 15 * 86_400_000
    left_behind(folder, in_a_row(Charge=task("charge")), tasks=fails, seconds=1, at=at)

    shown = page(capsys)

    assert "  redrive  Execution redrivable period exceeded" in shown
    assert not any("stepwell redrive" in line for line in shown)


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ({"Type": "Wait", "Seconds": 600}, "Here   waits until "),
        (task("charge"), "Here   was being performed · arn:aws:lambda:us-east-1:123456789012:function:charge · for "),
        (callback(), "Here   waits for an answer · arn:aws:states:::aws-sdk:sqs:sendMessage.waitForTaskToken · for "),
        ({"Type": "Task", "Resource": ACTIVITY}, f"Here   waits for a worker · {ACTIVITY} · for "),
    ],
    ids=["wait", "function", "callback", "activity"],
)
def test_the_page_tells_where_it_stands_and_what_for(capsys, folder, state, said):
    left_behind(folder, in_a_row(Here=state))

    shown = page(capsys, "one")

    assert shown[1].startswith("GONE: its process is gone · started ")
    assert shown[shown.index("stands in") + 1].strip().startswith(said)
    assert any("stepwell resume one" in line for line in shown)


def test_a_retry_is_told_with_its_moment(capsys, folder):
    charge = task("charge", Retry=[{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 60}])
    left_behind(folder, in_a_row(Charge=charge), tasks=fails, seconds=1)

    shown = page(capsys)
    assert shown[shown.index("stands in") + 1].strip().startswith("Charge   tries again until ")


def test_branches_and_iterations_are_told_with_their_place_and_not_without_end(capsys, folder):
    left_behind(folder, ITEMS, input=json.dumps([1] * 40))

    shown = page(capsys)

    start = shown.index("stands in") + 1
    assert shown[start].startswith("  Each      0 of 40 done · for ")
    assert shown[start + 1].startswith("  #0 Nap    waits until ")
    assert shown[start + 20] == "  … and 11 more"


def test_the_one_task_that_waits_can_be_answered_by_the_name(capsys, folder):
    left_behind(folder, in_a_row(Ask=callback()), name="ask me (please)".replace(" ", "-"))

    shown = page(capsys)

    assert any(line.startswith("      token YXJu") for line in shown)
    assert any("stepwell task succeed 'ask-me-(please)' --output JSON" in line for line in shown)


def test_what_runs_can_be_followed_and_stopped(capsys, folder):
    write_machine(folder, "nap", in_a_row(Nap={"Type": "Wait", "Seconds": 600}))
    with Process(folder, "run", "nap.asl.json", "--name", "one"):
        wait_for_event(folder, arn_of("nap", "one"), "WaitStateEntered")
        shown = page(capsys)

    assert shown[1].startswith("RUNNING for ")
    commands = [line.split("   ")[0].strip() for line in shown[shown.index("next") + 1 :]]
    assert commands == ["stepwell history one --follow", "stepwell stop one"]


def test_one_of_an_engine_goes_on_with_its_engine(capsys, folder):
    left_behind(folder, in_a_row(Ask=callback()), has_settings=False)

    assert any(line.endswith("carries it on here; its engine does when it is started") for line in page(capsys, "one"))


def test_a_terminal_shows_json_laid_out_and_colours(folder):
    left_behind(folder, in_a_row(Charge=task("charge")), tasks=fails, seconds=1, input=json.dumps({"n": ["x" * 90]}))

    terminal = Terminal(folder, "show", columns=120)
    assert terminal.finish() == 0

    assert '  input    {\n             "n": [\n' in terminal.text
    assert b"\x1b[1;31mFAILED\x1b[0m" in terminal.shown


def test_a_long_input_is_cut_on_a_terminal_alone(capsys, folder):
    left_behind(folder, in_a_row(Ok={"Type": "Pass"}), input=json.dumps(list(range(200))), seconds=1)

    terminal = Terminal(folder, "show", columns=120)
    terminal.finish()
    assert "… 162 lines more: --json has them" in terminal.text
    assert f"  input    {json.dumps(list(range(200)))}" in page(capsys)


def test_what_is_not_there_is_one_clear_line(capsys, folder):
    assert invoke(["show"]) == 2
    assert capsys.readouterr().err == ("stepwell: .stepwell: holds no executions yet; `stepwell run FILE` makes one\n")
