"""What may be asked of the executions on a host, by whoever is on another thread: the API, Python, other executions.

Rule 1: whatever changes something is done on the host's own thread, and answered when it is laid down.
Rule 2: nobody waits for ever: who is closed, or has broken, tells everybody who still waits.
"""

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, NoReturn, TypeVar

from msgspec import Struct

from stepwell.adapters.door import Door
from stepwell.adapters.hosts.local import LocalHost
from stepwell.adapters.operations import Answer
from stepwell.adapters.runs import Machines, Prepared, new_execution_of
from stepwell.adapters.tasks.executions import calls_step_functions
from stepwell.definitions.failure import Failure
from stepwell.engine.effects import InvokeTask
from stepwell.engine.errors import CallerError
from stepwell.engine.events import NO_REASON, Event
from stepwell.engine.execution import Execution
from stepwell.engine.lifecycles import ExecutionStatus
from stepwell.engine.machine import Step
from stepwell.engine.operations.activities import describe_activity
from stepwell.engine.operations.executions import (
    answer_task,
    redrive_execution,
    start_execution,
    stop_execution,
    take_activity_task,
)
from stepwell.engine.operations.state_machines import delete_state_machine, finish_deletion
from stepwell.engine.ports import Exchange, Store, StoreFailed, TaskHandler
from stepwell.engine.registry import Registry
from stepwell.engine.worker import Done

T = TypeVar("T")

Shown = Callable[[Execution], T]
"""What whoever waits for an execution is to get of it."""


class ActivityTask(Struct, frozen=True):
    """A task that a worker has taken. `input` is JSON text."""

    token: str
    input: str


class EngineClosed(RuntimeError):
    """The engine was closed, or has broken: its cause tells by what."""


class Hosted:
    """The executions on a host. Every method but `observe` may be called from any thread."""

    host: LocalHost
    """Is given once it is made: it has `observe` as its onlooker."""
    tasks: TaskHandler
    """Performs the tasks of executions that have no handler of their own."""

    def __init__(self, store: Store, registry: Registry, machines: Machines) -> None:
        self.store = store
        self.registry = registry
        self.machines = machines
        self._cases: dict[str, TaskHandler] = {}
        self._unanswered: set[Answer[Any]] = set()
        self._waiting: dict[str, list[tuple[Answer[Any], Shown[Any]]]] = {}
        self._following: dict[str, list[Answer[None]]] = {}
        self._polling: dict[str, deque[tuple[Answer[ActivityTask | None], str | None]]] = {}
        self._is_closed = False
        self._broken: BaseException | None = None

    @property
    def is_closed(self) -> bool:
        return self._is_closed

    @property
    def is_idle(self) -> bool:
        """Whether nobody waits for anything of it."""
        return not (self._waiting or self._following or self._polling)

    @property
    def carried(self) -> int:
        """How many executions it carries on."""
        return len(self.host.worker.carried)

    @property
    def pollers(self) -> int:
        """How many wait for a task of an activity."""
        return sum(map(len, tuple(self._polling.values())))

    def release_pollers(self) -> None:
        """Lets whoever waits for a task of an activity go without one: nobody is to wait for a server that ends."""

        def release() -> None:
            for waiting in self._polling.values():
                for answer, _ in waiting:
                    answer.give(None)
            self.serve_pollers()

        self.host.post(release)

    def now(self) -> int:
        """Milliseconds since the epoch."""
        return self.host.clock.now()

    # --- executions -------------------------------------------------------------------------------------------------

    def start(
        self,
        prepared: Prepared,
        *,
        shown: Shown[T],
        mocks: TaskHandler | None = None,
        when_started: Callable[[Execution], None] | None = None,
        **about: Any,
    ) -> Answer[T]:
        """Starts an execution, `about` which more is told as for `new_execution`; answered when it is laid down.

        Started once more in the same way while it runs, the execution is the same. `when_started` is called on the
        runtime's thread before the execution moves.
        """
        answer: Answer[T] = Answer()

        def begin() -> None:
            execution = new_execution_of(prepared, self.host, **about)
            started = start_execution(
                self.host.worker,
                self.store,
                prepared.program,
                execution,
                prepared.definition,
                is_unique=about.get("name") is None,
                done=lambda change: _finish(answer, change, lambda: shown(started)),  # called later
            )
            if started is not execution:
                return  # it runs already, and whoever has started it has seen to the rest
            if mocks is not None:
                self._cases[execution.arn] = mocks
            if when_started is not None:
                when_started(execution)

        return self._ask(answer, begin)

    def run(self, prepared: Prepared, *, shown: Shown[T], **about: Any) -> Answer[T]:
        """Starts an execution and waits for its end."""
        answer: Answer[T] = Answer()

        def wait_too(execution: Execution) -> None:
            self._enlist(self._waiting, execution.arn, answer, (answer, shown))

        started = self.start(prepared, shown=_nothing_of, when_started=wait_too, **about)
        started.add_done_callback(lambda it: answer.fail(error) if (error := it.exception()) is not None else None)
        self._unanswered.add(answer)
        answer.add_done_callback(self._unanswered.discard)
        return answer

    def ended(
        self,
        arn: str,
        shown: Shown[T],
        *,
        timeout: float | None = None,
        otherwise: Callable[[], T] | None = None,
    ) -> Answer[T]:
        """An execution once it has ended. Raises ExecutionDoesNotExist."""
        answer: Answer[T] = Answer(timeout, otherwise)

        def begin() -> None:
            if not self.host.worker.carries(arn) and (execution := self.store.describe(arn)).status.is_terminal:
                answer.give(shown(execution))
            else:
                self._enlist(self._waiting, arn, answer, (answer, shown))

        def when_closed() -> T:
            execution = self.store.describe(arn)
            return shown(execution) if execution.status.is_terminal else self._raise_closed()

        return self._ask(answer, begin, when_closed)

    def follow(self, arn: str, after: int) -> Answer[None]:
        """An answer that comes when the execution has events beyond these, or has ended."""
        answer: Answer[None] = Answer()

        def begin() -> None:
            execution = self.store.describe(arn)
            if execution.next_event_id - 1 > after or execution.status.is_terminal:
                answer.give(None)
            else:
                self._following.setdefault(arn, []).append(answer)

        def when_closed() -> None:
            if not self.store.describe(arn).status.is_terminal:
                self._raise_closed()

        return self._ask(answer, begin, when_closed)

    def stop(self, arn: str, failure: Failure = NO_REASON, *, shown: Callable[[], T]) -> Answer[T]:
        """Aborts an execution. Raises ExecutionDoesNotExist."""
        return self._change(lambda done: stop_execution(self.host.worker, self.store, arn, failure, done), shown)

    def redrive(self, arn: str, *, client_token: str | None = None, shown: Callable[[], T]) -> Answer[T]:
        """Lets an execution go on where it failed. Raises ExecutionDoesNotExist and ExecutionNotRedrivable."""
        worker = self.host.worker
        return self._change(
            lambda done: redrive_execution(worker, self.store, arn, self.now(), done, client_token=client_token), shown
        )

    def _finish_deletion(self, machine_arn: str) -> None:
        """Aborts the executions of a state machine that is being deleted, and then deletes it for good."""

        def stop_all() -> None:
            running = self.store.executions(state_machine_arn=machine_arn, status=ExecutionStatus.RUNNING)
            for execution in running:
                self.stop(execution.arn, shown=_nothing).add_done_callback(lambda _: self.host.post(look_again))
            if not running:
                look_again()

        def look_again() -> None:
            if not self.store.executions(state_machine_arn=machine_arn, status=ExecutionStatus.RUNNING, limit=1):
                finish_deletion(self.registry, machine_arn)

        self.host.post(stop_all)

    def delete_state_machine(self, arn: str) -> None:
        """Deletes a state machine at once, or as soon as its executions are aborted. Raises InvalidArn."""
        running = self.store.executions(state_machine_arn=arn, status=ExecutionStatus.RUNNING, limit=1)
        delete_state_machine(self.registry, arn, has_executions=bool(running))
        self.machines.forget()
        if running:
            self._finish_deletion(arn)

    # --- tasks ------------------------------------------------------------------------------------------------------

    def activity_task(
        self, activity_arn: str, worker_name: str | None = None, timeout: float = 60.0
    ) -> Answer[ActivityTask | None]:
        """The next task of an activity; None after `timeout` seconds without one. Raises ActivityDoesNotExist."""
        answer: Answer[ActivityTask | None] = Answer(timeout, otherwise=_nothing)

        def begin() -> None:
            describe_activity(self.registry, activity_arn)
            self._polling.setdefault(activity_arn, deque()).append((answer, worker_name))
            self.serve_pollers()
            answer.add_done_callback(lambda it: self.host.post(self.serve_pollers) if it.cancelled() else None)

        return self._ask(answer, begin)

    def answer_task(self, token: str, event: Callable[..., Event], **facts: Any) -> Answer[None]:
        """Tells the task that waits with this token. Raises InvalidToken and TaskTimedOut."""
        return self._change(
            lambda done: answer_task(self.host.worker, self.store, token, event, done, **facts), _nothing
        )

    # --- asking -----------------------------------------------------------------------------------------------------

    def _ask(
        self, answer: Answer[T], begin: Callable[[], None], when_closed: Callable[[], T] | None = None
    ) -> Answer[T]:
        """Has the runtime's thread begin something that gives the answer sooner or later."""

        def ask() -> None:
            if self._is_closed:
                answer.settle(when_closed or self._raise_closed)
                return
            self._unanswered.add(answer)
            answer.add_done_callback(self._unanswered.discard)
            try:
                begin()
            except Exception as error:
                answer.fail(error)
                if not isinstance(error, CallerError | ValueError | TypeError | OverflowError):
                    raise

        if self._is_closed:
            ask()
        else:
            self.host.post(ask)
            if self._is_closed:  # since: nobody else may come to it
                self.host.answer_posted()
        return answer

    def _change(self, begin: Callable[[Done], None], shown: Callable[[], T]) -> Answer[T]:
        answer: Answer[T] = Answer()
        return self._ask(answer, lambda: begin(lambda change: _finish(answer, change, shown)))

    def look_up(self, question: Callable[[], T]) -> Answer[T]:
        """What only looks is done on the caller's thread."""
        answer: Answer[T] = Answer()
        answer.settle(question)
        return answer

    def at_once(self, question: Callable[[], T]) -> Answer[T]:
        """What the registry does, it does on the caller's thread."""
        return self.look_up(partial(self.from_registry, question))

    def from_registry(self, question: Callable[[], T]) -> T:
        """What the registry gives; raises EngineClosed where it is closed, or is being closed."""
        if self._is_closed:
            self._raise_closed()
        try:
            return question()
        except StoreFailed:
            if self._is_closed:
                self._raise_closed()
            raise

    def _raise_closed(self) -> NoReturn:
        raise EngineClosed("The engine is closed") from self._broken

    # --- on the host's thread ---------------------------------------------------------------------------------------

    def perform(self, task: InvokeTask) -> Exchange:
        """Performs a task: by the handler that its execution was started with, else as all are."""
        return self._cases.get(task.execution_arn, self.tasks)(task)

    def observe(self, execution: Execution, step: Step) -> None:
        """Sees each step of the host, when it is laid down."""
        arn = execution.arn
        for follower in self._following.pop(arn, ()):
            follower.give(None)
        if step.changes.status.is_terminal:
            if step.changes.status is ExecutionStatus.SUCCEEDED:  # else it may be redriven
                self._cases.pop(arn, None)
            for answer, shown in self._waiting.pop(arn, ()):
                answer.give(shown(execution))
        if self._polling and any(isinstance(effect, InvokeTask) for effect in step.effects):
            self.host.post(self.serve_pollers)

    def _enlist(self, waiting: dict[str, list[T]], arn: str, answer: Answer[Any], entry: T) -> None:
        """Among those who wait for something of an execution, until they wait no more."""
        waiting.setdefault(arn, []).append(entry)

        def strike_off() -> None:
            if entry in waiting.get(arn, ()):
                waiting[arn].remove(entry)
                if not waiting[arn]:
                    del waiting[arn]

        answer.add_done_callback(lambda it: self.host.post(strike_off) if it.cancelled() else None)

    def _see_to_the_executions_of_others(self) -> None:
        for arn in [arn for arn in self._waiting if not self.host.worker.carries(arn)]:
            try:
                execution = self.store.describe(arn)
            except CallerError as gone:
                for answer, _ in self._waiting.pop(arn):
                    answer.fail(gone)
                continue
            if execution.status.is_terminal:
                for answer, shown in self._waiting.pop(arn):
                    answer.give(shown(execution))
        for arn in [arn for arn in self._following if not self.host.worker.carries(arn)]:
            for follower in self._following.pop(arn):
                follower.give(None)

    def serve_pollers(self) -> None:
        """Gives tasks of activities to those who wait for them."""
        for arn, waiting in tuple(self._polling.items()):
            while waiting:
                answer, worker_name = waiting[0]
                if answer.done():  # whoever asked has gone
                    waiting.popleft()
                    continue
                if not self.store.has_activity_task(arn):
                    break
                waiting.popleft()
                if not answer.will_be_given():
                    continue  # whoever asked has gone, and must not be given a task
                found = take_activity_task(self.host.worker, self.store, arn, worker_name)
                answer.give(None if found is None else ActivityTask(*found))
            if not waiting:
                del self._polling[arn]


class OwnStepFunctions:
    """A `TaskHandler`: tasks that call Step Functions (`aws-sdk:sfn`) call these executions, all others `beside`.

    Where `beside` is a `World` that calls Step Functions elsewhere, they are left to it too. The door of a `World`
    leads to these executions from now on.
    """

    def __init__(self, hosted: Hosted, beside: TaskHandler) -> None:
        self._hosted = hosted
        self._beside = beside
        self._own: TaskHandler | None = None
        door: Door | None = getattr(beside, "door", None)
        if door is not None:
            door.lead_to(hosted)

    def __call__(self, task: InvokeTask, /) -> Exchange:
        if not calls_step_functions(task) or getattr(self._beside, "calls_step_functions", False):
            return self._beside(task)
        if self._own is None:
            from stepwell.adapters.api.api import Api  # here, not above: it stands on this
            from stepwell.adapters.server.in_process import ApiTasks

            self._own = ApiTasks(Api(runtime=self._hosted))
        return self._own(task)


def _finish(answer: Answer[T], change: bool | Exception, shown: Callable[[], T]) -> None:
    if isinstance(change, Exception):
        answer.fail(change)
    else:
        answer.give(shown())


def _nothing() -> None:
    pass


def _nothing_of(execution: Execution) -> None:
    pass
