"""Requests are held against AWS's model, and refused in AWS's words; responses are written in its shapes."""

import json
from datetime import UTC, datetime
from random import Random

import orjson
import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.parsers import create_parser
from botocore.validate import ParamValidator
from hypothesis import given
from hypothesis import strategies as st

from adapters.server.requests_of import operations, random_body, raw_bodies, requests, seeds
from conformance.summary import SELECTION
from stepwell.adapters.server.shapes import (
    OPERATIONS,
    check_request,
    check_response,
    complete_response,
    error_body,
    read_body,
)
from stepwell.engine.errors import CallerError, SerializationException, UnknownOperationException, ValidationException

ARN = "arn:aws:states:us-east-1:123456789012:stateMachine:Orders"
LIVE = {"name": "live", "routingConfiguration": [{"stateMachineVersionArn": f"{ARN}:1", "weight": 100}]}

MODEL = ServiceModel(Loader().load_service_model("stepfunctions", "service-2"), "stepfunctions")


def refusal(operation, body, error=ValidationException):
    with pytest.raises(error) as refused:
        check_request(operation, body)
    return str(refused.value)


def parsed_by_botocore(operation, body):
    response = {"body": body, "headers": {}, "status_code": 200}
    found = create_parser("json").parse(response, MODEL.operation_model(operation).output_shape)
    del found["ResponseMetadata"]
    return found


# --- what is let through ----------------------------------------------------------------------------------------------


def test_all_operations_of_the_model_are_known():
    assert frozenset(MODEL.operation_names) == OPERATIONS


def test_unknown_members_and_nulls_are_passed_over():
    body = {"stateMachineArn": ARN, "name": None, "colour": {"deep": []}}

    assert check_request("StartExecution", body) == {"stateMachineArn": ARN}


def test_they_are_passed_over_in_depth_too():
    tracing = {"enabled": True, "x": 1}
    logging = {"level": "OFF", "includeExecutionData": None, "destinations": [{"y": 2}]}
    body = {"stateMachineArn": ARN, "tracingConfiguration": tracing, "loggingConfiguration": logging}

    assert check_request("UpdateStateMachine", body) == {
        "stateMachineArn": ARN,
        "tracingConfiguration": {"enabled": True},
        "loggingConfiguration": {"level": "OFF", "destinations": [{}]},
    }


def test_a_fraction_of_a_whole_number_is_cut_off():
    assert check_request("ListStateMachines", {"maxResults": 9.9}) == {"maxResults": 9}


def test_an_unknown_operation_is_told():
    assert "'Nope'" in refusal("Nope", {}, UnknownOperationException)


@pytest.mark.parametrize("operation", operations())
def test_a_good_request_passes_unchanged_as_it_passes_botocore(operation):
    for seed in range(200):
        body = read_body(random_body(Random(seed), operation, faults=0))
        shape = MODEL.operation_model(operation).input_shape

        assert not ParamValidator().validate(body, shape).has_errors()
        assert check_request(operation, body) == body


# --- what is refused, in AWS's words ----------------------------------------------------------------------------------


def test_all_calls_that_aws_took_are_taken_and_those_it_refused_are_refused_in_its_words(request):
    departures = []
    for case in request.config.stash[SELECTION].cases():
        for call in case.calls:
            recorded = call.get("recorded", {}).get("error", {})
            if call.get("service") or (recorded and "code" not in recorded):  # the SDK refused it itself
                continue
            message = recorded.get("message", "")
            expected = message if "failed to satisfy constraint" in message else None
            try:
                check_request(call["operation"], call["params"])
                actual = None
            except CallerError as refused:
                actual = str(refused)
            if actual != expected:
                departures.append(f"{case.id} call {call['id']}: expected {expected}, actual {actual}")

    assert not departures, "\n".join(departures)


@pytest.mark.parametrize(
    "operation, body, value, place, rule",
    [
        ("StartExecution", {}, "Value null", "stateMachineArn", "not be null"),
        ("StartExecution", {"stateMachineArn": None}, "Value null", "stateMachineArn", "not be null"),
        ("DescribeActivity", {"activityArn": ""}, "Value ''", "activityArn", "have length greater than or equal to 1"),
        ("ListActivities", {"maxResults": -1}, "Value '-1'", "maxResults", "have value greater than or equal to 0"),
        (
            "UpdateMapRun",
            {"mapRunArn": ARN, "toleratedFailurePercentage": 101},
            "Value '101.0'",
            "toleratedFailurePercentage",
            "have value less than or equal to 100",
        ),
        (
            "UpdateMapRun",
            {"mapRunArn": ARN, "toleratedFailureCount": -(2**40)},
            "Value '-1099511627776'",
            "toleratedFailureCount",
            "have value greater than or equal to 0",
        ),
        (
            "StartExecution",
            {"stateMachineArn": ARN, "traceHeader": "ü"},
            "Value 'ü'",
            "traceHeader",
            r"satisfy regular expression pattern: \p{ASCII}*",
        ),
        (
            "RedriveExecution",
            {"executionArn": ARN, "clientToken": "a\n"},
            "Value 'a\n'",
            "clientToken",
            "satisfy regular expression pattern: [!-~]+",
        ),
        (
            "ListExecutions",
            {"statusFilter": "running"},
            "Value 'running'",
            "statusFilter",
            "satisfy enum value set: [SUCCEEDED, TIMED_OUT, PENDING_REDRIVE, ABORTED, FAILED, RUNNING]",
        ),
        (
            "UntagResource",
            {"resourceArn": ARN, "tagKeys": ["a", ""]},
            "Value ''",
            "tagKeys.2.member",
            "have length greater than or equal to 1",
        ),
        ("TagResource", {"resourceArn": ARN, "tags": [None]}, "Value null", "tags.1.member", "not be null"),
        (
            "CreateStateMachineAlias",
            LIVE | {"routingConfiguration": [{"weight": 100}]},
            "Value null",
            "routingConfiguration.1.member.stateMachineVersionArn",
            "not be null",
        ),
        (
            "CreateStateMachineAlias",
            LIVE | {"routingConfiguration": []},
            "Value '[]'",
            "routingConfiguration",
            "have length greater than or equal to 1",
        ),
        (
            "UpdateStateMachine",
            {"stateMachineArn": ARN, "encryptionConfiguration": {}},
            "Value null",
            "encryptionConfiguration.type",
            "not be null",
        ),
    ],
)
def test_what_does_not_satisfy_a_constraint_is_told_with_value_and_place(operation, body, value, place, rule):
    assert refusal(operation, body) == (
        f"1 validation error detected: {value} at '{place}' failed to satisfy constraint: Member must {rule}"
    )


def test_of_a_sensitive_member_no_value_is_told():
    texts = [
        refusal("SendTaskHeartbeat", {"taskToken": "x" * 2049}),
        refusal("TestState", {"definition": ""}),
        refusal("SendTaskSuccess", {"taskToken": "t"}),
    ]

    assert [text.partition(" failed")[0].partition(": ")[2] for text in texts] == [
        "Value at 'taskToken'",
        "Value at 'definition'",
        "Value at 'output'",
    ]


def test_several_faults_are_counted_and_joined():
    weights = [{"stateMachineVersionArn": "v", "weight": 101}, {"weight": -1}, {"stateMachineVersionArn": "w"}]
    shown = ", ".join(
        f"RoutingConfigurationListItem(stateMachineVersionArn={arn}, weight={weight})"
        for arn, weight in [("v", 101), ("null", -1), ("w", "null")]
    )

    faults = refusal("CreateStateMachineAlias", {"name": "1 2", "routingConfiguration": weights}).split("; ")

    assert faults == [
        "6 validation errors detected: Value '1 2' at 'name' failed to satisfy constraint: "
        r"Member must satisfy regular expression pattern: ^(?=.*[a-zA-Z_\-\.])[a-zA-Z0-9_\-\.]+$",
        f"Value '[{shown}]' at 'routingConfiguration' failed to satisfy constraint: "
        "Member must have length less than or equal to 2",
        "Value '101' at 'routingConfiguration.1.member.weight' failed to satisfy constraint: "
        "Member must have value less than or equal to 100",
        "Value null at 'routingConfiguration.2.member.stateMachineVersionArn' failed to satisfy constraint: "
        "Member must not be null",
        "Value '-1' at 'routingConfiguration.2.member.weight' failed to satisfy constraint: "
        "Member must have value greater than or equal to 0",
        "Value null at 'routingConfiguration.3.member.weight' failed to satisfy constraint: Member must not be null",
    ]


@pytest.mark.parametrize("name, is_taken", [("ü" * 80, True), ("ü" * 81, False), ("😀" * 40, True), ("😀" * 41, False)])
def test_lengths_are_counted_in_utf_16(name, is_taken):
    body = {"name": name}

    if is_taken:
        assert check_request("CreateActivity", body) == body
    else:
        assert "length less than or equal to 80" in refusal("CreateActivity", body)


def test_a_million_faults_are_not_answered_with_hundreds_of_megabytes():
    assert len(refusal("UntagResource", {"resourceArn": ARN, "tagKeys": [""] * 1_000_000})) < 100_000


# --- what has the wrong type ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "operation, body, text",
    [
        ("StartExecution", {"stateMachineArn": 1}, "NUMBER_VALUE cannot be converted to String"),
        ("StartExecution", {"stateMachineArn": True}, "TRUE_VALUE cannot be converted to String"),
        ("StartExecution", {"input": {}}, "Start of structure or map found where not expected."),
        ("StartExecution", {"input": []}, "Start of list found where not expected"),
        ("ListActivities", {"maxResults": "1"}, "STRING_VALUE cannot be converted to Integer"),
        ("ListActivities", {"maxResults": False}, "FALSE_VALUE cannot be converted to Integer"),
        ("ListActivities", {"maxResults": 2**31}, "NUMBER_VALUE cannot be converted to Integer"),
        ("ListActivities", {"maxResults": float("nan")}, "NUMBER_VALUE cannot be converted to Integer"),
        ("UpdateMapRun", {"toleratedFailurePercentage": 1e39}, "NUMBER_VALUE cannot be converted to Float"),
        ("GetExecutionHistory", {"reverseOrder": "true"}, "STRING_VALUE cannot be converted to Boolean"),
        ("GetExecutionHistory", {"reverseOrder": 1}, "NUMBER_VALUE cannot be converted to Boolean"),
        ("TagResource", {"tags": {"key": "value"}}, "Start of structure or map found where not expected."),
        ("TagResource", {"tags": "team=a"}, "STRING_VALUE cannot be converted to List"),
        ("TagResource", {"tags": ["team=a"]}, "STRING_VALUE cannot be converted to Structure"),
        ("TagResource", {"tags": [[]]}, "Start of list found where not expected"),
    ],
)
def test_a_value_of_another_type_is_told_before_any_constraint(operation, body, text):
    assert refusal(operation, body, SerializationException) == text


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"{} {}",
        b"'x'",
        b'{"a": NaN}',
        b'{"a": 1e999}',
        b'{"a": "\xff"}',
        b'{"a": "\\ud800"}',
        b"[" * 1_000_000,
        b'{"a":' * 1_000_000,
        b"null",
        b"1",
        b"[]",
        b'"x"',
    ],
    ids=lambda body: body[:16],
)
def test_a_body_that_is_no_object_in_json_is_refused(body):
    with pytest.raises(SerializationException):
        read_body(body)


def test_an_empty_body_is_an_empty_object():
    assert read_body(b"") == {}


def test_of_a_repeated_member_the_last_one_counts():
    assert read_body(b'{"a": 1, "a": 2}') == {"a": 2}


@given(requests())
def test_whatever_is_asked_is_taken_or_refused_with_words(asked):
    operation, body = asked
    try:
        params = check_request(operation, read_body(body))
    except CallerError as refused:
        assert str(refused)
    else:
        assert check_request(operation, params) == params


@given(raw_bodies())
def test_whatever_comes_is_read_or_refused(body):
    try:
        assert isinstance(read_body(body), dict)
    except SerializationException as refused:
        assert str(refused)


@given(seeds())
def test_what_is_taken_botocore_would_have_sent(seed):
    rng = Random(seed)
    operation = rng.choice(operations())
    shape = MODEL.operation_model(operation).input_shape
    try:
        params = check_request(operation, read_body(random_body(rng, operation, faults=0.1)))
    except CallerError:
        return

    assert not ParamValidator().validate(params, shape).has_errors()


# --- responses --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "milliseconds, written",
    [(1700000000123, b"1700000000.123"), (1700000000100, b"1700000000.1"), (1700000000000, b"1700000000")],
)
def test_dates_are_written_in_seconds(milliseconds, written):
    response = {"executionArn": ARN, "startDate": milliseconds}

    body = complete_response("StartExecution", response)

    assert body == b'{"executionArn":"%s","startDate":%s}' % (ARN.encode(), written)
    assert parsed_by_botocore("StartExecution", body)["startDate"] == datetime.fromtimestamp(milliseconds / 1000, UTC)
    assert response["startDate"] == milliseconds


def test_dates_are_written_in_seconds_wherever_they_stand_and_numbers_stay():
    entered = {"name": "A", "input": "{}", "inputDetails": {"truncated": False}}
    event = {"timestamp": 1500, "type": "PassStateEntered", "id": 1500, "previousEventId": 0}

    body = complete_response("GetExecutionHistory", {"events": [event | {"stateEnteredEventDetails": entered}]})

    assert json.loads(body) == {"events": [event | {"timestamp": 1.5, "stateEnteredEventDetails": entered}]}


def test_members_without_a_value_are_left_out():
    item = {"executionArn": ARN, "stateMachineArn": ARN, "name": "a", "status": "RUNNING", "startDate": 0}

    body = complete_response("ListExecutions", {"executions": [item | {"stopDate": None}], "nextToken": None})

    assert json.loads(body) == {"executions": [item]}


def test_every_operation_has_a_response_to_write():
    assert {complete_response(operation, {}) for operation in OPERATIONS} == {b"{}"}


def test_half_a_surrogate_pair_can_be_answered():
    assert json.loads(error_body("InvalidName", "Invalid Name: '\ud800'")) == {
        "__type": "InvalidName",
        "message": "Invalid Name: '\ud800'",
    }


@given(st.text(), st.text())
def test_an_error_is_what_botocore_reads(code, message):
    assert orjson.loads(error_body(code, message)) == {"__type": code, "message": message}


def test_where_a_response_departs_from_the_model_is_told():
    references = {"A": ["$x"], "B": [1]}
    machine = {"name": "a", "status": "NEW", "creationDate": "today", "colour": 1, "variableReferences": references}

    assert check_response("DescribeStateMachine", machine) == [
        "DescribeStateMachine.stateMachineArn: is missing",
        "DescribeStateMachine.definition: is missing",
        "DescribeStateMachine.roleArn: is missing",
        "DescribeStateMachine.type: is missing",
        "DescribeStateMachine.status: 'NEW' must satisfy enum value set: [ACTIVE, DELETING]",
        "DescribeStateMachine.creationDate: 'today' is no timestamp",
        "DescribeStateMachine.colour: is not in the model",
        "DescribeStateMachine.variableReferences.B.1: 1 is no string",
    ]


def test_of_a_response_in_the_model_nothing_is_told():
    assert check_response("StartExecution", {"executionArn": ARN, "startDate": 1700000000123}) == []
