"""What paths select: a `Selector` to a function of a document.

A path is read in two parts.

1. The definite steps at its start lead from value to value. Where they cannot go on, reading fails with a message.
2. From the first indefinite step on there is a list of values, and each step makes a new list of it, one value after
   another. Nothing fails here any more (but functions): what a step cannot be applied to drops out.

Lists step by step come in the order in which Jayway goes down value by value, and need no recursion.

A path of plain names and indexes is a loop over its keys (`compile_keys`). It does not look where it goes: when it
stumbles the path is read again, the slow way, for the message.

Differs from Jayway: after `..`, an index or slice applies to the array as it does elsewhere. Jayway applies the step
behind it to all elements of the array, and then drops what it found by a rule that depends on that step.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any, Final, assert_never

from stepwell.definitions.expressions import Json
from stepwell.definitions.jsonpath.failures import FunctionFailed, PathNotApplicable, PathNotFound, WrongKind
from stepwell.definitions.jsonpath.filters import Predicate, Reader, compile_filter
from stepwell.definitions.jsonpath.functions import COUNTING, FUNCTIONS
from stepwell.definitions.jsonpath.java import class_name, value_text
from stepwell.definitions.jsonpath.operators import MISSING
from stepwell.definitions.jsonpath.steps import (
    ALL,
    Argument,
    DeepScan,
    Filter,
    Function,
    Index,
    JsonArgument,
    Property,
    Selector,
    Slice,
    Step,
    Wildcard,
    first_indefinite,
    fragments,
)

_PROVIDER: Final = "com.jayway.jsonpath.spi.json.JacksonJsonProvider"

Move = Callable[[Json, Json, str], tuple[Json, str]]
"""One definite step: from (value, document, where) to the next value and where that is. `MISSING` ends the path."""

Selection = Callable[[list[Json], Json], list[Json]]
"""One indefinite step: from the values and the document to the values that follow."""


def compile_reader(selector: Selector, is_strict: bool = False) -> Reader:
    """The function `read(value, document)`: from `value` where the path begins, `document` for paths inside it.

    `is_strict`: a missing name is an error even in the indefinite part.
    """
    steps = selector.steps
    place = first_indefinite(steps)
    moves = [_compile_move(step, steps[number:]) for number, step in enumerate(steps[:place])]
    root, definite = selector.root, place == len(steps)

    def lead(value: Json, document: Json) -> tuple[Json, str]:
        where = root
        for move in moves:
            value, where = move(value, document, where)
            if value is MISSING:
                break
        return value, where

    if definite:

        def read_value(value: Json, document: Json) -> Json:
            value, _ = lead(value, document)
            if value is MISSING:
                raise PathNotFound(f"No results for path: {selector}")
            return value

        return read_value

    check = _compile_check(steps[place], steps[place:])
    select = _compile_selections(steps[place:], is_strict)

    def read_values(value: Json, document: Json) -> Json:
        value, where = lead(value, document)
        if value is MISSING:
            return []
        check(value, where)
        return select([value], document)

    return read_values


def compile_keys(keys: Sequence[str | int], explain: Callable[[Json], Json]) -> Callable[[Json], Json]:
    """The reader of a path of names and indexes. `explain` reads the same path and says why that fails."""
    if not keys:
        return lambda document: document
    if len(keys) == 1 and isinstance(keys[0], str):
        name = keys[0]

        def read_member(document: Json) -> Json:
            try:
                return document[name]
            except (KeyError, TypeError):
                return explain(document)

        return read_member

    if all(isinstance(key, str) for key in keys):

        def read_members(document: Json) -> Json:
            value = document
            try:
                for key in keys:
                    value = value[key]
            except (KeyError, TypeError):
                return explain(document)
            return value

        return read_members

    def read(document: Json) -> Json:
        value = document
        try:
            for key in keys:
                # Every wrong kind raises, but for a character of a string.
                if type(value) is str:
                    return explain(document)
                value = value[key]
        except (KeyError, TypeError, IndexError):
            return explain(document)
        return value

    return read


# --- definite steps --------------------------------------------------------------------------------------------------


def _compile_move(step: Step, rest: tuple[Step, ...]) -> Move:
    match step:
        case Property((name,)):
            return _name_move(step, name, is_last=len(rest) == 1)
        case Property(names):
            return _names_move(step, names)
        case Index((index,)):
            return _index_move(index, rest)
        case Function():
            call = _compile_function(step)
            return lambda value, document, where: (call(value, document), where)
        case _:
            raise AssertionError(f"{step!r} is indefinite")


def _name_move(step: Property, name: str, is_last: bool) -> Move:
    def move(value: Json, _document: Json, where: str) -> tuple[Json, str]:
        if not isinstance(value, dict):
            raise _not_an_object(step, value, where)
        there = f"{where}['{name}']"
        if name in value:
            return value[name], there
        if is_last:
            return MISSING, there
        raise PathNotFound(f"Missing property in path {there}")

    return move


def _names_move(step: Property, names: tuple[str, ...]) -> Move:
    def move(value: Json, _document: Json, where: str) -> tuple[Json, str]:
        if not isinstance(value, dict):
            raise _not_an_object(step, value, where)
        return {name: value[name] for name in names if name in value}, where

    return move


def _index_move(index: int, rest: tuple[Step, ...]) -> Move:
    def move(value: Json, _document: Json, where: str) -> tuple[Json, str]:
        if not isinstance(value, list):
            raise _not_an_array(rest, value, where)
        found = value[index] if -len(value) <= index < len(value) else MISSING
        return found, f"{where}[{index}]"

    return move


def _not_an_object(step: Property, value: Json, where: str) -> WrongKind:
    return WrongKind(
        f"Expected to find an object with property {step.fragment} in path {where} but found '{class_name(value)}'."
        f" This is not a json object according to the JsonProvider: '{_PROVIDER}'."
    )


def _not_an_array(rest: Sequence[Step], value: Json, where: str) -> WrongKind:
    if value is None:
        return WrongKind(f"The path {where} is null")
    return WrongKind(
        f"Filter: {fragments(rest)} can only be applied to arrays. Current context is: {value_text(value)}"
    )


def _compile_check(step: Step, rest: tuple[Step, ...]) -> Callable[[Json, str], None]:
    """The first indefinite step still insists on the kind of value that the definite ones led to."""

    def check(value: Json, where: str) -> None:
        match step:
            case Property() if not isinstance(value, dict):
                raise _not_an_object(step, value, where)
            case Index() | Slice() if not isinstance(value, list):
                raise _not_an_array(rest, value, where)
            case Filter() if not isinstance(value, dict | list):
                raise PathNotApplicable(
                    f"Filter: {fragments(rest)} can not be applied to primitives."
                    f" Current context is: {value_text(value)}"
                )

    return check


# --- indefinite steps ------------------------------------------------------------------------------------------------


def _compile_selections(steps: tuple[Step, ...], is_strict: bool) -> Selection:
    selections: list[Selection] = []
    last = len(steps) - 1
    for place, step in enumerate(steps):
        is_target = place > 0 and isinstance(steps[place - 1], DeepScan)
        selections.append(_compile_selection(step, place == last, is_target, is_strict))

    def select(values: list[Json], document: Json) -> list[Json]:
        for selection in selections:
            values = selection(values, document)
        return values

    return select


def _compile_selection(step: Step, is_last: bool, is_target: bool, is_strict: bool) -> Selection:
    """`is_target`: the step follows a deep scan, which decides by it what it is applied to."""
    match step:
        case Property((name,)):
            # A scan looks only at objects that have the name, so strictness has nothing to object to.
            return _strict_name_selection(name, is_last) if is_strict and not is_target else _name_selection(name)
        case Property(names) if is_last:
            return _merging_selection(names, is_strict, is_target)
        case Property(names):
            return lambda values, _: [
                value[name] for value in values if type(value) is dict for name in names if name in value
            ]
        case Index(indexes):
            return _index_selection(indexes)
        case Slice():
            return lambda values, _: [item for value in values if type(value) is list for item in _sliced(value, step)]
        case Wildcard():
            return lambda values, _: [child for value in values for child in _children(value)]
        case DeepScan():
            return lambda values, _: [found for value in values for found in _containers(value)]
        case Filter(condition):
            return _filter_selection(compile_filter(condition, compile_reader), is_target)
        case Function():
            if is_target:  # only behind `..` and before another function: a scan that ends there finds nothing
                return lambda _values, _document: []
            call = _compile_function(step)
            return lambda values, document: [call(value, document) for value in values]
        case _:
            assert_never(step)


def _name_selection(name: str) -> Selection:
    return lambda values, _: [value[name] for value in values if type(value) is dict and name in value]


def _strict_name_selection(name: str, is_last: bool) -> Selection:
    def select(values: list[Json], _document: Json) -> list[Json]:
        objects = [value for value in values if type(value) is dict]
        # In the middle of an indefinite path Jayway looks away only when it is not strict.
        if not all(name in value for value in objects):
            raise PathNotFound(f"{'No results for' if is_last else 'Missing property in'} path: {name}")
        return [value[name] for value in objects]

    return select


def _merging_selection(names: tuple[str, ...], is_strict: bool, is_target: bool) -> Selection:
    def select(values: list[Json], _document: Json) -> list[Json]:
        merged: list[Json] = []
        for value in values:
            if type(value) is not dict:
                continue
            if (is_strict or is_target) and not all(name in value for name in names):
                if is_target:
                    continue
                raise PathNotFound(f"Missing property in path {names}")
            merged.append({name: value[name] for name in names if name in value})
        return merged

    return select


def _index_selection(indexes: tuple[int, ...]) -> Selection:
    return lambda values, _: [
        value[index]
        for value in values
        if type(value) is list
        for index in indexes
        if -len(value) <= index < len(value)
    ]


def _sliced(value: list[Json], step: Slice) -> list[Json]:
    length = len(value)
    start, stop = step.start, step.stop
    if start is not None and start < 0:
        start += length
    if stop is not None and stop < 0:
        stop += length
    if stop is None:
        return value[max(start or 0, 0) :]
    if start is None or start >= 0:
        return value[start : max(stop, 0)]
    # A start that lies before the array is not moved to it: the places below zero count from the end once more,
    # `[-20:3]` of seven elements gives all seven, then the first three.
    stop = min(stop, length)
    return [value[place] for place in range(max(start, -length), stop)]


def _children(value: Json) -> Any:
    if type(value) is dict:
        return value.values()
    return value if type(value) is list else ()


def _containers(value: Json) -> list[Json]:
    """The value and all arrays and objects below it, each before its own content."""
    found: list[Json] = []
    pending = [value]
    while pending:
        container = pending.pop()
        if type(container) is dict:
            found.append(container)
            below = [member for member in container.values() if type(member) is dict or type(member) is list]
        elif type(container) is list:
            found.append(container)
            below = [element for element in container if type(element) is dict or type(element) is list]
        else:
            continue
        if below:
            below.reverse()
            pending += below
    return found


def _filter_selection(accepts: Predicate, is_target: bool) -> Selection:
    """The elements of arrays that the condition accepts, and the objects it accepts as a whole.

    A deep scan applies a filter only to an array that itself passes.
    """

    def select(values: list[Json], document: Json) -> list[Json]:
        accepted: list[Json] = []
        for value in values:
            if type(value) is dict:
                if accepts(value, document):
                    accepted.append(value)
            elif type(value) is list and (not is_target or accepts(value, document)):
                accepted += [element for element in value if accepts(element, document)]
        return accepted

    return select


# --- functions -------------------------------------------------------------------------------------------------------


def _compile_function(step: Function) -> Callable[[Json, Json], Json]:
    """`call(value, document)`. A name that is no function's is an error of reading, not of the text."""
    function = FUNCTIONS.get(step.name)
    if function is None:
        message = f"Function with name: {step.name} does not exist."

        def fail(_value: Json, _document: Json) -> Json:
            raise PathNotApplicable(message)

        return fail
    apply = function
    readers = [_compile_argument(argument, step.name in COUNTING) for argument in step.arguments]
    return lambda value, document: apply(value, [read(document) for read in readers])


def _compile_argument(argument: Argument, is_counted: bool) -> Callable[[Json], Json]:
    if isinstance(argument, JsonArgument):
        return _compile_json_argument(argument)
    if is_counted and argument.steps and not argument.is_function:
        # `length($..a)` counts what lies in each `a`.
        argument = Selector(argument.root, (*argument.steps, ALL))
    read = compile_reader(argument)
    return lambda document: read(document, document)


def _compile_json_argument(argument: JsonArgument) -> Callable[[Json], Json]:
    try:
        value = json.loads(argument.text)
    except ValueError:

        def fail(_document: Json) -> Json:
            raise FunctionFailed(f"Argument is not JSON: {argument.text!r}")

        return fail
    return lambda _document: value
