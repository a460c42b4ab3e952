"""`stepwell show`: one execution, where it stands or how it ended, and what to do about it."""

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import click

from stepwell.adapters.clocks import SystemClock
from stepwell.adapters.command import options
from stepwell.adapters.command.executions import LAST, find, reading
from stepwell.adapters.command.output import console, is_terminal, printable, spelled, write, write_json
from stepwell.adapters.command.standing import Standing, advice_on, standing_of
from stepwell.adapters.command.wording import colour_of, delay, duration, failure, local_time, reason
from stepwell.adapters.stores.sqlite import SqliteReader
from stepwell.definitions import timestamps
from stepwell.definitions.json_text import InvalidJson, loads
from stepwell.engine.execution import Execution
from stepwell.engine.operations.descriptions import described_execution
from stepwell.engine.redrive import redrive_status

Line = list[tuple[str, str]]
"""Texts with their styles."""

SHORT = 80
"""Characters of JSON that need not be laid out."""

SHOWN_LINES = 40
SHOWN_STATES = 20


@click.command("show", short_help="Show one execution: where it stands, or how it ended.")
@click.argument("execution", default=LAST)
@options.data
@click.option("--json", "as_json", is_flag=True, help="The execution as DescribeExecution gives it.")
def command(execution: str, data: Path | None, as_json: bool) -> int:
    """Show one execution: where it stands and what it waits for, or how it ended, and what to do next.

    EXECUTION is its name, the first four or more characters of it, its ARN, or @last: the one that started last, which
    is also what you get without it.

    \b
    Examples:
      stepwell show
      stepwell show order-7
      stepwell show order-7 --json | jq -r .cause
    """
    with reading(data) as executions:
        found = find(executions, execution)
        if as_json:
            write_json(_described(found))
        else:
            _write(_page(executions, found, is_laid_out=is_terminal(sys.stdout)))
    return 0


def _described(execution: Execution) -> dict[str, Any]:
    """As DescribeExecution gives it, with dates that people can read."""
    row = described_execution(execution, _now(execution))
    return {name: timestamps.render(value) if name.endswith("Date") else value for name, value in row.items()}


def _now(execution: Execution) -> int:
    return SystemClock(execution.stopped_at or execution.started_at).now()


# --- the page ---------------------------------------------------------------------------------------------------------


def _page(executions: SqliteReader, execution: Execution, *, is_laid_out: bool) -> Iterator[Line]:
    is_gone = executions.is_abandoned(execution.arn)
    now = _now(execution)
    status = "GONE" if is_gone else execution.status.value
    yield [(execution.state_machine_name, "bold"), (" · ", "dim"), (execution.name, "bold")]
    yield [(status, f"bold {colour_of(status)}"), (_times(execution, now, is_gone=is_gone), "dim")]
    yield []
    yield from _member("arn", execution.arn)
    if execution.redriven_at is not None:
        yield from _member("redriven", f"×{execution.redrive_count}, last {local_time(execution.redriven_at)}")
    yield from _payload("input", execution.input, is_laid_out=is_laid_out)
    if execution.output is not None:
        yield from _payload("output", execution.output, is_laid_out=is_laid_out)
    yield from _failure(execution, is_laid_out=is_laid_out)
    standing = standing_of(executions, execution, is_gone=is_gone)
    if standing:
        yield []
        yield [("stopped in" if execution.status.is_terminal else "stands in", "dim")]
        yield from _standing(standing, now, is_over=execution.status.is_terminal)
    yield []
    yield [("next", "dim")]
    is_a_run = executions.settings(execution.arn) is not None
    advice = list(advice_on(execution, standing, now, is_gone=is_gone, is_a_run=is_a_run))
    width = max(len(command_line) for command_line, _ in advice)
    for command_line, what in advice:
        yield [(f"  {command_line.ljust(width)}", ""), (f"   {what}", "dim")]


def _times(execution: Execution, now: int, *, is_gone: bool) -> str:
    took = duration(max(0, now - execution.started_at))
    if execution.stopped_at is not None:
        took = duration(execution.stopped_at - execution.started_at)
        return f" after {took} · {local_time(execution.started_at)} to {local_time(execution.stopped_at)}"
    if is_gone:
        return f": its process is gone · started {local_time(execution.started_at)}, {took} ago"
    return f" for {took} · started {local_time(execution.started_at)}"


def _member(name: str, text: str, style: str = "") -> Iterator[Line]:
    yield [(f"  {name.ljust(9)}", "dim"), (printable(" ".join(text.splitlines())), style)]


def _payload(name: str, text: str, *, is_laid_out: bool) -> Iterator[Line]:
    """JSON, or another text, as it is; where somebody looks at it, one that is long on lines of its own."""
    if not is_laid_out or len(text) <= SHORT:
        yield from _member(name, text)
        return
    lines = _laid_out(text).splitlines()
    yield from _member(name, lines[0])
    for line in lines[1:SHOWN_LINES]:
        yield [(f"  {' ' * 9}{printable(line)}", "")]
    if len(lines) > SHOWN_LINES:
        yield [(f"  {' ' * 9}… {len(lines) - SHOWN_LINES:,} lines more: --json has them", "dim")]


def _laid_out(text: str) -> str:
    try:
        return json.dumps(loads(text), indent=2, ensure_ascii=False)
    except InvalidJson:
        return text


def _failure(execution: Execution, *, is_laid_out: bool) -> Iterator[Line]:
    if execution.error is None and execution.cause is None:
        return
    yield from _member("error", failure(execution.error, execution.cause), "red")
    if execution.cause is not None and reason(execution.cause) != execution.cause:
        yield from _payload("cause", execution.cause, is_laid_out=is_laid_out)
    _, why_not = redrive_status(execution, _now(execution))
    if why_not is not None:
        yield from _member("redrive", why_not)


def _standing(standing: list[Standing], now: int, *, is_over: bool) -> Iterator[Line]:
    width = max(len(_place(each)) for each in standing[:SHOWN_STATES])
    for each in standing[:SHOWN_STATES]:
        line = [(f"  {_place(each).ljust(width)}", "bold")]
        if not is_over:
            line.append((f"   {' · '.join(_why(each, now))}", ""))
        yield line
        if each.token is not None and not is_over:
            yield [(f"      token {each.token}", "dim")]
    if len(standing) > SHOWN_STATES:
        yield [(f"  … and {len(standing) - SHOWN_STATES:,} more", "dim")]


def _place(standing: Standing) -> str:
    return f"#{standing.path} {standing.state}" if standing.path else standing.state


def _why(standing: Standing, now: int) -> Iterator[str]:
    if standing.due is not None:
        yield f"{standing.why} until {local_time(standing.due)}, {delay(standing.due - now)} from now"
    elif standing.why:
        yield standing.why
    if standing.resource:
        yield standing.resource
    yield f"for {duration(max(0, now - standing.entered_at))}"


def _write(lines: Iterable[Line]) -> None:
    if not is_terminal(sys.stdout):
        write(sys.stdout, "".join("".join(text for text, _ in line).rstrip() + "\n" for line in lines))
        return
    from rich.text import Text

    terminal = console(stderr=False)
    for line in lines:
        terminal.print(
            Text.assemble(*((spelled(text, terminal.encoding), style) for text, style in line)), soft_wrap=True
        )
