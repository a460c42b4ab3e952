"""What becomes of a call that fails: the Error and Cause that AWS gives, in its two dialects.

Optimized integrations speak as version 1 of the AWS SDK for Java does, `aws-sdk` integrations as version 2:

    DynamoDB.ResourceNotFoundException  ... (Service: AmazonDynamoDBv2; Status Code: 400; Error Code: ...; ...)
    DynamoDb.ResourceNotFoundException  ... (Service: DynamoDb, Status Code: 400, Request ID: ...) (...)
"""

import socket
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct

from stepwell.adapters.tasks.aws.names import optimized_exception, sdk_exception, sdk_service, uncapitalized
from stepwell.definitions.failure import Failure

# Version 2 of the SDK tells it of all errors since late 2025. Calls are made once: retries belong to the definition.
_ATTEMPTS = " (SDK Attempt Count: 1)"


class Speaker(Struct, frozen=True, kw_only=True):
    """As whom a service speaks of its errors."""

    service: str
    """What stands before the dot of an Error."""
    label: str
    """What the Cause calls the service."""
    unmodelled: str
    """The exception of an error that the API's model does not have."""
    is_sdk: bool = False
    """Whether an `aws-sdk` integration speaks."""

    def client_exception(self, text: str) -> Failure:
        """No answer was had, or none that can be read."""
        return Failure(f"{self.service}.SdkClientException", text + (_ATTEMPTS if self.is_sdk else ""))


def sdk_speaker(service_id: str) -> Speaker:
    """Whom an `aws-sdk` integration lets speak."""
    service = sdk_service(service_id)
    return Speaker(service=service, label=service, unmodelled=f"{service}Exception", is_sdk=True)


def refused(speaker: Speaker, response: Mapping[str, Any], model: Any) -> Failure:
    """What a service answered that did not do what was asked. `model` is that of the operation."""
    error, metadata = response.get("Error", {}), response.get("ResponseMetadata", {})
    code, status = str(error.get("Code", "")), metadata.get("HTTPStatusCode", 0)
    message = error.get("Message") or "null"
    request_id = metadata.get("RequestId") or uuid.uuid4()
    shape = _shape(error.get("QueryErrorCode") or code, status, model)  # SQS has a code of old and a shape's name
    if speaker.is_sdk:
        exception = sdk_exception(shape.name) if shape is not None else speaker.unmodelled
        host_id = f", Extended Request ID: {metadata['HostId']}" if metadata.get("HostId") else ""
        about = f"(Service: {speaker.label}, Status Code: {status}, Request ID: {request_id}{host_id}){_ATTEMPTS}"
    else:
        exception = optimized_exception(shape.name) if shape is not None else speaker.unmodelled
        about = (
            f"(Service: {speaker.label}; Status Code: {status}; Error Code: {code}; "
            f"Request ID: {request_id}; Proxy: null)"
        )
    return Failure(f"{speaker.service}.{exception}", f"{message} {about}")


def absent(speaker: Speaker, segment: str, missing: list[str], model: Any) -> Failure | None:
    """What a service says of members that it demands and did not get, where that is known."""
    if any(model.input_shape.members[name].serialization.get("location") == "uri" for name in missing):
        return speaker.client_exception(f"Unable to marshall request to JSON: {missing[0]} cannot be empty.")
    if segment not in ABSENCES:
        return None
    code, message = ABSENCES[segment](missing)
    answer = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": 400}}
    return refused(speaker, answer, model)


def _absent_from_dynamodb(missing: list[str]) -> tuple[str, str]:
    faults = "; ".join(
        f"Value null at '{uncapitalized(name)}' failed to satisfy constraint: Member must not be null"
        for name in missing
    )
    return "ValidationException", f"{len(missing)} validation error{'s' if len(missing) > 1 else ''} detected: {faults}"


def _absent_from_sqs(missing: list[str]) -> tuple[str, str]:
    return "MissingParameter", f"The request must contain the parameter {missing[0]}."


ABSENCES: Mapping[str, Callable[[list[str]], tuple[str, str]]] = {
    "dynamodb": _absent_from_dynamodb,
    "sqs": _absent_from_sqs,
}
"""Code and message, by service. Emulators take the members for granted and break where AWS refuses (recorded)."""


def _shape(code: str, status: int, model: Any) -> Any:
    """The model of an error. One without a body (an answer to HEAD) is the one error that the operation has."""
    shape = model.service_model.shape_for_error_code(code)
    if shape is None and code == str(status) and len(model.error_shapes) == 1:
        return model.error_shapes[0]
    return shape


def unreachable(speaker: Speaker, fault: BaseException, url: str) -> Failure:
    """No answer came. The texts are those of Apache's HTTP client, with which the SDK for Java calls."""
    return speaker.client_exception(f"Unable to execute HTTP request: {_reason(fault, url)}")


def _reason(fault: BaseException, url: str) -> str:
    parts = urlsplit(url)
    place = f"{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}"
    name = type(fault).__name__
    if name == "ReadTimeoutError":
        return "Read timed out"
    if name == "ConnectTimeoutError":
        return f"Connect to {place} failed: connect timed out"
    for origin in _origins(fault):
        match origin:
            case socket.gaierror(strerror=text):
                return f"{parts.hostname}: {text}"
            case ConnectionRefusedError():
                return f"Connect to {place} failed: Connection refused"
            case ConnectionResetError():
                return "Connection reset"
    return f"{place} failed to respond" if name == "ConnectionClosedError" else str(fault)


def _origins(fault: BaseException) -> Iterator[BaseException]:
    """What led to the fault, the nearest first."""
    seen: set[int] = set()
    origin: BaseException | None = fault
    while origin is not None and id(origin) not in seen:
        seen.add(id(origin))
        yield origin
        told = getattr(origin, "kwargs", {}).get("error")  # botocore's own errors keep it there
        origin = told if isinstance(told, BaseException) else origin.__cause__ or origin.__context__
