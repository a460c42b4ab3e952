"""What callers may ask of a definition alone: what is wrong with it."""

from typing import Any

from stepwell.definitions.check import examine
from stepwell.definitions.kinds import StateMachineType
from stepwell.definitions.problems import InvalidSource, Problem, Severity
from stepwell.definitions.source import read_source

DIAGNOSTICS = 100
"""At most so many are told. API model, ValidateStateMachineDefinition."""


def validate_definition(
    text: str, *, type: str = "STANDARD", severity: str = "ERROR", max_results: int | None = None
) -> dict[str, Any]:
    """As ValidateStateMachineDefinition answers. Only errors make it FAIL; warnings are told with severity WARNING."""
    try:
        problems = examine(read_source(text, format="json"), type=StateMachineType(type))
    except InvalidSource as fault:
        problems = list(fault.problems)
    told = [each for each in problems if severity == "WARNING" or each.severity is Severity.ERROR]
    shown = told[: max_results or DIAGNOSTICS]
    return {
        "result": "FAIL" if any(each.severity is Severity.ERROR for each in problems) else "OK",
        "diagnostics": [_diagnostic(each) for each in shown],
        "truncated": len(shown) < len(told),
    }


def _diagnostic(problem: Problem) -> dict[str, Any]:
    row = {"severity": problem.severity.value, "code": problem.code, "message": problem.message}
    return row if problem.location is None else {**row, "location": problem.location}
