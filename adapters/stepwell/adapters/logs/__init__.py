"""Where execution logs go: the port of log groups, and what all sinks share.

`execution_log.ExecutionLog` writes to sinks: `files.LogFiles`, `console.Console`, `cloudwatch.CloudWatchLogs`.
"""

import json
from collections.abc import Sequence
from typing import Protocol

from stepwell.definitions.json_text import NotJson, dumps
from stepwell.engine.logs import Line

__all__ = ["Line", "LogGroups", "NotWritten", "as_json"]


class NotWritten(Exception):
    """Lines that a sink could not write. The text says why, and what can be done."""

    def __init__(self, text: str, lines: int) -> None:
        super().__init__(text)
        self.lines = lines
        """How many were lost."""


class LogGroups(Protocol):
    """Where the lines of log groups are written: a sink.

    It belongs to one thread, on which it may block; it is closed on that thread too, when nothing more comes.
    """

    def write(self, group: str, stream: str, lines: Sequence[Line]) -> None:
        """Writes lines of a log group, in their order; they are with the system, or sent, when this returns.

        Names come from requests and may be anything. Raises NotWritten for lines that were lost; it may be called again
        all the same.
        """

    def close(self) -> None: ...


def as_json(line: Line) -> str:
    """The line as one line of JSON."""
    try:
        return dumps(line)
    except NotJson:  # half a surrogate pair, which the operating system's names and messages may hold
        return json.dumps(line, separators=(",", ":"))
