"""`stepwell list`: the executions that were kept."""

import sys
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

import click

from stepwell.adapters.command import options
from stepwell.adapters.command.executions import database, newest_first, nothing_kept, reading
from stepwell.adapters.command.output import CannotBeDone, console, is_terminal, table, write, write_json
from stepwell.adapters.command.wording import colour_of, duration, local_time
from stepwell.adapters.stores.sqlite import SqliteReader
from stepwell.adapters.tasks.functions import as_text
from stepwell.definitions import timestamps
from stepwell.engine.execution import Execution
from stepwell.engine.lifecycles import ExecutionStatus

TITLES = ("started", "took", "status", "machine", "name")
GONE = "GONE"
SHOWN = 50

Listed = tuple[Execution, bool]
"""An execution, and whether its process is gone."""


@click.command("list", short_help="List the executions that were kept, the newest first.")
@options.data
@click.option(
    "--status",
    type=click.Choice([*ExecutionStatus, GONE], case_sensitive=False),
    metavar="STATUS",
    help="Only those that stand so: RUNNING, SUCCEEDED, FAILED, TIMED_OUT, ABORTED; or GONE: RUNNING, but their "
    "process is gone.",
)
@click.option("--machine", metavar="NAME", help="Only those of a state machine: its name or ARN.")
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    metavar="N",
    help=f"Not more than the newest N; 0: all. Without it: {SHOWN} on a terminal, elsewhere all.",
)
@click.option("--json", "as_json", is_flag=True, help="The executions as ListExecutions gives them.")
def command(data: Path | None, status: str | None, machine: str | None, limit: int | None, as_json: bool) -> int:
    """List the executions that were kept, the newest first.

    \b
    Examples:
      stepwell list
      stepwell list --status FAILED --machine order --limit 10
      stepwell list --json | jq -r '.executions[] | select(.status == "FAILED") | .name'

    An execution that still runs shows how long it has been running. One whose process is gone is GONE (RUNNING in JSON,
    as for AWS): a run goes on with `stepwell resume`, one of an engine or a server when that is started again.
    """
    on_terminal = is_terminal(sys.stdout) and not as_json
    most = (SHOWN if on_terminal else 0) if limit is None else limit
    path = database(data)
    found: list[Listed] = []
    if path.exists():
        with reading(data) as executions:
            found = list(islice(_wanted(executions, status, machine), most + 1 if most else None))
    rows = found[:most] if most else found
    if as_json:
        write_json({"executions": [_row(execution) for execution, _ in rows]})
    elif not on_terminal:
        write(sys.stdout, table((_cells(*each) for each in rows), TITLES))
    elif not rows and status is machine is None:
        _say(nothing_kept(path.parent).message)
    else:
        _draw(rows, has_more=len(found) > len(rows))
    return 0


def _wanted(executions: SqliteReader, status: str | None, machine: str | None) -> Iterator[Listed]:
    stands = None if status is None else ExecutionStatus.RUNNING if status == GONE else ExecutionStatus(status)
    arn = None if machine is None else _machine_arn(executions, as_text(machine))
    for each in newest_first(executions, status=stands, state_machine_arn=arn):
        is_gone = each.status is ExecutionStatus.RUNNING and executions.is_abandoned(each.arn)
        if is_gone or status != GONE:
            yield each, is_gone


def _machine_arn(executions: SqliteReader, machine: str) -> str:
    if machine.startswith("arn:"):
        return machine
    found = executions.machines_named(machine)
    if len(found) > 1:
        raise CannotBeDone(f"{machine!r} is not one state machine; name it by its ARN: {', '.join(found)}")
    return found[0] if found else machine


def _row(execution: Execution) -> dict[str, Any]:
    row: dict[str, Any] = {
        "executionArn": execution.arn,
        "stateMachineArn": execution.state_machine_arn,
        "name": execution.name,
        "status": execution.status.value,
        "startDate": timestamps.render(execution.started_at),
    }
    if execution.stopped_at is not None:
        row["stopDate"] = timestamps.render(execution.stopped_at)
    return row


def _cells(execution: Execution, is_gone: bool) -> tuple[str, ...]:
    until = execution.stopped_at or round(datetime.now().timestamp() * 1000)
    return (
        local_time(execution.started_at),
        "-" if is_gone else duration(max(0, until - execution.started_at)),
        GONE if is_gone else execution.status.value,
        execution.state_machine_name,
        execution.name,
    )


def _draw(found: Iterable[Listed], *, has_more: bool) -> None:
    from rich.text import Text

    terminal = console(stderr=False)
    rows = [TITLES, *(_cells(*each) for each in found)]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        started, _, status, machine, name = cells
        style = "dim" if row is TITLES else ""
        shown = Text.assemble(
            (f"{started}  {row[1].rjust(widths[1])}  ", "dim"),
            (status, style or colour_of(row[2])),
            (f"  {machine}  ", style or "bold"),
            (name.rstrip(), style),
        )
        terminal.print(shown, no_wrap=True, overflow="ellipsis", crop=True)
    if has_more:
        _say(f"and more: --limit 0 lists all, --limit N the newest N; this is {len(rows) - 1}")
    if any(row[2] == GONE for row in rows):
        _say("GONE: its process is gone; `stepwell resume NAME` carries a run on")


def _say(text: str) -> None:
    console(stderr=False).print(text, style="dim", soft_wrap=True)
