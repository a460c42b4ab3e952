"""`stepwell stop`: an execution is aborted, whoever carries it on."""

import sys
import time
from pathlib import Path

import click

from stepwell.adapters.clocks import SystemClock
from stepwell.adapters.command import options
from stepwell.adapters.command.executions import find, writing
from stepwell.adapters.command.output import say, write
from stepwell.adapters.command.standing import child_awaited_by
from stepwell.adapters.hosts.local import LocalHost
from stepwell.adapters.runs import compile_text
from stepwell.adapters.stores.sqlite import SqliteStore
from stepwell.adapters.tasks.functions import as_failure
from stepwell.definitions.failure import Failure
from stepwell.engine.effects import InvokeTask
from stepwell.engine.events import NO_REASON
from stepwell.engine.execution import Execution
from stepwell.engine.operations.executions import stop_execution
from stepwell.engine.ports import Exchange

SECONDS_TO_STOP = 5.0
SECONDS_BETWEEN_LOOKS = 0.02


@click.command("stop", short_help="Abort an execution, in whichever process it runs.")
@click.argument("execution")
@options.data
@click.option("--error", metavar="NAME", help="The error it ends with.")
@click.option("--cause", metavar="TEXT", help="Why it is stopped.")
def command(execution: str, data: Path | None, error: str | None, cause: str | None) -> int:
    """Abort an execution, in whichever process it runs, or where its process is gone.

    EXECUTION is its name, the first four or more characters of it, its ARN, or @last. What it waits for is cancelled,
    and its history says that it was aborted. `stepwell redrive` lets it go on.

    \b
    Examples:
      stepwell stop order-7
      stepwell stop order-7 --error Cancelled --cause "the customer has changed her mind"

    Exit code: 0 when it has ended, even before, 1 when its process has not stopped it within a few seconds.
    """
    with writing(data) as store:
        found = find(store, execution)
        if found.status.is_terminal:
            write(sys.stdout, f"{found.name}: has ended before: {found.status.value}\n")
            return 0
        stop(store, found, as_failure(error, cause))
        until = time.monotonic() + SECONDS_TO_STOP
        while not (now := store.describe(found.arn)).status.is_terminal and time.monotonic() < until:
            time.sleep(SECONDS_BETWEEN_LOOKS)
    if not now.status.is_terminal:
        say(f"{found.name}: its process was asked to stop it, and has not yet; `stepwell show {found.name}` tells")
        return 1
    write(sys.stdout, f"{found.name}: {now.status.value}\n")
    return 0


def stop(store: SqliteStore, execution: Execution, failure: Failure = NO_REASON) -> None:
    """Has an execution stopped: by the process that carries it on or, where that is gone, here and now."""
    arn = execution.arn
    children = [child for each in store.open_tasks(arn) if (child := child_awaited_by(each.task)) is not None]
    latest_at = store.history(arn)[-1].at
    host = LocalHost(_nobody, store, clock=SystemClock(latest_at), compile=compile_text)
    try:
        stop_execution(host.worker, store, arn, failure)
        is_stopped_here = host.worker.carries(arn)
        host.work(lambda: not host.worker.carries(arn))
    finally:
        host.close()
    if is_stopped_here:  # else the process that stops it stops these too
        for child in children:
            stop(store, store.describe(child))


def _nobody(task: InvokeTask) -> Exchange:
    """A `TaskHandler` that leaves every task open."""
    yield from ()
