"""Execution logs on standard output, for whoever collects it: one line of JSON each, with its log group first."""

import sys
from collections.abc import Sequence
from typing import TextIO

from stepwell.adapters.logs import Line, NotWritten, as_json


class Console:
    """Writes to standard output, or to another stream of text."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = sys.stdout if stream is None else stream

    def write(self, group: str, stream: str, lines: Sequence[Line]) -> None:
        text = "".join(f"{as_json({'log_group': group, **line})}\n" for line in lines)
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError) as fault:  # ValueError: it was closed, or its encoding lacks a character
            raise NotWritten(f"standard output: cannot be written ({fault})", len(lines)) from None

    def close(self) -> None:
        """The stream stays open: it is not ours."""
