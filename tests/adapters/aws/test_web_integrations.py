"""API Gateway, clusters of Kubernetes, models of Bedrock, connections of EventBridge."""

import base64
import json

import pytest

from stepwell.adapters.hosts.simulation import simulate
from stepwell.adapters.tasks.aws import AwsTasks, Endpoints
from stepwell.adapters.tasks.aws.connections import EventBridgeConnections
from stepwell.adapters.tasks.connections import Basic
from stepwell.definitions.resources import parse_resource
from stepwell.engine.effects import InvokeTask
from support import Run, machine, task

OPTIMIZED = "arn:aws:states:::"
JSON = {"Content-Type": "application/json"}
API = "abc.execute-api.us-east-1.amazonaws.com"
AUTHORITY = base64.b64encode(b"-----BEGIN CERTIFICATE-----").decode()


# --- API Gateway ------------------------------------------------------------------------------------------------------


def invoke(call, **parameters):
    return call(f"{OPTIMIZED}apigateway:invoke", {"ApiEndpoint": API, "Method": "GET", **parameters})


def test_an_api_is_invoked_at_the_endpoint_under_its_own_name(service, call):
    service.answers({"a": 1}, headers={**JSON, "X-Own": "x"})

    ran = invoke(
        call,
        Method="POST",
        Stage="prod",
        Path="/orders/ü",
        QueryParameters={"q": ["1", "2"]},
        Headers={"X-Many": ["a", "b"]},
        RequestBody={"n": 1, "nothing": None},
    )

    sent = service.requests[0]
    assert (sent["method"], sent["path"]) == ("POST", "/prod/orders/%C3%BC?q=1&q=2")
    assert sent["headers"]["Host"] == API
    assert json.loads(sent["body"]) == {"n": 1}
    assert ran.output == {
        "Headers": {"Content-Length": ["8"], "Content-Type": ["application/json"], "X-Own": ["x"]},
        "ResponseBody": {"a": 1},
        "StatusCode": 200,
        "StatusText": "OK",
    }


def test_nulls_are_sent_where_they_are_allowed(service, call):
    invoke(call, Method="POST", RequestBody={"n": None}, AllowNullValues=True)

    assert service.body == {"n": None}


def test_a_refusal_of_an_api_has_its_status_for_a_name(service, call):
    service.answers({"message": "Forbidden"}, status=403, headers=JSON)

    ran = invoke(call)

    assert (ran.error, ran.cause) == ("ApiGateway.403", '{"message": "Forbidden"}')


def test_a_request_in_the_name_of_a_role_is_signed(service, call):
    invoke(call, AuthType="IAM_ROLE")

    assert "us-east-1/execute-api/aws4_request" in service.requests[0]["headers"]["Authorization"]


def test_an_api_answers_by_the_token(service, call):
    parameters = {"ApiEndpoint": API, "Method": "GET", "Headers": {"TaskToken.$": "States.Array($$.Task.Token)"}}

    ran = call(f"{OPTIMIZED}apigateway:invoke.waitForTaskToken", parameters, TimeoutSeconds=5)

    assert service.requests[0]["headers"]["TaskToken"]
    assert "TaskSubmitted" in ran.types
    assert ran.error == "States.Timeout"


# --- Kubernetes -------------------------------------------------------------------------------------------------------


def cluster(service, **parameters):
    return {"ClusterName": "c", "CertificateAuthority": AUTHORITY, "Endpoint": service.url, **parameters}


def test_a_cluster_is_called_with_a_token_of_its_own(service, call):
    service.answers({"kind": "PodList"}, headers=JSON)

    ran = call(
        f"{OPTIMIZED}eks:call",
        cluster(service, Method="GET", Path="/api/v1/pods", QueryParameters={"labelSelector": ["a=b"]}),
    )

    sent = service.requests[0]
    assert sent["path"] == "/api/v1/pods?labelSelector=a%3Db"
    token = sent["headers"]["Authorization"].removeprefix("Bearer k8s-aws-v1.")
    assert b"Action=GetCallerIdentity" in base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    assert ran.output["ResponseBody"] == {"kind": "PodList"}


def test_a_cluster_elsewhere_must_be_allowed(service, call):
    parameters = cluster(service, Method="GET", Path="/", Endpoint="https://abc.eks.amazonaws.com")

    assert call(f"{OPTIMIZED}eks:call", parameters).error == "Stepwell.HostNotAllowed"


def job(*conditions):
    status = {"conditions": [{"type": kind, "status": "True"} for kind in conditions]} if conditions else {}
    return {"metadata": {"name": "j"}, "status": status}


def test_a_job_of_a_cluster_is_waited_for_with_its_logs(service, call):
    pods = {"items": [{"metadata": {"name": "p"}, "spec": {"containers": [{"name": "main"}]}}]}
    service.answers(job(), job(), job("Complete"), pods, b'{"said": 1}', headers=JSON)

    ran = call(
        f"{OPTIMIZED}eks:runJob.sync",
        cluster(service, Job={"kind": "Job"}, Namespace="n", LogOptions={"RetrieveLogs": True}),
    )

    assert [request["path"].partition("?")[0] for request in service.requests] == [
        "/apis/batch/v1/namespaces/n/jobs",
        "/apis/batch/v1/namespaces/n/jobs/j",
        "/apis/batch/v1/namespaces/n/jobs/j",
        "/api/v1/namespaces/n/pods",
        "/api/v1/namespaces/n/pods/p/log",
    ]
    assert ran.output["logs"] == {"pods": {"p": {"containers": {"main": {"log": {"said": 1}}}}}}


@pytest.mark.parametrize(
    ("answers", "error", "method"),
    [([job(), job("Failed")], "States.TaskFailed", "GET"), ([job()], "States.Timeout", "DELETE")],
)
def test_a_job_of_a_cluster_fails_or_is_given_up(service, call, answers, error, method):
    service.answers(*answers, headers=JSON)

    ran = call(f"{OPTIMIZED}eks:runJob.sync", cluster(service, Job={"kind": "Job"}), TimeoutSeconds=30)

    assert ran.error == error
    assert service.requests[-1]["method"] == method


# --- Bedrock ----------------------------------------------------------------------------------------------------------


def test_a_model_is_asked_and_its_answer_read(service, call):
    service.answers({"text": "hi"}, headers=JSON)

    ran = call(f"{OPTIMIZED}bedrock:invokeModel", {"ModelId": "m", "Body": {"prompt": "?"}})

    assert service.requests[0]["path"] == "/model/m/invoke"
    assert service.body == {"prompt": "?"}
    assert ran.output == {"Body": {"text": "hi"}, "ContentType": "application/json"}


def test_what_a_model_is_asked_and_answers_may_lie_in_s3(service, call):
    service.answers({"prompt": "?"}, {"text": "x" * 300_000}, b"", headers=JSON)

    ran = call(
        f"{OPTIMIZED}bedrock:invokeModel",
        {"ModelId": "m", "Input": {"S3Uri": "s3://in/a.json"}, "Output": {"S3Uri": "s3://out/b.json"}},
    )

    assert ran.output == {"Body": "s3://out/b.json", "ContentType": "application/json"}, ran.cause
    assert [request["path"] for request in service.requests] == ["/in/a.json", "/model/m/invoke", "/out/b.json"]
    assert json.loads(service.requests[1]["body"]) == {"prompt": "?"}
    assert b"x" * 300_000 in service.requests[2]["body"]


def test_what_lies_in_s3_needs_an_endpoint_for_it(service):
    tasks = AwsTasks(Endpoints(of_services={"bedrockruntime": service.url}))
    parameters = {"ModelId": "m", "Input": {"S3Uri": "s3://in/a.json"}}

    ran = Run(simulate(machine(Call=task(f"{OPTIMIZED}bedrock:invokeModel", Parameters=parameters)), tasks=tasks), [])

    assert ran.error == "Stepwell.TaskNotSupported"


# --- connections of EventBridge ---------------------------------------------------------------------------------------

INVOKED = InvokeTask(
    token="t",
    execution_arn="arn:aws:states:us-east-1:123456789012:execution:m:e",
    state="S",
    resource=parse_resource(f"{OPTIMIZED}http:invoke"),
    input="{}",
    attempt=0,
)


def test_a_connection_and_its_secret_are_asked_for(moto):
    import boto3

    given = {"endpoint_url": moto, "region_name": "us-east-1", "aws_access_key_id": "a", "aws_secret_access_key": "b"}
    made = boto3.client("events", **given).create_connection(
        Name="Shop",
        AuthorizationType="BASIC",
        AuthParameters={
            "BasicAuthParameters": {"Username": "ada", "Password": "s3cret"},
        },
    )

    connection = EventBridgeConnections(Endpoints(everything=moto))(made["ConnectionArn"], INVOKED)

    assert connection.authorization == Basic(username="ada", password="s3cret")


def test_a_connection_that_eventbridge_does_not_have_fails_as_its_api_does(moto):
    failure = EventBridgeConnections(Endpoints(everything=moto))(
        "arn:aws:events:us-east-1:1:connection/None/x", INVOKED
    )

    assert failure.error == "EventBridge.ResourceNotFoundException"


def test_without_an_endpoint_there_is_no_connection():
    assert EventBridgeConnections(Endpoints())("Shop", INVOKED) is None
