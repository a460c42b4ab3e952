"""How executions go from state to state: the events of each kind of state, and how they link."""

import pytest

from support import (
    MACHINE_ARN,
    catcher,
    choice,
    echoes,
    fail,
    fails,
    machine,
    map_,
    parallel,
    pass_,
    returns,
    run,
    scope,
    succeed,
    task,
    wait,
)


def test_the_first_state_points_at_nothing_and_the_others_at_what_came_before():
    ran = run(machine(First=pass_(), Second=pass_()))

    assert ran.links == [
        "1<0 ExecutionStarted",
        "2<0 PassStateEntered",
        "3<2 PassStateExited",
        "4<3 PassStateEntered",
        "5<4 PassStateExited",
        "6<5 ExecutionSucceeded",
    ]


def test_the_input_is_kept_as_written_in_the_first_event_and_compact_in_all_others():
    ran = run(machine(Only=pass_()), '{ "a" : [1.0,  "ä"] }', verbatim=True)

    assert ran.details("ExecutionStarted")["input"] == '{ "a" : [1.0,  "ä"] }'
    assert ran.details("PassStateEntered")["input"] == '{"a":[1.0,"ä"]}'
    assert ran.details("ExecutionSucceeded")["output"] == '{"a":[1.0,"ä"]}'


def test_a_succeed_state_ends_the_execution_with_its_input():
    ran = run(machine(Done=succeed()), {"a": 1})

    assert ran.types == ["ExecutionStarted", "SucceedStateEntered", "SucceedStateExited", "ExecutionSucceeded"]
    assert ran.output == {"a": 1}


def test_a_fail_state_has_no_exit_and_gives_error_and_cause():
    ran = run(machine(Broken=fail("Sad", "It rained")))

    assert ran.links == ["1<0 ExecutionStarted", "2<0 FailStateEntered", "3<2 ExecutionFailed"]
    assert ran.details("ExecutionFailed") == {"error": "Sad", "cause": "It rained"}
    assert (ran.status, ran.error, ran.cause) == ("FAILED", "Sad", "It rained")


def test_an_empty_fail_state_gives_empty_details():
    assert run(machine(Broken=fail())).details("ExecutionFailed") == {}


def test_error_and_cause_of_a_fail_state_may_be_read_or_computed():
    broken = {"Type": "Fail", "ErrorPath": "$.name", "CausePath": "States.Format('{} of {}', $.n, $$.State.Name)"}

    assert run(machine(Broken=broken), {"name": "Sad", "n": 3}).details("ExecutionFailed") == {
        "error": "Sad",
        "cause": "3 of Broken",
    }


def test_a_choice_takes_the_first_rule_that_matches():
    rules = [
        {"Variable": "$.n", "NumericGreaterThan": 10, "Next": "Big"},
        {"Variable": "$.n", "NumericGreaterThan": 5, "Next": "Middle"},
    ]
    definition = machine(Which=choice(*rules, Default="Small"), Big=succeed(), Middle=succeed(), Small=succeed())

    assert [run(definition, {"n": n}).details("SucceedStateEntered")["name"] for n in (11, 6, 1)] == [
        "Big",
        "Middle",
        "Small",
    ]


def test_a_choice_without_match_and_default_fails_the_execution():
    definition = machine(Which=choice({"Variable": "$.n", "NumericEquals": 1, "Next": "End"}), End=succeed())

    ran = run(definition, {"n": 2})

    assert ran.error == "States.Runtime"
    assert ran.cause == (
        "An error occurred while executing the state 'Which' (entered at the event id #2). "
        "Failed to transition out of the state. The state does not point to a next state."
    )
    assert ran.links[-1] == "3<2 ExecutionFailed"


@pytest.mark.parametrize(
    ("fields", "given", "seconds"),
    [
        ({"Seconds": 90}, {}, 90),
        ({"SecondsPath": "$.n"}, {"n": 5}, 5),
        ({"SecondsPath": "$.n"}, {"n": 0}, 0),
        ({"Timestamp": "2026-01-01T00:01:00Z"}, {}, 60),
        ({"Timestamp": "2026-01-01T02:00:30.500+02:00"}, {}, 30.5),
        ({"Timestamp": "2020-01-01T00:00:00Z"}, {}, 0),
        ({"TimestampPath": "$.at"}, {"at": "2026-01-02T00:00:00.000000Z"}, 86400),
        ({"SecondsPath": "$$.Execution.Input.n"}, {"n": 7}, 7),
    ],
    ids=str,
)
def test_a_wait_ends_when_its_time_has_come(fields, given, seconds):
    ran = run(machine(Pause=wait(**fields)), given)

    assert ran.links[1:3] == ["2<0 WaitStateEntered", "3<2 WaitStateExited"]
    assert ran.clock == seconds


@pytest.mark.parametrize(
    ("fields", "given", "text"),
    [
        ({"SecondsPath": "$.n"}, {}, "The SecondsPath parameter does not reference an input value: $.n"),
        ({"SecondsPath": "$.n"}, {"n": 1.5}, "The SecondsPath parameter cannot be parsed as a long value: $.n == 1.5"),
        ({"SecondsPath": "$.n"}, {"n": -1}, "The SecondsPath parameter references a negative value: $.n == -1"),
        ({"SecondsPath": "$.n"}, {"n": 2**31}, "Wait state delay is too long."),
        (
            {"TimestampPath": "$.at"},
            {"at": "2026-01-02"},
            "The TimestampPath parameter does not reference a valid ISO-8601 extended offset date-time format string: "
            "$.at == 2026-01-02",
        ),
    ],
    ids=str,
)
def test_a_wait_for_no_time_fails_the_execution(fields, given, text):
    ran = run(machine(Pause=wait(**fields)), given)

    assert ran.error == "States.Runtime"
    assert ran.cause == f"An error occurred while executing the state 'Pause' (entered at the event id #2). {text}"


def test_the_longest_wait_is_a_second_less_than_two_to_the_31():
    assert run(machine(Pause=wait(SecondsPath="$.n")), {"n": 2**31 - 1}).status == "TIMED_OUT"  # after a year


def test_branches_of_a_parallel_state_all_start_from_its_started_event():
    ran = run(machine(Both=parallel(scope(A=pass_(Result=1)), scope(B=pass_(Result=2))), After=pass_()))

    assert ran.links == [
        "1<0 ExecutionStarted",
        "2<0 ParallelStateEntered",
        "3<2 ParallelStateStarted",
        "4<3 PassStateEntered",
        "5<4 PassStateExited",
        "6<3 PassStateEntered",
        "7<6 PassStateExited",
        "8<7 ParallelStateSucceeded",
        "9<7 ParallelStateExited",
        "10<9 PassStateEntered",
        "11<10 PassStateExited",
        "12<11 ExecutionSucceeded",
    ]
    assert ran.output == [1, 2]


def test_results_of_branches_come_in_their_order_whatever_order_they_ended_in():
    slow, quick = scope(Slow=wait(Seconds=10), S=pass_(Result="slow")), scope(Q=pass_(Result="quick"))

    assert run(machine(Both=parallel(slow, quick))).output == ["slow", "quick"]


def test_a_failing_task_in_a_branch_is_aborted_and_so_are_its_siblings():
    branches = [scope(Bad=task()), scope(Waiting=wait(Seconds=100)), scope(Quick=pass_())]

    ran = run(machine(All=parallel(*branches)), behaviour=fails("Boom", "why"))

    failed = next(event for event in ran.history if event["type"] == "LambdaFunctionFailed")["id"]
    assert ran.links[-4:] == [
        f"11<{failed} TaskStateAborted",
        f"12<{failed} WaitStateAborted",
        f"13<{failed} ParallelStateFailed",
        "14<13 ExecutionFailed",
    ]
    assert ran.clock == 0
    assert (ran.error, ran.cause) == ("Boom", "why")


def test_a_map_with_a_concurrency_of_one_goes_item_by_item():
    ran = run(machine(Each=map_(scope(One=pass_()), MaxConcurrency=1)), ["a", "b"])

    assert ran.links[2:-1] == [
        "3<2 MapStateStarted",
        "4<3 MapIterationStarted",
        "5<4 PassStateEntered",
        "6<5 PassStateExited",
        "7<6 MapIterationSucceeded",
        "8<6 MapIterationStarted",
        "9<8 PassStateEntered",
        "10<9 PassStateExited",
        "11<10 MapIterationSucceeded",
        "12<11 MapStateSucceeded",
        "13<11 MapStateExited",
    ]
    assert ran.details("MapStateStarted") == {"length": 2}
    assert ran.details("MapIterationStarted", 1) == {"name": "Each", "index": 1}


def test_iterations_that_may_run_together_all_start_first():
    ran = run(machine(Each=map_(scope(One=task()))), [1, 2, 3], behaviour=echoes)

    assert ran.types[3:6] == ["MapIterationStarted"] * 3
    assert [event["previousEventId"] for event in ran.history[3:6]] == [3, 3, 3]
    assert ran.types[6:15] == [*["TaskStateEntered", "LambdaFunctionScheduled"] * 3, *["LambdaFunctionStarted"] * 3]
    assert ran.output == [1, 2, 3]


def test_an_inline_map_runs_forty_iterations_at_a_time():
    ran = run(machine(Each=map_(scope(One=wait(Seconds=1)))), list(range(100)))

    assert ran.types[3:44] == [*["MapIterationStarted"] * 40, "WaitStateEntered"]
    assert ran.clock == 3


def test_an_empty_map_succeeds_with_an_empty_array():
    ran = run(machine(Each=map_(scope(One=pass_()))), [])

    assert ran.links[2:5] == ["3<2 MapStateStarted", "4<3 MapStateSucceeded", "5<3 MapStateExited"]
    assert ran.output == []


def test_a_failing_iteration_fails_the_map_at_once_and_none_that_waits_starts():
    ran = run(machine(Each=map_(scope(Bad=fail("Sad")), MaxConcurrency=1)), [1, 2])

    assert ran.links[3:] == [
        "4<3 MapIterationStarted",
        "5<4 FailStateEntered",
        "6<5 MapIterationFailed",
        "7<5 MapStateFailed",
        "8<7 ExecutionFailed",
    ]


def test_iterations_that_time_out_together_each_say_so_before_the_map_fails():
    ran = run(machine(Each=map_(scope(Slow=task(TimeoutSeconds=5)))), [1, 2])

    assert ran.links[9:] == [
        "10<7 LambdaFunctionStarted",
        "11<9 LambdaFunctionStarted",
        "12<10 LambdaFunctionTimedOut",
        "13<11 LambdaFunctionTimedOut",
        "14<12 MapIterationFailed",
        "15<12 TaskStateAborted",
        "16<12 MapIterationAborted",
        "17<12 TaskStateAborted",
        "18<12 MapStateFailed",
        "19<18 ExecutionFailed",
    ]


def test_a_map_inside_a_map_gives_arrays_of_arrays():
    inner = map_(scope(Leaf=pass_()), MaxConcurrency=1)

    assert run(machine(Outer=map_(scope(Inner=inner))), [[1, 2], [], [3]]).output == [[1, 2], [], [3]]


def test_items_are_selected_with_the_item_and_its_index():
    selector = {"value.$": "$$.Map.Item.Value", "at.$": "$$.Map.Item.Index", "all.$": "$.name", "fixed": 1}
    each = map_(scope(One=pass_()), ItemsPath="$.items", ItemSelector=selector)

    assert run(machine(Each=each), {"items": ["x"], "name": "n"}).output == [
        {"fixed": 1, "value": "x", "at": 0, "all": "n"}
    ]


def test_a_map_over_no_array_fails_the_execution():
    ran = run(machine(Each=map_(scope(One=pass_()), ItemsPath="$.items")), {"items": 1})

    assert ran.error == "States.Runtime"
    assert ran.types[-1] == "ExecutionFailed"


def test_a_runtime_error_inside_a_branch_fails_the_execution_straight_away():
    branch = scope(Bad=pass_(Parameters={"x.$": "$.missing"}))
    both = parallel(branch, Catch=[catcher("States.ALL", next="Never")])

    ran = run(machine(Both=both, Never=pass_()))

    assert ran.links[-2:] == ["4<3 PassStateEntered", "5<4 ExecutionFailed"]
    assert ran.cause == (
        "An error occurred while executing the state 'Bad' (entered at the event id #4). The JSONPath '$.missing' "
        "specified for the field 'x.$' could not be found in the input '{}'"
    )


def test_thousands_of_states_in_a_row_are_no_recursion():
    names = [f"S{n}" for n in range(3000)]
    assert run(machine(**{name: pass_() for name in names})).status == "SUCCEEDED"


def test_a_deeply_nested_input_goes_through():
    text = "[" * 900 + "]" * 900

    assert run(machine(Only=pass_()), text, verbatim=True).run.output == text


def test_the_last_event_of_a_full_history_says_so():
    loop = machine(
        A=pass_(Next="B"), B=choice({"Variable": "$.n", "NumericEquals": 1, "Next": "End"}, Default="A"), End=succeed()
    )

    ran = run(loop, {"n": 0})

    assert ran.history[-1]["id"] == 25_000
    assert ran.links[-1] == "25000<24999 ExecutionFailed"
    assert ran.details("ExecutionFailed") == {
        "error": "States.Runtime",
        "cause": "The execution reached the maximum number of history events (25000).",
    }


def test_an_express_execution_has_no_limit_on_events_but_one_on_time():
    loop = machine(
        A=task(), B=choice({"Variable": "$.n", "NumericEquals": 1, "Next": "End"}, Default="A"), End=succeed()
    )

    ran = run(loop, {"n": 0}, behaviour=lambda t: _after(t, 0.1), type="EXPRESS")

    assert ran.status == "TIMED_OUT"
    assert ran.clock == 300
    assert len(ran.history) > 18_000


def _after(task_, seconds):
    from stepwell.engine.ports import Pause, Succeeded

    yield Pause(seconds)
    yield Succeeded(task_.input)


def test_an_execution_that_takes_longer_than_its_machine_allows_is_timed_out():
    ran = run(machine(Pause=wait(Seconds=100), timeout=30))

    assert ran.links == ["1<0 ExecutionStarted", "2<0 WaitStateEntered", "3<0 ExecutionTimedOut"]
    assert ran.details("ExecutionTimedOut") == {"error": "States.Timeout"}
    assert ran.clock == 30


def test_a_state_whose_output_is_too_large_fails_the_execution():
    definition = machine(Big=pass_(Parameters={"text.$": "$.half", "again.$": "$.half"}))

    ran = run(definition, {"half": "x" * 140_000})

    assert ran.error == "States.DataLimitExceeded"
    assert ran.cause == (
        "The state/task 'Big' returned a result with a size exceeding the maximum number of bytes service limit."
    )


@pytest.mark.parametrize(("size", "status"), [(262_142, "SUCCEEDED"), (262_143, "FAILED")], ids=["fits", "too large"])
def test_the_limit_of_a_result_is_256_kib(size, status):
    assert run(machine(Ask=task()), behaviour=returns("x" * size)).status == status


def test_the_region_of_the_machine_stands_in_the_events_of_its_tasks():
    arn = MACHINE_ARN.replace("us-east-1", "eu-west-3")
    ran = run(machine(Send=task("arn:aws:states:::aws-sdk:sqs:sendMessage")), behaviour=echoes, machine_arn=arn)

    assert ran.details("TaskScheduled")["region"] == "eu-west-3"
