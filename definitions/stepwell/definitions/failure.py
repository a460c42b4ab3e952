"""The run's errors: what Retry and Catch see, as a value.

A `Failure` is data and travels in results, histories and frames. Where an expression cannot go on it raises
`Failed`, which carries a failure to the one place that decides what becomes of it: the machine.
"""

from msgspec import Struct


class Failure(Struct, frozen=True):
    """An error of a run. Either part may be absent (a Fail state may give neither)."""

    error: str | None = None
    cause: str | None = None
    also: str | None = None
    """A second name by which handlers may know it."""

    def __str__(self) -> str:
        return f"{self.error or 'no error name'}: {self.cause or 'no cause given'}"


class Failed(Exception):
    """Raised by an expression that cannot yield a value.

    `prefixed` tells whether AWS opens the cause with "An error occurred while executing the state ...": only the
    machine knows the state and the event id to name there. `location` is the field at fault, where one is.
    """

    def __init__(self, error: str, cause: str, *, prefixed: bool = True, location: str | None = None) -> None:
        super().__init__(error, cause)
        self.failure = Failure(error, cause)
        self.prefixed = prefixed
        self.location = location


RUNTIME = "States.Runtime"
TASK_FAILED = "States.TaskFailed"
TIMEOUT = "States.Timeout"
HEARTBEAT_TIMEOUT = "States.HeartbeatTimeout"
DATA_LIMIT_EXCEEDED = "States.DataLimitExceeded"
INTRINSIC_FAILURE = "States.IntrinsicFailure"
QUERY_EVALUATION_ERROR = "States.QueryEvaluationError"
REFERENCE_PATH_CONFLICT = "States.ReferencePathConflict"
ALL = "States.ALL"
