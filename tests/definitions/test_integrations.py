"""Which service integrations exist, and what may be among their parameters."""

import pytest

from stepwell.definitions.check import diagnose
from stepwell.definitions.integrations import parameter_faults
from stepwell.definitions.resources import parse_resource

OPTIMIZED = "arn:aws:states:::"


def told(resource, field="Parameters", **fields):
    state = {"Type": "Task", "Resource": f"{OPTIMIZED}{resource}", "End": True, **fields}
    language = {"QueryLanguage": "JSONata"} if field == "Arguments" else {}
    return [str(problem) for problem in diagnose({**language, "StartAt": "S", "States": {"S": state}})]


def unknown(resource):
    return (
        f"SCHEMA_VALIDATION_FAILED: The resource provided {OPTIMIZED}{resource} is not recognized. The value is not a "
        "valid resource ARN, or the resource is not available in this region. at /States/S/Resource"
    )


@pytest.mark.parametrize(
    "resource",
    [
        "dynamodb:query",
        "newservice:doIt",
        "s3:getObject",
        "glue:startJobRun.waitForTaskToken",
        "athena:getQueryResults.sync",
        "sqs:sendMessage.sync",
        "glue:startJobRun.sync:2",
        "aws-sdk:sts:assumeRole",
        "aws-sdk:lambda:invokeAsync",
        "aws-sdk:logs:putLogEvents",
        "aws-sdk:cognito-idp:listUsers",
        "aws-sdk:s3:getObject.sync",
    ],
)
def test_an_integration_that_does_not_exist_is_refused(resource):
    assert told(resource) == [unknown(resource)]


@pytest.mark.parametrize(
    "resource",
    [
        "states:startExecution.sync:2",
        "ecs:runTask.waitForTaskToken",
        "elasticmapreduce:addStep.sync",
        "eks:call",
        "eks:runJob.sync",
        "bedrock:invokeModel",
        "bedrockagentcore:invokeAgentRuntime",
        "http:invoke",
        "mediaconvert:createJob.sync",
        "aws-sdk:newservice:doIt",
        "aws-sdk:cloudwatchlogs:putLogEvents",
        "aws-sdk:sqs:sendMessage.waitForTaskToken",
        "aws-sdk:sts:getCallerIdentity",
    ],
)
def test_an_integration_that_exists_or_may_exist_is_accepted(resource):
    assert told(resource) == []


def test_a_literal_parameter_that_the_api_does_not_have_is_refused():
    problems = told("sqs:sendMessage", Parameters={"QueueUrl": "q", "MessageBody.$": "$", "Colour.$": "$.colour"})

    assert problems == [
        "SCHEMA_VALIDATION_FAILED: The field 'Colour' is not supported by Step Functions at /States/S/Parameters"
    ]


def test_each_missing_parameter_is_told():
    assert told("dynamodb:getItem", Parameters={}) == [
        f"SCHEMA_VALIDATION_FAILED: The field '{name}' is required but was missing at /States/S/Parameters"
        for name in ("TableName", "Key")
    ]


def test_arguments_are_looked_at_as_parameters_are():
    assert told("sns:publish", "Arguments", Arguments={"TopicArn": "t"}) == [
        "SCHEMA_VALIDATION_FAILED: The field 'Message' is required but was missing at /States/S/Arguments"
    ]


@pytest.mark.parametrize(
    ("field", "fields"),
    [("Parameters", {}), ("Parameters", {"InputPath": "$.a"}), ("Arguments", {"Arguments": "{% $states.input %}"})],
    ids=["no parameters", "a path", "an expression"],
)
def test_what_is_known_only_when_it_runs_is_not_looked_at(field, fields):
    assert told("sqs:sendMessage", field, **fields) == []


FORMAT = "The value of the field '{}' has an invalid format"


@pytest.mark.parametrize(
    ("resource", "parameters", "faults"),
    [
        ("apigateway:invoke", {"Headers": {"a": "text"}}, [FORMAT.format("Headers")]),
        ("apigateway:invoke", {"Headers": {"a": ["x"], "b": None}}, []),
        ("apigateway:invoke", {"Headers": None, "RequestBody": [1]}, []),
        ("apigateway:invoke", {"AllowNullValues": "yes"}, [FORMAT.format("AllowNullValues")]),
        ("apigateway:invoke", {"Colour": 1}, ["The field 'Colour' is not supported by Step Functions"]),
        ("sqs:sendMessage", {"DelaySeconds": "5"}, []),
        ("sqs:sendMessage", {"DelaySeconds": "soon"}, [FORMAT.format("DelaySeconds")]),
        ("sqs:sendMessage", {"DelaySeconds": True}, [FORMAT.format("DelaySeconds")]),
        ("sqs:sendMessage", {"MessageAttributes": []}, [FORMAT.format("MessageAttributes")]),
        ("events:putEvents", {"Entries": {}}, [FORMAT.format("Entries")]),
        ("lambda:invoke", {"FunctionName": "f", "Payload": 5}, []),
    ],
)
def test_a_value_of_the_wrong_kind_has_an_invalid_format(resource, parameters, faults):
    whole = {
        "apigateway:invoke": {"ApiEndpoint": "a", "Method": "GET"},
        "sqs:sendMessage": {"QueueUrl": "q", "MessageBody": "m"},
    }

    found = parameter_faults(parse_resource(OPTIMIZED + resource), {**whole.get(resource, {}), **parameters})

    assert found == faults


def test_faults_of_values_come_before_what_is_missing():
    sent = parse_resource(f"{OPTIMIZED}sqs:sendMessage")

    assert parameter_faults(sent, {"Colour": 1, "QueueUrl": None}) == [
        "The field 'Colour' is not supported by Step Functions",
        "The field 'MessageBody' is required but was missing",
    ]


@pytest.mark.parametrize("resource", ["aws-sdk:sqs:sendMessage", "elasticmapreduce:createCluster"])
def test_parameters_that_are_not_known_are_not_looked_at(resource):
    assert parameter_faults(parse_resource(OPTIMIZED + resource), {"Colour": 1}) == []


@pytest.mark.parametrize("value", [None, "text", 5, ["list"]])
def test_an_input_that_is_no_object_is_left_to_the_service(value):
    assert parameter_faults(parse_resource(f"{OPTIMIZED}sqs:sendMessage"), value) == []
