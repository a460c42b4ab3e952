"""Where calls go, and where they never go."""

import re
import subprocess
import sys

import pytest

from stepwell.adapters.hosts.simulation import simulate
from stepwell.adapters.tasks.aws import AwsTasks, Credentials, Endpoints, InvalidEndpoint
from stepwell.adapters.tasks.aws.endpoints import read_calls, read_options
from support import CALL, Run, machine, returns, task

ONE, OTHER = "http://127.0.0.1:1001", "http://127.0.0.1:1002"


def test_without_an_endpoint_nothing_is_called():
    endpoints = Endpoints.from_environment({})

    assert endpoints.url("dynamodb") is None


def test_a_task_whose_service_has_no_endpoint_is_left_to_another_handler():
    tasks = AwsTasks(Endpoints(of_services={"sqs": ONE}), returns("beside"))

    ran = Run(simulate(machine(Call=task("arn:aws:states:::aws-sdk:dynamodb:listTables")), tasks=tasks), [])

    assert ran.output == "beside"


@pytest.mark.parametrize("resource", [CALL, "arn:aws:states:us-east-1:123456789012:activity:work", "python:m:f"])
def test_what_calls_no_service_is_left_to_another_handler(resource):
    tasks = AwsTasks(Endpoints(of_services={"sqs": ONE}), returns("beside"))

    assert Run(simulate(machine(Call=task(resource)), tasks=tasks), []).output == "beside"


@pytest.mark.parametrize(
    ("variable", "segment"),
    [
        ("LAMBDA_ENDPOINT", "lambda"),
        ("DYNAMODB_ENDPOINT", "dynamodb"),
        ("SQS_ENDPOINT", "sqs"),
        ("SNS_ENDPOINT", "sns"),
        ("BATCH_ENDPOINT", "batch"),
        ("ECS_ENDPOINT", "ecs"),
        ("GLUE_ENDPOINT", "glue"),
        ("SAGE_MAKER_ENDPOINT", "sagemaker"),
        ("EVENTS_ENDPOINT", "eventbridge"),
        ("STEP_FUNCTIONS_ENDPOINT", "sfn"),
        ("AWS_ENDPOINT_URL_S3", "s3"),
        ("AWS_ENDPOINT_URL_SECRETS_MANAGER", "secretsmanager"),
        ("AWS_ENDPOINT_URL_CONFIG_SERVICE", "config"),
        ("AWS_ENDPOINT_URL_CLOUDWATCH_LOGS", "cloudwatchlogs"),
    ],
)
def test_a_variable_gives_one_service_an_endpoint(variable, segment):
    endpoints = Endpoints.from_environment({variable: ONE})

    assert endpoints.url(segment) == ONE
    assert endpoints.url("ec2") is None


def test_an_endpoint_for_one_service_counts_before_one_for_all():
    endpoints = Endpoints.from_environment({"SQS_ENDPOINT": ONE, "AWS_ENDPOINT_URL": OTHER})

    assert endpoints.url("sqs") == ONE
    assert endpoints.url("sns") == OTHER


def test_a_region_that_is_given_counts_before_that_of_the_environment():
    environ = {"AWS_REGION": "eu-west-1"}

    assert Endpoints.of({}, environ).region == "eu-west-1"
    assert Endpoints.of({}, environ, region="eu-central-1").region == "eu-central-1"


def test_an_empty_variable_gives_nothing():
    assert Endpoints.from_environment({"SQS_ENDPOINT": "", "AWS_ENDPOINT_URL": ""}) == Endpoints()


def test_credentials_are_those_of_the_environment_or_made_up():
    environ = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_SESSION_TOKEN": "c"}

    assert Endpoints.from_environment(environ).credentials == Credentials(
        access_key_id="a", secret_access_key="b", session_token="c"
    )
    assert Endpoints.from_environment({"AWS_ACCESS_KEY_ID": "a"}).credentials_for("sqs") == Credentials()


def test_aws_itself_is_called_as_the_user_where_the_environment_names_nobody():
    endpoints = Endpoints.of({"*": "aws", "sqs": ONE}, {})

    assert endpoints.credentials_for("sqs") == Credentials()
    assert endpoints.credentials_for("s3") is None
    assert (endpoints.is_real("s3"), endpoints.is_real("sqs"), endpoints.url("s3")) == (True, False, None)


def test_nothing_is_called_where_it_was_said_so():
    endpoints = Endpoints.of({"*": ONE, "s3": "mock"}, {})

    assert (endpoints.reaches("s3"), endpoints.reaches("sqs")) == (False, True)


@pytest.mark.parametrize(
    ("given", "calls"),
    [
        ("moto", {"*": "moto"}),
        ({"*": "mock", "DynamoDB": "aws"}, {"*": "mock", "dynamodb": "aws"}),
        ({"logs": ONE, "events": ONE}, {"cloudwatchlogs": ONE, "eventbridge": ONE}),
        ({"bedrock-runtime": ONE, "stepfunctions": ONE}, {"bedrockruntime": ONE, "sfn": ONE}),
    ],
)
def test_destinations_are_said_for_all_services_or_for_each(given, calls):
    assert read_calls(given, "calls") == calls


def test_options_say_destinations_for_all_services_or_for_each():
    given = ["moto", "s3=aws", "lambda=http://127.0.0.1:3001/?a=b"]

    assert read_options(given, "--calls") == {"*": "moto", "s3": "aws", "lambda": "http://127.0.0.1:3001/?a=b"}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("mto", "calls: 'mto' is no destination of calls: there are mock, moto, aws, and URLs like"),
        ("ftp://127.0.0.1", "calls is no URL of an endpoint: 'ftp://127.0.0.1'"),
        (7, "calls: 7 is no destination"),
        ({"dynamdb": "moto"}, "calls: there is no AWS service 'dynamdb'"),
        ({"s3": "amazon"}, "calls.s3: 'amazon' is no destination"),
    ],
)
def test_what_is_no_destination_is_refused(given, said):
    with pytest.raises(InvalidEndpoint, match=re.escape(said)):
        read_calls(given, "calls")


@pytest.mark.parametrize("url", ["localhost:4566", "ftp://localhost", "http://", "http://localhost:port"])
def test_what_is_no_url_is_refused_with_its_name(url):
    with pytest.raises(InvalidEndpoint, match="SQS_ENDPOINT is no URL"):
        Endpoints.from_environment({"SQS_ENDPOINT": url})


def test_requests_are_signed_for_the_region_of_the_execution(service, call):
    call("arn:aws:states:::dynamodb:getItem", {"TableName": "t", "Key": {}})

    assert "/us-east-1/dynamodb/aws4_request" in service.requests[0]["headers"]["Authorization"]


def test_a_function_is_called_in_the_region_of_its_arn(service, call):
    call("arn:aws:lambda:eu-west-1:123456789012:function:f")

    assert "/eu-west-1/lambda/" in service.requests[0]["headers"]["Authorization"]


def test_botocore_is_imported_with_the_first_call_only():
    code = (
        "import sys; from stepwell.adapters.tasks.aws import AwsTasks, Endpoints;"
        "AwsTasks(Endpoints(everything='http://127.0.0.1:1'));"
        "assert not any(name.startswith(('boto', 'urllib3')) for name in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_neither_profile_nor_proxy_of_the_environment_keeps_calls_from_loopback(service, monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "none-such")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    state = task("arn:aws:states:::dynamodb:getItem", Parameters={"TableName": "t", "Key": {}})

    ran = Run(simulate(machine(Call=state), tasks=AwsTasks(Endpoints(everything=service.url))), [])

    assert ran.status == "SUCCEEDED"


def test_a_region_that_is_none_fails_the_task(service):
    state = task("arn:aws:states:::dynamodb:getItem", Parameters={"TableName": "t", "Key": {}})
    tasks = AwsTasks(Endpoints(everything=service.url, region="no region"))

    ran = Run(simulate(machine(Call=state), tasks=tasks), [])

    assert ran.error == "Stepwell.TaskNotSupported"
    assert "no region" in ran.cause
