"""The ports: what the engine needs from the world, each as narrow as it can be.

A task handler is a generator, so that an exchange of several steps (start a job, poll it, read its result) is written
once and driven by any host. It never blocks: what would block is yielded as a `Call`, what would sleep as a `Pause`.
"""

from collections.abc import Callable, Generator, Iterable
from typing import Any, Protocol

from msgspec import Struct

from stepwell.definitions.failure import Failure
from stepwell.engine.effects import InvokeTask
from stepwell.engine.events import Event
from stepwell.engine.execution import Changes, Execution
from stepwell.engine.history import HistoryEvent


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


Request = Call | Pause | Started | Submitted | Succeeded | Failure | Heartbeat
Exchange = Generator[Request, Any, None]


class TaskHandler(Protocol):
    """Performs tasks.

    The generator yields what it needs and what happens; `Succeeded` and `Failure` end it. One that ends without either
    leaves the task open: it is answered by its token, or times out. It is closed when nobody waits for the task any
    more, which is its chance to cancel what it began. It may be asked to perform the same task twice after a crash:
    the token is the idempotency key. An exception that leaves the generator is a bug of the handler and fails the host.
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


class Store(Protocol):
    """Where executions are kept.

    `commit` is atomic: either all of the step is there afterwards or nothing. One worker advances an execution.
    """

    def create(self, execution: Execution, definition: str) -> None:
        """A new execution, before its first step. Raises ExecutionAlreadyExists."""

    def load(self, arn: str) -> Execution:
        """The execution; raises ExecutionDoesNotExist."""

    def commit(self, execution: Execution, event: Event, changes: Changes, history: list[HistoryEvent]) -> None:
        """Lays a step down: the journal's entry, the changed frames, the new history."""

    def history(self, arn: str) -> list[HistoryEvent]:
        """All events so far, by id; raises ExecutionDoesNotExist."""

    def list(self) -> Iterable[Execution]:
        """All executions, the newest first."""
