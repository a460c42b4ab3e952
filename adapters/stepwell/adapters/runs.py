"""What a run is made of: from a definition to an execution that has ended. `stepwell.local` and the command share it.

Rule 1: an execution is in its store before it moves, and its host is closed when this returns, however it returns.
Rule 2: Ctrl-C is a fact for the execution, not an exception within a step: the first one aborts it, so that its history
says so, a second one ends the work where it stands.
"""

import signal
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from os import PathLike
from types import FrameType
from typing import Any

from msgspec.structs import replace

from stepwell.adapters.definition_files import LoadedDefinition, read_definition
from stepwell.adapters.hosts.local import LocalHost
from stepwell.definitions.check import load
from stepwell.definitions.json_text import dumps
from stepwell.definitions.model import StateMachine, StateMachineType
from stepwell.definitions.problems import InvalidDefinition, Problem
from stepwell.definitions.source import Source
from stepwell.engine import arns
from stepwell.engine.errors import ExecutionDoesNotExist
from stepwell.engine.events import ExecutionStopped
from stepwell.engine.execution import Execution
from stepwell.engine.operations.executions import new_execution
from stepwell.engine.program import Program, compile_program

Definition = dict[str, Any] | str | PathLike[str] | StateMachine


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A definition that is ready to run."""

    program: Program
    definition: str
    """The definition's text, with its substitutions made."""
    machine_arn: str
    type: StateMachineType = StateMachineType.STANDARD
    made_up: frozenset[str] = frozenset()
    """Names in the definition of which nothing is known, so that a stand-in was put in their place."""

    @property
    def machine_name(self) -> str:
        return self.machine_arn.rpartition(":")[2]


def prepare(definition: Definition) -> Prepared:
    """Reads, checks and compiles a definition; raises UnreadableDefinition and InvalidDefinition."""
    if isinstance(definition, StateMachine):
        text = definition.model_dump_json(by_alias=True, exclude_unset=True)
        arn = arns.state_machine_arn("machine")
        return Prepared(program=compile_program(definition), definition=text, machine_arn=arn)
    if not isinstance(definition, dict | str | PathLike):
        raise TypeError(f"A definition is a dict, a text, a path or a StateMachine, not {type(definition).__name__}")
    loaded = read_definition(definition)
    kind = StateMachineType(loaded.type)
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
        yield replace(problem, line=line, column=column)


def _text_of(loaded: LoadedDefinition) -> str:
    """The author's own text where it is the definition and nothing else, for its layout and comments in place."""
    source = loaded.source
    is_as_written = source.text and source.format == "json" and not loaded.substitutions and loaded.logical_id is None
    return source.text if is_as_written else dumps(source.value)


def start(host: LocalHost, prepared: Prepared, *, input: str, name: str | None) -> Execution:
    """A new execution, which moves with the host's next work.

    Raises InvalidExecutionInput, InvalidName and ExecutionAlreadyExists.
    """
    execution = new_execution(
        at=host.clock.now(),
        entropy=host.entropy(),
        input=input,
        name=name,
        machine_arn=prepared.machine_arn,
        type=prepared.type,
    )
    host.worker.start(prepared.program, execution, prepared.definition)
    return execution


def run_to_the_end(host: LocalHost, execution: Execution) -> None:
    """Carries an execution that was started on a host of its own to its end, and closes the host.

    On Ctrl-C the execution is aborted before KeyboardInterrupt is raised; on a second Ctrl-C it is raised at once.
    """
    try:
        with open_for_answers(execution.arn, host), _aborted_by_ctrl_c(host, execution):
            host.work(lambda: execution.status.is_terminal)
    finally:
        host.close()


@contextmanager
def _aborted_by_ctrl_c(host: LocalHost, execution: Execution) -> Iterator[None]:
    """Where this is not the main thread, or somebody else has taken Ctrl-C over, it is left to them."""
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or before is not signal.default_int_handler:
        yield
        return
    came = False

    def interrupted(number: int, frame: FrameType | None) -> None:
        nonlocal came
        if came:
            raise KeyboardInterrupt
        came = True
        host.post(lambda: host.worker.send(execution.arn, ExecutionStopped))

    signal.signal(signal.SIGINT, interrupted)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if came:
        raise KeyboardInterrupt


# --- answers from anywhere in the process ---------------------------------------------------------------------------

_open_hosts: dict[str, LocalHost] = {}
"""The host of every execution that runs in this process, by the execution's ARN."""


@contextmanager
def open_for_answers(arn: str, host: LocalHost) -> Iterator[None]:
    """While this is entered, `host_of` finds the execution's host."""
    welcome_answers(arn, host)
    try:
        yield
    finally:
        refuse_answers(arn)


def welcome_answers(arn: str, host: LocalHost) -> None:
    """Lets `host_of` find the host of an execution, until `refuse_answers`."""
    _open_hosts[arn] = host


def refuse_answers(arn: str) -> None:
    _open_hosts.pop(arn, None)


def host_of(arn: str) -> LocalHost:
    """The host on which an execution runs in this process; raises ExecutionDoesNotExist."""
    try:
        return _open_hosts[arn]
    except KeyError:
        raise ExecutionDoesNotExist(f"Execution Does Not Exist: '{arn}'") from None
