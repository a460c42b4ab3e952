"""A call of an AWS API on behalf of a task: what the task gives, what the service answers, what becomes of failures.

The call is made once. Whatever goes wrong with it is a `Failure` with the name that AWS gives it.

This module and `clients` are the ones that know botocore. They are imported with the first call.
"""

import uuid
from collections.abc import Callable
from hashlib import sha256
from typing import Any

from botocore import xform_name
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, ParamValidationError
from botocore.exceptions import ConnectionError as NotConnected
from botocore.parsers import ResponseParserError

from stepwell.adapters.tasks.aws import shaping
from stepwell.adapters.tasks.aws.answers import NOT_SUPPORTED, Answer, Request
from stepwell.adapters.tasks.aws.clients import Clients, Connection, NoSuchService, RoleNotAssumed
from stepwell.adapters.tasks.aws.endpoints import Endpoints
from stepwell.adapters.tasks.aws.errors import Speaker, absent, refused, sdk_speaker, unreachable
from stepwell.adapters.tasks.aws.shaping import Dialect
from stepwell.definitions.failure import RUNTIME, TASK_FAILED, Failure
from stepwell.engine.effects import InvokeTask


class ApiCaller:
    """A `Caller` at these endpoints."""

    def __init__(self, endpoints: Endpoints, answering: Callable[..., Any] | None = None) -> None:
        self._endpoints = endpoints
        self._clients = Clients(endpoints, answering)

    def __call__(self, request: Request, task: InvokeTask, of_result: Dialect | None = None, /) -> Answer | Failure:
        try:
            region = request.region or self._region(request.segment, task)
            connection = self._clients.connect(request.segment, region, task.credentials)
        except NoSuchService:
            return Failure(NOT_SUPPORTED, f"There is no service {request.segment!r} that botocore knows.")
        except RoleNotAssumed as fault:
            cause = f"The role is not authorized to assume the task state's role, {task.credentials}. ({fault})"
            return Failure(TASK_FAILED, cause)
        except BotoCoreError as fault:  # a region that is none
            return Failure(NOT_SUPPORTED, f"The service {request.segment!r} cannot be called: {fault}")
        operation = connection.operations.get(request.action)
        if operation is None:
            cause = f"The service {request.segment!r} has no action {request.action!r} that botocore knows."
            return Failure(NOT_SUPPORTED, cause)
        return _call(connection, operation, request, task, of_result)

    def close(self) -> None:
        self._clients.close()

    def _region(self, segment: str, task: InvokeTask) -> str:
        of_execution = [*task.execution_arn.split(":"), "", "", "", ""][3]
        return self._endpoints.region or self._clients.region(segment) or of_execution or "us-east-1"


def _call(
    connection: Connection, operation: str, request: Request, task: InvokeTask, of_result: Dialect | None
) -> Answer | Failure:
    model = connection.model(operation)
    dialect = request.service.dialect if request.service else shaping.SDK
    speaker = request.service.speaker if request.service else sdk_speaker(connection.service_id)
    if model.has_event_stream_output or model.has_event_stream_input:
        return Failure(
            NOT_SUPPORTED, f"{speaker.service}:{request.action} is a streaming API: Step Functions has none."
        )
    if wrong := shaping.unusable(model.input_shape, request.parameters, dialect):
        cause = f"The Parameters '{task.input}' could not be used to start the Task: [{', '.join(wrong)}]"
        return Failure(RUNTIME, cause)
    given = shaping.parameters(model.input_shape, request.parameters, dialect)
    if (missing := shaping.missing(model.input_shape, given)) and (
        failure := absent(speaker, request.segment, missing, model)
    ):
        return failure
    try:
        response = getattr(connection.client, xform_name(operation))(**{**_repeatable(model, task), **given})
        members = shaping.result(model.output_shape, response, of_result or dialect)
    except ClientError as fault:
        return refused(speaker, fault.response, model)
    except (HTTPClientError, NotConnected) as fault:
        return unreachable(speaker, fault, connection.url)
    except ParamValidationError as fault:
        return speaker.client_exception(f"Unable to marshall request: {fault}")
    except BotoCoreError as fault:
        return speaker.client_exception(str(fault))
    except (ResponseParserError, *_UNREADABLE) as fault:
        return _unreadable(speaker, fault)
    return Answer(members, response["ResponseMetadata"])


# What botocore's parsers raise over an answer that is not what the model says.
_UNREADABLE = (AttributeError, KeyError, TypeError, ValueError)


def _unreadable(speaker: Speaker, fault: Exception) -> Failure:
    return speaker.client_exception(f"Unable to unmarshall response ({type(fault).__name__}: {fault})")


def _repeatable(model: Any, task: InvokeTask) -> dict[str, str]:
    """The members by which an API knows a request again: a task that is performed twice starts one job."""
    key = str(uuid.UUID(bytes=sha256(task.token.encode()).digest()[:16], version=4))
    return dict.fromkeys(model.idempotent_members, key)
