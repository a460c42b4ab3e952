"""`stepwell validate`: the diagnostics of ValidateStateMachineDefinition, each with its file, line and column."""

import sys
from pathlib import Path
from typing import Any

import click

from stepwell.adapters.command.output import console, is_terminal, write, write_json
from stepwell.adapters.command.problems import show_problems
from stepwell.adapters.definition_files import UnreadableDefinition, read_definition
from stepwell.definitions.check import examine
from stepwell.definitions.kinds import StateMachineType
from stepwell.definitions.problems import InvalidDefinition, Problem, Severity

UNREADABLE = "UNREADABLE_DEFINITION"
"""The code of our own diagnostic: the file cannot be read at all."""


@click.command("validate", short_help="Check definitions as AWS checks them.")
@click.argument("files", metavar="FILE[#LogicalId]...", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="The diagnostics as one JSON object, in AWS's shape.")
def command(files: tuple[str, ...], as_json: bool) -> int:
    """Check definitions as AWS checks them when a state machine is created: all problems at once, each with its place.

    A FILE is a definition in JSON or YAML, or a SAM or CloudFormation template that holds one. Where a template holds
    several state machines, name one: template.yaml#OrderMachine.

    \b
    Examples:
      stepwell validate order.asl.json
      stepwell validate machines/*.asl.json
      stepwell validate template.yaml#OrderMachine --json | jq '.diagnostics[].message'

    Exit code: 0 when nothing is an ERROR (there may be warnings), 1 when something is, 2 when a file cannot be read.
    """
    found = [(file, *diagnosed(file)) for file in files]
    every = [problem for _, _, problems in found for problem in problems]
    if as_json:
        rows = [_row(problem, path) for _, path, problems in found for problem in problems]
        write_json({"result": "FAIL" if _has_errors(every) else "OK", "diagnostics": rows})
    else:
        for file, path, problems in found:
            show_problems(problems, path, sys.stdout)
            if not _has_errors(problems) and is_terminal(sys.stdout):
                _praise(file, len(problems))
    if any(problem.code == UNREADABLE for problem in every):
        return 2
    return 1 if _has_errors(every) else 0


def diagnosed(file: str) -> tuple[str, tuple[Problem, ...]]:
    """The file that the definition's text stands in, and the problems in it."""
    path = _without_id(file)
    try:
        loaded = read_definition(Path(file))
        path = str(loaded.path) if loaded.path else path
        return path, (*examine(loaded.source, type=StateMachineType(loaded.type)), *loaded.source.duplicates)
    except UnreadableDefinition as fault:
        message = str(fault).removeprefix(f"{path}: ")
        return path, (Problem(None, UNREADABLE, message),)
    except InvalidDefinition as fault:
        return fault.source or path, fault.problems


def _without_id(file: str) -> str:
    return file if Path(file).exists() else file.rpartition("#")[0] or file


def _has_errors(problems: "list[Problem] | tuple[Problem, ...]") -> bool:
    return any(problem.severity is Severity.ERROR for problem in problems)


def _row(problem: Problem, file: str) -> dict[str, Any]:
    row: dict[str, Any] = {"severity": problem.severity.value, "code": problem.code, "message": problem.message}
    if problem.location is not None:
        row["location"] = problem.location
    return {**row, "file": file, "line": problem.line, "column": problem.column}


def _praise(file: str, warnings: int) -> None:
    from rich.text import Text

    said = "no problems" if not warnings else "no errors"
    try:
        console(stderr=False).print(Text.assemble(("✓ ", "green"), f"{file}: {said}"), soft_wrap=True)
    except UnicodeEncodeError:
        write(sys.stdout, f"{file}: {said}\n")
