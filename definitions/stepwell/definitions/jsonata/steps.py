"""The second pass of jsonata-js: what paths are made of, and which step each parent operator (`%`) names.

The grammar lets through more than there is: `a.1`, a second grouping of one step, a parent of what has none, an
operand that is missing. Each is told as jsonata-js tells it, at its position.

Rule 1: the order is that of jsonata-js: depth first, the arguments of a call before its function.
Rule 2: it goes down a chain in a loop and into operands by recursion, which the parser keeps within bounds.
"""

from collections.abc import Iterable
from itertools import chain

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
    Symbol,
    Transform,
    Variable,
    left_of,
)
from stepwell.definitions.jsonata.tokens import END, SyntaxFault


def check(node: Node) -> None:
    """Raises `SyntaxFault` for what is no expression though its tokens are in order."""
    part = _part(node)
    if part.kind == "parent" or part.slots is not None:
        raise SyntaxFault("S0217", part.position, token=part.kind)


class _Slot:
    """A parent operator looking for its step: `level` more steps back."""

    __slots__ = ("level",)

    def __init__(self) -> None:
        self.level = 1


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


def _part(node: Node) -> _Part:
    spine: list[tuple[Node, _Part | None]] = []
    while (left := left_of(node)) is not None:
        # The arguments of a call come before its function, which is of no consequence for the call.
        call = _around("function", node.position, node.arguments) if isinstance(node, Call) else None
        spine.append((node, call))
        node = left
    part = _operand(node)
    while spine:
        node, call = spine.pop()
        part = call or _continued(node, part)
    return part


def _around(kind: str, position: int, nodes: Iterable[Node], first: _Part | None = None) -> _Part:
    """A part that has others inside and is no step of its own."""
    part = _Part(kind, position)
    if first is not None:
        part.take_slots(first)
    for node in nodes:
        part.take_slots(_part(node))
    return part


def _operand(node: Node) -> _Part:
    match node:
        case Name():
            return _Part("path", None, [_Part("name", node.position)])
        case Literal():
            return _literal_part(node.value, node.position)
        case Symbol():
            return _symbol_part(node)
        case Negation():
            inner = _part(node.operand)
            if inner.kind == "number" and isinstance(inner.value, float):
                inner.value = -inner.value
                return inner
            part = _Part("unary", node.position)
            part.take_slots(inner)
            return part
        case Array():
            return _around("unary", node.position, node.items)
        case Object():
            return _around("unary", node.position, chain.from_iterable(node.pairs))
        case Block():
            return _block(node)
        case Lambda():
            _part(node.body)
            return _Part("lambda", node.position)
        case Assignment():
            return _around("bind", node.position, (node.value,))
        case Transform():
            _around("transform", node.position, (node.pattern, node.update, *_given(node.deletion)))
            return _Part("transform", node.position)
        case _:
            return _Part("variable" if isinstance(node, Variable) else "regex", node.position)


def _continued(node: Node, left: _Part) -> _Part:
    """The part of a node from that of its left."""
    match node:
        case Binary(operator="."):
            return _path(left, _part(node.right))
        case Binary(operator="~>"):
            _part(node.right)
            return _Part("apply", node.position)
        case Binary():
            return _around("binary", node.position, (node.right,), left)
        case Filter():
            return _filter(node, left)
        case Object():
            if left.has_group:
                raise SyntaxFault("S0210", node.position)
            _around("group", node.position, chain.from_iterable(node.pairs))
            left.has_group = True
            return left
        case Sort():
            path = left if left.kind == "path" else _Part("path", None, [left])
            path.steps.append(_around("sort", node.position, node.terms))
            _find_parents(path)
            return path
        case StepVariable():
            return _with_variable(node, left)
        case Condition():
            return _around("condition", node.position, (node.then, *_given(node.otherwise)), left)
        case _:
            raise AssertionError(f"{node!r} goes on with nothing")


def _block(node: Block) -> _Part:
    block = _Part("block", node.position)
    for expression in node.expressions:
        part = _part(expression)
        block.take_slots(part)
        block.steps = [part]
    return block


def _path(left: _Part, right: _Part) -> _Part:
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


def _filter(node: Filter, left: _Part) -> _Part:
    step = left.last_step
    if step.has_group:
        raise SyntaxFault("S0209", node.position)
    step.has_predicates = True
    predicate = _part(node.predicate)
    if predicate.slots is None:
        return left
    for slot in predicate.slots:
        if slot.level == 1:
            _seek(step, slot)
        else:
            slot.level -= 1
    step.take_slots(predicate)
    return left


def _given(node: Node | None) -> tuple[Node, ...]:
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
