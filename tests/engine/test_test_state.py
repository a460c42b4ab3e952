"""TestState: what one state does, from a request to the response, without a world."""

import json
from typing import Any

import msgspec
import pytest

from stepwell.definitions.failure import Failure
from stepwell.engine.effects import InvokeTask
from stepwell.engine.errors import InvalidArn, InvalidDefinition, InvalidExecutionInput, ValidationException
from stepwell.engine.operations.test_state import Performed, StateTest, try_state
from stepwell.engine.ports import Pause

ROLE = "arn:aws:iam::123456789012:role/Tester"
NOON = 1_767_268_800_000
"""2026-01-01T12:00:00Z"""

LAMBDA = {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:price", "End": True}
INNER = {"StartAt": "One", "States": {"One": {"Type": "Pass", "End": True}}}
MAP = {"Type": "Map", "ItemProcessor": INNER, "End": True}
DISTRIBUTED = {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
PARALLEL = {"Type": "Parallel", "Branches": [INNER], "End": True}


def as_test(definition: Any, input: Any = None, **members: Any) -> StateTest:
    """A request as the API gives it: texts are JSON."""
    texts = {name: json.dumps(members.pop(name)) for name in ("variables", "context") if name in members}
    given = {} if input is None else {"input": json.dumps(input)}
    return msgspec.convert({"definition": json.dumps(definition), **given, **texts, **members}, StateTest)


def respond(definition: Any, input: Any = None, *, performed: Any = None, **members: Any) -> dict[str, Any]:
    """The response, with its texts parsed. `performed` is what comes of a task."""
    exchange = try_state(as_test(definition, input, **members), at=NOON, entropy=b"seed")
    try:
        request = next(exchange)
        while True:
            answer = Performed(outcome=performed) if isinstance(request, InvokeTask) else None
            request = exchange.send(answer)
    except StopIteration as end:
        return parsed(end.value)


def parsed(response: dict[str, Any]) -> dict[str, Any]:
    told = {name: value_of(value) for name, value in response.get("inspectionData", {}).items()}
    output = {"output": json.loads(response["output"])} if "output" in response else {}
    return {**response, **output, **({"inspectionData": told} if told else {})}


def value_of(told: Any) -> Any:
    return json.loads(told) if isinstance(told, str) else told


def result(value: Any) -> dict[str, str]:
    return {"result": json.dumps(value)}


def error(name: str, cause: str = "it broke") -> dict[str, Any]:
    return {"errorOutput": {"error": name, "cause": cause}}


# --- stages -----------------------------------------------------------------------------------------------------------


def test_the_stages_of_a_jsonpath_task_are_told():
    state = {
        **LAMBDA,
        "InputPath": "$.order",
        "Parameters": {"id.$": "$.id"},
        "ResultSelector": {"price.$": "$.amount"},
        "ResultPath": "$.priced",
        "OutputPath": "$.priced",
    }

    response = respond(state, {"order": {"id": 7}}, mock=result({"amount": 3, "tax": 1}), inspectionLevel="DEBUG")

    assert response == {
        "status": "SUCCEEDED",
        "output": {"price": 3},
        "inspectionData": {
            "input": {"order": {"id": 7}},
            "afterInputPath": {"id": 7},
            "afterParameters": {"id": 7},
            "result": {"amount": 3, "tax": 1},
            "afterResultSelector": {"price": 3},
            "afterResultPath": {"order": {"id": 7}, "priced": {"price": 3}},
        },
    }


def test_a_result_that_differs_each_time_is_made_once():
    state = {"Type": "Pass", "Parameters": {"id.$": "States.UUID()"}, "End": True}

    response = respond(state, {}, inspectionLevel="DEBUG")

    assert response["inspectionData"]["afterParameters"] == response["output"]
    assert response["inspectionData"]["afterResultPath"] == response["output"]


def test_what_was_reached_before_a_failure_is_told():
    response = respond({**LAMBDA, "Parameters": {"id.$": "$.none"}}, {"a": 1}, mock=result(1), inspectionLevel="DEBUG")

    assert response["status"] == "FAILED"
    assert response["error"] == "States.Runtime"
    assert "An error occurred while executing" not in response["cause"]
    assert response["inspectionData"] == {"input": {"a": 1}, "afterInputPath": {"a": 1}}


def test_info_tells_nothing_of_the_inside():
    assert respond({"Type": "Pass", "End": True}, {"a": 1}) == {"status": "SUCCEEDED", "output": {"a": 1}}


def test_variables_are_those_given_and_those_assigned():
    state = {"Type": "Pass", "Assign": {"total.$": "States.MathAdd($rate, 1)"}, "Next": "Elsewhere"}

    response = respond(state, {}, variables={"rate": 4}, inspectionLevel="DEBUG")

    assert response["inspectionData"]["variables"] == {"rate": 4, "total": 5}
    assert response["nextState"] == "Elsewhere"


@pytest.mark.parametrize(
    ("definition", "expected"),
    [
        pytest.param({"Type": "Succeed"}, {"input", "afterInputPath"}, id="Succeed"),
        pytest.param({"Type": "Wait", "Seconds": 0, "End": True}, {"input", "afterInputPath"}, id="Wait"),
        pytest.param({"Type": "Fail", "Error": "E"}, {"input"}, id="Fail"),
        pytest.param({"Type": "Pass", "QueryLanguage": "JSONata", "End": True}, {"input"}, id="Pass in JSONata"),
        pytest.param(
            {"Type": "Pass", "Result": 1, "End": True},
            {"input", "result", "afterResultSelector", "afterResultPath"},
            id="Pass with a Result",
        ),
    ],
)
def test_every_kind_of_state_has_its_own_stages(definition: Any, expected: set[str]):
    assert set(respond(definition, {}, inspectionLevel="TRACE")["inspectionData"]) == expected


# --- courses ----------------------------------------------------------------------------------------------------------


def test_a_choice_goes_on_by_the_rule_that_matches():
    state = {
        "Type": "Choice",
        "Choices": [{"Variable": "$.cost", "NumericLessThan": 10, "Next": "Cheap"}],
        "Default": "Dear",
    }

    assert respond(state, {"cost": 9})["nextState"] == "Cheap"
    assert respond(state, {"cost": 10})["nextState"] == "Dear"


def test_a_choice_without_a_way_out_fails():
    state = {"Type": "Choice", "Choices": [{"Variable": "$.cost", "NumericLessThan": 10, "Next": "Cheap"}]}

    assert respond(state, {"cost": 10})["error"] == "States.Runtime"


def test_a_task_without_a_mock_is_asked_for_and_its_outcome_taken():
    exchange = try_state(as_test(LAMBDA, {"id": 7}, roleArn=ROLE), at=NOON, entropy=b"")
    task = next(exchange)
    assert isinstance(task, InvokeTask)
    assert (json.loads(task.input), task.state, task.timeout_seconds) == ({"id": 7}, "StateName", 300)

    with pytest.raises(StopIteration) as end:
        exchange.send(Performed(outcome='{"price": 3}'))
    assert end.value.value["output"] == '{"price":3}'


def test_a_task_that_fails_is_shown_as_it_failed():
    response = respond(LAMBDA, {}, roleArn=ROLE, performed=Failure("Broken", "by accident"))

    assert response == {"status": "FAILED", "error": "Broken", "cause": "by accident"}


@pytest.mark.parametrize(("level", "is_told"), [("DEBUG", False), ("TRACE", True)])
def test_trace_shows_request_and_response_of_an_http_task(level: str, is_told: bool):
    exchange = try_state(as_test(LAMBDA, {}, roleArn=ROLE, inspectionLevel=level), at=NOON, entropy=b"")
    next(exchange)
    with pytest.raises(StopIteration) as end:
        exchange.send(Performed(outcome="1", request={"method": "GET"}, response={"statusCode": "200"}))

    told = end.value.value["inspectionData"]
    assert (told.get("request") == {"method": "GET"}, told.get("response") == {"statusCode": "200"}) == (
        is_told,
        is_told,
    )


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({"Seconds": 20}, 20, id="seconds"),
        pytest.param({"Timestamp": "2026-01-01T12:01:00Z"}, 60, id="a moment to come"),
        pytest.param({"SecondsPath": "$.seconds"}, 7, id="seconds of the input"),
    ],
)
def test_a_wait_asks_for_its_time(fields: dict[str, Any], expected: int):
    exchange = try_state(as_test({"Type": "Wait", "End": True, **fields}, {"seconds": 7}), at=NOON, entropy=b"")

    assert next(exchange) == Pause(expected)


def test_a_wait_of_more_than_five_minutes_times_out():
    exchange = try_state(as_test({"Type": "Wait", "Seconds": 301, "End": True}), at=NOON, entropy=b"")

    assert next(exchange) == Pause(300)
    with pytest.raises(StopIteration) as end:
        exchange.send(None)
    assert end.value.value == {"error": "States.Timeout", "status": "FAILED"}


def test_a_moment_that_has_passed_is_not_waited_for():
    assert respond({"Type": "Wait", "Timestamp": "2020-01-01T00:00:00Z", "End": True}, {})["status"] == "SUCCEEDED"


def test_an_output_that_is_too_large_fails():
    state = {"Type": "Pass", "Parameters": {"twice.$": "States.Array($, $)"}, "End": True}

    assert respond(state, "a" * 140_000)["error"] == "States.DataLimitExceeded"


# --- handlers ---------------------------------------------------------------------------------------------------------

RETRIED = {
    **LAMBDA,
    "Retry": [
        {"ErrorEquals": ["Other"]},
        {"ErrorEquals": ["Busy"], "IntervalSeconds": 2, "BackoffRate": 3, "MaxAttempts": 2},
    ],
}


@pytest.mark.parametrize(("used", "seconds"), [(0, 2), (1, 6)])
def test_a_retry_tells_the_delay_of_its_turn(used: int, seconds: int):
    response = respond(
        RETRIED,
        {},
        mock=error("Busy"),
        inspectionLevel="DEBUG",
        stateConfiguration={"retrierRetryCount": used},
    )

    assert response["status"] == "RETRIABLE"
    assert response["inspectionData"]["errorDetails"] == {"retryIndex": 1, "retryBackoffIntervalSeconds": seconds}


def test_a_retrier_that_is_used_up_lets_the_state_fail():
    response = respond(
        RETRIED, {}, mock=error("Busy"), inspectionLevel="DEBUG", stateConfiguration={"retrierRetryCount": 2}
    )

    assert response["status"] == "FAILED"
    assert response["inspectionData"]["errorDetails"] == {"retryIndex": 1}


def test_a_catcher_gives_output_and_next_state_beside_the_error():
    state = {**LAMBDA, "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.why", "Next": "Mend"}]}

    response = respond(state, {"a": 1}, mock=error("Broken"), inspectionLevel="DEBUG")

    assert response["status"] == "CAUGHT_ERROR"
    assert (response["error"], response["cause"], response["nextState"]) == ("Broken", "it broke", "Mend")
    assert response["output"] == {"a": 1, "why": {"Error": "Broken", "Cause": "it broke"}}
    assert response["inspectionData"]["errorDetails"] == {"catchIndex": 0}


def test_a_runtime_error_passes_all_handlers():
    state = {**LAMBDA, "InputPath": "$.none", "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Mend"}]}

    assert respond(state, {}, mock=result(1))["status"] == "FAILED"


def test_a_query_that_fails_can_be_caught():
    state = {
        "Type": "Task",
        "QueryLanguage": "JSONata",
        "Resource": LAMBDA["Resource"],
        "Arguments": {"a": "{% $states.input.none %}"},
        "Catch": [{"ErrorEquals": ["States.QueryEvaluationError"], "Next": "Mend"}],
        "End": True,
    }

    assert respond(state, {}, mock=result(1))["status"] == "CAUGHT_ERROR"


# --- Map --------------------------------------------------------------------------------------------------------------


def test_a_map_tells_what_its_iterations_get():
    state = {
        **MAP,
        "ItemsPath": "$.prices",
        "ItemSelector": {"price.$": "$$.Map.Item.Value", "at.$": "$$.Map.Item.Index"},
        "MaxConcurrency": 2,
    }

    response = respond(state, {"prices": [3, 4]}, mock=result(["a", "b"]), inspectionLevel="DEBUG")

    told = response["inspectionData"]
    assert told["afterItemsPath"] == [3, 4]
    assert told["afterItemSelector"] == [{"price": 3, "at": 0}, {"price": 4, "at": 1}]
    assert told["maxConcurrency"] == 2
    assert response["output"] == ["a", "b"]


def test_items_come_from_what_the_reader_reads():
    state = {
        **MAP,
        "ItemProcessor": {**INNER, "ProcessorConfig": DISTRIBUTED},
        "ItemReader": {
            "Resource": "arn:aws:states:::s3:getObject",
            "Parameters": {"Bucket": "b", "Key": "k"},
            "ReaderConfig": {"InputType": "JSON", "ItemsPointer": "/shop/a~1b", "MaxItems": 3},
        },
        "ItemBatcher": {"MaxItemsPerBatch": 2, "BatchInput": {"shop.$": "$.shop"}},
    }

    response = respond(
        state,
        {"shop": "s1"},
        mock=result([]),
        inspectionLevel="DEBUG",
        stateConfiguration={"mapItemReaderData": '{"shop": {"a/b": [1, 2, 3, 4]}}'},
    )

    told = response["inspectionData"]
    assert told["afterItemsPointer"] == [1, 2, 3]
    assert told["afterItemBatcher"] == [
        {"BatchInput": {"shop": "s1"}, "Items": [1, 2]},
        {"BatchInput": {"shop": "s1"}, "Items": [3]},
    ]


CSV_READER = {
    **MAP,
    "ItemProcessor": {**INNER, "ProcessorConfig": DISTRIBUTED},
    "ItemReader": {
        "Resource": "arn:aws:states:::s3:getObject",
        "Parameters": {"Bucket": "b", "Key": "k"},
        "ReaderConfig": {"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW", "CSVDelimiter": "SEMICOLON"},
    },
    "ItemSelector": {"row.$": "$$.Map.Item.Value"},
}


def test_rows_of_csv_are_items():
    data = 'id;name\n1;"Ada; ""Countess"""\r\n2\n3;a\\;b;more\n'

    response = respond(
        CSV_READER, {}, mock=result([]), inspectionLevel="DEBUG", stateConfiguration={"mapItemReaderData": data}
    )

    assert response["inspectionData"]["afterItemSelector"] == [
        {"row": {"id": "1", "name": 'Ada; "Countess"'}},
        {"row": {"id": "2", "name": ""}},
        {"row": {"id": "3", "name": "a;b"}},
    ]


@pytest.mark.parametrize(
    ("definition", "data", "cause"),
    [
        pytest.param(CSV_READER, "a;a\n1;2", "CSV headers cannot contain duplicates.", id="headers twice"),
        pytest.param(
            {**CSV_READER, "ItemReader": {**CSV_READER["ItemReader"], "ReaderConfig": {"InputType": "JSON"}}},
            "7",
            "Attempting to map over non-iterable node.",
            id="no array",
        ),
    ],
)
def test_what_cannot_be_read_fails_the_map(definition: Any, data: str, cause: str):
    response = respond(definition, {}, mock=result([]), stateConfiguration={"mapItemReaderData": data})

    assert (response["status"], response["error"], response["cause"]) == ("FAILED", "States.ItemReaderFailed", cause)


@pytest.mark.parametrize(
    ("tolerance", "failures", "status"),
    [
        pytest.param({}, 3, "SUCCEEDED", id="nothing said"),
        pytest.param({"ToleratedFailureCount": 1}, 1, "SUCCEEDED", id="as many as tolerated"),
        pytest.param({"ToleratedFailureCount": 1}, 2, "FAILED", id="one more"),
        pytest.param({"ToleratedFailurePercentage": 50}, 2, "SUCCEEDED", id="half of them"),
        pytest.param({"ToleratedFailurePercentage": 50}, 3, "FAILED", id="more than half"),
    ],
)
def test_iterations_may_fail_as_far_as_that_is_tolerated(tolerance: dict[str, int], failures: int, status: str):
    response = respond(
        {**MAP, **tolerance},
        [1, 2, 3, 4],
        mock=result([]),
        stateConfiguration={"mapIterationFailureCount": failures},
    )

    assert response["status"] == status
    assert response.get("error") in (None, "States.ExceedToleratedFailureThreshold")


# --- the context object -----------------------------------------------------------------------------------------------

SHOWS_CONTEXT = {**LAMBDA, "QueryLanguage": "JSONata", "Output": "{% $states.context %}"}


def test_the_context_object_is_that_of_an_express_execution():
    context = respond(SHOWS_CONTEXT, {"a": 1}, mock=result(1), roleArn=ROLE)["output"]

    execution, machine = context["Execution"], context["StateMachine"]
    assert list(execution) == ["Id", "Input", "Name", "RoleArn", "StartTime"]
    assert execution["Id"] == f"arn:aws:states:us-east-1:123456789012:express:{machine['Name']}:{execution['Name']}"
    assert (execution["Input"], execution["RoleArn"]) == ({"a": 1}, ROLE)
    assert context["State"] == {"Name": "StateName", "EnteredTime": "2026-01-01T12:00:00Z", "RetryCount": 0}


def test_a_given_context_object_is_seen_as_it_is():
    given = {"Execution": {"Id": "e1", "Input": {"x": 1}}}

    assert respond(SHOWS_CONTEXT, {}, mock=result(1), context=given)["output"] == given


def test_a_task_that_waits_for_its_token_has_one():
    state = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "Parameters": {"QueueUrl": "u", "MessageBody": {"token.$": "$$.Task.Token"}},
        "End": True,
    }

    assert respond(state, {}, mock=result("anything"))["output"] == "anything"


# --- what is refused --------------------------------------------------------------------------------------------------

WAIT = {"Type": "Wait", "Seconds": 1, "End": True}


@pytest.mark.parametrize(
    ("definition", "members", "text"),
    [
        pytest.param(
            LAMBDA,
            {"mock": {}},
            "A test mock should have only one of the following fields: [result, errorOutput].",
            id="an empty mock",
        ),
        pytest.param(
            WAIT, {"mock": result(1)}, "State type 'Wait' is not supported when a mock is specified", id="a Wait"
        ),
        pytest.param(LAMBDA, {"mock": {"result": "{"}}, "Mocked result must be valid JSON", id="no JSON"),
        pytest.param(
            {**MAP, "ResultWriter": {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "b"}}},
            {"mock": result([])},
            "Mocked result must be a JSON object.",
            id="an array of a Map that exports",
        ),
        pytest.param(
            MAP,
            {"mock": result([]), "stateConfiguration": {"mapIterationFailureCount": 2}, "input": [1]},
            "Map iteration failure count must be less than or equal to the number of Map iterations",
            id="more failures than iterations",
        ),
        pytest.param(LAMBDA, {}, "RoleArn must be specified when testing a Task state", id="a Task without a role"),
        pytest.param(
            PARALLEL,
            {"mock": error("E"), "stateConfiguration": {"errorCausedByState": "Two"}},
            "State not found in definition",
            id="an error of no inner state",
        ),
        pytest.param(
            LAMBDA,
            {"mock": result(1), "context": {"State": {"RetryCount": "none"}}},
            "Invalid Context object provided: State.RetryCount must be a number",
            id="a context of another type",
        ),
        pytest.param(
            {"Type": "Pass", "End": True},
            {"variables": [1]},
            "Variables must be a JSON object",
            id="a list of variables",
        ),
    ],
)
def test_what_does_not_go_together_is_refused(definition: Any, members: dict[str, Any], text: str):
    with pytest.raises(ValidationException) as refused:
        respond(definition, **members)

    assert str(refused.value) == text


@pytest.mark.parametrize(
    "resource",
    [
        "arn:aws:states:us-east-1:123456789012:activity:work",
        "arn:aws:states:::ecs:runTask.sync",
        "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
    ],
)
def test_tasks_that_outlive_a_test_need_a_mock(resource: str):
    with pytest.raises(InvalidDefinition):
        respond({"Type": "Task", "Resource": resource, "End": True}, roleArn=ROLE)


def test_input_that_is_no_json_is_refused():
    test = StateTest(definition='{"Type": "Succeed"}', input="{")

    with pytest.raises(InvalidExecutionInput):
        next(try_state(test, at=NOON, entropy=b""))


def test_a_role_that_is_no_arn_is_refused():
    with pytest.raises(InvalidArn):
        respond(LAMBDA, roleArn="tester")


# --- definitions ------------------------------------------------------------------------------------------------------


def test_a_state_may_go_on_to_states_that_are_not_there():
    state = {**LAMBDA, "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Mend"}]}
    state.pop("End")

    assert respond({**state, "Next": "Ship"}, mock=result(1))["nextState"] == "Ship"


def test_a_state_may_go_on_to_itself():
    assert respond({"Type": "Pass", "Next": "StateName"})["nextState"] == "StateName"


def test_a_fault_of_the_state_is_placed_in_the_machine_it_has_not_got():
    with pytest.raises(InvalidDefinition) as refused:
        respond({"Type": "Pass", "Seconds": 3, "End": True})

    assert str(refused.value) == (
        "Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: Field 'Seconds' is not supported "
        "at /States/StateName'"
    )


def test_a_state_of_a_machine_has_the_machines_language_and_its_own_name():
    machine = {
        "QueryLanguage": "JSONata",
        "StartAt": "Deep",
        "States": {"Deep": {**MAP, "ItemProcessor": {"StartAt": "In", "States": {"In": {**SHOWS_CONTEXT}}}}},
    }

    context = respond(machine, {}, stateName="In", mock=result(1))["output"]

    assert context["State"]["Name"] == "In"
