"""The runtime: the one thread that carries executions on, for as long as it is wanted.

`Engine` puts what may be asked of it into Python's shapes, the server into the API's.
"""

import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from os import PathLike
from pathlib import Path
from time import monotonic
from typing import TypeVar

from stepwell.adapters.clocks import SkippingClock, SystemClock
from stepwell.adapters.hosted import Hosted, OwnStepFunctions
from stepwell.adapters.hosts.local import LocalHost
from stepwell.adapters.retention import AS_ON_AWS, IN_MEMORY, Retention
from stepwell.adapters.runs import Definition, Machines, launcher, open_for_answers
from stepwell.adapters.stores.memory import MemoryStore
from stepwell.adapters.stores.memory_registry import MemoryRegistry
from stepwell.adapters.tasks.bindings import Bindings, BoundTasks, unbound
from stepwell.adapters.tasks.executions import NestedExecutions
from stepwell.engine.execution import Execution
from stepwell.engine.machine import Step
from stepwell.engine.ports import Store, StoreFailed, TaskHandler
from stepwell.engine.program import Program
from stepwell.engine.registry import ActivityRecord, Registry, StateMachineStatus

T = TypeVar("T")

SECONDS_BETWEEN_ADOPTIONS = 1.0
SECONDS_BETWEEN_PRUNINGS = 3600.0
ENDED_BETWEEN_PRUNINGS = 1_000

CaseOf = Callable[["Runtime", Execution], TaskHandler]
"""Finds what performs the tasks of an execution that was started with a test case, when it is carried on."""

Onlooker = Callable[["Runtime", Execution, Step], None]
"""Sees each step when it is laid down, on the runtime's thread."""


class Runtime(Hosted):
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
        store, registry = _open(data)
        super().__init__(store, registry, Machines(state_machines, registry))
        outside = OwnStepFunctions(self, beside or unbound)
        self.tasks: TaskHandler = BoundTasks(bindings, NestedExecutions(outside), has_workers=True)
        self._bindings = bindings
        self._case_of = case_of
        self._onlooker = onlooker
        self._retention = retention or (IN_MEMORY if data is None else AS_ON_AWS)
        self._grace = grace
        self._closing = threading.Event()
        self._adopted_at = monotonic()
        self._pruned_at = self._adopted_at - SECONDS_BETWEEN_PRUNINGS  # once soon after the start
        self._ends = 0
        self.host = LocalHost(
            self.perform,
            self.store,
            clock=SkippingClock() if fast_forward else SystemClock(),
            observe=self.observe,
            compile=self.machines.compile,
            launch=launcher(self.machines, lambda: self.host),
            missing=self._missing,
            look_around=self._look_around,
            wait_scale=wait_scale,
        )
        self._thread = threading.Thread(target=self._work, name="stepwell-engine", daemon=True)
        self._thread.start()

    # --- the end ----------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Ends the work; functions that run come to their end, for at most the grace."""
        self._closing.set()
        self.host.post(_nothing)
        self._thread.join()

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

    def observe(self, execution: Execution, step: Step) -> None:
        if self._onlooker is not None:
            self._onlooker(self, execution, step)
        if step.changes.status.is_terminal:
            self._ends += 1
        super().observe(execution, step)

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

    def _adopt(self) -> None:
        for found in self.store.adopt():
            if (
                self._case_of is not None
                and (mocks := self._case(self.store.describe(found.execution_arn))) is not None
            ):
                self._cases[found.execution_arn] = mocks
            self.host.worker.take_over(found)
        self.host.worker.look_around()


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


def _nothing() -> None:
    pass
