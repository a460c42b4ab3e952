"""The ports: what the engine needs from the world, each as narrow as it can be.

A task handler is a generator, so that an exchange of several steps (start a job, poll it, read its result) is written
once and driven by any host. It never blocks: what would block is yielded as a `Call`, what would sleep as a `Pause`.
"""

from collections.abc import Callable, Generator, Iterator, Set
from typing import Any, Protocol

from msgspec import Struct

from stepwell.definitions.failure import Failure
from stepwell.engine.effects import InvokeTask
from stepwell.engine.events import Event, TaskStarted
from stepwell.engine.execution import Execution
from stepwell.engine.history import HistoryEvent
from stepwell.engine.lifecycles import ExecutionStatus
from stepwell.engine.machine import Step


class Call(Struct, frozen=True):
    """Run this, wherever blocking is allowed, and send back what it returns, or throw what it raises.

    A coroutine function is run on an event loop.
    """

    function: Callable[..., Any]
    arguments: tuple[Any, ...] = ()


class Pause(Struct, frozen=True):
    """Go on after this time."""

    seconds: float


class Started(Struct, frozen=True):
    """A worker took the task. Only activities say so."""

    worker_name: str | None = None


class Submitted(Struct, frozen=True):
    """The first answer, as JSON text; the final one follows, from here or by the token."""

    output: str


class Succeeded(Struct, frozen=True):
    """The result, as JSON text."""

    output: str


class Heartbeat(Struct, frozen=True):
    """The task is alive."""


class StartExecution(Struct, frozen=True, kw_only=True):
    """Start an execution of another state machine, and send back the `Execution`, or throw a CallerError.

    Performed once for a task: asked for again with the same token, the execution that was started is sent back.
    """

    state_machine_arn: str
    name: str | None
    input: str


class AwaitExecution(Struct, frozen=True):
    """Go on when that execution has ended, with the `Execution` as it ended."""

    arn: str


class StopExecution(Struct, frozen=True):
    """Have that execution aborted, sooner or later."""

    arn: str


Request = (
    Call
    | Pause
    | StartExecution
    | AwaitExecution
    | StopExecution
    | Started
    | Submitted
    | Succeeded
    | Failure
    | Heartbeat
)
Exchange = Generator[Request, Any, None]


class TaskCancelled(Exception):
    """Thrown into an exchange when its task is given up: the time to cancel what it began."""


class TaskHandler(Protocol):
    """Performs tasks.

    The generator yields what it needs and what happens; `Succeeded` and `Failure` end it. One that ends without either
    leaves the task open: it is answered by its token, or times out.

    When the task is given up (its state timed out, its sibling failed, somebody stopped the execution) TaskCancelled is
    thrown where the generator waits. It may catch that to cancel what it began, with as many requests as that takes;
    what it reports then is not heard. When the host ends, or somebody else has answered the task, the generator is
    closed, and what it began is to go on.

    After a crash it may be asked to perform the same task twice: the token is the idempotency key, and `submitted` is
    the first answer, where that was recorded. An exception that leaves the generator is a bug of the handler and fails
    the host.
    """

    def __call__(self, task: InvokeTask, /) -> Exchange: ...


class Clock(Protocol):
    """Where the time comes from."""

    def now(self) -> int:
        """Milliseconds since the epoch; never less than it was."""


Done = Callable[[Any, BaseException | None], None]
"""Takes what a call returned or raised."""


class Runner(Protocol):
    """Runs what handlers ask to have run."""

    def __call__(self, call: Call, done: Done, /) -> Callable[[], None]:
        """Runs the call and lets `done` know on the host's own thread, now or later.

        Returns a function that gives the call up: `done` is not called any more, and what runs is cancelled as far as
        that can be done.
        """


class StoreFailed(Exception):
    """The store cannot be read or written. The text says which, why, and what to do, in one line."""


class OpenTask(Struct, frozen=True, kw_only=True):
    """A task that was asked for and has no answer yet."""

    task: InvokeTask
    asked_at: int
    """Milliseconds since the epoch."""
    is_left_open: bool
    """Whether its handler is through with it: somebody else answers it by its token."""


class Recovered(Struct, frozen=True, kw_only=True):
    """What a host needs in order to carry an execution on that another one has left: its part of the outbox."""

    execution_arn: str
    timers: list[tuple[str, int]]
    """Name, and when it is due in milliseconds since the epoch."""
    tasks: list[OpenTask]


class Letter(Struct, frozen=True):
    """An event for an execution from a process that does not carry it on."""

    number: int
    execution_arn: str
    event: Event


class Store(Protocol):
    """Where executions are kept.

    What is written is gathered until `flush`, which lays all of it down at once or nothing of it. Only the one thread
    of a worker writes. What is read is what was laid down, and may be read from any thread. Every method may raise
    StoreFailed.

    An execution that runs belongs to one host, the one that created or claimed it, as long as that host lives. A host
    that has lost an execution to another one hears of it from `flush`.
    """

    is_shared: bool
    """Whether other processes may have it open too."""

    # --- for the worker that carries executions on -----------------------------------------------------------------

    def create(
        self, execution: Execution, definition: str, settings: str | None = None, *, is_unique: bool = False
    ) -> None:
        """A new execution, before its first step. Raises ExecutionAlreadyExists.

        `is_unique`: the caller has just made the ARN up, so there is no need to look.
        One with `settings` (JSON text: how it is to be carried on) is passed over by `adopt`.
        """

    def load(self, arn: str) -> tuple[Execution, str]:
        """The execution as this worker has left it, and its definition; raises ExecutionDoesNotExist."""

    def commit(self, execution: Execution, event: Event, step: Step) -> None:
        """Takes a step's changes into the execution and writes it: journal, changed frames, history, outbox.

        The outbox follows from the event and the effects: tasks and timers that were asked for and are not answered,
        fired or cancelled.
        """

    def leave_open(self, execution: Execution, token: str) -> None:
        """Notes that the handler of a task is through with it."""

    def settle(self, letter: Letter) -> None:
        """Notes that a letter's event was taken in."""

    def flush(self) -> Set[str]:
        """Lays down all that was written since the last time. Returns the executions that belong to others by now, of
        which nothing was laid down."""

    def claim(self, arn: str) -> Recovered | None:
        """Makes an execution, ended or not, this host's own; None where another living host has it.

        Raises ExecutionDoesNotExist.
        """

    def adopt(self) -> Iterator[Recovered]:
        """Makes every execution this host's own that runs, has no settings, and belongs to no living host."""

    def has_activity_task(self, activity_arn: str) -> bool:
        """Whether a task of the activity waits for a worker. Costs little: pollers ask often."""

    def take_activity_task(self, activity_arn: str, started: Callable[[str], TaskStarted]) -> tuple[str, str] | None:
        """Token and input of the activity's oldest task that nobody has taken: it is taken when this returns.

        The fact that `started` makes of the token goes to the execution as a letter.
        """

    def post(self, arn: str, event: Event) -> None:
        """Sends a letter to an execution's host, present or to come; it is laid down when this returns."""

    def has_news(self) -> bool:
        """Whether another process has written since this was asked the last time. Costs next to nothing."""

    def letters(self) -> list[Letter]:
        """The letters to this host's executions that are not settled, the oldest first."""

    def close(self) -> None:
        """Gives all executions up to whoever claims them."""

    # --- for everybody ---------------------------------------------------------------------------------------------

    def describe(self, arn: str) -> Execution:
        """The execution without its frames; raises ExecutionDoesNotExist."""

    def definition(self, arn: str) -> str:
        """The definition that an execution runs by; raises ExecutionDoesNotExist."""

    def settings(self, arn: str) -> str | None:
        """The settings with which an execution was created; raises ExecutionDoesNotExist."""

    def is_abandoned(self, arn: str) -> bool:
        """Whether an execution runs and belongs to no living host."""

    def history(self, arn: str, after: int = 0) -> list[HistoryEvent]:
        """The events with higher ids than `after`, by id; raises ExecutionDoesNotExist."""

    def executions(
        self,
        *,
        state_machine_arn: str | None = None,
        status: ExecutionStatus | None = None,
        is_redriven: bool | None = None,
        limit: int | None = None,
        before: str | None = None,
    ) -> list[Execution]:
        """Executions without their frames, the newest first; with `before` those that started before that ARN's.

        `state_machine_arn` may be that of a version or an alias: then those that were started through it.
        """

    def open_tasks(self, execution_arn: str | None = None) -> list[OpenTask]:
        """The tasks without an answer, the oldest first."""

    def open_task(self, token: str) -> OpenTask | None:
        """The task that waits with this token."""

    # --- housekeeping ----------------------------------------------------------------------------------------------

    def prune(self, *, stopped_before: int | None = None, keep: int | None = None) -> int:
        """Removes executions that have ended: those that stopped before a moment (milliseconds since the epoch), and
        all but the newest `keep`. Returns how many."""

    def tidy(self, most: int) -> bool:
        """Makes the histories of at most so many ended executions compact; whether there are more."""
