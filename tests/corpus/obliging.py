"""A world in which real definitions find what they call: moto, in which what is missing is made when it is asked for.

What a task names (a table, a bucket, a queue ...) is made when moto says that it is not there, and the task performed
once more. Lambda functions, activities, HTTP APIs and nested executions are stand-ins; so are actions that moto lacks,
which are counted. Whoever waits for a token is answered after a while, and a job that does not end is ended.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from stepwell.definitions.expressions import Json
from stepwell.definitions.failure import Failure
from stepwell.definitions.json_text import dumps
from stepwell.definitions.resources import Activity, Integration, LambdaFunction
from stepwell.engine.effects import InvokeTask
from stepwell.engine.ports import Exchange, Heartbeat, Pause, Started, Submitted, Succeeded
from stepwell.world import World

ROLE = "arn:aws:iam::123456789012:role/corpus"
MOST_TRIES = 6
MOST_POLLS = 20
MOST_TASKS = 150

LACKING = re.compile(
    r"Internal Server Error|not yet been implemented|not been implemented|Unable to execute HTTP request"
)
"""What moto says of what it does not have."""

Members = Mapping[str, Any]


class Obliging:
    """A `TaskHandler` for one run. `lacking`: the actions that moto does not have, and a stand-in has performed."""

    def __init__(self, world: World, answer: Json) -> None:
        self._world = world
        self._answer = answer
        self._tasks = 0
        self.lacking: set[str] = set()

    def __call__(self, task: InvokeTask, /) -> Exchange:
        self._tasks += 1
        if self._tasks > MOST_TASKS:
            yield Failure("Corpus.Enough", "A loop waits for something that no stand-in says.")
            return
        called = task.resource
        is_stood_in = not isinstance(called, Integration) or called.is_lambda_invoke or called.service in STOOD_IN
        yield from self._stand_in(task) if is_stood_in else self._call(task)

    def _stand_in(self, task: InvokeTask) -> Exchange:
        match task.resource:
            case Activity():
                yield Started("stand-in")
                yield Heartbeat()
            case Integration(pattern=pattern) if pattern:
                yield Submitted(dumps(self._answer))
                yield Pause(1)
        yield Succeeded(dumps(self._answer_for(task)))

    def _answer_for(self, task: InvokeTask) -> Json:
        match task.resource:
            case Integration(is_lambda_invoke=True) as called if not called.pattern:
                return {"ExecutedVersion": "$LATEST", "Payload": self._answer, "StatusCode": 200}
            case Integration(service="http" | "apigateway"):
                return {"ResponseBody": self._answer, "StatusCode": 200, "StatusText": "OK", "Headers": {}}
            case Integration(service="states", pattern="sync:2"):
                return {"Output": self._answer, "Status": "SUCCEEDED", "ExecutionArn": task.execution_arn}
            case Integration(service="states"):
                return {"Output": dumps(self._answer), "Status": "SUCCEEDED", "ExecutionArn": task.execution_arn}
            case Integration() | LambdaFunction() | Activity():
                return self._answer
        return None

    def _call(self, task: InvokeTask) -> Exchange:
        for _ in range(MOST_TRIES):
            failure = yield from self._performed(task)
            if failure is None:
                return
            if LACKING.search(failure.cause or "") or failure.error in LACKED:
                self.lacking.add(task.resource.arn)
                yield from self._stand_in(task)
                return
            if not oblige(self._world, task, failure):
                break
        yield failure

    def _performed(self, task: InvokeTask) -> Any:
        """The exchange of the task; returns the failure that it ends with."""
        exchange, answer, polls = self._world(task), None, 0
        has_token = isinstance(task.resource, Integration) and task.resource.pattern == "waitForTaskToken"
        try:
            while True:
                request = exchange.send(answer)
                answer = None
                if isinstance(request, Failure):
                    return request
                polls += isinstance(request, Pause)
                if polls > MOST_POLLS:  # moto's job never ends
                    yield Succeeded(dumps(self._answer))
                    return None
                answer = yield request
                if isinstance(request, Succeeded):
                    return None
        except StopIteration:
            if has_token:
                yield Pause(1)
                yield Succeeded(dumps(self._answer))
        return None


STOOD_IN = ("http", "apigateway", "states", "aws-sdk:sfn", "eks")

LACKED = frozenset({"Stepwell.TaskNotSupported"})
"""Services that have gone, and streaming or GraphQL ones that are no AWS API."""


def oblige(world: World, task: InvokeTask, failure: Failure) -> bool:
    """Makes what was missing; whether anything was."""
    said = f"{failure.error} {failure.cause}"
    given = json.loads(task.input)
    for pattern, make in MISSING:
        if re.search(pattern, said):
            try:
                make(world, given if isinstance(given, dict) else {}, said)
            except (BotoCoreError, ClientError):  # it is there already, or is of another kind
                return False
            return True
    return False


def _tables(world: World, given: Members, _said: str) -> None:
    for asked in _with_tables(given):
        key = asked.get("Key") or asked.get("Item") or {}
        names = list(key)[: 2 if "Key" in asked else 1]
        if "KeyConditionExpression" in asked:
            found = re.findall(r"[#:\w]+(?=\s*(?:=|<|>|begins_with|BETWEEN))", str(asked["KeyConditionExpression"]))
            names = [asked.get("ExpressionAttributeNames", {}).get(name, name) for name in found][:1]
        typed = {name: next(iter(key[name])) if isinstance(key.get(name), dict) else "S" for name in names} or {
            "id": "S"
        }
        dynamodb = world.client("dynamodb")
        if asked["TableName"] in dynamodb.list_tables()["TableNames"]:
            continue
        dynamodb.create_table(
            TableName=asked["TableName"],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": kind} for name, kind in typed.items()],
            KeySchema=[
                {"AttributeName": name, "KeyType": role} for name, role in zip(typed, ("HASH", "RANGE"), strict=False)
            ],
            BillingMode="PAY_PER_REQUEST",
        )


def _with_tables(value: Any) -> list[Any]:
    """The objects that name a table, at whatever depth."""
    if isinstance(value, dict):
        inner = [found for each in value.values() for found in _with_tables(each)]
        return [value, *inner] if "TableName" in value else inner
    return [found for each in value for found in _with_tables(each)] if isinstance(value, list) else []


def _bucket(world: World, given: Members, _said: str) -> None:
    for bucket in _values(given, "Bucket", "BucketName", "S3Bucket"):
        world.client("s3").create_bucket(Bucket=bucket)


def _object(world: World, given: Members, _said: str) -> None:
    world.client("s3").put_object(Bucket=given["Bucket"], Key=given.get("Key", "key"), Body=b"{}")


def _values(value: Any, *names: str) -> set[str]:
    if isinstance(value, dict):
        own = {each for name, each in value.items() if name in names and isinstance(each, str)}
        return own.union(*(_values(each, *names) for each in value.values()))
    return set().union(*(_values(each, *names) for each in value)) if isinstance(value, list) else set()


def _queue(world: World, given: Members, _said: str) -> None:
    name = str(given.get("QueueUrl") or given.get("QueueName")).rpartition("/")[2]
    fifo = {"FifoQueue": "true", "ContentBasedDeduplication": "true"} if name.endswith(".fifo") else {}
    world.client("sqs").create_queue(QueueName=name, Attributes=fifo)


def _topic(world: World, given: Members, _said: str) -> None:
    world.client("sns").create_topic(Name=str(given["TopicArn"]).rpartition(":")[2])


def _bus(world: World, given: Members, _said: str) -> None:
    for name in _values(given, "EventBusName"):
        world.client("events").create_event_bus(Name=name.rpartition("/")[2])


def _cluster(world: World, given: Members, _said: str) -> None:
    world.client("ecs").create_cluster(clusterName=str(given.get("Cluster", "default")).rpartition("/")[2])


def _task_definition(world: World, given: Members, _said: str) -> None:
    family = str(given.get("TaskDefinition")).rpartition("/")[2].partition(":")[0]
    container = {"name": "container", "image": "none", "memory": 128}
    world.client("ecs").register_task_definition(family=family, containerDefinitions=[container])


def _job_definition(world: World, given: Members, _said: str) -> None:
    name = re.sub(r":\d+$", "", str(given.get("JobDefinition")).rpartition("/")[2])
    container = {"image": "none", "vcpus": 1, "memory": 128}
    world.client("batch").register_job_definition(
        jobDefinitionName=name, type="container", containerProperties=container
    )


def _job_queue(world: World, given: Members, _said: str) -> None:
    world.client("iam").create_role(RoleName="corpus", AssumeRolePolicyDocument="{}")
    batch = world.client("batch")
    environment = batch.create_compute_environment(
        computeEnvironmentName="corpus", type="UNMANAGED", state="ENABLED", serviceRole=ROLE
    )
    batch.create_job_queue(
        jobQueueName=str(given.get("JobQueue")).rpartition("/")[2],
        state="ENABLED",
        priority=1,
        computeEnvironmentOrder=[{"order": 1, "computeEnvironment": environment["computeEnvironmentArn"]}],
    )


def _glue(world: World, given: Members, _said: str) -> None:
    glue = world.client("glue")
    for name in _values(given, "JobName"):
        glue.create_job(Name=name, Role=ROLE, Command={"Name": "glueetl"})
    for name in _values(given, "Name", "CrawlerName"):
        targets = {"S3Targets": [{"Path": "s3://corpus"}]}
        glue.create_crawler(Name=name, Role=ROLE, DatabaseName="corpus", Targets=targets)
        glue.create_workflow(Name=name)
    for name in _values(given, "DatabaseName"):
        glue.create_database(DatabaseInput={"Name": name})


def _work_group(world: World, given: Members, _said: str) -> None:
    configuration = {"ResultConfiguration": {"OutputLocation": "s3://corpus"}}
    world.client("athena").create_work_group(Name=str(given.get("WorkGroup")), Configuration=configuration)


def _parameter(world: World, given: Members, _said: str) -> None:
    for name in [*_values(given, "Name"), *given.get("Names", [])]:
        world.client("ssm").put_parameter(Name=name, Value="1", Type="String")


def _secret(world: World, given: Members, _said: str) -> None:
    world.client("secretsmanager").create_secret(Name=given["SecretId"], SecretString="{}")


def _organization(world: World, _given: Members, _said: str) -> None:
    world.client("organizations").create_organization(FeatureSet="ALL")


MISSING: tuple[tuple[str, Callable[[World, Members, str], None]], ...] = (
    (r"DynamoD[Bb]\.\w*ResourceNotFound", _tables),
    ("NoSuchBucket|bucket does not exist", _bucket),
    (r"NoSuchKey|^S3\.S3Exception .*404", _object),
    ("QueueDoesNotExist", _queue),
    (r"^SNS\.NotFound|Sns\.NotFound", _topic),
    (r"^Event\w+\.ResourceNotFound", _bus),
    ("ClusterNotFound", _cluster),
    (r"^E[Cc][Ss]\..*[Tt]ask ?[Dd]efinition", _task_definition),
    ("Job definition .* does not exist", _job_definition),
    (r"^Batch\..*(Job queue|JobQueue|queue)", _job_queue),
    (r"^Glue\.EntityNotFound|^Glue\..*not found", _glue),
    ("WorkGroup does not exist", _work_group),
    ("ParameterNotFound", _parameter),
    (r"^SecretsManager\.ResourceNotFound", _secret),
    ("OrganizationsNotInUse", _organization),
)
