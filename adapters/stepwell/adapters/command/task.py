"""`stepwell task`: the tasks that wait for somebody's answer, and their answers.

An answer is a letter to the process that carries the execution on. Where that is gone, the letter waits for the next.
"""

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import click

from stepwell.adapters.clocks import SystemClock
from stepwell.adapters.command import options
from stepwell.adapters.command.executions import (
    UnknownExecution,
    database,
    find,
    nothing_kept,
    reading,
    told,
    writing,
)
from stepwell.adapters.command.given import hint_of_a_file, read_text, value_of
from stepwell.adapters.command.output import CannotBeDone, console, is_terminal, one_line, say, table, write, write_json
from stepwell.adapters.command.standing import is_for_others
from stepwell.adapters.command.wording import duration, local_time
from stepwell.adapters.stores.sqlite import SqliteReader, SqliteStore
from stepwell.adapters.tasks.functions import as_failure
from stepwell.definitions import timestamps
from stepwell.engine import tokens
from stepwell.engine.arns import name_in
from stepwell.engine.errors import ExecutionDoesNotExist, InvalidToken, TaskTimedOut
from stepwell.engine.events import Event, TaskFailed, TaskHeartbeat, TaskSucceeded
from stepwell.engine.execution import Execution
from stepwell.engine.operations.executions import checked_output
from stepwell.engine.ports import OpenTask

SHORTEST_ABBREVIATION = 8
TITLES = ("since", "execution", "state", "resource", "token", "input")
LONGEST_INPUT = 200

TASK = "TOKEN|EXECUTION"


@click.group("task", short_help="List the tasks that wait for an answer, and answer them.", no_args_is_help=True)
def command() -> None:
    """List the tasks that wait for an answer, and answer them: callbacks (.waitForTaskToken) and activities.

    A task is named by its TOKEN, by eight or more characters of the beginning or of the end of it, or by its EXECUTION
    where only one task of that waits for an answer.

    \b
    Examples:
      stepwell task list
      stepwell task succeed order-7 --output '{"approved": true}'
      stepwell task fail order-7 --error Refused --cause "too expensive"
    """


@command.command("list", short_help="List the tasks that wait for an answer, the oldest first.")
@click.argument("execution", required=False)
@options.data
@click.option("--all", "are_all", is_flag=True, help="Also those that a function is performing.")
@click.option("--json", "as_json", is_flag=True, help="The tasks as one JSON object.")
def list_tasks(execution: str | None, data: Path | None, are_all: bool, as_json: bool) -> int:
    """List the tasks that wait for an answer, the oldest first; without EXECUTION those of all executions.

    \b
    Examples:
      stepwell task list
      stepwell task list order-7 --json | jq -r '.tasks[0].taskToken'
    """
    found: list[OpenTask] = []
    path = database(data)
    if execution is not None or path.exists():
        with reading(data) as executions:
            arn = None if execution is None else find(executions, execution).arn
            found = [each for each in executions.open_tasks(arn) if are_all or is_for_others(each)]
    if as_json:
        write_json({"tasks": [_row(each) for each in found]})
    elif is_terminal(sys.stdout):
        _draw(found, "no task waits for an answer" if path.exists() else nothing_kept(path.parent).message)
    else:
        write(sys.stdout, table(map(_cells, found), TITLES))
    return 0


@command.command("succeed", short_help="Answer a task with its output.")
@click.argument("task", metavar=TASK)
@options.data
@click.option(
    "--output",
    "given_output",
    default="{}",
    metavar="JSON|@FILE|-",
    help="The output: JSON text, @FILE to read it from a file, - to read it from stdin. Without it: {}.",
)
def succeed(task: str, data: Path | None, given_output: str) -> int:
    """Answer a task with its output.

    \b
    Examples:
      stepwell task succeed order-7
      stepwell task succeed order-7 --output '{"approved": true}'
      stepwell task succeed "$TOKEN" --output @answer.json
    """
    output, where = read_text(given_output, "--output", "the output", from_stdin=True)
    value_of(output, where, "the output", hint=hint_of_a_file(given_output) if where == "--output" else "")
    with told():
        event = partial(TaskSucceeded, output=checked_output(output))
    return _answer(task, data, "has succeeded", event)


@command.command("fail", short_help="Answer a task with its failure.")
@click.argument("task", metavar=TASK)
@options.data
@click.option("--error", metavar="NAME", help="The error's name, which Retry and Catch compare.")
@click.option("--cause", metavar="TEXT", help="Why it failed.")
def fail(task: str, data: Path | None, error: str | None, cause: str | None) -> int:
    """Answer a task with its failure.

    \b
    Examples:
      stepwell task fail order-7 --error Refused --cause "too expensive"
    """
    return _answer(task, data, "has failed", partial(TaskFailed, failure=as_failure(error, cause)))


@command.command("heartbeat", short_help="Tell that a task is being worked on.")
@click.argument("task", metavar=TASK)
@options.data
def heartbeat(task: str, data: Path | None) -> int:
    """Tell that a task is being worked on: the time of its heartbeat begins anew.

    \b
    Examples:
      stepwell task heartbeat order-7
    """
    return _answer(task, data, "is being worked on", TaskHeartbeat)


# --- answers ----------------------------------------------------------------------------------------------------------


def _answer(wanted: str, data: Path | None, said: str, event: Callable[..., Event]) -> int:
    with writing(data) as store:
        task = _find(store, wanted).task
        answer(store, task.token, event)
        execution = store.describe(task.execution_arn)
        is_gone = store.is_abandoned(execution.arn)
    write(sys.stdout, f"{execution.name}: {task.state} {said}\n")
    if is_gone:
        say(f"{execution.name}: its process is gone: `stepwell resume {execution.name}` takes the answer in")
    return 0


def answer(store: SqliteStore, token: str, event: Callable[..., Event]) -> None:
    """Sends a task's answer to whoever carries its execution on, now or later; it is laid down when this returns."""
    arn, _ = tokens.address(token)
    store.post(arn, event(at=SystemClock().now(), entropy=os.urandom(16), token=token))


def _find(executions: SqliteReader, wanted: str) -> OpenTask:
    """The task that was meant. Raises CannotBeDone, and TaskTimedOut for a token that nobody waits with any more."""
    with suppress(InvalidToken, ExecutionDoesNotExist):
        if (found := executions.open_task(wanted)) is not None:
            return found
    if len(wanted) >= SHORTEST_ABBREVIATION:
        every = [task for task in executions.open_tasks() if _abbreviates(wanted, task.task.token)]
        if len(every) == 1:
            return every[0]
    with suppress(InvalidToken, ExecutionDoesNotExist):
        executions.describe(tokens.address(wanted)[0])
        raise TaskTimedOut
    try:
        execution = find(executions, wanted)
    except UnknownExecution:
        raise CannotBeDone(
            f"{InvalidToken()}; nor is {wanted!r} the one execution whose task is meant: `stepwell task list` shows "
            f"what waits"
        ) from None
    return _only_task(executions, execution)


def _abbreviates(text: str, token: str) -> bool:
    return token.startswith(text) or token.endswith(text)


def _only_task(executions: SqliteReader, execution: Execution) -> OpenTask:
    name = execution.name
    found = [task for task in executions.open_tasks(execution.arn) if is_for_others(task)]
    if len(found) == 1:
        return found[0]
    if found:
        states = ", ".join(dict.fromkeys(task.task.state for task in found))
        raise CannotBeDone(
            f"{name}: {len(found)} tasks of it wait for an answer ({states}): name one by its token; "
            f"`stepwell task list {name}` shows them"
        )
    ended = f"; it has ended, {execution.status}" if execution.status.is_terminal else ""
    raise CannotBeDone(f"{name}: no task of it waits for an answer{ended}")


# --- the list ---------------------------------------------------------------------------------------------------------


def _row(open_task: OpenTask) -> dict[str, Any]:
    task = open_task.task
    return {
        "taskToken": task.token,
        "executionArn": task.execution_arn,
        "stateName": task.state,
        "resource": task.resource.arn,
        "since": timestamps.render(open_task.asked_at),
        "input": task.input,
    }


def _cells(open_task: OpenTask) -> tuple[str, ...]:
    task = open_task.task
    return (
        local_time(open_task.asked_at),
        name_in(task.execution_arn),
        task.state,
        task.resource.arn,
        task.token,
        one_line(task.input, LONGEST_INPUT),
    )


def _draw(found: list[OpenTask], otherwise: str) -> None:
    from rich.text import Text

    terminal = console(stderr=False)
    if not found:
        terminal.print(otherwise, style="dim", soft_wrap=True)
    now = SystemClock().now()
    for open_task in found:
        task = open_task.task
        waited = f"for {duration(max(0, now - open_task.asked_at))}, since {local_time(open_task.asked_at)}"
        head = Text.assemble((name_in(task.execution_arn), "bold"), (" · ", "dim"), (task.state, "bold"))
        terminal.print(head.append(f" · {waited}", "not bold dim"), soft_wrap=True)
        for name, text in (("calls", task.resource.arn), ("input", one_line(task.input, LONGEST_INPUT))):
            terminal.print(Text.assemble((f"  {name}  ", "dim"), text), soft_wrap=True)
        terminal.print(Text.assemble(("  token  ", "dim"), task.token), soft_wrap=True)
