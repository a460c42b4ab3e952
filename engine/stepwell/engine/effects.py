"""Requests in the imperative: what the machine asks a host to do, after the commit of the step that asks."""

from msgspec import Struct

from stepwell.definitions.resources import Resource
from stepwell.engine.lifecycles import ExecutionStatus


class InvokeTask(Struct, frozen=True, kw_only=True):
    """Call what a Task names, and answer with task events that carry this token.

    May be performed twice after a crash; the token is the idempotency key. An answer that comes after the attempt
    ended (by timeout, failure of a sibling, stop) is ignored.
    """

    token: str
    execution_arn: str
    state: str
    resource: Resource
    input: str
    """The parameters as JSON text: the event of a Lambda function, the parameters of an API call."""
    attempt: int
    """0 for the first try of this entry of the state, 1 for its first retry."""
    within: tuple[tuple[str, int], ...] = ()
    """The Parallel and Map states around the task, outermost first, each with its branch or iteration."""
    timeout_seconds: int | None = None
    heartbeat_seconds: int | None = None
    credentials: str | None = None
    """The role to assume."""
    submitted: str | None = None
    """The first answer, where it is known already: the task was being performed when its host died."""


class CancelTask(Struct, frozen=True, kw_only=True):
    """Stop waiting for a task, and stop the task itself as far as that can be done."""

    token: str


class SetTimer(Struct, frozen=True, kw_only=True):
    """Send `TimersFired` with this name when the time has come; late rather than never."""

    timer: str
    due: int
    """Milliseconds since the epoch."""


class CancelTimer(Struct, frozen=True, kw_only=True):
    timer: str


class FinishExecution(Struct, frozen=True, kw_only=True):
    """The execution has ended. Its timers and tasks are cancelled by effects of their own before this one."""

    status: ExecutionStatus


Effect = InvokeTask | CancelTask | SetTimer | CancelTimer | FinishExecution
