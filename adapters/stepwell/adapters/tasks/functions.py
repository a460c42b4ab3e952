"""Python functions as tasks.

A function that takes one argument gets the task's input; one that takes two is a Lambda handler and gets a context
object as well. What it returns is the task's result, what it raises the task's failure: `Error` is the class's name, or
the exception's own `error_type`, and `Cause` is the JSON that AWS gives for a Python handler.
"""

import inspect
import json
import traceback
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from time import monotonic
from typing import Any

from stepwell.definitions.expressions import Json
from stepwell.definitions.failure import Failure
from stepwell.definitions.json_text import InvalidJson, NotJson, dumps, dumps_checked, loads
from stepwell.definitions.resources import Activity, Integration
from stepwell.engine.effects import InvokeTask
from stepwell.engine.ports import Call, Exchange, Started, Submitted, Succeeded, TaskCancelled

Function = Callable[..., Any]


class TaskError(Exception):
    """Raise this in a function to fail its task with an error name and a cause of your own.

    `cause` becomes the Cause as it is; without it the Cause is the JSON that AWS gives for an exception.
    """

    def __init__(self, error: str, cause: str | None = None) -> None:
        if not isinstance(error, str) or not isinstance(cause, str | None):
            raise TypeError(f"TaskError takes an error name and a cause, both texts: {error!r}, {cause!r}")
        super().__init__(cause if cause is not None else error)
        self.error_type = error
        self.cause = cause


@dataclass(frozen=True, kw_only=True)
class LambdaContext:
    """The context object of a Lambda handler."""

    function_name: str
    invoked_function_arn: str
    aws_request_id: str
    deadline: float | None
    """By the monotonic clock, in seconds."""
    function_version: str = "$LATEST"
    memory_limit_in_mb: str = "128"
    log_group_name: str = ""
    log_stream_name: str = ""
    identity: None = None
    client_context: None = None
    env: Mapping[str, str] = field(default_factory=dict)

    def get_remaining_time_in_millis(self) -> int:
        """Time until the task's timeout; 15 minutes, Lambda's longest, where it has none."""
        return 900_000 if self.deadline is None else max(0, int((self.deadline - monotonic()) * 1000))


@lru_cache(maxsize=1024)
def argument_count(function: Function) -> int:
    """How many of (input, context) a function takes."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # a built-in without a signature
        return 1
    if any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters):
        return 2
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    required = [p for p in positional if p.default is p.empty]
    return max(len(required), 1) if positional else 0


def call_function(function: Function, task: InvokeTask, name: str, arn: str, event: Any) -> Call:
    """The call of a function with as much as it takes."""
    count = argument_count(function)
    if count < 2:
        return Call(function, (event,)[:count])
    context = LambdaContext(
        function_name=name,
        invoked_function_arn=arn,
        aws_request_id=str(uuid.uuid4()),
        deadline=None if task.timeout_seconds is None else monotonic() + task.timeout_seconds,
        log_group_name=f"/aws/lambda/{name}",
        log_stream_name=task.token[-12:],
    )
    return Call(function, (event, context))


def perform(function: Function, task: InvokeTask) -> Exchange:
    """The exchange of a task that a function performs, with the answers that its kind of resource gives."""
    match task.resource:
        case Integration() as called:
            yield from _perform_integration(function, task, called)
        case Activity() as activity:
            yield Started(getattr(function, "__name__", None))
            yield from _invoke(function, task, activity.name, loads(task.input), spaced=True)
        case resource:
            yield from _invoke(function, task, resource.name, loads(task.input), spaced=True)


def _perform_integration(function: Function, task: InvokeTask, called: Integration) -> Exchange:
    parameters = loads(task.input)
    if not called.is_lambda_invoke:
        yield from _invoke(function, task, called.action, parameters, submit=called.pattern)
        return
    given = str(parameters.get("FunctionName", called.action)) if isinstance(parameters, dict) else called.action
    payload = payload_of(parameters.get("Payload") if isinstance(parameters, dict) else None)
    yield from _invoke(function, task, function_name(given), payload, submit=called.pattern, wrap=lambda_response)


def payload_of(given: Json) -> Json:
    """What the function gets. Recorded: of null an empty object; and a text is the payload itself, as JSON."""
    if given is None:
        return {}
    if isinstance(given, str):
        with suppress(InvalidJson):  # Differs from AWS: Lambda would refuse a text that is no JSON
            return loads(given)
    return given


def _invoke(
    function: Function,
    task: InvokeTask,
    name: str,
    event: Any,
    *,
    spaced: bool = False,
    submit: str = "",
    wrap: Callable[[Any], Any] | None = None,
) -> Exchange:
    """Calls the function and turns what becomes of it into reports."""
    try:
        value = yield call_function(function, task, name, task.resource.arn, event)
        output = dumps_checked(wrap(value) if wrap else value)
    except NotJson as fault:
        shown = getattr(function, "__qualname__", name)
        yield Failure("Runtime.MarshalError", f"What {shown!r} returned is no JSON: {fault}")
    except (GeneratorExit, TaskCancelled):
        raise
    except BaseException as error:  # noqa: BLE001 - whatever the function raises is the task's failure
        yield failure_of(error, function, spaced=spaced)
    else:
        if submit:
            yield Submitted(output)
        if submit != "waitForTaskToken":  # that one is answered by its token
            yield Succeeded(output)


def function_name(text: str) -> str:
    """The bare name in a function's ARN, partial ARN or name with a qualifier."""
    parts = text.split(":")
    if "function" in parts[:-1]:
        return parts[parts.index("function") + 1]
    return parts[0] if len(parts) <= 2 else text


def lambda_response(payload: Any, status_code: int = 200) -> dict[str, Any]:
    """What lambda:invoke gives for a payload, with its metadata. With another status than 200 there is no payload."""
    request_id = str(uuid.uuid4())
    has_payload = status_code == 200
    version = {"X-Amz-Executed-Version": "$LATEST"} if has_payload else {}
    headers = {
        "Connection": "keep-alive",
        "Content-Length": str(len(dumps(payload).encode()) if has_payload else 0),
        "Content-Type": "application/json",
        **version,
        "x-amzn-RequestId": request_id,
    }
    return {
        **({"ExecutedVersion": "$LATEST"} if has_payload else {}),
        "Payload": payload if has_payload else "",
        "SdkHttpMetadata": {
            "AllHttpHeaders": {name: [value] for name, value in headers.items()},
            "HttpHeaders": headers,
            "HttpStatusCode": status_code,
        },
        "SdkResponseMetadata": {"RequestId": request_id},
        "StatusCode": status_code,
    }


def function_failure(payload: Json) -> Failure:
    """The failure that a function's error is, by the payload that tells of it: the text that came, or its value."""
    told, text = payload, payload
    if isinstance(payload, str):
        with suppress(InvalidJson):
            told = loads(payload)
    else:
        text = dumps(payload)
    error = told.get("errorType") if isinstance(told, dict) else None
    if isinstance(error, str) and error:
        return Failure(error, str(text))
    return Failure("Lambda.Unknown", f"{NO_ERROR_TYPE}{text}")


NO_ERROR_TYPE = "The cause could not be determined because Lambda did not return an error type. Returned payload: "


def failure_of(error: BaseException, function: Function, *, spaced: bool) -> Failure:
    """The failure that AWS reports for an exception of a Python handler.

    `spaced`: the JSON has blanks after commas and colons, as for a function's ARN as Resource; lambda:invoke has none.
    """
    given = getattr(error, "error_type", None)
    name = given if isinstance(given, str) and given else type(error).__name__
    if isinstance(error, TaskError) and error.cause is not None:
        return Failure(as_text(name), as_text(error.cause))
    name = as_text(name)
    cause = {
        "errorMessage": as_text(error),
        "errorType": name,
        "requestId": str(uuid.uuid4()),
        "stackTrace": [as_text(line) for line in traceback.format_list(_frames_of_the_function(error, function))],
    }
    return Failure(name, json.dumps(cause) if spaced else dumps(cause))


def as_text(value: object) -> str:
    """The text of what user code gave: whatever its `__str__` does, and without halves of surrogate pairs."""
    try:
        text = str(value)
    except Exception as fault:  # noqa: BLE001 - user code
        text = f"<{type(value).__name__}, whose text cannot be had: {type(fault).__name__}>"
    return text.encode("utf-8", "replace").decode()


def _frames_of_the_function(error: BaseException, function: Function) -> traceback.StackSummary:
    """The frames from the user's function inwards: how it was called is ours."""
    frames = traceback.extract_tb(error.__traceback__)
    code = getattr(inspect.unwrap(function), "__code__", None)
    if code is None:
        return frames
    for index, frame in enumerate(frames):
        if frame.filename == code.co_filename and frame.name == code.co_name:
            return traceback.StackSummary.from_list(frames[index:])
    return frames


def as_failure(error: str | None, cause: str | None) -> Failure:
    """The failure that a caller tells of. Raises TypeError for what is no text."""
    if not isinstance(error, str | None) or not isinstance(cause, str | None):
        raise TypeError(f"Error and cause are texts: {error!r}, {cause!r}")
    return Failure(error and as_text(error), cause and as_text(cause))
