"""Execution logs in files: one of JSON lines for each log group.

`/aws/vendedlogs/states/orders` is written to `%2Faws%2Fvendedlogs%2Fstates%2Forders.jsonl`. Several processes may write
to one file: each call appends whole lines.
"""

import re
from collections import OrderedDict
from collections.abc import Sequence
from hashlib import sha256
from io import SEEK_END, FileIO
from os import PathLike
from pathlib import Path

from stepwell.adapters.logs import Line, NotWritten, as_json

MOST_OPEN = 64
"""Files; beyond these the one that was written to longest ago is closed."""

LONGEST_NAME = 180
"""Characters: systems allow 255, and a name of 512 characters may become three times as long."""

UNSAFE = re.compile(rb"[^A-Za-z0-9._-]|\A\.")
"""A dot at the beginning would make a hidden file, or with another one the directory above."""


def file_name(group: str) -> str:
    """The name of a log group's file: it holds nothing that leads out of a directory, and no two groups have one."""
    data = group.encode("utf-8", "surrogatepass")
    name = UNSAFE.sub(lambda found: b"%%%02X" % found[0][0], data).decode()
    if len(name) > LONGEST_NAME:
        name = f"{name[:LONGEST_NAME]}-{sha256(data).hexdigest()}"
    return f"{name}.jsonl"


class LogFiles:
    """Appends to files in a directory, which is made when it is needed."""

    def __init__(self, directory: str | PathLike[str]) -> None:
        self._directory = Path(directory)
        self._open: OrderedDict[str, FileIO] = OrderedDict()

    def write(self, group: str, stream: str, lines: Sequence[Line]) -> None:
        text = "".join(f"{as_json(line)}\n" for line in lines)
        name = file_name(group)
        try:
            _append(self._file(name), text.encode())
        except OSError as fault:
            self._close(name)
            path = self._directory / name
            raise NotWritten(f"{path}: cannot be written ({fault.strerror or fault})", len(lines)) from None

    def close(self) -> None:
        for name in list(self._open):
            self._close(name)

    def _file(self, name: str) -> FileIO:
        file = self._open.get(name)
        if file is None:
            while len(self._open) >= MOST_OPEN:
                self._close(next(iter(self._open)))
            self._directory.mkdir(parents=True, exist_ok=True)
            file = self._open[name] = FileIO(self._directory / name, "a+")
            _end_torn_line(file)
        self._open.move_to_end(name)
        return file

    def _close(self, name: str) -> None:
        file = self._open.pop(name, None)
        if file is not None:
            file.close()


def _end_torn_line(file: FileIO) -> None:
    """Whoever wrote last may have been killed, or run out of space, within a line."""
    size = file.seek(0, SEEK_END)
    if size == 0:
        return
    file.seek(size - 1)
    if file.read(1) != b"\n":
        _append(file, b"\n")


def _append(file: FileIO, data: bytes) -> None:
    while data:
        data = data[file.write(data) :]
