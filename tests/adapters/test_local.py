"""Stepwell in one's own process: real time, threads, an event loop."""

import asyncio
import threading

import pytest

from stepwell.adapters.tasks.mocks import InvalidMockConfig
from stepwell.definitions.problems import InvalidDefinition
from stepwell.engine.errors import (
    ExecutionAlreadyExists,
    ExecutionDoesNotExist,
    InvalidName,
    InvalidToken,
    TaskTimedOut,
)
from stepwell.local import Engine, EngineClosed, run, send_task_failure, send_task_heartbeat, send_task_success
from support import CALLBACK, choice, fail, machine, map_, parallel, pass_, retrier, scope, succeed, task, wait


def test_a_run_returns_its_end_and_its_history():
    result = run(machine(Ask=task()), {"n": 1}, functions={"call": lambda value: value["n"] + 1}, name="mine")

    assert (result.status, result.output, result.error, result.cause) == ("SUCCEEDED", 2, None, None)
    assert result.name == "mine"
    assert [event["type"] for event in result.history][-1] == "ExecutionSucceeded"
    assert result.history[0]["executionStartedEventDetails"]["input"] == '{"n":1}'


def test_a_definition_may_be_text_or_a_file(tmp_path):
    path = tmp_path / "hello.asl.yaml"
    path.write_text("StartAt: Hello\nStates:\n  Hello:\n    Type: Pass\n    Result: hi\n    End: true\n")

    assert run(path).output == "hi"
    assert run(str(path)).output == "hi"
    assert run('{"StartAt":"A","States":{"A":{"Type":"Pass","End":true}}}', [1]).output == [1]
    assert ":stateMachine:" not in run(path).arn
    assert ":execution:hello:" in run(path).arn


def test_an_invalid_definition_raises_all_its_problems():
    with pytest.raises(InvalidDefinition) as caught:
        run({"StartAt": "Nope", "States": {"A": {"Type": "Pass", "Next": "B"}}})

    assert len(caught.value.problems) >= 2


def test_waiting_is_skipped_when_asked_for():
    result = run(
        machine(Sleep=wait(Seconds=100_000), Then=task()), functions={"call": lambda _: "woken"}, fast_forward=True
    )

    assert result.output == "woken"
    assert result.stopped_at - result.started_at >= 100_000


def test_a_function_that_hangs_is_timed_out_by_its_state():
    release = threading.Event()
    result = run(machine(Ask=task(TimeoutSeconds=1)), functions={"call": lambda _: release.wait()})
    release.set()

    assert result.error == "States.Timeout"


def test_a_function_that_hangs_is_timed_out_when_waiting_is_skipped_too():
    release = threading.Event()
    definition = machine(Sleep=wait(Seconds=1000), Ask=task(TimeoutSeconds=1))
    result = run(definition, functions={"call": lambda _: release.wait()}, fast_forward=True)
    release.set()

    assert result.error == "States.Timeout"


def test_a_coroutine_that_nobody_waits_for_any_more_is_cancelled():
    cancelled = threading.Event()

    async def call(_value):
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    assert run(machine(Ask=task(TimeoutSeconds=1)), functions={"call": call}).error == "States.Timeout"
    assert cancelled.wait(5)


def test_functions_of_a_map_run_at_the_same_time():
    together = threading.Barrier(5, timeout=10)

    def call(value):
        together.wait()
        return value

    assert run(machine(Each=map_(scope(One=task()))), [1, 2, 3, 4, 5], functions={"call": call}).output == [
        1,
        2,
        3,
        4,
        5,
    ]


def test_a_token_can_be_answered_from_another_thread():
    def ask(parameters):
        threading.Timer(0.01, send_task_success, (parameters["Token"], {"approved": True})).start()
        return {"MessageId": "m-1"}

    state = task(CALLBACK, Parameters={"Token.$": "$$.Task.Token"})
    result = run(machine(Ask=state), functions={"Ask": ask})

    assert result.output == {"approved": True}
    assert [event["type"] for event in result.history][2:6] == [
        "TaskScheduled",
        "TaskStarted",
        "TaskSubmitted",
        "TaskSucceeded",
    ]


def test_a_token_can_be_failed():
    def ask(parameters):
        send_task_heartbeat(parameters["Token"])
        threading.Timer(0.01, send_task_failure, (parameters["Token"], "Rejected", "too dear")).start()

    state = task(CALLBACK, Parameters={"Token.$": "$$.Task.Token"}, HeartbeatSeconds=30)
    result = run(machine(Ask=state), functions={"Ask": ask})

    assert (result.error, result.cause) == ("Rejected", "too dear")


@pytest.mark.parametrize("token", ["", "nonsense", "AAAA", "ä"])
def test_what_is_no_token_is_refused(token):
    with pytest.raises(InvalidToken):
        send_task_success(token, {})


def test_a_token_of_an_execution_that_has_ended_finds_nobody():
    tokens = []

    def ask(parameters):
        tokens.append(parameters["Token"])
        send_task_success(parameters["Token"], 1)

    run(machine(Ask=task(CALLBACK, Parameters={"Token.$": "$$.Task.Token"})), functions={"Ask": ask})

    with pytest.raises(ExecutionDoesNotExist):
        send_task_success(tokens[0], 2)


def test_an_engine_runs_many_executions_side_by_side():
    with Engine(functions={"call": lambda value: value * 2}) as engine:
        arns = [engine.start(machine(Ask=task(), Then=pass_()), n) for n in range(50)]
        results = [engine.wait(arn, timeout=30) for arn in arns]

        assert [result.output for result in results] == [n * 2 for n in range(50)]
        assert [result.arn for result in engine.list()] == arns[::-1]


def test_an_engine_stops_an_execution():
    with Engine() as engine:
        arn = engine.start(machine(Sleep=wait(Seconds=3600)), name="sleeper")
        assert engine.describe(arn).status == "RUNNING"
        engine.stop(arn, "Enough", "no more")
        result = engine.wait(arn, timeout=10)

        assert (result.status, result.error, result.cause) == ("ABORTED", "Enough", "no more")
        assert engine.history(arn)[-1]["type"] == "ExecutionAborted"
        assert engine.history(arn)[-1]["previousEventId"] == 0


def test_an_engine_answers_tokens():
    tokens: list[str] = []
    asked = threading.Event()

    def ask(parameters):
        tokens.append(parameters["Token"])
        asked.set()

    with Engine(functions={"Ask": ask}) as engine:
        arn = engine.start(machine(Ask=task(CALLBACK, Parameters={"Token.$": "$$.Task.Token"})))
        assert asked.wait(10)
        engine.send_task_heartbeat(tokens[0])
        engine.send_task_success(tokens[0], {"ok": 1})

        assert engine.wait(arn, timeout=10).output == {"ok": 1}
        with pytest.raises(TaskTimedOut):
            engine.send_task_success(tokens[0], {"ok": 2})
        assert engine.describe(arn).output == {"ok": 1}


def test_an_engine_refuses_what_aws_refuses():
    with Engine() as engine:
        first = engine.start(machine(Sleep=wait(Seconds=3600)), name="taken")

        assert engine.start(machine(Sleep=wait(Seconds=3600)), name="taken") == first  # asked twice, started once
        with pytest.raises(ExecutionAlreadyExists):
            engine.start(machine(Sleep=wait(Seconds=3600)), {"other": "input"}, name="taken")
        with pytest.raises(InvalidName):
            engine.start(machine(Only=succeed()), name="a b")
        with pytest.raises(ExecutionDoesNotExist):
            engine.describe("arn:aws:states:us-east-1:123456789012:execution:machine:nope")
        with pytest.raises(TimeoutError):
            engine.wait(engine.list()[0].arn, timeout=0.01)


def test_an_engine_takes_mocks_for_one_execution():
    with Engine(functions={"call": lambda _: "real"}) as engine:
        mocked = engine.start(machine(Ask=task()), mocks={"Ask": {"Return": "mocked"}})
        real = engine.start(machine(Ask=task()))

        assert engine.wait(mocked, 10).output == "mocked"
        assert engine.wait(real, 10).output == "real"


def test_a_closed_engine_lets_nobody_wait():
    engine = Engine()
    arn = engine.start(machine(Sleep=wait(Seconds=3600)))
    heard = []

    def wait_for_it():
        try:
            engine.wait(arn)
        except EngineClosed as closed:
            heard.append(closed)

    waiter = threading.Thread(target=wait_for_it)
    waiter.start()
    engine.close()
    waiter.join(10)

    assert len(heard) == 1
    assert engine.describe(arn).status == "RUNNING"
    with pytest.raises(EngineClosed):
        engine.start(machine(Only=succeed()))
    with pytest.raises(EngineClosed):
        engine.stop(arn)


def test_a_thousand_waiting_executions_cost_no_threads():
    with Engine() as engine:
        before = threading.active_count()
        for _ in range(1000):
            engine.start(machine(Sleep=wait(Seconds=3600)))

        assert all(result.status == "RUNNING" for result in engine.list())
        assert threading.active_count() <= before  # idle threads of other tests may end meanwhile


def same(event):
    return event["type"], event["id"], event["previousEventId"]


@pytest.mark.parametrize(
    ("definition", "input"),
    [
        (
            machine(A=pass_(Result={"n": 1}), C=choice({"Variable": "$.n", "NumericEquals": 1, "Next": "T"}), T=task()),
            {},
        ),
        (machine(T=task(Retry=[retrier("ValueError", MaxAttempts=2)])), {"fail": True}),
        (machine(M=map_(scope(T=task()), MaxConcurrency=1)), [1, 2, 3]),
        (machine(P=parallel(scope(A=pass_()), scope(B=fail("Boom")))), {}),
        (machine(W=wait(Seconds=1), S=succeed()), {}),
    ],
    ids=["choice", "retry", "map", "parallel", "wait"],
)
def test_all_hosts_give_the_same_history(definition, input):
    """The contract of hosts: only the time differs."""
    from support import run_with

    def call(value):
        if isinstance(value, dict) and value.get("fail"):
            raise ValueError("always")
        return value

    simulated = run_with(definition, input, call=call)
    local = run(definition, input, functions={"call": call})
    skipping = run(definition, input, functions={"call": call}, fast_forward=True)

    assert [same(event) for event in local.history] == [same(event) for event in simulated.history]
    assert [same(event) for event in skipping.history] == [same(event) for event in simulated.history]
    assert local.output == skipping.output == simulated.output


def test_whoever_has_a_token_has_a_moment_to_answer_before_waiting_is_skipped():
    def ask(parameters):
        threading.Timer(0.05, send_task_success, (parameters["Token"], "answered")).start()

    state = task(CALLBACK, Parameters={"Token.$": "$$.Task.Token"}, TimeoutSeconds=86_400)
    result = run(machine(Sleep=wait(Seconds=1000), Ask=state), functions={"Ask": ask}, fast_forward=True)

    assert result.output == "answered"


def test_an_answer_that_does_not_come_is_not_waited_for_when_waiting_is_skipped():
    state = task(CALLBACK, Parameters={"Token.$": "$$.Task.Token"}, TimeoutSeconds=86_400)
    result = run(machine(Ask=state), functions={"Ask": lambda _: None}, fast_forward=True)

    assert result.error == "States.Timeout"


class Mute(Exception):
    def __str__(self):
        raise RuntimeError("no text to be had")


def mute(_event):
    raise Mute


def half_a_character(_event):
    raise ValueError("\ud800")


def leaves_the_generator(_event):
    raise GeneratorExit


async def leaves_the_process(_event):
    raise SystemExit(3)


async def wants_too_much(_first, _second, _third):
    return None


@pytest.mark.parametrize(
    "function",
    [mute, half_a_character, leaves_the_generator, leaves_the_process, wants_too_much],
    ids=lambda f: f.__name__,
)
def test_whatever_a_function_does_harms_only_its_own_task(function):
    fine = machine(Fine=task("arn:aws:lambda:us-east-1:123456789012:function:fine"))

    with Engine(functions={"call": function, "fine": lambda event: event}) as engine:
        harmed = engine.start(machine(Ask=task()))
        unharmed = engine.start(fine, 1)

        assert engine.wait(harmed, 10).status == "FAILED"
        assert engine.wait(unharmed, 10).output == 1
        assert engine.wait(engine.start(fine, 2), 10).output == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"definition": None}, "A definition is a dict"),
        ({"definition": machine(A=task()), "mocks": 5}, "mocks are a mapping"),
        ({"definition": machine(A=task()), "mocks": ({"A": {"Return": 1}}, "Case")}, "'Case' is in no configuration"),
        ({"definition": machine(A=task()), "mocks": {"A": {"Return": {1}}}}, "set is no JSON"),
        ({"definition": machine(A=task()), "input": {1}}, "set is no JSON"),
    ],
    ids=["no definition", "no mocks", "a case for nothing", "a mock that is no JSON", "an input that is no JSON"],
)
def test_arguments_that_cannot_be_used_are_told_in_words(arguments, said):
    with pytest.raises((TypeError, InvalidMockConfig), match=said):
        run(**arguments)


def test_a_task_that_calls_step_functions_calls_the_run_that_it_is_in():
    listed = task("arn:aws:states:::aws-sdk:sfn:listStateMachines", Parameters={})

    output = run(machine(List=listed), state_machines={"child": machine(P=pass_())}).output

    assert sorted(each["Name"] for each in output["StateMachines"]) == ["StateMachine", "child"]
