"""The `Store` in SQLite.

Rule 1: one transaction lays down everything that was gathered since the last flush: the steps of many executions share
    one wait for the disk.
Rule 2: what a group both adds and takes away is never written: most timers and tasks of short executions.
Rule 3: the first statement for an execution compares its version and host; where it finds another's, the rest of what
    was gathered for that execution is dropped.
Rule 4: an Express execution is kept in memory until it ends, and written then, as one row and its history.
"""

import os
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import ExitStack, contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Raw, Struct, field

from stepwell.adapters.stores.sqlite import rows
from stepwell.adapters.stores.sqlite.batch import Batch
from stepwell.adapters.stores.sqlite.database import connect, explained
from stepwell.adapters.stores.sqlite.reading import SqliteReader
from stepwell.adapters.stores.sqlite.statements import statements
from stepwell.definitions.kinds import StateMachineType
from stepwell.definitions.resources import Activity
from stepwell.engine import tokens
from stepwell.engine.effects import CancelTask, CancelTimer, InvokeTask, SetTimer
from stepwell.engine.errors import ExecutionAlreadyExists, ExecutionDoesNotExist
from stepwell.engine.events import Event, TaskFailed, TaskStarted, TaskSubmitted, TaskSucceeded, TimersFired
from stepwell.engine.execution import Execution, lay_down, parent_of
from stepwell.engine.history import HistoryEvent
from stepwell.engine.lifecycles import ExecutionStatus
from stepwell.engine.machine import Step
from stepwell.engine.ports import Letter, OpenTask, Recovered

EXECUTIONS = statements("executions")
OUTBOX = statements("outbox")
HOSTS = statements("hosts")
HOUSEKEEPING = statements("housekeeping")

NOBODY: Set[str] = frozenset()

TIDIED_AT_ONCE = PRUNED_AT_ONCE = 500

DEFINITIONS_KEPT = 1_000

WORTH_GIVING_BACK = 0.2
"""Of a file, free."""

LONG_TO_SHRINK = 200_000_000
"""Bytes. While a file is shrunk nobody else can write."""


class _Asked(Struct):
    """A task in the group: how it stands, and whether it was asked for within the group."""

    task: InvokeTask | None
    """None: it was asked for earlier."""
    asked_at: int
    submitted: str | None = None
    is_left_open: bool = False
    is_started: bool = False


class _Gathered(Struct):
    """What a group is to lay down for one execution."""

    execution: Execution
    version: int
    """That of the row."""
    is_new: bool
    definition: str = ""
    settings: str | None = None
    was_over: bool = False
    """Whether it had ended before: it was redriven."""
    journal: list[tuple[int, Event, list[HistoryEvent]]] = field(default_factory=list)
    frames: set[str] = field(default_factory=set)
    timers: dict[str, int | None] = field(default_factory=dict)
    """When it is due; None: it is gone."""
    tasks: dict[str, _Asked | None] = field(default_factory=dict)
    """By token; None: it is gone."""


class _Laid(Struct):
    """An execution of this host, as far as rows are concerned."""

    id: int
    version: int
    has_frames: bool


class SqliteStore(SqliteReader):
    """One file for everything; made where there is none. `path` is that of the file. Raises StoreFailed."""

    is_shared = True

    def __init__(self, path: Path) -> None:
        self._host: int | None = None
        self._laid: dict[str, _Laid] = {}
        self._gathered: dict[str, _Gathered] = {}
        self._settled: list[Letter] = []
        self._to_tidy: deque[int] = deque()
        self._definitions: dict[str, int] = {}
        self._data_version = 0
        with ExitStack() as undone:
            self._connection = connect(path)
            undone.callback(self._connection.close)
            super().__init__(path)
            undone.callback(super().close)
            self.has_news()
            undone.pop_all()

    # --- gathering --------------------------------------------------------------------------------------------------

    def create(
        self, execution: Execution, definition: str, settings: str | None = None, *, is_unique: bool = False
    ) -> None:
        arn = execution.arn
        if not is_unique and (arn in self._gathered or self._one(EXECUTIONS["find_execution"], {"arn": arn})):
            raise ExecutionAlreadyExists(f"Execution Already Exists: '{arn}'")
        self._gathered[arn] = _Gathered(execution, 0, True, definition, settings)

    def load(self, arn: str) -> tuple[Execution, str]:
        if (gathered := self._gathered.get(arn)) is not None:
            return gathered.execution, gathered.definition or self.definition(arn)
        execution = self.describe(arn)
        laid = self._laid_of(arn)
        with explained(self.path):
            execution.frames = rows.frames_of(self._connection.execute(EXECUTIONS["frames"], (laid.id,)))
        laid.has_frames = bool(execution.frames)
        return execution, self.definition(arn)

    def commit(self, execution: Execution, event: Event, step: Step) -> None:
        gathered = self._gathered_of(execution)
        gathered.was_over |= execution.status.is_terminal
        execution.take(step.changes)
        gathered.journal.append((execution.version, event, step.history))
        if execution.type is StateMachineType.EXPRESS:
            return
        gathered.frames.update(step.changes.frames)
        timers, tasks = gathered.timers, gathered.tasks
        match event:
            case TimersFired(timers=fired):
                for timer in fired:
                    timers[timer] = None
            case TaskSucceeded(token=token) | TaskFailed(token=token):
                self._end_task(tasks, token)
            case TaskSubmitted(token=token, output=output):
                self._asked(tasks, token).submitted = output
            case TaskStarted(token=token):
                self._asked(tasks, token).is_started = True
            case _:
                pass
        for effect in step.effects:
            match effect:
                case InvokeTask(token=token):
                    tasks[token] = _Asked(effect, event.at)
                case CancelTask(token=token):
                    self._end_task(tasks, token)
                case SetTimer(timer=timer, due=due):
                    timers[timer] = due
                case CancelTimer(timer=timer):
                    if timers.get(timer) is not None and gathered.is_new:
                        del timers[timer]
                    else:
                        timers[timer] = None
                case _:
                    pass

    def leave_open(self, execution: Execution, token: str) -> None:
        if execution.type is StateMachineType.EXPRESS:
            return
        tasks = self._gathered_of(execution).tasks
        if token not in tasks or tasks[token] is not None:  # else it was answered or given up within the group
            self._asked(tasks, token).is_left_open = True

    def settle(self, letter: Letter) -> None:
        self._settled.append(letter)

    def _gathered_of(self, execution: Execution) -> _Gathered:
        gathered = self._gathered.get(execution.arn)
        if gathered is None:
            laid = self._laid_of(execution.arn)
            gathered = self._gathered[execution.arn] = _Gathered(execution, laid.version, False)
        return gathered

    def _laid_of(self, arn: str) -> _Laid:
        laid = self._laid.get(arn)
        if laid is None:
            found = self._one(EXECUTIONS["find_execution"], {"arn": arn})
            if found is None:
                raise ExecutionDoesNotExist(f"Execution Does Not Exist: '{arn}'")
            laid = self._laid[arn] = _Laid(found[0], found[1], True)
        return laid

    def _asked(self, tasks: dict[str, _Asked | None], token: str) -> _Asked:
        asked = tasks.get(token)
        if asked is None:
            asked = tasks[token] = _Asked(None, 0)
        return asked

    def _end_task(self, tasks: dict[str, _Asked | None], token: str) -> None:
        asked = tasks.get(token)
        if asked is not None and asked.task is not None:
            del tasks[token]  # asked for and answered within the group: there is no row
        else:
            tasks[token] = None

    # --- laying down ------------------------------------------------------------------------------------------------

    def flush(self) -> Set[str]:
        ready = [each for each in self._gathered.values() if _is_due(each)]
        if not ready and not self._settled:
            return NOBODY
        host = self._own_host()
        with self._transaction():
            keys = self._keys_of(ready, host)
            lost = {each.execution.arn for each in ready if keys[each.execution.arn] is None}
            batch = Batch(self._connection)
            for gathered in ready:
                key = keys[gathered.execution.arn]
                if key is not None:
                    self._lay_down(gathered, key, host, batch)
            batch.letters += [(letter.number,) for letter in self._settled if letter.execution_arn not in lost]
            batch.write()
        self._settled.clear()
        self._take_note(ready, keys)
        return lost

    def _keys_of(self, ready: Sequence[_Gathered], host: int) -> dict[str, int | None]:
        """The key of each execution's row, made where it is new; None where the execution is another host's."""
        keys: dict[str, int | None] = {}
        known = {}
        for gathered in ready:
            if not gathered.is_new:
                laid = self._laid_of(gathered.execution.arn)
                keys[gathered.execution.arn] = laid.id
                known[laid.id] = gathered
        if known:
            guards = rows.encode([(key, gathered.version) for key, gathered in known.items()]).decode()
            ((lost,),) = self._connection.execute(EXECUTIONS["lost"], {"rows": guards, "host": host})
            for key in msgspec.json.decode(lost, type=list[int]):
                keys[known[key].execution.arn] = None
        self._add_new([gathered for gathered in ready if gathered.is_new], keys, host)
        return keys

    def _add_new(self, new: Sequence[_Gathered], keys: dict[str, int | None], host: int) -> None:
        if not new:
            return
        found = self._connection.execute(EXECUTIONS["last_execution"]).fetchone()
        first = found[0] + 1 if found else 1
        added = []
        for key, gathered in enumerate(new, start=first):
            execution = gathered.execution
            keys[execution.arn] = key
            belongs_to = None if execution.status.is_terminal else host
            definition = self._definition_id(gathered.definition)
            about = (*rows.first_columns(execution), definition, gathered.settings, execution.started_at)
            added.append((key, *about, *rows.changing_columns(execution), belongs_to))
        if self._connection.executemany(EXECUTIONS["add_execution"], added).rowcount == len(added):
            return
        for gathered in new:  # another process has taken one of the names
            arn = gathered.execution.arn
            ((key, _),) = self._connection.execute(EXECUTIONS["find_execution"], {"arn": arn})
            if key != keys[arn]:
                keys[arn] = None

    def _lay_down(self, gathered: _Gathered, key: int, host: int, batch: Batch) -> None:
        execution = gathered.execution
        is_over = execution.status.is_terminal
        if is_over or execution.version == gathered.version or gathered.was_over:
            if not gathered.is_new:
                batch.changed.append((*rows.changing_columns(execution), None if is_over else host, key))
        elif not gathered.is_new:
            timer = execution.timeout_timer
            batch.carried_on.append((key, execution.latest_at, execution.next_event_id, timer, execution.version))
        if is_over and not gathered.is_new:
            batch.cleared_letters.append(key)  # nobody will open them, or a redrive would
        for version, event, history in gathered.journal:
            batch.journal.append((key, version, Raw(rows.encode(event)), Raw(rows.encode(history))))
        if execution.type is not StateMachineType.EXPRESS:
            self._lay_frames_down(gathered, key, batch)
            _lay_outbox_down(gathered, key, batch)

    def _lay_frames_down(self, gathered: _Gathered, key: int, batch: Batch) -> None:
        execution = gathered.execution
        laid = self._laid.get(execution.arn)
        has_frames = laid is not None and laid.has_frames
        if execution.status is ExecutionStatus.SUCCEEDED:
            if has_frames:
                batch.cleared_frames.append(key)
            return
        frames = execution.frames
        for path in gathered.frames:
            frame = frames.get(path)
            if frame is not None:
                laid_down = lay_down(frame, frames[parent_of(path)] if path else None)
                batch.frames.append((key, path, Raw(laid_down)))
            elif has_frames:
                batch.gone_frames.append((key, path))

    def _take_note(self, ready: Sequence[_Gathered], keys: Mapping[str, int | None]) -> None:
        """Of what is laid down now."""
        for gathered in ready:
            execution, arn = gathered.execution, gathered.execution.arn
            del self._gathered[arn]
            key = keys[arn]
            if key is None:
                self._laid.pop(arn, None)
            elif execution.status.is_terminal:
                self._laid.pop(arn, None)
                self._to_tidy.append(key)
            else:
                self._laid[arn] = _Laid(key, execution.version, bool(execution.frames))

    def _definition_id(self, text: str) -> int:
        known = self._definitions.get(text)
        if known is None:
            digest = sha256(text.encode("utf-8", "surrogatepass")).digest()
            self._connection.execute(EXECUTIONS["add_definition"], {"digest": digest, "text": text})
            ((known,),) = self._connection.execute(EXECUTIONS["find_definition"], {"digest": digest})
            if len(self._definitions) >= DEFINITIONS_KEPT:
                self._definitions.clear()
            self._definitions[text] = known
        return known

    # --- whose it is ------------------------------------------------------------------------------------------------

    def claim(self, arn: str) -> Recovered | None:
        host = self._own_host()
        if arn not in self._gathered:
            self._laid.pop(arn, None)  # another host may have gone on with it
        with self._transaction():
            laid = self._laid_of(arn)
            ((owner,),) = self._connection.execute(HOSTS["host_of"], (arn,))
            if owner != host:
                if owner is not None and self._locks.lives(owner):
                    return None
                self._connection.execute(HOSTS["claim"], {"host": host, "id": laid.id, "before": owner})
            timers = [tuple(row) for row in self._connection.execute(OUTBOX["timers"], (laid.id,))]
            tasks = [rows.task_of(*row) for row in self._connection.execute(OUTBOX["tasks"], (laid.id,))]
        return Recovered(execution_arn=arn, timers=timers, tasks=tasks)

    def adopt(self) -> Iterator[Recovered]:
        if not self._gone_hosts() and self._one(HOSTS["is_adoptable"], ()) is None:
            return iter(())
        host = self._own_host()
        adopted: dict[int, Recovered] = {}
        with self._transaction():
            for owner in (None, *self._gone_hosts()):
                for key, arn in self._connection.execute(HOSTS["abandoned_by"], {"host": owner}).fetchall():
                    adopted[key] = Recovered(execution_arn=arn, timers=[], tasks=[])
                    self._laid.pop(arn, None)
                self._connection.execute(HOSTS["adopt_from"], {"host": host, "before": owner})
            if adopted:
                for key, name, due in self._connection.execute(HOSTS["adopted_timers"], {"host": host}):
                    if key in adopted:
                        adopted[key].timers.append((name, due))
                for key, *row in self._connection.execute(HOSTS["adopted_tasks"], {"host": host}):
                    if key in adopted:
                        adopted[key].tasks.append(rows.task_of(*row))
        self._forget_gone_hosts()
        return iter(adopted.values())

    def _gone_hosts(self) -> list[int]:
        with explained(self.path):
            every = [key for (key,) in self._connection.execute(HOSTS["hosts"])]
        return [key for key in every if key != self._host and not self._locks.lives(key)]

    def _forget_gone_hosts(self) -> None:
        """What they have left with settings belongs to nobody now, and waits for `stepwell resume`."""
        with self._transaction():
            for key in self._gone_hosts():
                self._connection.execute(HOSTS["release"], (key,))
                self._connection.execute(HOSTS["remove_host"], (key,))
                self._locks.remove(key)

    def _own_host(self) -> int:
        if self._host is None:
            with self._transaction():
                key = self._connection.execute(HOSTS["add_host"], (os.getpid(), _now())).lastrowid
                assert key is not None, "a row that was added has an id"
                self._locks.hold(key)  # before anybody can see the row
            self._host = key
        return self._host

    def close(self) -> None:
        """As in the port. Where the file cannot be written any more, the lock that goes gives the executions up."""
        try:
            if self._host is not None:
                with self._transaction():
                    self._connection.execute(HOSTS["release"], (self._host,))
                    self._connection.execute(HOSTS["remove_host"], (self._host,))
        finally:
            if self._host is not None:
                self._locks.release(self._host)
                self._host = None
            self._connection.close()
            super().close()

    # --- letters ----------------------------------------------------------------------------------------------------

    def post(self, arn: str, event: Event) -> None:
        with self._transaction():
            self._connection.execute(OUTBOX["add_letter"], {"execution": self._id_of(arn), "event": rows.encode(event)})

    def has_news(self) -> bool:
        with explained(self.path):
            (version,) = self._connection.execute("PRAGMA data_version").fetchone()
        is_new: bool = version != self._data_version
        self._data_version = version
        return is_new

    def letters(self) -> list[Letter]:
        if self._host is None:
            return []
        with explained(self.path):
            found = self._connection.execute(OUTBOX["letters"], (self._host,))
            return [Letter(number, arn, rows.event_of(event)) for number, arn, event in found]

    def has_activity_task(self, activity_arn: str) -> bool:
        return self._one(OUTBOX["task_for_activity"], (activity_arn,)) is not None

    def take_activity_task(self, activity_arn: str, started: Callable[[str], TaskStarted]) -> tuple[str, str] | None:
        with self._transaction():
            found = self._connection.execute(OUTBOX["task_for_activity"], (activity_arn,)).fetchone()
            if found is None:
                return None
            key, execution, token, request = found
            asked = rows.task_of(token, request, 0, None, 0)
            self._connection.execute(OUTBOX["take_task"], (key,))
            event = rows.encode(started(token))
            self._connection.execute(OUTBOX["add_letter"], {"execution": execution, "event": event})
        return token, asked.task.input

    # --- reading: Express executions that run are not in the file -----------------------------------------------------

    def describe(self, arn: str) -> Execution:
        express = self._express(arn)
        return super().describe(arn) if express is None else express.execution

    def definition(self, arn: str) -> str:
        express = self._express(arn)
        return super().definition(arn) if express is None else express.definition

    def settings(self, arn: str) -> str | None:
        express = self._express(arn)
        return super().settings(arn) if express is None else express.settings

    def history(self, arn: str, after: int = 0) -> list[HistoryEvent]:
        express = self._express(arn)
        if express is None:
            return super().history(arn, after)
        return [event for _, _, history in tuple(express.journal) for event in history][after:]

    def open_task(self, token: str) -> OpenTask | None:
        return super().open_task(token) if self._express(tokens.address(token)[0]) is None else None

    def _express(self, arn: str) -> _Gathered | None:
        """An Express execution that has not ended."""
        gathered = self._gathered.get(arn)
        return gathered if gathered and gathered.execution.type is StateMachineType.EXPRESS else None

    # --- housekeeping -----------------------------------------------------------------------------------------------

    def prune(self, *, stopped_before: int | None = None, keep: int | None = None, pretend: bool = False) -> int:
        """As in the port; with `pretend` nothing is removed."""
        self._forget_gone_hosts()
        chosen: set[int] = set()
        with explained(self.path):
            for name, limit in (("stopped_before", stopped_before), ("beyond", keep)):
                if limit is not None:
                    chosen.update(key for (key,) in self._connection.execute(HOUSEKEEPING[name], (limit,)))
        keys = sorted(chosen)
        if pretend or not keys:
            return len(keys)
        for start in range(0, len(keys), PRUNED_AT_ONCE):  # others write in between
            with self._transaction():
                for statement in ("execution", "journal", "archive", "frames", "timers", "tasks", "inbox"):
                    chunk = keys[start : start + PRUNED_AT_ONCE]
                    self._connection.executemany(HOUSEKEEPING[f"prune_{statement}"], [(key,) for key in chunk])
        if self._is_alone():  # others remember the rows of definitions
            with self._transaction():
                self._connection.execute(HOUSEKEEPING["prune_definitions"])
                self._definitions.clear()
        return len(keys)

    def shrink(self) -> None:
        """Gives the room of what was removed back to the file system, where that is much of the file.

        It is left for what comes where others would have to wait for long.
        """
        with explained(self.path):
            free, pages, size = (
                self._connection.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("freelist_count", "page_count", "page_size")
            )
            if free < pages * WORTH_GIVING_BACK or (pages * size > LONG_TO_SHRINK and not self._is_alone()):
                return
            self._connection.execute("VACUUM")
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _is_alone(self) -> bool:
        return all(key == self._host for (key,) in self._connection.execute(HOSTS["hosts"]))

    def tidy(self, most: int) -> bool:
        keys = [self._to_tidy.popleft() for _ in range(min(most, len(self._to_tidy)))]
        if keys:
            self._archive(keys)
        return bool(self._to_tidy)

    def tidy_all(self) -> None:
        """Makes the histories of all ended executions compact, those of hosts that are gone included."""
        with explained(self.path):
            keys = [key for (key,) in self._connection.execute(HOUSEKEEPING["to_archive"])]
        for start in range(0, len(keys), TIDIED_AT_ONCE):
            self._archive(keys[start : start + TIDIED_AT_ONCE])
        self._to_tidy.clear()

    def _archive(self, keys: Sequence[int]) -> None:
        with self._transaction():
            for key in keys:
                if self._connection.execute(HOUSEKEEPING["is_over"], (key,)).fetchone() is None:
                    continue  # redriven meanwhile
                archived = self._connection.execute(EXECUTIONS["archive"], (key,)).fetchone()
                journal = rows.unarchive(archived[0]) if archived else []
                journal += self._connection.execute(EXECUTIONS["journal"], (key,)).fetchall()
                self._connection.execute(HOUSEKEEPING["set_archive"], (key, rows.archive(journal)))
                self._connection.execute(HOUSEKEEPING["clear_journal"], (key,))

    # --- the connections --------------------------------------------------------------------------------------------

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """All of what is done within is laid down, or nothing of it."""
        with explained(self.path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):  # the first fault is the one to tell of
                    self._connection.execute("ROLLBACK")
                raise

    def _one(self, statement: str, parameters: Any) -> Any:
        with explained(self.path):
            return self._connection.execute(statement, parameters).fetchone()


def _is_due(gathered: _Gathered) -> bool:
    """Whether it is to be laid down: a new execution with its first step, an Express one with its last."""
    if gathered.execution.type is StateMachineType.EXPRESS:
        return gathered.execution.status.is_terminal
    return bool(gathered.journal) or not gathered.is_new


def _lay_outbox_down(gathered: _Gathered, key: int, batch: Batch) -> None:
    for name, due in gathered.timers.items():
        if due is None:
            batch.gone_timers.append((key, name))
        else:
            batch.timers.append((key, name, due))
    for token, asked in gathered.tasks.items():
        path = tokens.address(token)[1]
        if asked is None:
            batch.gone_tasks.append((key, path, token))
        elif asked.task is not None:
            batch.tasks.append(_task_row(key, path, asked.task, asked))
        else:
            place = key, path, token
            if asked.submitted is not None:
                batch.submitted.append((asked.submitted, *place))
            if asked.is_left_open:
                batch.left_open.append(place)
            if asked.is_started:
                batch.started.append(place)


def _task_row(key: int, path: str, task: InvokeTask, asked: _Asked) -> tuple[Any, ...]:
    awaited = task.resource.arn if isinstance(task.resource, Activity) and not asked.is_started else None
    request = Raw(rows.encode_task(task))
    return key, path, task.token, request, asked.asked_at, asked.submitted, int(asked.is_left_open), awaited


def _now() -> int:
    return time.time_ns() // 1_000_000
