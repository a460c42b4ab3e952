"""Paths of the States Language: JSONPath with three roots, read from and written to.

`$` is the field's document, `$$` the context object, `$name` a variable. Behind the root everything is JSONPath as in
`jsonpath`. What a path that finds nothing is called depends on the field it stands in, so every reader here is made for
a field's *wording*: `invalid_path` for fields such as InputPath, `template_field` for members of a payload template.
"""

import re
from collections.abc import Callable

from stepwell.definitions.expressions import Environment, Expression, Json
from stepwell.definitions.failure import REFERENCE_PATH_CONFLICT, RUNTIME, Failed
from stepwell.definitions.json_text import dumps
from stepwell.definitions.jsonpath import InvalidPath, Path, PathNotFound, compile_path

VARIABLE = re.compile(r"\$(?P<name>[^\W\d]\w*)(?P<rest>.*)", re.S)
"""A variable and what follows: names are Unicode identifiers."""

BARE_WORD = re.compile(r"([=!]=\s*)(?!(?:true|false|null)\b)([A-Za-z_]\w*)(?=\s*[)\]&|])")
"""A word without quotes as an operand of a filter, `[?(@.Name==Receipt)]`. JsonPath's grammar has no such thing, but
definitions that AWS itself publishes compare so, and mean the text."""

Wording = Callable[[str, str, Json], str]
"""A cause from: the path as written, JsonPath's own message, the field's document."""


def _context(_document: Json, environment: Environment) -> Json:
    return environment.context


def _variables(_document: Json, environment: Environment) -> Json:
    return environment.variables


def split_root(text: str) -> tuple[Expression | None, str]:
    """The root of a path (None: its document) and the rest as a JSONPath; raises InvalidPath without a `$`."""
    if not text.startswith("$"):
        raise InvalidPath("A path must begin with '$'")
    if text.startswith("$$"):
        return _context, text[1:]
    if found := VARIABLE.fullmatch(text):
        return _variables, f"$['{found['name']}']{found['rest']}"
    return None, text


def variable_of(text: str) -> str | None:
    """The name of the variable a path starts at, if it does."""
    found = VARIABLE.fullmatch(text)
    return found["name"] if found else None


def parse_path(text: str) -> Path:
    """The JSONPath behind the root; raises InvalidPath where it is none."""
    return _compile(split_root(text)[1])


def _compile(text: str) -> Path:
    try:
        return compile_path(text)
    except InvalidPath:
        quoted = BARE_WORD.sub(r"\1'\2'", text)
        if quoted == text:
            raise
        return compile_path(quoted)


def compile_root(text: str) -> Expression:
    """A function that gives what the path starts from; a variable's name is then the first of the path's keys."""
    return split_root(text)[0] or _whole_document


def is_reference_path(text: str) -> bool:
    """Whether a path names one place: names and indexes only."""
    return parse_path(text).is_reference


def invalid_path(text: str, message: str, _document: Json) -> str:
    """The wording of InputPath and its like."""
    return f"Invalid path '{text}' : {message}"


def template_field(field: str) -> Wording:
    """The wording of a member of a payload template."""

    def wording(text: str, _message: str, document: Json) -> str:
        return (
            f"The JSONPath '{text}' specified for the field '{field}' could not be found in the input "
            f"'{dumps(document)}'"
        )

    return wording


def intrinsic_argument(text: str, _message: str, document: Json) -> str:
    """The wording of a path among the arguments of an intrinsic function (not recorded: inferred)."""
    return f"The JsonPath argument for the field '{text}' could not be found in the input '{dumps(document)}'"


def compile_reader(text: str, wording: Wording = invalid_path) -> Expression:
    """A function that reads `text`. It raises `Failed` with States.Runtime and the wording's cause.

    Raises InvalidPath where the text is no path.
    """
    root, rest = split_root(text)
    path = _compile(rest)
    read = path.read if path.definite else _lenient(path)
    if root is None:
        if path.keys == ():
            return _whole_document

        def reader(document: Json, environment: Environment) -> Json:
            try:
                return read(document)
            except PathNotFound as missing:
                raise Failed(RUNTIME, wording(text, str(missing), document)) from None

        return reader

    start = root

    def rooted_reader(document: Json, environment: Environment) -> Json:
        try:
            return read(start(document, environment))
        except PathNotFound as missing:
            raise Failed(RUNTIME, wording(text, str(missing), document)) from None

    return rooted_reader


def _lenient(path: Path) -> Callable[[Json], Json]:
    """An indefinite path finds nothing where parents are missing, and says so with an empty array (recorded).

    A step that does not fit what it meets (a slice of an object) is an error all the same.
    """
    read = path.read

    def lenient(document: Json) -> Json:
        try:
            return read(document)
        except PathNotFound as missing:
            if type(missing) is not PathNotFound:
                raise
            return []

    return lenient


def _whole_document(document: Json, _environment: Environment) -> Json:
    return document


Writer = Callable[[Json, Json], Json]
"""(input, result) -> the input with the result in its place. Neither is changed."""


def compile_writer(text: str) -> Writer | None:
    """A function that puts a value where a ResultPath says; None where it replaces the whole input.

    Objects on the way that are missing are made, a present member is replaced where it stands, a new one comes last.
    Raises InvalidPath where `text` is no reference path into the input.
    """
    root, rest = split_root(text)
    path = compile_path(rest)
    if root is not None or path.keys is None:
        raise InvalidPath(f"A reference path into the state's input is needed: {text!r}")
    keys = path.keys
    if not keys:
        return None

    def write(document: Json, value: Json) -> Json:
        try:
            return _with_member(document, keys, value)
        except _NoPlace:
            raise Failed(
                REFERENCE_PATH_CONFLICT, f"Unable to apply Reference Path {text} to input {dumps(document)}"
            ) from None

    return write


class _NoPlace(Exception):
    pass


def _with_member(document: Json, keys: tuple[str | int, ...], value: Json) -> Json:
    """A copy of the document, as far down as the keys lead, with the value there."""
    way: list[Json] = []
    for key in keys:
        if isinstance(key, str):
            if type(document) is not dict:
                raise _NoPlace
            way.append(document)
            document = document.get(key, {})
        else:
            if type(document) is not list or not 0 <= key < len(document):
                raise _NoPlace
            way.append(document)
            document = document[key]
    for container, key in zip(reversed(way), reversed(keys), strict=True):
        copy = container.copy()
        copy[key] = value
        value = copy
    return value
