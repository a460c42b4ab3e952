"""What a path is made of, once its text is read.

A `Selector` is a root and its steps; a filter step holds a condition, whose operands may be selectors again. Every
step knows its *fragment*, which is how messages spell it (`['a']`, `[0]`, `[?]`), and whether it is *definite*: whether
it selects at most one value from one value.

A step that names several members is definite where it is the last (it gives one object with them), indefinite before
another (which is applied to each of them).
"""

import re
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from stepwell.definitions.expressions import Json


class Property(Struct, frozen=True):
    """`.name`, `['name']` or `['one','other']`.

    `is_plain` is False for a bare name with one of the characters that a Reference Path must not hold.
    """

    names: tuple[str, ...]
    quote: str = "'"
    is_plain: bool = True

    @property
    def fragment(self) -> str:
        return f"[{','.join(f'{self.quote}{name}{self.quote}' for name in self.names)}]"


class Index(Struct, frozen=True):
    """`[0]` or `[0,-1]`: negative ones count from the end."""

    indexes: tuple[int, ...]

    @property
    def fragment(self) -> str:
        return f"[{','.join(map(str, self.indexes))}]"


class Slice(Struct, frozen=True):
    """`[start:stop]`, one of which may be absent."""

    start: int | None
    stop: int | None

    @property
    def fragment(self) -> str:
        return f"[{'' if self.start is None else self.start}:{'' if self.stop is None else self.stop}]"


class Wildcard(Struct, frozen=True):
    """`.*` or `[*]`."""

    fragment: str = "[*]"


class DeepScan(Struct, frozen=True):
    """`..`: the step that follows is applied to every array and object from here down."""

    fragment: str = ".."


class Filter(Struct, frozen=True):
    """`[?(condition)]`."""

    condition: "Condition"

    @property
    def fragment(self) -> str:
        return "[?]"


class Function(Struct, frozen=True):
    """`.name()` or `.name(argument, ...)`. Its name is looked up when the path is read."""

    name: str
    arguments: tuple["Argument", ...] = ()

    @property
    def fragment(self) -> str:
        return f".{self.name}{'(...)' if self.arguments else '()'}"


Step = Property | Index | Slice | Wildcard | DeepScan | Filter | Function


class Selector(Struct, frozen=True):
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


class JsonArgument(Struct, frozen=True):
    """An argument of a function that is JSON text."""

    text: str


Argument = JsonArgument | Selector


class Literal(Struct, frozen=True):
    """A value written in a filter."""

    value: Json


class Regex(Struct, frozen=True):
    """`/pattern/flags`."""

    pattern: re.Pattern[str]


Operand = Literal | Regex | Selector


class Comparison(Struct, frozen=True):
    """`left operator right`. The operator is in upper case."""

    left: Operand
    operator: str
    right: Operand


class Existence(Struct, frozen=True):
    """`@.name` or `!@.name`."""

    selector: Selector
    is_expected: bool


class Conjunction(Struct, frozen=True):
    conditions: tuple["Condition", ...]


class Disjunction(Struct, frozen=True):
    conditions: tuple["Condition", ...]


class Negation(Struct, frozen=True):
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
