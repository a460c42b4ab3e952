"""How commands carry an execution to its end: what a person sees of it meanwhile, Ctrl-C, and how it is told.

Rule 1: stdout is for the output alone. What functions print goes to stderr.
Rule 2: without a terminal on stderr nothing is said but the one line of a failure.
"""

import sys
from collections.abc import Iterable
from contextlib import nullcontext, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stepwell.adapters.command.main import Interrupted
from stepwell.adapters.command.output import (
    console,
    is_terminal,
    one_line,
    say,
    spelled,
    write_json,
    write_json_text,
)
from stepwell.adapters.command.problems import show_problems
from stepwell.adapters.command.wording import duration, failure
from stepwell.adapters.hosts.local import LocalHost
from stepwell.adapters.runs import run_to_the_end
from stepwell.definitions import timestamps
from stepwell.definitions.json_text import loads
from stepwell.definitions.model import StateMachine
from stepwell.definitions.problems import InvalidDefinition
from stepwell.engine.execution import Execution
from stepwell.engine.lifecycles import ExecutionStatus
from stepwell.engine.ports import StoreFailed

if TYPE_CHECKING:
    from stepwell.adapters.command.progress import Progress

LONGEST_REASON = 600


def refuse(fault: InvalidDefinition, file: str) -> int:
    """Shows the problems of a definition; returns the exit code."""
    path = fault.source or (file if Path(file).exists() else file.rpartition("#")[0])
    show_problems(fault.problems, path, sys.stderr)
    return 2


# --- what is seen of it -----------------------------------------------------------------------------------------------


def progress_of(machine: StateMachine) -> "Progress | None":
    """The live progress, where there is a terminal to draw it on."""
    if not is_terminal(sys.stderr):
        return None
    from stepwell.adapters.command.progress import Progress as OnTerminal

    return OnTerminal(machine)


def introduce(machine_name: str, name: str, *notes: str) -> None:
    """What is about to be seen."""
    terminal = console(stderr=True)
    for line in (f"{machine_name} · {name}", *notes):
        terminal.print(spelled(one_line(line), terminal.encoding), style="dim", soft_wrap=True)


# --- to its end -------------------------------------------------------------------------------------------------------


def carry(host: LocalHost, execution: Execution, progress: "Progress | None", *, as_json: bool) -> int:
    """Carries a host's executions to their end, tells how this one ended, and returns the exit code.

    Raises Interrupted after Ctrl-C, and where the store fails; the line that tells of it has been said.
    """
    arn, name = execution.arn, execution.name
    try:
        with redirect_stdout(sys.stderr), progress or nullcontext():
            run_to_the_end(host)
    except KeyboardInterrupt:
        ended = host.store.describe(arn)
        is_aborted = ended.status is ExecutionStatus.ABORTED
        if is_aborted or not ended.status.is_terminal:  # else it had ended by itself just before
            say(f"{name}: {'aborted by Ctrl-C' if is_aborted else _left(host, name)}")
            if as_json and is_aborted:
                write_json(described(ended))
            raise Interrupted("") from None
    except StoreFailed as fault:
        say(f"{name}: given up: {fault}")
        raise Interrupted("") from None
    ended = host.store.describe(arn)
    if not ended.status.is_terminal:
        say(f"{name}: another process carries it on; `stepwell history {name} --follow` shows what it does")
        return 1
    _report(ended, as_json=as_json, is_kept=host.store.is_shared)
    return 0 if ended.status is ExecutionStatus.SUCCEEDED else 1


def _left(host: LocalHost, name: str) -> str:
    hint = f"; `stepwell resume {name}` carries it on" if host.store.is_shared else ""
    return f"left where it stood by Ctrl-C{hint}"


def _report(execution: Execution, *, as_json: bool, is_kept: bool) -> None:
    succeeded = execution.status is ExecutionStatus.SUCCEEDED
    why = "" if succeeded else one_line(failure(execution.error, execution.cause), LONGEST_REASON)
    if is_terminal(sys.stderr):
        _sum_up(execution, why, _advice(execution) if is_kept else ())
    elif not succeeded:
        say(f"{execution.name}: {execution.status.value}: {why}")
    if as_json:
        write_json(described(execution))
    elif execution.output is not None:
        write_json_text(execution.output)


def _advice(execution: Execution) -> Iterable[str]:
    yield "see `stepwell history`"
    if execution.status is not ExecutionStatus.SUCCEEDED:
        yield "`stepwell redrive` goes on where it stopped"


def _sum_up(execution: Execution, why: str, advice: Iterable[str]) -> None:
    from rich.text import Text

    took = (execution.stopped_at or execution.started_at) - execution.started_at
    shown = Text(execution.status.value, "bold red" if why else "bold green")
    terminal = console(stderr=True)
    about = " · ".join((f" in {duration(took)}", f"{execution.next_event_id - 1:,} events", *advice))
    shown.append(spelled(about, terminal.encoding), "not bold dim default")
    if why:
        shown.append(spelled(f"\n{why}", terminal.encoding), "not bold red")
    terminal.print(shown, overflow="fold")


def described(execution: Execution) -> dict[str, Any]:
    """The execution as `--json` shows it."""
    return {
        "executionArn": execution.arn,
        "status": execution.status.value,
        "output": None if execution.output is None else loads(execution.output),
        "error": execution.error,
        "cause": execution.cause,
        "startDate": timestamps.render(execution.started_at),
        "stopDate": None if execution.stopped_at is None else timestamps.render(execution.stopped_at),
    }
