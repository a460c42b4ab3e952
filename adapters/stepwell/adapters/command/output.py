"""What commands write: stdout is for results, stderr for everything else.

Rule 1: on a terminal results are laid out for reading, with colours; anywhere else they are plain and complete.
Rule 2: rich is imported only where there is a terminal to draw on.
Rule 3: what is said on stderr is one line.
"""

import json
import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any, TextIO

import click

from stepwell.definitions.json_text import NotJson, dumps, loads

if TYPE_CHECKING:
    from rich.console import Console

LONGEST_LINE = 2000
SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
ASCII = str.maketrans("◷↻✓✗■·…×" + SPINNER, "~r+x--~x" + "*" * len(SPINNER))
LARGEST_IN_COLOUR = 20_000
"""Characters of JSON: colouring more takes longer than a person likes to wait."""


def is_terminal(stream: TextIO) -> bool:
    return stream.isatty() and os.environ.get("TERM") != "dumb"


@cache
def console(*, stderr: bool) -> "Console":
    """The terminal as rich sees it, NO_COLOR and the size of the window included."""
    from rich.console import Console

    return Console(stderr=stderr, highlight=False, emoji=False, markup=False)


def one_line(text: str, longest: int = LONGEST_LINE) -> str:
    """The text without line breaks and control characters, cut where it is too long."""
    line = printable(" ".join(text.split()))
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def printable(line: str) -> str:
    """The text without control characters, which a terminal would obey."""
    return "".join(character if character.isprintable() else "�" for character in line)


def spelled(text: str, encoding: str) -> str:
    """The text in characters that the terminal knows."""
    if encoding.lower().startswith("utf"):
        return text
    return text.translate(ASCII).encode("ascii", "replace").decode()


def say(text: str) -> None:
    """One line on stderr, with who says it."""
    write(sys.stderr, f"stepwell: {one_line(text)}\n")


def write(stream: TextIO, text: str) -> bool:
    """Text to a stream that may not know all of its characters, and that may have nobody at its other end.

    Returns whether there is somebody still.
    """
    try:
        try:
            stream.write(text)
        except UnicodeEncodeError:
            encoding = stream.encoding or "ascii"
            stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
        stream.flush()
        return True
    except BrokenPipeError:
        give_up(stream)
        return False
    except OSError as fault:
        give_up(stream)
        raise CannotWrite(f"cannot write the output: {fault.strerror}") from None


def give_up(stream: TextIO) -> None:
    """Lets a stream that cannot be written swallow what is left in its buffer, or it fails again when Python ends."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def write_json(value: Any) -> None:
    """A value on stdout: laid out on a terminal, else as compact text."""
    if not is_terminal(sys.stdout):
        write(sys.stdout, compact(value) + "\n")
        return
    text = json.dumps(value, indent=2, ensure_ascii=False)
    if len(text) > LARGEST_IN_COLOUR or "NO_COLOR" in os.environ:
        write(sys.stdout, text + "\n")
        return
    from rich.highlighter import JSONHighlighter
    from rich.text import Text

    shown = Text(text)
    JSONHighlighter().highlight(shown)
    console(stderr=False).print(shown, soft_wrap=True)


def write_json_text(text: str) -> None:
    """JSON text on stdout: as it is where nobody looks at it, so that not one digit changes."""
    if is_terminal(sys.stdout):
        write_json(loads(text))
    else:
        write(sys.stdout, text + "\n")


def compact(value: Any) -> str:
    """The JSON text of a value on one line."""
    try:
        return dumps(value)
    except NotJson:  # half a surrogate pair in the message of some exception
        return json.dumps(value, separators=(",", ":"))


def table(rows: Iterable[tuple[str, ...]], titles: tuple[str, ...]) -> str:
    """Rows as aligned columns, the last of them as long as it is."""
    every = [titles, *rows]
    widths = [max(len(row[column]) for row in every) for column in range(len(titles) - 1)]
    lines = (
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]]) for row in every
    )
    return "".join(f"{line.rstrip()}\n" for line in lines)


class CannotWrite(click.ClickException):
    """Nothing can be written where the output goes: one line, exit 1."""

    exit_code = 1


class CannotBeDone(click.ClickException):
    """The command cannot do what was asked: one line, exit 2."""

    exit_code = 2
