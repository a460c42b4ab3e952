"""JSON read as Jackson reads it, and refused in Jackson's words.

AWS reads JSON with Jackson (Java), and Jackson's sentences are part of its answers ("Unrecognized token 'not': was
expecting ..."). The reader here stops at the same character as Jackson's ReaderBasedJsonParser, with the same sentence.
It also reads what orjson refuses although it is JSON. It is slow, and runs only where orjson has given up.

Limits, all Jackson's own (StreamReadConstraints): 1,000 levels of nesting, 1,000 digits in a number. Differs from AWS:
a number beyond the range of a double (1e400), half a surrogate pair, and a second value after the first are refused.
"""

import re
import unicodedata
from math import isfinite
from typing import Any, NoReturn

import orjson

from stepwell.definitions.expressions import Json

MAX_DEPTH = 1_000
MAX_DIGITS = 1_000

_SHOWN_SOURCE = 500
_SHOWN_TOKEN = 256


class InvalidJson(ValueError):
    """Text that is no JSON.

    `message` is Jackson's sentence without its place, `place` the bracket Jackson puts after it (`[Source: ...]`).
    `line` and `column` count from 1 in Jackson's way: a column is a UTF-16 unit, and lies behind the fault where
    Jackson only notices it then. `expected` tells a person what should have been there.
    """

    def __init__(self, message: str, *, line: int, column: int, expected: str, place: str) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column
        self.expected = expected
        self.place = place

    def __str__(self) -> str:
        return f"{self.message} (line {self.line}, column {self.column}: expected {self.expected})"


def source_place(text: str, line: int, column: int) -> str:
    """The bracket by which Jackson names a place of a text: its beginning, then line and column."""
    units = text.encode("utf-16-le", "surrogatepass")
    shown = text
    left_out = len(units) // 2 - _SHOWN_SOURCE
    if left_out > 0:
        shown = units[: _SHOWN_SOURCE * 2].decode("utf-16-le", "replace")
    escaped = "".join(_escaped_control(character) for character in shown)
    truncated = f"[truncated {left_out} chars]" if left_out > 0 else ""
    return f'[Source: (String)"{escaped}"{truncated}; line: {line}, column: {column}]'


# --- reading what orjson does not read, or refusing it in Jackson's words


def read(text: str | bytes) -> Json:
    """The value of a JSON text, or `InvalidJson` in Jackson's words."""
    return _Reader(text if isinstance(text, str) else _decoded(text)).read()


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8-sig")
        line, column = _line_and_column(before, len(before))
        message = f"Invalid UTF-8 start byte 0x{data[error.start]:02x}"
        place = source_place(data.decode("utf-8", "replace"), line, column)
        raise InvalidJson(message, line=line, column=column, expected="text in UTF-8", place=place) from None


def _escaped_control(character: str) -> str:
    if unicodedata.category(character) != "Cc" or character in "\r\n":
        return character
    return f"\\u{ord(character):04X}"


def _utf16_units(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def _line_and_column(text: str, offset: int) -> tuple[int, int]:
    """CR, LF and CR LF end a line."""
    before = text[:offset]
    if "\r" in before:
        # Both replacements change lengths only before the last line's start, so the column stays right.
        before = before.replace("\r\n", "\n").replace("\r", "\n")
    return before.count("\n") + 1, _utf16_units(before[before.rfind("\n") + 1 :]) + 1


def _described(character: str) -> str:
    code = ord(character)
    if code > 0xFFFF:  # Java sees the first half of the pair, which it cannot print.
        code = 0xD800 + (code - 0x10000 >> 10)
        return f"'?' (code {code} / 0x{code:x})"
    if unicodedata.category(character) == "Cc":
        return f"(CTRL-CHAR, code {code})"
    return f"'{character}' (code {code} / 0x{code:x})" if code > 255 else f"'{character}' (code {code})"


_IDENTIFIER_START = frozenset({"Lu", "Ll", "Lt", "Lm", "Lo", "Nl", "Sc", "Pc"})
_IDENTIFIER_PART = _IDENTIFIER_START | {"Nd", "Mn", "Mc", "Cf"}


def _starts_identifier(character: str) -> bool:
    """Character.isJavaIdentifierStart, for what fits into one Java char."""
    return ord(character) <= 0xFFFF and unicodedata.category(character) in _IDENTIFIER_START


def _continues_identifier(character: str) -> bool:
    """Character.isJavaIdentifierPart, which counts most control characters in."""
    if ord(character) > 0xFFFF:
        return False
    if unicodedata.category(character) == "Cc":
        return not ("\t" <= character <= "\r" or "\x1c" <= character <= "\x1f")
    return unicodedata.category(character) in _IDENTIFIER_PART


_TOKENS = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
_LITERALS: dict[str, tuple[str, Any]] = {"t": ("true", True), "f": ("false", False), "n": ("null", None)}
_NOT_NUMBERS = ("NaN", "Infinity", "-Infinity", "-INF", "+Infinity", "+INF")
_BLANK = re.compile(r"[ \t\r\n]*")
_NUMBER = re.compile(r"(?P<integer>-?(?:0|[1-9][0-9]*))(?P<fraction>\.[0-9]+)?(?P<exponent>[eE][+-]?[0-9]+)?")
_PLAIN = re.compile(r'[^"\\\x00-\x1f]*')
_ESCAPE = re.compile(r'\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})')
_VALUE = "a value: text in double quotes, a number, an object, an array, true, false or null"
_TOKEN_TYPES = {"{": "START_OBJECT", "[": "START_ARRAY", '"': "VALUE_STRING", "t": "VALUE_TRUE", "f": "VALUE_FALSE"}


class _Reader:
    """Reads one JSON value without recursion, or raises `InvalidJson` where Jackson gives up."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._opened: list[tuple[dict[str, Json] | list[Json], int]] = []

    def read(self) -> Json:
        text = self._text
        keys: list[str] = []
        position = self._blank(0)
        if position == len(text):
            self._fail("No content to map due to end-of-input", position, _VALUE)
        while True:
            value: Json
            if text[position : position + 1] in ("{", "["):
                value = self._open(position)
                position = self._blank(position + 1)
                if not self._closes(position):
                    if isinstance(value, dict):
                        position = self._key(position, keys)
                    elif position == len(text):
                        self._fail_unclosed(position)
                    continue
                self._opened.pop()
                position += 1
            else:
                value, position = self._scalar(position)
            while self._opened:
                container, _ = self._opened[-1]
                if isinstance(container, dict):
                    container[keys.pop()] = value
                else:
                    container.append(value)
                position = self._blank(position)
                if not self._closes(position):
                    position = self._comma(position)
                    if isinstance(container, dict):
                        position = self._key(position, keys)
                    break
                value, _ = self._opened.pop()
                position += 1
            else:
                self._end(position)
                return value

    # --- structure

    def _open(self, position: int) -> dict[str, Json] | list[Json]:
        if len(self._opened) == MAX_DEPTH:
            self._fail(
                f"Document nesting depth ({MAX_DEPTH + 1}) exceeds the maximum allowed ({MAX_DEPTH}, "
                "from `StreamReadConstraints.getMaxNestingDepth()`)",
                position,
                f"no more than {MAX_DEPTH:,} levels of objects and arrays",
            )
        container: dict[str, Json] | list[Json] = {} if self._text[position] == "{" else []
        self._opened.append((container, position))
        return container

    def _closes(self, position: int) -> bool:
        character = self._text[position : position + 1]
        if character not in ("}", "]"):
            return False
        if self._marker() != character:
            self._fail_marker(position)
        return True

    def _marker(self) -> str:
        return "}" if isinstance(self._opened[-1][0], dict) else "]"

    def _kind(self) -> str:
        return "Object" if isinstance(self._opened[-1][0], dict) else "Array"

    def _comma(self, position: int) -> int:
        if position == len(self._text):
            self._fail_unclosed(position)
        if self._text[position] != ",":
            self._fail_character(
                position,
                f": was expecting comma to separate {self._kind()} entries",
                f"a comma or the closing {self._marker()}",
            )
        return self._blank(position + 1)

    def _key(self, position: int, keys: list[str]) -> int:
        text = self._text
        if position == len(text):
            after_comma = bool(self._opened[-1][0])
            if after_comma:
                self._fail_between(position)
            self._fail_unclosed(position)
        if text[position] != '"':
            closing = text[position] == "}"
            expected = "no comma after the last entry, or another key" if closing else "a key in double quotes"
            self._fail_character(position, ": was expecting double-quote to start field name", expected)
        key, position = self._string(position, in_name=True)
        keys.append(key)
        position = self._blank(position)
        if position == len(text):
            self._fail_between(position)
        if text[position] != ":":
            self._fail_character(
                position, ": was expecting a colon to separate field name and value", "a colon after the key"
            )
        return self._blank(position + 1)

    def _end(self, position: int) -> None:
        """After the outermost value there may only be white space."""
        text = self._text
        position = self._blank(position)
        if position == len(text):
            return
        if text[position] in "{[":
            kind = _TOKEN_TYPES[text[position]]
        else:
            value, _ = self._scalar(position, strict_string=False)
            number = "VALUE_NUMBER_FLOAT" if isinstance(value, float) else "VALUE_NUMBER_INT"
            kind = "VALUE_NULL" if value is None else _TOKEN_TYPES.get(text[position], number)
        self._fail(
            f"Trailing token (of type {kind}) found after value (bound as "
            "`com.fasterxml.jackson.databind.JsonNode`): not allowed as per "
            "`DeserializationFeature.FAIL_ON_TRAILING_TOKENS`",
            position,
            "the end of the text",
        )

    def _blank(self, position: int) -> int:
        """Where the white space ends. Comments and control characters are told here, as they may stand nowhere."""
        text = self._text
        match = _BLANK.match(text, position)
        end = match.end() if match else position
        if end < len(text):
            if text[end] == "/":
                self._fail_character(
                    end,
                    ": maybe a (non-standard) comment? (not recognized as one since Feature 'ALLOW_COMMENTS' "
                    "not enabled for parser)",
                    "no comment: JSON has none",
                )
            if text[end] < " ":
                self._fail(
                    f"Illegal character ({_described(text[end])}): "
                    "only regular white space (\\r, \\n, \\t) is allowed between tokens",
                    end + 1,
                    "no control characters between the values",
                )
        return end

    # --- values without parts

    def _scalar(self, position: int, *, strict_string: bool = True) -> tuple[Json, int]:  # noqa: RET503
        text = self._text
        if position == len(text):
            self._fail_between(position)
        character = text[position]
        if character == '"':
            return self._string(position) if strict_string else ("", position)
        if character == "-" or "0" <= character <= "9":
            return self._number(position)
        if character in "NI+" or character in _LITERALS:
            for word in _NOT_NUMBERS:
                if text.startswith(word, position):
                    self._fail_not_number(position, word)
            word, value = _LITERALS.get(character, ("", None))
            end = position + len(word)
            following = text[end : end + 1]
            # Jackson looks whether the token goes on only where the next character sorts after the digits.
            if word and text.startswith(word, position) and (following < "0" or not _continues_identifier(following)):
                return value, end
        if character == "+":
            if position + 1 == len(text):
                self._fail_input_ended(" in a Number value", "a digit")
            self._fail_character(
                position,
                " in numeric value: JSON spec does not allow numbers to have plus signs: enable "
                "`JsonReadFeature.ALLOW_LEADING_PLUS_SIGN_FOR_NUMBERS` to allow",
                "a number without a plus sign",
                at=position + 1,
            )
        if not self._opened and character in "}]":
            self._fail_marker(position)
        if _starts_identifier(character):
            self._fail_token(position)
        self._fail_value(position)

    def _string(self, position: int, *, in_name: bool = False) -> tuple[str, int]:
        text = self._text
        where = "name" if in_name else "string value"
        end = position + 1
        while True:
            match = _PLAIN.match(text, end)
            end = match.end() if match else end
            if end == len(text):
                what = " in field name" if in_name else ": was expecting closing quote for a string value"
                self._fail_input_ended(what, "a closing double quote")
            if text[end] == '"':
                break
            if text[end] != "\\":
                self._fail(
                    f"Illegal unquoted character ({_described(text[end])}): has to be escaped using backslash "
                    f"to be included in {where}",
                    end,
                    "a closing double quote: text ends on the line it begins on, and line breaks are written \\n",
                )
            match = _ESCAPE.match(text, end)
            if match is None:
                self._fail_escape(end)
            end = match.end()
        try:
            return str(orjson.loads(text[position : end + 1])), end + 1
        except orjson.JSONDecodeError:
            # All else has been looked at: it holds half a surrogate pair, which is no character.
            self._fail("Lone surrogate in a string: it stands for no character", position, "both halves of the pair")

    def _number(self, position: int) -> tuple[int | float, int]:
        text = self._text
        match = _NUMBER.match(text, position)
        if match is None:
            self._fail_sign(position)
        end = match.end()
        following = text[end : end + 1]
        digits = match[0].lstrip("-")
        if digits == "0" and following.isascii() and following.isdigit():
            self._fail("Invalid numeric value: Leading zeroes not allowed", end, "a number without leading zeros")
        if following == "." and not match["fraction"] and not match["exponent"]:
            self._fail_number_part(end, end, ". in", "Decimal point not followed by a digit")
        if following in ("e", "E") and not match["exponent"]:
            sign = end + 1 if text[end + 1 : end + 2] in ("+", "-") else end
            if sign + 1 == len(text):
                self._fail_input_ended("expected a digit for number exponent", "digits of the exponent")
            self._fail_number_part(sign + 1, match.end("integer"), "e in", "Exponent indicator not followed by a digit")
        if not self._opened and following and following not in " \t\r\n":
            self._fail_character(end, ": Expected space separating root-level values", "the end of the text")
        if len(digits) > MAX_DIGITS and len(re.sub("[^0-9]", "", digits)) > MAX_DIGITS:
            self._fail(
                f"Number value length ({len(digits)}) exceeds the maximum allowed ({MAX_DIGITS}, "
                "from `StreamReadConstraints.getMaxNumberLength()`)",
                position,
                f"a number of no more than {MAX_DIGITS:,} digits",
            )
        if not match["fraction"] and not match["exponent"]:
            return int(match[0]), end
        value = float(match[0])
        if not isfinite(value):
            shown = match[0] if len(match[0]) <= 40 else f"{match[0][:40]}..."
            self._fail(f"Number {shown} is beyond the range of a double", position, "a number below 1.8e308")
        return value, end

    # --- refusals

    def _fail_value(self, position: int) -> NoReturn:
        character = self._text[position]
        after_comma = character == "]" and bool(self._opened) and bool(self._opened[-1][0])
        expected = "no comma after the last entry, or another value" if after_comma else _VALUE
        in_array = bool(self._opened) and isinstance(self._opened[-1][0], list)
        rule = "expected a value" if character == "}" and in_array else f"expected a valid value {_TOKENS}"
        self._fail_character(position, f": {rule}", expected)

    def _fail(self, message: str, at: int, expected: str) -> NoReturn:
        line, column = _line_and_column(self._text, at)
        place = source_place(self._text, line, column)
        raise InvalidJson(message, line=line, column=column, expected=expected, place=place)

    def _fail_character(self, position: int, message: str, expected: str, *, at: int | None = None) -> NoReturn:
        described = _described(self._text[position])
        self._fail(f"Unexpected character ({described}){message}", position if at is None else at, expected)

    def _fail_input_ended(self, message: str, expected: str) -> NoReturn:
        self._fail(f"Unexpected end-of-input{message}", len(self._text), expected)

    def _fail_between(self, position: int) -> NoReturn:
        self._fail(
            f"Unexpected end-of-input within/between {self._kind()} entries", position, "more: the text stops here"
        )

    def _fail_unclosed(self, position: int) -> NoReturn:
        _, start = self._opened[-1]
        place = source_place(self._text, *_line_and_column(self._text, start))
        message = f"Unexpected end-of-input: expected close marker for {self._kind()} (start marker at {place})"
        self._fail(message, position, f"the closing {self._marker()}")

    def _fail_marker(self, position: int) -> NoReturn:
        found = self._text[position]
        expected = "]" if found == "}" else "}"
        if self._opened:
            place = source_place(self._text, *_line_and_column(self._text, self._opened[-1][1]))
            what = f"for {self._kind()} starting at {place}"
            wanted = f"{expected} to close what was opened, before this {found}"
        else:
            line, _ = _line_and_column(self._text, position)
            what = f"for root starting at {source_place(self._text, 1, 0)}"
            wanted = f"no {found}, as nothing is open on line {line}"
        self._fail(f"Unexpected close marker '{found}': expected '{expected}' ({what})", position, wanted)

    def _fail_token(self, position: int, first: int | None = None) -> NoReturn:
        """`first` is where the identifier starts, if the token begins with a sign."""
        text = self._text
        end = position if first is None else first
        while end < len(text) and end - position < _SHOWN_TOKEN and _continues_identifier(text[end]):
            end += 1
        dots = "..." if end - position == _SHOWN_TOKEN else ""
        self._fail(f"Unrecognized token '{text[position:end]}{dots}': was expecting {_TOKENS}", end, _VALUE)

    def _fail_not_number(self, position: int, word: str) -> NoReturn:
        end = position + len(word)
        if _continues_identifier(self._text[end : end + 1] or " "):
            self._fail_token(position, position + 1)
        self._fail(
            f"Non-standard token '{word}': enable `JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS` to allow",
            end,
            "a finite number, or null",
        )

    def _fail_sign(self, position: int) -> NoReturn:
        text = self._text
        for word in _NOT_NUMBERS:
            if text.startswith(word, position):
                self._fail_not_number(position, word)
        if position + 1 == len(text):
            self._fail_input_ended("No digit following sign", "a digit after the minus sign")
        if text[position + 1] == ".":
            self._fail_value(position + 1)
        self._fail_character(
            position + 1,
            " in numeric value: expected digit (0-9) to follow minus sign, for valid numeric value",
            "a digit after the minus sign",
        )

    def _fail_number_part(self, position: int, at: int, part: str, rule: str) -> NoReturn:
        """Jackson names the character after the point or the exponent, at the column where the integer part ends."""
        text = self._text
        shown = position + 1 if part == ". in" and position + 1 < len(text) else position
        self._fail_character(shown, f" in numeric value: {rule}", "a digit", at=at)

    def _fail_escape(self, position: int) -> NoReturn:
        text = self._text
        escaped = text[position + 1 : position + 2]
        if not escaped:
            self._fail_input_ended(" in character escape sequence", "a closing double quote")
        if escaped != "u":
            self._fail(
                f"Unrecognized character escape {_described(escaped)}",
                position + 1,
                'one of \\" \\\\ \\/ \\b \\f \\n \\r \\t or \\u and four hex digits; a backslash is written \\\\',
            )
        digit = position + 2
        while digit < len(text) and text[digit] in "0123456789abcdefABCDEF":
            digit += 1
        if digit == len(text):
            self._fail_input_ended(" in character escape sequence", "four hex digits after \\u")
        self._fail_character(digit, ": expected a hex-digit for character escape sequence", "four hex digits after \\u")
