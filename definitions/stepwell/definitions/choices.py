"""Choice rules: comparisons of JSON values, and how And, Or and Not join them.

Nothing is coerced: a comparison of values of the wrong type is false, never an error. A missing Variable is an error
for every operator but IsPresent.
"""

import operator
import re
from collections.abc import Callable, Mapping
from functools import cache
from math import inf
from typing import TYPE_CHECKING

from stepwell.definitions import timestamps
from stepwell.definitions.expressions import Environment, Expression, Json
from stepwell.definitions.failure import Failed
from stepwell.definitions.paths import compile_reader

if TYPE_CHECKING:
    from stepwell.definitions.model import Comparison

Compare = Callable[[Json, Json], bool]
Condition = Callable[[Json, Environment], bool]


def _strings(compare: Callable[[str, str], bool]) -> Compare:
    return lambda left, right: type(left) is str and type(right) is str and compare(_utf16(left), _utf16(right))


def _utf16(text: str) -> str:
    """Text whose Python order is Java's: by UTF-16 code units, which differs above U+FFFF only."""
    return text if text.isascii() or max(text) <= "\uffff" else text.encode("utf-16-be").decode("latin-1")


def _numbers(compare: Callable[[float, float], bool]) -> Compare:
    def compared(left: Json, right: Json) -> bool:
        return type(left) in NUMBERS and type(right) in NUMBERS and compare(_double(left), _double(right))

    return compared


def _double(number: float) -> float:
    """The number as AWS holds it: a double, so that integers above 2^53 lose digits."""
    if -EXACT <= number <= EXACT:
        return number
    try:
        return float(number)
    except OverflowError:
        return inf if number > 0 else -inf


def _instants(compare: Callable[[int, int], bool]) -> Compare:
    def compared(left: Json, right: Json) -> bool:
        if type(left) is not str or type(right) is not str:
            return False
        first, second = timestamps.parse(left), timestamps.parse(right)
        return first is not None and second is not None and compare(first, second)

    return compared


@cache
def _pieces(pattern: str) -> tuple[str, ...]:
    """The literal pieces between the stars. `*` stands for any characters, `\\*` for a star, `\\\\` for a backslash."""
    pieces = [""]
    for part in re.findall(r"\\[\\*]|\*|[^\\*]+|\\", pattern):
        if part == "*":
            pieces.append("")
        else:
            pieces[-1] += ESCAPED.get(part, part)
    return tuple(pieces)


def _string_matches(text: Json, pattern: str) -> bool:
    """Whether the pieces stand in the text one after the other, the first at its start, the last at its end.

    Taking each piece where it comes first is enough, and linear: a regular expression would try all ways.
    """
    if type(text) is not str:
        return False
    first, *others = _pieces(pattern)
    if not others:
        return text == first
    last = others.pop()
    start, end = len(first), len(text) - len(last)
    if end < start or not text.startswith(first) or not text.endswith(last):
        return False
    for piece in others:
        found = text.find(piece, start, end)
        if found < 0:
            return False
        start = found + len(piece)
    return True


ESCAPED = {r"\*": "*", r"\\": "\\"}
NUMBERS = (int, float)
EXACT = 2**53

ORDERS: dict[str, Callable[[Json, Json], bool]] = {
    "Equals": operator.eq,
    "LessThan": operator.lt,
    "GreaterThan": operator.gt,
    "LessThanEquals": operator.le,
    "GreaterThanEquals": operator.ge,
}

COMPARISONS: dict[str, Compare] = {
    **{f"String{order}": _strings(compare) for order, compare in ORDERS.items()},
    **{f"Numeric{order}": _numbers(compare) for order, compare in ORDERS.items()},
    **{f"Timestamp{order}": _instants(compare) for order, compare in ORDERS.items()},
    "BooleanEquals": lambda left, right: type(left) is bool and left is right,
    "StringMatches": _string_matches,
}
"""Every operator with an operand of its own; all but StringMatches also exist with `Path`."""

TYPE_TESTS: Mapping[str, Callable[[Json], bool]] = {
    "IsNull": lambda value: value is None,
    "IsPresent": lambda value: True,
    "IsNumeric": lambda value: type(value) in NUMBERS,
    "IsString": lambda value: type(value) is str,
    "IsBoolean": lambda value: type(value) is bool,
    "IsTimestamp": lambda value: type(value) is str and timestamps.parse(value) is not None,
}


def _missing_variable(text: str, _message: str, _document: Json) -> str:
    return f"Invalid path '{text}': The choice state's condition path references an invalid value."


def compile_rule(rule: "Comparison") -> Condition:
    """The rule as a function of the state's effective input; raises `Failed` where a path leads nowhere."""
    if rule.and_ is not None:
        parts = [compile_rule(part) for part in rule.and_]
        return lambda document, environment: all(part(document, environment) for part in parts)
    if rule.or_ is not None:
        parts = [compile_rule(part) for part in rule.or_]
        return lambda document, environment: any(part(document, environment) for part in parts)
    if rule.not_ is not None:
        inner = compile_rule(rule.not_)
        return lambda document, environment: not inner(document, environment)
    found = rule.operator()
    assert found is not None and rule.variable is not None, "a checked rule has a Variable and an operator"
    name, operand = found
    return _compile_comparison(name, operand, compile_reader(rule.variable, _missing_variable))


def _compile_comparison(name: str, operand: Json, read: Expression) -> Condition:
    if name == "IsPresent":
        return lambda document, environment: _is_present(read, document, environment) is operand
    if name in TYPE_TESTS:
        test = TYPE_TESTS[name]
        return lambda document, environment: test(read(document, environment)) is operand
    if name.endswith("Path"):
        compare = COMPARISONS[name.removesuffix("Path")]
        read_operand = compile_reader(operand, _missing_variable)
        return lambda document, environment: compare(read(document, environment), read_operand(document, environment))
    compare = COMPARISONS[name]
    return lambda document, environment: compare(read(document, environment), operand)


def _is_present(read: Expression, document: Json, environment: Environment) -> bool:
    try:
        read(document, environment)
    except Failed:
        return False
    return True
