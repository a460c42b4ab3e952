"""What becomes of an error: retries, catchers, timeouts, and where it ends up."""

import pytest

from support import (
    ACTIVITY,
    CALLBACK,
    beats,
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
    run,
    scope,
    succeed,
    takes,
    task,
    wait,
)


def test_a_retry_waits_twice_as_long_each_time():
    ran = run(machine(Ask=task(Retry=[retrier("Boom")])), behaviour=fails("Boom", times=2, then="ok"))

    assert ran.output == "ok"
    assert ran.clock == 1 + 2


def test_a_retried_task_is_scheduled_anew_and_the_state_is_not_entered_again():
    ran = run(machine(Ask=task(Retry=[retrier("Boom")])), behaviour=fails("Boom", times=1, then="ok"))

    assert ran.links[1:-1] == [
        "2<0 TaskStateEntered",
        "3<2 LambdaFunctionScheduled",
        "4<3 LambdaFunctionStarted",
        "5<4 LambdaFunctionFailed",
        "6<5 LambdaFunctionScheduled",
        "7<6 LambdaFunctionStarted",
        "8<7 LambdaFunctionSucceeded",
        "9<8 TaskStateExited",
    ]


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [
        ({}, 1 + 2 + 4),
        ({"IntervalSeconds": 3, "BackoffRate": 1}, 3 + 3 + 3),
        ({"IntervalSeconds": 2, "BackoffRate": 3.0, "MaxDelaySeconds": 7}, 2 + 6 + 7),
        ({"MaxAttempts": 1}, 1),
        ({"MaxAttempts": 0}, 0),
    ],
    ids=str,
)
def test_the_delays_of_a_retrier_add_up(fields, seconds):
    ran = run(machine(Ask=task(Retry=[retrier("Boom", **fields)])), behaviour=fails("Boom"))

    assert ran.status == "FAILED"
    assert ran.clock == seconds


def test_full_jitter_waits_some_of_the_delay():
    jittery = retrier("Boom", IntervalSeconds=100, MaxAttempts=3, JitterStrategy="FULL")

    clocks = {run(machine(Ask=task(Retry=[jittery])), behaviour=fails("Boom"), seed=bytes([n])).clock for n in range(5)}

    assert len(clocks) == 5
    assert all(0 <= clock <= 700 for clock in clocks)


def test_every_retrier_counts_for_itself():
    """Each of the two errors may be retried twice, in whatever order they come."""
    order = iter(["A", "B", "A", "B", "A"])

    def behave(_task):
        return fails(next(order))(_task)

    both = [retrier("A", MaxAttempts=2), retrier("B", MaxAttempts=2)]
    ran = run(machine(Ask=task(Retry=both)), behaviour=behave)

    assert ran.types.count("LambdaFunctionFailed") == 5
    assert ran.error == "A"


def test_a_retrier_that_is_used_up_owns_its_error_still():
    """No later retrier is asked: the catchers are."""
    state = task(
        Retry=[retrier("A", MaxAttempts=1), retrier("States.ALL", MaxAttempts=9)],
        Catch=[catcher("A", next="Caught")],
    )

    ran = run(machine(Ask=state, Caught=pass_()), behaviour=fails("A"))

    assert ran.types.count("LambdaFunctionFailed") == 2
    assert ran.status == "SUCCEEDED"


def test_counters_start_again_when_the_state_is_entered_again():
    ask = task(Retry=[retrier("Boom", MaxAttempts=1)], ResultPath="$.x", Next="Again")
    again = choice({"Variable": "$.x", "NumericEquals": 2, "Next": "Done"}, Default="Ask")
    results = iter(["fail", 1, "fail", 2])

    def behave(task_):
        result = next(results)
        return fails("Boom")(task_) if result == "fail" else returns(result)(task_)

    assert run(machine(Ask=ask, Again=again, Done=succeed()), behaviour=behave).status == "SUCCEEDED"


def test_the_context_object_counts_the_retries():
    ask = task(Parameters={"n.$": "$$.State.RetryCount"}, Retry=[retrier("Boom")])

    ran = run(machine(Ask=ask), behaviour=fails("Boom", times=2))

    assert [request.input for request in ran.requests] == ['{"n":0}', '{"n":1}', '{"n":2}']
    assert [request.attempt for request in ran.requests] == [0, 1, 2]


@pytest.mark.parametrize(
    ("names", "error", "caught"),
    [
        (["Boom"], "Boom", True),
        (["boom"], "Boom", False),
        (["States.ALL"], "Boom", True),
        (["States.TaskFailed"], "Boom", True),
        (["States.TaskFailed"], "States.Timeout", False),
        (["States.Timeout"], "States.Timeout", True),
        (["States.ALL"], "States.Timeout", True),
        (["Other", "Boom"], "Boom", True),
        (["States.ALL"], "States.Runtime", False),
        (["States.Runtime"], "States.Runtime", False),
    ],
    ids=str,
)
def test_which_errors_a_catcher_takes(names, error, caught):
    ask = task(Catch=[catcher(*names, next="Caught")])

    ran = run(machine(Ask=ask, Caught=succeed()), behaviour=fails(error))

    assert ran.status == ("SUCCEEDED" if caught else "FAILED")


def test_a_caught_error_becomes_the_output_and_the_states_own_output_fields_do_not_apply():
    ask = task(OutputPath="$.never", ResultPath="$.never", Catch=[catcher("Boom", next="Caught", ResultPath="$.error")])

    ran = run(machine(Ask=ask, Caught=pass_()), {"a": 1}, fails("Boom", "why"))

    assert ran.output == {"a": 1, "error": {"Error": "Boom", "Cause": "why"}}
    assert ran.links[5:8] == ["6<5 TaskStateExited", "7<6 PassStateEntered", "8<7 PassStateExited"]


def test_a_caught_failure_without_error_and_cause_shows_both_as_null():
    ask = task(CALLBACK, Catch=[catcher("States.ALL", next="Caught")])

    ran = run(machine(Ask=ask, Caught=pass_()), behaviour=fails())

    assert ran.details("TaskFailed") == {"resourceType": "aws-sdk:sqs", "resource": "sendMessage.waitForTaskToken"}
    assert ran.output == {"Error": None, "Cause": None}


def test_a_caught_timeout_has_an_empty_cause():
    ask = task(TimeoutSeconds=3, Catch=[catcher("States.Timeout", next="Caught")])

    ran = run(machine(Ask=ask, Caught=pass_()))

    assert ran.details("LambdaFunctionTimedOut") == {"error": "States.Timeout"}
    assert ran.output == {"Error": "States.Timeout", "Cause": ""}
    assert ran.clock == 3


def test_a_timeout_holds_for_each_attempt():
    ran = run(machine(Ask=task(TimeoutSeconds=3, Retry=[retrier("States.Timeout", MaxAttempts=1)])))

    assert ran.clock == 3 + 1 + 3
    assert ran.details("LambdaFunctionScheduled")["timeoutInSeconds"] == 3


def test_a_late_answer_from_before_a_retry_is_ignored():
    answers = iter([takes(5, "late"), takes(1, "in time")])

    ran = run(
        machine(Ask=task(TimeoutSeconds=3, Retry=[retrier("States.Timeout")])),
        behaviour=lambda task_: next(answers)(task_),
    )

    assert ran.output == "in time"
    assert ran.types.count("LambdaFunctionSucceeded") == 1


def test_timeouts_may_be_read_from_the_input():
    ran = run(machine(Ask=task(TimeoutSecondsPath="$.limits.t")), {"limits": {"t": 7}})

    assert ran.clock == 7


def test_a_timeout_path_that_leads_nowhere_fails_the_execution():
    ran = run(machine(Ask=task(TimeoutSecondsPath="$.no.such")), {})

    assert ran.cause == (
        "An error occurred while executing the state 'Ask' (entered at the event id #2). "
        "Invalid path '$.no.such' : Missing property in path $['no']"
    )


def test_a_missed_heartbeat_is_shown_as_a_timeout():
    ran = run(machine(Work=task(ACTIVITY, HeartbeatSeconds=10)), behaviour=beats(every=60, times=1))

    assert ran.details("ActivityTimedOut") == {"error": "States.Timeout"}
    assert ran.clock == 10


@pytest.mark.parametrize("name", ["States.HeartbeatTimeout", "States.Timeout", "States.ALL"])
def test_a_missed_heartbeat_answers_to_two_names(name):
    work = task(CALLBACK, HeartbeatSeconds=10, Catch=[catcher(name, next="Caught")])

    assert run(machine(Work=work, Caught=succeed())).status == "SUCCEEDED"


def test_heartbeats_keep_a_task_alive_and_leave_no_trace():
    ran = run(machine(Work=task(ACTIVITY, HeartbeatSeconds=10)), behaviour=beats(every=9, times=20, value="done"))

    assert ran.output == "done"
    assert ran.types[2:5] == ["ActivityScheduled", "ActivityStarted", "ActivitySucceeded"]
    assert ran.details("ActivityStarted") == {"workerName": "worker"}


def test_a_parallel_state_is_retried_as_a_whole():
    both = parallel(scope(Bad=fail("Boom")), Retry=[retrier("Boom", MaxAttempts=1)])

    ran = run(machine(Both=both))

    assert ran.links[2:] == [
        "3<2 ParallelStateStarted",
        "4<3 FailStateEntered",
        "5<4 ParallelStateStarted",
        "6<5 FailStateEntered",
        "7<6 ParallelStateFailed",
        "8<7 ExecutionFailed",
    ]


def test_a_map_is_retried_from_its_first_item():
    calls = iter([1, "fail", 3, 4])

    def behave(task_):
        result = next(calls)
        return fails("Boom")(task_) if result == "fail" else returns(result)(task_)

    each = map_(scope(One=task()), MaxConcurrency=1, Retry=[retrier("Boom")])

    ran = run(machine(Each=each), ["a", "b"], behave)

    assert ran.output == [3, 4]
    assert ran.types.count("MapStateStarted") == 2
    assert "MapStateFailed" not in ran.types


def test_a_failed_container_can_be_caught_after_its_failed_event():
    each = map_(scope(One=task()), MaxConcurrency=1, Catch=[catcher("Boom", next="Caught", ResultPath="$.error")])

    ran = run(machine(Each={**each, "ItemsPath": "$.items"}, Caught=pass_()), {"items": [1]}, fails("Boom", "why"))

    assert ran.links[7:12] == [
        "8<7 LambdaFunctionFailed",
        "9<8 MapIterationFailed",
        "10<8 TaskStateAborted",
        "11<8 MapStateFailed",
        "12<11 MapStateExited",
    ]
    assert ran.output == {"items": [1], "error": {"Error": "Boom", "Cause": "why"}}


def test_an_inner_catch_spares_the_container():
    inner = scope(One=task(Catch=[catcher("Boom", next="Saved")]), Saved=pass_(Result="saved"))

    assert run(machine(Each=map_(inner)), [1, 2], fails("Boom")).output == ["saved", "saved"]


def test_an_error_inside_nested_containers_keeps_its_name_and_cause_on_the_way_up():
    inner = parallel(scope(Deep=task()))
    outer = map_(scope(Inner=inner), Catch=[catcher("Boom", next="Caught")])

    ran = run(machine(Outer=outer, Caught=pass_()), [1], fails("Boom", "why"))

    assert ran.output == {"Error": "Boom", "Cause": "why"}
    assert ran.links[9:15] == [
        "10<9 LambdaFunctionFailed",
        "11<10 TaskStateAborted",
        "12<10 ParallelStateFailed",
        "13<12 MapIterationFailed",
        "14<12 MapStateFailed",
        "15<14 MapStateExited",
    ]


def test_a_running_container_is_aborted_with_all_it_holds():
    waiting = parallel(scope(Sleep=wait(Seconds=100)))
    both = parallel(scope(Bad=wait(Seconds=1), Boom=fail("Boom")), scope(Inner=waiting))

    ran = run(machine(Both=both))

    origin = next(event["id"] for event in ran.history if event["type"] == "FailStateEntered")
    assert [link.split("<")[1] for link in ran.links[-4:]] == [
        f"{origin} WaitStateAborted",
        f"{origin} ParallelStateAborted",
        f"{origin} ParallelStateFailed",
        f"{origin + 3} ExecutionFailed",
    ]


def test_a_failing_choice_in_an_iteration_fails_the_execution():
    each = map_(scope(Which=choice({"Variable": "$.n", "NumericEquals": 1, "Next": "End"}), End=succeed()))

    ran = run(machine(Each={**each, "Catch": [catcher("States.ALL", next="Caught")]}, Caught=succeed()), [{"n": 2}])

    assert ran.error == "States.Runtime"
    assert ran.types[-2:] == ["ChoiceStateEntered", "ExecutionFailed"]


def test_a_result_path_into_something_that_is_no_object_is_a_conflict():
    ran = run(machine(Put=pass_(Result=1, ResultPath="$.a")), "text")

    assert ran.error == "States.ReferencePathConflict"


def test_a_task_of_an_execution_that_has_ended_is_not_waited_for():
    both = parallel(scope(Slow=task()), scope(Pause=wait(Seconds=1), Bad=fail("Boom")))
    closed = []

    def behave(task_):
        try:
            yield from hangs(task_)
            yield from takes(1000)(task_)
        finally:
            closed.append(task_.state)

    ran = run(machine(Both=both), behaviour=by_state(Slow=behave))

    assert ran.error == "Boom"
    assert ran.clock == 1
    assert closed == ["Slow"]


def test_a_callback_answer_that_is_no_json_fails_the_task_in_words():
    from stepwell.engine.ports import Succeeded

    def behave(_task):
        yield Succeeded("{not json")

    ran = run(machine(Ask=task()), behaviour=behave)

    assert ran.status == "FAILED"
    assert "no JSON" in ran.cause


def test_echo_keeps_scalars_as_they_are():
    for value in (None, "x", 0.0, True, [], 10**30):
        assert run(machine(Ask=task()), {"v": value}, echoes).output == {"v": value}
