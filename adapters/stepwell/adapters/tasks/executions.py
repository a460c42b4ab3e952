"""Nested executions: tasks of `states:startExecution`, performed by the engine that runs the parent.

The four patterns differ in when the task is over: when the child has started, when it has ended (`.sync`: what
DescribeExecution tells, input and output as JSON text; `.sync:2`: parsed), or when the task's token is answered.

The child knows the token it was started with, and without a name of its own gets one that is made of the token: a task
that is performed again after a crash finds the child it has started.
"""

import uuid
from email.utils import formatdate
from hashlib import sha256
from typing import Any

from stepwell.adapters.tasks.bindings import unbound
from stepwell.definitions import failure as names
from stepwell.definitions import timestamps
from stepwell.definitions.expressions import Json
from stepwell.definitions.failure import Failure
from stepwell.definitions.json_text import dumps, loads
from stepwell.definitions.resources import Integration
from stepwell.engine.effects import InvokeTask
from stepwell.engine.errors import CallerError
from stepwell.engine.execution import Execution
from stepwell.engine.lifecycles import ExecutionStatus
from stepwell.engine.ports import (
    AwaitExecution,
    Exchange,
    StartExecution,
    StopExecution,
    Submitted,
    Succeeded,
    TaskCancelled,
    TaskHandler,
)
from stepwell.engine.redrive import redrive_status


class NestedExecutions:
    """A `TaskHandler` that starts executions and leaves every other task to `beside`."""

    def __init__(self, beside: TaskHandler = unbound) -> None:
        self._beside = beside

    def __call__(self, task: InvokeTask) -> Exchange:
        return _perform(task, task.resource) if starts_execution(task) else self._beside(task)


def calls_step_functions(task: InvokeTask) -> bool:
    """Whether a task calls the API of Step Functions as any other service of AWS."""
    return isinstance(task.resource, Integration) and task.resource.service == "aws-sdk:sfn"


def starts_execution(task: InvokeTask) -> bool:
    called = task.resource
    return isinstance(called, Integration) and called.service == "states" and called.action == "startExecution"


def _perform(task: InvokeTask, called: Any) -> Exchange:
    if task.submitted is None:
        try:
            execution: Execution = yield _request(task)
        except CallerError as fault:
            yield _refused(fault)
            return
        response = _started(execution)
        if not called.pattern:
            yield Succeeded(response)
            return
        yield Submitted(response)
        arn = execution.arn
    else:
        arn = str(loads(task.submitted)["ExecutionArn"])
    if called.pattern != "waitForTaskToken":
        try:
            ended: Execution = yield AwaitExecution(arn)
        except TaskCancelled:
            yield StopExecution(arn)
            return
        except CallerError as fault:
            yield Failure(names.TASK_FAILED, str(fault))
            return
        about = _described(ended, parsed=called.pattern == "sync:2")
        if ended.status is ExecutionStatus.SUCCEEDED:
            yield Succeeded(dumps(about))
        else:
            yield Failure(names.TASK_FAILED, dumps(about))


def _request(task: InvokeTask) -> StartExecution:
    """Input that is no text is written as JSON; where there is none, the child gets an empty object."""
    given = loads(task.input)
    parameters = given if isinstance(given, dict) else {}
    value = parameters.get("Input")
    name = parameters.get("Name")
    return StartExecution(
        state_machine_arn=str(parameters.get("StateMachineArn", "")),
        name=str(uuid.UUID(bytes=sha256(task.token.encode()).digest()[:16], version=4)) if name is None else str(name),
        input="{}" if value is None else value if isinstance(value, str) else dumps(value),
    )


def _refused(fault: CallerError) -> Failure:
    cause = (
        f"{fault} (Service: AWSStepFunctions; Status Code: 400; Error Code: {fault.code}; "
        f"Request ID: {uuid.uuid4()}; Proxy: null)"
    )
    return Failure(f"StepFunctions.{fault.code}Exception", cause)


def _started(execution: Execution) -> str:
    """What StartExecution gives, with its metadata."""
    request_id = str(uuid.uuid4())
    body = dumps({"executionArn": execution.arn, "startDate": execution.started_at / 1000})
    headers: dict[str, Json] = {
        "connection": "keep-alive",
        "Content-Length": str(len(body.encode())),
        "Content-Type": "application/x-amz-json-1.0",
        "Date": formatdate(execution.started_at / 1000, usegmt=True),
        "x-amzn-RequestId": request_id,
    }
    order = ("x-amzn-RequestId", "connection", "Content-Length", "Date", "Content-Type")
    return dumps(
        {
            "ExecutionArn": execution.arn,
            "SdkHttpMetadata": {
                "AllHttpHeaders": {name: [headers[name]] for name in order},
                "HttpHeaders": headers,
                "HttpStatusCode": 200,
            },
            "SdkResponseMetadata": {"RequestId": request_id},
            "StartDate": timestamps.render(execution.started_at),
        }
    )


def _described(execution: Execution, *, parsed: bool) -> dict[str, Json]:
    """What DescribeExecution tells of an execution that has ended, in the spelling of an optimized integration."""
    stopped_at = execution.stopped_at or execution.started_at
    status, reason = redrive_status(execution, stopped_at)
    about: dict[str, Json] = {
        "ExecutionArn": execution.arn,
        "Input": loads(execution.input) if parsed else execution.input,
        "InputDetails": {"Included": True},
        "Name": execution.name,
        "RedriveCount": execution.redrive_count,
        "RedriveStatus": status,
        "StartDate": execution.started_at,
        "StateMachineArn": execution.state_machine_arn,
        "Status": execution.status.value,
        "StopDate": stopped_at,
    }
    if execution.output is not None:
        about["Output"] = loads(execution.output) if parsed else execution.output
        about["OutputDetails"] = {"Included": True}
    if reason is not None:
        about["RedriveStatusReason"] = reason
    if execution.error is not None:
        about["Error"] = execution.error
    if execution.cause is not None:
        about["Cause"] = execution.cause
    return dict(sorted(about.items()))
