"""Executions in one SQLite file: durable, for several processes, with nothing to set up."""

from stepwell.adapters.stores.sqlite.database import FILE
from stepwell.adapters.stores.sqlite.reading import SqliteReader
from stepwell.adapters.stores.sqlite.registry import SqliteRegistry
from stepwell.adapters.stores.sqlite.store import SqliteStore

__all__ = ["FILE", "SqliteReader", "SqliteRegistry", "SqliteStore"]
