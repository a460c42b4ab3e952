"""The worker's side for Python: loads the handler, and answers one invocation after the other.

Rule 1: it runs in the interpreter of the function, which may be 3.8: nothing but the standard library, and nothing new.
Rule 2: errors, their texts and their shapes are those of AWS's own runtime for Python.
Rule 3: messages have their own pipes, see `messages.py`; stdin, stdout and stderr are the handler's.
"""

from __future__ import annotations

import decimal
import importlib
import json
import logging
import os
import struct
import sys
import time
import traceback
from typing import Any

LENGTHS = struct.Struct(">II")
MOST_PAYLOAD_BYTES = 6_291_556
ESCAPING = {f"AWS_Lambda_python3.{minor}" for minor in range(6, 12)}
"""Runtimes whose JSON has nothing but ASCII in it."""

REQUEST = {"id": ""}
"""The invocation at hand, for the log."""


class Fault(Exception):
    """An error that AWS's runtime has a name for."""

    def __init__(self, name: str, message: str, trace: list[str] | None = None) -> None:
        super().__init__(message)
        self.name = name
        self.trace = trace or []


class CognitoIdentity:
    cognito_identity_id = None
    cognito_identity_pool_id = None


class LambdaContext:
    """The context object of an invocation."""

    def __init__(self, head: dict[str, Any]) -> None:
        self.aws_request_id = head["id"]
        self.invoked_function_arn = head["arn"]
        self.function_name = os.environ.get("AWS_LAMBDA_FUNCTION_NAME")
        self.function_version = os.environ.get("AWS_LAMBDA_FUNCTION_VERSION")
        self.memory_limit_in_mb = os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.log_group_name = os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME")
        self.client_context = None
        self.identity = CognitoIdentity()
        self._deadline_ms = int(head["deadline_ms"])

    def get_remaining_time_in_millis(self) -> int:
        return max(0, self._deadline_ms - int(time.time() * 1000))

    def log(self, message: object) -> None:
        sys.stdout.write(str(message))


class LogHandler(logging.Handler):
    """What AWS's runtime gives the root logger, so that lines of every level a handler asks for are seen."""

    def emit(self, record: logging.LogRecord) -> None:
        record.__dict__["aws_request_id"] = REQUEST["id"]
        sys.stdout.write(self.format(record) + "\n")


def load(reference: str) -> Any:
    """The handler that `module.function` names; raises Fault."""
    module_name, dot, name = reference.rpartition(".")
    if not dot:
        message = f"Bad handler {reference!r}: not enough values to unpack (expected 2, got 1)"
        raise Fault("Runtime.MalformedHandlerName", message)
    if module_name.split(".")[0] in sys.builtin_module_names:
        message = f"Cannot use built-in module {module_name} as a handler module"
        raise Fault("Runtime.BuiltInModuleConflict", message)
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        raise Fault("Runtime.ImportModuleError", f"Unable to import module {module_name!r}: {error}") from error
    except SyntaxError as error:
        trace = [f'  File "{error.filename}" Line {error.lineno}\n    {error.text}']
        message = f"Syntax error in module {module_name!r}: {error}"
        raise Fault("Runtime.UserCodeSyntaxError", message, trace) from error
    try:
        return getattr(module, name)
    except AttributeError:
        message = f"Handler {name!r} missing on module {module_name!r}"
        raise Fault("Runtime.HandlerNotFound", message) from None


def encoded(value: object) -> bytes:
    """A value as JSON; raises what the encoder raises. What cannot be written in UTF-8 is replaced."""
    escapes = os.environ.get("AWS_EXECUTION_ENV") in ESCAPING
    return json.dumps(value, ensure_ascii=escapes, default=_number).encode("utf-8", "replace")


def _number(value: object) -> float:
    if isinstance(value, decimal.Decimal):
        return int(value) if value.is_finite() and value == value.to_integral_value() else float(value)
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def marshalled(result: object) -> bytes:
    """What a handler returned as the payload; raises Fault."""
    if isinstance(result, bytes):
        return result
    try:
        return encoded(result)
    except Exception as error:  # whatever a value of the user does
        raise Fault("Runtime.MarshalError", f"Unable to marshal response: {error}") from error


def told(error: BaseException, request_id: str) -> bytes:
    """The payload that tells of an error, which is written to the log besides."""
    if isinstance(error, Fault):
        name, trace = error.name, error.trace
    else:
        name, trace = type(error).__name__, _trace(error)
    try:
        message = str(error)
    except Exception as fault:  # noqa: BLE001 - the user's own text
        message = f"<{name}, whose text cannot be had: {type(fault).__name__}>"
    try:
        sys.stdout.write(f"[ERROR] {name}: {message}\n")
        if trace:
            sys.stdout.write("Traceback (most recent call last):\n" + "".join(trace))
    except Exception:  # noqa: BLE001 - the handler has closed it, or put something else in its place
        pass
    return encoded({"errorMessage": message, "errorType": name, "requestId": request_id, "stackTrace": trace})


def _trace(error: BaseException) -> list[str]:
    """The frames from the user's code inwards, without the marks that newer versions of Python make below them."""
    frames = [(it.filename, it.lineno, it.name, it.line) for it in traceback.extract_tb(error.__traceback__)]
    while frames and frames[0][0] == __file__:
        del frames[0]
    return traceback.format_list(frames)  # type: ignore[arg-type]


class Channel:
    """The pipes of messages."""

    def __init__(self, requests: int, answers: int) -> None:
        self._requests = requests
        self._answers = answers
        self._owner = os.getpid()

    def receive(self) -> tuple[dict[str, Any], bytes]:
        of_head, of_body = LENGTHS.unpack(self._read(LENGTHS.size))
        return json.loads(self._read(of_head)), self._read(of_body)

    def send(self, head: dict[str, Any], body: bytes = b"") -> None:
        if os.getpid() != self._owner:  # the handler has forked, and both return: one answer is enough
            os._exit(0)
        text = json.dumps(head).encode()
        left = memoryview(LENGTHS.pack(len(text), len(body)) + text + body)
        while left:
            left = left[os.write(self._answers, left) :]

    def _read(self, length: int) -> bytes:
        parts = []
        while length:
            part = os.read(self._requests, min(length, 1 << 20))
            if not part:  # the host has gone
                os._exit(0)
            parts.append(part)
            length -= len(part)
        return b"".join(parts)


def answer(handler: Any, head: dict[str, Any], event: bytes) -> tuple[str, bytes]:
    """What becomes of an invocation: the kind of the answer, and the payload."""
    try:
        try:
            given = json.loads(event)
        except ValueError as error:
            raise Fault("Runtime.UnmarshalError", f"Unable to unmarshal input: {error}") from error
        payload = marshalled(handler(given, LambdaContext(head)))
    except Exception as error:  # noqa: BLE001 - whatever the handler raises; SystemExit ends the process, as on AWS
        return "error", told(error, head["id"])
    if len(payload) > MOST_PAYLOAD_BYTES:
        return "error", too_large()
    return "result", payload


def too_large() -> bytes:
    message = f"Response payload size exceeded maximum allowed payload size ({MOST_PAYLOAD_BYTES} bytes)."
    return encoded({"errorType": "Function.ResponseSizeTooLarge", "errorMessage": message})


def prepare_path(root: str, layers: list[str]) -> None:
    """Modules come from the function's folder, then from its layers, then from the interpreter's own places."""
    if sys.path and os.path.abspath(sys.path[0] or ".") == os.path.dirname(os.path.abspath(__file__)):
        del sys.path[0]
    added = [root]
    for layer in layers:
        folder = os.path.join(layer, "python")
        packages = f"lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"
        added += [os.path.join(folder, packages), folder] if os.path.isdir(folder) else [layer]
    sys.path[:0] = added


def main() -> None:
    pipes = [int(number) for number in sys.argv[1:4]]
    for pipe in pipes:
        os.set_inheritable(pipe, False)
    channel = Channel(*pipes[:2])
    sys.argv[1:] = []
    layers = os.environ.pop("STEPWELL_LAYERS", "")
    prepare_path(os.environ.get("LAMBDA_TASK_ROOT", os.getcwd()), layers.split(os.pathsep) if layers else [])
    log = LogHandler()
    form = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s"
    formatter = logging.Formatter(form, "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    log.setFormatter(formatter)
    logging.getLogger().addHandler(log)
    try:
        handler = load(os.environ["_HANDLER"])
    except Exception as error:  # noqa: BLE001 - whatever the user's module raises
        channel.send({"kind": "error", "is_last": True}, told(error, ""))
        sys.exit(1)
    channel.send({"kind": "ready"})
    while True:
        head, event = channel.receive()
        REQUEST["id"] = head["id"]
        kind, payload = answer(handler, head, event)
        if len(payload) > MOST_PAYLOAD_BYTES:
            payload = too_large()
        channel.send({"kind": kind, "id": head["id"]}, payload)


if __name__ == "__main__":
    main()
