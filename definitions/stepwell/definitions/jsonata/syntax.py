r"""The grammar of JSONata 2.0.6: text to nodes, or the fault that jsonata-js 2.0.6 would tell.

Nothing is evaluated here, and nothing is known of Step Functions: that is in `rules`.

    parse(text)      the expression as a tree of frozen nodes; raises SyntaxFault

A top-down operator precedence parser (Pratt): a token is the start of an operand (`_PREFIXES`) or goes on with the one
before it (`_INFIXES`), as long as its power (`POWERS`) is greater than that of what waits to its left.

Rule 1: codes, texts and positions are those of jsonata-js. A position is just behind the token it is about, so that of
a node is where its operator ends. It counts characters (code points), where JavaScript counts UTF-16 units.
Rule 2: a text is refused by its tokens and their order first (`_Parser`), and only then by what a path is made of
(`_Paths`): jsonata-js reads a text in these two passes, so the first fault is not always the leftmost.
Rule 3: the names `and`, `or` and `in` are names where an operand is expected.
Rule 4: hostile text costs time in proportion to its length and no more than `MAX_NESTING` levels of the stack. Chains
(`a & b & c`, `a.b.c`) are not nested, however long: whoever walks the tree goes down `left_of` in a loop.

Differs from AWS: whether a regular expression is one is told by the engine that compiles it, not here.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from itertools import chain
from json import dumps
from typing import Final, TypeAlias

MAX_NESTING: Final = 128
"""How deep operands may stand in one another. What is evaluated fails beyond 100 levels (AWS), so little is lost."""

MAX_PARENTS: Final = 1_000
"""How many parent operators (`%`) an expression may have: each looks for its parent among all steps before it."""

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
    "U1001": "Expression is too complex: {value}",  # ours; jsonata-js runs out of stack
}
"""The texts of jsonata-js 2.0.6. It has more codes (S0205, S0206 ...) that no text can bring about."""


class SyntaxFault(ValueError):
    """Text that is no JSONata expression.

    `message` is jsonata-js' without the code, `token` and `value` what it is about. `position` is None where
    jsonata-js gives none (S0217 at the top level).
    """

    def __init__(self, code: str, position: int | None, token: object = None, value: object = None) -> None:
        self.code, self.position, self.token, self.value = code, position, token, value
        self.message = MESSAGES[code].format(token=_json(token), value=_json(value))
        super().__init__(self.message)


def _json(value: object) -> str:
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


# --- nodes -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Name:
    """A member of the context: `a`, or `` `a b` ``."""

    value: str
    position: int


@dataclass(frozen=True, slots=True)
class Variable:
    """`$name`, without the `$`: the context (`$`) is the empty name, the root (`$$`) is `$`."""

    name: str
    position: int


@dataclass(frozen=True, slots=True)
class Literal:
    """A number, true, false, null; or a text, which as a step of a path is a name."""

    value: str | float | bool | None
    position: int


@dataclass(frozen=True, slots=True)
class Regex:
    pattern: str
    flags: str
    position: int


@dataclass(frozen=True, slots=True)
class Symbol:
    """An operator that is an operand: `*`, `**`, `%` (the parent), `?` (an argument left open), the end of the text."""

    symbol: str
    position: int


@dataclass(frozen=True, slots=True)
class Negation:
    operand: "Node"
    position: int


@dataclass(frozen=True, slots=True)
class Array:
    items: tuple["Node", ...]
    position: int


@dataclass(frozen=True, slots=True)
class Object:
    """`{...}`, or, with what is to its `left`, a grouping."""

    left: "Node | None"
    pairs: tuple[tuple["Node", "Node"], ...]
    position: int


@dataclass(frozen=True, slots=True)
class Block:
    expressions: tuple["Node", ...]
    position: int


@dataclass(frozen=True, slots=True)
class Lambda:
    parameters: tuple[str, ...]
    body: "Node"
    position: int


@dataclass(frozen=True, slots=True)
class Transform:
    """`|pattern|update, deletion|`"""

    pattern: "Node"
    update: "Node"
    deletion: "Node | None"
    position: int


@dataclass(frozen=True, slots=True)
class Binary:
    """Two operands and what is between them; `.` and `..` are operators too."""

    operator: str
    left: "Node"
    right: "Node"
    position: int


@dataclass(frozen=True, slots=True)
class Filter:
    """`left[predicate]`, be it a condition or an index."""

    left: "Node"
    predicate: "Node"
    position: int


@dataclass(frozen=True, slots=True)
class Sort:
    """`left^(term, >term)`"""

    left: "Node"
    terms: tuple["Node", ...]
    position: int


@dataclass(frozen=True, slots=True)
class StepVariable:
    """`left@$name` (the value of a step) or `left#$name` (its index), for the steps after it."""

    operator: str
    left: "Node"
    name: str
    position: int


@dataclass(frozen=True, slots=True)
class Assignment:
    """`$name := value`"""

    name: str
    value: "Node"
    position: int


@dataclass(frozen=True, slots=True)
class Condition:
    """`left ? then : otherwise`"""

    left: "Node"
    then: "Node"
    otherwise: "Node | None"
    position: int


@dataclass(frozen=True, slots=True)
class Call:
    """`left(arguments)`, a partial application if an argument is left open."""

    left: "Node"
    arguments: tuple["Node", ...]
    position: int


Leaf: TypeAlias = Name | Variable | Literal | Regex | Symbol
Chained: TypeAlias = Binary | Filter | Object | Sort | StepVariable | Condition | Call
Node: TypeAlias = Leaf | Negation | Array | Block | Lambda | Transform | Assignment | Chained


def left_of(node: Node) -> Node | None:
    """What the node goes on with. This way, and no other, a tree may be as deep as its text is long."""
    match node:
        case Binary() | Filter() | Object() | Sort() | StepVariable() | Condition() | Call():
            return node.left
        case _:
            return None


# --- tokens ----------------------------------------------------------------------------------------------------------

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

_OPERATORS = frozenset(POWERS) | frozenset([")", "]", "}", ",", ";", ":", "|", "..", "**"])
_KEYWORDS = frozenset(["and", "or", "in"])
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


@dataclass(slots=True)
class _Token:
    """`id` is an operator's text, END, or the kind of an operand; `position` is where it ends."""

    id: str
    value: str | float | bool | Regex | None
    position: int


class _Tokenizer:
    def __init__(self, text: str) -> None:
        self._text = text
        self._position = 0

    def next(self, *, after_operand: bool) -> _Token:
        """The next token. A `/` begins a regular expression, unless it comes after an operand."""
        self._skip_blanks_and_comments()
        text, start = self._text, self._position
        if start >= len(text):
            return _Token(END, END, len(text))
        if text[start] == "/" and not after_operand:
            regex = self._regex()
            return _Token("regex", regex, self._position)
        if symbol := _SYMBOL.match(text, start):
            return self._token(symbol[0], symbol[0], symbol.end())
        if text[start] in _PLAIN:
            return _Token("literal", self._string(text[start]), self._position)
        if number := _NUMBER.match(text, start):
            return self._token("literal", self._number(number[0]), number.end())
        if text[start] == "`":
            end = text.find("`", start + 1)
            if end < 0:
                raise SyntaxFault("S0105", len(text))
            return self._token("name", text[start + 1 : end], end + 1)
        return self._word()

    def _token(self, id: str, value: str | float | bool | None, end: int) -> _Token:
        self._position = end
        return _Token(id, value, end)

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

    def _word(self) -> _Token:
        word = _WORD.match(self._text, self._position)
        text, end = (word[0], word.end()) if word else ("", self._position)
        if text.startswith("$"):
            return self._token("variable", text[1:], end)
        if text in _KEYWORDS:
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


# --- expressions -----------------------------------------------------------------------------------------------------


@lru_cache(maxsize=512)
def parse(text: str) -> Node:
    """The expression, without `{%` and `%}`. Raises `SyntaxFault`."""
    node = _Parser(text).whole()
    _Paths().check(node)
    return node


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens = _Tokenizer(text)
        self._depth = 0
        self._parents = 0
        self._token = _Token(END, END, 0)
        self._advance()

    def whole(self) -> Node:
        node = self._expression(0)
        if self._token.id != END:
            raise SyntaxFault("S0201", self._token.position, token=self._token.value)
        return node

    def _expression(self, power: int) -> Node:
        token = self._token
        self._depth += 1
        if self._depth > MAX_NESTING:
            raise SyntaxFault("U1001", token.position, value=f"more than {MAX_NESTING} levels")
        self._advance(after_operand=True)
        prefix = _PREFIXES.get(token.id)
        if prefix is None:
            raise SyntaxFault("S0211", token.position, token=token.value)
        node = prefix(self, token)
        while power < POWERS.get(self._token.id, 0):
            token = self._token
            self._advance()
            node = _INFIXES.get(token.id, _Parser._binary)(self, token, node)
        self._depth -= 1
        return node

    def _advance(self, *, after_operand: bool = False) -> None:
        self._token = token = self._tokens.next(after_operand=after_operand)
        if token.id not in _KINDS and token.id not in _OPERATORS:
            raise SyntaxFault("S0204", token.position, token=token.value)

    def _expect(self, id: str, *, after_operand: bool = False) -> None:
        if self._token.id != id:
            code = "S0203" if self._token.id == END else "S0202"
            raise SyntaxFault(code, self._token.position, token=self._token.value, value=id)
        self._advance(after_operand=after_operand)

    def _accepts(self, id: str) -> bool:
        if self._token.id != id:
            return False
        self._advance()
        return True

    # --- what begins an operand

    def _name(self, token: _Token) -> Node:
        return Name(str(token.value), token.position)

    def _variable(self, token: _Token) -> Node:
        return Variable(str(token.value), token.position)

    def _literal(self, token: _Token) -> Node:
        assert not isinstance(token.value, Regex)
        return Literal(token.value, token.position)

    def _regex(self, token: _Token) -> Node:
        assert isinstance(token.value, Regex)
        return token.value

    def _symbol(self, token: _Token) -> Node:
        return Symbol(token.id, token.position)

    def _parent(self, token: _Token) -> Node:
        self._parents += 1
        if self._parents > MAX_PARENTS:
            raise SyntaxFault("U1001", token.position, value=f"more than {MAX_PARENTS} parent operators")
        return Symbol("%", token.position)

    def _negation(self, token: _Token) -> Node:
        return Negation(self._expression(NEGATION_POWER), token.position)

    def _block(self, token: _Token) -> Node:
        expressions: list[Node] = []
        while self._token.id != ")":
            expressions.append(self._expression(0))
            if not self._accepts(";"):
                break
        self._expect(")", after_operand=True)
        return Block(tuple(expressions), token.position)

    def _array(self, token: _Token) -> Node:
        items: list[Node] = []
        while self._token.id != "]" or items:
            item = self._expression(0)
            if self._token.id == "..":
                position = self._token.position
                self._advance()
                item = Binary("..", item, self._expression(0), position)
            items.append(item)
            if not self._accepts(","):
                break
        self._expect("]", after_operand=True)
        return Array(tuple(items), token.position)

    def _object(self, token: _Token, left: Node | None = None) -> Node:
        pairs: list[tuple[Node, Node]] = []
        while self._token.id != "}" or pairs:
            key = self._expression(0)
            self._expect(":")
            pairs.append((key, self._expression(0)))
            if not self._accepts(","):
                break
        self._expect("}", after_operand=True)
        return Object(left, tuple(pairs), token.position)

    def _transform(self, token: _Token) -> Node:
        pattern = self._expression(0)
        self._expect("|")
        update = self._expression(0)
        deletion = self._expression(0) if self._accepts(",") else None
        self._expect("|")
        return Transform(pattern, update, deletion, token.position)

    # --- what goes on with an operand

    def _binary(self, token: _Token, left: Node) -> Node:
        return Binary(token.id, left, self._expression(POWERS[token.id]), token.position)

    def _filter(self, token: _Token, left: Node) -> Node:
        if self._accepts("]"):
            return left  # `a[]`: an array even of one; nothing else of the tree depends on it
        predicate = self._expression(0)
        self._expect("]", after_operand=True)
        return Filter(left, predicate, token.position)

    def _sort(self, token: _Token, left: Node) -> Node:
        self._expect("(")
        terms: list[Node] = []
        while True:
            if not self._accepts("<"):
                self._accepts(">")
            terms.append(self._expression(0))
            if not self._accepts(","):
                break
        self._expect(")")
        return Sort(left, tuple(terms), token.position)

    def _step_variable(self, token: _Token, left: Node) -> Node:
        variable = self._expression(POWERS[token.id])
        if not isinstance(variable, Variable):
            raise SyntaxFault("S0214", variable.position, token=token.id)
        return StepVariable(token.id, left, variable.name, token.position)

    def _assignment(self, token: _Token, left: Node) -> Node:
        if not isinstance(left, Variable):
            raise SyntaxFault("S0212", left.position, token=_value(left))
        return Assignment(left.name, self._expression(POWERS[":="] - 1), token.position)

    def _condition(self, token: _Token, left: Node) -> Node:
        then = self._expression(0)
        otherwise = self._expression(0) if self._accepts(":") else None
        return Condition(left, then, otherwise, token.position)

    def _call(self, token: _Token, left: Node) -> Node:
        arguments: list[Node] = []
        while self._token.id != ")" or arguments:
            if self._token.id == "?":
                arguments.append(Symbol("?", self._token.position))
                self._advance()
            else:
                arguments.append(self._expression(0))
            if not self._accepts(","):
                break
        self._expect(")", after_operand=True)
        if isinstance(left, Name) and left.value in ("function", "λ"):
            return self._lambda(token, arguments)
        return Call(left, tuple(arguments), token.position)

    def _lambda(self, token: _Token, parameters: list[Node]) -> Node:
        names: list[str] = []
        for number, parameter in enumerate(parameters, 1):
            if not isinstance(parameter, Variable):
                raise SyntaxFault("S0208", parameter.position, token=_value(parameter), value=number)
            names.append(parameter.name)
        if self._token.id == "<":
            self._signature()
        self._expect("{")
        body = self._expression(0)
        self._expect("}")
        return Lambda(tuple(names), body, token.position)

    def _signature(self) -> None:
        """Reads a signature (`<s-n?:s>`): its tokens, put together again, are a text in a grammar of its own."""
        start = self._token.position
        depth = 1
        pieces = ["<"]
        while depth > 0 and self._token.id not in ("{", END):
            self._advance()
            depth += (self._token.id == "<") - (self._token.id == ">")
            value = self._token.value
            pieces.append(value if isinstance(value, str) else _json(value))
        self._expect(">")
        _check_signature("".join(pieces), start)


def _value(node: Node) -> object:
    """What jsonata-js has as the token of a node: a leaf's value, else its operator."""
    match node:
        case Literal() | Name():
            return node.value
        case Variable():
            return node.name
        case Binary() | StepVariable():
            return node.operator
        case Symbol():
            return node.symbol
        case _:
            return _SIGNS.get(type(node))


_SIGNS: Mapping[type[Node], str] = {
    Negation: "-", Array: "[", Filter: "[", Object: "{", Block: "(", Call: "(", Lambda: "(", Sort: "^",
    Condition: "?", Transform: "|", Assignment: ":=",
}  # fmt: skip


def _check_signature(text: str, start: int) -> None:
    """Types that stand in `(...)` have no types of their own, and others than arrays and functions have none either."""
    kind = ""
    position = 1
    while position < len(text) and text[position] != ":":
        symbol = text[position]
        if symbol in "snbloafjx":
            kind = symbol
        elif symbol == "(":
            end = _closing(text, position, "(", ")")
            if "<" in text[position + 1 : end]:
                raise SyntaxFault("S0402", start + position, value=text[position + 1 : end])
            kind, position = symbol, end
        elif symbol == "<":
            if kind not in ("a", "f"):
                raise SyntaxFault("S0401", start + position, value=kind)
            position = _closing(text, position, "<", ">")
        position += 1


def _closing(text: str, start: int, opener: str, closer: str) -> int:
    depth = 0
    for position in range(start, len(text)):
        depth += (text[position] == opener) - (text[position] == closer)
        if depth == 0:
            return position
    return len(text)


_PREFIXES: Mapping[str, Callable[[_Parser, _Token], Node]] = {
    "name": _Parser._name,
    **dict.fromkeys(_KEYWORDS, _Parser._name),
    "variable": _Parser._variable,
    "literal": _Parser._literal,
    "regex": _Parser._regex,
    "*": _Parser._symbol,
    "**": _Parser._symbol,
    END: _Parser._symbol,
    "%": _Parser._parent,
    "-": _Parser._negation,
    "(": _Parser._block,
    "[": _Parser._array,
    "{": _Parser._object,
    "|": _Parser._transform,
}
_INFIXES: Mapping[str, Callable[[_Parser, _Token, Node], Node]] = {
    "[": _Parser._filter,
    "{": _Parser._object,
    "(": _Parser._call,
    "^": _Parser._sort,
    "@": _Parser._step_variable,
    "#": _Parser._step_variable,
    ":=": _Parser._assignment,
    "?": _Parser._condition,
}
"""Every other operator with a power is a `_binary`."""
_KINDS = frozenset(["name", "variable", "literal", "regex", END])


# --- paths -----------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Slot:
    """A parent operator looking for its step: `level` more steps back."""

    level: int = 1


class _Part:
    """What a node is in jsonata-js' second pass, as far as it can be refused.

    `kind` is the name jsonata-js has for it. Of a path, `steps` are its steps; of a block, the last expression.
    `slots` are parents to be found further out; None and none are not the same.
    """

    __slots__ = ("has_focus", "has_group", "has_predicates", "kind", "position", "slot", "slots", "steps", "value")

    def __init__(self, kind: str, position: int | None, steps: "list[_Part] | None" = None) -> None:
        self.kind, self.position = kind, position
        self.steps = steps or []
        self.slots: list[_Slot] | None = None
        self.slot: _Slot | None = None
        self.value: object = None
        self.has_focus = self.has_group = self.has_predicates = False

    @property
    def last_step(self) -> "_Part":
        return self.steps[-1] if self.kind == "path" else self

    def take_slots(self, inner: "_Part") -> None:
        """The parents that a part inside could not find are looked for around this one."""
        slots = inner.slots
        if inner.slot is not None:
            slots = [*(slots or ()), inner.slot]
        if self.slots is None:
            self.slots = slots
        elif slots is not None:
            self.slots.extend(slots)


class _Paths:
    """The second pass: puts the steps of paths together, and looks for the step that each parent (`%`) names.

    It goes down a chain in a loop and into operands by recursion, in the order of jsonata-js.
    """

    def check(self, node: Node) -> None:
        part = self._part(node)
        if part.kind == "parent" or part.slots is not None:
            raise SyntaxFault("S0217", part.position, token=part.kind)

    def _part(self, node: Node) -> _Part:
        spine: list[tuple[Node, _Part | None]] = []
        while (left := left_of(node)) is not None:
            # The arguments of a call come before its function, which is of no consequence for the call.
            call = self._around("function", node.position, node.arguments) if isinstance(node, Call) else None
            spine.append((node, call))
            node = left
        part = self._operand(node)
        while spine:
            node, call = spine.pop()
            part = call or self._continued(node, part)
        return part

    def _around(self, kind: str, position: int, nodes: Iterable[Node], first: _Part | None = None) -> _Part:
        """A part that has others inside and is no step of its own."""
        part = _Part(kind, position)
        if first is not None:
            part.take_slots(first)
        for node in nodes:
            part.take_slots(self._part(node))
        return part

    def _operand(self, node: Node) -> _Part:
        match node:
            case Name():
                return _Part("path", None, [_Part("name", node.position)])
            case Literal():
                return _literal_part(node.value, node.position)
            case Symbol():
                return _symbol_part(node)
            case Negation():
                inner = self._part(node.operand)
                if inner.kind == "number" and isinstance(inner.value, float):
                    inner.value = -inner.value
                    return inner
                part = _Part("unary", node.position)
                part.take_slots(inner)
                return part
            case Array():
                return self._around("unary", node.position, node.items)
            case Object():
                return self._around("unary", node.position, chain.from_iterable(node.pairs))
            case Block():
                return self._block(node)
            case Lambda():
                self._part(node.body)
                return _Part("lambda", node.position)
            case Assignment():
                return self._around("bind", node.position, (node.value,))
            case Transform():
                self._around("transform", node.position, (node.pattern, node.update, *given(node.deletion)))
                return _Part("transform", node.position)
            case _:
                return _Part("variable" if isinstance(node, Variable) else "regex", node.position)

    def _continued(self, node: Node, left: _Part) -> _Part:
        """The part of a node from that of its left."""
        match node:
            case Binary(operator="."):
                return self._path(left, self._part(node.right))
            case Binary(operator="~>"):
                self._part(node.right)
                return _Part("apply", node.position)
            case Binary():
                return self._around("binary", node.position, (node.right,), left)
            case Filter():
                return self._filter(node, left)
            case Object():
                if left.has_group:
                    raise SyntaxFault("S0210", node.position)
                self._around("group", node.position, chain.from_iterable(node.pairs))
                left.has_group = True
                return left
            case Sort():
                path = left if left.kind == "path" else _Part("path", None, [left])
                path.steps.append(self._around("sort", node.position, node.terms))
                _find_parents(path)
                return path
            case StepVariable():
                return _with_variable(node, left)
            case Condition():
                return self._around("condition", node.position, (node.then, *given(node.otherwise)), left)
            case _:
                raise AssertionError(f"{node!r} goes on with nothing")

    def _block(self, node: Block) -> _Part:
        block = _Part("block", node.position)
        for expression in node.expressions:
            part = self._part(expression)
            block.take_slots(part)
            block.steps = [part]
        return block

    def _path(self, left: _Part, right: _Part) -> _Part:
        path = left if left.kind == "path" else _Part("path", None, [left])
        if left.slot is not None:
            path.slots = [left.slot]
        added = right.steps if right.kind == "path" else [right]
        for step in (path.steps[0], *added):
            if step.kind in ("number", "value"):
                raise SyntaxFault("S0213", step.position, value=step.value)
            if step.kind == "string":
                step.kind = "name"
        path.steps.extend(added)
        _find_parents(path)
        return path

    def _filter(self, node: Filter, left: _Part) -> _Part:
        step = left.last_step
        if step.has_group:
            raise SyntaxFault("S0209", node.position)
        step.has_predicates = True
        predicate = self._part(node.predicate)
        if predicate.slots is None:
            return left
        for slot in predicate.slots:
            if slot.level == 1:
                _seek(step, slot)
            else:
                slot.level -= 1
        step.take_slots(predicate)
        return left


def given(node: Node | None) -> tuple[Node, ...]:
    return () if node is None else (node,)


def _literal_part(value: object, position: int) -> _Part:
    kind = "string" if isinstance(value, str) else "number" if isinstance(value, float) else "value"
    part = _Part(kind, position)
    part.value = value
    return part


def _symbol_part(node: Symbol) -> _Part:
    match node.symbol:
        case "(end)":
            raise SyntaxFault("S0207", node.position, token=END)
        case "%":
            part = _Part("parent", None)
            part.slot = _Slot()
            return part
        case symbol:
            return _Part({"*": "wildcard", "**": "descendant"}.get(symbol, "operator"), node.position)


def _with_variable(node: StepVariable, left: _Part) -> _Part:
    step = left.last_step
    if node.operator == "#":
        return left if left.kind == "path" else _Part("path", None, [left])
    if step.has_predicates:
        raise SyntaxFault("S0215", node.position)
    if step.kind == "sort":
        raise SyntaxFault("S0216", node.position)
    step.has_focus = True
    return left


def _find_parents(path: _Part) -> None:
    """Looks for the parents that the last step of a path needs among the steps before it."""
    last = path.steps[-1]
    slots = [*(last.slots or ()), *(() if last.slot is None else (last.slot,))]
    for slot in slots:
        index = len(path.steps) - 2
        while slot.level > 0:
            if index < 0:
                path.slots = [*(path.slots or ()), slot]
                break
            step = path.steps[index]
            index -= 1
            # Of steps in a row that bind their value the first is the parent of them all.
            while index >= 0 and step.has_focus and path.steps[index].has_focus:
                step = path.steps[index]
                index -= 1
            _seek(step, slot)


def _seek(step: _Part, slot: _Slot) -> None:
    """Takes a slot one step further back, or into the step if that has steps of its own."""
    match step.kind:
        case "name" | "wildcard":
            slot.level -= 1
        case "parent":
            slot.level += 1
        case "block":
            if step.steps:
                _seek(step.steps[-1], slot)
        case "path":
            _seek(step.steps[-1], slot)
            for inner in reversed(step.steps[:-1]):
                if slot.level <= 0:
                    return
                _seek(inner, slot)
        case _:
            raise SyntaxFault("S0217", step.position, token=step.kind)
