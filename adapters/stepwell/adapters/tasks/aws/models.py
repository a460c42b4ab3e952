"""bedrock:invokeModel: a model is asked. What it is asked, and what it answers, may lie in S3."""

from stepwell.adapters.tasks.aws.answers import NOT_SUPPORTED, Answer, Caller, Request
from stepwell.adapters.tasks.aws.endpoints import Endpoints
from stepwell.adapters.tasks.aws.optimized import STORAGE, Members
from stepwell.definitions.expressions import Json
from stepwell.definitions.failure import RUNTIME, Failure
from stepwell.definitions.json_text import dumps
from stepwell.engine.effects import InvokeTask
from stepwell.engine.ports import Call, Exchange, Submitted, Succeeded

OWN = ("Input", "Output")
"""Parameters that are Step Functions', not the API's."""


def invoke_model(
    caller: Caller, endpoints: Endpoints, task: InvokeTask, request: Request, *, waits_for_token: bool
) -> Exchange:
    """The exchange of the task. Its result is `{Body, ContentType}`; a body in S3 is given by its URI."""
    given = request.parameters
    places = {name: _place(given[name]) for name in OWN if given.get(name) is not None}
    if None in places.values() or ("Input" in places and given.get("Body") is not None):
        yield Failure(RUNTIME, f"The Parameters '{task.input}' could not be used to start the Task: [{_MALFORMED}]")
        return
    if places and not endpoints.reaches(STORAGE.segment):
        yield Failure(NOT_SUPPORTED, "Input and Output lie in S3, which has no endpoint.")
        return
    parameters = {name: value for name, value in given.items() if name not in OWN}
    if place := places.get("Input"):
        read: Answer | Failure = yield Call(caller, (_storage("getObject", place), task))
        if isinstance(read, Failure):
            yield read
            return
        parameters["Body"] = _text(read.members.get("Body"))
    asked = Request(segment=request.segment, action=request.action, parameters=parameters, service=request.service)
    answer: Answer | Failure = yield Call(caller, (asked, task))
    if isinstance(answer, Failure):
        yield answer
        return
    result: Members = dict(answer.members)
    if place := places.get("Output"):
        stored = _storage("putObject", {**place, "Body": _text(result.get("Body"))})
        written: Answer | Failure = yield Call(caller, (stored, task))
        if isinstance(written, Failure):
            yield written
            return
        result["Body"] = f"s3://{place['Bucket']}/{place['Key']}"
    yield Submitted(dumps(result)) if waits_for_token else Succeeded(dumps(result))


_MALFORMED = "The value of the field 'Input' has an invalid format"


def _place(given: Json) -> Members | None:
    """Bucket and key of `{"S3Uri": "s3://bucket/key"}`, None where it is none."""
    uri = given.get("S3Uri") if isinstance(given, dict) else None
    if not isinstance(uri, str) or not uri.startswith("s3://"):
        return None
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return {"Bucket": bucket, "Key": key} if bucket and key else None


def _storage(action: str, parameters: Members) -> Request:
    return Request(segment=STORAGE.segment, action=action, parameters=parameters, service=STORAGE)


def _text(value: Json) -> str:
    return value if isinstance(value, str) else dumps(value)
