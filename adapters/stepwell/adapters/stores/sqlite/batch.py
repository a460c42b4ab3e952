"""What one transaction lays down, gathered by statement.

A statement gets all of its rows at once, as one JSON text that SQLite takes apart: while it runs, and while the disk is
waited for, Python's other threads run too. One row at a time, each would be a moment at which another thread takes the
interpreter, and the writing would wait for it.

Texts that may hold the character U+0000 do not go that way: SQLite's JSON ends a string there.
"""

import sqlite3
from typing import Any

from stepwell.adapters.stores.sqlite import rows
from stepwell.adapters.stores.sqlite.statements import statements

EXECUTIONS = statements("executions")
OUTBOX = statements("outbox")

Rows = list[Any]

LARGEST_TEXT = 32 * 1024 * 1024
"""Bytes. SQLite takes no text beyond a billion; well before that a statement is better divided."""


class Batch:
    """Rows in the order of their statements' parameters; JSON within them as `msgspec.Raw`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.changed: Rows = []
        self.carried_on: Rows = []
        self.journal: Rows = []
        self.cleared_frames: Rows = []
        self.gone_frames: Rows = []
        self.frames: Rows = []
        self.gone_timers: Rows = []
        self.timers: Rows = []
        self.gone_tasks: Rows = []
        self.tasks: Rows = []
        self.submitted: Rows = []
        self.left_open: Rows = []
        self.started: Rows = []
        self.letters: Rows = []
        self.cleared_letters: Rows = []

    def write(self) -> None:
        """Runs a statement for each kind of rows there is. Raises sqlite3.Error."""
        self._each(EXECUTIONS["change_execution"], self.changed)
        self._all(EXECUTIONS["carry_on"], self.carried_on)
        self._all(EXECUTIONS["add_to_journal"], self.journal)
        self._all(EXECUTIONS["clear_frames"], self.cleared_frames)
        self._each(EXECUTIONS["remove_frame"], self.gone_frames)
        self._all(EXECUTIONS["set_frames"], self.frames)
        self._each(OUTBOX["remove_timer"], self.gone_timers)
        self._all(OUTBOX["set_timers"], self.timers)
        self._all(OUTBOX["remove_tasks"], self.gone_tasks)
        self._all(OUTBOX["set_tasks"], self.tasks)
        self._each(OUTBOX["note_submitted"], self.submitted)
        self._each(OUTBOX["note_left_open"], self.left_open)
        self._each(OUTBOX["note_started"], self.started)
        self._each(OUTBOX["remove_letter"], self.letters)
        self._all(OUTBOX["clear_letters"], self.cleared_letters)

    def _all(self, statement: str, values: Rows) -> None:
        if not values:
            return
        text = rows.encode(values)
        if len(text) > LARGEST_TEXT and len(values) > 1:
            half = len(values) // 2
            self._all(statement, values[:half])
            self._all(statement, values[half:])
        else:
            self._connection.execute(statement, {"rows": text.decode()})

    def _each(self, statement: str, values: Rows) -> None:
        if values:
            self._connection.executemany(statement, values)
