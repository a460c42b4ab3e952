"""The engine: executions side by side in one process, in memory or on disk.

Rule 1: whatever changes something is done on the engine's own thread, and answered when it is laid down.
Rule 2: nobody waits for ever: an engine that is closed, or has broken, tells everybody who still waits.
"""

import builtins
import os
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import ExitStack, suppress
from functools import partial
from os import PathLike
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Any, NoReturn, Self, TypeVar

from msgspec import Struct

from stepwell.adapters.clocks import SkippingClock, SystemClock
from stepwell.adapters.hosts.local import LocalHost
from stepwell.adapters.operations import Answer, operation
from stepwell.adapters.results import Result
from stepwell.adapters.runs import (
    Definition,
    Machines,
    input_text,
    launcher,
    mocked,
    new_execution_of,
    open_for_answers,
    prepare,
)
from stepwell.adapters.stores.memory import MemoryStore
from stepwell.adapters.stores.memory_registry import MemoryRegistry
from stepwell.adapters.tasks.bindings import Bindings, BoundTasks, Functions
from stepwell.adapters.tasks.executions import NestedExecutions
from stepwell.adapters.tasks.functions import as_failure
from stepwell.adapters.tasks.mocks import Mocks
from stepwell.definitions.expressions import Json
from stepwell.definitions.json_text import dumps_checked
from stepwell.engine.effects import InvokeTask
from stepwell.engine.errors import CallerError
from stepwell.engine.events import Event, TaskFailed, TaskHeartbeat, TaskSucceeded
from stepwell.engine.execution import Execution
from stepwell.engine.history import render
from stepwell.engine.lifecycles import ExecutionStatus
from stepwell.engine.machine import Step
from stepwell.engine.operations.activities import create_activity, delete_activity, describe_activity
from stepwell.engine.operations.executions import (
    answer_task,
    checked_output,
    redrive_execution,
    start_execution,
    stop_execution,
    take_activity_task,
)
from stepwell.engine.operations.state_machines import (
    create_state_machine,
    delete_state_machine,
    describe_state_machine,
    update_state_machine,
)
from stepwell.engine.ports import Exchange, OpenTask, Store, StoreFailed, TaskHandler
from stepwell.engine.program import Program
from stepwell.engine.registry import ActivityRecord, Registry
from stepwell.engine.worker import Done

T = TypeVar("T")

SECONDS_BETWEEN_ADOPTIONS = 1.0
SECONDS_BETWEEN_PRUNINGS = 3600.0
ENDED_BETWEEN_PRUNINGS = 1_000
DAY = 24 * 3600 * 1000
"""Milliseconds."""


class Retention(Struct, frozen=True, kw_only=True):
    """How long executions that have ended are kept: for so many days, and of those the newest so many."""

    days: float | None = None
    executions: int | None = None

    def apply(self, store: Store, now: int) -> int:
        """Removes what is to be kept no longer; returns how many executions that were. `now` in milliseconds."""
        before = None if self.days is None else now - round(self.days * DAY)
        return store.prune(stopped_before=before, keep=self.executions)


AS_ON_AWS = Retention(days=90)
IN_MEMORY = Retention(executions=10_000)


class ActivityTask(Struct, frozen=True):
    """A task that a worker has taken. `input` is JSON text."""

    token: str
    input: str


class EngineClosed(RuntimeError):
    """The engine was closed, or has broken: its cause tells by what."""


class Engine:
    """Executions that run side by side in this process; with `data`, durable.

        with Engine(".stepwell", functions={"Charge": charge}) as engine:
            arn = engine.start("order.asl.json", {"orderId": 7})
            result = engine.wait(arn)

    `data` is a directory, in which one file holds everything; several engines and commands may have it open. What was
    started is on disk before `start` returns, and an engine that opens the directory carries on what another one, which
    was killed or closed, has left. Without `data` everything is in memory and gone with the engine.

    One thread carries all executions on; functions run on threads of their own and on one event loop. Every method may
    be called from any thread, and each has a form for asynchronous code: `await engine.start.aio(...)`. `close` (or
    leaving the `with`) lets functions that run come to their end, for at most `grace` seconds. From then on every
    method but those that only look raises EngineClosed.
    """

    def __init__(
        self,
        data: str | PathLike[str] | None = None,
        *,
        functions: Functions | None = None,
        state_machines: Mapping[str, Definition] | None = None,
        fast_forward: bool = False,
        retention: Retention | None = None,
        grace: float = 10.0,
    ) -> None:
        """`state_machines`: definitions that tasks may start as nested executions, by name or ARN. `retention`: as on
        AWS 90 days, in memory the newest 10,000, where it is not given.

        Raises StoreFailed for a directory that cannot be used.
        """
        self._functions = functions
        self._cases: dict[str, TaskHandler] = {}
        self._bindings = Bindings(functions)
        self._plain = BoundTasks(self._bindings, NestedExecutions(), has_workers=True)
        self._grace = grace
        self._retention = retention or (IN_MEMORY if data is None else AS_ON_AWS)
        self._store, self._registry = _open(data)
        self._machines = Machines(state_machines, self._registry)
        self._unanswered: set[Answer[Any]] = set()
        self._waiting: dict[str, builtins.list[Answer[Result]]] = {}
        self._following: dict[str, builtins.list[Answer[None]]] = {}
        self._polling: dict[str, deque[tuple[Answer[ActivityTask | None], str | None]]] = {}
        self._closing = threading.Event()
        self._is_closed = False
        self._broken: BaseException | None = None
        self._adopted_at = monotonic()
        self._pruned_at = self._adopted_at - SECONDS_BETWEEN_PRUNINGS  # once soon after the start
        self._ends = 0
        self._host = LocalHost(
            self._perform,
            self._store,
            clock=SkippingClock() if fast_forward else SystemClock(),
            observe=self._observe,
            compile=self._machines.compile,
            launch=launcher(self._machines, lambda: self._host),
            missing=self._missing,
            look_around=self._look_around,
        )
        self._thread = threading.Thread(target=self._work, name="stepwell-engine", daemon=True)
        self._thread.start()

    # --- state machines and activities ------------------------------------------------------------------------------

    @operation
    def create_state_machine(
        self, definition: Definition, *, name: str | None = None, type: str | None = None, role_arn: str | None = None
    ) -> Answer[str]:
        """Creates a state machine and returns its ARN; one that is there with this definition stays as it is.

        Without a name it gets that of the definition's file. Raises StateMachineAlreadyExists where one of this name
        has another definition, and what `run` raises for the definition.
        """
        prepared = prepare(definition, type=type)
        return self._at_once(
            lambda: (
                create_state_machine(
                    self._registry,
                    name=name or prepared.machine_name,
                    definition=prepared.definition,
                    type=prepared.type,
                    role_arn=role_arn or prepared.role_arn,
                    at=self._host.clock.now(),
                ).arn
            )
        )

    @operation
    def update_state_machine(self, arn: str, definition: Definition) -> Answer[None]:
        """Gives a state machine another definition; executions that run keep theirs.

        Raises StateMachineDoesNotExist.
        """

        def update() -> None:
            record = describe_state_machine(self._registry, arn)
            update_state_machine(
                self._registry,
                arn,
                definition=prepare(definition, type=record.type.value).definition,
                at=self._host.clock.now(),
                entropy=os.urandom(16),
            )
            self._machines.forget()

        return self._at_once(update)

    @operation
    def delete_state_machine(self, arn: str) -> Answer[None]:
        """Deletes a state machine; executions that run go on."""

        def delete() -> None:
            delete_state_machine(self._registry, arn)
            self._machines.forget()

        return self._at_once(delete)

    @operation
    def create_activity(self, name: str) -> Answer[str]:
        """Creates an activity, or finds it, and returns its ARN: its tasks wait for `get_activity_task`."""
        return self._at_once(lambda: create_activity(self._registry, name, at=self._host.clock.now()).arn)

    @operation
    def delete_activity(self, arn: str) -> Answer[None]:
        """Deletes an activity; one that is not there is no error."""
        return self._at_once(lambda: delete_activity(self._registry, arn))

    # --- executions -------------------------------------------------------------------------------------------------

    @operation
    def start(
        self,
        definition: Definition,
        input: Json = None,
        *,
        name: str | None = None,
        mocks: Mocks | None = None,
    ) -> Answer[str]:
        """Starts an execution and returns its ARN.

        `definition` may be the ARN of a state machine, version or alias that was created. Started once more under the
        same name with the same input while it runs, the execution is the same. Raises what `run` raises,
        StateMachineDoesNotExist, and ExecutionAlreadyExists for a name that the state machine's executions have.
        """
        if isinstance(definition, str) and definition.startswith("arn:"):
            prepared = self._from_registry(partial(self._machines.find, definition, lambda: os.urandom(16)))
        else:
            prepared = prepare(definition)
        handler = None if mocks is None else mocked(mocks, prepared, self._plain)
        text = input_text(input)
        answer: Answer[str] = Answer()

        def begin() -> None:
            execution = new_execution_of(prepared, self._host, input=text, name=name)
            started = start_execution(
                self._host.worker,
                self._store,
                prepared.program,
                execution,
                prepared.definition,
                is_unique=name is None,
                done=lambda change: _finish(answer, change, execution.arn),
            )
            if started is execution and handler is not None:
                self._cases[execution.arn] = handler

        return self._ask(answer, begin)

    @operation
    def wait(self, arn: str, timeout: float | None = None) -> "Answer[Result]":
        """The result of an execution, once it has ended.

        Raises ExecutionDoesNotExist, TimeoutError after `timeout` seconds, and EngineClosed where the engine is closed
        before the execution's end.
        """

        def late() -> NoReturn:
            raise TimeoutError(f"{arn} is still running after {timeout} s")

        answer: Answer[Result] = Answer(timeout, otherwise=late)

        def begin() -> None:
            if not self._host.worker.carries(arn) and (execution := self._store.describe(arn)).status.is_terminal:
                answer.give(self._result(execution))
            else:
                self._enlist(self._waiting, arn, answer)

        return self._ask(answer, begin, when_closed=lambda: self._ended(arn))

    @operation
    def describe(self, arn: str) -> "Answer[Result]":
        """The execution as it stands. Raises ExecutionDoesNotExist."""
        return self._look_up(lambda: self._result(self._store.describe(arn)))

    @operation
    def history(self, arn: str) -> Answer[list[dict[str, Any]]]:
        """The events so far, in the shape of GetExecutionHistory. Raises ExecutionDoesNotExist."""
        return self._look_up(lambda: render(self._store.history(arn)))

    def events(self, arn: str) -> "Events":
        """The events of an execution as they happen, from its first to its last: for `for` and for `async for`."""
        return Events(self._follow, self._store, arn)

    @operation
    def list(
        self, *, state_machine_arn: str | None = None, status: str | None = None, limit: int | None = None
    ) -> "Answer[builtins.list[Result]]":
        """Executions, the newest first."""
        wanted = None if status is None else ExecutionStatus(status)
        return self._look_up(
            lambda: [
                self._result(each)
                for each in self._store.executions(state_machine_arn=state_machine_arn, status=wanted, limit=limit)
            ]
        )

    @operation
    def stop(self, arn: str, error: str | None = None, cause: str | None = None) -> Answer[None]:
        """Aborts an execution, and cancels its tasks as far as that can be done.

        One that has ended stays as it is. Raises ExecutionDoesNotExist.
        """
        failure = as_failure(error, cause)
        return self._change(lambda done: stop_execution(self._host.worker, self._store, arn, failure, done))

    @operation
    def redrive(self, arn: str) -> Answer[None]:
        """Lets an execution that did not succeed go on where it failed.

        Raises ExecutionDoesNotExist and ExecutionNotRedrivable.
        """

        host = self._host
        return self._change(lambda done: redrive_execution(host.worker, self._store, arn, host.clock.now(), done))

    # --- tasks ------------------------------------------------------------------------------------------------------

    @operation
    def get_activity_task(
        self, activity_arn: str, worker_name: str | None = None, timeout: float = 60.0
    ) -> "Answer[ActivityTask | None]":
        """The next task of an activity, once there is one; None after `timeout` seconds without one.

        Answer it with `send_task_success` or `send_task_failure`. Raises ActivityDoesNotExist.
        """
        answer: Answer[ActivityTask | None] = Answer(timeout, otherwise=_nothing)

        def begin() -> None:
            describe_activity(self._registry, activity_arn)
            self._polling.setdefault(activity_arn, deque()).append((answer, worker_name))
            self._serve_pollers()
            answer.add_done_callback(lambda it: self._host.post(self._serve_pollers) if it.cancelled() else None)

        return self._ask(answer, begin)

    @operation
    def open_tasks(self, arn: str | None = None) -> "Answer[builtins.list[OpenTask]]":
        """The tasks that wait for an answer, of one execution or of all, the oldest first."""
        return self._look_up(lambda: self._store.open_tasks(arn))

    @operation
    def send_task_success(self, token: str, output: Json) -> Answer[None]:
        """Answers the task that waits with this token. Raises InvalidToken, InvalidOutput, and TaskTimedOut where
        nobody waits any more."""
        return self._answer(token, TaskSucceeded, output=checked_output(dumps_checked(output)))

    @operation
    def send_task_failure(self, token: str, error: str | None = None, cause: str | None = None) -> Answer[None]:
        """Fails the task that waits with this token. Raises InvalidToken and TaskTimedOut."""
        return self._answer(token, TaskFailed, failure=as_failure(error, cause))

    @operation
    def send_task_heartbeat(self, token: str) -> Answer[None]:
        """Lets the task's heartbeat begin anew. Raises InvalidToken and TaskTimedOut."""
        return self._answer(token, TaskHeartbeat)

    # --- the end ----------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Ends the engine. Executions that still run stay as they are: on disk they go on with the next engine."""
        self._closing.set()
        self._host.post(_nothing)
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # --- asking -----------------------------------------------------------------------------------------------------

    def _ask(
        self, answer: Answer[T], begin: Callable[[], None], when_closed: Callable[[], T] | None = None
    ) -> Answer[T]:
        """Has the engine's thread begin something that gives the answer sooner or later."""

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
            self._host.post(ask)
            if self._is_closed:  # since: nobody else may come to it
                self._host.answer_posted()
        return answer

    def _change(self, begin: Callable[[Done], None]) -> Answer[None]:
        answer: Answer[None] = Answer()
        return self._ask(answer, lambda: begin(lambda change: _finish(answer, change, None)))

    def _answer(self, token: str, event: Callable[..., Event], **facts: Any) -> Answer[None]:
        return self._change(lambda done: answer_task(self._host.worker, self._store, token, event, done, **facts))

    def _look_up(self, question: Callable[[], T]) -> Answer[T]:
        """What only looks is done on the caller's thread."""
        answer: Answer[T] = Answer()
        answer.settle(question)
        return answer

    def _at_once(self, question: Callable[[], T]) -> Answer[T]:
        """What the registry does, it does on the caller's thread."""
        return self._look_up(partial(self._from_registry, question))

    def _from_registry(self, question: Callable[[], T]) -> T:
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

    def _result(self, execution: Execution) -> Result:
        return Result(execution, partial(self._store.history, execution.arn))

    def _ended(self, arn: str) -> Result:
        execution = self._store.describe(arn)
        return self._result(execution) if execution.status.is_terminal else self._raise_closed()

    def _follow(self, arn: str, after: int) -> Answer[None]:
        """An answer that comes when the execution has events beyond these, or has ended."""
        answer: Answer[None] = Answer()

        def begin() -> None:
            execution = self._store.describe(arn)
            if execution.next_event_id - 1 > after or execution.status.is_terminal:
                answer.give(None)
            else:
                self._following.setdefault(arn, []).append(answer)

        def once_closed() -> None:
            if not self._store.describe(arn).status.is_terminal:
                self._raise_closed()

        return self._ask(answer, begin, when_closed=once_closed)

    # --- on the engine's thread -------------------------------------------------------------------------------------

    def _work(self) -> None:
        try:
            with open_for_answers(self._host):
                self._adopt()
                self._host.work(self._closing.is_set)
                self._host.drain(self._grace if self._store.is_shared else 0)
        except BaseException as error:  # noqa: BLE001 - a bug of ours, or of the disk: whoever waits must hear of it
            self._broken = error
        finally:
            self._host.close()
            self._give_up()

    def _give_up(self) -> None:
        self._is_closed = True
        for each in (self._store, self._registry):
            with suppress(StoreFailed):  # it is what broke the engine
                each.close()
        self._polling.clear()  # whoever serves them, having been posted, finds nobody
        for answer in tuple(self._unanswered):
            answer.settle(self._raise_closed)
        self._host.answer_posted()

    def _perform(self, task: InvokeTask) -> Exchange:
        return self._cases.get(task.execution_arn, self._plain)(task)

    def _missing(self, execution: Execution, program: Program) -> tuple[str, ...]:
        """The activities of a program that nobody has created, and whose tasks no function performs."""
        if execution.arn in self._cases:
            return ()
        return tuple(
            arn
            for state, arn in program.activities
            if self._registry.find(ActivityRecord, arn) is None and not self._bindings.performs_activity(state, arn)
        )

    def _observe(self, execution: Execution, step: Step) -> None:
        arn = execution.arn
        for follower in self._following.pop(arn, ()):
            follower.give(None)
        if step.changes.status.is_terminal:
            self._ends += 1
            if step.changes.status is ExecutionStatus.SUCCEEDED:  # else it may be redriven
                self._cases.pop(arn, None)
            for answer in self._waiting.pop(arn, ()):
                answer.give(self._result(execution))
        if self._polling and any(isinstance(effect, InvokeTask) for effect in step.effects):
            self._host.post(self._serve_pollers)

    def _enlist(self, waiting: "dict[str, builtins.list[Answer[T]]]", arn: str, answer: Answer[T]) -> None:
        """Among those who wait for something of an execution, until they wait no more."""
        waiting.setdefault(arn, []).append(answer)

        def strike_off() -> None:
            if answer in waiting.get(arn, ()):
                waiting[arn].remove(answer)
                if not waiting[arn]:
                    del waiting[arn]

        answer.add_done_callback(lambda it: self._host.post(strike_off) if it.cancelled() else None)

    def _look_around(self, has_news: bool) -> None:
        """What other processes have brought about, and what they have left."""
        if has_news:
            self._see_to_the_executions_of_others()
            self._serve_pollers()
        now = monotonic()
        if now - self._adopted_at > SECONDS_BETWEEN_ADOPTIONS:
            self._adopted_at = now
            self._adopt()
        if now - self._pruned_at > SECONDS_BETWEEN_PRUNINGS or self._ends > ENDED_BETWEEN_PRUNINGS:
            self._pruned_at, self._ends = now, 0
            self._retention.apply(self._store, self._host.clock.now())

    def _see_to_the_executions_of_others(self) -> None:
        for arn in [arn for arn in self._waiting if not self._host.worker.carries(arn)]:
            try:
                execution = self._store.describe(arn)
            except CallerError as gone:
                for answer in self._waiting.pop(arn):
                    answer.fail(gone)
                continue
            if execution.status.is_terminal:
                for answer in self._waiting.pop(arn):
                    answer.give(self._result(execution))
        for arn in [arn for arn in self._following if not self._host.worker.carries(arn)]:
            for follower in self._following.pop(arn):
                follower.give(None)

    def _adopt(self) -> None:
        for found in self._store.adopt():
            self._host.worker.take_over(found)
        self._host.worker.look_around()

    def _serve_pollers(self) -> None:
        for arn, waiting in tuple(self._polling.items()):
            while waiting:
                answer, worker_name = waiting[0]
                if answer.done():  # whoever asked has gone
                    waiting.popleft()
                    continue
                if not self._store.has_activity_task(arn):
                    break
                waiting.popleft()
                if not answer.will_be_given():
                    continue  # whoever asked has gone, and must not be given a task
                found = take_activity_task(self._host.worker, self._store, arn, worker_name)
                answer.give(None if found is None else ActivityTask(*found))
            if not waiting:
                del self._polling[arn]


class Events:
    """The events of one execution in the shape of GetExecutionHistory, each as soon as it is laid down."""

    def __init__(self, follow: Callable[[str, int], Answer[None]], store: Store, arn: str) -> None:
        self._follow = follow
        self._store = store
        self._arn = arn

    def __iter__(self) -> Iterator[dict[str, Any]]:
        seen = 0
        while True:
            self._follow(self._arn, seen).result()
            events, is_over = self._next(seen)
            yield from events
            seen += len(events)
            if is_over:
                return

    async def __aiter__(self) -> AsyncIterator[dict[str, Any]]:
        import asyncio

        seen = 0
        while True:
            await asyncio.wrap_future(self._follow(self._arn, seen))
            events, is_over = self._next(seen)
            for event in events:
                yield event
            seen += len(events)
            if is_over:
                return

    def _next(self, seen: int) -> tuple[list[dict[str, Any]], bool]:
        is_over = self._store.describe(self._arn).status.is_terminal  # asked first: no event comes after it
        return render(self._store.history(self._arn, seen)), is_over


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


def _finish(answer: Answer[T], change: bool | Exception, value: T) -> None:
    if isinstance(change, Exception):
        answer.fail(change)
    else:
        answer.give(value)


def _nothing() -> None:
    pass
