"""`stepwell stop`: an execution is aborted, whoever carries it on."""

import signal
from pathlib import Path

import pytest

from commands import (
    Process,
    arn_of,
    callback,
    in_a_row,
    kept,
    left_behind,
    task,
    types_of,
    wait_for_event,
    write_machine,
)
from stepwell.adapters.clocks import SystemClock
from stepwell.adapters.command.main import invoke

NAP = in_a_row(Nap={"Type": "Wait", "Seconds": 600})


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("STEPWELL_DATA", raising=False)
    write_machine(tmp_path, "nap", NAP)
    return tmp_path


def test_the_process_that_carries_it_on_stops_it(capsys, folder):
    arn = arn_of("nap", "one")
    with Process(folder, "run", "nap.asl.json", "--name", "one") as process:
        wait_for_event(folder, arn, "WaitStateEntered")

        assert invoke(["stop", "one", "--error", "Cancelled", "--cause", "no more"]) == 0

        assert process.finish() == (1, "", "stepwell: one: ABORTED: Cancelled: no more\n")
    assert capsys.readouterr().out == "one: ABORTED\n"
    last = kept(folder).history(arn)[-1]
    assert (last.type, last.details) == ("ExecutionAborted", {"error": "Cancelled", "cause": "no more"})


def test_a_process_that_does_not_stop_it_is_told(capsys, folder, monkeypatch):
    monkeypatch.setattr("stepwell.adapters.command.stop.SECONDS_TO_STOP", 0.1)
    with Process(folder, "run", "nap.asl.json", "--name", "one") as process:
        wait_for_event(folder, arn_of("nap", "one"), "WaitStateEntered")
        process.signal(signal.SIGSTOP)

        assert invoke(["stop", "one"]) == 1

    assert capsys.readouterr().err == (
        "stepwell: one: its process was asked to stop it, and has not yet; `stepwell show one` tells\n"
    )


def test_what_nobody_carries_on_is_stopped_all_the_same(capsys, folder):
    execution = left_behind(folder, in_a_row(First=task("first")))

    assert invoke(["stop", "one"]) == 0

    assert capsys.readouterr().out == "one: ABORTED\n"
    assert types_of(folder, execution.arn)[-2:] == ["LambdaFunctionStarted", "ExecutionAborted"]
    assert kept(folder).open_tasks() == []
    assert invoke(["resume"]) == 2


def test_one_of_an_engine_is_stopped_too(capsys, folder):
    left_behind(folder, NAP, has_settings=False)

    assert invoke(["stop", "one"]) == 0
    assert capsys.readouterr().out == "one: ABORTED\n"


def test_its_history_does_not_go_back_in_time(folder):
    execution = left_behind(folder, NAP, at=SystemClock().now() + 3_600_000)

    assert invoke(["stop", "one"]) == 0

    entered, aborted = kept(folder).history(execution.arn)[-2:]
    assert aborted.at >= entered.at


def test_what_it_waits_for_is_stopped_with_it(folder):
    kid = {"StartAt": "Nap", "States": {"Nap": {"Type": "Wait", "Seconds": 600, "End": True}}}
    write_machine(folder, "kid", kid)
    (folder / "stepwell.toml").write_text('[state_machines]\nkid = "kid.asl.json"\n')
    arn = "arn:aws:states:us-east-1:123456789012:stateMachine:kid"
    start = {"Type": "Task", "Resource": "arn:aws:states:::states:startExecution.sync"}
    write_machine(folder, "parent", in_a_row(Start={**start, "Parameters": {"StateMachineArn": arn}}))
    with Process(folder, "run", "parent.asl.json", "--name", "one") as process:
        wait_for_event(folder, arn_of("parent", "one"), "TaskSubmitted")
        process.kill()

    assert invoke(["stop", "one"]) == 0
    assert [each.status for each in kept(folder).executions()] == ["ABORTED", "ABORTED"]


def test_what_has_ended_stays_as_it_is(capsys, folder):
    left_behind(folder, in_a_row(Ok={"Type": "Pass"}), seconds=1)

    assert invoke(["stop", "one"]) == 0
    assert capsys.readouterr().out == "one: has ended before: SUCCEEDED\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["none-such"], "Execution Does Not Exist: 'none-such'; `stepwell list` shows those in .stepwell"),
        ([], "Missing argument 'EXECUTION' (see `stepwell stop --help`)"),
        (["one", "--data", "elsewhere"], "elsewhere: holds no executions yet; `stepwell run FILE` makes one"),
    ],
)
def test_what_cannot_be_stopped_is_one_clear_line(capsys, folder, arguments, said):
    left_behind(folder, in_a_row(Ask=callback()))

    assert invoke(["stop", *arguments]) == 2
    assert capsys.readouterr().err == f"stepwell: {said}\n"
