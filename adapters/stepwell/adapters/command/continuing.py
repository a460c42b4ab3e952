"""How an execution that was kept goes on in this process, after a crash or after a failure.

What it is carried on with is what it was started with, unless the command line says otherwise.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import ValidationError

from stepwell.adapters.command.carrying import carry, introduce, progress_of
from stepwell.adapters.command.executions import newest_first, parent_of
from stepwell.adapters.command.output import CannotBeDone
from stepwell.adapters.command.performing import host_of, machines_of, needs_machines, performing, recording
from stepwell.adapters.command.problems import described
from stepwell.adapters.command.settings import Settings
from stepwell.adapters.configuration import InvalidConfiguration, read_configuration
from stepwell.adapters.definition_files import UnreadableDefinition
from stepwell.adapters.hosts.local import LocalHost
from stepwell.adapters.runs import Machines
from stepwell.adapters.stores.sqlite import SqliteRegistry, SqliteStore
from stepwell.adapters.tasks.bindings import UnusableFunction
from stepwell.adapters.tasks.mock_files import invocations_of
from stepwell.adapters.tasks.mocks import InvalidMockConfig
from stepwell.definitions.problems import InvalidDefinition
from stepwell.engine.execution import Execution
from stepwell.engine.lifecycles import ExecutionStatus

if TYPE_CHECKING:
    from stepwell.adapters.tasks.cassettes import RecordedCall


def settings_of(store: SqliteStore, execution: Execution, performers: dict[str, Any]) -> Settings | None:
    """With what an execution is carried on; None where nothing is known. Raises CannotBeDone."""
    kept = store.settings(execution.arn)
    try:
        given = Settings.given(**performers)
        settings = given if kept is None else Settings.read(kept).overridden(given)
        settings.check()
    except InvalidConfiguration as fault:
        raise CannotBeDone(str(fault)) from None
    except (ValidationError, ValueError):
        raise CannotBeDone(f"{execution.name}: was started by another program, which alone can carry it on") from None
    return settings if kept is not None or any(performers.values()) else None


def descendants_of(store: SqliteStore, arn: str) -> list[str]:
    """The executions that still run, and were started by this one or by those that it has started."""
    children: dict[str | None, list[str]] = {}
    for each in newest_first(store, status=ExecutionStatus.RUNNING):
        children.setdefault(parent_of(each), []).append(each.arn)
    found: list[str] = []
    waiting = [arn]
    while waiting:
        following = children.get(waiting.pop(), [])
        found += following
        waiting += following
    return found


def go_on(
    store: SqliteStore,
    execution: Execution,
    family: list[str],
    settings: Settings,
    begin: Callable[[LocalHost], None],
    *,
    as_json: bool,
) -> int:
    """Carries an execution on to its end, and all of its family, after `begin` has let it move. Returns the exit code.

    Raises CannotBeDone, CallerError, StoreFailed and Interrupted.
    """
    arn, machine_name = execution.arn, execution.state_machine_name
    events = store.history(arn)
    latest_at = max(history[-1].at for each in family if (history := events if each == arn else store.history(each)))
    machines = Machines()
    machine = machines.compile(store.definition(arn), execution.type).machine
    with _explained(), closing(SqliteRegistry(store.path)) as registry, ExitStack() as until_the_end:
        configuration = read_configuration(Path(settings.directory))
        known = invocations_of(store, family) if settings.mock_config else None
        played = partial(_played_in, store, family)
        performers = until_the_end.enter_context(
            performing(settings, configuration, machine, machine_name, known, played)
        )
        if needs_machines(performers):
            machines = machines_of(settings, configuration, machine_name, registry)
        progress = progress_of(machine)
        onlooker = progress.observe if progress else None
        host = host_of(performers, store, machines, settings.clock(latest_at), onlooker)
        begin(host)
        if progress:
            progress.follow(arn, host.clock.now(), events, store.standing(arn)[1])
            introduce(machine_name, execution.name, f"goes on after {len(events):,} events")
        with recording(settings, store, arn):
            return carry(host, execution, progress, as_json=as_json)


def _played_in(store: SqliteStore, family: list[str]) -> "list[RecordedCall]":
    from stepwell.adapters.tasks.cassettes import played_in  # pays who has one

    return played_in(store, family)


@contextmanager
def _explained() -> Iterator[None]:
    """What is wrong with what it is to be carried on with is told in one line."""
    try:
        yield
    except InvalidDefinition as fault:
        place, problem = described(fault.problems[0], fault.source or "")
        raise CannotBeDone(f"{place}: {problem}") from None
    except (InvalidConfiguration, InvalidMockConfig, UnreadableDefinition, UnusableFunction) as fault:
        raise CannotBeDone(str(fault)) from None
