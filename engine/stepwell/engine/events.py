"""Facts from outside, in the past tense: what a host tells the machine.

Every event brings the time and the random bits of its step: `at` in milliseconds since the epoch, `entropy` as a seed.
The machine asks for neither. Values travel as JSON text, so an event can be written to a journal as it is.
"""

from msgspec import Struct

from stepwell.definitions.failure import Failure

NO_REASON = Failure()


class ExecutionStarted(Struct, frozen=True, kw_only=True):
    at: int
    entropy: bytes


class ExecutionStopped(Struct, frozen=True, kw_only=True):
    """Somebody asked for the end of the execution."""

    at: int
    entropy: bytes
    failure: Failure = NO_REASON


class TaskStarted(Struct, frozen=True, kw_only=True):
    """A worker took an activity task. Other tasks start by themselves."""

    at: int
    entropy: bytes
    token: str
    worker_name: str | None = None


class TaskSubmitted(Struct, frozen=True, kw_only=True):
    """The first answer of a task that goes on: the job was accepted, the message with the token was sent."""

    at: int
    entropy: bytes
    token: str
    output: str


class TaskSucceeded(Struct, frozen=True, kw_only=True):
    at: int
    entropy: bytes
    token: str
    output: str


class TaskFailed(Struct, frozen=True, kw_only=True):
    at: int
    entropy: bytes
    token: str
    failure: Failure


class TaskHeartbeat(Struct, frozen=True, kw_only=True):
    at: int
    entropy: bytes
    token: str


class TimersFired(Struct, frozen=True, kw_only=True):
    """All timers of the execution that were due at this moment, in the order in which they were due."""

    at: int
    entropy: bytes
    timers: tuple[str, ...]


TaskEvent = TaskStarted | TaskSubmitted | TaskSucceeded | TaskFailed | TaskHeartbeat
Event = ExecutionStarted | ExecutionStopped | TaskEvent | TimersFired
