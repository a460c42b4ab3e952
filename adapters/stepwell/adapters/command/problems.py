"""How the problems of a definition are shown: `order.asl.json:12:7: ERROR CODE message (location)`.

Editors and terminals find the place by the first part. On a terminal the line of the file follows, with a caret.
"""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

from stepwell.adapters.command.output import console, is_terminal, one_line, write
from stepwell.definitions.problems import Problem, Severity

INDENT = "    "


def show_problems(problems: Iterable[Problem], file: str, stream: TextIO) -> None:
    """Writes problems in the order they have."""
    is_coloured = is_terminal(stream)
    source = _lines_of(file) if is_coloured else []
    for problem in problems:
        if is_coloured:
            _draw(problem, file, source, stream)
        else:
            place, rest = described(problem, file)
            write(stream, f"{place}: {problem.severity.value} {rest}\n")


def described(problem: Problem, file: str) -> tuple[str, str]:
    """The place, and what is wrong there."""
    place = ":".join(str(part) for part in (file, problem.line, problem.column) if part is not None)
    # Where a text is no JSON AWS gives the place of the fault as its location; we have it in front.
    location = problem.location if (problem.location or "").startswith("/") else None
    message = problem.message.partition("\n at [")[0]
    return place, one_line(f"{problem.code} {message}" + (f" ({location})" if location else ""))


def _lines_of(file: str) -> list[str]:
    try:
        return Path(file).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, ValueError):
        return []


def _draw(problem: Problem, file: str, source: list[str], stream: TextIO) -> None:
    from rich.text import Text

    place, rest = described(problem, file)
    colour = "bold red" if problem.severity is Severity.ERROR else "bold yellow"
    target = console(stderr=stream is sys.stderr)
    code, _, message = rest.partition(" ")
    shown = Text.assemble((place, "bold"), ": ", (problem.severity.value, colour), " ", (code, "dim"), " ", message)
    target.print(shown, overflow="fold")
    if problem.line is None or problem.column is None or problem.line > len(source):
        return
    line, caret = excerpt(source[problem.line - 1], problem.column, target.width - len(INDENT))
    target.print(Text(f"{INDENT}{line}", "dim"), soft_wrap=True)
    target.print(Text(f"{INDENT}{caret}", colour), soft_wrap=True)


def excerpt(line: str, column: int, width: int) -> tuple[str, str]:
    """As much of a line as there is room for, and a caret for the line below it."""
    line = line.replace("\t", " ").rstrip()
    stripped = line.lstrip()
    at = min(max(0, column - 1 - (len(line) - len(stripped))), len(stripped))
    start = max(0, at - width * 2 // 3)
    shown = stripped[start : start + width]
    if start:
        shown = f"…{shown[1:]}"
    return shown, " " * min(at - start, len(shown)) + "^"
