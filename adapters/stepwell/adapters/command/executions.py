"""Executions that were kept: opening the data directory, and finding one in it.

An EXECUTION is given on the command line as its ARN, its name, the first four or more characters of its name, or
`@last`: the newest that no other execution has started.

Rule: what only looks opens the file for reading; a host is made by what carries executions on.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from stepwell.adapters.command.output import CannotBeDone
from stepwell.adapters.configuration import InvalidConfiguration, read_configuration
from stepwell.adapters.stores.sqlite import FILE, SqliteReader, SqliteStore
from stepwell.adapters.tasks.functions import as_text
from stepwell.engine import tokens
from stepwell.engine.errors import CallerError, ExecutionDoesNotExist, InvalidToken
from stepwell.engine.execution import Execution
from stepwell.engine.ports import StoreFailed

LAST = "@last"
SHORTEST_ABBREVIATION = 4
SHOWN_ARNS = 5
PAGE = 100
TIDIED_AT_THE_END = 50


class UnknownExecution(CannotBeDone):
    """There is no such execution."""


# --- the file ---------------------------------------------------------------------------------------------------------


@contextmanager
def told() -> Iterator[None]:
    """What callers or the disk do wrong is told in one line."""
    try:
        yield
    except (CallerError, InvalidConfiguration, StoreFailed) as fault:
        raise CannotBeDone(str(fault)) from None


def database(data: Path | None) -> Path:
    """The file in the directory that was given, or configured; it may not be there yet. Raises CannotBeDone."""
    with told():
        return (data or read_configuration().data) / FILE


@contextmanager
def reading(data: Path | None) -> Iterator[SqliteReader]:
    """What is kept in a directory, for looking at it. Raises CannotBeDone, also for what is raised within."""
    with told(), closing(SqliteReader(_existing(data))) as executions:
        yield executions


@contextmanager
def writing(data: Path | None) -> Iterator[SqliteStore]:
    """What is kept in a directory, for changing it. Raises CannotBeDone, also for what is raised within."""
    with told(), opened(_existing(data)) as store:
        yield store


@contextmanager
def opened(path: Path) -> Iterator[SqliteStore]:
    """A store, made where there is none; what it carries on is left to others at the end. Raises StoreFailed."""
    store = SqliteStore(path)
    try:
        yield store
    finally:
        with suppress(StoreFailed):  # nothing is lost by it: what is not given up goes with the process
            store.tidy(TIDIED_AT_THE_END)
            store.close()


def _existing(data: Path | None) -> Path:
    path = database(data)
    if not path.exists():
        raise nothing_kept(path.parent)
    return path


def nothing_kept(directory: Path) -> CannotBeDone:
    return CannotBeDone(f"{directory}: holds no executions yet; `stepwell run FILE` makes one")


# --- executions -------------------------------------------------------------------------------------------------------


def find(executions: SqliteReader, wanted: str) -> Execution:
    """The execution that was meant. Raises CannotBeDone."""
    if wanted == LAST:
        return _last(executions)
    wanted = as_text(wanted)  # what is typed may be no UTF-8
    with suppress(ExecutionDoesNotExist):
        return executions.describe(wanted)
    found = executions.executions_named(wanted)
    if not found and len(wanted) >= SHORTEST_ABBREVIATION:
        found = executions.executions_named(wanted, or_longer=True)
    if not found:
        raise UnknownExecution(
            f"Execution Does Not Exist: {wanted!r}; `stepwell list` shows those in {executions.path.parent}"
        )
    if len(found) > 1:
        more = f" and {len(found) - SHOWN_ARNS} more" if len(found) > SHOWN_ARNS else ""
        listed = ", ".join(found[:SHOWN_ARNS])
        raise CannotBeDone(f"{wanted!r} is not one execution; name it by its ARN: {listed}{more}")
    return executions.describe(found[0])


def _last(executions: SqliteReader) -> Execution:
    found = next((each for each in newest_first(executions) if each.started_by is None), None)
    if found is None:
        raise nothing_kept(executions.path.parent)
    return found


def newest_first(executions: SqliteReader, **wanted: Any) -> Iterator[Execution]:
    """Executions a page at a time; `wanted` as in `Store.executions`."""
    before = None
    while page := executions.executions(before=before, limit=PAGE, **wanted):
        yield from page
        before = page[-1].arn


def parent_of(execution: Execution) -> str | None:
    """The ARN of the execution that has started this one."""
    if execution.started_by is None:
        return None
    with suppress(InvalidToken):
        return tokens.address(execution.started_by)[0]
    return None
