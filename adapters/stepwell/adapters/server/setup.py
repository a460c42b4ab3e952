"""What a server stands on, put together: a runtime, its tasks, its logs and figures, and the API over all of it."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from time import monotonic
from types import ModuleType
from typing import Any

from msgspec import Struct

from stepwell.adapters.api.api import Api
from stepwell.adapters.logs.execution_log import ExecutionLog
from stepwell.adapters.retention import Retention
from stepwell.adapters.runtime import Runtime
from stepwell.adapters.server.metrics import Metrics
from stepwell.adapters.tasks.bindings import Bindings, Functions
from stepwell.adapters.tasks.mock_files import MockFile
from stepwell.engine.execution import Execution
from stepwell.engine.machine import Step
from stepwell.engine.operations import configurations
from stepwell.engine.ports import TaskHandler
from stepwell.engine.registry import Configuration, Registry, StateMachineRecord, VersionRecord

SECONDS_KNOWN = 1.0
"""How long it is remembered what a state machine logs."""


def anything(name: str) -> bool:
    """What is not there is made when it is needed."""
    return True


class Setup(Struct, frozen=True, kw_only=True):
    """With what a server runs."""

    data: Path | None = None
    """None: everything is in memory, and gone with the process."""
    functions: Functions | ModuleType | None = None
    configured_functions: Mapping[str, str] = {}
    state_machines: Mapping[str, Any] = {}
    beside: TaskHandler | None = None
    """Performs what is bound to no function."""
    mock_file: MockFile | None = None
    fast_forward: bool = False
    wait_scale: float = 1.0
    retention: Retention | None = None
    grace: float = 10.0
    """Seconds that what runs is given when the server ends."""
    log: ExecutionLog | None = None
    """Is closed with the API."""
    has_log_group: Callable[[str], bool] = anything
    """Whether the log group of this name is there."""


class _Logged:
    """Executions whose state machines are to be logged."""

    def __init__(self, log: ExecutionLog) -> None:
        self._log = log
        self._known: dict[str, tuple[Configuration, float]] = {}

    def observe(self, registry: Registry, execution: Execution, step: Step) -> None:
        arn = execution.state_machine_version_arn or execution.state_machine_arn
        configuration, until = self._known.get(arn, (None, 0.0))
        if configuration is None or monotonic() > until:
            record = registry.find(StateMachineRecord, arn) or registry.find(VersionRecord, arn)
            configuration = configurations.logging(None) if record is None else record.logging_configuration
            self._known[arn] = configuration, monotonic() + SECONDS_KNOWN
        self._log.observe(execution, step, configuration)


@contextmanager
def opened(setup: Setup, metrics: Metrics) -> Iterator[Api]:
    """The API; its executions are carried on until this is left. Raises StoreFailed."""
    log = setup.log or ExecutionLog()
    logged = _Logged(log)

    def onlooker(runtime: Runtime, execution: Execution, step: Step) -> None:
        metrics.observe(execution, step)
        logged.observe(runtime.registry, execution, step)

    mocks = setup.mock_file
    runtime = Runtime(
        setup.data,
        Bindings(setup.functions, setup.configured_functions),
        state_machines=setup.state_machines,
        fast_forward=setup.fast_forward,
        retention=setup.retention,
        grace=setup.grace,
        beside=setup.beside,
        case_of=None if mocks is None else partial(_case_again, mocks),
        onlooker=onlooker,
        wait_scale=setup.wait_scale,
    )
    metrics.gauge("executions_running", "Executions that this process carries on.", lambda: runtime.carried)
    metrics.gauge("activity_pollers", "Workers that wait for a task of an activity.", lambda: runtime.pollers)
    metrics.gauge("log_lines_lost", "Lines of execution logs that could not be written.", lambda: log.lost)
    try:
        yield Api(runtime=runtime, mocks=mocks, has_log_group=setup.has_log_group)
    finally:
        runtime.close()
        log.close()


def _case_again(mocks: MockFile, runtime: Runtime, execution: Execution) -> TaskHandler:
    program = runtime.machines.compile(runtime.store.definition(execution.arn), execution.type)
    return mocks.tasks_again(execution, program, runtime.store, runtime.tasks)
