"""One request of the API, from its body to that of its answer: what HTTP and the client for tests share.

Rule 1: what is the caller's fault is answered with 400 and AWS's text; what is ours with 500, and the log has it.
Rule 2: no payload goes to the log.
"""

import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Future

from msgspec import Struct

from stepwell.adapters.api.api import Api, Caller, Operation, Response
from stepwell.adapters.api.table import OPERATIONS
from stepwell.adapters.hosted import EngineClosed
from stepwell.adapters.operations import Answer, waited_for
from stepwell.adapters.server import shapes, sigv4
from stepwell.adapters.tasks.mocks import InvalidMockConfig
from stepwell.definitions.problems import InvalidDefinition
from stepwell.engine import errors
from stepwell.engine.errors import CallerError
from stepwell.engine.ports import StoreFailed

TARGET = "AWSStepFunctions."
"""How the header X-Amz-Target begins; the name of the operation follows."""

TRACED = frozenset({"StartExecution", "StartSyncExecution"})
TRACE_HEADER = "x-amzn-trace-id"
"""Of X-Ray: it goes before the member traceHeader. API model, StartExecution."""
LONGEST_TRACE = 256

fault_log = logging.getLogger("stepwell.server")


class Refused(Exception):
    """A request that is not met. Its text is for the caller."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code

    def body(self) -> bytes:
        return shapes.error_body(self.code, str(self))


class Question(Struct, frozen=True):
    """A request that was read and found in order."""

    name: str
    ask: Callable[[], Response | Answer[Response]]
    operation: Operation

    def answer(self, response: Response) -> bytes:
        """The body of the answer."""
        return shapes.complete_response(self.name, response)


def operation_in(headers: Mapping[str, str]) -> str:
    """The operation that a request names; raises UnknownOperationException."""
    target = headers.get("x-amz-target", "")
    name = target.removeprefix(TARGET)
    if not target:
        raise errors.UnknownOperationException(
            f"X-Amz-Target is missing: it names the operation, as in {TARGET}ListStateMachines"
        )
    if name == target or name not in OPERATIONS:
        raise errors.UnknownOperationException(f"This is Step Functions, and it has no operation {target!r}")
    return name


def question(api: Api, name: str, caller: Caller, body: bytes, headers: Mapping[str, str]) -> Question:
    """Reads and checks a request of an operation; raises SerializationException and ValidationException."""
    params = shapes.check_request(name, shapes.read_body(body))
    if name in TRACED and (trace := headers.get(TRACE_HEADER)):
        params["traceHeader"] = trace[:LONGEST_TRACE]
    operation = OPERATIONS[name]
    return Question(name, lambda: operation.perform(api, caller, params), operation)


def respond(api: Api, headers: Mapping[str, str], caller: Caller, body: bytes) -> tuple[int, bytes]:
    """Status and body of the answer to a request, on this thread."""
    try:
        asked = question(api, operation_in(headers), caller, body, headers)
        found = asked.ask()
        return 200, asked.answer(waited_for(found) if isinstance(found, Future) else found)
    except Exception as error:  # noqa: BLE001 - told of as a bug, if it is one
        refused = refusal_of(error)
        return refused.status, refused.body()


def refusal_of(error: Exception) -> Refused:
    """What a caller is told of an error."""
    match error:
        case Refused():
            return error
        case sigv4.NotVerified():
            return Refused(error.status, error.code, str(error))
        case CallerError():
            return Refused(400, error.code, str(error))
        case InvalidDefinition():
            return Refused(400, "InvalidDefinition", str(error))
        case InvalidMockConfig():
            return Refused(400, "ValidationException", str(error))
        case EngineClosed():
            return Refused(503, "ServiceUnavailable", "The server is going down; the request was not taken in")
        case StoreFailed():
            fault_log.error("%s", error)
            return Refused(503, "ServiceUnavailable", "The store cannot be read or written; the server's log says why")
        case _:
            fault_log.error("a bug", exc_info=error)
            return Refused(500, "InternalFailure", "A bug of Stepwell's; the server's log has the traceback")
