"""What Lambda gives an invocation, and how it is told of an execution that failed.

Nothing of the engine is imported here: a handler that starts executions elsewhere has no need of it.
"""

from functools import lru_cache
from typing import Protocol

CLASSES_KEPT = 256

TIMEOUT = "States.Timeout"


class Invocation(Protocol):
    """As much of Lambda's context object as is looked at."""

    aws_request_id: str

    def get_remaining_time_in_millis(self) -> int:
        """How long the invocation may go on."""


class ExecutionFailed(Exception):
    """An execution that did not succeed; what is raised is of a class of its own, named after the Error.

    This class itself is raised for an execution without an Error.
    """

    def __init__(self, error: str | None, cause: str | None) -> None:
        super().__init__(cause or "")
        self.error = error
        self.cause = cause


def failed(status: str, error: str | None, cause: str | None) -> ExecutionFailed:
    """The exception that Lambda shows as Error and Cause.

    The description of an execution that ran out of time has neither; its history says States.Timeout.
    """
    error = error or (TIMEOUT if status == "TIMED_OUT" else None)
    return _class_of(error)(error, cause) if error else ExecutionFailed(error, cause)


@lru_cache(maxsize=CLASSES_KEPT)
def _class_of(error: str) -> type[ExecutionFailed]:
    """Lambda's errorType is the name of the exception's class. Any text is a name but for what Python cannot keep."""
    name = error.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()
    return type(name, (ExecutionFailed,), {"__module__": __name__})
