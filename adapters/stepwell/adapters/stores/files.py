"""Executions in files: what happened stays readable after the process has ended, however it ended.

    DIR/executions/ORDER-7-5f2c0a91b3d4e6f7.jsonl

A file holds one execution: a line about it (ARN, names, type, input, definition, start, format), then one line for each
event of its history, in the shape of GetExecutionHistory, written with every commit.

Rule 1: one process writes a file, the one that created it; any number may read it meanwhile.
Rule 2: the file's name is made of the execution's ARN, so a name that is taken shows itself when the file is created.
Rule 3: a process that is killed leaves all lines but the last one whole; a last line that is not is passed over.
Rule 4: the directory is made when there is something to write.

The frames of an execution are not kept: what was killed can be looked at, not carried on.
"""

import json
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from stepwell.adapters.stores.memory import MemoryStore
from stepwell.definitions import timestamps
from stepwell.definitions.json_text import InvalidJson, NotJson, dumps, loads
from stepwell.engine.errors import ExecutionAlreadyExists
from stepwell.engine.events import Event
from stepwell.engine.execution import Changes, Execution
from stepwell.engine.history import HistoryEvent, as_api, from_api
from stepwell.engine.lifecycles import ExecutionStatus

try:
    import fcntl
except ImportError:  # Windows: there nobody can tell whether the writer of a file still runs
    fcntl = None  # type: ignore[assignment]

FORMAT = 1
LAST = "@last"
"""Stands for the execution that started last."""

SHORTEST_ABBREVIATION = 4

ENDS = {f"Execution{ending}": status for ending, status in (
    ("Succeeded", ExecutionStatus.SUCCEEDED),
    ("Failed", ExecutionStatus.FAILED),
    ("TimedOut", ExecutionStatus.TIMED_OUT),
    ("Aborted", ExecutionStatus.ABORTED),
)}  # fmt: skip


class StoreFailed(Exception):
    """The files cannot be written or read. The text says which and why, in one line."""


class UnknownExecution(Exception):
    """What was asked for is no execution, or is more than one. The text says what to do."""


def file_name(arn: str, name: str) -> str:
    """A name for the file of an execution that every file system takes, whatever the execution is called."""
    readable = re.sub(r"[^A-Za-z0-9_-]+", "-", name)[:48].strip("-") or "execution"
    return f"{readable}-{sha256(arn.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}.jsonl"


# --- writing ----------------------------------------------------------------------------------------------------------


class FileStore(MemoryStore):
    """A `Store` that keeps each execution in a file as well. It works in memory; the files are for other processes.

    `create` and `commit` raise StoreFailed where the file cannot be written.
    """

    def __init__(self, directory: Path) -> None:
        super().__init__()
        self._directory = directory
        self._files: dict[str, int] = {}

    def create(self, execution: Execution, definition: str) -> None:
        super().create(execution, definition)
        path = self._made_directory() / file_name(execution.arn, execution.name)
        try:
            self._files[execution.arn] = _create(path)
        except FileExistsError:
            raise ExecutionAlreadyExists(f"Execution Already Exists: '{execution.arn}'") from None
        except OSError as fault:
            raise StoreFailed(f"{path}: cannot be written ({fault.strerror})") from None
        header = {
            "format": FORMAT,
            "executionArn": execution.arn,
            "name": execution.name,
            "stateMachineArn": execution.state_machine_arn,
            "stateMachineName": execution.state_machine_name,
            "type": execution.type.value,
            "roleArn": execution.role_arn,
            "startDate": timestamps.render(execution.started_at),
            "input": execution.input,
            "definition": definition,
        }
        self._append(execution, _line(header))

    def commit(self, execution: Execution, event: Event, changes: Changes, history: list[HistoryEvent]) -> None:
        self._append(execution, b"".join(_line(as_api(each)) for each in history))
        super().commit(execution, event, changes, history)
        if execution.status.is_terminal:
            os.close(self._files.pop(execution.arn))

    def _made_directory(self) -> Path:
        executions = self._directory / "executions"
        try:
            if not self._directory.is_dir():
                self._directory.mkdir(parents=True, exist_ok=True)
                (self._directory / ".gitignore").write_text("*\n", encoding="utf-8")
            executions.mkdir(exist_ok=True)
        except OSError as fault:
            raise StoreFailed(f"{executions}: cannot be made ({fault.strerror}); choose another --data") from None
        return executions

    def _append(self, execution: Execution, data: bytes) -> None:
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._files[execution.arn], view) :]
        except OSError as fault:
            path = self._directory / "executions" / file_name(execution.arn, execution.name)
            raise StoreFailed(f"{path}: cannot be written ({fault.strerror})") from None


def _create(path: Path) -> int:
    """The new file, locked for as long as this process has it open: that tells others that the execution runs."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | getattr(os, "O_CLOEXEC", 0), 0o666)
    if fcntl is not None:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return file


def _line(value: dict[str, Any]) -> bytes:
    try:
        return dumps(value).encode() + b"\n"
    except NotJson:  # half a surrogate pair, in the message of some exception: escaped, it can be written
        return json.dumps(value).encode() + b"\n"


# --- reading ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredExecution:
    """An execution in a file, as far as its first and last lines tell. Times are milliseconds since the epoch."""

    path: Path
    arn: str
    name: str
    state_machine_arn: str
    state_machine_name: str
    started_at: int
    status: ExecutionStatus
    latest_at: int
    """When its last event happened."""
    is_abandoned: bool
    """It never ended, and the process that ran it is gone."""

    def events(self) -> tuple[list[HistoryEvent], str | None]:
        """The history as far as it was written, and a note where a line of it is damaged; raises StoreFailed."""
        events: list[HistoryEvent] = []
        note = None
        for number, line in enumerate(_lines(self.path), start=1):
            if number == 1:
                continue
            row = _parsed(line)
            if row is None:
                note = f"{self.path}: line {number} is damaged; what follows is missing"
                break
            events.append(from_api(row))
        return events, note


def stored_executions(directory: Path) -> tuple[list[StoredExecution], list[str]]:
    """All executions, the newest first, and a note for each file that cannot be read; raises StoreFailed."""
    found, notes = [], []
    try:
        paths = sorted((directory / "executions").glob("*.jsonl"))
    except OSError as fault:
        raise StoreFailed(f"{directory}: cannot be read ({fault.strerror})") from None
    for path in paths:
        try:
            found.append(_summary(path))
        except StoreFailed as fault:
            notes.append(str(fault))
    found.sort(key=lambda each: each.started_at, reverse=True)
    return found, notes


def find_execution(directory: Path, wanted: str) -> StoredExecution:
    """The execution of this ARN, of this name, or whose name alone begins so; `@last` is the newest.

    Raises UnknownExecution and StoreFailed.
    """
    every, _ = stored_executions(directory)
    if not every:
        raise UnknownExecution(f"{directory}: holds no executions yet; `stepwell run FILE` makes one")
    if wanted == LAST:
        return every[0]
    found = [each for each in every if wanted in (each.arn, each.name)]
    if not found and len(wanted) >= SHORTEST_ABBREVIATION:
        found = [each for each in every if each.name.startswith(wanted)]
    if not found:
        raise UnknownExecution(f"Execution Does Not Exist: {wanted!r}; `stepwell list` shows those in {directory}")
    if len(found) > 1:
        raise UnknownExecution(f"{wanted!r} is not one execution; name it by its ARN: {_listed(found)}")
    return found[0]


def _listed(found: list[StoredExecution]) -> str:
    shown = ", ".join(each.arn for each in found[:5])
    return shown if len(found) <= 5 else f"{shown} and {len(found) - 5} more"


def _summary(path: Path) -> StoredExecution:
    header = _parsed(next(_lines(path), b""))
    if header is None:
        raise StoreFailed(f"{path}: is damaged: its first line is no JSON object")
    if header.get("format") != FORMAT:
        raise StoreFailed(f"{path}: has another format than {FORMAT}; was it made by a newer Stepwell?")
    try:
        started_at = (timestamps.parse(header["startDate"]) or 0) // 1_000_000
        latest = _latest_event(path)
        status = ENDS.get(latest.type, ExecutionStatus.RUNNING) if latest else ExecutionStatus.RUNNING
        return StoredExecution(
            path=path,
            arn=header["executionArn"],
            name=header["name"],
            state_machine_arn=header["stateMachineArn"],
            state_machine_name=header["stateMachineName"],
            started_at=started_at,
            status=status,
            latest_at=latest.at if latest else started_at,
            is_abandoned=status is ExecutionStatus.RUNNING and _has_no_writer(path),
        )
    except KeyError as missing:
        raise StoreFailed(f"{path}: is damaged: its first line has no {missing}") from None


def _latest_event(path: Path) -> HistoryEvent | None:
    """The last event that is whole, or None: read from the end of the file, which may be large."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            window = 4096
            while True:
                start = max(0, size - window)
                file.seek(start)
                lines = file.read(size - start).split(b"\n")[1:]  # the first may have its beginning cut off
                for line in reversed(lines):
                    row = _parsed(line)
                    if row is not None and "id" in row:
                        return from_api(row)
                if start == 0:
                    return None
                window *= 8
    except OSError as fault:
        raise StoreFailed(f"{path}: cannot be read ({fault.strerror})") from None


def _has_no_writer(path: Path) -> bool:
    if fcntl is None:
        return False
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            yield from file
    except OSError as fault:
        raise StoreFailed(f"{path}: cannot be read ({fault.strerror})") from None


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        value = loads(line)
    except InvalidJson:
        try:
            value = json.loads(line)  # reads half a surrogate pair that was written escaped
        except ValueError:
            return None
    return value if isinstance(value, dict) else None
