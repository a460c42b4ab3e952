"""`stepwell history`: the events of one execution, as they are or as they come."""

import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import click

from stepwell.adapters.command import options
from stepwell.adapters.command.executions import LAST, find, reading
from stepwell.adapters.command.output import compact, console, is_terminal, one_line, say, table, write, write_json
from stepwell.adapters.command.wording import colour_of, duration, failure
from stepwell.adapters.stores.sqlite import SqliteReader
from stepwell.adapters.whereabouts import Whereabouts
from stepwell.definitions import timestamps
from stepwell.engine.execution import Execution
from stepwell.engine.history import HistoryEvent, as_api

LONGEST_DETAIL = 400
"""Characters. The whole of it is in the JSON."""

TITLES = ("id", "seconds", "in", "event", "")
WIDTHS_OF_WHAT_COMES = (5, 9, 5, 28)
SECONDS_BETWEEN_LOOKS = 0.1


@click.command("history", short_help="Show what happened in an execution, event by event.")
@click.argument("execution", default=LAST)
@options.data
@click.option("--follow", "-f", "is_followed", is_flag=True, help="Go on with new events as they come, until its end.")
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="The events as GetExecutionHistory gives them; with --follow each on a line of its own.",
)
def command(execution: str, data: Path | None, is_followed: bool, as_json: bool) -> int:
    """Show what happened in an execution, event by event.

    EXECUTION is its name, the first four or more characters of it, its ARN, or @last: the one that started last, which
    is also what you get without it. The column `in` tells in which branch of a Parallel, or iteration of a Map, an
    event happened: 0/17 is iteration 17 within branch 0.

    \b
    Examples:
      stepwell history
      stepwell history 3f2a
      stepwell history order-7 --follow
      stepwell history @last --json | jq '.events[] | select(.type == "TaskFailed")'
    """
    with reading(data) as executions:
        found = find(executions, execution)
        if is_followed:
            return _follow(executions, found, as_json=as_json)
        events = executions.history(found.arn)
        is_gone = executions.is_abandoned(found.arn)
    if as_json:
        write_json({"events": [_dated(event) for event in events]})
    elif is_terminal(sys.stdout):
        _introduce(found, events, is_gone=is_gone)
        rows = list(_rows(events))
        is_nested = any(row[2] for row in rows)
        widths = [max(len(row[column]) for row in (TITLES, *rows)) for column in range(4)]
        _draw([TITLES, *rows], widths, is_nested=is_nested)
    else:
        write(sys.stdout, table(_rows(events), TITLES))
    return 0


def _dated(event: HistoryEvent) -> dict[str, Any]:
    return {**as_api(event), "timestamp": timestamps.render(event.at)}


def _rows(events: Iterable[HistoryEvent]) -> Iterator[tuple[str, ...]]:
    whereabouts = Whereabouts()
    began_at = None
    for event in events:
        began_at = event.at if began_at is None else began_at
        seconds = (event.at - began_at) / 1000
        yield str(event.id), f"{seconds:.3f}", whereabouts.path_of(event)[1:], event.type, detail(event)


def detail(event: HistoryEvent) -> str:
    """The state and what matters most of an event."""
    details = event.details or {}
    parts = [str(details["name"])] if "name" in details else []
    if "index" in details:
        parts.append(f"#{details['index']}")
    if "length" in details:
        parts.append(f"{details['length']} items")
    if "redriveCount" in details:
        parts.append(f"for the {_ordinal(details['redriveCount'])} time")
    if "error" in details or "cause" in details:
        parts.append(failure(details.get("error"), details.get("cause")))
    if "resource" in details:
        parts.append(":".join(str(details[part]) for part in ("resourceType", "resource") if part in details))
    for member in ("input", "parameters", "output"):
        if member in details:
            parts.append(f"{member} {details[member]}")
    if "assignedVariables" in details:
        parts += [f"${name} = {value}" for name, value in details["assignedVariables"].items()]
    return one_line(" · ".join(parts), LONGEST_DETAIL)


def _ordinal(number: int) -> str:
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


# --- as they come -----------------------------------------------------------------------------------------------------


def _follow(executions: SqliteReader, execution: Execution, *, as_json: bool) -> int:
    """Writes the events as they come; 1 where the execution's process is gone, for then no more do."""
    events = _events_as_they_come(executions, execution.arn)
    if is_terminal(sys.stdout) and not as_json:
        _introduce(execution, [], is_gone=False)
        for row in _rows(events):
            _draw([row], WIDTHS_OF_WHAT_COMES, is_nested=True)
    else:
        for line in (compact(_dated(event)) for event in events) if as_json else map(_line, _rows(events)):
            if not write(sys.stdout, f"{line}\n"):
                return 1  # nobody reads them any more
    if not executions.describe(execution.arn).status.is_terminal:
        say(f"{execution.name}: its process is gone; `stepwell resume {execution.name}` carries it on")
        return 1
    return 0


def _line(row: tuple[str, ...]) -> str:
    cells = [cell.ljust(width) for cell, width in zip(row, WIDTHS_OF_WHAT_COMES, strict=False)]
    return "  ".join([*cells, row[-1]]).rstrip()


def _events_as_they_come(executions: SqliteReader, arn: str) -> Iterator[HistoryEvent]:
    seen = 0
    while True:
        is_over = executions.describe(arn).status.is_terminal or executions.is_abandoned(arn)  # before its last events
        if executions.describe(arn).next_event_id - 1 > seen:
            events = executions.history(arn, seen)
            yield from events
            seen += len(events)
        if is_over:
            return
        time.sleep(SECONDS_BETWEEN_LOOKS)


# --- on a terminal ----------------------------------------------------------------------------------------------------


def _introduce(execution: Execution, events: list[HistoryEvent], *, is_gone: bool) -> None:
    from rich.text import Text

    terminal = console(stderr=False)
    terminal.print(Text(execution.arn, "bold"), soft_wrap=True)
    status = execution.status.value + (" (its process is gone)" if is_gone else "")
    latest_at = execution.stopped_at or (events[-1].at if events else None)
    took = "" if latest_at is None else f" · {duration(latest_at - execution.started_at)}"
    terminal.print(Text.assemble((status, colour_of(status)), took), soft_wrap=True)


def _draw(rows: Iterable[tuple[str, ...]], widths: "list[int] | tuple[int, ...]", *, is_nested: bool) -> None:
    from rich.text import Text

    terminal = console(stderr=False)
    for row in rows:
        identity, seconds, path, kind, about = row
        name, _, rest = about.partition(" · ")
        place = f"{path.ljust(widths[2])}  " if is_nested else ""
        shown = Text(f"{identity.rjust(widths[0])}  {seconds.rjust(widths[1])}  {place}", "dim")
        shown.append(kind.ljust(widths[3]), "dim" if row is TITLES else colour_of(kind))
        shown.append(f"  {name}", "bold" if "State" in kind else "not dim")
        shown.append(f"  {rest}", "not dim")
        terminal.print(shown, no_wrap=True, overflow="ellipsis", crop=True)
