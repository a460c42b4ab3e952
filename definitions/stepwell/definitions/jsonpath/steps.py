"""What a path is made of, once its text is read.

A `Selector` is a root and its steps; a filter step holds a condition, whose operands may be selectors again. Every
step knows its *fragment*, which is how messages spell it (`['a']`, `[0]`, `[?]`), and whether it is *definite*: whether
it selects at most one value from one value.

A step that names several members is definite where it is the last (it gives one object with them), indefinite before
another (which is applied to each of them).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from stepwell.definitions.expressions import Json


@dataclass(frozen=True, slots=True)
class Property:
    """`.name`, `['name']` or `['one','other']`.

    `is_plain` is False for a bare name with one of the characters that a Reference Path must not hold.
    """

    names: tuple[str, ...]
    quote: str = "'"
    is_plain: bool = True

    @property
    def fragment(self) -> str:
        return f"[{','.join(f'{self.quote}{name}{self.quote}' for name in self.names)}]"


@dataclass(frozen=True, slots=True)
class Index:
    """`[0]` or `[0,-1]`: negative ones count from the end."""

    indexes: tuple[int, ...]

    @property
    def fragment(self) -> str:
        return f"[{','.join(map(str, self.indexes))}]"


@dataclass(frozen=True, slots=True)
class Slice:
    """`[start:stop]`, one of which may be absent."""

    start: int | None
    stop: int | None

    @property
    def fragment(self) -> str:
        return f"[{'' if self.start is None else self.start}:{'' if self.stop is None else self.stop}]"


@dataclass(frozen=True, slots=True)
class Wildcard:
    """`.*` or `[*]`."""

    fragment: str = "[*]"


@dataclass(frozen=True, slots=True)
class DeepScan:
    """`..`: the step that follows is applied to every array and object from here down."""

    fragment: str = ".."


@dataclass(frozen=True, slots=True)
class Filter:
    """`[?(condition)]`."""

    condition: "Condition"

    @property
    def fragment(self) -> str:
        return "[?]"


@dataclass(frozen=True, slots=True)
class Function:
    """`.name()` or `.name(argument, ...)`. Its name is looked up when the path is read."""

    name: str
    arguments: tuple["Argument", ...] = ()

    @property
    def fragment(self) -> str:
        return f".{self.name}{'(...)' if self.arguments else '()'}"


Step = Property | Index | Slice | Wildcard | DeepScan | Filter | Function


@dataclass(frozen=True, slots=True)
class Selector:
    """A path without its text. `root` is `$` or `@`.

    `is_complete` is False where a character at the end of the text was ignored.
    """

    root: str
    steps: tuple[Step, ...]
    is_complete: bool = True

    def __str__(self) -> str:
        return self.root + fragments(self.steps)

    @property
    def definite(self) -> bool:
        """Whether it can select at most one value."""
        return first_indefinite(self.steps) == len(self.steps)

    @property
    def is_function(self) -> bool:
        """Whether it ends in a function."""
        return bool(self.steps) and isinstance(self.steps[-1], Function)


@dataclass(frozen=True, slots=True)
class JsonArgument:
    """An argument of a function that is JSON text."""

    text: str


Argument = JsonArgument | Selector


@dataclass(frozen=True, slots=True)
class Literal:
    """A value written in a filter."""

    value: Json


@dataclass(frozen=True, slots=True)
class Regex:
    """`/pattern/flags`."""

    pattern: re.Pattern[str]


Operand = Literal | Regex | Selector


@dataclass(frozen=True, slots=True)
class Comparison:
    """`left operator right`. The operator is in upper case."""

    left: Operand
    operator: str
    right: Operand


@dataclass(frozen=True, slots=True)
class Existence:
    """`@.name` or `!@.name`."""

    selector: Selector
    is_expected: bool


@dataclass(frozen=True, slots=True)
class Conjunction:
    conditions: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Disjunction:
    conditions: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Negation:
    condition: "Condition"


Condition = Comparison | Existence | Conjunction | Disjunction | Negation

SCAN: Final = DeepScan()
ALL: Final = Wildcard()


def fragments(steps: Sequence[Step]) -> str:
    """Steps as messages spell them."""
    return "".join([step.fragment for step in steps])


def first_indefinite(steps: Sequence[Step]) -> int:
    """The place of the first indefinite step, or the number of steps where all are definite."""
    last = len(steps) - 1
    for place, step in enumerate(steps):
        match step:
            case Property(names) if len(names) == 1 or place == last:
                continue
            case Index(indexes) if len(indexes) == 1:
                continue
            case Function():
                continue
            case _:
                return place
    return len(steps)
