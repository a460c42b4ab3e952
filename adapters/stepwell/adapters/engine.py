"""The engine: executions side by side in one process, in memory or on disk, in the shapes of Python."""

import builtins
import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from functools import partial
from os import PathLike
from typing import Any, NoReturn

from stepwell.adapters.closing import Closing
from stepwell.adapters.hosted import ActivityTask, EngineClosed
from stepwell.adapters.operations import Answer, operation
from stepwell.adapters.results import Result
from stepwell.adapters.retention import Retention
from stepwell.adapters.runs import Definition, input_text, mocked, prepare
from stepwell.adapters.runtime import Runtime
from stepwell.adapters.tasks.bindings import Bindings, Functions
from stepwell.adapters.tasks.functions import as_failure
from stepwell.adapters.tasks.mocks import Mocks
from stepwell.definitions.expressions import Json
from stepwell.definitions.json_text import dumps_checked
from stepwell.engine.events import TaskFailed, TaskHeartbeat, TaskSucceeded
from stepwell.engine.execution import Execution
from stepwell.engine.history import render
from stepwell.engine.lifecycles import ExecutionStatus
from stepwell.engine.operations.activities import create_activity, delete_activity
from stepwell.engine.operations.executions import checked_output
from stepwell.engine.operations.state_machines import (
    create_state_machine,
    describe_state_machine,
    update_state_machine,
)
from stepwell.engine.ports import OpenTask, Store, TaskHandler

__all__ = ["ActivityTask", "Engine", "EngineClosed", "Events", "Retention"]


class Engine(Closing):
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
        world: TaskHandler | None = None,
        fast_forward: bool = False,
        retention: Retention | None = None,
        grace: float = 10.0,
    ) -> None:
        """`state_machines`: definitions that tasks may start as nested executions, by name or ARN. `world` performs the
        tasks that are bound to no function: a `stepwell.world.World`, left open. `retention`: as on AWS 90 days, in
        memory the newest 10,000, where it is not given.

        Raises StoreFailed for a directory that cannot be used.
        """
        self._runtime = Runtime(
            data,
            Bindings(functions),
            state_machines=state_machines,
            fast_forward=fast_forward,
            retention=retention,
            grace=grace,
            beside=world,
        )

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
        runtime = self._runtime
        return runtime.at_once(
            lambda: (
                create_state_machine(
                    runtime.registry,
                    name=name or prepared.machine_name,
                    definition=prepared.definition,
                    type=prepared.type,
                    role_arn=role_arn or prepared.role_arn,
                    at=runtime.now(),
                ).arn
            )
        )

    @operation
    def update_state_machine(self, arn: str, definition: Definition) -> Answer[None]:
        """Gives a state machine another definition; executions that run keep theirs.

        Raises StateMachineDoesNotExist.
        """

        runtime = self._runtime

        def update() -> None:
            record = describe_state_machine(runtime.registry, arn)
            update_state_machine(
                runtime.registry,
                arn,
                definition=prepare(definition, type=record.type.value).definition,
                at=runtime.now(),
                entropy=os.urandom(16),
            )
            runtime.machines.forget()

        return runtime.at_once(update)

    @operation
    def delete_state_machine(self, arn: str) -> Answer[None]:
        """Deletes a state machine; executions of it that run are aborted, as on AWS."""
        return self._runtime.at_once(lambda: self._runtime.delete_state_machine(arn))

    @operation
    def create_activity(self, name: str) -> Answer[str]:
        """Creates an activity, or finds it, and returns its ARN: its tasks wait for `get_activity_task`."""
        runtime = self._runtime
        return runtime.at_once(lambda: create_activity(runtime.registry, name, at=runtime.now()).arn)

    @operation
    def delete_activity(self, arn: str) -> Answer[None]:
        """Deletes an activity; one that is not there is no error."""
        return self._runtime.at_once(lambda: delete_activity(self._runtime.registry, arn))

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
        runtime = self._runtime
        if isinstance(definition, str) and definition.startswith("arn:"):
            prepared = runtime.from_registry(partial(runtime.machines.find, definition, lambda: os.urandom(16)))
        else:
            prepared = prepare(definition)
        handler = None if mocks is None else mocked(mocks, prepared, runtime.tasks)
        return runtime.start(prepared, shown=_arn_of, mocks=handler, input=input_text(input), name=name)

    @operation
    def wait(self, arn: str, timeout: float | None = None) -> "Answer[Result]":
        """The result of an execution, once it has ended.

        Raises ExecutionDoesNotExist, TimeoutError after `timeout` seconds, and EngineClosed where the engine is closed
        before the execution's end.
        """

        def late() -> NoReturn:
            raise TimeoutError(f"{arn} is still running after {timeout} s")

        return self._runtime.ended(arn, self._result, timeout=timeout, otherwise=late)

    @operation
    def describe(self, arn: str) -> "Answer[Result]":
        """The execution as it stands. Raises ExecutionDoesNotExist."""
        return self._runtime.look_up(lambda: self._result(self._store.describe(arn)))

    @operation
    def history(self, arn: str) -> Answer[list[dict[str, Any]]]:
        """The events so far, in the shape of GetExecutionHistory. Raises ExecutionDoesNotExist."""
        return self._runtime.look_up(lambda: render(self._store.history(arn)))

    def events(self, arn: str) -> "Events":
        """The events of an execution as they happen, from its first to its last: for `for` and for `async for`."""
        return Events(self._runtime.follow, self._store, arn)

    @operation
    def list(
        self, *, state_machine_arn: str | None = None, status: str | None = None, limit: int | None = None
    ) -> "Answer[builtins.list[Result]]":
        """Executions, the newest first."""
        wanted = None if status is None else ExecutionStatus(status)
        return self._runtime.look_up(
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
        return self._runtime.stop(arn, as_failure(error, cause), shown=_nothing)

    @operation
    def redrive(self, arn: str) -> Answer[None]:
        """Lets an execution that did not succeed go on where it failed.

        Raises ExecutionDoesNotExist and ExecutionNotRedrivable.
        """
        return self._runtime.redrive(arn, shown=_nothing)

    # --- tasks ------------------------------------------------------------------------------------------------------

    @operation
    def get_activity_task(
        self, activity_arn: str, worker_name: str | None = None, timeout: float = 60.0
    ) -> "Answer[ActivityTask | None]":
        """The next task of an activity, once there is one; None after `timeout` seconds without one.

        Answer it with `send_task_success` or `send_task_failure`. Raises ActivityDoesNotExist.
        """
        return self._runtime.activity_task(activity_arn, worker_name, timeout)

    @operation
    def open_tasks(self, arn: str | None = None) -> "Answer[builtins.list[OpenTask]]":
        """The tasks that wait for an answer, of one execution or of all, the oldest first."""
        return self._runtime.look_up(lambda: self._store.open_tasks(arn))

    @operation
    def send_task_success(self, token: str, output: Json) -> Answer[None]:
        """Answers the task that waits with this token. Raises InvalidToken, InvalidOutput, and TaskTimedOut where
        nobody waits any more."""
        return self._runtime.answer_task(token, TaskSucceeded, output=checked_output(dumps_checked(output)))

    @operation
    def send_task_failure(self, token: str, error: str | None = None, cause: str | None = None) -> Answer[None]:
        """Fails the task that waits with this token. Raises InvalidToken and TaskTimedOut."""
        return self._runtime.answer_task(token, TaskFailed, failure=as_failure(error, cause))

    @operation
    def send_task_heartbeat(self, token: str) -> Answer[None]:
        """Lets the task's heartbeat begin anew. Raises InvalidToken and TaskTimedOut."""
        return self._runtime.answer_task(token, TaskHeartbeat)

    # --- the end ----------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Ends the engine. Executions that still run stay as they are: on disk they go on with the next engine."""
        self._runtime.close()

    @property
    def _store(self) -> Store:
        return self._runtime.store

    def _result(self, execution: Execution) -> Result:
        return Result(execution, partial(self._store.history, execution.arn))


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


def _arn_of(execution: Execution) -> str:
    return execution.arn


def _nothing() -> None:
    pass
