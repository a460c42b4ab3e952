"""`stepwell run`: one execution, from a file to its end."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from stepwell.adapters.command import options
from stepwell.adapters.command.carrying import carry, introduce, progress_of, refuse
from stepwell.adapters.command.given import hint_of_a_file, read_text, value_of
from stepwell.adapters.command.output import CannotBeDone
from stepwell.adapters.command.performing import (
    host_of,
    machines_of,
    needs_machines,
    performing,
    recording,
    starts_executions,
)
from stepwell.adapters.command.settings import Settings
from stepwell.adapters.configuration import InvalidConfiguration, read_configuration
from stepwell.adapters.definition_files import UnreadableDefinition
from stepwell.adapters.runs import Machines, Prepared, prepare, start
from stepwell.adapters.stores.memory import MemoryStore
from stepwell.adapters.tasks.bindings import UnusableFunction
from stepwell.adapters.tasks.mocks import InvalidMockConfig
from stepwell.definitions.problems import InvalidDefinition
from stepwell.engine import arns
from stepwell.engine.errors import CallerError, ExecutionAlreadyExists
from stepwell.engine.ports import Store, StoreFailed
from stepwell.engine.registry import Registry


@click.command("run", short_help="Run a state machine and watch it move.")
@click.argument("file", metavar="FILE[#LogicalId]")
@click.option(
    "-i",
    "--input",
    "given_input",
    metavar="JSON|@FILE|-",
    help="The input: JSON text, @FILE to read it from a file, - to read it from stdin. Without it: {}.",
)
@options.performers
@click.option("--fast-forward", is_flag=True, help="Skip the time in which everything waits.")
@click.option("--ephemeral", is_flag=True, help="Keep nothing of the execution.")
@options.data
@click.option("--name", metavar="NAME", help="The name of the execution. Without it: a UUID.")
@options.end_as_json
def command(
    file: str,
    given_input: str | None,
    given_performers: dict[str, Any],
    fast_forward: bool,
    ephemeral: bool,
    data: Path | None,
    name: str | None,
    as_json: bool,
) -> int:
    """Run a state machine and watch it move.

    FILE is a definition in JSON or YAML, or a SAM or CloudFormation template that holds one; where a template holds
    several, name one: template.yaml#OrderMachine. The output goes to stdout, everything else to stderr. Ctrl-C aborts
    the execution; Ctrl-C once more leaves it where it stands. What was left so, or killed, goes on with `stepwell
    resume`.

    \b
    Examples:
      stepwell run order.asl.json -i '{"orderId": 7}' --functions order.py
      stepwell run order.asl.json -i @order.json --mock-config mocks.json --test-case HappyPath
      stepwell run nightly.asl.yaml --fast-forward        a wait of a day takes no time
      stepwell run template.yaml#OrderMachine --calls moto
                                                          its functions from their source, its tables in moto
      stepwell run order.asl.json --json | jq .status

    Of a template, tasks call the Lambda functions, which are run from their source (Python, Node.js), and start the
    other state machines. With --calls moto its tables, queues, buckets and topics are there too. What the options say,
    functions, and state machines that tasks start can stand in stepwell.toml as well, or under [tool.stepwell] in
    pyproject.toml.

    \b
      [functions]
      "Charge" = "shop.payments:charge"

    \b
      [state_machines]
      "Refund" = "machines/refund.asl.json"

    Exit code: 0 when the execution succeeded, 1 when it ended otherwise, 2 when it could not be run.
    """
    if ephemeral and data is not None:
        raise click.UsageError("--ephemeral keeps nothing, so --data has no meaning beside it")
    try:
        settings = Settings.given(file=file, fast_forward=fast_forward, **given_performers)
        settings.check()
        configuration = read_configuration()
        input_text = _read_input(given_input)
        prepared = prepare(Path(file))
        with (
            performing(settings, configuration, prepared.program.machine, prepared.machine_name) as performers,
            _opened(prepared, None if ephemeral else data or configuration.data) as (store, registry),
        ):
            machines = Machines()
            if needs_machines(performers):
                machines = machines_of(settings, configuration, prepared.machine_name, registry)
            progress = progress_of(prepared.program.machine)
            host = host_of(performers, store, machines, settings.clock(), progress.observe if progress else None)
            try:
                execution = start(host, prepared, input=input_text, name=name, settings=settings.as_text(), done=_begun)
            except ExecutionAlreadyExists as fault:
                raise CannotBeDone(f"{fault}{_hint(store, prepared, name)}") from None
            if progress:
                progress.follow(execution.arn, host.clock.now())
                introduce(prepared.machine_name, execution.name, *_notes(prepared))
            with recording(settings, store, execution.arn):
                return carry(host, execution, progress, as_json=as_json)
    except InvalidDefinition as fault:
        return refuse(fault, file)
    except (
        CallerError,
        InvalidConfiguration,
        InvalidMockConfig,
        StoreFailed,
        UnreadableDefinition,
        UnusableFunction,
    ) as fault:
        raise CannotBeDone(str(fault)) from None


def _begun(change: bool | Exception) -> None:
    """Another process may have taken the name a moment before."""
    if isinstance(change, Exception):
        raise change


@contextmanager
def _opened(prepared: Prepared, data: Path | None) -> Iterator[tuple[Store, Registry | None]]:
    """The store, and the registry where it is needed. A database is imported and opened by who uses it."""
    if data is None:
        yield MemoryStore(), None
        return
    from stepwell.adapters.command.executions import opened
    from stepwell.adapters.stores.sqlite import FILE, SqliteRegistry

    path = data / FILE
    with opened(path) as store:
        if not starts_executions(prepared.program.machine):
            yield store, None
            return
        registry = SqliteRegistry(path)
        try:
            yield store, registry
        finally:
            registry.close()


def _read_input(given: str | None) -> str:
    """The input's text, known to be JSON."""
    if given is None:
        return "{}"
    text, where = read_text(given, "--input", "the input", from_stdin=True)
    value_of(text, where, "the input", hint=hint_of_a_file(given) if where == "--input" else "")
    return text


def _hint(store: Store, prepared: Prepared, name: str | None) -> str:
    """What to do about a name that is taken."""
    arn = arns.execution_arn(prepared.machine_arn, name or "", prepared.type, "")
    return f"; its process is gone: `stepwell resume {name}` carries it on" if store.is_abandoned(arn) else ""


def _notes(prepared: Prepared) -> Iterator[str]:
    if prepared.made_up:
        names = ", ".join(f"${{{name}}}" for name in sorted(prepared.made_up))
        yield f"stand-ins, for nothing defines them: {names}"
