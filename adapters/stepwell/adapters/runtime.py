"""The runtime: the one thread that carries executions on, and everybody who waits for something of it.

`Engine` puts what it does into Python's shapes, the server into the API's.

Rule 1: whatever changes something is done on the runtime's own thread, and answered when it is laid down.
Rule 2: nobody waits for ever: a runtime that is closed, or has broken, tells everybody who still waits.
"""

import threading
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from functools import partial
from os import PathLike
from pathlib import Path
from time import monotonic
from typing import Any, NoReturn, TypeVar

from msgspec import Struct

from stepwell.adapters.clocks import SkippingClock, SystemClock
from stepwell.adapters.hosts.local import LocalHost
from stepwell.adapters.operations import Answer
from stepwell.adapters.retention import AS_ON_AWS, IN_MEMORY, Retention
from stepwell.adapters.runs import Definition, Machines, Prepared, launcher, new_execution_of, open_for_answers
from stepwell.adapters.stores.memory import MemoryStore
from stepwell.adapters.stores.memory_registry import MemoryRegistry
from stepwell.adapters.tasks.bindings import Bindings, BoundTasks, unbound
from stepwell.adapters.tasks.executions import NestedExecutions, calls_step_functions
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
from stepwell.engine.program import Program
from stepwell.engine.registry import ActivityRecord, Registry, StateMachineStatus
from stepwell.engine.worker import Done

T = TypeVar("T")

SECONDS_BETWEEN_ADOPTIONS = 1.0
SECONDS_BETWEEN_PRUNINGS = 3600.0
ENDED_BETWEEN_PRUNINGS = 1_000

Shown = Callable[[Execution], T]
"""What whoever waits for an execution is to get of it."""

CaseOf = Callable[["Runtime", Execution], TaskHandler]
"""Finds what performs the tasks of an execution that was started with a test case, when it is carried on."""

Onlooker = Callable[["Runtime", Execution, Step], None]
"""Sees each step when it is laid down, on the runtime's thread."""


class ActivityTask(Struct, frozen=True):
    """A task that a worker has taken. `input` is JSON text."""

    token: str
    input: str


class EngineClosed(RuntimeError):
    """The engine was closed, or has broken: its cause tells by what."""


class Runtime:
    """Executions that run side by side on a thread of their own. Every method may be called from any thread.

    `data` is a directory, in which one file holds everything; without it all is in memory. Raises StoreFailed for a
    directory that cannot be used.
    """

    def __init__(
        self,
        data: str | PathLike[str] | None,
        bindings: Bindings,
        *,
        state_machines: Mapping[str, Definition] | None = None,
        fast_forward: bool = False,
        retention: Retention | None = None,
        grace: float = 10.0,
        beside: TaskHandler | None = None,
        case_of: CaseOf | None = None,
        onlooker: Onlooker | None = None,
        wait_scale: float = 1.0,
    ) -> None:
        """`beside` performs what is bound to no function and starts no execution; tasks that call Step Functions
        (`aws-sdk:sfn`) call this runtime, unless it is a `World` that calls them elsewhere. `wait_scale`: the part of
        their time that Wait states take."""
        self.store, self.registry = _open(data)
        self.machines = Machines(state_machines, self.registry)
        self._beside = beside or unbound
        self._own: TaskHandler | None = None
        self.tasks: TaskHandler = BoundTasks(bindings, NestedExecutions(self._outside), has_workers=True)
        self._bindings = bindings
        self._case_of = case_of
        self._cases: dict[str, TaskHandler] = {}
        self._onlooker = onlooker
        self._retention = retention or (IN_MEMORY if data is None else AS_ON_AWS)
        self._grace = grace
        self._unanswered: set[Answer[Any]] = set()
        self._waiting: dict[str, list[tuple[Answer[Any], Shown[Any]]]] = {}
        self._following: dict[str, list[Answer[None]]] = {}
        self._polling: dict[str, deque[tuple[Answer[ActivityTask | None], str | None]]] = {}
        self._closing = threading.Event()
        self._is_closed = False
        self._broken: BaseException | None = None
        self._adopted_at = monotonic()
        self._pruned_at = self._adopted_at - SECONDS_BETWEEN_PRUNINGS  # once soon after the start
        self._ends = 0
        self.host = LocalHost(
            self._perform,
            self.store,
            clock=SkippingClock() if fast_forward else SystemClock(),
            observe=self._observe,
            compile=self.machines.compile,
            launch=launcher(self.machines, lambda: self.host),
            missing=self._missing,
            look_around=self._look_around,
            wait_scale=wait_scale,
        )
        self._thread = threading.Thread(target=self._work, name="stepwell-engine", daemon=True)
        self._thread.start()

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

    # --- the end ----------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Ends the work; functions that run come to their end, for at most the grace."""
        self._closing.set()
        self.host.post(_nothing)
        self._thread.join()

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

    # --- on the runtime's thread ------------------------------------------------------------------------------------

    def _work(self) -> None:
        try:
            with open_for_answers(self.host):
                self._adopt()
                self._finish_deletions()
                self.host.work(self._closing.is_set)
                self.host.drain(self._grace if self.store.is_shared else 0)
        except BaseException as error:  # noqa: BLE001 - a bug of ours, or of the disk: whoever waits must hear of it
            self._broken = error
        finally:
            self.host.close()
            self._give_up()

    def _finish_deletions(self) -> None:
        """Those that another process has begun, and whose end it has not seen."""
        for machine in self.registry.state_machines():
            if machine.status is StateMachineStatus.DELETING:
                self._finish_deletion(machine.arn)

    def _give_up(self) -> None:
        self._is_closed = True
        for each in (self.store, self.registry):
            with suppress(StoreFailed):  # it is what broke the runtime
                each.close()
        self._polling.clear()  # whoever serves them, having been posted, finds nobody
        for answer in tuple(self._unanswered):
            answer.settle(self._raise_closed)
        self.host.answer_posted()

    def _perform(self, task: InvokeTask) -> Exchange:
        return self._cases.get(task.execution_arn, self.tasks)(task)

    def _outside(self, task: InvokeTask) -> Exchange:
        is_own = calls_step_functions(task) and not getattr(self._beside, "calls_step_functions", False)
        return self._step_functions(task) if is_own else self._beside(task)

    def _step_functions(self, task: InvokeTask) -> Exchange:
        if self._own is None:
            from stepwell.adapters.api.api import Api  # here, not above: it stands on this
            from stepwell.adapters.server.in_process import OwnStepFunctions

            self._own = OwnStepFunctions(lambda: Api(runtime=self))
        return self._own(task)

    def _case(self, execution: Execution) -> TaskHandler | None:
        return None if execution.test_case is None or self._case_of is None else self._case_of(self, execution)

    def _missing(self, execution: Execution, program: Program) -> tuple[str, ...]:
        """The activities of a program that nobody has created, and whose tasks no function performs."""
        if execution.arn in self._cases:
            return ()
        return tuple(
            arn
            for state, arn in program.activities
            if self.registry.find(ActivityRecord, arn) is None and not self._bindings.performs_activity(state, arn)
        )

    def _observe(self, execution: Execution, step: Step) -> None:
        arn = execution.arn
        if self._onlooker is not None:
            self._onlooker(self, execution, step)
        for follower in self._following.pop(arn, ()):
            follower.give(None)
        if step.changes.status.is_terminal:
            self._ends += 1
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

    def _look_around(self, has_news: bool) -> None:
        """What other processes have brought about, and what they have left."""
        if has_news:
            self._see_to_the_executions_of_others()
            self.serve_pollers()
        now = monotonic()
        if now - self._adopted_at > SECONDS_BETWEEN_ADOPTIONS:
            self._adopted_at = now
            self._adopt()
        if now - self._pruned_at > SECONDS_BETWEEN_PRUNINGS or self._ends > ENDED_BETWEEN_PRUNINGS:
            self._pruned_at, self._ends = now, 0
            self._retention.apply(self.store, self.now())

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

    def _adopt(self) -> None:
        for found in self.store.adopt():
            if (
                self._case_of is not None
                and (mocks := self._case(self.store.describe(found.execution_arn))) is not None
            ):
                self._cases[found.execution_arn] = mocks
            self.host.worker.take_over(found)
        self.host.worker.look_around()

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


def _open(data: str | PathLike[str] | None) -> tuple[Store, Registry]:
    if data is None:
        return MemoryStore(), MemoryRegistry()
    from stepwell.adapters.stores.sqlite import FILE, SqliteRegistry, SqliteStore  # pays who uses it

    path = Path(data) / FILE
    with ExitStack() as undone:
        store = SqliteStore(path)
        undone.callback(store.close)
        registry = SqliteRegistry(path)
        undone.pop_all()
    return store, registry


def _finish(answer: Answer[T], change: bool | Exception, shown: Callable[[], T]) -> None:
    if isinstance(change, Exception):
        answer.fail(change)
    else:
        answer.give(shown())


def _nothing() -> None:
    pass


def _nothing_of(execution: Execution) -> None:
    pass
