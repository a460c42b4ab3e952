"""What the file says: each execution as its rows have it, beside what its journal gives when it is taken in once more.

Every row must follow from the journal: the history, the header, the frames, the timers and tasks that are open. Where
one does not, a step was laid down in part, or twice, or not at all.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stepwell.adapters.runs import compile_text
from stepwell.adapters.stores.sqlite import rows
from stepwell.adapters.stores.sqlite.database import connect_to_read
from stepwell.definitions.failure import Failure
from stepwell.definitions.kinds import StateMachineType
from stepwell.engine.effects import CancelTask, CancelTimer, InvokeTask, SetTimer
from stepwell.engine.events import Event, TaskFailed, TaskHeartbeat, TaskSucceeded, TimersFired
from stepwell.engine.execution import Execution, Frame, take_up
from stepwell.engine.history import HistoryEvent
from stepwell.engine.lifecycles import ExecutionStatus
from stepwell.engine.machine import step
from stepwell.engine.program import Program


@dataclass(frozen=True, kw_only=True)
class Record:
    """All rows of one execution, as of one moment."""

    execution: Execution
    definition: str
    journal: list[tuple[int, Event, list[HistoryEvent]]]
    """Version, event, history."""
    frames: dict[str, Frame]
    timers: dict[str, int]
    tasks: dict[str, bool]
    """By token: whether its handler has left it open."""
    letters: list[Event]

    @property
    def history(self) -> list[HistoryEvent]:
        return [event for _, _, history in self.journal for event in history]


@dataclass(kw_only=True)
class Told:
    """What the journal of an execution tells."""

    execution: Execution
    history: list[HistoryEvent] = field(default_factory=list)
    asked: dict[str, str] = field(default_factory=dict)
    """The states of all tasks that were ever asked for, by token."""
    answers: dict[str, str | Failure] = field(default_factory=dict)
    """What became of tasks, by token."""
    beats: dict[str, int] = field(default_factory=dict)
    """How many heartbeats they had."""
    open: set[str] = field(default_factory=set)
    """The tasks that nobody has answered, cancelled or waited for in vain."""
    timers: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


class Evidence:
    """The whole file as of one moment. `ended`: executions that are known already, of which the header is enough."""

    def __init__(self, path: Path, ended: frozenset[str] = frozenset()) -> None:
        with closing(connect_to_read(path)) as connection:
            connection.execute("BEGIN")
            headers = connection.execute("SELECT * FROM executions ORDER BY id").fetchall()
            self.executions = {row["arn"]: rows.execution_of(row) for row in headers}
            self.records = {row["arn"]: _record(connection, row) for row in headers if row["arn"] not in ended}
            self.registered = {
                arn for (arn,) in connection.execute("SELECT arn FROM state_machines UNION SELECT arn FROM activities")
            }
            self.leftovers = list(_leftovers(connection))
            self.hosts = [key for (key,) in connection.execute("SELECT id FROM hosts")]
            connection.execute("COMMIT")


def _record(connection: sqlite3.Connection, row: sqlite3.Row) -> Record:
    key = row["id"]

    def select(what: str, table: str, order: str = "") -> list[Any]:
        return connection.execute(f"SELECT {what} FROM {table} WHERE execution = ? {order}", (key,)).fetchall()

    journal = []
    for (archive,) in select("journal", "archives"):
        journal += [(number, *pair) for number, pair in enumerate(rows.unarchive(archive), start=1)]
    journal += [tuple(each) for each in select("version, event, history", "journal", "ORDER BY version")]
    ((definition,),) = connection.execute("SELECT text FROM definitions WHERE id = ?", (row["definition"],))
    return Record(
        execution=rows.execution_of(row),
        definition=definition,
        journal=[(version, rows.event_of(event), rows.history_of(history)) for version, event, history in journal],
        frames=take_up([tuple(each) for each in select("path, frame", "frames")]),
        timers=dict(map(tuple, select("name, due", "timers"))),
        tasks={token: bool(is_left_open) for token, is_left_open in select("token, is_left_open", "tasks")},
        letters=[rows.event_of(event) for (event,) in select("event", "inbox", "ORDER BY number")],
    )


def _leftovers(connection: sqlite3.Connection) -> Iterator[str]:
    """Rows that belong to what has ended, or to nothing."""
    for table in ("timers", "tasks", "inbox"):
        found = connection.execute(
            f"SELECT arn, status, count(*) FROM {table} LEFT JOIN executions ON executions.id = execution "
            "WHERE status IS NOT 'RUNNING' GROUP BY 1, 2"
        )
        for arn, status, count in found:
            yield f"{arn}: {status}, and {count} rows in {table}"
    for (arn,) in connection.execute(
        "SELECT DISTINCT arn FROM frames LEFT JOIN executions ON executions.id = execution "
        "WHERE status IS NULL OR status = 'SUCCEEDED'"
    ):
        yield f"{arn}: SUCCEEDED, and has frames"


# --- the journal, taken in once more ----------------------------------------------------------------------------------

_programs: dict[tuple[str, StateMachineType], Program] = {}


def told_by(record: Record) -> Told:
    """What the journal tells, and all that does not agree with it."""
    first = {name: getattr(record.execution, name) for name in (*rows.FIRST, "started_at")}
    told = Told(execution=Execution(**first))
    key = record.definition, record.execution.type
    program = _programs.get(key) or _programs.setdefault(key, compile_text(*key))
    for version, event, history in record.journal:
        made = step(program, told.execution, event)
        if made is None:
            told.problems.append(f"the event {version} changes nothing: {event}")
            break
        told.execution.take(made.changes)
        told.history += made.history
        _follow(told, event, made.effects)
        if told.execution.version != version:
            told.problems.append(f"the step {told.execution.version} is missing: {version} is next")
            break
        if made.history != history:
            told.problems.append(f"the step {version} has made another history: {history} instead of {made.history}")
    told.problems += _disagreements(record, told)
    return told


def _follow(told: Told, event: Event, effects: list[Any]) -> None:
    match event:
        case TaskSucceeded(token=token, output=output):
            told.answers[token] = output
            told.open.discard(token)
        case TaskFailed(token=token, failure=failure):
            told.answers[token] = failure
            told.open.discard(token)
        case TaskHeartbeat(token=token):
            told.beats[token] = told.beats.get(token, 0) + 1
        case TimersFired(timers=timers):
            for timer in timers:
                told.timers.pop(timer, None)
    for effect in effects:
        match effect:
            case InvokeTask(token=token, state=state):
                if token in told.asked:
                    told.problems.append(f"the token {token} was given twice")
                told.asked[token] = state
                told.open.add(token)
            case CancelTask(token=token):
                told.open.discard(token)
            case SetTimer(timer=timer, due=due):
                told.timers[timer] = due
            case CancelTimer(timer=timer):
                told.timers.pop(timer, None)


def _disagreements(record: Record, told: Told) -> Iterator[str]:
    ours, theirs = record.execution, told.execution
    for name in rows.CHANGING:
        if getattr(ours, name) != getattr(theirs, name):
            yield f"{name} is {getattr(ours, name)!r}, by the journal {getattr(theirs, name)!r}"
    ids = [event.id for event in record.history]
    if ids != list(range(1, len(ids) + 1)):
        yield f"the ids have gaps or come twice: {ids}"
    moments = [ours.started_at, *(event.at for event in record.history)]
    if moments != sorted(moments):
        yield f"the time goes back: {moments}"
    frames = {} if theirs.status is ExecutionStatus.SUCCEEDED else theirs.frames
    if record.frames != frames:
        different = {path for path in {**record.frames, **frames} if record.frames.get(path) != frames.get(path)}
        yield f"the frames differ at {sorted(different)}"
    if record.timers != told.timers:
        yield f"the timers are {record.timers}, by the journal {told.timers}"
    if set(record.tasks) != told.open:
        yield f"the open tasks are {sorted(record.tasks)}, by the journal {sorted(told.open)}"
