"""The file: opening it, knowing whether it is ours, bringing it up to date, and saying what is wrong with it.

Rule 1: a file that is not ours, newer than us, or damaged is refused, and not touched.
Rule 2: a transaction is on disk when its commit returns (WAL, synchronous=FULL).
"""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stepwell.adapters.stores.sqlite.statements import migrations
from stepwell.engine.ports import StoreFailed

FILE = "stepwell.db"
APPLICATION_ID = 0x53746570
"""Tells our files from other SQLite files: `Step`."""

HEADER = 100
"""Bytes with which every file of SQLite begins."""

BUSY_SECONDS = 30
"""How long another process may hold the file before we give up."""


def connect(path: Path) -> sqlite3.Connection:
    """A connection to a database that is ours and up to date; makes the file where there is none."""
    with explained(path):
        _make_folder(path.parent)
        _refuse_other_files(path)
        with _opened(path) as connection:
            _check(connection, path)
            _migrate(connection, path)
            return connection


def connect_to_read(path: Path) -> sqlite3.Connection:
    """A connection for reading, from any thread (one at a time), of a database that is there, ours and up to date."""
    with explained(path):
        if not path.exists():
            raise StoreFailed(f"{path}: there is no such file")
        _refuse_other_files(path)
        with _opened(path) as connection:
            _check(connection, path)
            _migrate(connection, path)  # its making may not have come to its end
            connection.execute("PRAGMA query_only = ON")
            connection.row_factory = sqlite3.Row
            return connection


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turns what SQLite and the file system raise into StoreFailed, in words that say what to do."""
    try:
        yield
    except (sqlite3.Error, OSError) as fault:
        raise StoreFailed(_in_words(path, fault)) from fault


def _in_words(path: Path, fault: Exception) -> str:
    if isinstance(fault, OSError):
        return f"{path}: cannot be opened ({fault.strerror}); choose another --data"
    text = str(fault)
    name = getattr(fault, "sqlite_errorname", "")
    if text.startswith("Could not decode to UTF-8"):  # the whole row follows
        name, text = "SQLITE_CORRUPT", "a text is no UTF-8"
    for sign, words in (
        ("SQLITE_FULL", "the disk is full; what was acknowledged is safe, make room and start again"),
        ("SQLITE_IOERR_SHMSIZE", "there is no room beside it for what SQLite needs to open it: is the disk full?"),
        (
            "SQLITE_READONLY",
            "cannot be written: the file or its folder is read-only; change that or choose another --data",
        ),
        (
            "SQLITE_CANTOPEN",
            "cannot be opened: is its folder readable and writable, or is the disk full? Choose another --data",
        ),
        ("SQLITE_NOTADB", "is no database; move it away or choose another --data"),
        ("SQLITE_CORRUPT", "is damaged; restore a copy of it, or move it away to start anew"),
        ("SQLITE_BUSY", f"another process has held it for {BUSY_SECONDS} s; is one of them stuck?"),
        ("SQLITE_IOERR", "the file system reports an error; what was acknowledged is safe, look at the disk"),
    ):
        if name.startswith(sign):
            return f"{path}: {words} ({text})"
    return f"{path}: {text}"


def _make_folder(folder: Path) -> None:
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".gitignore").write_text("*\n", encoding="utf-8")


_looked_at: set[tuple[int, int]] = set()
"""The files that this process has looked at itself, by device and inode."""

_looking = threading.Lock()


def _refuse_other_files(path: Path) -> None:
    """Looks before SQLite does: a connection to a file of another kind may leave files of its own beside it.

    Once, before this process has any connection: to close a file drops all locks that the process has on it (POSIX),
    SQLite's too; and without them another process takes itself for the last and removes the WAL under our hands.
    """
    with _looking:
        if not path.exists():
            path.touch()  # SQLite would make it: then we had not looked at it
        about = path.stat()
        if (about.st_dev, about.st_ino) not in _looked_at:
            _refuse_other_file(path)
            _looked_at.add((about.st_dev, about.st_ino))


def _refuse_other_file(path: Path) -> None:
    with path.open("rb") as file:
        head = file.read(HEADER)
    if not head or (len(head) < HEADER and path.with_name(f"{path.name}-journal").exists()):
        return  # its making was cut short, and begins anew
    if not head.startswith(b"SQLite format 3\0"):
        raise StoreFailed(f"{path}: is no database; move it away or choose another --data")
    if len(head) < HEADER:
        raise StoreFailed(f"{path}: is damaged: it ends within its header; restore a copy of it, or move it away")
    application, version = int.from_bytes(head[68:72], "big"), int.from_bytes(head[60:64], "big")
    # A new file whose first transaction is in the WAL still has zeros here: `_check` looks at it through the WAL.
    if application not in (0, APPLICATION_ID):
        raise StoreFailed(f"{path}: is the database of another program; choose another --data")
    if application == APPLICATION_ID and version > len(migrations()):
        raise _too_new(path)


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection, closed where what is done within fails."""
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA cache_size = -65536")
        yield connection
    except BaseException:
        connection.close()
        raise


def _check(connection: sqlite3.Connection, path: Path) -> None:
    """Refuses what is not ours, newer, or cut short."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if application != APPLICATION_ID and (application or tables):
        raise StoreFailed(f"{path}: is the database of another program; choose another --data")
    if _version(connection) > len(migrations()):
        raise _too_new(path)
    wal = path.with_name(f"{path.name}-wal")
    if tables and not (wal.exists() and wal.stat().st_size):
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
        if path.stat().st_size < pages * size:
            raise StoreFailed(f"{path}: is damaged: it was cut short; restore a copy of it, or move it away")


def _too_new(path: Path) -> StoreFailed:
    return StoreFailed(f"{path}: was made by a newer Stepwell; upgrade this one, or choose another --data")


def _version(connection: sqlite3.Connection) -> int:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Runs the scripts that the file has not seen, each in a transaction of its own."""
    scripts = migrations()
    if _version(connection) == len(scripts):
        return
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise StoreFailed(f"{path}: this file system has no shared memory for SQLite's WAL; choose another --data")
    while (version := _version(connection)) < len(scripts):
        connection.execute("BEGIN IMMEDIATE")
        try:
            if _version(connection) == version:  # else another process was faster
                for statement in _split(scripts[version]):
                    connection.execute(statement)
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                connection.execute(f"PRAGMA user_version = {version + 1}")
            connection.execute("COMMIT")
        except BaseException:
            connection.rollback()
            raise


def _split(script: str) -> Iterator[str]:
    """The statements of a script: `executescript` would commit on its own."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
