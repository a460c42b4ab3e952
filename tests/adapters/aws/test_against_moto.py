"""Tasks against moto's server: results as AWS gives them, ids aside."""

import json

import pytest

OPTIMIZED = "arn:aws:states:::"
SDK = f"{OPTIMIZED}aws-sdk:"
ITEM = {"id": {"S": "id1"}, "data": {"S": "HelloWorld"}}
METADATA = {"SdkHttpMetadata", "SdkResponseMetadata"}


@pytest.fixture
def table(emulated):
    name = {"TableName": "table"}
    emulated(
        f"{SDK}dynamodb:createTable",
        {
            **name,
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
            "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
            "BillingMode": "PAY_PER_REQUEST",
        },
    )
    yield "table"
    assert emulated(f"{SDK}dynamodb:deleteTable", name).status == "SUCCEEDED"


def test_items_are_put_and_got_by_either_kind_of_integration(emulated, table):
    put = emulated(f"{OPTIMIZED}dynamodb:putItem", {"TableName": table, "Item": ITEM}).output
    got = emulated(f"{OPTIMIZED}dynamodb:getItem", {"TableName": table, "Key": {"id": {"S": "id1"}}}).output
    put_by_sdk = emulated(f"{SDK}dynamodb:putItem", {"TableName": table, "Item": ITEM}).output
    found_by_sdk = emulated(
        f"{SDK}dynamodb:query",
        {
            "TableName": table,
            "KeyConditionExpression": "id = :id",
            "ExpressionAttributeValues": {":id": {"S": "id1"}},
        },
    ).output

    assert put.keys() == METADATA
    assert got.keys() == METADATA | {"Item"}
    assert got["Item"] == ITEM
    assert list(got["Item"]) == ["data", "id"]  # the order of Java's HashMap
    assert put_by_sdk == {}
    assert found_by_sdk == {"Count": 1, "Items": [ITEM], "ScannedCount": 1}


def test_items_are_updated_and_deleted(emulated, table):
    key = {"TableName": table, "Key": {"id": {"S": "id1"}}}
    update = {"UpdateExpression": "SET a = :a", "ExpressionAttributeValues": {":a": {"N": "1"}}}

    updated = emulated(f"{OPTIMIZED}dynamodb:updateItem", {**key, **update, "ReturnValues": "ALL_NEW"}).output
    deleted = emulated(f"{OPTIMIZED}dynamodb:deleteItem", {**key, "ReturnValues": "ALL_OLD"}).output

    assert updated["Attributes"] == deleted["Attributes"] == {"id": {"S": "id1"}, "a": {"N": "1"}}


@pytest.mark.parametrize(
    ("family", "error"),
    [
        (OPTIMIZED, "DynamoDB.ResourceNotFoundException"),
        (SDK, "DynamoDb.ResourceNotFoundException"),
    ],
)
def test_a_table_that_does_not_exist(emulated, family, error):
    ran = emulated(f"{family}dynamodb:putItem", {"TableName": "none", "Item": ITEM})

    assert ran.error == error
    assert ran.cause.startswith("Requested resource not found (Service: ")


def test_a_message_is_sent(emulated):
    url = emulated(f"{SDK}sqs:createQueue", {"QueueName": "queue"}).output["QueueUrl"]

    sent = emulated(f"{OPTIMIZED}sqs:sendMessage", {"QueueUrl": url, "MessageBody": {"a": 1}}).output
    received = emulated(f"{SDK}sqs:receiveMessage", {"QueueUrl": url}).output

    assert sent.keys() == METADATA | {"MD5OfMessageBody", "MessageId"}
    (message,) = received["Messages"]
    assert json.loads(message["Body"]) == {"a": 1}
    assert message["Md5OfBody"] == sent["MD5OfMessageBody"]


def test_a_queue_that_does_not_exist(emulated, moto):
    ran = emulated(f"{OPTIMIZED}sqs:sendMessage", {"QueueUrl": f"{moto}/123456789012/none", "MessageBody": "m"})

    assert ran.error == "SQS.QueueDoesNotExistException"


def test_a_message_is_published(emulated):
    topic = emulated(f"{SDK}sns:createTopic", {"Name": "topic"}).output["TopicArn"]

    output = emulated(f"{OPTIMIZED}sns:publish", {"TopicArn": topic, "Message": {"a": 1}}).output

    assert output.keys() == METADATA | {"MessageId"}


def test_a_topic_that_does_not_exist(emulated):
    ran = emulated(f"{OPTIMIZED}sns:publish", {"TopicArn": "arn:aws:sns:us-east-1:123456789012:none", "Message": "m"})

    assert ran.error == "SNS.NotFoundException"
    assert "(Service: AmazonSNS; Status Code: 404; Error Code: NotFound;" in ran.cause


def test_an_event_without_a_source_is_refused(emulated):
    event = {"Detail": {"a": 1}, "DetailType": "d"}

    sent = emulated(f"{OPTIMIZED}events:putEvents", {"Entries": [{**event, "Source": "s"}]}).output
    refused = emulated(f"{OPTIMIZED}events:putEvents", {"Entries": [{**event, "Source": "s"}, event]})

    assert sent.keys() == {"Entries", "FailedEntryCount"}
    assert refused.error == "EventBridge.FailedEntry"
    assert json.loads(refused.cause)["Entries"][1] == {
        "ErrorCode": "InvalidArgument",
        "ErrorMessage": "Parameter Source is not valid. Reason: Source is a required argument.",
    }


def test_an_object_comes_back_as_it_was_put(emulated):
    name = {"Bucket": "bucket-of-objects"}
    emulated(f"{SDK}s3:createBucket", name)

    put = emulated(f"{SDK}s3:putObject", {**name, "Key": "key", "Body": {"Dict": "Value"}}).output
    got = emulated(f"{SDK}s3:getObject", {**name, "Key": "key"}).output
    missing = emulated(f"{SDK}s3:getObject", {**name, "Key": "none"})

    assert put["ETag"] == '"49e31cee5aec8faf3345893addb14346"'
    assert got["Body"] == '{"Dict":"Value"}'
    assert (got["AcceptRanges"], got["ContentLength"], got["Metadata"]) == ("bytes", 16, {})
    assert missing.error == "S3.NoSuchKeyException"


def test_a_bucket_that_does_not_exist(emulated):
    ran = emulated(f"{SDK}s3:listObjects", {"Bucket": "no-such-bucket"})

    assert ran.error == "S3.NoSuchBucketException"
    assert ran.cause.startswith("The specified bucket does not exist (Service: S3, Status Code: 404, Request ID: ")


def test_a_job_of_glue_is_waited_for(emulated):
    emulated(
        f"{SDK}glue:createJob",
        {"Name": "job", "Role": "role", "Command": {"Name": "glueetl", "ScriptLocation": "s3://b/k"}},
    )

    ran = emulated(f"{OPTIMIZED}glue:startJobRun.sync", {"JobName": "job"})

    assert ran.status == "SUCCEEDED"
    assert ran.output["JobRunState"] == "SUCCEEDED"


def test_a_query_of_athena_is_waited_for(emulated):
    ran = emulated(
        f"{OPTIMIZED}athena:startQueryExecution.sync",
        {"QueryString": "SELECT 1", "ResultConfiguration": {"OutputLocation": "s3://b/"}},
    )

    assert ran.output["QueryExecution"]["Status"]["State"] == "SUCCEEDED"


def test_a_role_is_assumed_for_another_account(emulated):
    ran = emulated(f"{SDK}sts:getCallerIdentity", {}, Credentials={"RoleArn": "arn:aws:iam::000000000000:role/other"})

    assert ran.output["Account"] == "000000000000"
