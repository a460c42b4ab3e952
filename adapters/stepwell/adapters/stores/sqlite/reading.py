"""What may be read of executions in SQLite, by anybody, from any thread: what was laid down."""

import re
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stepwell.adapters.stores.sqlite import rows
from stepwell.adapters.stores.sqlite.database import connect_to_read, explained
from stepwell.adapters.stores.sqlite.hosts import HostLocks
from stepwell.adapters.stores.sqlite.statements import statements
from stepwell.engine import tokens
from stepwell.engine.arns import machine_in
from stepwell.engine.errors import ExecutionDoesNotExist
from stepwell.engine.events import Event
from stepwell.engine.execution import Execution, Frame
from stepwell.engine.history import HistoryEvent
from stepwell.engine.lifecycles import ExecutionStatus
from stepwell.engine.ports import OpenTask

EXECUTIONS = statements("executions")
OUTBOX = statements("outbox")

GLOB_SIGN = re.compile(r"[*?\[]")


class SqliteReader:
    """The reading half of a `Store`. What was closed can still be read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._locks = HostLocks(path)
        self._lock = threading.Lock()
        self._reading: sqlite3.Connection | None = connect_to_read(path)

    def close(self) -> None:
        with self._lock:
            if self._reading is not None:
                self._reading.close()
                self._reading = None

    def describe(self, arn: str) -> Execution:
        with explained(self.path):
            return rows.execution_of(self._row(arn))

    def definition(self, arn: str) -> str:
        found = self._read(EXECUTIONS["execution_definition"], {"arn": arn})
        if not found:
            raise ExecutionDoesNotExist(f"Execution Does Not Exist: '{arn}'")
        return str(found[0]["text"])

    def settings(self, arn: str) -> str | None:
        settings: str | None = self._row(arn)["settings"]
        return settings

    def is_abandoned(self, arn: str) -> bool:
        row = self._row(arn)
        return row["status"] == ExecutionStatus.RUNNING and not self._locks.lives(row["host"])

    def history(self, arn: str, after: int = 0) -> list[HistoryEvent]:
        with explained(self.path):
            events = [event for _, history in self._journal(arn) for event in rows.history_of(history)]
        return events[after:]  # ids count from 1, without gaps

    def journal(self, arn: str) -> list[Event]:
        """The events that the execution's steps took in, in their order: the evidence."""
        with explained(self.path):
            return [rows.event_of(event) for event, _ in self._journal(arn)]

    def executions(
        self,
        *,
        state_machine_arn: str | None = None,
        status: ExecutionStatus | None = None,
        is_redriven: bool | None = None,
        limit: int | None = None,
        before: str | None = None,
    ) -> list[Execution]:
        statement = "executions"
        if status is not None and status is not ExecutionStatus.SUCCEEDED:
            statement = "executions_unfinished"
        elif state_machine_arn is not None:
            statement = "executions_of_machine"
        found = self._read(
            EXECUTIONS[statement],
            {
                "state_machine_arn": None if state_machine_arn is None else machine_in(state_machine_arn),
                "started_through": state_machine_arn,
                "status": status,
                "is_redriven": is_redriven,
                "before": None if before is None else self._id_of(before),
                "limit": -1 if limit is None else limit,
            },
        )
        with explained(self.path):
            return [rows.execution_of(row) for row in found]

    def executions_named(self, name: str, *, or_longer: bool = False) -> list[str]:
        """The ARNs of the executions of this name, or of all whose name begins so, the newest first."""
        pattern = GLOB_SIGN.sub(r"[\g<0>]", name) + ("*" if or_longer else "")
        return [row["arn"] for row in self._read(EXECUTIONS["executions_named"], {"name": pattern})]

    def machines_named(self, name: str) -> list[str]:
        """The ARNs of the state machines of this name that have executions."""
        pattern = GLOB_SIGN.sub(r"[\g<0>]", name)
        return [row["state_machine_arn"] for row in self._read(EXECUTIONS["machines_named"], {"name": pattern})]

    def standing(self, arn: str) -> tuple[dict[str, Frame], dict[str, int]]:
        """Where an execution stands: its frames by path, and its timers with the moments when they are due."""
        key = self._id_of(arn)
        with self._at_one_moment() as reading:
            frames = rows.frames_of(reading.execute(EXECUTIONS["frames"], (key,)))
            timers = dict(reading.execute(OUTBOX["timers"], (key,)))
        return frames, timers

    def open_tasks(self, execution_arn: str | None = None) -> list[OpenTask]:
        if execution_arn is None:
            found = self._read(OUTBOX["all_tasks"])
        else:
            found = self._read(OUTBOX["tasks"], (self._id_of(execution_arn),))
        with explained(self.path):
            return [rows.task_of(*row) for row in found]

    def open_task(self, token: str) -> OpenTask | None:
        arn, path = tokens.address(token)
        found = self._read(OUTBOX["task_at"], (self._id_of(arn), path))
        with explained(self.path):
            return next((rows.task_of(*row) for row in found if row["token"] == token), None)

    def _journal(self, arn: str) -> Iterator[tuple[bytes, bytes]]:
        key = self._id_of(arn)
        with self._at_one_moment() as reading:  # nothing moves from the one to the other in between
            archived = reading.execute(EXECUTIONS["archive"], (key,)).fetchone()
            recent = reading.execute(EXECUTIONS["journal"], (key,)).fetchall()
        if archived is not None:
            yield from rows.unarchive(archived[0])
        yield from map(tuple, recent)

    def _row(self, arn: str) -> sqlite3.Row:
        found = self._read(EXECUTIONS["execution"], {"arn": arn})
        if not found:
            raise ExecutionDoesNotExist(f"Execution Does Not Exist: '{arn}'")
        return found[0]

    def _id_of(self, arn: str) -> int:
        found = self._read(EXECUTIONS["find_execution"], {"arn": arn})
        if not found:
            raise ExecutionDoesNotExist(f"Execution Does Not Exist: '{arn}'")
        return int(found[0]["id"])

    def _read(self, statement: str, parameters: Any = ()) -> list[sqlite3.Row]:
        with self._connected() as reading:
            return reading.execute(statement, parameters).fetchall()

    @contextmanager
    def _at_one_moment(self) -> Iterator[sqlite3.Connection]:
        """The connection for reading; all that is read within stood there at the same time."""
        with self._connected() as reading:
            reading.execute("BEGIN")
            try:
                yield reading
            finally:
                reading.rollback()  # no statement: an I/O error may have ended the transaction, and is to be told of

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        """The connection for reading, one thread at a time; one for the moment where this is closed."""
        with self._lock, explained(self.path):
            if self._reading is not None:
                yield self._reading
                return
            reading = connect_to_read(self.path)
            try:
                yield reading
            finally:
                reading.close()
