"""`stepwell redrive`: an execution that did not succeed goes on where it failed."""

from pathlib import Path
from typing import Any

import click

from stepwell.adapters.clocks import SystemClock
from stepwell.adapters.command import options
from stepwell.adapters.command.continuing import go_on, settings_of
from stepwell.adapters.command.executions import LAST, find, writing
from stepwell.adapters.command.output import CannotBeDone
from stepwell.adapters.hosts.local import LocalHost
from stepwell.adapters.stores.sqlite import SqliteStore
from stepwell.engine.errors import ExecutionNotRedrivable
from stepwell.engine.execution import Execution
from stepwell.engine.operations.executions import redrive_execution
from stepwell.engine.redrive import redrive_status


@click.command("redrive", short_help="Let an execution that failed go on where it failed.")
@click.argument("execution", default=LAST)
@options.data
@options.performers
@options.end_as_json
def command(
    execution: str,
    data: Path | None,
    given_performers: dict[str, Any],
    as_json: bool,
) -> int:
    """Let an execution that failed, timed out or was aborted go on where it stopped.

    EXECUTION is its name, the first four or more characters of it, its ARN, or @last: the one that started last, which
    is also what you get without it. States that ended well are not repeated. As on AWS, it can be redriven within 14
    days of its end. It runs in this process, as with `stepwell run`.

    The functions, mocks, destinations of calls and --fast-forward of the run hold, unless others are given here.

    \b
    Examples:
      stepwell redrive
      stepwell redrive order-7 --functions repaired.py
      stepwell redrive order-7 --json | jq .status

    Exit code: 0 when the execution succeeded, 1 when it ended otherwise, 2 when it cannot be redriven.
    """
    with writing(data) as store:
        chosen = find(store, execution)
        _check(store, chosen)
        settings = settings_of(store, chosen, given_performers)
        if settings is None:
            raise CannotBeDone(
                f"{chosen.name}: was started by an engine or a server: redrive it there, or name the functions that "
                f"perform its tasks with --functions"
            )

        def begin(host: LocalHost) -> None:
            redrive_execution(host.worker, store, chosen.arn, host.clock.now(), _begun)

        return go_on(store, chosen, [chosen.arn], settings, begin, as_json=as_json)


def _check(store: SqliteStore, execution: Execution) -> None:
    """Refuses what cannot be redriven before anything else is looked at."""
    _, reason = redrive_status(execution, SystemClock(execution.stopped_at or 0).now())
    if reason is None:
        return
    is_gone = store.is_abandoned(execution.arn)
    hint = f"; its process is gone: `stepwell resume {execution.name}` carries it on" if is_gone else ""
    raise CannotBeDone(f"Execution Not Redrivable: '{reason}'{hint}")


def _begun(change: bool | Exception) -> None:
    if change is not True:  # somebody else was faster
        raise ExecutionNotRedrivable("Execution Not Redrivable: 'Execution is RUNNING and cannot be redriven'")
