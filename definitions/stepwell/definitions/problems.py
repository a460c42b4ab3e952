"""The author's errors: everything wrong with a definition, each fault with its place.

InvalidDefinition            a definition that cannot be used; `problems` holds all of them
    InvalidSource            text that is no JSON or YAML at all: there is one problem, with line and column
"""

from collections.abc import Sequence
from enum import StrEnum

from msgspec import Struct


class Severity(StrEnum):
    ERROR = "ERROR"
    WARNING = "WARNING"


class Problem(Struct, frozen=True):
    """One fault of a definition.

    `location` is AWS's pointer (`/States/Load/Retry[0]`); None where the fault has no place. `code` and `message` are
    those of ValidateStateMachineDefinition. `line` and `column` count from 1 and are None where the definition did
    not come from text. `offset` counts the characters before the fault, where it lies within a text of the definition.
    """

    location: str | None
    code: str
    message: str
    severity: Severity = Severity.ERROR
    line: int | None = None
    column: int | None = None
    offset: int | None = None

    def __str__(self) -> str:
        """As AWS words it in `InvalidDefinition`: a fault without a place prints `at null`."""
        return f"{self.code}: {self.message} at {self.location or 'null'}"


class InvalidDefinition(ValueError):
    """A definition that cannot be run. `problems` has every fault found, in the order of the text."""

    def __init__(self, problems: Sequence[Problem], source: str | None = None) -> None:
        self.problems = tuple(problems)
        self.source = source
        texts = ", ".join(map(str, self.problems))
        super().__init__(f"Invalid State Machine Definition: '{texts}'")


class InvalidSource(InvalidDefinition):
    """Text that is neither JSON nor YAML. Its one problem says where and what was expected."""
