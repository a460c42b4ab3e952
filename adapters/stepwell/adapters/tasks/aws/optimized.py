"""The optimized integrations that are calls of an AWS API.

Rule 1: a service, an action or a job is a row. What it does differently from a plain call is in its row.
Rule 2: what has no row is not performed: not every action of an API is an optimized integration.
"""

from collections.abc import Callable, Mapping

from msgspec import Struct
from msgspec.structs import replace

from stepwell.adapters.tasks.aws.errors import Speaker
from stepwell.adapters.tasks.aws.shaping import OPTIMIZED, Dialect, json_or_text
from stepwell.definitions.expressions import Json
from stepwell.definitions.failure import Failure
from stepwell.definitions.json_text import dumps
from stepwell.engine.effects import InvokeTask

Members = dict[str, Json]


class Service(Struct, frozen=True, kw_only=True):
    """A service as optimized integrations call it."""

    segment: str
    """Its name in an `aws-sdk` integration, by which endpoints are given."""
    speaker: Speaker
    dialect: Dialect = OPTIMIZED
    has_metadata: bool = True
    """Whether the result tells of the HTTP answer."""
    actions: frozenset[str]


def _service(segment: str, name: str, interface: str, *actions: str, label: str | None = None) -> Service:
    """A service whose errors begin with `name`, and whose client in version 1 of the SDK is `interface`."""
    speaker = Speaker(service=name, label=label or interface, unmodelled=f"{interface}Exception")
    return Service(segment=segment, speaker=speaker, actions=frozenset(actions))


def _serialized(value: Json) -> bytes:
    """A payload that its action has written as JSON already."""
    return str(value).encode()


MODEL_BYTES = 25_000_000
"""As much as a model of Bedrock takes or gives."""

SERVICES: Mapping[str, Service] = {
    "athena": _service(
        "athena",
        "Athena",
        "AmazonAthena",
        *("startQueryExecution", "stopQueryExecution", "getQueryExecution", "getQueryResults"),
    ),
    "batch": _service("batch", "Batch", "AWSBatch", "submitJob"),
    "bedrock": replace(
        _service("bedrock", "Bedrock", "AmazonBedrock", "invokeModel", "createModelCustomizationJob"),
        dialect=replace(OPTIMIZED, write_bytes=_serialized, read_bytes=json_or_text, most_bytes=MODEL_BYTES),
    ),
    "codebuild": _service(
        "codebuild",
        "CodeBuild",
        "AWSCodeBuild",
        *("startBuild", "stopBuild", "batchDeleteBuilds", "batchGetReports", "startBuildBatch", "stopBuildBatch"),
        *("retryBuildBatch", "deleteBuildBatch"),
    ),
    "databrew": _service("databrew", "DataBrew", "AWSGlueDataBrew", "startJobRun"),
    "dynamodb": _service(
        "dynamodb",
        "DynamoDB",
        "AmazonDynamoDB",
        *("getItem", "putItem", "updateItem", "deleteItem"),
        label="AmazonDynamoDBv2",
    ),
    "ecs": replace(_service("ecs", "ECS", "AmazonECS", "runTask"), dialect=replace(OPTIMIZED, has_empty_lists=True)),
    "eks": _service(
        "eks",
        "EKS",
        "AmazonEKS",
        *("createCluster", "deleteCluster", "createNodegroup", "deleteNodegroup"),
        *("createFargateProfile", "deleteFargateProfile"),
    ),
    "elasticmapreduce": _service(
        "emr",
        "ElasticMapReduce",
        "AmazonElasticMapReduce",
        *("createCluster", "terminateCluster", "addStep", "cancelStep", "setClusterTerminationProtection"),
        *("modifyInstanceFleetByName", "modifyInstanceGroupByName"),
    ),
    "emr-containers": _service(
        "emrcontainers",
        "EMRContainers",
        "AmazonEMRContainers",
        *("createVirtualCluster", "deleteVirtualCluster", "startJobRun"),
    ),
    "emr-serverless": _service(
        "emrserverless",
        "EMRServerless",
        "AWSEMRServerless",
        *("createApplication", "startApplication", "stopApplication", "deleteApplication"),
        *("startJobRun", "cancelJobRun"),
    ),
    "events": replace(_service("eventbridge", "EventBridge", "AmazonEventBridge", "putEvents"), has_metadata=False),
    "glue": _service("glue", "Glue", "AWSGlue", "startJobRun"),
    "lambda": replace(
        _service("lambda", "Lambda", "AWSLambda", "invoke"),
        dialect=replace(OPTIMIZED, write_bytes=_serialized, read_bytes=json_or_text),
    ),
    "mediaconvert": _service("mediaconvert", "MediaConvert", "AWSMediaConvert", "createJob"),
    "sagemaker": _service(
        "sagemaker",
        "SageMaker",
        "AmazonSageMaker",
        *("createTrainingJob", "createTransformJob", "createProcessingJob", "createHyperParameterTuningJob"),
        *("createLabelingJob", "createModel", "createEndpoint", "createEndpointConfig", "updateEndpoint"),
    ),
    "sns": _service("sns", "SNS", "AmazonSNS", "publish"),
    "sqs": _service("sqs", "SQS", "AmazonSQS", "sendMessage"),
}
"""By the name in a Resource."""

STORAGE = replace(
    _service("s3", "S3", "AmazonS3"),
    dialect=replace(OPTIMIZED, write_bytes=_serialized, read_bytes=json_or_text, most_bytes=MODEL_BYTES),
)
"""Where some integrations have their input read from and their output laid down."""

SEGMENTS: Mapping[tuple[str, str], str] = {("bedrock", "invokeModel"): "bedrockruntime"}
"""Actions of another API than the rest of their service."""


# --- what some actions do besides -------------------------------------------------------------------------------------


def _in_the_name_of_the_execution(given: Members, task: InvokeTask) -> Members:
    """Step Functions adds the execution and its state machine to the resources of every event."""
    entries = given.get("Entries")
    if not isinstance(entries, list):
        return given
    sources: list[Json] = [task.execution_arn, _state_machine_arn(task.execution_arn)]
    return {**given, "Entries": [_with_resources(entry, sources) for entry in entries]}


def _with_resources(entry: Json, sources: list[Json]) -> Json:
    if not isinstance(entry, dict):
        return entry
    resources = entry.get("Resources") or []
    return {**entry, "Resources": [*resources, *sources]} if isinstance(resources, list) else entry


def _state_machine_arn(execution_arn: str) -> str:
    parts = execution_arn.split(":")
    return ":".join([*parts[:5], "stateMachine", *parts[6:7]])


def _with_payload(given: Members, task: InvokeTask) -> Members:
    """What a function is invoked with, and by which name.

    A payload that is text is JSON text already (recorded); without one the event is an empty object. The name is the
    bare one, which is all that every emulator of Lambda understands.
    """
    payload = given.get("Payload", {})
    prepared = {**given, "Payload": payload if isinstance(payload, str) else dumps(payload)}
    named = given.get("FunctionName")
    if not isinstance(named, str):
        return prepared
    name, qualifier = split_function_name(named)
    prepared["FunctionName"] = name
    return {"Qualifier": qualifier, **prepared} if qualifier else prepared


def _with_body(given: Members, _task: InvokeTask) -> Members:
    """What a model is asked. A body that is text is JSON text already."""
    body = given.get("Body")
    return given if body is None or isinstance(body, str) else {**given, "Body": dumps(body)}


def split_function_name(text: str) -> tuple[str, str | None]:
    """The bare name and the qualifier in a function's ARN, partial ARN or name."""
    parts = text.split(":")
    if "function" in parts[:-1]:
        parts = parts[parts.index("function") + 1 :]
    return parts[0], parts[1] if len(parts) > 1 else None


def _failed_entries(result: Members) -> Failure | None:
    if not result.get("FailedEntryCount"):
        return None
    return Failure("EventBridge.FailedEntry", dumps(result))


def _failed_placements(result: Members) -> Failure | None:
    if not result.get("Failures"):
        return None
    return Failure("AmazonECS.Unknown", dumps(result))


def function_failure(result: Members) -> Failure | None:
    """The failure that a function's answer is. Its payload may be parsed, or the text that came."""
    if result.get("FunctionError") is None:
        return None
    payload = result.get("Payload")
    parsed = json_or_text(payload.encode()) if isinstance(payload, str) else payload
    text = payload if isinstance(payload, str) else dumps(payload)
    error = parsed.get("errorType") if isinstance(parsed, dict) else None
    if isinstance(error, str) and error:
        return Failure(error, text)
    return Failure("Lambda.Unknown", NO_ERROR_TYPE + text)


NO_ERROR_TYPE = "The cause could not be determined because Lambda did not return an error type. Returned payload: "

PREPARATIONS: Mapping[tuple[str, str], Callable[[Members, InvokeTask], Members]] = {
    ("bedrock", "invokeModel"): _with_body,
    ("events", "putEvents"): _in_the_name_of_the_execution,
    ("lambda", "invoke"): _with_payload,
}
"""What becomes of the parameters before the call."""

OBJECTIONS: Mapping[tuple[str, str], Callable[[Members], Failure | None]] = {
    ("ecs", "runTask"): _failed_placements,
    ("events", "putEvents"): _failed_entries,
    ("lambda", "invoke"): function_failure,
}
"""Answers that are failures though the call succeeded."""
