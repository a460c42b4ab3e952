"""Of what stands in branches and iterations, a redrive repeats what did not end well."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepwell.definitions.failure import Failure
from stepwell.definitions.json_text import dumps
from stepwell.engine import quotas
from stepwell.engine.effects import InvokeTask
from stepwell.engine.events import ExecutionRedriven, TaskSucceeded
from stepwell.engine.execution import AwaitingChildren, AwaitingRetry, restore, snapshot
from stepwell.engine.ports import Exchange, Succeeded
from stepwise import REDRIVEN_AT, Play
from support import (
    ACTIVITY,
    Behaviour,
    by_state,
    catcher,
    choice,
    echoes,
    fail,
    fails,
    hangs,
    machine,
    map_,
    parallel,
    pass_,
    retrier,
    returns,
    scope,
    succeed,
    task,
    wait,
)

# --- branches and iterations ------------------------------------------------------------------------------------------


def test_only_the_branches_go_on_that_did_not_end_well():
    definition = machine(
        All=parallel(
            scope(A1=task(), A2=pass_()),
            scope(B1=pass_(Assign={"seen": True}), B2=task(), B3=pass_(Parameters={"seen.$": "$seen"})),
            scope(C1=pass_(), C2=wait(Seconds=10), C3=pass_(Result="c")),
        ),
        Last=pass_(),
    )
    play = Play(definition, by_state(A1=returns("a"), B2=fails("Boom", times=1, then="b"))).work()
    assert play.status == "FAILED"
    assert play.paths == ["", "/0", "/1", "/2"]

    play.redrive()

    assert play.output == ["a", {"seen": True}, "c"]
    assert [asked.state for asked in play.requests] == ["A1", "B2", "B2"]
    assert play.links == [
        "24<23 ExecutionRedriven",
        "25<24 LambdaFunctionScheduled",
        "26<25 LambdaFunctionStarted",
        "27<26 LambdaFunctionSucceeded",
        "28<27 TaskStateExited",
        "29<28 PassStateEntered",
        "30<29 PassStateExited",
        "31<24 WaitStateExited",
        "32<31 PassStateEntered",
        "33<32 PassStateExited",
        "34<33 ParallelStateSucceeded",
        "35<33 ParallelStateExited",
        "36<35 PassStateEntered",
        "37<36 PassStateExited",
        "38<37 ExecutionSucceeded",
    ]


def test_a_branch_that_fails_again_tears_the_others_down_again():
    definition = machine(All=parallel(scope(Pause=wait(Seconds=10)), scope(No=fail("Boom"))))
    play = Play(definition).work()

    play.redrive()

    assert play.status == "FAILED"
    assert play.types == [
        "ExecutionRedriven",
        "FailStateEntered",
        "WaitStateAborted",
        "ParallelStateFailed",
        "ExecutionFailed",
    ]


def test_iterations_go_on_where_they_stopped_and_the_rest_have_their_turn():
    definition = machine(Each=map_(scope(First=pass_(), Ask=task()), MaxConcurrency=2))

    failures = iter([True])

    def behave(asked: InvokeTask) -> Exchange:
        is_failing = asked.input == "2" and next(failures, False)
        yield Failure("Boom") if is_failing else Succeeded(dumps(f"did {asked.input}"))

    play = Play(definition, behave, input=[0, 1, 2, 3, 4]).work()
    assert play.status == "FAILED"
    started = [event.details["index"] for event in play.events if event.type == "MapIterationStarted"]
    assert started == [0, 1, 2, 3]

    play.redrive()

    assert play.output == ["did 0", "did 1", "did 2", "did 3", "did 4"]
    assert [asked.input for asked in play.requests].count("2") == 2
    since = play.events[-len(play.links) :]
    assert [event.details["index"] for event in since if event.type == "MapIterationStarted"] == [4]
    assert [event.details["index"] for event in since if event.type == "MapIterationSucceeded"] == [2, 3, 4]
    assert [event.type for event in since].count("PassStateEntered") == 1
    assert "MapStateEntered" not in play.types
    assert "MapStateStarted" not in play.types


def test_no_more_iterations_go_on_at_one_time_than_may():
    definition = machine(Each=map_(scope(Ask=task(TimeoutSeconds=9)), MaxConcurrency=3))
    play = Play(definition, input=list(range(10))).work(seconds=1).stop()
    assert play.execution.frames[""].rest == AwaitingChildren(10, 3, 0)

    play.redrive(seconds=1)

    assert [asked.input for asked in play.requests] == ["0", "1", "2"] * 2
    assert len(play.open) == 3


def test_an_iteration_that_was_started_and_had_entered_no_state_enters_its_first():
    play = Play(machine(Each=map_(scope(Make=pass_(Parameters={"at.$": REDRIVEN_AT})))), input=[0, 1])
    assert play.types.count("PassStateEntered") == 1

    play.redrive()

    assert play.status == "SUCCEEDED"
    assert play.types == [
        "ExecutionRedriven",
        "PassStateExited",
        "MapIterationSucceeded",
        "PassStateEntered",
        "PassStateExited",
        "MapIterationSucceeded",
        "MapStateSucceeded",
        "MapStateExited",
        "ExecutionSucceeded",
    ]
    redriven, exited, _, entered = play.events[-len(play.links) :][:4]
    assert exited.previous_event_id == entered.previous_event_id == redriven.id


def nested(**fields: Any) -> dict[str, Any]:
    """A branch with a Map with a task, beside a branch that waits."""
    inner = scope(Before=pass_(Assign={"kept.$": "$"}), Ask=task(), After=pass_(Parameters={"kept.$": "$kept"}))
    return parallel(
        scope(Each=map_(inner, Parameters={"n.$": "$$.Map.Item.Value"}, MaxConcurrency=1), Done=pass_()),
        scope(Pause=wait(Seconds=10)),
        **fields,
    )


def test_what_is_nested_goes_on_at_every_depth():
    asked_for = []

    def behave(asked: InvokeTask) -> Exchange:
        asked_for.append(asked.input)
        yield Failure("Boom") if asked_for.count(asked.input) <= 1 else Succeeded("{}")

    play = Play(machine(All=nested(), Last=pass_()), behave, input=[1, 2]).work()
    assert play.paths == ["", "/0", "/0/0", "/0/1", "/1"]
    assert play.types[-4:] == ["MapStateFailed", "WaitStateAborted", "ParallelStateFailed", "ExecutionFailed"]

    play.redrive()
    assert play.status == "FAILED"
    assert play.types.count("PassStateEntered") == 2  # After of the first iteration, Before of the second

    play.redrive()
    assert play.output == [[{"kept": {"n": 1}}, {"kept": {"n": 2}}], [1, 2]]
    assert asked_for == ['{"n":1}', '{"n":1}', '{"n":2}', '{"n":2}']
    assert play.execution.redrive_count == 2


def test_a_container_whose_children_all_ended_well_makes_its_result_again():
    inner = map_(scope(Ask=task()), ResultSelector={"at.$": REDRIVEN_AT, "all.$": "$"})
    play = Play(
        machine(All=parallel(scope(Each=inner), scope(No=task(ACTIVITY)))), by_state(Ask=echoes, No=hangs), input=[1]
    )
    play.work(seconds=1)
    assert play.status == "FAILED"
    assert play.paths == ["", "/0", "/0/0", "/1"]

    play.redrive(seconds=1)

    assert play.types == [
        "ExecutionRedriven",
        "MapStateSucceeded",
        "MapStateExited",
        "ActivityScheduled",
    ]
    assert [asked.state for asked in play.requests] == ["No", "Ask", "No"]


def test_what_made_too_much_data_is_done_again_from_the_start():
    too_much = "x" * (quotas.PAYLOAD_BYTES * 2 // 3)
    sizes = iter([too_much, too_much, "a", "b"])
    play = Play(
        machine(All=parallel(scope(A=task()), scope(B=task()))),
        lambda asked: returns(next(sizes))(asked),
    ).work()
    assert play.execution.error == "States.DataLimitExceeded"

    play.redrive()

    assert play.output == ["a", "b"]
    assert [asked.state for asked in play.requests] == ["A", "B", "A", "B"]
    assert play.types[:4] == [
        "ExecutionRedriven",
        "ParallelStateStarted",
        "TaskStateEntered",
        "LambdaFunctionScheduled",
    ]


def test_what_made_too_much_data_deep_down_begins_the_outermost_container_again():
    too_much = "x" * (quotas.PAYLOAD_BYTES + 1)
    results = {"Ask": iter([too_much, 1]), "Beside": iter([1, 1])}
    play = Play(
        machine(All=parallel(scope(Each=map_(scope(Ask=task()))), scope(Beside=task()))),
        lambda asked: returns(next(results[asked.state]))(asked),
        input=[0],
    ).work()
    assert play.execution.error == "States.DataLimitExceeded"

    play.redrive()

    assert play.output == [[1], 1]
    assert [asked.state for asked in play.requests].count("Beside") == 2


# --- containers that go on leave nothing behind -----------------------------------------------------------------------


def test_a_container_that_is_tried_again_begins_with_new_children():
    definition = machine(All=parallel(scope(A=task()), scope(B=task(ACTIVITY)), Retry=[retrier("Boom")]))
    play = Play(definition, by_state(A=fails("Boom", times=1), B=hangs)).work(seconds=0.5)
    late = play.requests[1].token
    assert isinstance(play.execution.frames[""].rest, AwaitingRetry)
    assert play.paths == [""]

    play.work(seconds=1)

    assert play.paths == ["", "/0", "/1"]
    assert not play.tell(TaskSucceeded, token=late, output="1")


def test_a_container_whose_failure_is_caught_leaves_no_children_behind():
    definition = machine(All=nested(Catch=[catcher("Boom", next="Then")]), Then=wait(Seconds=5), Last=task(ACTIVITY))
    play = Play(definition, by_state(Ask=fails("Boom"), Last=hangs), input=[1, 2]).work(seconds=1)

    assert play.status == "RUNNING"
    assert play.paths == [""]


def test_an_inner_container_that_is_caught_leaves_its_siblings_alone():
    inner = map_(scope(Ask=task()), Catch=[catcher("Boom", next="Then")])
    definition = machine(All=parallel(scope(Each=inner, Then=pass_()), scope(Other=task(ACTIVITY))))
    play = Play(definition, by_state(Ask=fails("Boom"), Other=hangs), input=[1, 2]).work(seconds=1)

    (other,) = (asked for asked in play.requests if asked.state == "Other")
    assert play.paths == ["", "/0", "/1"]
    assert play.tell(TaskSucceeded, token=other.token, output="1")
    assert play.status == "SUCCEEDED"


def test_a_catcher_that_fails_itself_leaves_the_children_to_the_redrive():
    catching = catcher("Boom", next="Last", Assign={"at.$": REDRIVEN_AT})
    definition = machine(All=parallel(scope(A=task()), scope(B=pass_()), Catch=[catching]), Last=pass_())
    play = Play(definition, fails("Boom", times=1, then="ok")).work()
    assert play.status == "FAILED"
    assert play.execution.error != "Boom"
    assert play.paths == ["", "/0", "/1"]

    play.redrive()

    assert play.output == ["ok", {}]


def test_a_container_is_tried_as_often_again_after_a_redrive():
    retried = parallel(scope(A=task()), Retry=[retrier("Boom", MaxAttempts=1)])
    play = Play(machine(All=retried), fails("Boom", times=3, then="ok")).work()
    assert play.status == "FAILED"
    assert len(play.requests) == 2

    play.redrive()

    assert play.output == ["ok"]
    assert len(play.requests) == 4


def test_a_failure_that_no_handler_sees_leaves_everything_where_it_stood():
    again = {"Variable": "$$.Execution.RedriveCount", "NumericGreaterThan": 0, "Next": "Done"}
    inner = parallel(scope(Ask=task()), scope(Choose=choice(again), Done=succeed()))
    definition = machine(
        All=parallel(scope(Both=inner, Last=pass_()), Catch=[catcher("States.ALL", next="Then")]), Then=pass_()
    )
    behaviours = iter([hangs, returns("b")])
    play = Play(definition, lambda asked: next(behaviours)(asked)).work(seconds=1)
    assert play.execution.error == "States.Runtime"
    assert play.paths == ["", "/0", "/0/0", "/0/1"]

    play.redrive()

    assert play.output == [["b", {}]]


# --- laid down --------------------------------------------------------------------------------------------------------

UNLUCKY: dict[str, tuple[dict[str, Any], Any]] = {
    "task": (machine(Ask=task(Retry=[retrier("Boom", MaxAttempts=0)])), {}),
    "parallel": (machine(All=parallel(scope(A=task()), scope(B=pass_(), W=wait(Seconds=3)), scope(C=task()))), {}),
    "map": (machine(Each=map_(scope(V=pass_(Assign={"v.$": "$"}), Ask=task()), MaxConcurrency=1)), [1, 2, 3]),
    "nested": (machine(All=nested()), [1, 2, 3]),
    "wait": (machine(Pause=wait(Seconds=3), Ask=task()), {}),
}


@pytest.mark.parametrize("name", UNLUCKY)
def test_an_execution_that_was_laid_down_is_redriven_as_one_that_was_kept(name):
    definition, input = UNLUCKY[name]

    def played(*, is_laid_down: bool) -> Play:
        failures = iter([True, False, True, True, False, False, True])

        def behave(_asked: InvokeTask) -> Exchange:
            yield Failure("Boom") if next(failures, False) else Succeeded('"ok"')

        play = Play(definition, behave, input=input).work(seconds=2)
        if play.status == "RUNNING":
            play.stop()
        while play.status != "SUCCEEDED":
            if is_laid_down:
                play.execution = restore(snapshot(play.execution))
            play.redrive()
        return play

    kept, taken_up = played(is_laid_down=False), played(is_laid_down=True)

    assert kept.execution.redrive_count > 0
    assert taken_up.events == kept.events


# --- in general -------------------------------------------------------------------------------------------------------


@st.composite
def scopes(draw: st.DrawFn, names: Any, depth: int, handlers: bool) -> dict[str, Any]:
    """A few states in a row, some of them containers; what is caught goes to the last."""
    last = f"End{next(names)}"
    states: dict[str, dict[str, Any]] = {}
    for _ in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(["Task", "Task", "Pass", "Wait", *(["Parallel", "Map"] if depth else [])]))
        inner = scopes(names, depth - 1, handlers)
        match kind:
            case "Task":
                state = task(TimeoutSeconds=100)
            case "Pass":
                state = pass_(Assign={f"v{next(names)}.$": "$"})
            case "Wait":
                state = wait(Seconds=draw(st.integers(0, 3)))
            case "Parallel":
                state = parallel(*(draw(inner) for _ in range(draw(st.integers(1, 3)))))
            case _:
                items = {"Items.$": f"States.ArrayRange(1, {draw(st.integers(1, 4))}, 1)"}
                states[f"Items{next(names)}"] = pass_(Parameters=items)
                state = map_(draw(inner), ItemsPath="$.Items", MaxConcurrency=draw(st.integers(0, 3)))
        if handlers and kind in ("Task", "Parallel", "Map"):
            if draw(st.booleans()):
                state["Retry"] = [retrier("States.ALL", MaxAttempts=draw(st.integers(0, 2)))]
            if draw(st.booleans()):
                state["Catch"] = [catcher("States.ALL", next=last)]
        states[f"{kind}{next(names)}"] = state
    return scope(**states, **{last: pass_()})


@st.composite
def machines(draw: st.DrawFn, *, handlers: bool) -> dict[str, Any]:
    return draw(scopes(iter(range(10_000)), 2, handlers))


def unlucky(luck: list[str]) -> Behaviour:
    """Fails or hangs as often as it is told to, and tells who was asked for what otherwise."""
    fates = iter(luck)

    def behave(asked: InvokeTask) -> Exchange:
        match next(fates, "does"):
            case "fails":
                yield Failure("Boom")
            case "does":
                yield Succeeded(dumps({"by": asked.state, "of": len(asked.input)}))

    return behave


def carried_through(definition: dict[str, Any], luck: list[str], stops: list[int]) -> Play:
    """An execution that fails, times out, is stopped and is redriven until it succeeds; answers come late meanwhile."""
    play = Play(definition, unlucky(luck))
    stops = list(stops)
    while True:
        play.work(stops.pop() if stops else None)
        if play.status == "RUNNING":
            play.stop()
        if play.status == "SUCCEEDED":
            return play
        play.execution = restore(snapshot(play.execution))
        assert play.tell(ExecutionRedriven)
        late = [asked.token for asked in play.requests if asked.token not in play.open]
        assert not any(play.tell(TaskSucceeded, token=token, output='"late"') for token in late)


LUCK = st.lists(st.sampled_from(["does", "fails", "hangs"]), max_size=12)
STOPS = st.lists(st.integers(0, 4), max_size=3)


@settings(max_examples=150, deadline=None)
@given(definition=machines(handlers=False), luck=LUCK, stops=STOPS)
def test_redriven_until_it_succeeds_an_execution_ends_as_one_that_never_failed(definition, luck, stops):
    expected = Play(definition, unlucky([])).work()

    play = carried_through(definition, luck, stops)

    assert play.output == expected.output
    done = sorted((one.state, one.within) for one in play.answered)
    assert done == sorted((one.state, one.within) for one in expected.answered)


@settings(max_examples=150, deadline=None)
@given(definition=machines(handlers=True), luck=LUCK, stops=STOPS)
def test_whatever_is_retried_caught_stopped_and_redriven_only_the_root_is_left(definition, luck, stops):
    play = carried_through(definition, luck, stops)

    assert play.paths == [""]
