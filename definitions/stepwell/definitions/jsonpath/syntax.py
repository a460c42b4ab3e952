"""The grammar of paths: text to a `Selector`.

The grammar is Jayway's, followed with its lenience, since a definition that AWS accepts must be accepted here:

- a text that opens with neither `$` nor `@` is read with `$.` before it;
- a dot may stand before a bracket (`$.[0]`, `$.a.['b']`);
- a bare name runs to the next dot, opening bracket or opening parenthesis, whatever else is in it;
- one character left over at the very end is ignored (`$.a[`, `$.a[0]x`);
- the parenthesis that closes a function without arguments begins the next step's name where more follows:
  `$.a.min().max()` asks the minimum for a member `)`.

Differs from Jayway: in a bare name a backslash takes the next character literally (`$.foo\\.bar`), as the States
Language has it for Reference Paths; in Jayway it is a character like any other and the dot still divides.

Differs from Jayway: a path of more than `MAX_LENGTH` characters, `MAX_STEPS` steps (those of nested paths included) or
`MAX_DEPTH` levels of nesting is invalid. Nothing here or in the evaluation recurses deeper than these allow.
"""

import re
from typing import Final, NoReturn

from stepwell.definitions.jsonpath.conditions import parse_condition
from stepwell.definitions.jsonpath.failures import InvalidPath, JavaError
from stepwell.definitions.jsonpath.java import unescape
from stepwell.definitions.jsonpath.limits import Limits
from stepwell.definitions.jsonpath.scanner import SPACE, Scanner
from stepwell.definitions.jsonpath.steps import (
    ALL,
    SCAN,
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
)

# What nineteen of twenty steps are; the rest of the grammar would read them just the same, only slower.
_PLAIN_NAME: Final = re.compile(r"\.([\w-]+)(?=[.\[]|\Z)")
_PLAIN_INDEX: Final = re.compile(r"\[([0-9]{1,9})\]")

_BARE_NAME: Final = re.compile(r"(?:[^ .\[(\\]|\\.|\\$)*", re.DOTALL)
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
_OPERATORS: Final = re.compile(r"[@,:?*]")
_ARRAY_CHARACTERS: Final = re.compile(r"[\d,:\- ]*")
_INDEX_CHARACTERS: Final = re.compile(r"[\d,\- ]*")
_SLICE_CHARACTERS: Final = re.compile(r"[\d:\-]*")
_COMMA: Final = re.compile(r"\s*,\s*")
_INTEGER: Final = re.compile(r"[+-]?\d{1,10}")


def parse(text: str) -> Selector:
    """The path a text spells. Raises `InvalidPath`."""
    if not text:
        raise InvalidPath("json can not be null or empty")
    try:
        return _parse(text, Limits(text))
    except JavaError as error:
        raise InvalidPath(str(error)) from None


def parse_nested(text: str, limits: Limits) -> Selector:
    """The path a text inside another path spells. Raises `InvalidPath`, or `JavaError` for a text cut short."""
    with limits.level():
        return _parse(text, limits)


def _parse(text: str, limits: Limits) -> Selector:
    scanner = Scanner(text)
    scanner.trim()
    if scanner.at(0) not in "$@":
        scanner = Scanner("$." + text)
        scanner.trim()
    if scanner.text[scanner.end] == ".":
        raise InvalidPath("Path must not end with a '.' or '..'")
    return _invert_scan(_PathParser(scanner, limits).selector())


def _invert_scan(selector: Selector) -> Selector:
    """`$..a.sum()` is read as `$.sum($..a)`: the function takes all that the scan finds, not each of it."""
    steps = selector.steps
    if not selector.is_function or not isinstance(steps[0], DeepScan):
        return selector
    place = next(place for place, step in enumerate(steps) if isinstance(step, Function))
    function = steps[place]
    assert isinstance(function, Function)
    scanned = Selector(selector.root, steps[:place])
    return Selector("$", (Function(function.name, (scanned,)), *steps[place + 1 :]))


class _PathParser:
    """Reads steps one after another. A `_read_...` gives False, having read nothing, where the text is no such step."""

    __slots__ = ("limits", "scanner", "steps")

    def __init__(self, scanner: Scanner, limits: Limits) -> None:
        self.scanner = scanner
        self.limits = limits
        self.steps: list[Step] = []

    def selector(self) -> Selector:
        scanner = self.scanner
        while scanner.is_inside(scanner.position) and scanner.current.isspace():
            scanner.position += 1
        root = scanner.current
        if root not in "$@":
            raise InvalidPath("Path must start with '$' or '@'")
        if scanner.is_at_tail:
            return Selector(root, ())
        scanner.position += 1
        if scanner.current not in ".[":
            raise InvalidPath(f"Illegal character at position {scanner.position} expected '.' or '['")
        self._read_step()
        # Not "while a character is left": a single one at the end is never looked at.
        while not scanner.is_at_tail:
            self._read_step()
        is_complete = scanner.position > scanner.end or isinstance(self.steps[-1], Function)
        return Selector(root, tuple(self.steps), is_complete)

    def _add(self, step: Step) -> bool:
        self.limits.take_step()
        self.steps.append(step)
        return True

    def _read_plain_step(self) -> bool:
        scanner = self.scanner
        if found := _PLAIN_NAME.match(scanner.text, scanner.position, scanner.end + 1):
            self._add(Property((found[1],)))
        elif found := _PLAIN_INDEX.match(scanner.text, scanner.position, scanner.end + 1):
            self._add(Index((int(found[1]),)))
        else:
            return False
        scanner.position = found.end()
        return True

    def _read_step(self) -> None:
        if self._read_plain_step():
            return
        if self.scanner.current == ".":
            self._read_dots()
        position = self.scanner.position
        match self.scanner.current:
            case "[":
                if not (
                    self._read_quoted_names()
                    or self._read_indexes()
                    or self._read_bracketed_wildcard()
                    or self._read_filter()
                    or self._read_placeholder()
                ):
                    raise InvalidPath(f"Could not parse token starting at position {position}. Expected ?, ', 0-9, * ")
            case "*":
                self.scanner.position += 1
                self._add(ALL)
            case character if character == SPACE:
                raise InvalidPath(f"Could not parse token starting at position {position}")
            case _:
                self._read_bare_name()

    def _read_dots(self) -> None:
        scanner = self.scanner
        if scanner.position + 1 <= scanner.end and scanner.text[scanner.position + 1] == ".":
            self._add(SCAN)
            scanner.position += 2
        elif scanner.position >= scanner.end:
            raise InvalidPath("Path must not end with a '.")
        else:
            scanner.position += 1
        if scanner.current == ".":
            raise InvalidPath(f"Character '.' on position {scanner.position} is not valid.")

    def _read_bare_name(self) -> None:
        scanner = self.scanner
        start = scanner.position
        found = _BARE_NAME.match(scanner.text, start, scanner.end + 1)
        stop = found.end() if found else start
        raw = scanner.text[start:stop]
        following = scanner.text[stop] if stop <= scanner.end else ""
        if following == SPACE:
            raise InvalidPath(
                f"Use bracket notion ['my prop'] if your property contains blank characters. position: {start}"
            )
        if following == "(":
            self._read_function(raw, stop)
            return
        scanner.position = stop
        name, operators = raw, _OPERATORS.search(raw)
        if "\\" in raw:
            name, operators = _ESCAPED.sub(r"\1", raw), _OPERATORS.search(_ESCAPED.sub("", raw))
        self._add(Property((name,), "'", operators is None))

    def _read_quoted_names(self) -> bool:
        scanner = self.scanner
        quote = scanner.significant_after(scanner.position)
        if quote not in "'\"":
            return False
        names: list[str] = []
        position = start = scanner.position + 1
        last_close = 0
        is_in_name = is_after_comma = False
        while scanner.is_inside(position):
            character = scanner.text[position]
            if character == "\\":
                position += 2
                continue
            if character == "]" and not is_in_name:
                if is_after_comma:
                    raise InvalidPath(f"Found empty property at index {position}")
                break
            if character == quote and is_in_name:
                if scanner.significant_after(position) not in "],":
                    raise InvalidPath(
                        "Property must be separated by comma or Property must be terminated close square bracket"
                        f" at index {position}"
                    )
                last_close = position
                names.append(_unescaped(scanner.between(start, position)))
                is_in_name = False
            elif character == quote:
                start = position + 1
                is_in_name, is_after_comma = True, False
            elif character == "," and not is_in_name:
                if is_after_comma:
                    raise InvalidPath(f"Found empty property at index {position}")
                is_after_comma = True
            position += 1
        if is_in_name:
            raise InvalidPath(f"Property has not been closed - missing closing {quote}")
        closing = scanner.next_significant(last_close)
        if scanner.at(closing) != "]":
            raise InvalidPath("Property has not been closed - missing closing ]")
        scanner.position = closing + 1
        return self._add(Property(tuple(names), quote))

    def _read_indexes(self) -> bool:
        scanner = self.scanner
        opening = scanner.significant_after(scanner.position)
        if not opening.isdecimal() and opening not in "-:":
            return False
        stop = scanner.find("]", scanner.position + 1)
        if stop == -1:
            return False
        expression = scanner.between(scanner.position + 1, stop).strip()
        if not _ARRAY_CHARACTERS.fullmatch(expression):
            return False
        step = _slice(expression) if ":" in expression else _indexes(expression)
        scanner.position = stop + 1
        return self._add(step)

    def _read_bracketed_wildcard(self) -> bool:
        scanner = self.scanner
        if scanner.significant_after(scanner.position) != "*":
            return False
        star = scanner.next_significant(scanner.position)
        closing = scanner.next_significant(star)
        if scanner.significant_after(star) != "]":
            raise InvalidPath(f"Expected wildcard token to end with ']' on position {star + 1}")
        scanner.position = closing + 1
        return self._add(ALL)

    def _read_filter(self) -> bool:
        scanner = self.scanner
        start = scanner.position
        question = scanner.next_significant(start)
        if scanner.at(question) != "?":
            return False
        opening = scanner.next_significant(question)
        if scanner.at(opening) != "(":
            return False
        closing = scanner.find_closing(opening, ")", skip_regexes=True)
        if closing == -1 or scanner.significant_after(closing) != "]":
            return False
        stop = scanner.next_significant(closing) + 1
        with self.limits.level():
            condition = parse_condition(scanner.between(start, stop), self.limits, parse_nested)
        scanner.position = stop
        return self._add(Filter(condition))

    def _read_placeholder(self) -> bool:
        """`[?]` stands for a filter given beside the path. There is none in a definition: it is always a mistake."""
        scanner = self.scanner
        question = scanner.next_significant(scanner.position)
        if scanner.at(question) != "?" or scanner.significant_after(question) not in "],":
            return False
        stop = scanner.find("]", scanner.position + 1)
        if stop == -1:
            return False
        expression = scanner.between(scanner.position + 1, stop)
        raise InvalidPath(f"Not enough predicates supplied for filter [{expression}] at position {scanner.position}")

    def _read_function(self, name: str, opening: int) -> None:
        scanner = self.scanner
        opened = 1
        for character in scanner.text[opening + 1 : scanner.end + 1]:
            opened += (character == "(") - (character == ")")
            if opened == 0:
                break
        if opened:
            _fail_unclosed(name)
        scanner.position = opening + 1
        # The closing parenthesis of `()` is left to be read: see the grammar above.
        arguments = () if scanner.current == ")" else self._read_arguments(name)
        self._add(Function(name, arguments))

    def _read_arguments(self, name: str) -> tuple[Argument, ...]:
        """The arguments, by counting brackets alone.

        A closing parenthesis that leaves one open ends an argument as a comma does, so `max($.a.min(), 1)` has two.
        Commas in a string are lost. Arguments that open neither JSON nor a path are passed over.
        """
        scanner = self.scanner
        arguments: list[Argument] = []
        collected: list[str] = []
        kind = ""
        parentheses, brackets, braces, quotes = 1, 0, 0, 0
        previous = ""
        while scanner.is_inside(scanner.position) and parentheses:
            character = scanner.text[scanner.position]
            scanner.position += 1
            if not kind:
                if character.isspace():
                    continue
                if character in '{"-' or character.isdecimal():
                    kind = "json"
                elif character in "$@":
                    kind = "path"
            if character == '"':
                quotes += -1 if previous != "\\" and quotes > 0 else 1
            elif character == "(":
                parentheses += 1
            elif character == "{":
                braces += 1
            elif character == "[":
                brackets += 1
            elif character == "}":
                if not braces:
                    raise InvalidPath(f"Unexpected close brace '}}' at character position: {scanner.position}")
                braces -= 1
            elif character == "]":
                if not brackets:
                    raise InvalidPath(f"Unexpected close bracket ']' at character position: {scanner.position}")
                brackets -= 1
            elif character in "),":
                if character == ")":
                    parentheses -= 1
                    if previous == "(":
                        collected.append(character)
                if kind and not quotes and not braces and not brackets and parentheses <= 1:
                    arguments.append(self._argument(kind, "".join(collected)))
                    collected.clear()
                    kind = ""
            self.limits.check_depth(braces + brackets)
            if kind and not (character == "," and not braces and not brackets and parentheses == 1):
                collected.append(character)
            previous = character
        if parentheses or brackets or braces:
            _fail_unclosed(name)
        return tuple(arguments)

    def _argument(self, kind: str, text: str) -> Argument:
        self.limits.take_step()
        if kind == "json":
            return JsonArgument(text)
        # Unlike a path on its own, an argument is not trimmed and may lack neither root nor end.
        with self.limits.level():
            return _invert_scan(_PathParser(Scanner(text), self.limits).selector())


def _fail_unclosed(name: str) -> NoReturn:
    raise InvalidPath(f"Arguments to function: '{name}' are not closed properly.")


def _unescaped(text: str) -> str:
    name = unescape(text)
    if name is None:
        raise JavaError("com.jayway.jsonpath.JsonPathException: Unable to parse unicode value: " + text)
    return name


def _integer(text: str) -> int | None:
    """As `Integer.parseInt` reads it."""
    if not _INTEGER.fullmatch(text):
        return None
    value = int(text)
    return value if -(1 << 31) <= value < 1 << 31 else None


def _indexes(expression: str) -> Index:
    if not _INDEX_CHARACTERS.fullmatch(expression):
        raise InvalidPath(f"Failed to parse ArrayIndexOperation: {expression}")
    indexes: list[int] = []
    for part in _COMMA.split(expression):
        index = _integer(part)
        if index is None:
            raise InvalidPath(f"Failed to parse token in ArrayIndexOperation: {part}")
        indexes.append(index)
    return Index(tuple(indexes))


def _slice(expression: str) -> Slice:
    """`[:]` is none, and a third part is not looked at."""
    if not _SLICE_CHARACTERS.fullmatch(expression):
        raise InvalidPath(f"Failed to parse SliceOperation: {expression}")
    bounds: list[int | None] = []
    for part in expression.split(":")[:2]:
        bound = _integer(part) if part else None
        if part and bound is None:
            raise JavaError(f'java.lang.NumberFormatException: For input string: "{part}"')
        bounds.append(bound)
    start, stop = bounds
    if start is None and stop is None:
        raise InvalidPath(f"Failed to parse SliceOperation: {expression}")
    return Slice(start, stop)
