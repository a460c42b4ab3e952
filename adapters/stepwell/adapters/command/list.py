"""`stepwell list`: the executions that `stepwell run` has kept."""

import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from stepwell.adapters.command.history import colour_of
from stepwell.adapters.command.output import CannotBeDone, console, is_terminal, say, table, write, write_json
from stepwell.adapters.command.wording import duration
from stepwell.adapters.configuration import InvalidConfiguration, read_configuration
from stepwell.adapters.stores.files import StoredExecution, StoreFailed, stored_executions
from stepwell.definitions import timestamps
from stepwell.engine.lifecycles import ExecutionStatus

TITLES = ("started", "took", "status", "machine", "name")


@click.command("list", short_help="List the executions that were run, the newest first.")
@click.option("--data", type=click.Path(path_type=Path), metavar="DIR", help="Where executions are kept [.stepwell].")
@click.option("--json", "as_json", is_flag=True, help="The executions as ListExecutions gives them.")
def command(data: Path | None, as_json: bool) -> int:
    """List the executions that were run, the newest first.

    \b
    Examples:
      stepwell list
      stepwell list --json | jq -r '.executions[] | select(.status == "FAILED") | .name'

    An execution that still runs shows how long it has been running; one whose process was killed is GONE: it has not
    ended, and never will.
    """
    directory = data
    try:
        directory = data or read_configuration().data
        executions, notes = stored_executions(directory)
    except (InvalidConfiguration, StoreFailed) as fault:
        raise CannotBeDone(str(fault)) from None
    for note in notes:
        say(note)
    if as_json:
        write_json({"executions": [_row(each) for each in executions]})
    elif is_terminal(sys.stdout):
        _draw(executions, directory)
    else:
        write(sys.stdout, table(map(_cells, executions), TITLES))
    return 0


def _row(execution: StoredExecution) -> dict[str, Any]:
    row: dict[str, Any] = {
        "executionArn": execution.arn,
        "stateMachineArn": execution.state_machine_arn,
        "name": execution.name,
        "status": execution.status.value,
        "startDate": timestamps.render(execution.started_at),
    }
    if execution.status.is_terminal:
        row["stopDate"] = timestamps.render(execution.latest_at)
    return row


def _cells(execution: StoredExecution) -> tuple[str, ...]:
    until = execution.latest_at
    if execution.status is ExecutionStatus.RUNNING and not execution.is_abandoned:
        until = round(datetime.now().timestamp() * 1000)
    return (
        datetime.fromtimestamp(execution.started_at / 1000).strftime("%Y-%m-%d %H:%M:%S"),
        duration(max(0, until - execution.started_at)),
        "GONE" if execution.is_abandoned else execution.status.value,
        execution.state_machine_name,
        execution.name,
    )


def _draw(executions: list[StoredExecution], directory: Path) -> None:
    from rich.text import Text

    terminal = console(stderr=False)
    if not executions:
        terminal.print(
            f"{directory} holds no executions yet; `stepwell run FILE` makes one", style="dim", soft_wrap=True
        )
        return
    rows = [TITLES, *map(_cells, executions)]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        started, _, status, machine, name = cells
        style = "dim" if row is TITLES else ""
        shown = Text.assemble(
            (f"{started}  {row[1].rjust(widths[1])}  ", "dim"),
            (status, style or ("yellow" if row[2] == "GONE" else colour_of(row[2]))),
            (f"  {machine}  ", style or "bold"),
            (name.rstrip(), style),
        )
        terminal.print(shown, no_wrap=True, overflow="ellipsis", crop=True)
