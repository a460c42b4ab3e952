"""How Java names and prints JSON values, reads numbers and writes regular expressions.

Messages quote values as Java's `toString` prints them and name the classes that Jackson reads JSON into, and a filter
that compares a string with a number compares it with the number's Java text. Only what messages and comparisons need.
"""

import re
from decimal import Decimal
from typing import Any, Final

from stepwell.definitions.expressions import Json

_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+(\.[0-9]*)?|(\.[0-9]+))([eE][+-]?[0-9]+)?")
_MAX_NUMBER_LENGTH: Final = 4000  # Python refuses to convert longer integers


def parse_number(text: str) -> int | float | None:
    """The number a text spells as `BigDecimal` reads it, or None where it spells none."""
    found = _NUMBER.fullmatch(text)
    if found is None or len(text) > _MAX_NUMBER_LENGTH:
        return None
    return float(text) if any(found.groups()) else int(text)


def class_name(value: Json) -> str:
    """The Java class of a value, as `but found '...'` names it."""
    match value:
        case None:
            return "null"
        case bool():
            return "java.lang.Boolean"
        case str():
            return "java.lang.String"
        case int():
            if -(1 << 31) <= value < 1 << 31:
                return "java.lang.Integer"
            return "java.lang.Long" if -(1 << 63) <= value < 1 << 63 else "java.math.BigInteger"
        case float():
            return "java.lang.Double"
        case list():
            return "java.util.ArrayList"
        case _:
            return "java.util.LinkedHashMap"


def double_text(value: float) -> str:
    """`Double.toString`: plain from 0.001 to ten million, else `d.dddE±n`."""
    if value == 0 or 1e-3 <= abs(value) < 1e7 or value - value != 0:
        return repr(value)
    sign, digits, exponent = Decimal(repr(value)).as_tuple()
    if not isinstance(exponent, int):  # an infinity or NaN: excluded above
        return repr(value)
    text = "".join(map(str, digits)).rstrip("0")
    return f"{'-' * sign}{text[0]}.{text[1:] or '0'}E{len(digits) + exponent - 1}"


def number_text(value: float) -> str:
    """A number as a filter sees it beside a string: `BigDecimal.toString` of its Java text."""
    return str(value) if isinstance(value, int) else str(Decimal(double_text(value)))


class _Text(str):
    """A piece of finished output on the stack of `value_text`."""

    __slots__ = ()


def value_text(value: Json) -> str:
    """`toString` of a value: `{a=1, b=[x, null]}`. Does not recurse: messages may quote documents of any depth."""
    pieces: list[str] = []
    pending: list[Any] = [value]
    while pending:
        item = pending.pop()
        match item:
            case _Text():
                pieces.append(item)
            case dict():
                parts: list[Any] = [_Text("{")]
                for number, (key, member) in enumerate(item.items()):
                    parts += [_Text(f"{', ' if number else ''}{key}="), member]
                pending += reversed([*parts, _Text("}")])
            case list():
                parts = [_Text("[")]
                for number, member in enumerate(item):
                    parts += [_Text(", " if number else ""), member]
                pending += reversed([*parts, _Text("]")])
            case _:
                pieces.append(scalar_text(item))
    return "".join(pieces)


def scalar_text(value: Json) -> str:
    """`toString` of a string, number, boolean or null."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case float():
            return double_text(value)
        case _:
            return str(value)


def unescape(text: str) -> str | None:
    r"""The text with `\n`, `\'`, `\u00e9` and the like resolved; any other escaped character stands for itself.

    None where a `\u` is followed by four characters that are no hexadecimal number.
    """
    if "\\" not in text:
        return text
    pieces: list[str] = []
    position = 0
    while position < len(text):
        character = text[position]
        position += 1
        if character != "\\" or position == len(text):
            pieces.append(character)
            continue
        escape = text[position]
        position += 1
        if escape != "u":
            pieces.append(_ESCAPES.get(escape, escape))
            continue
        digits = text[position : position + 4]
        position += 4
        if len(digits) < 4:
            break
        if not _HEXADECIMAL.fullmatch(digits):
            return None
        pieces.append(chr(int(digits, 16)))
    # Two escapes may spell one character outside the basic plane: Java's strings are UTF-16.
    return "".join(pieces).encode("utf-16", "surrogatepass").decode("utf-16", "replace")


_ESCAPES: Final = {"r": "\r", "f": "\f", "t": "\t", "n": "\n", "b": "\b"}
_HEXADECIMAL: Final = re.compile(r"[0-9a-fA-F]{4}")

# --- regular expressions ---------------------------------------------------------------------------------------------

_FLAGS: Final = {
    "d": re.NOFLAG,
    "i": re.IGNORECASE,
    "x": re.VERBOSE,
    "m": re.MULTILINE,
    "s": re.DOTALL,
    "u": re.UNICODE,
    "U": re.UNICODE,
}
FLAGS: Final = frozenset(_FLAGS)

_MAX_REGEX_DEPTH: Final = 50

# POSIX and Unicode classes by their members, as they stand inside brackets.
_CLASSES: Final = {
    "Lower": "a-z",
    "Upper": "A-Z",
    "ASCII": r"\x00-\x7f",
    "Alpha": "a-zA-Z",
    "Digit": "0-9",
    "Alnum": "a-zA-Z0-9",
    "Punct": r"!-/:-@\[-`{-~",
    "Graph": "!-~",
    "Print": " -~",
    "Blank": r" \t",
    "Cntrl": r"\x00-\x1f\x7f",
    "XDigit": "0-9a-fA-F",
    "Space": r" \t\n\x0b\f\r",
}
_TOKEN: Final = re.compile(
    r"\\Q(?P<quoted>.*?)(?:\\E|\Z)"
    r"|\\(?P<negated>[pP])\{(?P<category>\w+)\}"
    r"|\\x\{(?P<code>[0-9a-fA-F]{1,6})\}"
    r"|\\k<(?P<reference>\w+)>"
    r"|\(\?<(?P<group>[a-zA-Z]\w*)>"
    r"|\\(?P<escape>.)"
    r"|(?P<plain>.)",
    re.DOTALL,
)
_ANCHORS: Final = {
    "z": r"\Z",
    "Z": r"(?=\n?\Z)",
    "h": r"[ \t\xa0]",
    "R": r"(?:\r\n|[\n-\r\x85\u2028\u2029])",
    "e": r"\x1b",
}


def compile_regex(pattern: str, flags: str) -> re.Pattern[str] | None:
    """A Java pattern as one of Python's that means the same; None where it is none, or cannot be expressed."""
    translated = _translate(pattern, flags)
    if translated is None:
        return None
    combined = re.NOFLAG if "u" in flags or "U" in flags else re.ASCII
    for flag in flags:
        combined |= _FLAGS[flag]
    try:
        return re.compile(translated, combined)
    except (re.error, OverflowError):
        return None


def _translate(pattern: str, flags: str) -> str | None:
    pieces: list[str] = []
    in_class = False
    depth = 0
    for token in _TOKEN.finditer(pattern):
        match token.lastgroup:
            case "quoted":
                pieces.append(re.escape(token["quoted"]))
            case "category":
                members = _CLASSES.get(token["category"])
                is_negated = token["negated"] == "P"
                if members is None or (in_class and is_negated):
                    return None
                pieces.append(members if in_class else f"[{'^' * is_negated}{members}]")
            case "code":
                code = int(token["code"], 16)
                if code > 0x10FFFF:
                    return None
                pieces.append(f"\\U{code:08x}")
            case "reference":
                pieces.append(f"(?P={token['reference']})")
            case "group" if not in_class:
                pieces.append(f"(?P<{token['group']}>")
                depth += 1
            case "group":
                pieces.append(token[0])
            case "escape":
                pieces.append(_ANCHORS.get(token["escape"], token[0]) if not in_class else token[0])
            case _:
                character = token[0]
                if in_class:
                    # Python warns of `[`, `--`, `~~`, `||`, `&&` in a class; Java means a nested class or an
                    # intersection by the first and the last of them, which `re` does not have.
                    if character == "[" or pattern[token.start() : token.start() + 2] == "&&":
                        return None
                    is_first = pieces[-1] in {"[", "[^"}
                    in_class = character != "]" or is_first
                    if character == "^" and pieces[-1] == "[":
                        pieces[-1] = "[^"
                    elif character in "~|&" or (character == "-" and pieces[-1] == "-"):
                        pieces.append("\\" + character)
                    else:
                        pieces.append(character)
                    continue
                in_class = character == "["
                depth += (character == "(") - (character == ")")
                # Java's line terminators are five, Python's one.
                is_dot = character == "." and "s" not in flags and "d" not in flags
                pieces.append(r"[^\n\r\x85\u2028\u2029]" if is_dot else character)
        if depth > _MAX_REGEX_DEPTH:
            return None
    return "".join(pieces)
