"""Facts from outside, in the past tense: what a host tells the machine.

Every event brings the time and the random bits of its step: `at` in milliseconds since the epoch, `entropy` as a seed.
The machine asks for neither. Values travel as JSON text, so an event can be written to a journal as it is: the journal
of an execution, taken in once more from its start, gives the same execution and the same history.
"""

from msgspec import Struct

from stepwell.definitions.failure import Failure

NO_REASON = Failure()


class Fact(Struct, frozen=True, kw_only=True, omit_defaults=True, tag=True):
    """What every event brings."""

    at: int
    entropy: bytes
    missing: tuple[str, ...] = ()
    """ARNs of activities that the definition names and that did not exist at this moment."""


class ExecutionStarted(Fact, frozen=True):
    pass


class ExecutionStopped(Fact, frozen=True):
    """Somebody asked for the end of the execution."""

    failure: Failure = NO_REASON


class ExecutionRedriven(Fact, frozen=True):
    """Somebody asked for an execution that did not succeed to go on where it failed."""

    client_token: str | None = None


class TaskStarted(Fact, frozen=True):
    """A worker took an activity task. Other tasks start by themselves."""

    token: str
    worker_name: str | None = None


class TaskSubmitted(Fact, frozen=True):
    """The first answer of a task that goes on: the job was accepted, the message with the token was sent."""

    token: str
    output: str


class TaskSucceeded(Fact, frozen=True):
    token: str
    output: str


class TaskFailed(Fact, frozen=True):
    token: str
    failure: Failure


class TaskHeartbeat(Fact, frozen=True):
    token: str


class TimersFired(Fact, frozen=True):
    """All timers of the execution that were due at this moment, in the order in which they were due."""

    timers: tuple[str, ...]


TaskEvent = TaskStarted | TaskSubmitted | TaskSucceeded | TaskFailed | TaskHeartbeat
Event = ExecutionStarted | ExecutionStopped | ExecutionRedriven | TaskEvent | TimersFired
