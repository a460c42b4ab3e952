"""`stepwell history`: the events of one execution, which `stepwell run` has kept."""

import sys
from pathlib import Path
from typing import Any

import click

from stepwell.adapters.command.output import (
    CannotBeDone,
    console,
    is_terminal,
    one_line,
    say,
    table,
    write,
    write_json,
)
from stepwell.adapters.command.whereabouts import Whereabouts
from stepwell.adapters.command.wording import duration, failure
from stepwell.adapters.configuration import InvalidConfiguration, read_configuration
from stepwell.adapters.stores.files import LAST, StoredExecution, StoreFailed, UnknownExecution, find_execution
from stepwell.definitions import timestamps
from stepwell.engine.history import HistoryEvent, as_api

LONGEST_DETAIL = 400
"""Characters. The whole of it is in the JSON."""

TITLES = ("id", "seconds", "in", "event", "")


@click.command("history", short_help="Show what happened in an execution, event by event.")
@click.argument("execution", default=LAST)
@click.option("--data", type=click.Path(path_type=Path), metavar="DIR", help="Where executions are kept [.stepwell].")
@click.option("--json", "as_json", is_flag=True, help="The events as GetExecutionHistory gives them.")
def command(execution: str, data: Path | None, as_json: bool) -> int:
    """Show what happened in an execution, event by event.

    EXECUTION is its name, the first four or more characters of it, its ARN, or @last: the one that started last, which
    is also what you get without it. The column `in` tells in which branch of a Parallel, or iteration of a Map, an
    event happened: 0/17 is iteration 17 within branch 0.

    \b
    Examples:
      stepwell history
      stepwell history 3f2a
      stepwell history @last --json | jq '.events[] | select(.type == "TaskFailed")'
    """
    try:
        found = find_execution(data or read_configuration().data, execution)
        events, note = found.events()
    except (InvalidConfiguration, UnknownExecution, StoreFailed) as fault:
        raise CannotBeDone(str(fault)) from None
    if note:
        say(note)
    if as_json:
        write_json({"events": [_dated(event) for event in events]})
    elif is_terminal(sys.stdout):
        _draw(found, events)
    else:
        write(sys.stdout, table(_rows(events), TITLES))
    return 0


def _dated(event: HistoryEvent) -> dict[str, Any]:
    return {**as_api(event), "timestamp": timestamps.render(event.at)}


def _rows(events: list[HistoryEvent]) -> list[tuple[str, ...]]:
    whereabouts = Whereabouts()
    rows: list[tuple[str, ...]] = []
    for event in events:
        seconds = (event.at - events[0].at) / 1000
        rows.append((str(event.id), f"{seconds:.3f}", whereabouts.path_of(event)[1:], event.type, detail(event)))
    return rows


def detail(event: HistoryEvent) -> str:
    """The state and what matters most of an event."""
    details = event.details or {}
    parts = [str(details["name"])] if "name" in details else []
    if "index" in details:
        parts.append(f"#{details['index']}")
    if "length" in details:
        parts.append(f"{details['length']} items")
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


def _draw(found: StoredExecution, events: list[HistoryEvent]) -> None:
    from rich.text import Text

    terminal = console(stderr=False)
    status = found.status.value + (" (its process is gone)" if found.is_abandoned else "")
    colour = colour_of(found.status.value)
    terminal.print(Text(found.arn, "bold"), soft_wrap=True)
    terminal.print(
        Text.assemble((status, colour), f" · {duration(found.latest_at - found.started_at)}"), soft_wrap=True
    )
    rows = _rows(events)
    widths = [max(len(row[column]) for row in (TITLES, *rows)) for column in range(4)]
    is_nested = any(row[2] for row in rows)
    for number, (identity, seconds, path, kind, about) in enumerate([TITLES, *rows]):
        name, _, rest = about.partition(" · ")
        place = f"{path.ljust(widths[2])}  " if is_nested else ""
        shown = Text(f"{identity.rjust(widths[0])}  {seconds.rjust(widths[1])}  {place}", "dim")
        shown.append(kind.ljust(widths[3]), "dim" if number == 0 else colour_of(kind))
        shown.append(f"  {name}", "bold" if "State" in kind else "not dim")
        shown.append(f"  {rest}", "not dim")
        terminal.print(shown, no_wrap=True, overflow="ellipsis", crop=True)


def colour_of(word: str) -> str:
    """The colour of a status, or of a type of event by its ending."""
    ending = word.upper().replace("_", "")
    if ending.endswith(("FAILED", "TIMEDOUT")):
        return "red"
    if ending.endswith("ABORTED"):
        return "yellow"
    return "green" if ending.endswith("SUCCEEDED") else ""
