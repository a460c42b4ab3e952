"""What the processes of a run have seen: one file, to which each line is written before anything follows from it.

A process that is killed has written a line or has not; the kernel keeps what was written.
"""

import json
import os
from pathlib import Path
from typing import Any, NamedTuple


class Note(NamedTuple):
    """A line of the file. `at`: where it begins."""

    at: int
    victim: int
    what: str
    about: dict[str, Any]


class Notes:
    """The end of the file to which one process writes."""

    def __init__(self, path: Path, victim: int) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        self._victim = victim

    def add(self, what: str, **about: Any) -> None:
        os.write(self._file, (json.dumps([self._victim, what, about]) + "\n").encode())

    def close(self) -> None:
        os.close(self._file)


class Reading:
    """Reads the file on, from where it was left."""

    def __init__(self, path: Path) -> None:
        path.touch()
        self._path = path
        self.at = 0
        """Where the file was read to."""

    def size(self) -> int:
        """Where the next line will begin, if it is written now."""
        return self._path.stat().st_size

    def read(self) -> list[Note]:
        """The notes since the last time."""
        with self._path.open("rb") as file:
            file.seek(self.at)
            text = file.read()
        found = []
        for line in text.splitlines(keepends=True):
            victim, what, about = json.loads(line)
            found.append(Note(self.at, victim, what, about))
            self.at += len(line)
        return found
