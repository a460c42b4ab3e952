"""JSON that is given on the command line: as text, in a file, or on stdin."""

import os
import sys
from pathlib import Path

from stepwell.adapters.command.output import CannotBeDone
from stepwell.definitions.expressions import Json
from stepwell.definitions.json_text import InvalidJson, loads


def read_value(given: str, where: str, what: str, *, from_stdin: bool = False) -> Json:
    """The value of JSON text, of `@FILE`, or with `from_stdin` of `-`.

    `where` and `what` name it in the one line of a fault: `--input`, `the input`. Raises CannotBeDone.
    """
    text, place = read_text(given, where, what, from_stdin=from_stdin)
    return value_of(text, place, what, hint=hint_of_a_file(given) if place == where else "")


def read_text(given: str, where: str, what: str, *, from_stdin: bool = False) -> tuple[str, str]:
    """The text that was given, or that of the file or of stdin, and where it stood. Raises CannotBeDone."""
    try:
        if from_stdin and given == "-":
            where, given = "stdin", sys.stdin.buffer.read().decode("utf-8-sig")
        elif given.startswith("@"):
            where = given[1:]
            given = Path(where).read_bytes().decode("utf-8-sig")
    except OSError as fault:
        raise CannotBeDone(f"{what} {where} cannot be read: {fault.strerror}") from None
    except ValueError:
        raise CannotBeDone(f"{what} {where} is no text in UTF-8") from None
    return given, where


def value_of(text: str, where: str, what: str, *, hint: str = "") -> Json:
    """The value of a JSON text. Raises CannotBeDone, which names the place of the fault."""
    try:
        return loads(text)
    except InvalidJson as fault:
        message = fault.message.partition(": was expecting")[0]
        raise CannotBeDone(
            f"{where}:{fault.line}:{fault.column}: {what} is no JSON: {message}: expected {fault.expected}{hint}"
        ) from None


def hint_of_a_file(given: str) -> str:
    """What a person may have meant by a text that is no JSON."""
    if os.path.isfile(given):
        return f"; is it a file? Then write @{given}"
    if given.replace("_", "").replace("-", "").isalnum():
        return f"; is it a text? Then write '\"{given}\"'"
    return ""
