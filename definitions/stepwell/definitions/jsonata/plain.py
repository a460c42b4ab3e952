"""Expressions that need no engine: literals, and paths that only pick a value.

Rule 1: the value is the very object that the path leads to, shared, whatever its size. So integers above 2^53 and 1.0
pass untouched, which an engine of doubles cannot do.
Rule 2: what these readers do not know for certain (a name applied to an array, a name missing, an index of what is no
array) they hand on to the engine, and it decides: the two never disagree.
"""

import re
from typing import Final

from stepwell.definitions.expressions import Environment, Expression, Json

_NAME = r"(?!(?:and|or|in|true|false|null)\b)[A-Za-z_][A-Za-z0-9_]*"
_PATH: Final = re.compile(rf"\$({_NAME})((?:\.(?:{_NAME}|`[^`]+`)|\[-?[0-9]{{1,9}}\])*)")
_STEP: Final = re.compile(r"\.(?:`([^`]+)`|(\w+))|\[(-?[0-9]+)\]")
_NUMBER: Final = re.compile(r"-?[1-9][0-9]{0,14}|0")
_STRING: Final = re.compile(r"\"([^\"\\]*)\"|'([^'\\]*)'")
_CONSTANTS: Final = {"true": True, "false": False, "null": None}

_MISSED = (KeyError, IndexError, TypeError)
"""A name that is not there, or asked of what is no object; the same of an index."""


def compile_plain(text: str, otherwise: Expression) -> Expression | None:
    """The reader of a plain path or literal, None for any other text. `otherwise` evaluates where it does not apply."""
    if (path := _PATH.fullmatch(text)) is not None:
        steps = [_key(*step) for step in _STEP.findall(path[2])]
        return _compile_path(path[1], steps, otherwise)
    if text in _CONSTANTS:
        return _constant(_CONSTANTS[text])
    if _NUMBER.fullmatch(text):
        return _constant(int(text))
    if (string := _STRING.fullmatch(text)) is not None:
        return _constant(string[1] if string[1] is not None else string[2])
    return None


def _key(quoted: str, name: str, index: str) -> str | int:
    return int(index) if index else quoted or name


def _constant(value: Json) -> Expression:
    return lambda document, environment: value


def _compile_path(root: str, keys: list[str | int], otherwise: Expression) -> Expression | None:
    if root != "states":
        return _reader_of_variable(root, tuple(keys), otherwise)
    match keys:
        case ["context", *rest]:
            return _reader_of_context(tuple(rest), otherwise)
        case ["input" | "result" | "errorOutput" as member, *rest]:
            return _reader_of_document(str(member), tuple(rest), otherwise)
        case _:
            return None


# A reader is a closure of the number of its steps: in a loop over them two steps would take twice as long.


def _reader_of_document(member: str, keys: tuple[str | int, ...], otherwise: Expression) -> Expression:
    walk = _walk if any(isinstance(key, int) for key in keys) else _walk_names
    first, second = (*keys, None, None)[:2]

    def whole(document: Json, environment: Environment) -> Json:
        return document[member] if member in document else otherwise(document, environment)

    def one(document: Json, environment: Environment) -> Json:
        try:
            return document[member][first]
        except _MISSED:
            return otherwise(document, environment)

    def two(document: Json, environment: Environment) -> Json:
        try:
            return document[member][first][second]
        except _MISSED:
            return otherwise(document, environment)

    def many(document: Json, environment: Environment) -> Json:
        try:
            return walk(document[member], keys)
        except _MISSED:
            return otherwise(document, environment)

    return {0: whole, 1: one, 2: two}.get(len(keys), many) if walk is _walk_names else many


def _reader_of_context(keys: tuple[str | int, ...], otherwise: Expression) -> Expression:
    def read(document: Json, environment: Environment) -> Json:
        try:
            # Not get(): its default would make the context object where the document has one.
            context = document["context"] if "context" in document else environment.context  # noqa: SIM401
            return _walk(context, keys)
        except _MISSED:
            return otherwise(document, environment)

    return read


def _reader_of_variable(name: str, keys: tuple[str | int, ...], otherwise: Expression) -> Expression:
    def whole(document: Json, environment: Environment) -> Json:
        variables = environment.variables
        return variables[name] if name in variables else otherwise(document, environment)

    def read(document: Json, environment: Environment) -> Json:
        try:
            return _walk(environment.variables[name], keys)
        except _MISSED:
            return otherwise(document, environment)

    return read if keys else whole


def _walk_names(value: Json, names: tuple[str | int, ...]) -> Json:
    # No check of types: a name asked of anything but a dict is a TypeError.
    for name in names:
        value = value[name]
    return value


def _walk(value: Json, keys: tuple[str | int, ...]) -> Json:
    for key in keys:
        # An array in an array would lose a level in JSONata, and a text has no elements.
        if isinstance(key, int) and (type(value) is not list or type(value[key]) is list):
            raise TypeError
        value = value[key]
    return value
