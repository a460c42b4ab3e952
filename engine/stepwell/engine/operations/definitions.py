"""Definitions as callers hear of them: the author's faults become the caller's error."""

from collections.abc import Iterable

from stepwell.definitions import problems
from stepwell.definitions.problems import Problem, Severity
from stepwell.engine.errors import InvalidDefinition


def invalid_definition(faults: Iterable[Problem]) -> InvalidDefinition:
    """What AWS answers to a definition with these problems: its errors, joined; warnings are passed over.

    A fault without a place is `at null`, one of the whole definition `at /`.
    """
    errors = [fault for fault in faults if fault.severity is Severity.ERROR]
    return InvalidDefinition(str(problems.InvalidDefinition(errors)))
