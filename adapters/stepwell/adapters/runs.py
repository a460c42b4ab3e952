"""What a run is made of: from a definition to an execution that has ended. `stepwell.local` and the command share it.

Rule 1: an execution is in its store before it moves, and its host is closed when this returns, however it returns.
Rule 2: Ctrl-C is a fact for the execution, not an exception within a step: the first one aborts it, so that its history
says so, a second one ends the work where it stands.
"""

import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from os import PathLike
from time import monotonic
from types import FrameType
from typing import Any

from msgspec import structs

from stepwell.adapters.definition_files import LoadedDefinition, UnreadableDefinition, read_definition
from stepwell.adapters.hosts.local import LocalHost
from stepwell.adapters.tasks.mocks import MockedTasks, Mocks, read_mocks
from stepwell.definitions.check import load, parse
from stepwell.definitions.expressions import Json
from stepwell.definitions.json_text import dumps, dumps_checked, loads
from stepwell.definitions.kinds import StateMachineType
from stepwell.definitions.model import StateMachine
from stepwell.definitions.problems import InvalidDefinition, Problem
from stepwell.definitions.source import Source
from stepwell.engine import arns, errors
from stepwell.engine.effects import InvokeTask
from stepwell.engine.errors import ExecutionDoesNotExist, StateMachineDoesNotExist
from stepwell.engine.events import ExecutionStopped
from stepwell.engine.execution import Execution
from stepwell.engine.operations.executions import new_execution, start_execution
from stepwell.engine.operations.state_machines import resolve
from stepwell.engine.ports import StartExecution, TaskHandler
from stepwell.engine.program import Program, compile_program
from stepwell.engine.registry import Registry
from stepwell.engine.worker import Done, Launch

PROGRAMS_KEPT = 500

SECONDS_KNOWN = 1.0

Definition = dict[str, Any] | str | PathLike[str] | StateMachine


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A definition that is ready to run."""

    program: Program
    definition: str
    """The definition's text, with its substitutions made."""
    machine_arn: str
    type: StateMachineType = StateMachineType.STANDARD
    role_arn: str = arns.DEFAULT_ROLE
    version_arn: str | None = None
    alias_arn: str | None = None
    made_up: frozenset[str] = frozenset()
    """Names in the definition of which nothing is known, so that a stand-in was put in their place."""

    @property
    def machine_name(self) -> str:
        return self.machine_arn.rpartition(":")[2]


def prepare(definition: Definition, *, type: str | None = None) -> Prepared:
    """Reads, checks and compiles a definition; raises UnreadableDefinition and InvalidDefinition.

    `type` is STANDARD or EXPRESS; without it that of the template, or STANDARD.
    """
    if isinstance(definition, StateMachine):
        text = definition.model_dump_json(by_alias=True, exclude_unset=True)
        arn = arns.state_machine_arn("machine")
        kind = StateMachineType(type or "STANDARD")
        return Prepared(program=compile_program(definition), definition=text, machine_arn=arn, type=kind)
    if not isinstance(definition, dict | str | PathLike):
        raise TypeError(
            f"A definition is a dict, a text, a path or a StateMachine, not {definition.__class__.__name__}"
        )
    loaded = read_definition(definition)
    kind = StateMachineType(type or loaded.type)
    machine = load(loaded.source, type=kind)
    try:
        program = compile_program(machine)
    except InvalidDefinition as fault:
        raise InvalidDefinition(list(_placed(fault.problems, loaded.source)), loaded.source.name) from None
    return Prepared(
        program=program,
        definition=_text_of(loaded),
        machine_arn=arns.state_machine_arn(loaded.machine_name),
        type=kind,
        made_up=loaded.made_up,
    )


def _placed(problems: Iterable[Problem], source: Source) -> Iterator[Problem]:
    """The problems with their places in the text."""
    for problem in problems:
        line, column = source.locate(problem.location) or (None, None)
        yield structs.replace(problem, line=line, column=column)


def _text_of(loaded: LoadedDefinition) -> str:
    """The author's own text where it is the definition and nothing else, for its layout and comments in place."""
    source = loaded.source
    is_as_written = source.text and source.format == "json" and not loaded.substitutions and loaded.logical_id is None
    return source.text if is_as_written else dumps(source.value)


def input_text(value: Json) -> str:
    """The JSON text of an input; None is an empty object. Raises NotJson."""
    return "{}" if value is None else dumps_checked(value)


def mocked(mocks: Mocks, prepared: Prepared, beside: TaskHandler) -> TaskHandler:
    """A handler that answers what is mocked and leaves the rest to `beside`; raises InvalidMockConfig."""
    case = read_mocks(mocks, prepared.machine_name, prepared.program.machine)
    return MockedTasks(case, beside, machine_name=prepared.machine_name)


def compile_text(definition: str, kind: StateMachineType) -> Program:
    """The program of a definition that `prepare` has given the text of."""
    return compile_program(parse(loads(definition), type=kind))


class Machines:
    """The state machines that tasks may start: those that were given by name or ARN, then those of a registry."""

    def __init__(self, given: Mapping[str, Definition] | None = None, registry: Registry | None = None) -> None:
        self._given = dict(given or {})
        self._prepared: dict[str, Prepared] = {}
        self._registry = registry
        self._programs: dict[tuple[str, StateMachineType], Program] = {}
        self._found: dict[str, tuple[Prepared, float]] = {}

    def find(self, arn: str, entropy: Callable[[], bytes]) -> Prepared:
        """The state machine, version or alias of this ARN; raises StateMachineDoesNotExist and InvalidDefinition.

        What another process changes about it is seen within a second; on AWS, too, that takes a moment.
        """
        key = arn if arn in self._given else arn.rpartition(":stateMachine:")[2]
        if key in self._given:
            if key not in self._prepared:
                self._prepared[key] = replace(prepare(self._given[key]), machine_arn=arn)
            return self._prepared[key]
        if self._registry is None:
            raise StateMachineDoesNotExist(f"State Machine Does Not Exist: '{arn}'")
        if (known := self.known(arn)) is not None:
            return known
        found = resolve(self._registry, arn, entropy())
        prepared = Prepared(
            program=self.compile(found.definition, found.type),
            definition=found.definition,
            machine_arn=found.state_machine_arn,
            type=found.type,
            role_arn=found.role_arn,
            version_arn=found.version_arn,
            alias_arn=found.alias_arn,
        )
        if found.alias_arn is None:  # else chance chooses every time
            if len(self._found) >= PROGRAMS_KEPT:
                self._found.clear()
            self._found[arn] = prepared, monotonic() + SECONDS_KNOWN
        return prepared

    def given(self) -> Iterator[Prepared]:
        """The state machines that were given; raises InvalidDefinition and UnreadableDefinition."""
        for name in self._given:
            yield self.find(name if name.startswith("arn:") else arns.state_machine_arn(name), bytes)

    def known(self, arn: str) -> Prepared | None:
        """What was found under this ARN a moment ago."""
        prepared, until = self._found.get(arn, (None, 0.0))
        return prepared if monotonic() < until else None

    def forget(self) -> None:
        """Looks everything up again: this process has changed something."""
        self._found.clear()

    def compile(self, definition: str, kind: StateMachineType) -> Program:
        """The program of a definition that was checked; the last few hundred are kept."""
        key = definition, kind
        program = self._programs.get(key)
        if program is None:
            if len(self._programs) >= PROGRAMS_KEPT:
                self._programs.clear()
            program = self._programs[key] = compile_text(definition, kind)
        return program


def new_execution_of(prepared: Prepared, host: LocalHost, **about: Any) -> Execution:
    """An execution of a prepared machine before its first step; `about` as in `new_execution`.

    Raises InvalidExecutionInput and InvalidName.
    """
    return new_execution(
        at=host.clock.now(),
        entropy=host.entropy(),
        machine_arn=prepared.machine_arn,
        version_arn=prepared.version_arn,
        alias_arn=prepared.alias_arn,
        role_arn=prepared.role_arn,
        type=prepared.type,
        **about,
    )


def launcher(machines: Machines, host: Callable[[], LocalHost]) -> Launch:
    """How tasks start executions of these machines, on a host that is made later."""

    def launch(task: InvokeTask, request: StartExecution) -> Execution:
        own = host()
        try:
            prepared = machines.find(request.state_machine_arn, own.entropy)
        except (InvalidDefinition, UnreadableDefinition) as fault:
            raise errors.InvalidDefinition(str(fault)) from None
        execution = new_execution_of(prepared, own, input=request.input, name=request.name, started_by=task.token)
        settings = own.store.settings(task.execution_arn)  # a child is carried on as its parent is
        return start_execution(
            own.worker, own.store, prepared.program, execution, prepared.definition, settings=settings
        )

    return launch


def start(
    host: LocalHost,
    prepared: Prepared,
    *,
    input: str,
    name: str | None,
    settings: str | None = None,
    done: Done | None = None,
) -> Execution:
    """A new execution, which moves with the host's next work.

    Raises InvalidExecutionInput, InvalidName and ExecutionAlreadyExists; of a process that was faster `done` hears.
    """
    execution = new_execution_of(prepared, host, input=input, name=name)
    host.worker.start(prepared.program, execution, prepared.definition, settings=settings, done=done)
    return execution


def run_to_the_end(host: LocalHost) -> None:
    """Carries all executions of a host to their end, those that they start included, and closes the host.

    On Ctrl-C all of them are aborted before KeyboardInterrupt is raised; on a second Ctrl-C it is raised at once.
    """
    try:
        with open_for_answers(host), _aborted_by_ctrl_c(host):
            host.work(lambda: not host.worker.carried)
    finally:
        host.close()


@contextmanager
def _aborted_by_ctrl_c(host: LocalHost) -> Iterator[None]:
    """Where this is not the main thread, or somebody else has taken Ctrl-C over, it is left to them."""
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or before is not signal.default_int_handler:
        yield
        return
    came = False

    def stop() -> None:
        for arn in tuple(host.worker.carried):
            host.worker.send(arn, ExecutionStopped)

    def interrupted(number: int, frame: FrameType | None) -> None:
        nonlocal came
        if came:
            raise KeyboardInterrupt
        came = True
        host.post(stop)

    signal.signal(signal.SIGINT, interrupted)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if came:
        raise KeyboardInterrupt


# --- answers from anywhere in the process ---------------------------------------------------------------------------

_open_hosts: list[LocalHost] = []
"""The hosts of this process."""


@contextmanager
def open_for_answers(host: LocalHost) -> Iterator[None]:
    """While this is entered, `host_of` finds the host."""
    _open_hosts.append(host)
    try:
        yield
    finally:
        _open_hosts.remove(host)


def host_of(arn: str) -> LocalHost:
    """The host in this process that carries an execution on; raises ExecutionDoesNotExist."""
    for host in tuple(_open_hosts):
        if host.worker.carries(arn):
            return host
    raise ExecutionDoesNotExist(f"Execution Does Not Exist: '{arn}'")
