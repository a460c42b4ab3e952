"""How data goes through a state in JSONata: fields, variables, failures and the events they leave."""

import pytest

from support import (
    by_state,
    catcher,
    echoes,
    fails,
    machine,
    map_,
    parallel,
    pass_,
    retrier,
    returns,
    run,
    scope,
    succeed,
    task,
    wait,
)

JSONATA = {"QueryLanguage": "JSONata"}


def in_jsonata(**states):
    return {**JSONATA, **machine(**states)}


def rule(condition, next, **fields):
    return {"Condition": condition, "Next": next, **fields}


def test_a_task_gets_its_arguments_and_its_output_sees_the_result():
    ask = task(
        Arguments={"n": "{% $states.input.n + 1 %}", "fixed": [1, "{% 'two' %}"]},
        Output={"was": "{% $states.input.n %}", "is": "{% $states.result.answer %}", "plain": None},
    )

    ran = run(in_jsonata(Ask=ask), {"n": 1}, returns({"answer": 42}))

    assert ran.requests[0].input == '{"n":2,"fixed":[1,"two"]}'
    assert ran.run.output == '{"was":1,"is":42,"plain":null}'


def test_what_is_left_out_has_a_default():
    ran = run(in_jsonata(Pause=wait(Seconds=1), Ask=task(), Done=succeed()), {"n": 1}, echoes)

    assert ran.requests[0].input == '{"n":1}'
    assert ran.output == {"n": 1}


def test_assign_and_output_are_evaluated_on_the_same_data():
    first = pass_(Assign={"x": "{% $states.input.n %}"}, Output="{% $exists($x) ? $x : 'not yet' %}")

    ran = run(in_jsonata(First=first, Then=pass_(Output="{% $x + 1 %}")), {"n": 5})

    assert ran.details("PassStateExited", 0)["output"] == '"not yet"'
    assert ran.details("PassStateExited", 0)["assignedVariables"] == {"x": "5"}
    assert ran.output == 6


def test_a_choice_takes_the_first_condition_that_holds():
    which = {
        "Type": "Choice",
        "Choices": [
            rule("{% $states.input.n > 10 %}", "Big", Output={"was": "{% $states.input.n %}"}, Assign={"by": "rule"}),
            rule("{% $states.input.n > 5 %}", "Middle"),
        ],
        "Default": "Small",
        "Output": "default",
        "Assign": {"by": "state"},
    }
    definition = in_jsonata(
        Which=which, Big=succeed(Output="{% [$states.input, $by] %}"), Middle=succeed(), Small=succeed()
    )

    assert [run(definition, {"n": n}).output for n in (11, 6, 1)] == [[{"was": 11}, "rule"], {"n": 6}, "default"]


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [
        ({"Seconds": "{% $states.input.n * 2 %}"}, 14),
        ({"Timestamp": "{% '2026-01-01T00:0' & $states.input.n & ':00Z' %}"}, 420),
    ],
    ids=["seconds", "timestamp"],
)
def test_a_wait_reckons_its_time(fields, seconds):
    assert run(in_jsonata(Pause=wait(**fields)), {"n": 7}).clock == seconds


def test_a_fail_state_reckons_error_and_cause():
    broken = {"Type": "Fail", "Error": "{% 'Bad' & $states.input.n %}", "Cause": "{% $states.context.State.Name %}"}

    assert run(in_jsonata(Broken=broken), {"n": 1}).details("ExecutionFailed") == {"error": "Bad1", "cause": "Broken"}


def test_a_map_goes_over_items_and_selects_what_each_iteration_gets():
    each = map_(
        scope(One=pass_(Output="{% $states.input.v * $factor %}")),
        Items="{% $states.input.list %}",
        ItemSelector={"v": "{% $states.context.Map.Item.Value %}", "i": "{% $states.context.Map.Item.Index %}"},
        MaxConcurrency="{% 1 + 0 %}",
    )

    ran = run(in_jsonata(Set=pass_(Assign={"factor": 10}), Each=each), {"list": [1, 2]})

    assert ran.output == [10, 20]
    assert ran.details("PassStateEntered", 1)["input"] == '{"v":1,"i":0}'


def test_a_timeout_may_be_reckoned():
    ran = run(in_jsonata(Ask=task(TimeoutSeconds="{% $states.input.t %}")), {"t": 9})

    assert (ran.clock, ran.details("LambdaFunctionScheduled")["timeoutInSeconds"]) == (9, 9)


def test_a_catcher_sees_the_error_output():
    catch = catcher(
        "Boom",
        next="Caught",
        Output={"why": "{% $states.errorOutput.Cause %}"},
        Assign={"e": "{% $states.errorOutput %}"},
    )

    ran = run(
        in_jsonata(Ask=task(Catch=[catch]), Caught=pass_(Output="{% [$states.input, $e.Error] %}")),
        {},
        fails("Boom", "why"),
    )

    assert ran.output == [{"why": "why"}, "Boom"]


def test_a_state_may_have_another_language_than_its_machine():
    definition = machine(
        Path=pass_(Parameters={"n.$": "$.n"}, Assign={"v.$": "$.n"}),
        Expression={**pass_(Output={"n": "{% $states.input.n + $v %}"}), **JSONATA},
        PathAgain=pass_(Parameters={"n.$": "States.MathAdd($.n, $v)"}),
    )

    assert run(definition, {"n": 1}).output == {"n": 3}


def test_what_yields_nothing_fails_the_state_with_an_event_of_its_own():
    ran = run(in_jsonata(First=pass_(), Pick=pass_(Output={"v": "{% $states.input.no %}"})), {})

    text = (
        "An error occurred while executing the state 'Pick' (entered at the event id #4). The JSONata expression "
        "'$states.input.no' specified for the field 'Output/v' returned nothing (undefined)."
    )
    assert ran.links[-3:] == ["4<3 PassStateEntered", "5<3 EvaluationFailed", "6<5 ExecutionFailed"]
    assert ran.details("EvaluationFailed") == {
        "error": "States.QueryEvaluationError",
        "cause": text,
        "state": "Pick",
        "location": "Output/v",
    }
    assert (ran.error, ran.cause) == ("States.QueryEvaluationError", text)


def test_an_evaluation_after_the_result_points_at_the_success():
    ran = run(in_jsonata(Ask=task(Output="{% $states.result.no %}")), {}, returns({}))

    assert ran.links[-3:] == ["5<4 LambdaFunctionSucceeded", "6<5 EvaluationFailed", "7<6 ExecutionFailed"]


def test_an_evaluation_that_fails_in_a_task_can_be_caught():
    ask = task(Arguments="{% $states.input.no %}", Catch=[catcher("States.QueryEvaluationError", next="Caught")])

    ran = run(in_jsonata(Ask=ask, Caught=pass_(Output="{% $states.input.Error %}")))

    assert ran.output == "States.QueryEvaluationError"
    assert not ran.requests


def test_an_evaluation_that_fails_in_an_iteration_can_be_caught_on_the_map():
    each = map_(scope(One=pass_(Output="{% $no %}")), Catch=[catcher("States.ALL", next="Caught")], MaxConcurrency=1)

    ran = run(in_jsonata(Each=each, Caught=pass_(Output="caught")), [1])

    assert ran.output == "caught"
    assert ran.links[4:9] == [
        "5<4 PassStateEntered",
        "6<4 EvaluationFailed",
        "7<6 MapIterationFailed",
        "8<6 MapStateFailed",
        "9<8 MapStateExited",
    ]


def test_items_that_are_no_array_fail_the_map():
    ran = run(in_jsonata(Each=map_(scope(One=pass_()), Items="{% $states.input.n %}")), {"n": 1})

    assert ran.types[-3:] == ["EvaluationFailed", "MapStateFailed", "ExecutionFailed"]
    assert ran.cause.endswith(
        "The JSONata expression '$states.input.n' specified for the field 'Items' returned an unexpected result type. "
        "Expected 'array', but was 'number' for value: 1"
    )


def test_an_input_that_is_no_array_fails_a_map_without_items():
    ran = run(in_jsonata(Each=map_(scope(One=pass_()))), {"n": 1})

    assert ran.cause.endswith('Map state input must be an array but was: {"n":1}')
    assert "location" not in ran.details("EvaluationFailed")


def test_branches_read_outer_variables_and_keep_their_own():
    branch = scope(Own=pass_(Assign={"mine": "{% $outer * 2 %}"}), Read=pass_(Output="{% $mine %}"))
    definition = in_jsonata(
        Start=pass_(Assign={"outer": 21}), Both=parallel(branch), After=pass_(Output="{% $exists($mine) %}")
    )

    ran = run(definition)

    assert ran.details("ParallelStateExited")["output"] == "[42]"
    assert ran.output is False


def test_a_retried_task_reckons_its_arguments_anew():
    ask = task(Arguments={"n": "{% $states.context.State.RetryCount %}"}, Retry=[retrier("Boom")])

    ran = run(in_jsonata(Ask=ask), {}, fails("Boom", times=2))

    assert [request.input for request in ran.requests] == ['{"n":0}', '{"n":1}', '{"n":2}']


def test_time_and_chance_are_those_of_the_step():
    definition = in_jsonata(
        Pause=wait(Seconds=60),
        Tell=pass_(Output=["{% $now() %}", "{% $millis() %}", "{% $uuid() %}", "{% $random() %}"]),
    )

    first, again, other = (run(definition, seed=seed).output for seed in (b"a", b"a", b"b"))

    assert first[:2] == ["2026-01-01T00:01:00.000Z", 1_767_225_660_000]
    assert first == again
    assert first[2:] != other[2:]


def test_large_integers_pass_untouched_where_they_are_only_moved():
    number = 2**53 + 1

    assert run(in_jsonata(Move=pass_(Output={"n": "{% $states.input.n %}"})), {"n": number}).output == {"n": number}


def test_a_task_token_is_among_the_context():
    ask = task(
        "arn:aws:states:::aws-sdk:sqs:sendMessage.waitForTaskToken", Arguments={"t": "{% $states.context.Task.Token %}"}
    )

    ran = run(in_jsonata(Ask=ask), {}, by_state(Ask=echoes))

    assert ran.output == {"t": ran.requests[0].token}


@pytest.mark.parametrize("items", [5, None, True, {"a": 1}, {"a": "{% 1 %}"}], ids=str)
def test_items_that_are_written_as_no_array_fail_the_map(items):
    ran = run(in_jsonata(Each=map_(scope(One=pass_()), Items=items)))

    assert ran.error == "States.QueryEvaluationError"
    assert "must be an array" in ran.cause


@pytest.mark.parametrize(
    "fields",
    [
        {"ToleratedFailureCount": "{% $nope %}"},
        {"ToleratedFailureCount": "{% -1 %}"},
        {"ToleratedFailurePercentage": "{% 101 %}"},
    ],
    ids=str,
)
def test_tolerances_are_evaluated_though_they_have_no_effect(fields):
    assert run(in_jsonata(Each=map_(scope(One=pass_()), **fields)), [1]).error == "States.QueryEvaluationError"


def test_a_cause_is_never_longer_than_the_service_allows():
    broken = {"Type": "Fail", "Cause": "{% $pad('', 100000, 'x') %}"}

    assert len(run(in_jsonata(Broken=broken)).cause) == 32_768
    assert len(run(in_jsonata(Each=map_(scope(One=pass_()), Items="{% $pad('', 100000, 'x') %}"))).cause) == 32_768


def test_a_path_of_variables_is_bounded_like_any_other():
    definition = in_jsonata(Set=pass_(Assign={"x": "{% [1..1000] %}"}), Square=pass_(Output="{% $x.$x = 1 %}"))

    assert "memory limit exceeded" in run(definition).cause
