"""What a JSONata expression is made of: one frozen class for each kind of node.

A position is just behind the token it is about, as in jsonata-js, so that of a node is where its operator ends. It
counts characters (code points), where JavaScript counts UTF-16 units.

Chains (`a & b & c`, `a.b.c`) lean to the left and are as deep as their text is long: whoever walks a tree goes down
`left_of` in a loop. Everything else is nested no deeper than the parser allows.
"""

from typing import TypeAlias

from msgspec import Struct


class Name(Struct, frozen=True):
    """A member of the context: `a`, or `` `a b` ``."""

    value: str
    position: int


class Variable(Struct, frozen=True):
    """`$name`, without the `$`: the context (`$`) is the empty name, the root (`$$`) is `$`."""

    name: str
    position: int


class Literal(Struct, frozen=True):
    """A number, true, false, null; or a text, which as a step of a path is a name."""

    value: str | float | bool | None
    position: int


class Regex(Struct, frozen=True):
    pattern: str
    flags: str
    position: int


class Symbol(Struct, frozen=True):
    """An operator that is an operand: `*`, `**`, `%` (the parent), `?` (an argument left open), the end of the text."""

    symbol: str
    position: int


class Negation(Struct, frozen=True):
    operand: "Node"
    position: int


class Array(Struct, frozen=True):
    items: tuple["Node", ...]
    position: int


class Object(Struct, frozen=True):
    """`{...}`, or, with what is to its `left`, a grouping."""

    left: "Node | None"
    pairs: tuple[tuple["Node", "Node"], ...]
    position: int


class Block(Struct, frozen=True):
    expressions: tuple["Node", ...]
    position: int


class Lambda(Struct, frozen=True):
    parameters: tuple[str, ...]
    body: "Node"
    position: int


class Transform(Struct, frozen=True):
    """`|pattern|update, deletion|`"""

    pattern: "Node"
    update: "Node"
    deletion: "Node | None"
    position: int


class Binary(Struct, frozen=True):
    """Two operands and what is between them; `.` and `..` are operators too."""

    operator: str
    left: "Node"
    right: "Node"
    position: int


class Filter(Struct, frozen=True):
    """`left[predicate]`, be it a condition or an index."""

    left: "Node"
    predicate: "Node"
    position: int


class Sort(Struct, frozen=True):
    """`left^(term, >term)`"""

    left: "Node"
    terms: tuple["Node", ...]
    position: int


class StepVariable(Struct, frozen=True):
    """`left@$name` (the value of a step) or `left#$name` (its index), for the steps after it."""

    operator: str
    left: "Node"
    name: str
    position: int


class Assignment(Struct, frozen=True):
    """`$name := value`"""

    name: str
    value: "Node"
    position: int


class Condition(Struct, frozen=True):
    """`left ? then : otherwise`"""

    left: "Node"
    then: "Node"
    otherwise: "Node | None"
    position: int


class Call(Struct, frozen=True):
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
