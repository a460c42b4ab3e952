"""The tokens of JSONata 2.0.6, and the faults that jsonata-js 2.0.6 finds in a text.

Rule 1: whether a `/` divides or begins a regular expression depends on what was before it: the parser says so.
Rule 2: time is in proportion to the text's length, whatever it holds.

Differs from AWS: whether a regular expression is one is told by the engine that compiles it, not here.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from json import dumps
from typing import Final

from msgspec import Struct

from stepwell.definitions.jsonata.nodes import Regex

MESSAGES: Final[Mapping[str, str]] = {
    "S0101": "String literal must be terminated by a matching quote",
    "S0102": "Number out of range: {token}",
    "S0103": "Unsupported escape sequence: \\{token}",
    "S0104": "The escape sequence \\u must be followed by 4 hex digits",
    "S0105": "Quoted property name must be terminated with a backquote (`)",
    "S0106": "Comment has no closing tag",
    "S0201": "Syntax error: {token}",
    "S0202": "Expected {value}, got {token}",
    "S0203": "Expected {value} before end of expression",
    "S0204": "Unknown operator: {token}",
    "S0207": "Unexpected end of expression",
    "S0208": "Parameter {value} of function definition must be a variable name (start with $)",
    "S0209": "A predicate cannot follow a grouping expression in a step",
    "S0210": "Each step can only have one grouping expression",
    "S0211": "The symbol {token} cannot be used as a unary operator",
    "S0212": "The left side of := must be a variable name (start with $)",
    "S0213": "The literal value {value} cannot be used as a step within a path expression",
    "S0214": "The right side of {token} must be a variable name (start with $)",
    "S0215": "A context variable binding must precede any predicates on a step",
    "S0216": "A context variable binding must precede the 'order-by' clause on a step",
    "S0217": "The object representing the 'parent' cannot be derived from this expression",
    "S0301": "Empty regular expressions are not allowed",
    "S0302": "No terminating / in regular expression",
    "S0401": "Type parameters can only be applied to functions and arrays",
    "S0402": "Choice groups containing parameterized types are not supported",
    "U1001": "Expression is nested more than {value} levels deep",  # ours: jsonata-js runs out of stack
    "U1002": "Expression has more than {value} parent operators",  # ours
}
"""The texts of jsonata-js 2.0.6. It has more codes (S0205, S0206 ...) that no text can bring about."""


class SyntaxFault(ValueError):
    """Text that is no JSONata expression.

    `message` is jsonata-js' without the code, `token` and `value` what it is about. `position` is None where
    jsonata-js gives none (S0217 at the top level).
    """

    def __init__(self, code: str, position: int | None, token: object = None, value: object = None) -> None:
        self.code, self.position, self.token, self.value = code, position, token, value
        self.message = MESSAGES[code].format(token=json_text(token), value=json_text(value))
        super().__init__(self.message)


def json_text(value: object) -> str:
    """A token's value as JavaScript's JSON.stringify writes it."""
    if isinstance(value, float):
        return _number_text(value)
    return "{}" if isinstance(value, Regex) else dumps(value, ensure_ascii=False)


def _number_text(number: float) -> str:
    if abs(number) < 1e21 and number == int(number):
        return str(int(number))
    text = repr(number)
    if abs(number) < 1e-6:
        return text.replace("e-0", "e-")
    return text if abs(number) >= 1e21 else f"{Decimal(text):f}"


# --- tokens -----------------------------------------------------------------------------------------------------------

POWERS: Final[Mapping[str, int]] = {
    "(": 80, "[": 80, "@": 80, "#": 80,
    ".": 75,
    "{": 70,
    "*": 60, "/": 60, "%": 60,
    "+": 50, "-": 50, "&": 50,
    "=": 40, "!=": 40, "<": 40, "<=": 40, ">": 40, ">=": 40, "in": 40, "^": 40, "~>": 40,
    "and": 30,
    "or": 25,
    "?": 20,
    ":=": 10,
}  # fmt: skip
"""How strongly an operator holds the operand to its left. All other tokens end an operand: 0."""

NEGATION_POWER: Final = 70

OPERATORS = frozenset(POWERS) | frozenset([")", "]", "}", ",", ";", ":", "|", "..", "**"])
KEYWORDS = frozenset(["and", "or", "in"])
_CONSTANTS: Mapping[str, bool | None] = {"true": True, "false": False, "null": None}

_BLANKS = re.compile(r"[ \t\n\r\v]*")
_SYMBOL = re.compile(r"\.\.|:=|!=|>=|<=|\*\*|~>|[.\[\]{}(),@#;:?+\-*/%|=<>^&!~]")
_NUMBER = re.compile(r"(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[Ee][-+]?[0-9]+)?")
_WORD = re.compile(r"[^ \t\n\r\v.\[\]{}(),@#;:?+\-*/%|=<>^&!~]*")
_PLAIN = {quote: re.compile(rf"[^\\{quote}]+") for quote in "\"'"}
_HEX = re.compile(r"[0-9a-fA-F]+")
_FLAGS = re.compile(r"[im]*")
_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}

END: Final = "(end)"
KINDS: Final = frozenset(["name", "variable", "literal", "regex", END])
"""What a token is that is no operator."""


class Token(Struct, frozen=True):
    """`id` is an operator's text, END, or the kind of an operand; `position` is where it ends."""

    id: str
    value: str | float | bool | Regex | None
    position: int


class Tokenizer:
    def __init__(self, text: str) -> None:
        self._text = text
        self._position = 0

    def next(self, *, after_operand: bool) -> Token:
        """The next token. A `/` begins a regular expression, unless it comes after an operand."""
        self._skip_blanks_and_comments()
        text, start = self._text, self._position
        if start >= len(text):
            return Token(END, END, len(text))
        if text[start] == "/" and not after_operand:
            regex = self._regex()
            return Token("regex", regex, self._position)
        if symbol := _SYMBOL.match(text, start):
            return self._token(symbol[0], symbol[0], symbol.end())
        if text[start] in _PLAIN:
            return Token("literal", self._string(text[start]), self._position)
        if number := _NUMBER.match(text, start):
            return self._token("literal", self._number(number[0]), number.end())
        if text[start] == "`":
            end = text.find("`", start + 1)
            if end < 0:
                raise SyntaxFault("S0105", len(text))
            return self._token("name", text[start + 1 : end], end + 1)
        return self._word()

    def _token(self, id: str, value: str | float | bool | None, end: int) -> Token:
        self._position = end
        return Token(id, value, end)

    def _skip_blanks_and_comments(self) -> None:
        while True:
            blanks = _BLANKS.match(self._text, self._position)
            self._position = blanks.end() if blanks else self._position
            if not self._text.startswith("/*", self._position):
                return
            end = self._text.find("*/", self._position + 2)
            if end < 0:
                raise SyntaxFault("S0106", self._position)
            self._position = end + 2

    def _word(self) -> Token:
        word = _WORD.match(self._text, self._position)
        text, end = (word[0], word.end()) if word else ("", self._position)
        if text.startswith("$"):
            return self._token("variable", text[1:], end)
        if text in KEYWORDS:
            return self._token(text, text, end)
        if text in _CONSTANTS:
            return self._token("literal", _CONSTANTS[text], end)
        return self._token("name", text, end)

    def _number(self, text: str) -> float:
        number = float(text)
        if number == float("inf"):
            raise SyntaxFault("S0102", self._position, token=text)
        return number

    def _string(self, quote: str) -> str:
        text, position = self._text, self._position + 1
        pieces: list[str] = []
        while position < len(text):
            if plain := _PLAIN[quote].match(text, position):
                pieces.append(plain[0])
                position = plain.end()
                continue
            if text[position] == quote:
                self._position = position + 1
                return _joined("".join(pieces))
            position += 1
            escape = text[position : position + 1]
            if escape == "u":
                digits = text[position + 1 : position + 5]
                if not _HEX.fullmatch(digits):
                    raise SyntaxFault("S0104", position)
                pieces.append(chr(int(digits, 16)))
                position += 4  # beyond the end, if there are fewer: as jsonata-js counts
            elif escape in _ESCAPES:
                pieces.append(_ESCAPES[escape])
            else:
                raise SyntaxFault("S0103", position, token=escape)
            position += 1
        raise SyntaxFault("S0101", position)

    def _regex(self) -> Regex:
        """Up to the next `/` that is neither escaped nor within brackets of any kind."""
        text, start = self._text, self._position + 1
        depth = 0
        escaped = False
        for position in range(start, len(text)):
            character = text[position]
            if character == "/" and depth == 0 and not escaped:
                break
            if text[position - 1] != "\\":  # as jsonata-js: a bracket after `\\` counts as escaped too
                depth += (character in "([{") - (character in ")]}")
            escaped = character == "\\" and not escaped
        else:
            raise SyntaxFault("S0302", len(text))
        if position == start:
            raise SyntaxFault("S0301", position)
        flags = _FLAGS.match(text, position + 1)
        self._position = flags.end() if flags else position + 1
        return Regex(text[start:position], text[position + 1 : self._position], self._position)


def _joined(text: str) -> str:
    """The text with pairs of surrogates, of which each was written as an escape, made one character."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
