"""An execution that did not end well goes on where it stopped, in the same history."""

import pytest

from stepwell.definitions.failure import Failure
from stepwell.definitions.kinds import StateMachineType
from stepwell.engine import quotas
from stepwell.engine.events import (
    ExecutionRedriven,
    TaskFailed,
    TaskStarted,
    TaskSubmitted,
    TaskSucceeded,
    TimersFired,
)
from stepwell.engine.execution import snapshot
from stepwell.engine.history import render
from stepwell.engine.redrive import redrive_status
from stepwise import REDRIVEN_AT, START, Play
from support import (
    ACTIVITY,
    CALL,
    CALLBACK,
    choice,
    fail,
    fails,
    hangs,
    machine,
    parallel,
    pass_,
    retrier,
    returns,
    scope,
    submits,
    succeed,
    task,
    wait,
)

DAY = 24 * 3600


# --- the execution ----------------------------------------------------------------------------------------------------


def test_a_redriven_execution_goes_on_in_its_own_history():
    play = Play(machine(First=pass_(), Ask=task(), Last=pass_()), fails("Boom", times=1, then="ok")).work()
    assert (play.status, play.execution.error) == ("FAILED", "Boom")

    play.redrive()

    assert play.status == "SUCCEEDED"
    assert play.output == "ok"
    assert play.links == [
        "9<8 ExecutionRedriven",
        "10<9 LambdaFunctionScheduled",
        "11<10 LambdaFunctionStarted",
        "12<11 LambdaFunctionSucceeded",
        "13<12 TaskStateExited",
        "14<13 PassStateEntered",
        "15<14 PassStateExited",
        "16<15 ExecutionSucceeded",
    ]
    assert render(play.events)[8]["executionRedrivenEventDetails"] == {"redriveCount": 1}


def test_a_redrive_clears_what_the_end_left():
    play = Play(machine(Ask=task()), fails("Boom", "it was", times=1)).work()
    play.at += 5000

    assert play.tell(ExecutionRedriven)

    execution = play.execution
    assert play.status == "RUNNING"
    assert (execution.stopped_at, execution.output, execution.error, execution.cause) == (None, None, None, None)
    assert (execution.redrive_count, execution.redriven_at) == (1, START + 5000)


def test_an_execution_can_be_redriven_again_and_again():
    play = Play(machine(Ask=task()), fails("Boom", times=2, then="ok")).work()

    play.redrive()
    assert play.status == "FAILED"

    play.redrive()
    assert play.status == "SUCCEEDED"
    assert play.execution.redrive_count == 2
    assert [event.details["redriveCount"] for event in play.events if event.type == "ExecutionRedriven"] == [1, 2]


def test_an_execution_that_was_stopped_goes_on():
    play = Play(machine(Pause=wait(Seconds=10), Last=pass_())).work(seconds=4).stop()
    assert play.status == "ABORTED"

    play.redrive()

    assert play.status == "SUCCEEDED"
    assert play.execution.stopped_at == START + 4000 + 10_000


def test_the_execution_has_its_whole_time_again():
    play = Play(machine(Ask=task(), timeout=10)).work()
    assert play.status == "TIMED_OUT"
    assert play.execution.stopped_at == START + 10_000

    play.at += 60_000
    play.redrive()

    assert play.status == "TIMED_OUT"
    assert play.execution.stopped_at == START + 10_000 + 60_000 + 10_000
    assert play.links[-1] == "9<0 ExecutionTimedOut"


def test_the_context_object_tells_of_the_redrive():
    play = Play(machine(Ask=task(), Tell=pass_(Parameters={"about.$": "$$.Execution"})), fails("Boom", times=1)).work()
    play.at += 1500

    play.redrive()

    about = play.output["about"]
    assert list(about)[-2:] == ["RedriveCount", "RedriveTime"]
    assert about["RedriveCount"] == 1
    assert about["RedriveTime"] == "2026-01-01T00:00:01.500Z"
    assert about["StartTime"] == "2026-01-01T00:00:00Z"


def test_there_is_no_time_of_a_redrive_before_the_first():
    play = Play(machine(Tell=pass_(Parameters={"about.$": "$$.Execution"}))).work()

    assert list(play.output["about"])[-1] == "RedriveCount"


# --- what can be redriven ---------------------------------------------------------------------------------------------


def status_of(play: Play, after: float = 0) -> tuple[str, str | None]:
    """The redrive status so many seconds later, which an attempt to redrive agrees with."""
    before = snapshot(play.execution)
    play.at += round(after * 1000)
    found = redrive_status(play.execution, play.at)
    if found[0] == "NOT_REDRIVABLE":
        assert not play.tell(ExecutionRedriven)
        assert snapshot(play.execution) == before
    else:
        assert play.tell(ExecutionRedriven)
    return found


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (14 * DAY, ("REDRIVABLE", None)),
        (14 * DAY + 0.001, ("NOT_REDRIVABLE", "Execution redrivable period exceeded")),
    ],
)
def test_an_execution_can_be_redriven_for_fourteen_days(seconds, expected):
    assert status_of(Play(machine(No=fail("Boom"))), after=seconds) == expected


def test_the_fourteen_days_begin_with_the_last_end():
    play = Play(machine(No=fail("Boom")))
    play.at += 13 * DAY * 1000
    play.redrive()

    assert status_of(play, after=13 * DAY) == ("REDRIVABLE", None)


def test_an_execution_that_succeeded_cannot_be_redriven():
    expected = ("NOT_REDRIVABLE", "Execution is SUCCEEDED and cannot be redriven")

    assert status_of(Play(machine(Yes=succeed()))) == expected


def test_an_execution_that_runs_cannot_be_redriven():
    assert status_of(Play(machine(Ask=task()))) == ("NOT_REDRIVABLE", "Execution is RUNNING and cannot be redriven")


def test_an_express_execution_cannot_be_redriven():
    play = Play(machine(No=fail("Boom")), type=StateMachineType.EXPRESS)

    assert status_of(play) == ("NOT_REDRIVABLE", "Execution is EXPRESS and cannot be redriven")


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, ("REDRIVABLE", None)),
        (0.001, ("NOT_REDRIVABLE", "Execution has exceeded the max execution time")),
    ],
)
def test_an_execution_cannot_be_redriven_when_its_longest_time_is_over(seconds, expected):
    play = Play(machine(Ask=task())).work()
    assert play.execution.stopped_at == START + quotas.EXECUTION_SECONDS * 1000

    assert status_of(play, after=seconds) == expected


def test_a_history_needs_room_for_a_redrive():
    play = Play(machine(No=fail("Boom")))

    play.execution.next_event_id = quotas.REDRIVE_EVENTS
    assert redrive_status(play.execution, play.at) == ("REDRIVABLE", None)

    play.execution.next_event_id = quotas.REDRIVE_EVENTS + 1
    assert redrive_status(play.execution, play.at) == ("NOT_REDRIVABLE", "Execution history event limit exceeded")


def test_a_redrive_that_fills_the_history_is_the_last():
    again = choice({"Variable": "$.again", "BooleanEquals": True, "Next": "Ask"}, Default="Last")
    play = Play(machine(Ask=task(), Again=again, Last=succeed()), fails("Boom", times=1, then={"again": True})).work()
    assert play.status == "FAILED"

    play.redrive()

    assert play.execution.next_event_id - 1 == quotas.HISTORY_EVENTS
    assert play.types[-1] == "ExecutionFailed"
    assert status_of(play) == ("NOT_REDRIVABLE", "Execution history event limit exceeded")


# --- state by state ---------------------------------------------------------------------------------------------------


def test_a_task_that_timed_out_has_its_whole_time_again():
    play = Play(machine(Ask=task(TimeoutSeconds=5))).work()
    assert play.execution.error == "States.Timeout"

    play.redrive()

    assert play.execution.error == "States.Timeout"
    assert play.execution.stopped_at == START + 5000 + 5000
    assert play.types == [
        "ExecutionRedriven",
        "LambdaFunctionScheduled",
        "LambdaFunctionStarted",
        "LambdaFunctionTimedOut",
        "ExecutionFailed",
    ]


def test_retriers_begin_to_count_again():
    play = Play(machine(Ask=task(Retry=[retrier("Boom", MaxAttempts=1)])), fails("Boom", times=3, then="ok")).work()
    assert [asked.attempt for asked in play.requests] == [0, 1]

    play.redrive()

    assert play.status == "SUCCEEDED"
    assert [asked.attempt for asked in play.requests] == [0, 1, 0, 1]


def test_a_task_that_waited_for_its_retry_is_tried_at_once():
    ask = task(Retry=[retrier("Boom", IntervalSeconds=60)])
    play = Play(machine(Ask=ask), fails("Boom", times=1, then="ok")).work(seconds=30).stop()

    play.redrive()

    assert play.status == "SUCCEEDED"
    assert play.execution.stopped_at == START + 30_000
    assert play.links[1] == "8<7 LambdaFunctionScheduled"


@pytest.mark.parametrize(
    ("resource", "behaviour", "types"),
    [
        (CALL, returns("ok"), ["LambdaFunctionScheduled", "LambdaFunctionStarted", "LambdaFunctionSucceeded"]),
        (CALLBACK, submits(1, "ok"), ["TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskSucceeded"]),
        (ACTIVITY, returns("ok"), ["ActivityScheduled", "ActivitySucceeded"]),
    ],
)
def test_a_task_that_was_interrupted_is_asked_for_anew(resource, behaviour, types):
    behaviours = iter([hangs, behaviour])
    play = Play(machine(Ask=task(resource)), lambda asked: next(behaviours)(asked)).work(seconds=1).stop()

    play.redrive()

    assert play.output == "ok"
    assert play.types == ["ExecutionRedriven", *types, "TaskStateExited", "ExecutionSucceeded"]
    first, second = play.requests
    assert first.token != second.token
    assert first.input == second.input


def test_an_answer_to_a_task_from_before_the_redrive_is_late():
    play = Play(machine(Ask=task(ACTIVITY, TimeoutSeconds=10))).work(seconds=1)
    timers = tuple(play.timers)
    play.stop()
    token = play.requests[0].token

    def is_late() -> bool:
        answers = [
            play.tell(TaskStarted, token=token),
            play.tell(TaskSubmitted, token=token, output="1"),
            play.tell(TaskSucceeded, token=token, output="1"),
            play.tell(TaskFailed, token=token, failure=Failure("Late")),
            play.tell(TimersFired, timers=timers),
        ]
        return not any(answers)

    assert is_late()
    play.redrive(seconds=1)
    assert is_late()
    assert play.tell(TaskSucceeded, token=play.requests[1].token, output='"ok"')
    assert play.output == "ok"


def test_a_choice_takes_its_rules_anew():
    rule = {"Variable": "$$.Execution.RedriveCount", "NumericGreaterThan": 0, "Next": "Last"}
    play = Play(machine(Choose=choice(rule), Last=succeed()))
    assert play.status == "FAILED"

    play.redrive()

    assert play.status == "SUCCEEDED"
    assert play.links[:3] == ["4<3 ExecutionRedriven", "5<4 ChoiceStateExited", "6<5 SucceedStateEntered"]


def test_a_fail_state_is_entered_again_and_fails_again():
    play = Play(machine(First=pass_(), No=fail("Boom", "why")))

    play.redrive()

    assert play.links == ["6<5 ExecutionRedriven", "7<6 FailStateEntered", "8<7 ExecutionFailed"]
    assert (play.execution.error, play.execution.cause) == ("Boom", "why")


@pytest.mark.parametrize(
    ("state", "exited"),
    [
        (pass_(Parameters={"at.$": REDRIVEN_AT}), "PassStateExited"),
        (succeed(InputPath=REDRIVEN_AT), "SucceedStateExited"),
    ],
    ids=["Pass", "Succeed"],
)
def test_a_state_whose_data_made_it_fail_does_its_work_again(state, exited):
    play = Play(machine(Make=state))
    assert play.status == "FAILED"

    play.redrive()

    assert play.links == ["4<3 ExecutionRedriven", f"5<4 {exited}", "6<5 ExecutionSucceeded"]


def test_an_expression_that_fails_again_says_so_again():
    make = pass_(Output="{% $states.input.none %}")
    play = Play({**machine(Make=make), "QueryLanguage": "JSONata"})
    assert play.execution.error == "States.QueryEvaluationError"

    play.redrive()

    assert play.links == ["5<4 ExecutionRedriven", "6<5 EvaluationFailed", "7<6 ExecutionFailed"]
    assert "(entered at the event id #2)" in str(play.execution.cause)


@pytest.mark.parametrize(
    ("fields", "ends_at"),
    [
        ({"Seconds": 60}, 20 + 60),
        ({"Timestamp": "2026-01-01T00:00:30Z"}, 30),
        ({"Timestamp": "2026-01-01T00:00:10Z"}, 20),
    ],
    ids=["seconds", "a moment to come", "a moment gone by"],
)
def test_a_wait_begins_anew(fields, ends_at):
    play = Play(machine(Pause=wait(**fields))).work(seconds=4).stop()
    play.at = START + 20_000

    play.redrive()

    assert play.status == "SUCCEEDED"
    assert play.links == ["4<3 ExecutionRedriven", "5<4 WaitStateExited", "6<5 ExecutionSucceeded"]
    assert play.execution.stopped_at == START + ends_at * 1000


def test_the_timer_of_a_wait_from_before_the_redrive_is_late():
    play = Play(machine(Pause=wait(Seconds=10))).work(seconds=4)
    timers = tuple(play.timers)
    play.stop().redrive(seconds=1)

    assert not play.tell(TimersFired, timers=timers)


def test_a_container_that_failed_before_it_had_children_is_begun_anew():
    play = Play(machine(All=parallel(scope(A=pass_()), Parameters={"at.$": REDRIVEN_AT})))
    assert play.paths == [""]

    play.redrive()

    assert play.status == "SUCCEEDED"
    assert play.links[:3] == ["4<3 ExecutionRedriven", "5<4 ParallelStateStarted", "6<5 PassStateEntered"]
