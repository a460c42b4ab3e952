"""What AWS says about a JSONata expression when a state machine is created, and which variables an expression reads.

    faults(text)             what is wrong with it; `allowed` tells which members of `$states` the field has
    variables_read(text)     the variables of the state machine that it reads

Rule 1: there is no root context. A bare name at the top level, `$` there, and `$$` anywhere refer to nothing and are
refused, each once. What stands in a predicate, a step of a path, a term of a sort, a grouping or a transform has a
context, and so have names there. The body of a function has that of the place where the function is written.
Rule 2: a name is a local one from `:=` to the end of its block, in the body of the function whose parameter it is, and
in the steps after `@` and `#`. The body of a function sees all names of the blocks around it, later ones too: it runs
later (that is how a function calls itself).
Rule 3: what AWS refuses only when it is evaluated, or is not known to refuse, is a warning: `$eval`, members that
`$states` does not have.

Operators later than 2.0.6 (`??`, `?:`) are syntax errors, as on AWS.
"""

from collections.abc import Collection, Iterator
from typing import Final, NamedTuple

from msgspec import Struct

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
    Sort,
    StepVariable,
    Transform,
    Variable,
    left_of,
)
from stepwell.definitions.jsonata.syntax import SyntaxFault, parse
from stepwell.definitions.problems import Severity

INVALID: Final = "INVALID_JSONATA_EXPRESSION"
UNSUPPORTED: Final = "UNSUPPORTED_JSONATA_EXPRESSION"

MEMBERS: Final = frozenset(["input", "result", "errorOutput", "context"])
"""What `$states` has, if all of it is there."""

EVERYWHERE: Final = frozenset(["input", "context"])
"""What `$states` has in every field."""

FUNCTIONS: Final = frozenset(
    [
        "sum", "count", "max", "min", "average", "string", "substring", "substringBefore", "substringAfter",
        "lowercase", "uppercase", "length", "trim", "pad", "match", "contains", "replace", "split", "join",
        "formatNumber", "formatBase", "formatInteger", "parseInteger", "number", "floor", "ceil", "round", "abs",
        "sqrt", "power", "random", "boolean", "not", "map", "zip", "filter", "single", "reduce", "sift", "keys",
        "lookup", "append", "exists", "spread", "merge", "reverse", "each", "error", "assert", "type", "sort",
        "shuffle", "distinct", "base64encode", "base64decode", "encodeUrlComponent", "encodeUrl",
        "decodeUrlComponent", "decodeUrl", "eval", "toMillis", "fromMillis", "clone", "now", "millis",
        # added by Step Functions
        "partition", "range", "hash", "uuid", "parse",
    ]
)  # fmt: skip
"""Names that are functions wherever no variable has them."""


class Finding(NamedTuple):
    """One fault of an expression. `position` counts the characters up to just behind it; None where it has no place."""

    code: str
    message: str
    position: int | None
    severity: Severity = Severity.ERROR


def faults(text: str, *, allowed: Collection[str] = EVERYWHERE) -> list[Finding]:
    """What is wrong with an expression (without `{%` and `%}`), in the order of the text.

    `allowed` are the members of `$states` that the field has. A text that is no expression has one fault only.
    """
    try:
        uses = _uses(parse(text))
    except SyntaxFault as fault:
        return [Finding(INVALID, fault.message, fault.position)]
    found = [
        Finding(UNSUPPORTED, f"Reference to '{name}' at the top level is not supported.", position)
        for name, position in uses.at_the_top.items()
    ]
    for member, position in uses.members.items():
        if member not in MEMBERS:
            message = f"'$states.{member}' does not exist. $states has: {', '.join(sorted(allowed))}"
            found.append(Finding(UNSUPPORTED, message, position, Severity.WARNING))
        elif member not in allowed:
            message = f"Reference to '$states.{member}' is not supported in this field."
            found.append(Finding(UNSUPPORTED, message, position))
    if "eval" in uses.called:
        message = "Function '$eval' is not supported: calling it fails"
        found.append(Finding(UNSUPPORTED, message, uses.called["eval"], Severity.WARNING))
    return sorted(found, key=lambda finding: finding.position or 0)


def variables_read(text: str, *, assigned: Collection[str] = ()) -> list[str]:
    """The names of the variables that an expression reads, in the order of the text; none if it is no expression.

    Left out are `$states`, local names and functions. A function's name that the state machine has `assigned` is that
    variable, unless it is called.
    """
    try:
        uses = _uses(parse(text))
    except SyntaxFault:
        return []
    called = (name for name in uses.called if name not in FUNCTIONS)
    read = (name for name in uses.read if name not in FUNCTIONS or name in assigned)
    return [name for name in dict.fromkeys([*read, *called]) if name != "states"]


# --- the walk --------------------------------------------------------------------------------------------------------


class _Uses:
    """What an expression refers to, each with its first position.

    `read` and `called` are variables that are not local, by what is done with them.
    """

    __slots__ = ("at_the_top", "called", "members", "read")

    def __init__(self) -> None:
        self.at_the_top: dict[str, int] = {}
        self.members: dict[str, int] = {}
        self.read: dict[str, int] = {}
        self.called: dict[str, int] = {}


class _Scope:
    """The local names of a block, a function or a path."""

    __slots__ = ("_around", "_names")

    def __init__(self, around: "_Scope | None" = None, names: Collection[str] = ()) -> None:
        self._around = around
        self._names = set(names)

    def add(self, name: str) -> None:
        self._names.add(name)

    def has(self, name: str) -> bool:
        scope: _Scope | None = self
        while scope is not None:
            if name in scope._names:
                return True
            scope = scope._around
        return False


class _Place(Struct, frozen=True):
    """Where a node stands: among which names, whether without a context, and whether in the middle of a path."""

    scope: _Scope
    is_top: bool = True
    is_in_path: bool = False

    def inside(self) -> "_Place":
        """A place that has a context, among the same names."""
        return _Place(self.scope, is_top=False)

    def beside(self) -> "_Place":
        """A place in the same context that begins a path of its own."""
        return _Place(self.scope, self.is_top)


_Visit = tuple[Node | str, _Place]
"""A node to look at; or a name, which is a local one from here on."""


def _uses(tree: Node) -> _Uses:
    uses = _Uses()
    bodies: list[_Visit] = []
    stack: list[_Visit] = [(tree, _Place(_Scope()))]
    while stack or bodies:
        node, place = (stack or bodies).pop()
        if isinstance(node, str):
            place.scope.add(node)
        elif isinstance(node, Lambda):
            # Its body runs later: it sees the names that come after it.
            bodies.append((node.body, _Place(_Scope(place.scope, node.parameters), place.is_top)))
        else:
            _note(node, place, uses)
            stack.extend(reversed([*_below(node, place)]))
    return uses


def _note(node: Node, place: _Place, uses: _Uses) -> None:
    match node:
        case Name() if place.is_top:
            uses.at_the_top.setdefault(node.value, node.position)
        case Variable(name="$") | Variable(name=""):
            if place.is_top or node.name:
                uses.at_the_top.setdefault(f"${node.name}", node.position)
        case Variable() if not place.scope.has(node.name):
            uses.read.setdefault(node.name, node.position)
        case Binary(operator="."):
            _note_path(node, place, uses)
        case Call(left=Variable() as function) | Binary(operator="~>", right=Variable() as function):
            if function.name not in ("", "$") and not place.scope.has(function.name):
                uses.called.setdefault(function.name, function.position)


def _note_path(node: Binary, place: _Place, uses: _Uses) -> None:
    first = _base(node.left)
    if isinstance(first, Literal) and isinstance(first.value, str) and place.is_top:
        uses.at_the_top.setdefault(first.value, first.position)  # a text is a name in a path
    member = _base(node.right)
    is_states = isinstance(node.left, Variable) and node.left.name == "states" and not place.scope.has("states")
    if is_states and isinstance(member, Name | Literal) and isinstance(member.value, str):
        uses.members.setdefault(member.value, member.position)


def _base(node: Node) -> Node:
    """The step that predicates, arguments and variables follow: of `a[0]` it is `a`."""
    while isinstance(node, Filter | Call | StepVariable):
        node = node.left
    return node


def _below(node: Node, place: _Place) -> Iterator[_Visit]:
    """What a node is made of, in the order in which its names become known."""
    match node:
        case Binary(operator="."):
            start, steps = _path_places(place)
            yield node.left, start
            yield node.right, _Place(start.scope, is_top=False, is_in_path=True)
        case Filter():
            start, steps = _path_places(place)
            yield node.left, start
            yield node.predicate, steps
        case Sort():
            start, steps = _path_places(place)
            yield node.left, start
            yield from ((term, steps) for term in node.terms)
        case StepVariable():
            start, steps = _path_places(place)
            yield node.left, start
            yield node.name, steps
        case Object(left=None):
            yield from ((part, place.beside()) for pair in node.pairs for part in pair)
        case Object():
            start, steps = _path_places(place)
            yield from ((left, start) for left in [left_of(node)] if left is not None)
            yield from ((part, steps) for pair in node.pairs for part in pair)
        case Assignment():
            yield node.value, place.beside()
            yield node.name, place
        case Block():
            block = _Place(_Scope(place.scope), place.is_top)
            yield from ((expression, block) for expression in node.expressions)
        case Transform():
            parts = (node.pattern, node.update, node.deletion)
            yield from ((part, place.inside()) for part in parts if part is not None)
        case _:
            yield from ((part, place.beside()) for part in _operands(node))


def _path_places(place: _Place) -> tuple[_Place, _Place]:
    """Of a path the place where it starts, and that of its steps; its names are known in the path only."""
    scope = place.scope if place.is_in_path else _Scope(place.scope)
    return _Place(scope, place.is_top, is_in_path=True), _Place(scope, is_top=False)


def _operands(node: Node) -> Iterator[Node]:
    """The operands that stand where the node itself stands; not a function that is called by its name."""
    match node:
        case Binary(operator="~>"):
            yield node.left
            if not isinstance(node.right, Variable):
                yield node.right
        case Binary():
            yield from (node.left, node.right)
        case Call():
            if not isinstance(node.left, Variable) or node.left.name in ("", "$"):
                yield node.left
            yield from node.arguments
        case Condition():
            yield from (node.left, node.then)
            if node.otherwise is not None:
                yield node.otherwise
        case Array():
            yield from node.items
        case Negation():
            yield node.operand
