"""`stepwell resume`: a run whose process is gone goes on where it stood."""

from pathlib import Path
from typing import Any

import click

from stepwell.adapters.command import options
from stepwell.adapters.command.continuing import descendants_of, go_on, settings_of
from stepwell.adapters.command.executions import find, newest_first, parent_of, writing
from stepwell.adapters.command.output import CannotBeDone
from stepwell.adapters.hosts.local import LocalHost
from stepwell.adapters.stores.sqlite import SqliteStore
from stepwell.engine.execution import Execution
from stepwell.engine.lifecycles import ExecutionStatus


@click.command("resume", short_help="Carry on a run whose process is gone.")
@click.argument("execution", required=False)
@options.data
@options.performers
@options.end_as_json
def command(
    execution: str | None,
    data: Path | None,
    given_performers: dict[str, Any],
    as_json: bool,
) -> int:
    """Carry on a run whose process is gone: killed, crashed, or gone with its machine.

    EXECUTION is its name, the first four or more characters of it, or its ARN. Without it, the newest that `stepwell
    list` shows as GONE. It goes on where it stood: what has ended well is not done again, and a task that was being
    performed is performed again. Waits and timeouts go on counting while nobody carries the execution on.

    The functions, mocks, destinations of calls and --fast-forward of the run hold, unless others are given here.

    \b
    Examples:
      stepwell resume
      stepwell resume order-7
      stepwell resume order-7 --functions repaired.py

    Exit code: as of `stepwell run`: 0 when the execution succeeded, 1 when it ended otherwise, 2 when it cannot be
    resumed.
    """
    with writing(data) as store:
        chosen = _newest(store) if execution is None else find(store, execution)
        if chosen.status.is_terminal:
            raise _has_ended(chosen)
        if not store.is_abandoned(chosen.arn):
            raise _is_carried(chosen)
        settings = settings_of(store, chosen, given_performers)
        if settings is None:
            raise CannotBeDone(
                f"{chosen.name}: was started by an engine or a server, and goes on when that is started again; "
                f"or name the functions that perform its tasks with --functions"
            )
        claimed = store.claim(chosen.arn)
        if claimed is None:  # somebody else was faster
            raise _is_carried(chosen)
        if (execution_now := store.describe(chosen.arn)).status.is_terminal:
            raise _has_ended(execution_now)
        others = [store.claim(arn) for arn in descendants_of(store, chosen.arn)]
        found = [claimed, *(each for each in others if each is not None)]

        def begin(host: LocalHost) -> None:
            for each in found:
                host.worker.take_over(each)
            host.worker.look_around()  # an answer, or a stop, that came meanwhile comes before what it makes needless

        family = [each.execution_arn for each in found]
        return go_on(store, chosen, family, settings, begin, as_json=as_json)


def _newest(store: SqliteStore) -> Execution:
    """The newest run that nobody carries on, but for those that such a one has started itself."""
    running = {each.arn: each for each in newest_first(store, status=ExecutionStatus.RUNNING)}
    gone = [each for each in running.values() if store.is_abandoned(each.arn)]
    arns = {each.arn for each in gone}
    for each in gone:
        if parent_of(each) not in arns and store.settings(each.arn) is not None:
            return each
    if gone:
        raise CannotBeDone(
            f"{store.path.parent}: nothing to resume; {len(gone):,} of an engine or a server go on when that is "
            f"started again (`stepwell list --status GONE`)"
        )
    raise CannotBeDone(f"{store.path.parent}: nothing to resume: no run was left without its process")


def _has_ended(execution: Execution) -> CannotBeDone:
    name = execution.name
    hint = "" if execution.status is ExecutionStatus.SUCCEEDED else f"; `stepwell redrive {name}` lets it go on"
    return CannotBeDone(f"{name}: nothing to resume: it has ended, {execution.status}{hint}")


def _is_carried(execution: Execution) -> CannotBeDone:
    name = execution.name
    return CannotBeDone(
        f"{name}: another process carries it on; `stepwell history {name} --follow` shows what it does, "
        f"`stepwell stop {name}` ends it"
    )
