"""The grammar of filters: `[?(...)]` to a `Condition`.

    disjunction  =  conjunction { "||" conjunction }
    conjunction  =  term { "&&" term }
    term         =  "!" term  |  "(" disjunction ")"  |  comparison  |  [ "!" ] path
    comparison   =  operand operator operand

A comparison is tried first. Where it cannot be read, what stands before the operator must be a path, and asks whether
it exists. A path runs to a blank, a comparison sign or a closing parenthesis outside of brackets: `@.a&&@.b` is one
path. An exclamation mark before a path that is compared has no effect.
"""

from collections.abc import Callable
from typing import Final

from stepwell.definitions.expressions import Json
from stepwell.definitions.jsonpath.failures import InvalidPath, JavaError
from stepwell.definitions.jsonpath.java import FLAGS, compile_regex, parse_number, unescape
from stepwell.definitions.jsonpath.limits import Limits
from stepwell.definitions.jsonpath.operators import OPERATORS
from stepwell.definitions.jsonpath.scanner import SPACE, Scanner
from stepwell.definitions.jsonpath.steps import (
    Comparison,
    Condition,
    Conjunction,
    Disjunction,
    Existence,
    Literal,
    Negation,
    Operand,
    Regex,
    Selector,
)

_SIGNS: Final = frozenset("<>=~!")
_NUMBER_CHARACTERS: Final = frozenset("0123456789-.eE")
_WORDS: Final[dict[str, Json]] = {"true": True, "false": False, "null": None}

PathParser = Callable[[str, Limits], Selector]


def parse_condition(text: str, limits: Limits, parse_path: PathParser) -> Condition:
    """The condition of a filter, given with its brackets. Raises `InvalidPath`."""
    scanner = Scanner(text)
    scanner.position, scanner.end = 1, scanner.end - 1
    scanner.trim()
    scanner.position += 1  # the question mark: the path's grammar has seen it, and the parentheses
    scanner.trim()
    try:
        condition = _ConditionParser(scanner, limits, parse_path).disjunction()
    except JavaError:
        raise InvalidPath(
            f"Failed to parse filter: {text}, error on position: {scanner.position}, char: {scanner.current}"
        ) from None
    scanner.skip_blanks()
    if scanner.is_inside(scanner.position):
        rest = scanner.text[scanner.position : scanner.end + 1]
        raise InvalidPath(f"Expected end of filter expression instead of: {rest}")
    return condition


class _ConditionParser:
    __slots__ = ("limits", "parse_path", "scanner")

    def __init__(self, scanner: Scanner, limits: Limits, parse_path: PathParser) -> None:
        self.scanner = scanner
        self.limits = limits
        self.parse_path = parse_path

    def disjunction(self) -> Condition:
        conditions = [self._conjunction()]
        while self._skip("||"):
            conditions.append(self._conjunction())
        return conditions[0] if len(conditions) == 1 else Disjunction(tuple(conditions))

    def _conjunction(self) -> Condition:
        conditions = [self._term()]
        while self._skip("&&"):
            conditions.append(self._term())
        return conditions[0] if len(conditions) == 1 else Conjunction(tuple(conditions))

    def _skip(self, sign: str) -> bool:
        scanner = self.scanner
        before = scanner.position
        scanner.skip_blanks()
        stop = scanner.position + len(sign)
        if scanner.is_inside(stop - 1) and scanner.text.startswith(sign, scanner.position):
            scanner.position = stop
            return True
        scanner.position = before
        return False

    def _significant(self) -> str:
        self.scanner.skip_blanks()
        return self.scanner.current

    def _term(self) -> Condition:
        scanner = self.scanner
        start = scanner.position
        if self._significant() == "!":
            scanner.position += 1
            if self._significant() not in "$@":
                with self.limits.level():
                    return Negation(self._term())
            scanner.position = start
        if self._significant() != "(":
            return self._comparison()
        scanner.position += 1
        with self.limits.level():
            condition = self.disjunction()
        if self._significant() != ")":
            raise InvalidPath("Expected character: )")
        scanner.position += 1
        return condition

    def _comparison(self) -> Condition:
        scanner = self.scanner
        self.limits.take_step()
        is_negated = self._significant() == "!"
        left = self._operand()
        after_left = scanner.position
        try:
            operator = self._operator()
            return Comparison(left, operator, self._operand())
        except InvalidPath:
            scanner.position = after_left
        if not isinstance(left, Selector):
            raise InvalidPath("Expected path node")
        return Existence(left, not is_negated)

    def _operator(self) -> str:
        scanner = self.scanner
        is_sign = self._significant() in _SIGNS
        start = position = scanner.position
        while scanner.is_inside(position) and (
            scanner.text[position] in _SIGNS if is_sign else scanner.text[position] != SPACE
        ):
            position += 1
        scanner.position = position
        name = scanner.between(start, position)
        operator = name.upper()
        if operator not in OPERATORS:
            raise InvalidPath(f"Filter operator {name} is not supported!")
        return operator

    def _operand(self) -> Operand:
        opening = self._significant()
        if opening == "!":
            self.scanner.position += 1
            opening = self._significant()
            if opening not in "$@":
                raise InvalidPath("Unexpected character: !")
        match opening:
            case "$" | "@":
                return self._path()
            case "'" | '"':
                return self._string(opening)
            case "t" | "f" | "n":
                return self._word()
            case "[" | "{":
                return self._json(opening)
            case "/":
                return self._regex()
            case _:
                return self._number()

    def _path(self) -> Selector:
        scanner = self.scanner
        start = scanner.position
        scanner.position += 1
        while scanner.is_inside(scanner.position):
            if scanner.current == "[":
                closing = scanner.find_closing(scanner.position, "]", skip_regexes=False)
                if closing == -1:
                    raise InvalidPath(f"Square brackets does not match in filter {scanner.text}")
                scanner.position = closing + 1
            character = scanner.current
            if (
                not scanner.is_inside(scanner.position)
                or character in _SIGNS
                or character == SPACE
                or (character == ")" and not self._closes_function(start))
            ):
                break
            scanner.position += 1
        return self.parse_path(scanner.between(start, scanner.position), self.limits)

    def _closes_function(self, start: int) -> bool:
        """Whether the parenthesis here closes `.name(`."""
        scanner = self.scanner
        before = scanner.position - 1
        while before > 0 and scanner.text[before] == SPACE:
            before -= 1
        return scanner.text[before] == "(" and "." in scanner.text[start + 1 : before]

    def _string(self, quote: str) -> Literal:
        scanner = self.scanner
        closing = scanner.find_unescaped(quote, scanner.position)
        if closing == -1:
            raise InvalidPath(f"String literal does not have matching quotes. Expected {quote} in {scanner.text}")
        text = unescape(scanner.between(scanner.position + 1, closing))
        scanner.position = closing + 1
        if text is None:
            raise JavaError("com.jayway.jsonpath.JsonPathException: Unable to parse unicode value")
        return Literal(text)

    def _word(self) -> Literal:
        scanner = self.scanner
        for word, value in _WORDS.items():
            stop = scanner.position + len(word)
            if scanner.is_inside(stop - 1) and scanner.text.startswith(word, scanner.position):
                scanner.position = stop
                return Literal(value)
        raise InvalidPath("Expected <null> value" if scanner.current == "n" else "Expected boolean literal")

    def _number(self) -> Literal:
        scanner = self.scanner
        start = scanner.position
        while scanner.is_inside(scanner.position) and scanner.current in _NUMBER_CHARACTERS:
            scanner.position += 1
        value = parse_number(scanner.between(start, scanner.position))
        if value is None:
            raise JavaError("java.lang.NumberFormatException")
        return Literal(value)

    def _regex(self) -> Regex:
        scanner = self.scanner
        start = scanner.position
        closing = scanner.find_unescaped("/", start)
        if closing == -1:
            raise InvalidPath(f"Pattern not closed. Expected / in {scanner.text}")
        stop = closing + 1
        while scanner.is_inside(stop) and scanner.text[stop] in FLAGS:
            stop += 1
        scanner.position = stop
        pattern = compile_regex(scanner.between(start + 1, closing), scanner.between(closing + 1, stop))
        if pattern is None:
            raise JavaError("java.util.regex.PatternSyntaxException")
        return Regex(pattern)

    def _json(self, opening: str) -> Literal:
        scanner = self.scanner
        start = scanner.position
        closing = scanner.find_closing(start, "]" if opening == "[" else "}", skip_regexes=False)
        if closing == -1:
            raise InvalidPath(f"String not closed. Expected ' in {scanner.text}")
        scanner.position = closing + 1
        return Literal(_LenientJson(Scanner(scanner.between(start, closing + 1)), self.limits).value())


class _LenientJson:
    """An array or object in a filter. Strings may stand in single quotes, or in none."""

    __slots__ = ("limits", "scanner")

    def __init__(self, scanner: Scanner, limits: Limits) -> None:
        self.scanner = scanner
        self.limits = limits

    def _next(self) -> str:
        scanner = self.scanner
        while scanner.current.isspace():
            scanner.position += 1
        return scanner.current

    def value(self) -> Json:
        scanner = self.scanner
        match self._next():
            case "[":
                with self.limits.level():
                    return self._array()
            case "{":
                with self.limits.level():
                    return self._object()
            case "'" | '"' as quote:
                closing = scanner.find_unescaped(quote, scanner.position)
                text = unescape(scanner.between(scanner.position + 1, closing)) if closing != -1 else None
                if text is None:
                    raise JavaError("net.minidev.json.parser.ParseException")
                scanner.position = closing + 1
                return text
            case _:
                return self._bare()

    def _bare(self) -> Json:
        scanner = self.scanner
        start = scanner.position
        while scanner.current not in ",:]}":
            scanner.position += 1
        word = scanner.between(start, scanner.position).strip()
        if word in _WORDS:
            return _WORDS[word]
        number = parse_number(word)
        return word if number is None else number

    def _array(self) -> list[Json]:
        scanner = self.scanner
        scanner.position += 1
        values: list[Json] = []
        while self._next() != "]":
            if scanner.current == ",":
                scanner.position += 1
                continue
            if scanner.current in ":}":
                raise JavaError("net.minidev.json.parser.ParseException")
            values.append(self.value())
        scanner.position += 1
        return values

    def _object(self) -> dict[str, Json]:
        scanner = self.scanner
        scanner.position += 1
        members: dict[str, Json] = {}
        while self._next() != "}":
            if scanner.current == ",":
                scanner.position += 1
                continue
            if scanner.current in ":]":
                raise JavaError("net.minidev.json.parser.ParseException")
            name = self.value()
            if self._next() != ":":
                raise JavaError("net.minidev.json.parser.ParseException")
            scanner.position += 1
            members[str(name)] = self.value()
        scanner.position += 1
        return members
