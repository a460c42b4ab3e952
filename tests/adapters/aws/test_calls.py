"""Calls of AWS services: what is sent, what becomes of the answer, and of its absence."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from stepwell.adapters.hosts.simulation import simulate
from stepwell.adapters.tasks.aws import AwsTasks, Endpoints
from support import CALL, Run, catcher, machine, pass_, task

OPTIMIZED = "arn:aws:states:::"
SDK = f"{OPTIMIZED}aws-sdk:"
XML = {"Content-Type": "application/xml", "x-amz-request-id": "request-1", "x-amz-id-2": "host-1"}


# --- requests ---------------------------------------------------------------------------------------------------------


def test_parameters_become_the_members_of_the_api(service, call):
    parameters = {
        "Cluster": "c",
        "TaskDefinition": "t",
        "NetworkConfiguration": {"AwsvpcConfiguration": {"Subnets": ["s"]}},
    }

    call(f"{OPTIMIZED}ecs:runTask", parameters)

    sent = service.body
    assert sent.pop("clientToken")
    assert sent == {
        "cluster": "c",
        "taskDefinition": "t",
        "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["s"]}},
    }


def test_an_sdk_integration_takes_acronyms_for_words(service, call):
    service.answers(b"<R><DescribeDBInstancesResult/></R>", headers=XML)

    call(f"{SDK}rds:describeDBInstances", {"DbInstanceIdentifier": "db"})

    assert b"DBInstanceIdentifier=db" in service.requests[0]["body"]


@pytest.mark.parametrize(
    ("given", "sent"), [({"a": 1}, '{"a":1}'), ([1, "b"], '[1,"b"]'), ("text", "text"), (5, "5"), (False, "false")]
)
def test_what_is_no_text_is_sent_as_json_where_the_api_takes_text(service, call, given, sent):
    call(f"{OPTIMIZED}sqs:sendMessage", {"QueueUrl": "q", "MessageBody": given})

    assert service.body["MessageBody"] == sent


@pytest.mark.parametrize(("given", "sent"), [({"a": 1}, b'{"a":1}'), ("text", b'"text"'), (False, b"false")])
def test_bytes_of_an_sdk_integration_are_json_texts_included(service, call, given, sent):
    service.answers(b"", headers=XML)

    call(f"{SDK}s3:putObject", {"Bucket": "bucket", "Key": "key", "Body": given})

    assert service.requests[0]["path"] == "/bucket/key"
    assert sent in service.requests[0]["body"]


def test_a_null_is_not_sent(service, call):
    call(f"{OPTIMIZED}sqs:sendMessage", {"QueueUrl": "q", "MessageBody": "m", "DelaySeconds": None})

    assert service.body == {"QueueUrl": "q", "MessageBody": "m"}


def test_numbers_truth_values_and_moments_may_be_texts(service, call):
    call(f"{SDK}cloudwatchlogs:describeLogStreams", {"LogGroupName": "g", "Limit": "5", "Descending": "true"})

    assert service.body == {"logGroupName": "g", "limit": 5, "descending": True}


def test_a_task_that_is_performed_again_sends_the_same_token(service):
    definition = machine(Call=task(f"{OPTIMIZED}ecs:runTask", Parameters={"TaskDefinition": "t"}))
    for _ in range(2):
        simulate(definition, tasks=AwsTasks(Endpoints(everything=service.url)), execution_arn=EXECUTION)

    first, second = (json.loads(request["body"])["clientToken"] for request in service.requests)
    assert first == second


EXECUTION = "arn:aws:states:us-east-1:123456789012:execution:m:e"


def in_words(parameters):
    """The parameters as they are known only when the task runs."""
    return "{% " + json.dumps(parameters) + " %}"


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"MessageBody": "m"}, "The field 'QueueUrl' is required but was missing"),
        ({"QueueUrl": "q", "MessageBody": "m", "Colour": 1}, "The field 'Colour' is not supported by Step Functions"),
        (
            {"QueueUrl": "q", "MessageBody": "m", "DelaySeconds": "soon"},
            "The value of the field 'DelaySeconds' has an invalid format",
        ),
        (
            {"QueueUrl": "q", "MessageBody": "m", "MessageAttributes": [1]},
            "The value of the field 'MessageAttributes' has an invalid format",
        ),
    ],
)
def test_parameters_that_the_api_does_not_take_end_the_execution(service, call, parameters, said):
    ran = call(f"{OPTIMIZED}sqs:sendMessage", QueryLanguage="JSONata", Arguments=in_words(parameters))

    assert ran.error == "States.Runtime"
    assert f"could not be used to start the Task: [{said}]" in ran.cause
    assert not service.requests


def test_an_attribute_of_an_optimized_call_may_be_a_text_alone(service, call):
    item = {"id": "7", "tags": {"L": ["a"]}, "size": {"N": "1"}}

    call(f"{OPTIMIZED}dynamodb:putItem", {"TableName": "t", "Item": item})
    refused = call(f"{SDK}dynamodb:putItem", {"TableName": "t", "Item": item})

    assert service.body["Item"] == {"id": {"S": "7"}, "tags": {"L": [{"S": "a"}]}, "size": {"N": "1"}}
    assert refused.error == "States.Runtime"


@pytest.mark.parametrize(
    ("resource", "parameters", "error", "cause"),
    [
        (
            f"{OPTIMIZED}dynamodb:putItem",
            {"TableName": "t", "Item": None},
            "DynamoDB.AmazonDynamoDBException",
            "1 validation error detected: Value null at 'item' failed to satisfy constraint: Member must not be null",
        ),
        (
            f"{OPTIMIZED}sqs:sendMessage",
            {"QueueUrl": "q", "MessageBody": None},
            "SQS.AmazonSQSException",
            "The request must contain the parameter MessageBody.",
        ),
        (f"{SDK}s3:getObject", {"Bucket": "b", "Key": None}, "S3.SdkClientException", "Key cannot be empty."),
    ],
)
def test_a_null_for_what_the_service_demands_fails_as_on_aws(call, resource, parameters, error, cause):
    ran = call(resource, parameters)

    assert ran.error == error
    assert cause in ran.cause


# --- results ----------------------------------------------------------------------------------------------------------


def test_an_optimized_integration_tells_of_the_http_answer(service, call):
    service.answers({"Attributes": {"id": {"S": "1"}}})

    output = call(f"{OPTIMIZED}dynamodb:putItem", {"TableName": "t", "Item": {"id": {"S": "1"}}}).output

    assert list(output) == ["Attributes", "SdkHttpMetadata", "SdkResponseMetadata"]
    assert output["SdkResponseMetadata"] == {"RequestId": "request-1"}
    http = output["SdkHttpMetadata"]
    assert http["HttpStatusCode"] == 200
    assert http["HttpHeaders"]["Content-Type"] == "application/x-amz-json-1.0"
    assert http["AllHttpHeaders"]["x-amzn-RequestId"] == ["request-1"]
    assert list(http["HttpHeaders"]) == sorted(http["HttpHeaders"], key=str.lower)


def test_an_sdk_integration_tells_of_the_answer_only(service, call):
    service.answers({"Count": 1, "ScannedCount": 1, "Items": [{"id": {"S": "1"}}]})

    output = call(f"{SDK}dynamodb:query", {"TableName": "t"}).output

    assert list(output.items()) == [("Count", 1), ("Items", [{"id": {"S": "1"}}]), ("ScannedCount", 1)]


def test_an_empty_answer_is_an_empty_object(call):
    assert call(f"{SDK}dynamodb:putItem", {"TableName": "t", "Item": {}}).output == {}


@pytest.mark.parametrize(
    ("seconds", "text"), [(1700000000, "2023-11-14T22:13:20Z"), (1700000000.5, "2023-11-14T22:13:20.500Z")]
)
def test_moments_are_texts(service, call, seconds, text):
    service.answers({"executionArn": "e", "startDate": seconds})

    output = call(f"{SDK}sfn:startExecution", {"StateMachineArn": "m", "Input": {"a": 1}}).output

    assert output == {"ExecutionArn": "e", "StartDate": text}
    assert service.body["input"] == '{"a":1}'


def test_the_body_of_an_object_is_text_and_comes_last(service, call):
    service.answers(b"contents", headers={**XML, "ETag": '"e"', "x-amz-meta-a": "b"})

    output = call(f"{SDK}s3:getObject", {"Bucket": "b", "Key": "k"}).output

    assert output["Body"] == "contents"
    assert output["Metadata"] == {"a": "b"}
    assert list(output) == [*sorted(set(output) - {"Body"}), "Body"]


def test_bytes_that_are_no_text_come_as_base64(service, call):
    service.answers(b"\xff\xfe", headers=XML)

    assert call(f"{SDK}s3:getObject", {"Bucket": "b", "Key": "k"}).output["Body"] == "//4="


def test_an_object_that_is_too_large_for_a_result_is_said_to_be(service, call):
    service.answers(b"x" * 300_000, headers=XML)

    ran = call(f"{SDK}s3:getObject", {"Bucket": "b", "Key": "k"})

    assert ran.error == "States.DataLimitExceeded"
    assert "'aws-sdk:s3'" in ran.cause


def test_lists_that_ecs_leaves_out_are_empty(service, call):
    service.answers({"tasks": [{"taskArn": "a", "containers": [{"name": "c"}]}]})

    output = call(f"{OPTIMIZED}ecs:runTask", {"TaskDefinition": "t"}).output

    assert output["Failures"] == []
    (container,) = output["Tasks"][0]["Containers"]
    assert (container["Name"], container["GpuIds"], container["ManagedAgents"]) == ("c", [], [])


# --- failures ---------------------------------------------------------------------------------------------------------

NOT_FOUND = {"__type": "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException", "message": "No such table"}


def test_an_optimized_integration_fails_in_the_words_of_the_first_sdk(service, call):
    service.answers(NOT_FOUND, status=400)

    ran = call(f"{OPTIMIZED}dynamodb:getItem", {"TableName": "t", "Key": {}})

    assert ran.error == "DynamoDB.ResourceNotFoundException"
    assert ran.cause == (
        "No such table (Service: AmazonDynamoDBv2; Status Code: 400; Error Code: ResourceNotFoundException; "
        "Request ID: request-1; Proxy: null)"
    )


def test_an_sdk_integration_fails_in_the_words_of_the_second(service, call):
    service.answers(NOT_FOUND, status=400)

    ran = call(f"{SDK}dynamodb:getItem", {"TableName": "t", "Key": {}})

    assert ran.error == "DynamoDb.ResourceNotFoundException"
    assert ran.cause == (
        "No such table (Service: DynamoDb, Status Code: 400, Request ID: request-1) (SDK Attempt Count: 1)"
    )


@pytest.mark.parametrize(
    ("resource", "error"),
    [
        (f"{OPTIMIZED}dynamodb:getItem", "DynamoDB.AmazonDynamoDBException"),
        (f"{SDK}dynamodb:getItem", "DynamoDb.DynamoDbException"),
    ],
)
def test_an_error_that_the_model_does_not_have_is_the_services_own(service, call, resource, error):
    service.answers({"__type": "Nonesuch", "message": "m"}, status=400)

    assert call(resource, {"TableName": "t", "Key": {}}).error == error


def test_s3_tells_its_second_id(service, call):
    service.answers(b"<Error><Code>NoSuchKey</Code><Message>No key.</Message></Error>", status=404, headers=XML)

    ran = call(f"{SDK}s3:getObject", {"Bucket": "b", "Key": "k"})

    assert ran.error == "S3.NoSuchKeyException"
    assert "Request ID: request-1, Extended Request ID: host-1)" in ran.cause


def test_an_error_without_a_body_is_the_one_that_the_operation_has(service, call):
    service.answers(b"", status=404, headers=XML)

    assert call(f"{SDK}s3:headObject", {"Bucket": "b", "Key": "k"}).error == "S3.NoSuchKeyException"


def test_a_service_that_is_throttled_is_asked_once(service, call):
    service.answers({"__type": "ThrottlingException", "message": "Rate exceeded"}, status=400)

    ran = call(f"{OPTIMIZED}glue:startJobRun", {"JobName": "j"})

    assert ran.error == "Glue.ThrottlingException"
    assert ran.cause.startswith("Rate exceeded (Service: AWSGlue; Status Code: 400; Error Code: ThrottlingException;")
    assert len(service.requests) == 1


def test_a_service_that_fails_is_asked_once(service, call):
    service.answers(b"<html>", status=503, headers={})

    ran = call(f"{OPTIMIZED}sqs:sendMessage", {"QueueUrl": "q", "MessageBody": "m"})

    assert ran.error == "SQS.AmazonSQSException"
    assert len(service.requests) == 1


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://127.0.0.1:9", "Unable to execute HTTP request: Connect to 127.0.0.1:9 failed: Connection refused"),
        ("http://nowhere.invalid", "Unable to execute HTTP request: nowhere.invalid: "),
    ],
)
def test_where_nobody_answers_the_client_says_so(url, said):
    state = task(f"{OPTIMIZED}sqs:sendMessage", Parameters={"QueueUrl": "q", "MessageBody": "m"})

    ran = Run(simulate(machine(Call=state), tasks=AwsTasks(Endpoints(everything=url))), [])

    assert ran.error == "SQS.SdkClientException"
    assert ran.cause.startswith(said)


@pytest.mark.parametrize("body", [b"<not xml", b"<Other/>", b""])
def test_an_answer_that_cannot_be_read_is_a_failure_and_no_more(service, call, body):
    service.answers(body, headers={"Content-Type": "text/xml"})

    ran = call(f"{OPTIMIZED}sns:publish", {"TopicArn": "t", "Message": "m"})

    assert ran.status in ("FAILED", "SUCCEEDED")
    assert ran.error in (None, "SNS.SdkClientException")


@pytest.mark.parametrize("body", [[1], "text", {"Items": 5}, {"Items": [{"a": [1]}]}])
def test_an_answer_of_another_shape_is_a_failure(service, call, body):
    service.answers(body)

    assert call(f"{SDK}dynamodb:query", {"TableName": "t"}).error == "DynamoDb.SdkClientException"


def test_a_failure_can_be_caught(service):
    service.answers(NOT_FOUND, status=400)
    state = task(
        f"{OPTIMIZED}dynamodb:getItem",
        Parameters={"TableName": "t", "Key": {}},
        Catch=[catcher("DynamoDB.ResourceNotFoundException", next="Caught")],
    )

    ran = Run(
        simulate(machine(Call=state, Caught=pass_()), tasks=AwsTasks(Endpoints(everything=service.url))),
        [],
    )

    assert ran.status == "SUCCEEDED"


@pytest.mark.parametrize(
    ("resource", "said"),
    [
        (f"{SDK}nonesuch:doThis", "There is no service 'nonesuch'"),
        (f"{SDK}s3:doThis", "The service 's3' has no action 'doThis'"),
        (f"{SDK}bedrockruntime:invokeModelWithResponseStream", "is a streaming API"),
    ],
)
def test_what_cannot_be_called_says_why(call, resource, said):
    ran = call(resource, {})

    assert ran.error == "Stepwell.TaskNotSupported"
    assert said in ran.cause


# --- answered by a token ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("resource", [f"{OPTIMIZED}sqs:sendMessage", f"{SDK}sqs:sendMessage"])
def test_a_callback_is_submitted_and_stays_open(service, call, resource):
    service.answers({"MessageId": "1"})

    ran = call(
        f"{resource}.waitForTaskToken",
        {"QueueUrl": "q", "MessageBody": {"token.$": "$$.Task.Token"}},
        TimeoutSeconds=5,
    )

    assert ran.types[2:6] == ["TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskTimedOut"]
    assert json.loads(service.body["MessageBody"])["token"]


def test_a_callback_that_could_not_be_sent_fails_at_once(service, call):
    service.answers({"__type": "x#InvalidMessageContents", "message": "m"}, status=400)

    ran = call(f"{OPTIMIZED}sqs:sendMessage.waitForTaskToken", {"QueueUrl": "q", "MessageBody": "m"}, TimeoutSeconds=5)

    assert ran.error == "SQS.InvalidMessageContentsException"


# --- Lambda -----------------------------------------------------------------------------------------------------------

INVOKED = {"X-Amz-Executed-Version": "$LATEST", "x-amzn-RequestId": "request-1"}
RAISED = {**INVOKED, "X-Amz-Function-Error": "Unhandled"}


@pytest.mark.parametrize("value", [{"a": [1.0, None]}, [], "x", 0.0, True, None])
def test_a_function_named_by_its_arn_gives_what_it_returns(service, call, value):
    service.answers(value, headers=INVOKED)

    ran = call(CALL, {"given": 1})

    assert ran.output == value
    assert service.requests[0]["path"] == "/2015-03-31/functions/call/invocations"
    assert service.body == {"given": 1}


def test_what_a_function_returns_that_is_no_json_becomes_a_string(service, call):
    service.answers(b"plain \xc3\xa4", headers=INVOKED)

    assert call(CALL).output == "plain ä"


@pytest.mark.parametrize(
    ("named", "path"),
    [
        ("f", "/2015-03-31/functions/f/invocations"),
        ("f:live", "/2015-03-31/functions/f/invocations?Qualifier=live"),
        ("123456789012:function:f", "/2015-03-31/functions/f/invocations"),
        (f"{CALL}:7", "/2015-03-31/functions/call/invocations?Qualifier=7"),
    ],
)
def test_a_function_is_invoked_by_its_name(service, call, named, path):
    service.answers({"got": 1}, headers=INVOKED)

    output = call(f"{OPTIMIZED}lambda:invoke", {"FunctionName": named, "Payload": {"x": 1}}).output

    assert service.requests[0]["path"] == path
    assert service.body == {"x": 1}
    assert list(output) == ["ExecutedVersion", "Payload", "SdkHttpMetadata", "SdkResponseMetadata", "StatusCode"]
    assert (output["ExecutedVersion"], output["Payload"], output["StatusCode"]) == ("$LATEST", {"got": 1}, 200)


@pytest.mark.parametrize(
    ("parameters", "sent"),
    [
        ({}, b"{}"),
        ({"Payload": None}, b"null"),
        ({"Payload": {"a": "b"}}, b'{"a":"b"}'),
        ({"Payload": '"text"'}, b'"text"'),
        ({"Payload": "0"}, b"0"),
    ],
)
def test_the_event_of_an_invoked_function_is_its_payload_where_a_text_is_json_text(service, call, parameters, sent):
    call(f"{OPTIMIZED}lambda:invoke", {"FunctionName": "f", **parameters})

    assert service.requests[0]["body"] == sent


@pytest.mark.parametrize(
    ("resource", "cause"),
    [
        (CALL, '{"errorMessage": "no", "errorType": "ValueError"}'),
        (f"{OPTIMIZED}lambda:invoke", '{"errorMessage":"no","errorType":"ValueError"}'),
    ],
)
def test_what_a_function_raises_is_the_error(service, call, resource, cause):
    service.answers({"errorMessage": "no", "errorType": "ValueError"}, headers=RAISED)

    ran = call(resource, {"FunctionName": "f"})

    assert (ran.error, ran.cause) == ("ValueError", cause)


def test_a_function_that_broke_without_a_type_of_error_is_told_so(service, call):
    service.answers({"errorMessage": "Task timed out after 3.00 seconds"}, headers=RAISED)

    ran = call(CALL)

    assert ran.error == "Lambda.Unknown"
    assert ran.cause == (
        "The cause could not be determined because Lambda did not return an error type. "
        'Returned payload: {"errorMessage": "Task timed out after 3.00 seconds"}'
    )


@pytest.mark.parametrize("resource", [CALL, f"{OPTIMIZED}lambda:invoke"])
def test_a_function_that_does_not_exist_fails_as_on_aws(service, call, resource):
    service.answers(
        {"Message": "Function not found: f"},
        status=404,
        headers={**INVOKED, "x-amzn-ErrorType": "ResourceNotFoundException"},
    )

    ran = call(resource, {"FunctionName": "f"})

    assert ran.error == "Lambda.ResourceNotFoundException"
    assert ran.cause == (
        "Function not found: f (Service: AWSLambda; Status Code: 404; Error Code: ResourceNotFoundException; "
        "Request ID: request-1; Proxy: null)"
    )


# --- EventBridge, ECS -------------------------------------------------------------------------------------------------


def test_events_name_the_execution_that_sends_them(service, call):
    service.answers({"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]})

    output = call(f"{OPTIMIZED}events:putEvents", {"Entries": [{"Detail": {"a": 1}, "Resources": ["r"]}]}).output

    (entry,) = service.body["Entries"]
    first, execution, state_machine = entry["Resources"]
    assert entry["Detail"] == '{"a":1}'
    assert first == "r"
    assert ":execution:machine:" in execution
    assert state_machine.endswith(":stateMachine:machine")
    assert output == {"Entries": [{"EventId": "1"}], "FailedEntryCount": 0}


def test_an_event_that_is_refused_fails_the_task(service, call):
    entries = [{"EventId": "1"}, {"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."}]
    service.answers({"FailedEntryCount": 1, "Entries": entries})

    ran = call(f"{OPTIMIZED}events:putEvents", {"Entries": []})

    assert ran.error == "EventBridge.FailedEntry"
    assert ran.cause == (
        '{"Entries":[{"EventId":"1"},{"ErrorCode":"MalformedDetail","ErrorMessage":"Detail is malformed."}],'
        '"FailedEntryCount":1}'
    )


def test_an_ecs_task_that_finds_no_place_fails(service, call):
    service.answers({"tasks": [], "failures": [{"arn": "a", "reason": "RESOURCE:MEMORY"}]})

    ran = call(f"{OPTIMIZED}ecs:runTask", {"TaskDefinition": "t"})

    assert ran.error == "AmazonECS.Unknown"
    assert "RESOURCE:MEMORY" in ran.cause


# --- roles ------------------------------------------------------------------------------------------------------------

ASSUMED = b"""<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>OTHERKEY</AccessKeyId>
<SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>2999-01-01T00:00:00Z</Expiration>
</Credentials></AssumeRoleResult></AssumeRoleResponse>"""
ROLE = {"RoleArn": "arn:aws:iam::000000000000:role/other"}


def test_a_task_with_credentials_calls_in_the_assumed_role(service, call):
    service.answers(ASSUMED, {})

    call(f"{OPTIMIZED}dynamodb:getItem", {"TableName": "t", "Key": {}}, Credentials=ROLE)

    assert b"role%2Fother" in service.requests[0]["body"]
    assert "Credential=OTHERKEY/" in service.requests[1]["headers"]["Authorization"]


def test_a_role_that_cannot_be_assumed_fails_the_task(service, call):
    service.answers(b"<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>", status=403)

    denied = "arn:aws:iam::000000000000:role/denied"

    ran = call(f"{OPTIMIZED}dynamodb:getItem", {"TableName": "t", "Key": {}}, Credentials={"RoleArn": denied})

    assert ran.error == "States.TaskFailed"
    assert denied in ran.cause


def test_without_an_endpoint_for_sts_a_role_counts_for_nothing(service):
    tasks = AwsTasks(Endpoints(of_services={"lambda": service.url}))

    ran = Run(simulate(machine(Call=task(CALL, Credentials=ROLE)), tasks=tasks), [])

    assert ran.status == "SUCCEEDED"
    assert len(service.requests) == 1


def test_calls_from_many_threads_share_a_client(service):
    def one(number):
        state = task(f"{OPTIMIZED}sqs:sendMessage", Parameters={"QueueUrl": "q", "MessageBody": str(number)})
        return Run(simulate(machine(Call=state), tasks=tasks), []).status

    tasks = AwsTasks(Endpoints(everything=service.url))
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(one, range(32)))

    assert statuses == ["SUCCEEDED"] * 32
    assert sorted(int(json.loads(request["body"])["MessageBody"]) for request in service.requests) == list(range(32))
