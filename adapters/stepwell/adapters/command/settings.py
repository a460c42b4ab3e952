"""With what a run is carried on: its functions, its mocks, its time.

They are kept with the execution, so that `stepwell resume` and `stepwell redrive` need not be told again.
"""

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import IO, Any, Self

import click
import msgspec
from msgspec import Struct
from msgspec.structs import replace

from stepwell.adapters.clocks import SkippingClock, SystemClock
from stepwell.adapters.configuration import Configuration, InvalidConfiguration
from stepwell.adapters.definition_files import machines_in
from stepwell.adapters.runs import Definition, Machines
from stepwell.adapters.tasks.bindings import Bindings, BoundTasks, load_module, unbound
from stepwell.adapters.tasks.mocks import Invocations, MockedTasks, TestCase, read_mock_config
from stepwell.definitions.json_text import dumps
from stepwell.definitions.model import StateMachine, TaskState
from stepwell.definitions.resources import parse_resource
from stepwell.engine import arns
from stepwell.engine.effects import InvokeTask
from stepwell.engine.ports import TaskHandler
from stepwell.engine.registry import Registry

STARTS_EXECUTIONS = ":states:startExecution"


class Settings(Struct, frozen=True, kw_only=True, rename="camel"):
    """All paths are absolute."""

    file: str | None = None
    """FILE, with its #LogicalId: what it holds besides may be started by tasks."""
    functions: str | None = None
    """An importable module, or a file that ends in .py."""
    mock_config: str | None = None
    test_case: str | None = None
    calls: dict[str, str] = {}
    """Where AWS services are called."""
    seed: str | None = None
    """What is in moto before the first task."""
    template: str | None = None
    """Whose Lambda functions are run from their source."""
    fast_forward: bool = False
    directory: str
    """Where the run was started: modules are imported from there, and its configuration holds."""

    @classmethod
    def given(
        cls,
        *,
        file: str | None = None,
        functions: str | None = None,
        mock_config: str | None = None,
        test_case: str | None = None,
        calls: tuple[str, ...] = (),
        seed: str | None = None,
        template: str | None = None,
        fast_forward: bool = False,
    ) -> Self:
        """Those of a command line; raises InvalidConfiguration."""
        is_file = functions is not None and functions.endswith(".py")
        return cls(
            file=file and os.path.abspath(file),
            functions=os.path.abspath(functions) if functions and is_file else functions,
            mock_config=mock_config and os.path.abspath(mock_config),
            test_case=test_case,
            calls=_read_calls(calls),
            seed=seed and os.path.abspath(seed),
            template=template and os.path.abspath(template),
            fast_forward=fast_forward,
            directory=os.getcwd(),
        )

    @classmethod
    def read(cls, text: str) -> Self:
        """Those that `as_text` gave; raises msgspec.ValidationError for others."""
        return msgspec.convert(json.loads(text), cls)

    def overridden(self, given: Self) -> Self:
        """These, with what a command line gives in the place of what it gives."""
        return replace(
            self,
            functions=given.functions or self.functions,
            mock_config=given.mock_config or self.mock_config,
            test_case=given.test_case if given.mock_config or given.test_case else self.test_case,
            calls={**self.calls, **given.calls},
            seed=given.seed or self.seed,
            template=given.template or self.template,
        )

    def check(self) -> None:
        """Raises UsageError for options that need another one."""
        if self.test_case is not None and self.mock_config is None:
            raise click.UsageError("--test-case chooses from a mock file: name that with --mock-config")

    def as_text(self) -> str:
        return json.dumps(msgspec.to_builtins(self))  # escaped: the name of a directory may be no text in UTF-8

    def clock(self, start: int = 0) -> SystemClock | SkippingClock:
        """A clock that does not go behind `start` (milliseconds), the last moment of what is carried on."""
        return SkippingClock(start) if self.fast_forward else SystemClock(start)


# --- who performs the tasks -------------------------------------------------------------------------------------------


@contextmanager
def performing(
    settings: Settings,
    configuration: Configuration,
    machine: StateMachine,
    machine_name: str,
    invocations: Invocations | None = None,
) -> Iterator[TaskHandler]:
    """Who performs the tasks of a machine, and of what it starts. Mocks are those of this machine alone.

    Raises UnusableFunction, InvalidMockConfig and InvalidConfiguration before anything has run.
    """
    case: TestCase = {}
    if settings.mock_config is not None:
        case = read_mock_config(settings.mock_config, settings.test_case, machine_name, machine)
    for folder in (settings.directory, str(configuration.folder or settings.directory)):
        if folder not in sys.path:
            sys.path.insert(0, folder)
    with ExitStack() as until_the_end:
        # Where it was said where calls go, functions of this process find services there too, from their import on.
        is_said = bool(settings.calls or configuration.calls)
        beside = until_the_end.enter_context(world_of(settings, configuration)) if is_said else unbound
        with printing_to_stderr():
            module: ModuleType | None = None if settings.functions is None else load_module(settings.functions)
            bindings = Bindings(module, configuration.functions)
            goes_out = _find_functions(machine, bindings, case)
        if goes_out and not is_said:
            beside = until_the_end.enter_context(world_of(settings, configuration))
        if starts_executions(machine):
            from stepwell.adapters.tasks.executions import NestedExecutions  # pays who starts any

            beside = NestedExecutions(beside)
        tasks: TaskHandler = BoundTasks(bindings, beside)
        if case:
            tasks = MockedTasks(case, tasks, machine_name=machine_name, invocations=invocations)
        yield tasks


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


def _read_calls(given: tuple[str, ...]) -> dict[str, str]:
    """Destinations by the options of a command; raises InvalidConfiguration."""
    if not given:
        return {}
    from stepwell.adapters.tasks.aws.endpoints import InvalidEndpoint, read_options

    try:
        return read_options(given, "--calls")
    except InvalidEndpoint as fault:
        raise InvalidConfiguration(str(fault)) from None


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
    return any(isinstance(state, TaskState) and STARTS_EXECUTIONS in state.resource for _, state in machine.walk())


def machines_of(
    settings: Settings, configuration: Configuration, machine_name: str, registry: Registry | None
) -> Machines:
    """The state machines that tasks may start: those of the configuration, the run's own file, and the registry.

    Raises UnreadableDefinition and InvalidDefinition for any of those in files before anything has run.
    """
    given: dict[str, Definition] = {**_own_machines(settings, machine_name), **configuration.state_machines}
    machines = Machines(given, registry)
    for name in given:
        machines.find(name if name.startswith("arn:") else arns.state_machine_arn(name), bytes)
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
