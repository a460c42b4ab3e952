"""Facts from outside, in the past tense: what a host tells the machine.

Every event brings the time and the random bits of its step: `at` in milliseconds since the epoch, `entropy` as a seed.
The machine asks for neither. Values travel as JSON text, so an event can be written to a journal as it is.
"""

from dataclasses import dataclass

from stepwell.definitions.failure import Failure

NO_REASON = Failure()


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionStarted:
    at: int
    entropy: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionStopped:
    """Somebody asked for the end of the execution."""

    at: int
    entropy: bytes
    failure: Failure = NO_REASON


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskStarted:
    """A worker took an activity task. Other tasks start by themselves."""

    at: int
    entropy: bytes
    token: str
    worker_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSubmitted:
    """The first answer of a task that goes on: the job was accepted, the message with the token was sent."""

    at: int
    entropy: bytes
    token: str
    output: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSucceeded:
    at: int
    entropy: bytes
    token: str
    output: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFailed:
    at: int
    entropy: bytes
    token: str
    failure: Failure


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskHeartbeat:
    at: int
    entropy: bytes
    token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TimersFired:
    """All timers of the execution that were due at this moment, in the order in which they were due."""

    at: int
    entropy: bytes
    timers: tuple[str, ...]


TaskEvent = TaskStarted | TaskSubmitted | TaskSucceeded | TaskFailed | TaskHeartbeat
Event = ExecutionStarted | ExecutionStopped | TaskEvent | TimersFired
