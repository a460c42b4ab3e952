r"""The grammar of intrinsic function calls: text to data.

    call     = name "(" [argument {"," argument}] ")"        no blank between the name and "("
    argument = string | number | "true" | "false" | "null" | path | call
    string   = "'" {character | "\'" | "\{" | "\}" | "\\"} "'"
    path     = "$"..., up to the comma or parenthesis that ends the argument

Blanks may stand around a call, an argument and a comma. What follows a call (`States.StringSplit(..)[0]`) is refused,
and so is every other escape than the four.

Rule 1: this knows calls, not functions: which names there are and what they take is in `functions`.
Rule 2: a path is cut out, not read; brackets, quotes and regular expressions in it may hold commas and parentheses.
Rule 3: hostile text costs time in proportion to its length and never more than `MAX_NESTED_CALLS` levels of the stack.
"""

import re
from typing import Final, TypeAlias

from msgspec import Struct

from stepwell.definitions.expressions import Json
from stepwell.definitions.json_text import InvalidJson, loads

MAX_NESTED_CALLS: Final = 10
"""How deep calls may stand in one another below the outermost. AWS's page says "up to 10"; that it does not count calls
side by side is inferred."""


class InvalidIntrinsic(ValueError):
    """Text that is no intrinsic function call; the message says where, and what was expected."""


class Literal(Struct, frozen=True):
    """A value written out.

    `pieces` are those of a string: its text, cut at every `{}` that is not escaped. Only States.Format needs them: in
    `value` a `{}` and an escaped one look the same.
    """

    value: Json
    pieces: tuple[str, ...] = ()


class PathArgument(Struct, frozen=True):
    """A path of any root (`$.a`, `$$.Execution.Id`, `$variable`), as written."""

    text: str


class Call(Struct, frozen=True):
    """A call. `name` is the whole of it (`States.Format`), `text` the call as written."""

    name: str
    arguments: tuple["Argument", ...]
    text: str


Argument: TypeAlias = Call | Literal | PathArgument

_BLANKS = re.compile(r"[ \t\r\n]*")
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_.]*")
_NUMBER = re.compile(r"-?[0-9][0-9A-Za-z.+-]*")
_STRING = re.compile(r"'([^'\\]*(?:\\.[^'\\]*)*)'", re.DOTALL)
_ESCAPE_OR_PLACEHOLDER = re.compile(r"\\(.)|\{\}", re.DOTALL)
_REGEX_OPERAND = re.compile(r"=~\s*/(?:[^/\\]|\\.)*/", re.DOTALL)
_QUOTED = {quote: re.compile(rf"{quote}(?:[^{quote}\\]|\\.)*{quote}", re.DOTALL) for quote in "'\""}

_CONSTANTS: dict[str, Json] = {"true": True, "false": False, "null": None}
_CLOSERS = {"[": "]", "(": ")"}


def parse(text: str) -> Call:
    """The call a text spells. Raises `InvalidIntrinsic`."""
    return _Parser(text).whole()


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._position = 0

    def whole(self) -> Call:
        self._skip_blanks()
        word = _WORD.match(self._text, self._position)
        if word is None or self._character(word.end()) != "(":
            raise self._fault("expected the name of a function and '('")
        call = self._call(word[0], nested=0)
        self._skip_blanks()
        if self._position < len(self._text):
            raise self._fault("expected nothing after the call")
        return call

    def _call(self, name: str, nested: int) -> Call:
        if nested > MAX_NESTED_CALLS:
            raise self._fault(f"expected no more than {MAX_NESTED_CALLS} calls nested in a call")
        start = self._position
        self._position += len(name) + 1
        self._skip_blanks()
        arguments: list[Argument] = []
        if self._character(self._position) != ")":
            arguments.append(self._argument(nested))
            while self._character(self._position) == ",":
                self._position += 1
                self._skip_blanks()
                arguments.append(self._argument(nested))
        if self._character(self._position) != ")":
            raise self._fault("expected ',' or ')'")
        self._position += 1
        return Call(name, tuple(arguments), self._text[start : self._position])

    def _argument(self, nested: int) -> Argument:
        argument = self._bare_argument(nested)
        self._skip_blanks()
        return argument

    def _bare_argument(self, nested: int) -> Argument:
        character = self._character(self._position)
        if character == "'":
            return self._string()
        if character == "$":
            return self._path()
        if number := _NUMBER.match(self._text, self._position):
            return self._number(number[0])
        if word := _WORD.match(self._text, self._position):
            if self._character(word.end()) == "(":
                return self._call(word[0], nested + 1)
            if word[0] in _CONSTANTS:
                self._position = word.end()
                return Literal(_CONSTANTS[word[0]])
        raise self._fault("expected a text in single quotes, a number, true, false, null, a path or a call")

    def _string(self) -> Literal:
        found = _STRING.match(self._text, self._position)
        if found is None:
            raise self._fault("expected a closing quote for the one here")
        raw = found[1]
        start = self._position + 1
        pieces: list[str] = []
        piece: list[str] = []
        done = 0
        for special in _ESCAPE_OR_PLACEHOLDER.finditer(raw):
            piece.append(raw[done : special.start()])
            done = special.end()
            escaped: str | None = special[1]
            if escaped is None:
                pieces.append("".join(piece))
                piece = []
            elif escaped in "'{}\\":
                piece.append(escaped)
            else:
                self._position = start + special.start()
                raise self._fault(r"expected one of the escapes \' \{ \} \\")
        piece.append(raw[done:])
        pieces.append("".join(piece))
        self._position = found.end()
        return Literal("{}".join(pieces), tuple(pieces))

    def _number(self, text: str) -> Literal:
        try:
            value = loads(text)
        except InvalidJson:
            raise self._fault("expected a number as JSON writes it") from None
        self._position += len(text)
        return Literal(value)

    def _path(self) -> PathArgument:
        start = self._position
        expected_closers: list[str] = []
        while character := self._character(self._position):
            if not expected_closers and character in ",)":
                break
            if expected_closers and (skipped := self._opaque_text(character)):
                self._position += skipped
                continue
            if character == "\\":
                self._position += 1
            elif character in _CLOSERS:
                expected_closers.append(_CLOSERS[character])
            elif expected_closers and character == expected_closers[-1]:
                expected_closers.pop()
            self._position += 1
        if expected_closers:
            raise self._fault(f"expected {expected_closers[-1]!r}")
        return PathArgument(self._text[start : self._position].rstrip(" \t\r\n"))

    def _opaque_text(self, character: str) -> int:
        """The length of what stands here within brackets and may hold anything: a quoted name, a regular expression."""
        pattern = _REGEX_OPERAND if character == "=" else _QUOTED.get(character)
        found = pattern.match(self._text, self._position) if pattern is not None else None
        return len(found[0]) if found is not None else 0

    def _skip_blanks(self) -> None:
        blanks = _BLANKS.match(self._text, self._position)
        self._position = blanks.end() if blanks is not None else self._position

    def _character(self, position: int) -> str:
        """The character there; nothing at the end."""
        return self._text[position : position + 1]

    def _fault(self, expectation: str) -> InvalidIntrinsic:
        position = min(self._position, len(self._text))
        found = self._text[position : position + 20]
        place = f"found {found!r} at character {position + 1}" if found else "the text ends"
        return InvalidIntrinsic(f"No intrinsic function call: {expectation}, but {place}")
