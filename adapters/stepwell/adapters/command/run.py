"""`stepwell run`: one execution, from a file to its end.

Rule 1: stdout is for the output alone. What functions print goes to stderr.
Rule 2: without a terminal on stderr nothing is said but the one line of a failure.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, redirect_stderr, redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import IO, TYPE_CHECKING, Any

import click

from stepwell.adapters.clocks import SkippingClock, SystemClock
from stepwell.adapters.command.given import hint_of_a_file, read_text, value_of
from stepwell.adapters.command.main import Interrupted
from stepwell.adapters.command.output import (
    CannotBeDone,
    console,
    is_terminal,
    one_line,
    say,
    spelled,
    write_json,
    write_json_text,
)
from stepwell.adapters.command.problems import show_problems
from stepwell.adapters.command.wording import duration, failure
from stepwell.adapters.configuration import Configuration, InvalidConfiguration, read_configuration
from stepwell.adapters.definition_files import UnreadableDefinition
from stepwell.adapters.hosts.local import LocalHost
from stepwell.adapters.runs import Prepared, prepare, run_to_the_end, start
from stepwell.adapters.stores.files import FileStore, StoreFailed
from stepwell.adapters.stores.memory import MemoryStore
from stepwell.adapters.tasks.bindings import Bindings, BoundTasks, UnusableFunction, load_module
from stepwell.adapters.tasks.mocks import InvalidMockConfig, MockedTasks, TestCase, read_mock_config
from stepwell.definitions import timestamps
from stepwell.definitions.json_text import dumps, loads
from stepwell.definitions.model import TaskState
from stepwell.definitions.problems import InvalidDefinition
from stepwell.definitions.resources import parse_resource
from stepwell.engine.effects import InvokeTask
from stepwell.engine.errors import CallerError
from stepwell.engine.execution import Execution
from stepwell.engine.lifecycles import ExecutionStatus
from stepwell.engine.ports import Store, TaskHandler

if TYPE_CHECKING:
    from stepwell.adapters.command.progress import Progress

LONGEST_REASON = 600


@click.command("run", short_help="Run a state machine and watch it move.")
@click.argument("file", metavar="FILE[#LogicalId]")
@click.option(
    "-i",
    "--input",
    "given_input",
    metavar="JSON|@FILE|-",
    help="The input: JSON text, @FILE to read it from a file, - to read it from stdin. Without it: {}.",
)
@click.option(
    "--functions",
    "module_name",
    metavar="MODULE|FILE.py",
    help="Where the Python functions are that perform the tasks: each is found by the name of the Lambda function or "
    "of the state. Charge-Card and ChargeCard find charge_card too.",
)
@click.option("--mock-config", metavar="FILE", help="Results for tasks: the mock file of Step Functions Local.")
@click.option("--test-case", metavar="NAME", help="Which test case of the mock file. Not needed where it has only one.")
@click.option("--fast-forward", is_flag=True, help="Skip the time in which everything waits.")
@click.option("--ephemeral", is_flag=True, help="Keep nothing of the execution.")
@click.option("--data", type=click.Path(path_type=Path), metavar="DIR", help="Where executions are kept [.stepwell].")
@click.option("--name", metavar="NAME", help="The name of the execution. Without it: a UUID.")
@click.option(
    "--json", "as_json", is_flag=True, help="Write one JSON object about the execution, not its output alone."
)
def command(
    file: str,
    given_input: str | None,
    module_name: str | None,
    mock_config: str | None,
    test_case: str | None,
    fast_forward: bool,
    ephemeral: bool,
    data: Path | None,
    name: str | None,
    as_json: bool,
) -> int:
    """Run a state machine and watch it move.

    FILE is a definition in JSON or YAML, or a SAM or CloudFormation template that holds one; where a template holds
    several, name one: template.yaml#OrderMachine. The output goes to stdout, everything else to stderr. Ctrl-C aborts
    the execution; Ctrl-C once more ends it where it stands.

    \b
    Examples:
      stepwell run order.asl.json -i '{"orderId": 7}' --functions order.py
      stepwell run order.asl.json -i @order.json --mock-config mocks.json --test-case HappyPath
      stepwell run nightly.asl.yaml --fast-forward        a wait of a day takes no time
      stepwell run order.asl.json --json | jq .status

    Functions can be named in stepwell.toml as well, or under [tool.stepwell] in pyproject.toml:

    \b
      [functions]
      "Charge" = "shop.payments:charge"

    Exit code: 0 when the execution succeeded, 1 when it ended otherwise, 2 when it could not be run.
    """
    if ephemeral and data is not None:
        raise click.UsageError("--ephemeral keeps nothing, so --data has no meaning beside it")
    if test_case is not None and mock_config is None:
        raise click.UsageError("--test-case chooses from a mock file: name that with --mock-config")
    try:
        configuration = read_configuration()
        input_text = _read_input(given_input)
        prepared = prepare(Path(file))
        tasks = _tasks(prepared, configuration, module_name, mock_config, test_case)
    except InvalidDefinition as fault:
        return _refuse(fault, file)
    except (InvalidConfiguration, UnreadableDefinition, UnusableFunction, InvalidMockConfig) as fault:
        raise CannotBeDone(str(fault)) from None
    store: Store = MemoryStore() if ephemeral else FileStore(data or configuration.data)
    clock = SkippingClock() if fast_forward else SystemClock()
    execution = _run(prepared, tasks, store, clock, input_text, name, as_json=as_json)
    _report(execution, as_json=as_json, is_kept=not ephemeral)
    return 0 if execution.status is ExecutionStatus.SUCCEEDED else 1


# --- what was given ---------------------------------------------------------------------------------------------------


def _read_input(given: str | None) -> str:
    """The input's text, known to be JSON."""
    if given is None:
        return "{}"
    text, where = read_text(given, "--input", "the input", from_stdin=True)
    value_of(text, where, "the input", hint=hint_of_a_file(given) if where == "--input" else "")
    return text


def _refuse(fault: InvalidDefinition, file: str) -> int:
    path = fault.source or (file if Path(file).exists() else file.rpartition("#")[0])
    show_problems(fault.problems, path, sys.stderr)
    return 2


# --- who performs the tasks -------------------------------------------------------------------------------------------


def _tasks(
    prepared: Prepared,
    configuration: Configuration,
    module_name: str | None,
    mock_config: str | None,
    test_case: str | None,
) -> TaskHandler:
    machine = prepared.program.machine
    case: TestCase = {}
    if mock_config is not None:
        case = read_mock_config(mock_config, test_case, prepared.machine_name, machine)
    folder = str(configuration.folder or "")
    if folder not in sys.path:
        sys.path.insert(0, folder)
    with _printing_to_stderr():
        module: ModuleType | None = None if module_name is None else load_module(module_name)
        bindings = Bindings(module, configuration.functions)
        _find_functions(prepared, bindings, case)
    bound = BoundTasks(bindings)
    return MockedTasks(case, bound) if case else bound


def _find_functions(prepared: Prepared, bindings: Bindings, case: TestCase) -> None:
    """Finds the functions of all tasks that are not mocked: raises UnusableFunction before anything has run."""
    for name, state in prepared.program.machine.walk():
        if isinstance(state, TaskState) and name not in case and (resource := parse_resource(state.resource)):
            parameters = state.parameters if isinstance(state.parameters, dict) else {}
            bindings.find(
                InvokeTask(
                    token="", execution_arn="", state=name, resource=resource, input=dumps(parameters), attempt=0
                )
            )


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
def _printing_to_stderr() -> Iterator[None]:
    """stdout is for the output alone."""
    stderr: Any = _Stderr()
    with redirect_stdout(stderr), redirect_stderr(stderr):
        yield


# --- the run ----------------------------------------------------------------------------------------------------------


def _run(
    prepared: Prepared,
    tasks: TaskHandler,
    store: Store,
    clock: SystemClock | SkippingClock,
    input_text: str,
    name: str | None,
    *,
    as_json: bool,
) -> Execution:
    progress: Progress | None = None
    if is_terminal(sys.stderr):
        from stepwell.adapters.command.progress import Progress as OnTerminal

        progress = OnTerminal(prepared.program.machine)
    host = LocalHost(tasks, store, clock=clock, observe=progress.observe if progress else None)
    try:
        execution = start(host, prepared, input=input_text, name=name)
    except (CallerError, StoreFailed) as fault:
        raise CannotBeDone(str(fault)) from None
    if progress:
        _introduce(prepared, execution)
    try:
        with redirect_stdout(sys.stderr), progress or nullcontext():
            run_to_the_end(host, execution)
    except KeyboardInterrupt:
        aborted = execution.status is ExecutionStatus.ABORTED
        if aborted or not execution.status.is_terminal:  # else it had ended by itself just before
            say(f"{execution.name}: {'aborted' if aborted else 'left where it stood'} by Ctrl-C")
            if as_json and aborted:
                write_json(described(execution))
            raise Interrupted("") from None
    except StoreFailed as fault:
        say(f"{execution.name}: given up: {fault}")
        raise Interrupted("") from None
    return execution


def _introduce(prepared: Prepared, execution: Execution) -> None:
    terminal = console(stderr=True)
    said = spelled(f"{prepared.machine_name} · {execution.name}", terminal.encoding)
    terminal.print(said, style="dim", soft_wrap=True)
    if prepared.made_up:
        names = ", ".join(f"${{{name}}}" for name in sorted(prepared.made_up))
        console(stderr=True).print(
            one_line(f"stand-ins, for nothing defines them: {names}"), style="dim", soft_wrap=True
        )


# --- its end ----------------------------------------------------------------------------------------------------------


def _report(execution: Execution, *, as_json: bool, is_kept: bool) -> None:
    succeeded = execution.status is ExecutionStatus.SUCCEEDED
    why = "" if succeeded else one_line(failure(execution.error, execution.cause), LONGEST_REASON)
    if is_terminal(sys.stderr):
        _sum_up(execution, why, is_kept=is_kept)
    elif not succeeded:
        say(f"{execution.name}: {execution.status.value}: {why}")
    if as_json:
        write_json(described(execution))
    elif execution.output is not None:
        write_json_text(execution.output)


def _sum_up(execution: Execution, why: str, *, is_kept: bool) -> None:
    from rich.text import Text

    took = (execution.stopped_at or execution.started_at) - execution.started_at
    after = " · see `stepwell history`" if is_kept else ""
    shown = Text(execution.status.value, "bold red" if why else "bold green")
    terminal = console(stderr=True)
    about = f" in {duration(took)} · {execution.next_event_id - 1:,} events{after}"
    shown.append(spelled(about, terminal.encoding), "not bold dim default")
    if why:
        shown.append(spelled(f"\n{why}", terminal.encoding), "not bold red")
    terminal.print(shown, overflow="fold")


def described(execution: Execution) -> dict[str, Any]:
    """The execution as `--json` shows it."""
    return {
        "executionArn": execution.arn,
        "status": execution.status.value,
        "output": None if execution.output is None else loads(execution.output),
        "error": execution.error,
        "cause": execution.cause,
        "startDate": timestamps.render(execution.started_at),
        "stopDate": None if execution.stopped_at is None else timestamps.render(execution.stopped_at),
    }
