"""Mocked results, from the mock configuration file of Step Functions Local."""

import json
from collections import Counter

import pytest

from stepwell.adapters.hosts.simulation import no_tasks, simulate
from stepwell.adapters.tasks.mocks import InvalidMockConfig, Invocations, MockedTasks, read_mocks
from stepwell.definitions.check import parse
from support import CALL, CALLBACK, Run, catcher, machine, map_, pass_, retrier, returns, scope, succeed, task


def config(responses, states=None, case="Happy"):
    states = states or {"Ask": "answer"}
    return {"StateMachines": {"orders": {"TestCases": {case: states}}}, "MockedResponses": responses}


def mocked(definition, mocks, input="{}"):
    case = read_mocks(mocks, "orders", parse(definition))
    return Run(simulate(definition, input, tasks=MockedTasks(case, no_tasks)), [])


def test_a_mocked_task_returns_what_the_file_says():
    ran = mocked(machine(Ask=task()), config({"answer": {"0": {"Return": {"a": 1}}}}))

    assert ran.output == {"a": 1}


def test_responses_are_counted_by_invocation_retries_included():
    responses = {"answer": {"0-1": {"Throw": {"Error": "Busy", "Cause": "try later"}}, "2": {"Return": "ok"}}}

    ran = mocked(machine(Ask=task(Retry=[retrier("Busy")])), config(responses))

    assert ran.output == "ok"
    assert ran.types.count("LambdaFunctionFailed") == 2
    assert ran.details("LambdaFunctionFailed") == {"error": "Busy", "cause": "try later"}


def test_the_last_response_holds_for_all_that_follow():
    ran = mocked(
        machine(Each=map_(scope(Ask=task()))), config({"answer": {"0": {"Return": 1}, "1": {"Return": 2}}}), "[0,0,0]"
    )

    assert ran.output == [1, 2, 2]


def test_a_callback_is_submitted_and_answered():
    ran = mocked(machine(Ask=task(CALLBACK)), config({"answer": {"0": {"Return": {"approved": True}}}}))

    assert ran.types[2:6] == ["TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskSucceeded"]
    assert ran.output == {"approved": True}


def test_a_job_that_is_waited_for_can_fail():
    ask = task(
        "arn:aws:states:::glue:startJobRun.sync",
        Parameters={"JobName": "j"},
        Catch=[catcher("States.TaskFailed", next="Caught")],
    )
    responses = {"answer": {"0": {"Throw": {"Error": "States.TaskFailed", "Cause": "no disk"}}}}

    ran = mocked(machine(Ask=ask, Caught=pass_()), config(responses))

    assert ran.output == {"Error": "States.TaskFailed", "Cause": "no disk"}


def test_a_response_for_lambda_invoke_serves_a_functions_arn_too():
    responses = {"answer": {"0": {"Return": {"StatusCode": 200, "Payload": {"a": 1}}}}}

    assert mocked(machine(Ask=task(CALL)), config(responses)).output == {"a": 1}


def test_a_state_that_is_not_mocked_is_left_to_others():
    definition = machine(Ask=task(), Done=succeed())

    assert (
        mocked(definition, config({}, states={"Ask": "x"}) | {"MockedResponses": {"x": {"0": {"Return": 1}}}}).output
        == 1
    )
    assert mocked(definition, {}).types[-1] == "ExecutionTimedOut"  # nobody answers


def test_mocks_may_be_given_by_state():
    assert mocked(machine(Ask=task()), {"Ask": {"Return": 5}}).output == 5
    assert mocked(machine(Ask=task()), {"Ask": {"Throw": {"Error": "E"}}}).error == "E"


def test_a_file_is_read_with_its_case(tmp_path):
    path = tmp_path / "mocks.json"
    path.write_text(json.dumps(config({"answer": {"0": {"Return": 1}}})))

    assert mocked(machine(Ask=task()), (str(path), "Happy")).output == 1


@pytest.mark.parametrize(
    ("mocks", "said"),
    [
        (config({"answer": {"0": {"Return": 1}}}, {"Nope": "answer"}), "the state machine has no state 'Nope'"),
        (config({"answer": {"0": {"Return": 1}}}, {"Done": "answer"}), "'Done' is no Task state"),
        (config({}), "MockedResponses has no 'answer'"),
        ((config({"answer": {"0": {"Return": 1}}}), "Sad"), "has no 'Sad'; it has 'Happy'"),
        (config({"answer": {"first": {"Return": 1}}}), "'first' is no number of an invocation"),
        (config({"answer": {"3-1": {"Return": 1}}}), "'3-1' is no number"),
        (config({"answer": {"0": {"Return": 1, "Throw": {}}}}), "exactly one of 'Return' and 'Throw'"),
        (config({"answer": {"0": {"Throw": {"Error": 1}}}}), "must have 'Error' and 'Cause'"),
        (config({"answer": {}}), "has no response"),
        ({"StateMachines": []}, "StateMachines: must be an object"),
        ({"StateMachines": {"a": {}, "b": {}}}, "exactly one state machine is needed"),
        ("/no/such/file.json", "cannot be read"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_file_that_cannot_be_used_is_refused_with_place_and_reason(mocks, said):
    with pytest.raises(InvalidMockConfig) as caught:
        read_mocks(mocks, "orders", parse(machine(Ask=task(), Done=succeed())))

    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_invocations_of_before_are_counted_on():
    arn = "arn:aws:states:us-east-1:123456789012:execution:orders:one"
    case = read_mocks(config({"answer": {"0": {"Return": 0}, "1": {"Return": 1}}}), "orders", parse(ONE_TASK))
    tasks = MockedTasks(case, no_tasks, invocations=Invocations(Counter({(arn, "Ask"): 1})))

    assert Run(simulate(ONE_TASK, tasks=tasks, execution_arn=arn), []).output == 1


def test_mocks_may_be_for_the_executions_of_one_machine():
    case = read_mocks(config({"answer": {"0": {"Return": "mocked"}}}), "orders", parse(ONE_TASK))
    tasks = MockedTasks(case, returns("asked"), machine_name="orders")

    assert Run(simulate(ONE_TASK, tasks=tasks, machine_name="orders"), []).output == "mocked"
    assert Run(simulate(ONE_TASK, tasks=tasks, machine_name="refunds"), []).output == "asked"


ONE_TASK = machine(Ask=task())
