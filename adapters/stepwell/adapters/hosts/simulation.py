"""The simulation host: virtual time, everything in the caller's thread, nothing outside.

The clock jumps to the next timer when everything waits, so a year's wait takes no time, and so do task functions.
The same definition, input, tasks, start and seed give the same history, down to the last timestamp and token.
"""

import asyncio
import inspect
import threading
from collections.abc import Callable, Collection, Coroutine
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from stepwell.adapters.clocks import VirtualClock
from stepwell.adapters.runners import thrown_in
from stepwell.adapters.stores.memory import MemoryStore
from stepwell.definitions.check import parse
from stepwell.definitions.json_text import dumps
from stepwell.definitions.kinds import StateMachineType
from stepwell.definitions.model import StateMachine
from stepwell.engine import arns
from stepwell.engine.execution import Execution
from stepwell.engine.history import render
from stepwell.engine.lifecycles import ExecutionStatus
from stepwell.engine.operations.executions import new_execution
from stepwell.engine.ports import Call, Done, Store, TaskHandler
from stepwell.engine.program import Program, compile_program
from stepwell.engine.worker import Compile, Launch, Missing, Observer, Worker, cannot_compile, cannot_launch

START = 1_767_225_600_000
"""When simulations start unless they are told otherwise: 2026-01-01T00:00:00Z."""


def run_inline(call: Call, done: Done) -> Callable[[], None]:
    """A `Runner` that runs calls at once, on this thread."""
    try:
        value = call.function(*call.arguments)
        if inspect.iscoroutine(value):
            value = _run_coroutine(value)
    except (Exception, SystemExit, GeneratorExit) as error:  # noqa: BLE001 - whatever the function raises is its answer
        done(None, thrown_in(error))
    else:
        done(value, None)
    return _nothing_to_give_up


def _run_coroutine(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """What the coroutine returns, on a thread of its own: on this one the caller may have a loop running."""
    future: Future[Any] = Future()

    def run() -> None:
        try:
            future.set_result(asyncio.run(coroutine))
        except BaseException as error:  # noqa: BLE001 - raised again below
            future.set_exception(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return future.result()


def _nothing_to_give_up() -> None:
    pass


class Simulation:
    """A host whose time is virtual. `work` runs every execution as far as it can go."""

    def __init__(
        self,
        tasks: TaskHandler,
        *,
        store: Store | None = None,
        at: int = START,
        seed: bytes = b"stepwell",
        observe: Observer | None = None,
        compile: Compile = cannot_compile,
        launch: Launch = cannot_launch,
        missing: Missing | None = None,
    ) -> None:
        self.store = store if store is not None else MemoryStore()
        self.clock = VirtualClock(at)
        self._seed = seed[:48]
        self._drawn = 0
        self.worker = Worker(
            store=self.store,
            clock=self.clock,
            runner=run_inline,
            tasks=tasks,
            entropy=self.entropy,
            observe=observe,
            compile=compile,
            launch=launch,
            missing=missing,
        )

    def entropy(self) -> bytes:
        """The seed of one step: different for each, the same in every simulation."""
        self._drawn += 1
        return self._seed + self._drawn.to_bytes(8, "big")

    def start(
        self, program: Program, definition: str = "{}", *, settings: str | None = None, **about: Any
    ) -> Execution:
        """A new execution; `about` as in `new_execution`."""
        about["type"] = StateMachineType(about.get("type", StateMachineType.STANDARD))
        execution = new_execution(at=self.clock.now(), entropy=self.entropy(), **about)
        self.worker.start(program, execution, definition, settings=settings)
        return execution

    def work(self, until: int | None = None) -> None:
        """Lets time pass until nothing waits for anything but answers from outside, or until a moment (ms)."""
        while (due := self.worker.work()) is not None and (until is None or due <= until):
            self.clock.jump(due)
        if until is not None:
            self.clock.jump(until)


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedRun:
    """The end of a simulated execution. Output as JSON text; history as in GetExecutionHistory."""

    arn: str
    status: ExecutionStatus
    output: str | None
    error: str | None
    cause: str | None
    history: list[dict[str, Any]]
    started_at: int
    stopped_at: int | None


def no_tasks(task: Any) -> Any:
    """A `TaskHandler` that leaves every task open."""
    yield from ()


def simulate(
    definition: dict[str, Any] | StateMachine,
    input_text: str = "{}",
    *,
    tasks: TaskHandler = no_tasks,
    machine_arn: str | None = None,
    machine_name: str = "machine",
    role_arn: str = arns.DEFAULT_ROLE,
    type: str = "STANDARD",
    is_synchronous: bool = False,
    name: str | None = None,
    execution_arn: str | None = None,
    at: int = START,
    seed: bytes = b"stepwell",
    deleted_activities: Collection[str] = (),
) -> SimulatedRun:
    """One execution from start to end in virtual time; `at` in milliseconds since the epoch.

    Raises InvalidDefinition. An execution that waits for something that never comes is returned RUNNING.
    """
    kind = StateMachineType(type)
    machine = definition if isinstance(definition, StateMachine) else parse(definition, type=kind)

    def missing(_execution: Execution, program: Program) -> tuple[str, ...]:
        return tuple(arn for _, arn in program.activities if arn in deleted_activities)

    host = Simulation(tasks, at=at, seed=seed, missing=missing)
    execution = host.start(
        compile_program(machine),
        dumps(definition) if isinstance(definition, dict) else "{}",
        input=input_text,
        name=name,
        arn=execution_arn,
        machine_arn=machine_arn or arns.state_machine_arn(machine_name),
        role_arn=role_arn,
        type=kind,
        is_synchronous=is_synchronous,
    )
    host.work()
    host.worker.close()
    return SimulatedRun(
        arn=execution.arn,
        status=execution.status,
        output=execution.output,
        error=execution.error,
        cause=execution.cause,
        history=render(host.store.history(execution.arn)),
        started_at=execution.started_at,
        stopped_at=execution.stopped_at,
    )
