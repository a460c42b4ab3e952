"""What a JSONata expression is made of: one frozen class for each kind of node.

A position is just behind the token it is about, as in jsonata-js, so that of a node is where its operator ends. It
counts characters (code points), where JavaScript counts UTF-16 units.

Chains (`a & b & c`, `a.b.c`) lean to the left and are as deep as their text is long: whoever walks a tree goes down
`left_of` in a loop. Everything else is nested no deeper than the parser allows.
"""

from dataclasses import dataclass
from typing import TypeAlias


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
