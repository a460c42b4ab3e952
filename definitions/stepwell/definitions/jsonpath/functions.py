"""The path functions: what `.length()`, `.sum()` and the like give.

A function is applied to the value before it. Its arguments are JSON, or paths into the whole document (even those that
begin with `@`). Aggregations take the numbers of the array before them and of their arguments, and give a fraction.
"""

import math
from collections.abc import Callable, Sequence
from typing import Final

from stepwell.definitions.expressions import Json
from stepwell.definitions.jsonpath.failures import FunctionFailed
from stepwell.definitions.jsonpath.java import scalar_text, value_text

PathFunction = Callable[[Json, Sequence[Json]], Json]
"""Gives the value of a function for the value before it and the values of its arguments."""


def _is_number(value: Json) -> bool:
    return type(value) is int or type(value) is float


def _arguments(values: Sequence[Json]) -> list[Json]:
    """The arguments, with arrays among them replaced by their elements."""
    flat: list[Json] = []
    for value in values:
        if isinstance(value, list):
            flat += value
        else:
            flat.append(value)
    return flat


def _numbers(value: Json, arguments: Sequence[Json]) -> list[float]:
    candidates = [*(value if isinstance(value, list) else ()), *_arguments(arguments)]
    numbers: list[float] = []
    for candidate in candidates:
        if _is_number(candidate):
            try:
                numbers.append(float(candidate))
            except OverflowError:
                numbers.append(math.copysign(math.inf, candidate))
    if not numbers:
        raise FunctionFailed("Aggregation function attempted to calculate value using empty array")
    return numbers


def _sum(value: Json, arguments: Sequence[Json]) -> float:
    return _total(_numbers(value, arguments))


def _total(numbers: Sequence[float]) -> float:
    # One after another, as Java adds; Python's `sum` compensates for rounding from 3.12 on.
    total = 0.0
    for number in numbers:
        total += number
    return total


def _average(value: Json, arguments: Sequence[Json]) -> float:
    numbers = _numbers(value, arguments)
    return _total(numbers) / len(numbers)


def _deviation(value: Json, arguments: Sequence[Json]) -> float:
    numbers = _numbers(value, arguments)
    count, total = len(numbers), _total(numbers)
    variance = _total([number * number for number in numbers]) / count - total * total / count / count
    return math.sqrt(variance) if variance >= 0 else math.nan


def _length(value: Json, arguments: Sequence[Json]) -> int | None:
    if arguments and isinstance(arguments[0], list):
        return len(arguments[0])
    return len(value) if isinstance(value, list | dict) else None


def _keys(value: Json, _arguments: Sequence[Json]) -> list[str] | None:
    return list(value) if isinstance(value, dict) else None


def _concatenation(value: Json, arguments: Sequence[Json]) -> str:
    strings = [element for element in value if isinstance(element, str)] if isinstance(value, list) else []
    for argument in _arguments(arguments):
        if isinstance(argument, list | dict):
            strings.append(value_text(argument))
        elif argument is not None:
            strings.append(scalar_text(argument))
    return "".join(strings)


def _append(value: Json, arguments: Sequence[Json]) -> Json:
    return [*value, *arguments] if isinstance(value, list) else value


def _element(value: Json, place: int) -> Json:
    if not isinstance(value, list):
        raise FunctionFailed("Aggregation function attempted to calculate value using empty array")
    if place >= len(value):
        raise FunctionFailed(f"Index {place} out of bounds for length {len(value)}")
    # From the end, the first element is out of reach: so it is in Jayway.
    if place < 0 and len(value) + place <= 0:
        raise FunctionFailed(f"Target index:{place} larger than object count:{len(value)}")
    return value[place]


def _index(value: Json, arguments: Sequence[Json]) -> Json:
    numbers = [argument for argument in _arguments(arguments) if _is_number(argument)]
    if not numbers:
        raise FunctionFailed("Index 0 out of bounds for length 0")
    return _element(value, int(numbers[0]))


FUNCTIONS: Final[dict[str, PathFunction]] = {
    "avg": _average,
    "stddev": _deviation,
    "sum": _sum,
    "min": lambda value, arguments: min(_numbers(value, arguments)),
    "max": lambda value, arguments: max(_numbers(value, arguments)),
    "concat": _concatenation,
    "length": _length,
    "size": _length,
    "append": _append,
    "keys": _keys,
    "first": lambda value, _: _element(value, 0),
    "last": lambda value, _: _element(value, -1),
    "index": _index,
}

COUNTING: Final = frozenset({"length", "size"})
"""These count what their first argument selects, rather than the values it gives."""
