"""Who performs the tasks of a run, and on what host: what `run`, `resume`, `redrive` and their like have in common."""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import IO, TYPE_CHECKING, Any

from msgspec import Struct

from stepwell.adapters.clocks import SkippingClock, SystemClock
from stepwell.adapters.command.settings import Settings
from stepwell.adapters.configuration import Configuration, InvalidConfiguration
from stepwell.adapters.definition_files import machines_in
from stepwell.adapters.hosts.local import LocalHost
from stepwell.adapters.runs import Definition, Machines, launcher
from stepwell.adapters.tasks.bindings import Bindings, BoundTasks, load_module, unbound
from stepwell.adapters.tasks.mocks import Invocations, MockedTasks, TestCase, read_mock_config
from stepwell.definitions.json_text import dumps
from stepwell.definitions.model import StateMachine, TaskState
from stepwell.definitions.resources import parse_resource
from stepwell.engine.effects import InvokeTask
from stepwell.engine.execution import Execution
from stepwell.engine.machine import Step
from stepwell.engine.ports import Store, TaskHandler
from stepwell.engine.registry import Registry

if TYPE_CHECKING:
    from stepwell.adapters.hosted import Hosted
    from stepwell.adapters.tasks.cassettes import RecordedCall

STARTS_EXECUTIONS = ":states:startExecution"
STEP_FUNCTIONS = ":aws-sdk:sfn:"


class Performers(Struct, frozen=True, kw_only=True):
    """Who performs the tasks of a machine, and of what it starts. Mocks are those of the machine alone."""

    machine: StateMachine
    machine_name: str
    bindings: Bindings
    case: TestCase
    invocations: Invocations | None
    world: TaskHandler
    replayed: "Callable[[TaskHandler], TaskHandler] | None"
    """Gives answers from a cassette, and leaves what is not on it to a handler."""

    @property
    def call_step_functions(self) -> bool:
        """Whether tasks, or functions beside this process, may call Step Functions."""
        return getattr(self.world, "door", None) is not None or _mentions(self.machine, STEP_FUNCTIONS)

    def over(self, hosted: "Hosted | None" = None) -> TaskHandler:
        """The handler of tasks. The Step Functions that they call are these executions."""
        beside: TaskHandler = self.world
        if hosted is not None:
            from stepwell.adapters.hosted import OwnStepFunctions  # pays who calls it

            beside = OwnStepFunctions(hosted, beside)
        if starts_executions(self.machine):
            from stepwell.adapters.tasks.executions import NestedExecutions  # pays who starts any

            beside = NestedExecutions(beside)
        if self.replayed is not None:
            beside = self.replayed(beside)
        tasks: TaskHandler = BoundTasks(self.bindings, beside)
        if not self.case:
            return tasks
        return MockedTasks(self.case, tasks, machine_name=self.machine_name, invocations=self.invocations)


@contextmanager
def performing(
    settings: Settings,
    configuration: Configuration,
    machine: StateMachine,
    machine_name: str,
    invocations: Invocations | None = None,
    played: "Callable[[], Iterable[RecordedCall]]" = tuple,
) -> Iterator[Performers]:
    """Who performs tasks, until this is left. `played`: what was called already, asked for where there is a cassette.

    Raises UnusableFunction, InvalidMockConfig and InvalidConfiguration before anything has run.
    """
    case: TestCase = {}
    if settings.mock_config is not None:
        case = read_mock_config(settings.mock_config, settings.test_case, machine_name, machine)
    for folder in (settings.directory, str(configuration.folder or settings.directory)):
        if folder not in sys.path:
            sys.path.insert(0, folder)
    with ExitStack() as until_the_end:

        def opened_world() -> TaskHandler:
            return until_the_end.enter_context(world_of(settings, configuration))

        # Where it was said where calls go, functions of this process find services there too, from their import on.
        is_said = bool(settings.calls or configuration.calls)
        replayed: Callable[[TaskHandler], TaskHandler] | None = None
        world: TaskHandler = unbound
        if settings.replay is not None:
            replayed, world = _replay(settings, played)
        elif is_said:
            world = opened_world()
        with printing_to_stderr():
            module: ModuleType | None = None if settings.functions is None else load_module(settings.functions)
            bindings = Bindings(module, configuration.functions)
            goes_out = _find_functions(machine, bindings, case)
        if goes_out and not is_said and settings.replay is None:
            world = opened_world()
        yield Performers(
            machine=machine,
            machine_name=machine_name,
            bindings=bindings,
            case=case,
            invocations=invocations,
            world=world,
            replayed=replayed,
        )


def _replay(
    settings: Settings, played: "Callable[[], Iterable[RecordedCall]]"
) -> tuple[Callable[[TaskHandler], TaskHandler], TaskHandler]:
    """What gives the answers of a cassette, and what performs what is not on it; raises InvalidConfiguration."""
    from stepwell.adapters.tasks.cassettes import InvalidCassette, ReplayedTasks, not_recorded, read_cassette

    assert settings.replay is not None, "asked for only where there is one"
    try:
        calls, before = read_cassette(Path(settings.replay)), list(played())
    except InvalidCassette as fault:
        raise InvalidConfiguration(str(fault)) from None
    return lambda beside: ReplayedTasks(calls, beside, played=before), not_recorded


@contextmanager
def recording(settings: Settings, store: Store, arn: str) -> Iterator[None]:
    """When this is left, however it is, the cassette of an execution is written. Raises InvalidConfiguration."""
    if settings.record is None:
        yield
        return
    from stepwell.adapters.tasks.cassettes import InvalidCassette, calls_of_run, write_cassette

    redact = settings.redaction()
    try:
        yield
    finally:
        try:
            write_cassette(Path(settings.record), calls_of_run(store, arn, redact))
        except InvalidCassette as fault:
            raise InvalidConfiguration(str(fault)) from None


def host_of(
    performers: Performers,
    store: Store,
    machines: Machines,
    clock: SystemClock | SkippingClock,
    onlooker: Callable[[Execution, Step], None] | None,
) -> LocalHost:
    """A host for a run."""
    if performers.call_step_functions:
        from stepwell.adapters.hosted_run import HostedRun  # pays who calls it

        return HostedRun(store, machines, performers.over, clock=clock, onlooker=onlooker).host
    host = LocalHost(
        performers.over(),
        store,
        clock=clock,
        observe=onlooker,
        compile=machines.compile,
        launch=launcher(machines, lambda: host),
    )
    return host


@contextmanager
def world_of(settings: Settings, configuration: Configuration, **about: Any) -> Iterator[TaskHandler]:
    """Who performs tasks that are no function of this process; `about` as `World` takes it.

    Raises InvalidConfiguration and UnreadableDefinition.
    """
    from stepwell.adapters.tasks.world import opened  # pays who calls anything

    template = settings.template or configuration.template or settings.file
    with opened(configuration, calls=settings.calls, seed=settings.seed, template=template, **about) as world:
        if settings.calls or configuration.calls:
            with world.as_environment():
                yield world
        else:
            yield world


def _find_functions(machine: StateMachine, bindings: Bindings, case: TestCase) -> bool:
    """Finds the functions of all tasks that are not mocked, and tells whether some have none.

    Raises UnusableFunction.
    """
    goes_out = False
    for name, state in machine.walk():
        if isinstance(state, TaskState) and name not in case and (resource := parse_resource(state.resource)):
            parameters = state.parameters if isinstance(state.parameters, dict) else {}
            function = bindings.find(
                InvokeTask(
                    token="", execution_arn="", state=name, resource=resource, input=dumps(parameters), attempt=0
                )
            )
            goes_out = goes_out or function is None
    return goes_out


# --- what tasks may start ---------------------------------------------------------------------------------------------


def starts_executions(machine: StateMachine) -> bool:
    return _mentions(machine, STARTS_EXECUTIONS)


def needs_machines(performers: Performers) -> bool:
    """Whether something in a run may ask for a state machine by its ARN."""
    return performers.call_step_functions or starts_executions(performers.machine)


def _mentions(machine: StateMachine, service: str) -> bool:
    return any(isinstance(state, TaskState) and service in state.resource for _, state in machine.walk())


def machines_of(
    settings: Settings, configuration: Configuration, machine_name: str, registry: Registry | None
) -> Machines:
    """The state machines that tasks may start: those of the configuration, the run's own file, and the registry.

    Raises UnreadableDefinition and InvalidDefinition for any of those in files before anything has run.
    """
    given: dict[str, Definition] = {**_own_machines(settings, machine_name), **configuration.state_machines}
    machines = Machines(given, registry)
    for _ in machines.given():
        pass
    return machines


def _own_machines(settings: Settings, machine_name: str) -> Mapping[str, Path]:
    if settings.file is None:
        return {}
    file = Path(settings.file)
    return {machine_name: file, **machines_in(file if file.exists() else Path(settings.file.rpartition("#")[0]))}


# --- what functions print ---------------------------------------------------------------------------------------------


class _Stderr:
    """Whatever stderr is when it is written to. A logger that keeps this does not write across the progress."""

    def __init__(self) -> None:
        self._original = sys.stderr

    def write(self, text: str) -> int:
        return self._stream.write(text)

    def flush(self) -> None:
        self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    @property
    def _stream(self) -> IO[str]:
        return self._original if isinstance(sys.stderr, _Stderr) else sys.stderr


@contextmanager
def printing_to_stderr() -> Iterator[None]:
    """stdout is for the output alone."""
    stderr: Any = _Stderr()
    with redirect_stdout(stderr), redirect_stderr(stderr):
        yield
