"""Stepwell in your own process: run a state machine, or keep an engine that runs many.

    from stepwell.local import run

    result = run("order.asl.json", {"orderId": 7}, functions={"Charge": charge})
    result.status, result.output

A definition is a dict, JSON or YAML text, a path (of a template: with `#LogicalId`) or a `StateMachine`. Functions are
bound to tasks by the ARN or name of what the task calls, or by the name of the state. A function of one argument gets
the task's input; one of two is a Lambda handler. Both may be `async`. Raise `TaskError` for an error name of your own.
"""

import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from functools import cached_property, partial
from types import ModuleType, TracebackType
from typing import Any, NoReturn, Self, TypeVar

from stepwell.adapters.clocks import SkippingClock, SystemClock
from stepwell.adapters.hosts.local import LocalHost
from stepwell.adapters.runs import (
    Definition,
    Prepared,
    host_of,
    prepare,
    refuse_answers,
    run_to_the_end,
    start,
    welcome_answers,
)
from stepwell.adapters.stores.memory import MemoryStore
from stepwell.adapters.tasks.bindings import Bindings, BoundTasks
from stepwell.adapters.tasks.functions import Function, TaskError, as_text
from stepwell.adapters.tasks.mocks import MockedTasks, Mocks, read_mocks
from stepwell.definitions.expressions import Json
from stepwell.definitions.failure import Failure
from stepwell.definitions.json_text import dumps_checked, loads
from stepwell.engine import tokens
from stepwell.engine.events import Event, ExecutionStopped, TaskFailed, TaskHeartbeat, TaskSucceeded
from stepwell.engine.execution import Execution
from stepwell.engine.history import HistoryEvent, render
from stepwell.engine.lifecycles import ExecutionStatus
from stepwell.engine.machine import Step
from stepwell.engine.operations.executions import checked_output
from stepwell.engine.ports import TaskHandler

__all__ = [
    "Definition",
    "Engine",
    "EngineClosed",
    "Functions",
    "Result",
    "TaskError",
    "run",
    "send_task_failure",
    "send_task_heartbeat",
    "send_task_success",
]

Functions = Mapping[str, Function] | ModuleType
T = TypeVar("T")


class Result:
    """An execution as it stands: its end, or RUNNING."""

    def __init__(self, execution: Execution, events: Iterable[HistoryEvent]) -> None:
        self.arn = execution.arn
        self.name = execution.name
        self.status: ExecutionStatus = execution.status
        """RUNNING, SUCCEEDED, FAILED, TIMED_OUT or ABORTED; compares equal to these texts."""
        self.error: str | None = execution.error
        self.cause: str | None = execution.cause
        self.started_at: float = execution.started_at / 1000
        """Seconds since the epoch."""
        self.stopped_at: float | None = None if execution.stopped_at is None else execution.stopped_at / 1000
        self.output_text: str | None = execution.output
        self._events = tuple(events)

    @cached_property
    def output(self) -> Json:
        """The output as a JSON value, parsed; None where there is none."""
        return None if self.output_text is None else loads(self.output_text)

    @cached_property
    def history(self) -> list[dict[str, Any]]:
        """The events in the shape of GetExecutionHistory, `timestamp` in seconds since the epoch."""
        return render(self._events)

    def __repr__(self) -> str:
        end = self.output_text if self.status == "SUCCEEDED" else f"{self.error}: {self.cause}"
        return f"<{self.status} {self.name}: {end}>"


def run(
    definition: Definition,
    input: Json = None,
    *,
    functions: Functions | None = None,
    mocks: Mocks | None = None,
    fast_forward: bool = False,
    name: str | None = None,
) -> Result:
    """Runs one execution to its end, in this thread, in memory.

    `input` is a JSON value (None: an empty object). `fast_forward` skips the time in which everything waits, with true
    timestamps. `mocks`: see `stepwell.adapters.tasks.mocks.read_mocks`. Ctrl-C aborts the execution and is raised again
    once the execution has ended.

    Raises InvalidDefinition (with all problems), UnreadableDefinition, InvalidExecutionInput, InvalidName,
    InvalidMockConfig, and NotJson for an input that is no JSON value.
    """
    prepared = prepare(definition)
    tasks = _handler(functions, mocks, prepared)
    host = LocalHost(tasks, MemoryStore(), clock=SkippingClock() if fast_forward else SystemClock())
    execution = start(host, prepared, input=_input_text(input), name=name)
    run_to_the_end(host, execution)
    return Result(execution, host.store.history(execution.arn))


class EngineClosed(RuntimeError):
    """The engine was closed, or has broken: its cause tells by what."""


class Engine:
    """Executions that run side by side in this process, in memory.

        with Engine(functions={"Charge": charge}) as engine:
            arn = engine.start("order.asl.json", {"orderId": 7})
            result = engine.wait(arn)

    One thread carries all executions on; functions run on threads of their own and on one event loop. Every method may
    be called from any thread. `close` (or leaving the `with`) gives up what still runs; from then on every method but
    those that only look raises EngineClosed.
    """

    def __init__(self, *, functions: Functions | None = None, fast_forward: bool = False) -> None:
        self._functions = functions
        self._cases: dict[str, TaskHandler] = {}
        self._plain = BoundTasks(Bindings(functions))
        self._store = MemoryStore()
        self._ended = threading.Condition()
        self._is_closing = False
        self._is_closed = False
        self._broken: BaseException | None = None
        clock = SkippingClock() if fast_forward else SystemClock()
        self._host = LocalHost(self._perform, self._store, clock=clock, observe=self._observe)
        self._thread = threading.Thread(target=self._work, name="stepwell-engine", daemon=True)
        self._thread.start()

    def start(
        self,
        definition: Definition,
        input: Json = None,
        *,
        name: str | None = None,
        mocks: Mocks | None = None,
    ) -> str:
        """Starts an execution and returns its ARN.

        Raises what `run` raises, and ExecutionAlreadyExists for a name that the state machine's executions have.
        """
        prepared = prepare(definition)
        handler = None if mocks is None else _handler(self._functions, mocks, prepared)
        input_text = _input_text(input)

        def begin() -> str:
            self._refuse_when_closed()
            execution = start(self._host, prepared, input=input_text, name=name)
            if handler is not None:
                self._cases[execution.arn] = handler
            welcome_answers(execution.arn, self._host)
            return execution.arn

        return self._ask(begin)

    def wait(self, arn: str, timeout: float | None = None) -> Result:
        """The result of an execution, once it has ended.

        Raises TimeoutError after `timeout` seconds, EngineClosed where the engine is closed before the execution's end.
        """
        with self._ended:
            if not self._ended.wait_for(lambda: self._is_closed or self._store.load(arn).status.is_terminal, timeout):
                raise TimeoutError(f"{arn} is still running after {timeout} s")
            if not self._store.load(arn).status.is_terminal:
                self._raise_closed()
        return self.describe(arn)

    def describe(self, arn: str) -> Result:
        """The execution as it stands. Raises ExecutionDoesNotExist."""
        return self._ask(lambda: Result(self._store.load(arn), self._store.history(arn)))

    def history(self, arn: str) -> list[dict[str, Any]]:
        """The events so far, in the shape of GetExecutionHistory. Raises ExecutionDoesNotExist."""
        return self.describe(arn).history

    def list(self) -> "list[Result]":
        """All executions, the newest first."""
        return self._ask(lambda: [Result(each, self._store.history(each.arn)) for each in self._store.list()])

    def stop(self, arn: str, error: str | None = None, cause: str | None = None) -> None:
        """Aborts an execution; one that has ended stays as it is. Raises ExecutionDoesNotExist."""
        failure = _failure(error, cause)

        def stop() -> None:
            self._refuse_when_closed()
            self._host.worker.send(self._store.load(arn).arn, ExecutionStopped, failure=failure)

        self._ask(stop)

    def send_task_success(self, token: str, output: Json) -> None:
        """Answers the task that waits with this token. Raises InvalidToken; a late answer is ignored."""
        self._answer(token, TaskSucceeded, output=checked_output(dumps_checked(output)))

    def send_task_failure(self, token: str, error: str | None = None, cause: str | None = None) -> None:
        """Fails the task that waits with this token. Raises InvalidToken; a late answer is ignored."""
        self._answer(token, TaskFailed, failure=_failure(error, cause))

    def send_task_heartbeat(self, token: str) -> None:
        """Lets the task's heartbeat begin anew. Raises InvalidToken."""
        self._answer(token, TaskHeartbeat)

    def close(self) -> None:
        """Ends the engine. Executions that still run are given up where they are."""
        self._is_closing = True
        self._host.post(lambda: None)
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # --- on the engine's thread -------------------------------------------------------------------------------------

    def _work(self) -> None:
        try:
            self._host.work(lambda: self._is_closing)
        except BaseException as error:  # noqa: BLE001 - a bug of ours: whoever waits must hear of it
            self._broken = error
        finally:
            self._host.close()
            for execution in self._store.list():
                refuse_answers(execution.arn)
            with self._ended:
                self._is_closed = True
                self._ended.notify_all()
            self._host.answer_posted()

    def _raise_closed(self) -> NoReturn:
        raise EngineClosed("The engine is closed") from self._broken

    def _perform(self, task: Any) -> Any:
        return self._cases.get(task.execution_arn, self._plain)(task)

    def _observe(self, execution: Execution, step: Step) -> None:
        if execution.status.is_terminal:
            self._cases.pop(execution.arn, None)
            refuse_answers(execution.arn)
            with self._ended:
                self._ended.notify_all()

    def _ask(self, question: Callable[[], T]) -> T:
        """What the engine's thread answers, or raises; looking is possible when it has gone."""
        if self._is_closed:
            return question()
        future: Future[T] = Future()

        def answer() -> None:
            try:
                future.set_result(question())
            except Exception as error:  # noqa: BLE001 - the caller's, to be raised on the caller's thread
                future.set_exception(error)

        self._host.post(answer)
        return future.result()

    def _answer(self, token: str, event: Callable[..., Event], **facts: Any) -> None:
        arn = tokens.address(token)[0]

        def answer() -> None:
            self._refuse_when_closed()
            self._store.load(arn)
            self._host.worker.answer(token, event, **facts)

        self._ask(answer)

    def _refuse_when_closed(self) -> None:
        if self._is_closed:
            self._raise_closed()


# --- answers from anywhere in the process ---------------------------------------------------------------------------


def _answer(token: str, event: Callable[..., Event], **facts: Any) -> None:
    host = host_of(tokens.address(token)[0])
    host.post(partial(host.worker.answer, token, event, **facts))


def send_task_success(token: str, output: Json) -> None:
    """Answers a task that waits with this token, in whichever execution of this process.

    Raises InvalidToken, and ExecutionDoesNotExist where the execution has ended or runs elsewhere. A late answer to an
    execution that still runs is ignored.
    """
    _answer(token, TaskSucceeded, output=checked_output(dumps_checked(output)))


def send_task_failure(token: str, error: str | None = None, cause: str | None = None) -> None:
    """Fails a task that waits with this token; raises as `send_task_success`."""
    _answer(token, TaskFailed, failure=_failure(error, cause))


def send_task_heartbeat(token: str) -> None:
    """Lets the heartbeat of a task begin anew; raises as `send_task_success`."""
    _answer(token, TaskHeartbeat)


# --- what a run is made of ------------------------------------------------------------------------------------------


def _failure(error: str | None, cause: str | None) -> Failure:
    if not isinstance(error, str | None) or not isinstance(cause, str | None):
        raise TypeError(f"Error and cause are texts: {error!r}, {cause!r}")
    return Failure(error and as_text(error), cause and as_text(cause))


def _handler(functions: Functions | None, mocks: Mocks | None, prepared: Prepared) -> TaskHandler:
    bound = BoundTasks(Bindings(functions))
    if mocks is None:
        return bound
    return MockedTasks(read_mocks(mocks, prepared.machine_name, prepared.program.machine), bound)


def _input_text(value: Json) -> str:
    return "{}" if value is None else dumps_checked(value)
