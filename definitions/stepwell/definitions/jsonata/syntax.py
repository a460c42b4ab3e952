"""The grammar of JSONata 2.0.6: text to nodes, or the fault that jsonata-js 2.0.6 would tell.

    parse(text)      the expression as a tree of frozen nodes; raises SyntaxFault

A top-down operator precedence parser (Pratt): a token begins an operand (`_PREFIXES`) or goes on with the one before it
(`_INFIXES`), as long as its power (`POWERS`) is greater than that of what waits to its left.

Rule 1: codes, texts and positions are those of jsonata-js.
Rule 2: a text is refused by its tokens and their order first, and only then by what its paths are made of (`steps`):
jsonata-js reads a text in these two passes, so the first fault is not always the leftmost.
Rule 3: `and`, `or` and `in` are names where an operand is expected.
Rule 4: hostile text costs time in proportion to its length, and no more than `MAX_NESTING` levels of the stack.
Rule 5: nothing is evaluated here, and nothing is known of Step Functions: that is in `rules`.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final

from stepwell.definitions.jsonata import steps
from stepwell.definitions.jsonata.nodes import (
    Array,
    Assignment,
    Binary,
    Block,
    Call,
    Condition,
    Filter,
    Lambda,
    Literal,
    Name,
    Negation,
    Node,
    Object,
    Regex,
    Sort,
    StepVariable,
    Symbol,
    Transform,
    Variable,
)
from stepwell.definitions.jsonata.tokens import (
    END,
    KEYWORDS,
    KINDS,
    NEGATION_POWER,
    OPERATORS,
    POWERS,
    SyntaxFault,
    Token,
    Tokenizer,
    json_text,
)

__all__ = ["MAX_NESTING", "MAX_PARENTS", "Node", "SyntaxFault", "parse"]

MAX_NESTING: Final = 128
"""How deep operands may stand in one another. What is evaluated fails beyond 100 levels (AWS), so little is lost."""

MAX_PARENTS: Final = 1_000
"""How many parent operators (`%`) an expression may have: each looks for its parent among all steps before it."""


@lru_cache(maxsize=512)
def parse(text: str) -> Node:
    """The expression, without `{%` and `%}`. Raises `SyntaxFault`."""
    node = _Parser(text).whole()
    steps.check(node)
    return node


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens = Tokenizer(text)
        self._depth = 0
        self._parents = 0
        self._token = Token(END, END, 0)
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
            raise SyntaxFault("U1001", token.position, value=MAX_NESTING)
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
        if token.id not in KINDS and token.id not in OPERATORS:
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

    def _name(self, token: Token) -> Node:
        return Name(str(token.value), token.position)

    def _variable(self, token: Token) -> Node:
        return Variable(str(token.value), token.position)

    def _literal(self, token: Token) -> Node:
        assert not isinstance(token.value, Regex)
        return Literal(token.value, token.position)

    def _regex(self, token: Token) -> Node:
        assert isinstance(token.value, Regex)
        return token.value

    def _symbol(self, token: Token) -> Node:
        return Symbol(token.id, token.position)

    def _parent(self, token: Token) -> Node:
        self._parents += 1
        if self._parents > MAX_PARENTS:
            raise SyntaxFault("U1002", token.position, value=MAX_PARENTS)
        return Symbol("%", token.position)

    def _negation(self, token: Token) -> Node:
        return Negation(self._expression(NEGATION_POWER), token.position)

    def _block(self, token: Token) -> Node:
        expressions: list[Node] = []
        while self._token.id != ")":
            expressions.append(self._expression(0))
            if not self._accepts(";"):
                break
        self._expect(")", after_operand=True)
        return Block(tuple(expressions), token.position)

    def _array(self, token: Token) -> Node:
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

    def _object(self, token: Token, left: Node | None = None) -> Node:
        pairs: list[tuple[Node, Node]] = []
        while self._token.id != "}" or pairs:
            key = self._expression(0)
            self._expect(":")
            pairs.append((key, self._expression(0)))
            if not self._accepts(","):
                break
        self._expect("}", after_operand=True)
        return Object(left, tuple(pairs), token.position)

    def _transform(self, token: Token) -> Node:
        pattern = self._expression(0)
        self._expect("|")
        update = self._expression(0)
        deletion = self._expression(0) if self._accepts(",") else None
        self._expect("|")
        return Transform(pattern, update, deletion, token.position)

    # --- what goes on with an operand

    def _binary(self, token: Token, left: Node) -> Node:
        return Binary(token.id, left, self._expression(POWERS[token.id]), token.position)

    def _filter(self, token: Token, left: Node) -> Node:
        if self._accepts("]"):
            return left  # `a[]`: an array even of one; nothing else of the tree depends on it
        predicate = self._expression(0)
        self._expect("]", after_operand=True)
        return Filter(left, predicate, token.position)

    def _sort(self, token: Token, left: Node) -> Node:
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

    def _step_variable(self, token: Token, left: Node) -> Node:
        variable = self._expression(POWERS[token.id])
        if not isinstance(variable, Variable):
            raise SyntaxFault("S0214", variable.position, token=token.id)
        return StepVariable(token.id, left, variable.name, token.position)

    def _assignment(self, token: Token, left: Node) -> Node:
        if not isinstance(left, Variable):
            raise SyntaxFault("S0212", left.position, token=_value(left))
        return Assignment(left.name, self._expression(POWERS[":="] - 1), token.position)

    def _condition(self, token: Token, left: Node) -> Node:
        then = self._expression(0)
        otherwise = self._expression(0) if self._accepts(":") else None
        return Condition(left, then, otherwise, token.position)

    def _call(self, token: Token, left: Node) -> Node:
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

    def _lambda(self, token: Token, parameters: list[Node]) -> Node:
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
            pieces.append(value if isinstance(value, str) else json_text(value))
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


_PREFIXES: Mapping[str, Callable[[_Parser, Token], Node]] = {
    "name": _Parser._name,
    **dict.fromkeys(KEYWORDS, _Parser._name),
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
_INFIXES: Mapping[str, Callable[[_Parser, Token, Node], Node]] = {
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
