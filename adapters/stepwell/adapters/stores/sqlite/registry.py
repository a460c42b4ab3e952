"""The registry in the file that holds the executions: durable, for several threads and processes.

Rule 1: what a method writes is on disk when it returns, or when the transaction around it ends.
Rule 2: a row is its record: columns are named like fields, and JSON where fields are no plain values.
"""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec

from stepwell.adapters.stores.sqlite.database import connect, explained
from stepwell.adapters.stores.sqlite.rows import decoder
from stepwell.adapters.stores.sqlite.statements import statements
from stepwell.definitions.json_text import dumps, loads
from stepwell.engine.arns import name_in
from stepwell.engine.registry import (
    ActivityRecord,
    AliasRecord,
    R,
    Record,
    StateMachineRecord,
    VersionRecord,
)

REGISTRY = statements("registry")

NAMES: dict[type[Any], str] = {
    StateMachineRecord: "state_machine",
    VersionRecord: "version",
    AliasRecord: "alias",
    ActivityRecord: "activity",
}
"""How the statements name the kinds of records."""

JSON = frozenset({"logging_configuration", "tracing_configuration", "encryption_configuration", "routing"})
"""The columns that hold JSON text."""


class SqliteRegistry:
    """A `Registry` in one SQLite file; several may have it open."""

    def __init__(self, path: Path) -> None:
        """Raises StoreFailed."""
        self._path = path
        self._lock = threading.RLock()
        self._connection = connect(path)
        self._connection.row_factory = sqlite3.Row

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with self._lock, explained(self._path):
            if self._connection.in_transaction:  # this thread's, which holds the lock
                yield
                return
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):  # the first fault is the one to tell of
                    self._connection.execute("ROLLBACK")
                raise

    def put(self, record: Record) -> None:
        self._execute(f"put_{NAMES[type(record)]}", _columns(record))

    def find(self, kind: type[R], arn: str) -> R | None:
        with explained(self._path):
            rows = self._execute(f"find_{NAMES[kind]}", (arn,))
            return _record(kind, rows[0]) if rows else None

    def remove(self, kind: type[R], arn: str) -> None:
        self._execute(f"remove_{NAMES[kind]}", (arn,))

    def state_machines(
        self, *, within: str = "", limit: int | None = None, after: str | None = None
    ) -> list[StateMachineRecord]:
        return self._page(StateMachineRecord, "state_machines", limit, after, within=within)

    def versions(
        self, state_machine_arn: str, *, limit: int | None = None, after: str | None = None
    ) -> list[VersionRecord]:
        return self._page(VersionRecord, "versions", limit, after, state_machine_arn=state_machine_arn)

    def aliases(
        self, state_machine_arn: str, *, limit: int | None = None, after: str | None = None
    ) -> list[AliasRecord]:
        return self._page(AliasRecord, "aliases", limit, after, state_machine_arn=state_machine_arn)

    def activities(
        self, *, within: str = "", limit: int | None = None, after: str | None = None
    ) -> list[ActivityRecord]:
        return self._page(ActivityRecord, "activities", limit, after, within=within)

    def tags(self, resource_arn: str) -> dict[str, str]:
        with explained(self._path):
            rows = self._execute("tags", (resource_arn,))
            return _tags(rows[0]) if rows else {}

    def set_tags(self, resource_arn: str, tags: dict[str, str]) -> None:
        if tags:
            self._execute("set_tags", (resource_arn, dumps(tags)))
        else:
            self._execute("remove_tags", (resource_arn,))

    def close(self) -> None:
        with self._lock, explained(self._path):
            self._connection.close()

    def _page(self, kind: type[R], statement: str, limit: int | None, after: str | None, **of: str) -> list[R]:
        rows = self._execute(
            statement,
            {
                **of,
                "limit": -1 if limit is None else limit,
                "after": after,
                "after_name": None if after is None else name_in(after),
            },
        )
        with explained(self._path):
            return [_record(kind, row) for row in rows]

    def _execute(self, statement: str, parameters: Any) -> list[sqlite3.Row]:
        """A statement on its own is a transaction of its own."""
        with self._lock, explained(self._path):
            return self._connection.execute(REGISTRY[statement], parameters).fetchall()


def _columns(record: Record) -> dict[str, Any]:
    fields = {"arn": record.arn, "name": record.name, **msgspec.to_builtins(record)}
    return {name: dumps(value) if name in JSON else value for name, value in fields.items()}


@decoder
def _tags(row: sqlite3.Row) -> dict[str, str]:
    return msgspec.convert(loads(row["tags"]), dict[str, str])


@decoder
def _record(kind: type[R], row: sqlite3.Row) -> R:
    fields = {name: loads(row[name]) if name in JSON else row[name] for name in row.keys()}  # noqa: SIM118
    return msgspec.convert(fields, kind)
