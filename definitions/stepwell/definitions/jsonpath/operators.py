"""The operators of filters, as a table: what `left operator right` says of two values.

Comparisons are typed, and never fail for a value of the wrong kind: they are false. Beyond that:

- A path that finds nothing is `MISSING`. It equals nothing, so `@.none != 1` and `@.none nin [1]` are true.
- A number and a string are equal as the left one sees it: a number reads the string as a number, a string takes the
  number's text. `<` and its like compare only numbers with numbers and strings with strings.
- `1 == 1.0` is true, but within arrays and objects a whole number differs from a fraction, as in Java.
- An operator that wants a list and meets something else raises `PathNotApplicable`: the filter as a whole is false.
- A regular expression must match the whole text. Null, an object and what is missing have the empty text.
"""

import re
from collections.abc import Callable, Iterable
from functools import partial
from operator import ge, gt, le, lt
from typing import Any, Final

from stepwell.definitions.expressions import Json
from stepwell.definitions.jsonpath.failures import FunctionFailed, PathNotApplicable
from stepwell.definitions.jsonpath.java import number_text, parse_number

MISSING: Final[Any] = type("Missing", (), {"__slots__": (), "__repr__": lambda _: "MISSING"})()
"""Where a path found nothing. No JSON value, and not null."""

Operator = Callable[[Any, Any], bool]
"""Of two JSON values, either of which may be `MISSING` or a compiled regular expression."""

_NUMBERS: Final = frozenset({int, float})
_ORDERED: Final = frozenset({(int, int), (float, float), (int, float), (float, int), (str, str)})
_CONTAINERS: Final = frozenset({dict, list})


def equals(left: Any, right: Any) -> bool:
    """`==`."""
    left_type, right_type = type(left), type(right)
    if left_type is str:
        return bool(left == right) if right_type is str else right_type in _NUMBERS and left == number_text(right)
    if left_type in _NUMBERS:
        if right_type in _NUMBERS:
            return bool(left == right)
        return right_type is str and parse_number(right) == left
    if left_type in _CONTAINERS:
        return _same(left, right)
    return left_type is right_type and left_type in {bool, type(None)} and left is right


def _same(left: Json, right: Json) -> bool:
    """Java's equality of maps and lists. Does not recurse: documents may be of any depth."""
    pending = [(left, right)]
    while pending:
        one, other = pending.pop()
        if type(one) is not type(other):
            return False
        if type(one) is dict:
            if one.keys() != other.keys():
                return False
            pending += [(member, other[name]) for name, member in one.items()]
        elif type(one) is list:
            if len(one) != len(other):
                return False
            pending += zip(one, other, strict=True)
        elif one != other:
            return False
    return True


def _kind(value: Any) -> Any:
    return "number" if type(value) in _NUMBERS else "json" if type(value) in _CONTAINERS else type(value)


def _equals_in_kind(left: Any, right: Any) -> bool:
    return bool(_kind(left) == _kind(right)) and equals(left, right)


def _compare(order: Operator, left: Any, right: Any) -> bool:
    return (type(left), type(right)) in _ORDERED and order(left, right)


def _elements(value: Any) -> list[Json]:
    """The elements of a list operand. Jayway has no way to compare an array or object among them."""
    for element in value:
        if type(element) in _CONTAINERS:
            raise FunctionFailed("Could not determine value type")
    return list(value)


def _list_or_false(value: Any) -> list[Json] | None:
    """A list's elements; None for an object, which such operators find false. Anything else ends the filter."""
    if type(value) is list:
        return _elements(value)
    if type(value) is dict:
        return None
    raise PathNotApplicable("Expected value list node")


def _is_among(value: Any, elements: Iterable[Json]) -> bool:
    return any(equals(value, element) for element in elements)


def _in(left: Any, right: Any) -> bool:
    elements = _list_or_false(right)
    return elements is not None and _is_among(left, elements)


def _contains(left: Any, right: Any) -> bool:
    if type(left) is str:
        return type(right) is str and right in left
    return type(left) is list and _is_among(right, _elements(left))


def _of_lists(test: Callable[[list[Json], list[Json]], bool], left: Any, right: Any) -> bool:
    right_elements = _list_or_false(right)
    if right_elements is None:
        return False
    left_elements = _list_or_false(left)
    return left_elements is not None and test(left_elements, right_elements)


def _is_subset(left: list[Json], right: list[Json]) -> bool:
    return all(_is_among(element, right) for element in left)


def _overlaps(left: list[Json], right: list[Json]) -> bool:
    return any(_is_among(element, right) for element in left)


def _size(left: Any, right: Any) -> bool:
    return type(right) in _NUMBERS and type(left) in {str, list} and len(left) == int(right)


def _boolean(value: Any) -> bool:
    if type(value) is bool:
        return value
    raise PathNotApplicable("Expected boolean node")


def _empty(left: Any, right: Any) -> bool:
    # Differs from Jayway: of an object it can only say that Java could not cast it.
    if type(left) not in {str, list, dict}:
        return False
    return (not left) is _boolean(right)


def _exists(left: Any, right: Any) -> bool:
    if type(left) is not bool and type(right) is not bool:
        raise FunctionFailed("Failed to evaluate exists expression")
    return _boolean(left) is _boolean(right)


def _regex_text(value: Any) -> str:
    if type(value) in _NUMBERS:
        return number_text(value)
    if type(value) is bool:
        return "true" if value else "false"
    return value if type(value) is str else ""


def _matches(left: Any, right: Any) -> bool:
    if isinstance(right, re.Pattern):
        pattern, value = right, left
    else:
        pattern, value = left, right
    if not isinstance(pattern, re.Pattern) or isinstance(value, re.Pattern):
        return False
    if type(value) is list:
        return any(pattern.fullmatch(_regex_text(element)) for element in _elements(value))
    return pattern.fullmatch(_regex_text(value)) is not None


def _never(expected: str, _left: Any, _right: Any) -> bool:
    """An operator whose right side the grammar cannot spell."""
    raise PathNotApplicable(f"Expected {expected} node")


OPERATORS: Final[dict[str, Operator]] = {
    "==": equals,
    "!=": lambda left, right: not equals(left, right),
    "===": _equals_in_kind,
    "!==": lambda left, right: not _equals_in_kind(left, right),
    "<": partial(_compare, lt),
    "<=": partial(_compare, le),
    ">": partial(_compare, gt),
    ">=": partial(_compare, ge),
    "=~": _matches,
    "IN": _in,
    "NIN": lambda left, right: not _in(left, right),
    "CONTAINS": _contains,
    "ALL": partial(_never, "value list"),  # a list in the text is JSON to Jayway, which this operator does not take
    "SIZE": _size,
    "EMPTY": _empty,
    "SUBSETOF": partial(_of_lists, _is_subset),
    "ANYOF": partial(_of_lists, _overlaps),
    "NONEOF": partial(_of_lists, lambda left, right: not _overlaps(left, right)),
    "EXISTS": _exists,
    "TYPE": partial(_never, "class"),
    "MATCHES": partial(_never, "predicate"),
}
