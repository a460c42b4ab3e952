"""`stepwell resume`: a run whose process is gone goes on where it stood, as if nothing had happened."""

import json
import time
from pathlib import Path

import pytest

from commands import (
    Process,
    arn_of,
    callback,
    in_a_row,
    kept,
    left_behind,
    run_piped,
    task,
    types_of,
    wait_for_event,
    wait_until,
    write_machine,
)
from stepwell.adapters.clocks import SkippingClock, SystemClock
from stepwell.adapters.command.main import Interrupted, invoke
from stepwell.adapters.command.settings import Settings
from stepwell.adapters.stores.sqlite import FILE, SqliteStore
from stepwell.engine.ports import Pause

JOB = in_a_row(First=task("first"), Slow=task("slow"), Nap={"Type": "Wait", "Seconds": 1}, Last=task("last"))
FUNCTIONS = """
import os, time

def note(name):
    with open("calls.txt", "a") as calls:
        calls.write(name + "\\n")

def first(event):
    note("first")
    return {"n": 1}

def slow(event):
    note("slow")
    while not os.path.exists("go"):
        time.sleep(0.01)
    return event

def last(event):
    note("last")
    return {"done": event}
"""
NAP = in_a_row(Nap={"Type": "Wait", "Seconds": 3600}, After={"Type": "Pass", "Result": "rested"})
CHARGE = in_a_row(Charge=task("charge", Retry=[{"ErrorEquals": ["Busy"], "IntervalSeconds": 600, "MaxAttempts": 9}]))
MOCKS = {
    "StateMachines": {"job": {"TestCases": {"ThirdTime": {"Charge": "ThirdTime"}, "Paid": {"Charge": "Paid"}}}},
    "MockedResponses": {
        "ThirdTime": {"0-1": {"Throw": {"Error": "Busy"}}, "2": {"Return": "third"}, "3": {"Return": "fourth"}},
        "Paid": {"0": {"Return": "paid"}},
    },
}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("STEPWELL_DATA", raising=False)
    monkeypatch.setattr("sys.path", [*__import__("sys").path])
    write_machine(tmp_path, "job", JOB)
    (tmp_path / "functions.py").write_text(FUNCTIONS)
    (tmp_path / "mocks.json").write_text(json.dumps(MOCKS))
    return tmp_path


def calls(folder: Path) -> list[str]:
    return (folder / "calls.txt").read_text().split()


def with_functions(folder: Path, **more) -> Settings:
    return Settings(directory=str(folder), functions=str(folder / "functions.py"), **more)


def refused(capsys, *arguments: str) -> str:
    assert invoke(["resume", *arguments]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    (line,) = shown.err.splitlines()
    return line.removeprefix("stepwell: ")


# --- killed -----------------------------------------------------------------------------------------------------------


def test_a_killed_run_goes_on_in_one_unbroken_history_and_does_nothing_twice_that_was_done(capsys, folder):
    arn = arn_of("job", "one")
    with Process(folder, "run", "job.asl.json", "--functions", "functions.py", "--name", "one") as process:
        wait_for_event(folder, arn, "LambdaFunctionStarted", times=2)
        wait_until(lambda: "slow" in calls(folder))  # the history says so a moment before
        process.kill()
    before = kept(folder).history(arn)

    assert invoke(["list"]) == 0
    assert "GONE" in capsys.readouterr().out
    (folder / "go").touch()
    assert invoke(["resume"]) == 0

    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ('{"done":{"n":1}}\n', "")
    assert calls(folder) == ["first", "slow", "slow", "last"]
    history = kept(folder).history(arn)
    assert history[: len(before)] == before
    assert [event.id for event in history] == list(range(1, len(history) + 1))
    assert [event.at for event in history] == sorted(event.at for event in history)
    assert [event.type for event in history] == [
        "ExecutionStarted",
        *["TaskStateEntered", "LambdaFunctionScheduled", "LambdaFunctionStarted"],
        *["LambdaFunctionSucceeded", "TaskStateExited"],
        *["TaskStateEntered", "LambdaFunctionScheduled", "LambdaFunctionStarted"],
        *["LambdaFunctionSucceeded", "TaskStateExited"],
        *["WaitStateEntered", "WaitStateExited"],
        *["TaskStateEntered", "LambdaFunctionScheduled", "LambdaFunctionStarted"],
        *["LambdaFunctionSucceeded", "TaskStateExited"],
        "ExecutionSucceeded",
    ]
    assert invoke(["prune", "--keep", "1"]) == 0
    assert list((folder / ".stepwell" / "stepwell.db-hosts").iterdir()) == []


def test_a_wait_ends_when_it_would_have_ended(folder):
    execution = left_behind(folder, in_a_row(Nap={"Type": "Wait", "Seconds": 1}))

    assert invoke(["resume", "one"]) == 0

    entered, exited = [event for event in kept(folder).history(execution.arn) if "Wait" in event.type]
    assert 1000 <= exited.at - entered.at < 1900


def test_a_wait_that_is_over_ends_at_once(capsys, folder):
    left_behind(folder, NAP, at=time.time_ns() // 1_000_000 - 4_000_000)

    assert invoke(["resume", "--json"]) == 0

    told = json.loads(capsys.readouterr().out)
    assert (told["status"], told["output"]) == ("SUCCEEDED", "rested")


def test_skipped_time_stays_skipped(folder):
    settings = Settings(directory=str(folder), fast_forward=True)
    execution = left_behind(
        folder, in_a_row(Nap={"Type": "Wait", "Seconds": 3600}, Again={"Type": "Wait", "Seconds": 3600}),
        settings=settings, seconds=3601,
    )  # fmt: skip

    assert invoke(["resume"]) == 0

    history = kept(folder).history(execution.arn)
    assert history[-1].type == "ExecutionSucceeded"
    assert 7200_000 <= history[-1].at - history[0].at < 7210_000
    assert [event.at for event in history] == sorted(event.at for event in history)


@pytest.mark.parametrize("clock", [SystemClock, SkippingClock])
def test_a_clock_does_not_go_behind_its_start(clock):
    now = SystemClock().now()

    assert clock(now + 3_600_000).now() >= now + 3_600_000
    assert now <= clock(now - 3_600_000).now() < now + 60_000


# --- with what it goes on ---------------------------------------------------------------------------------------------


def test_it_goes_on_from_any_directory_with_what_the_run_was_given(capsys, folder, monkeypatch):
    (folder / "stepwell.toml").write_text('[functions]\nlast = "desk:last"\n')
    (folder / "desk.py").write_text("import ledger\ndef last(event):\n    return ledger.NAME\n")
    (folder / "ledger.py").write_text("NAME = 'ledger'\n")
    definition = in_a_row(Slow=task("slow"), Last=task("desk"))
    definition["States"]["Last"]["Resource"] = "arn:aws:lambda:us-east-1:123456789012:function:last"
    (folder / "functions.py").write_text("def slow(event):\n    return 1\n")
    left_behind(folder, definition, settings=with_functions(folder))
    (folder / "elsewhere").mkdir()
    monkeypatch.chdir(folder / "elsewhere")

    assert invoke(["resume", "--data", "../.stepwell"]) == 0
    assert capsys.readouterr().out == '"ledger"\n'


def test_other_functions_may_be_given(capsys, folder):
    (folder / "repaired.py").write_text("def first(event):\n    return 'repaired'\n")
    left_behind(folder, in_a_row(First=task("first")), settings=with_functions(folder))

    assert invoke(["resume", "--functions", "repaired.py"]) == 0
    assert capsys.readouterr().out == '"repaired"\n'


def test_mocks_are_counted_on(capsys, folder):
    case = {"mock_config": str(folder / "mocks.json"), "test_case": "ThirdTime", "fast_forward": True}
    execution = left_behind(folder, CHARGE, settings=with_functions(folder, **case), tasks=busy, seconds=601)
    assert types_of(folder, execution.arn).count("LambdaFunctionFailed") == 2

    assert invoke(["resume"]) == 0
    assert capsys.readouterr().out == '"third"\n'


def test_a_mocked_task_that_is_performed_again_has_the_same_answer(capsys, folder):
    case = {"mock_config": str(folder / "mocks.json"), "test_case": "ThirdTime", "fast_forward": True}
    left_behind(folder, CHARGE, settings=with_functions(folder, **case), tasks=busy_twice_then_silent(), seconds=2000)

    assert invoke(["resume"]) == 0
    assert capsys.readouterr().out == '"third"\n'


def test_another_test_case_may_be_chosen(capsys, folder):
    case = {"mock_config": str(folder / "mocks.json"), "test_case": "ThirdTime"}
    left_behind(folder, CHARGE, settings=with_functions(folder, **case))

    assert invoke(["resume", "--test-case", "Paid"]) == 0
    assert capsys.readouterr().out == '"paid"\n'


def busy(task):
    from stepwell.definitions.failure import Failure

    yield Failure("Busy", None)


def busy_twice_then_silent():
    count = 0

    def perform(task):
        nonlocal count
        count += 1
        yield from busy(task) if count <= 2 else (Pause(9999),)

    return perform


def test_answers_that_came_meanwhile_are_taken_in(capsys, folder):
    left_behind(folder, in_a_row(Ask=callback()))
    assert invoke(["task", "succeed", "one", "--output", '"yes"']) == 0
    shown = capsys.readouterr()
    assert shown.out == "one: Ask has succeeded\n"
    assert shown.err == "stepwell: one: its process is gone: `stepwell resume one` takes the answer in\n"

    assert invoke(["resume"]) == 0
    assert capsys.readouterr().out == '"yes"\n'


def test_what_it_has_started_goes_on_with_it(capsys, folder):
    kid = {"StartAt": "Nap", "States": {"Nap": {"Type": "Wait", "Seconds": 1, "End": True}}}
    write_machine(folder, "kid", kid)
    (folder / "stepwell.toml").write_text('[state_machines]\nkid = "kid.asl.json"\n')
    arn = "arn:aws:states:us-east-1:123456789012:stateMachine:kid"
    start = {"Type": "Task", "Resource": "arn:aws:states:::states:startExecution.sync:2", "OutputPath": "$.Output"}
    write_machine(
        folder, "parent", in_a_row(Start={**start, "Parameters": {"StateMachineArn": arn, "Input": {"a": 1}}})
    )
    with Process(folder, "run", "parent.asl.json", "--name", "one") as process:
        wait_for_event(folder, arn_of("parent", "one"), "TaskSubmitted")
        process.kill()

    assert invoke(["resume"]) == 0

    assert capsys.readouterr().out == '{"a":1}\n'
    assert [each.status for each in kept(folder).executions()] == ["SUCCEEDED", "SUCCEEDED"]


# --- which one --------------------------------------------------------------------------------------------------------


def test_without_a_name_the_newest_goes_on(folder):
    left_behind(folder, NAP, name="oldest")
    left_behind(folder, NAP, name="older", at=time.time_ns() // 1_000_000 - 4_000_000)
    left_behind(folder, in_a_row(Ok={"Type": "Pass"}), name="ended", seconds=1)
    left_behind(folder, in_a_row(Ask=callback()), name="of-an-engine", has_settings=False)

    assert invoke(["resume"]) == 0
    assert {each.name: str(each.status) for each in kept(folder).executions()} == {
        "of-an-engine": "RUNNING",
        "ended": "SUCCEEDED",
        "oldest": "RUNNING",
        "older": "SUCCEEDED",
    }


def test_there_may_be_nothing_to_resume(capsys, folder):
    assert refused(capsys) == ".stepwell: holds no executions yet; `stepwell run FILE` makes one"

    left_behind(folder, in_a_row(Ok={"Type": "Pass"}), seconds=1)
    assert refused(capsys) == ".stepwell: nothing to resume: no run was left without its process"
    assert refused(capsys, "one") == "one: nothing to resume: it has ended, SUCCEEDED"


def test_what_has_failed_is_redriven(capsys, folder):
    left_behind(folder, in_a_row(No={"Type": "Fail"}), seconds=1)

    assert refused(capsys, "one") == (
        "one: nothing to resume: it has ended, FAILED; `stepwell redrive one` lets it go on"
    )


def test_what_runs_elsewhere_is_left_there(capsys, folder):
    with Process(folder, "run", "job.asl.json", "--functions", "functions.py", "--name", "one"):
        wait_for_event(folder, arn_of("job", "one"), "LambdaFunctionStarted", times=2)

        assert refused(capsys) == ".stepwell: nothing to resume: no run was left without its process"
        assert refused(capsys, "one").startswith("one: another process carries it on; `stepwell history one --follow`")


def test_somebody_else_may_be_faster(capsys, folder, monkeypatch):
    left_behind(folder, NAP)
    monkeypatch.setattr(SqliteStore, "claim", lambda store, arn: None)

    assert refused(capsys, "one").startswith("one: another process carries it on")


def test_what_an_engine_has_started_needs_functions(capsys, folder):
    left_behind(folder, in_a_row(First=task("first")), has_settings=False)

    assert "1 of an engine or a server go on when that is started again" in refused(capsys)
    assert refused(capsys, "one").endswith("or name the functions that perform its tasks with --functions")
    assert invoke(["resume", "one", "--functions", "functions.py"]) == 0
    assert capsys.readouterr().out == '{"n":1}\n'


@pytest.mark.parametrize(
    ("settings", "arguments", "said"),
    [
        ({"functions": "/no/such.py"}, [], "/no/such.py: there is no such file"),
        ({"mock_config": "/no/such.json"}, [], "/no/such.json: cannot be read"),
        ({}, ["--functions", "no.such"], "no.such: cannot be imported"),
        ({}, ["--test-case", "Paid"], "name that with --mock-config"),
        ({}, ["--mock-config", "mocks.json"], "choose one with --test-case"),
    ],
)
def test_what_it_cannot_go_on_with_is_told_and_it_stays_to_be_resumed(capsys, folder, settings, arguments, said):
    execution = left_behind(folder, NAP, settings=Settings(directory=str(folder), **settings))

    assert said in refused(capsys, "one", *arguments)
    assert kept(folder).is_abandoned(execution.arn)


def test_mistakes_in_what_it_may_start_are_told_with_their_place(capsys, folder):
    (folder / "kid.asl.json").write_text('{"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "Gone"}}}')
    (folder / "stepwell.toml").write_text('[state_machines]\nkid = "kid.asl.json"\n')
    start = {"Type": "Task", "Resource": "arn:aws:states:::states:startExecution"}
    start["Parameters"] = {"StateMachineArn": "kid"}
    left_behind(folder, in_a_row(Nap={"Type": "Wait", "Seconds": 1}, Start=start))

    assert "kid.asl.json:1:" in refused(capsys, "one")


def test_settings_of_another_program_are_told(capsys, folder):
    store = SqliteStore(folder / ".stepwell" / FILE)
    store.close()
    execution = left_behind(folder, NAP)
    import sqlite3

    with sqlite3.connect(folder / ".stepwell" / FILE) as database:
        database.execute("UPDATE executions SET settings = '[1]'")
    database.close()

    assert refused(capsys, execution.name) == "one: was started by another program, which alone can carry it on"


def test_a_name_that_a_run_without_process_has_is_told_with_what_to_do(capsys, folder):
    left_behind(folder, NAP)

    assert invoke(["run", "job.asl.json", "--name", "one", "--functions", "functions.py"]) == 2
    assert capsys.readouterr().err == (
        f"stepwell: Execution Already Exists: '{arn_of('job', 'one')}'; its process is gone: `stepwell resume one` "
        f"carries it on\n"
    )


# --- how it ends ------------------------------------------------------------------------------------------------------


def test_it_may_fail_like_any_run(capsys, folder):
    (folder / "broken.py").write_text("def first(event):\n    return {}['total']\n")
    left_behind(folder, in_a_row(First=task("first")))

    assert invoke(["resume", "--functions", "broken.py"]) == 1
    assert capsys.readouterr().err == "stepwell: one: FAILED: KeyError: 'total'\n"


def test_ctrl_c_a_second_time_leaves_it_to_be_resumed(capsys, folder, monkeypatch):
    def interrupted(host):
        host.worker.work()
        host.close()
        raise KeyboardInterrupt

    write_machine(folder, "nap", in_a_row(Nap={"Type": "Wait", "Seconds": 1}))
    with monkeypatch.context() as patch:
        patch.setattr("stepwell.adapters.command.carrying.run_to_the_end", interrupted)
        with pytest.raises(Interrupted):
            invoke(["run", "nap.asl.json", "--name", "one"])
    assert capsys.readouterr().err == (
        "stepwell: one: left where it stood by Ctrl-C; `stepwell resume one` carries it on\n"
    )

    assert invoke(["resume"]) == 0


def test_two_runs_side_by_side_share_a_directory(folder):
    (folder / "go").touch()
    with (
        Process(folder, "run", "job.asl.json", "--functions", "functions.py", "--name", "one") as one,
        Process(folder, "run", "job.asl.json", "--functions", "functions.py", "--name", "two") as two,
    ):
        assert one.finish() == two.finish() == (0, '{"done":{"n":1}}\n', "")

    assert sorted(each.name for each in kept(folder).executions()) == ["one", "two"]
    assert run_piped(folder, "list").stdout.count("SUCCEEDED") == 2


def test_of_two_runs_of_one_name_one_is_refused(folder):
    write_machine(folder, "nap", in_a_row(Nap={"Type": "Wait", "Seconds": 1}))
    with (
        Process(folder, "run", "nap.asl.json", "--name", "same") as one,
        Process(folder, "run", "nap.asl.json", "--name", "same") as two,
    ):
        ended = sorted([one.finish(), two.finish()])

    assert ended == [
        (0, "{}\n", ""),
        (2, "", f"stepwell: Execution Already Exists: '{arn_of('nap', 'same')}'\n"),
    ]


def test_a_name_that_another_process_takes_in_the_same_moment_is_refused(capsys, folder, monkeypatch):
    left_behind(folder, in_a_row(Ok={"Type": "Pass"}), seconds=1)
    write_machine(folder, "job", in_a_row(Ok={"Type": "Pass"}))
    monkeypatch.setattr(SqliteStore, "_one", lambda store, statement, given: None)  # as it was a moment before

    assert invoke(["run", "job.asl.json", "--name", "one"]) == 2
    assert capsys.readouterr().err == f"stepwell: Execution Already Exists: '{arn_of('job', 'one')}'\n"
