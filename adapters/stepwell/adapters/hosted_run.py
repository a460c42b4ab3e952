"""A run whose tasks or functions call Step Functions: what they call is the run itself.

Its tasks do so in the process; functions, which have processes of their own, through a `Door`. They find the run's own
state machine there and those that it may start, its executions and its tasks that wait.
"""

from collections.abc import Callable

from stepwell.adapters.clocks import SkippingClock, SystemClock
from stepwell.adapters.hosted import Hosted, OwnStepFunctions
from stepwell.adapters.hosts.local import LocalHost
from stepwell.adapters.runs import Machines, launcher
from stepwell.adapters.stores.memory_registry import MemoryRegistry
from stepwell.engine.execution import Execution
from stepwell.engine.machine import Step
from stepwell.engine.operations.state_machines import create_state_machine
from stepwell.engine.ports import Store, TaskHandler

__all__ = ["HostedRun", "OwnStepFunctions"]


class HostedRun(Hosted):
    """The executions of a run, on a host for the thread that works."""

    def __init__(
        self,
        store: Store,
        machines: Machines,
        tasks_over: Callable[[Hosted], TaskHandler],
        *,
        clock: SystemClock | SkippingClock,
        onlooker: Callable[[Execution, Step], None] | None = None,
    ) -> None:
        super().__init__(store, MemoryRegistry(), machines)
        self._onlooker = onlooker
        self.tasks = tasks_over(self)
        self.host = LocalHost(
            self.tasks,
            store,
            clock=clock,
            observe=self.observe,
            compile=machines.compile,
            launch=launcher(machines, lambda: self.host),
        )
        for prepared in machines.given():
            create_state_machine(
                self.registry,
                at=clock.now(),
                name=prepared.machine_name,
                definition=prepared.definition,
                type=prepared.type,
                role_arn=prepared.role_arn,
            )

    def observe(self, execution: Execution, step: Step) -> None:
        if self._onlooker is not None:
            self._onlooker(execution, step)
        super().observe(execution, step)
