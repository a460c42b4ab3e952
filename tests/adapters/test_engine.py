"""The engine on disk and off it: what callers may ask of it, from synchronous and from asynchronous code."""

import asyncio
import threading
import time

import pytest

from stepwell.engine.errors import (
    ActivityDoesNotExist,
    ExecutionDoesNotExist,
    ExecutionNotRedrivable,
    InvalidOutput,
    InvalidToken,
    StateMachineAlreadyExists,
    StateMachineDoesNotExist,
    TaskTimedOut,
)
from stepwell.local import Engine, EngineClosed, Retention, StoreFailed
from support import ACTIVITY, CALLBACK, fail, machine, pass_, succeed, task, wait

ASKS = machine(Ask=task(CALLBACK, Parameters={"token.$": "$$.Task.Token"}))
WORKS = machine(Work=task(ACTIVITY, HeartbeatSeconds=3600))
SLEEPS = machine(Sleep=wait(Seconds=3600))
ADDS = machine(Add=task())


@pytest.fixture(params=["memory", "disk"])
def engine(request, tmp_path):
    functions = {"call": lambda value: value["n"] + 1, "Ask": lambda value: None}
    with Engine(None if request.param == "memory" else tmp_path / "data", functions=functions) as engine:
        yield engine


def token_of(engine, arn):
    """The token of the one task that the execution waits for."""
    for event in engine.events(arn):
        if event["type"] in ("TaskSubmitted", "ActivityScheduled"):
            (found,) = engine.open_tasks(arn)
            return found.task.token
    raise AssertionError("it has ended")


# --- state machines ---------------------------------------------------------------------------------------------------


def test_a_machine_is_created_once_and_started_often(engine):
    arn = engine.create_state_machine(ADDS, name="adder")

    assert engine.create_state_machine(ADDS, name="adder") == arn
    assert [engine.wait(engine.start(arn, {"n": n}), 10).output for n in (1, 2)] == [2, 3]
    with pytest.raises(StateMachineAlreadyExists):
        engine.create_state_machine(SLEEPS, name="adder")


def test_an_execution_keeps_the_definition_that_it_was_started_with(engine):
    arn = engine.create_state_machine(machine(W=wait(Seconds=1), Old=pass_(Result="old")), name="changing")
    running = engine.start(arn)
    engine.update_state_machine(arn, machine(New=pass_(Result="new")))

    assert engine.wait(engine.start(arn), 10).output == "new"
    assert engine.wait(running, 10).output == "old"


def test_a_machine_that_is_deleted_is_started_no_more(engine):
    arn = engine.create_state_machine(ADDS, name="adder")
    engine.delete_state_machine(arn)

    with pytest.raises(StateMachineDoesNotExist):
        engine.start(arn)
    with pytest.raises(StateMachineDoesNotExist):
        engine.update_state_machine(arn, SLEEPS)


# --- executions -------------------------------------------------------------------------------------------------------


def test_events_come_as_they_happen_and_end_with_the_last(engine):
    arn = engine.start(machine(A=pass_(), W=wait(Seconds=1), B=succeed()))
    began = time.monotonic()
    seen = [(event["type"], time.monotonic() - began) for event in engine.events(arn)]

    assert [kind for kind, _ in seen] == [event["type"] for event in engine.history(arn)]
    assert seen[0][1] < 0.9 < seen[-1][1]
    assert [event["id"] for event in engine.events(arn)] == list(range(1, len(seen) + 1))
    with pytest.raises(ExecutionDoesNotExist):
        list(engine.events(arn + "x"))


def test_executions_are_listed_by_machine_and_status(engine):
    machine_arn = engine.create_state_machine(SLEEPS, name="sleeper")
    done = engine.start(ADDS, {"n": 1}, name="done")
    engine.wait(done, 10)
    sleeping = engine.start(machine_arn, name="sleeping")

    assert [each.name for each in engine.list()] == ["sleeping", "done"]
    assert [each.arn for each in engine.list(state_machine_arn=machine_arn)] == [sleeping]
    assert [each.arn for each in engine.list(status="SUCCEEDED")] == [done]
    assert [each.arn for each in engine.list(limit=1)] == [sleeping]
    with pytest.raises(ValueError):
        engine.list(status="ASLEEP")


def test_a_stopped_execution_says_why(engine):
    arn = engine.start(SLEEPS)
    engine.stop(arn, "Enough", "of this")
    result = engine.wait(arn, 10)

    assert (result.status, result.error, result.cause) == ("ABORTED", "Enough", "of this")
    engine.stop(arn)  # once more changes nothing
    assert engine.describe(arn).cause == "of this"
    with pytest.raises(ExecutionDoesNotExist):
        engine.stop(arn + "x")


def test_a_failed_execution_is_redriven(tmp_path):
    calls = []

    def call(value):
        calls.append(value)
        if len(calls) < 2:
            raise RuntimeError("not yet")
        return "done"

    with Engine(tmp_path, functions={"call": call}) as engine:
        arn = engine.start(machine(A=pass_(Result={"n": 1}), T=task(), B=pass_()))
        assert engine.wait(arn, 10).status == "FAILED"
        engine.redrive(arn)
        result = engine.wait(arn, 10)

        assert (result.status, result.output, result.redrive_count) == ("SUCCEEDED", "done", 1)
        assert calls == [{"n": 1}, {"n": 1}]
        kinds = [event["type"] for event in result.history]
        assert kinds.count("PassStateEntered") == 2 and kinds.count("ExecutionRedriven") == 1
        with pytest.raises(ExecutionNotRedrivable, match="Execution is SUCCEEDED and cannot be redriven"):
            engine.redrive(arn)


# --- tasks ------------------------------------------------------------------------------------------------------------


def test_a_token_answers_once(engine):
    arn = engine.start(ASKS)
    token = token_of(engine, arn)
    engine.send_task_heartbeat(token)
    with pytest.raises(InvalidOutput):
        engine.send_task_success(token, "x" * 300_000)
    engine.send_task_success(token, {"ok": True})

    assert engine.wait(arn, 10).output == {"ok": True}
    for late in (engine.send_task_heartbeat, engine.send_task_failure, lambda it: engine.send_task_success(it, 1)):
        with pytest.raises(TaskTimedOut):
            late(token)
        with pytest.raises(InvalidToken):
            late("no token of ours")


def test_a_token_of_an_execution_that_never_was_is_invalid(engine):
    with Engine(functions={"Ask": lambda value: None}) as other:
        token = token_of(other, other.start(ASKS))

    with pytest.raises(InvalidToken):
        engine.send_task_success(token, 1)


def test_workers_take_the_tasks_of_an_activity_in_turn(engine):
    arn = engine.create_activity("work")
    executions = [engine.start(WORKS, {"n": n}) for n in (1, 2)]
    taken = [engine.get_activity_task(arn, "Ada", timeout=10) for _ in executions]

    assert [each.input for each in taken] == ['{"n":1}', '{"n":2}']
    assert engine.get_activity_task(arn, timeout=0.05) is None
    engine.send_task_success(taken[0].token, "done")
    engine.send_task_failure(taken[1].token, "Oops", "no luck")
    first, second = (engine.wait(each, 10) for each in executions)
    assert (first.output, second.error, second.cause) == ("done", "Oops", "no luck")
    started = next(event for event in first.history if event["type"] == "ActivityStarted")
    assert started["activityStartedEventDetails"] == {"workerName": "Ada"}


def test_whoever_waits_for_a_task_gets_it_when_it_comes(engine):
    arn = engine.create_activity("work")
    taken = []
    worker = threading.Thread(target=lambda: taken.append(engine.get_activity_task(arn, timeout=20)))
    worker.start()
    execution = engine.start(WORKS)
    worker.join(20)
    engine.send_task_success(taken[0].token, 1)

    assert engine.wait(execution, 10).output == 1


def test_an_activity_that_is_not_there_fails_the_execution(engine):
    with pytest.raises(ActivityDoesNotExist):
        engine.get_activity_task(ACTIVITY, timeout=1)
    result = engine.wait(engine.start(WORKS), 10)

    assert result.error == "States.Runtime"
    assert result.cause.endswith(f"The activity {ACTIVITY} does not exist.")


# --- asynchronous code ------------------------------------------------------------------------------------------------


def test_every_method_has_a_form_for_asynchronous_code(engine):
    async def ask():
        arn = await engine.start.aio(ADDS, {"n": 1})
        kinds = [event["type"] async for event in engine.events(arn)]
        assert kinds[-1] == "ExecutionSucceeded"
        results = await asyncio.gather(*(engine.wait.aio(arn) for _ in range(3)))
        assert {result.output for result in results} == {2}
        sleeping = await engine.start.aio(SLEEPS)
        with pytest.raises(TimeoutError, match=r"still running after 0\.01 s"):
            await engine.wait.aio(sleeping, timeout=0.01)
        await engine.stop.aio(sleeping)
        assert (await engine.wait.aio(sleeping, 10)).status == "ABORTED"
        with pytest.raises(ExecutionDoesNotExist):
            await engine.describe.aio("arn:aws:states:us-east-1:123456789012:execution:machine:nope")
        waiting = asyncio.create_task(engine.wait.aio(await engine.start.aio(SLEEPS)))
        await asyncio.sleep(0.01)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        return await asyncio.gather(*(engine.start.aio(ADDS, {"n": n}) for n in range(50)))

    arns = asyncio.run(ask())
    assert sorted(engine.wait(arn, 10).output for arn in arns) == list(range(1, 51))


def test_a_worker_that_goes_away_takes_no_task_with_it(engine):
    arn = engine.create_activity("work")

    async def give_up():
        polling = asyncio.create_task(engine.get_activity_task.aio(arn, timeout=30))
        await asyncio.sleep(0.05)
        polling.cancel()

    asyncio.run(give_up())
    engine.start(WORKS)
    assert engine.get_activity_task(arn, timeout=10) is not None


# --- closing and opening again ----------------------------------------------------------------------------------------


def test_the_next_engine_carries_on_what_was_left(tmp_path):
    with Engine(tmp_path, functions={"Ask": lambda value: None}) as first:
        arn = first.start(ASKS)
        token = token_of(first, arn)

    with Engine(tmp_path) as second:
        assert second.describe(arn).status == "RUNNING"
        second.send_task_success(token, "much later")
        result = second.wait(arn, 10)

    assert result.output == "much later"
    assert [event["id"] for event in result.history] == list(range(1, len(result.history) + 1))


def test_two_engines_share_a_directory(tmp_path):
    with Engine(tmp_path, functions={"Ask": lambda value: None}) as first, Engine(tmp_path) as second:
        arn = first.start(ASKS)
        assert second.describe(arn).status == "RUNNING"
        second.send_task_success(token_of(first, arn), "from beside")
        assert second.wait(arn, 10).output == "from beside"

        sleeping = first.start(SLEEPS)
        second.stop(sleeping)
        assert first.wait(sleeping, 10).status == "ABORTED"

        activity = second.create_activity("work")
        working = first.start(WORKS)
        second.send_task_success(second.get_activity_task(activity, "Bob", timeout=10).token, 7)
        result = first.wait(working, 10)
        assert (result.output, [event["type"] for event in result.history].count("ActivityStarted")) == (7, 1)


def test_what_one_engine_leaves_another_that_is_open_takes_over(tmp_path):
    with Engine(tmp_path) as staying:
        with Engine(tmp_path) as leaving:
            arn = leaving.start(machine(W=wait(Seconds=2)))
        assert staying.wait(arn, 20).status == "SUCCEEDED"


def test_a_function_that_runs_when_the_engine_closes_is_not_called_again(tmp_path):
    calls, began = [], threading.Event()

    def slow(value):
        calls.append(value)
        began.set()
        time.sleep(0.3)
        return "slow but sure"

    with Engine(tmp_path, functions={"call": slow}) as engine:
        arn = engine.start(machine(T=task(), U=pass_()))
        assert began.wait(10)
    with Engine(tmp_path, functions={"call": slow}) as engine:
        assert engine.wait(arn, 10).output == "slow but sure"

    assert len(calls) == 1


def test_an_engine_that_is_closed_can_still_be_asked(tmp_path):
    with Engine(tmp_path) as engine:
        ended, running = engine.start(machine(A=pass_())), engine.start(SLEEPS)
        engine.wait(ended, 10)

    assert engine.wait(ended).status == "SUCCEEDED"
    assert engine.history(ended)[-1]["type"] == "ExecutionSucceeded"
    assert len(engine.list()) == 2
    for change in (
        lambda: engine.start(SLEEPS),
        lambda: engine.wait(running),
        lambda: engine.stop(running),
        lambda: engine.create_state_machine(SLEEPS, name="late"),
        lambda: engine.get_activity_task(ACTIVITY),
    ):
        with pytest.raises(EngineClosed):
            change()


def test_an_engine_forgets_what_is_old(tmp_path):
    with Engine(tmp_path) as engine:
        for name in ("first", "second", "third"):
            engine.wait(engine.start(machine(A=fail("x")), name=name), 10)

        assert Retention(executions=2).apply(engine._runtime.store, 0) == 1
        assert [each.name for each in engine.list()] == ["third", "second"]


def test_a_directory_that_cannot_be_used_is_refused_in_words(tmp_path):
    (tmp_path / "file").write_text("x")

    with pytest.raises(StoreFailed, match="choose another --data"):
        Engine(tmp_path / "file" / "below")


def test_an_engine_that_is_busy_for_ever_still_listens(engine):
    """An Express execution may go round and round: its history has no limit."""
    definition = machine(Round=pass_(Next="Round"), Never=succeed())
    definition["States"]["Round"]["Next"] = "Choose"
    definition["States"]["Choose"] = {
        "Type": "Choice",
        "Choices": [{"Variable": "$.never", "IsPresent": True, "Next": "Never"}],
        "Default": "Round",
    }
    machine_arn = engine.create_state_machine(definition, name="busy", type="EXPRESS")
    arn = engine.start(machine_arn)

    assert engine.wait(engine.start(ADDS, {"n": 1}), 20).output == 2
    engine.stop(arn)
    assert engine.wait(arn, 20).status == "ABORTED"


# --- what a reader broke ----------------------------------------------------------------------------------------------


def test_of_two_redrives_at_once_one_is_refused(engine):
    arn = engine.start(machine(F=fail("Oops")))
    engine.wait(arn, 10)

    async def both():
        return await asyncio.gather(*(engine.redrive.aio(arn) for _ in range(2)), return_exceptions=True)

    told = asyncio.run(both())
    assert sorted(type(each).__name__ for each in told) == ["ExecutionNotRedrivable", "NoneType"]
    assert engine.wait(arn, 10).redrive_count == 1
    assert engine.wait(engine.start(ADDS, {"n": 1}), 10).output == 2


def test_of_equal_starts_at_once_all_get_the_same_execution(engine):
    async def three():
        return await asyncio.gather(*(engine.start.aio(SLEEPS, {"n": 1}, name="same") for _ in range(3)))

    assert len(set(asyncio.run(three()))) == 1


def test_a_mocked_execution_is_mocked_when_it_is_redriven(engine):
    calls = []
    definition = machine(T=task("python:os:abort"))
    arn = engine.start(definition, mocks={"T": {"0": {"Throw": {"Error": "Oops"}}, "1": {"Return": "mocked"}}})
    engine.wait(arn, 10)
    engine.redrive(arn)

    assert (engine.wait(arn, 10).output, calls) == ("mocked", [])


def test_whoever_waits_no_more_is_forgotten(engine):
    activity = engine.create_activity("work")
    arn = engine.start(SLEEPS)
    for _ in range(5):
        with pytest.raises(TimeoutError):
            engine.wait(arn, timeout=0.001)
        assert engine.get_activity_task(activity, timeout=0.001) is None
    engine.wait(engine.start(ADDS, {"n": 1}), 10)

    assert engine._runtime.is_idle


def test_a_child_in_memory_that_went_with_its_host_fails_the_task(tmp_path):
    """An Express execution is not durable, but the Standard one that waits for it is."""
    child = machine(Sleep=wait(Seconds=200))
    parent = machine(
        S=task("arn:aws:states:::states:startExecution.sync:2", Parameters={"StateMachineArn.$": "$.child"})
    )
    with Engine(tmp_path) as engine:
        child_arn = engine.create_state_machine(child, name="child", type="EXPRESS")
        arn = engine.start(parent, {"child": child_arn})
        for event in engine.events(arn):
            if event["type"] == "TaskSubmitted":
                break

    with Engine(tmp_path) as engine:
        assert engine.wait(arn, 10).error == "States.TaskFailed"


def test_a_parent_that_is_stopped_as_it_is_taken_over_stops_its_child(tmp_path):
    child = machine(Sleep=wait(Seconds=200))
    parent = machine(
        S=task(
            "arn:aws:states:::states:startExecution.sync", Parameters={"StateMachineArn.$": "$.child", "Name": "kid"}
        )
    )
    with Engine(tmp_path) as engine:
        child_arn = engine.create_state_machine(child, name="child")
        arn = engine.start(parent, {"child": child_arn})
        for event in engine.events(arn):
            if event["type"] == "TaskSubmitted":
                break

    with Engine(tmp_path) as engine:
        engine.stop(arn)
        kid = engine.wait(child_arn.replace("stateMachine", "execution") + ":kid", 20)
        assert (engine.wait(arn, 10).status, kid.status) == ("ABORTED", "ABORTED")


def test_a_step_of_many_megabytes_is_laid_down(tmp_path):
    states = {f"P{number}": pass_() for number in range(300)}
    with Engine(tmp_path) as engine:
        result = engine.wait(engine.start(machine(**states), {"large": "x" * 250_000}), 60)

    assert result.status == "SUCCEEDED"
    assert len(result.history) == 602


# --- tasks that call Step Functions ---------------------------------------------------------------------------------


def sfn(action, **parameters):
    return task(f"arn:aws:states:::aws-sdk:sfn:{action}", Parameters=parameters)


def test_a_task_that_calls_step_functions_calls_the_engine_it_is_in(engine):
    child = engine.create_state_machine(machine(P=pass_(Result={"from": "the child"})), name="child", type="EXPRESS")
    states = {
        "Start": sfn("startSyncExecution", StateMachineArn=child, Input={"a": 1}, Name="one"),
        "List": sfn("listStateMachines"),
    }

    started = engine.wait(engine.start(machine(T=states["Start"]))).output
    listed = engine.wait(engine.start(machine(T=states["List"]))).output

    assert (started["Status"], started["Output"], started["Name"]) == ("SUCCEEDED", '{"from":"the child"}', "one")
    assert [each["StateMachineArn"] for each in listed["StateMachines"]] == [child]


def test_a_task_may_answer_another_by_its_token(engine):
    asking = engine.start(ASKS)
    answer = sfn("sendTaskSuccess", **{"TaskToken.$": "$", "Output": {"said": "yes"}})

    engine.wait(engine.start(machine(T=answer), token_of(engine, asking)))

    assert engine.wait(asking).output == {"said": "yes"}


def test_what_step_functions_refuses_is_an_error_of_the_task(engine):
    result = engine.wait(engine.start(machine(T=sfn("describeExecution", ExecutionArn=f"{NO_SUCH}:none"))))

    assert result.error == "Sfn.ExecutionDoesNotExistException"


NO_SUCH = "arn:aws:states:us-east-1:123456789012:execution:none"
