"""What parts of a definition say about each other: transitions, names, labels and variables.

Rule 1: a transition stays in its scope; every state of a scope can be reached from its StartAt, and one ends it.
Rule 2: a scope without an end is not walked (AWS), and neither is one whose start is unknown: every state would be
unreachable.
Rule 3: a scope does not assign a variable that a scope around it assigns. A distributed Map's iterations are executions
of their own: they see nothing of the scopes around them.
"""

from collections.abc import Iterable, Iterator

from stepwell.definitions.check.rules import assigned_names
from stepwell.definitions.check.walk import Fault, Node, Path, state_model
from stepwell.definitions.model import FailState, Json, MapState, Scope, SucceedState

MISSING_TARGET = "MISSING_TRANSITION_TARGET"
MISSING_END = "MISSING_END_STATE"
DUPLICATE_NAMES = "DUPLICATE_STATE_NAMES"


def faults(nodes: Iterable[Node]) -> Iterator[Fault]:
    """What is wrong between the objects of a definition."""
    found = list(nodes)
    for node in found:
        if issubclass(node.model, Scope):
            yield from _transitions(node)
    yield from _duplicate_names(found)
    yield from _duplicate_labels(found)
    yield from _shadowing_variables(found)


def _transitions(scope: Node) -> Iterator[Fault]:
    states = scope.value.get("States")
    if not isinstance(states, dict) or not states:
        return
    start = scope.value.get("StartAt")
    if isinstance(start, str) and start not in states:
        yield Fault((*scope.path, "StartAt"), f"Missing 'StartAt' target: {start}", MISSING_TARGET)
    targets = {name: list(_targets(state)) for name, state in states.items()}
    for name, transitions in targets.items():
        for path, target in transitions:
            if target not in states:
                # AWS says Next whatever the field is called.
                place = (*scope.path, "States", name, *path)
                yield Fault(place, f"Missing 'Next' target: {target}", MISSING_TARGET)
    if not any(_may_end(state) for state in states.values()):
        yield Fault(scope.path, "Workflow has no terminal state", MISSING_END, is_placed=False)
    elif isinstance(start, str) and start in states:
        reachable = _reachable(start, {name: [to for _, to in way] for name, way in targets.items()})
        for name in states.keys() - reachable:
            yield Fault((*scope.path, "States", name), f'State "{name}" is not reachable.', MISSING_TARGET)


def _targets(state: Json) -> Iterator[tuple[Path, str]]:
    """The names a raw state goes on to, with the places below it where they stand."""
    if not isinstance(state, dict):
        return
    for field in ("Next", "Default"):
        if isinstance(state.get(field), str):
            yield (field,), state[field]
    for field in ("Choices", "Catch"):
        rules = state.get(field)
        for index, rule in enumerate(rules if isinstance(rules, list) else ()):
            if isinstance(rule, dict) and isinstance(rule.get("Next"), str):
                yield (field, index, "Next"), rule["Next"]


def _may_end(state: Json) -> bool:
    """Whether a state ends its scope. One of no known Type might have."""
    model = state_model(state)
    return model in (None, SucceedState, FailState) or state.get("End") is True


def _reachable(start: str, targets: dict[str, list[str]]) -> set[str]:
    reached = {start}
    stack = [start]
    while stack:
        for target in targets.get(stack.pop(), ()):
            if target not in reached:
                reached.add(target)
                stack.append(target)
    return reached


def _duplicate_names(nodes: list[Node]) -> Iterator[Fault]:
    seen: set[str] = set()
    for node in nodes:
        states = node.value.get("States") if issubclass(node.model, Scope) else None
        for name in states if isinstance(states, dict) else ():
            if name in seen:
                yield Fault((*node.path, "States", name), f"Duplicate state name: {name}", DUPLICATE_NAMES)
            seen.add(name)


def _duplicate_labels(nodes: list[Node]) -> Iterator[Fault]:
    seen: set[str] = set()
    for node in nodes:
        label = node.value.get("Label") if node.model is MapState else None
        if isinstance(label, str):
            if label in seen:
                yield Fault((*node.path, "Label"), f"Label '{label}' is not unique in the state machine")
            seen.add(label)


def _shadowing_variables(nodes: list[Node]) -> Iterator[Fault]:
    assigned: dict[int, set[str]] = {}
    for node in nodes:
        assigned.setdefault(id(node.outer), set()).update(assigned_names(node))
    for node in nodes:
        around = [id(scope) for scope in _scopes_around(node)]
        for name in assigned_names(node):
            if any(name in assigned[scope] for scope in around):
                yield node.fault("Assign", message=f"Variable '{name}' is already assigned in an outer scope")


def scopes_seen(node: Node) -> Iterator[Node]:
    """The scopes whose variables the node can read, the innermost first."""
    if node.outer is not None:
        yield node.outer
        yield from _scopes_around(node)


def _scopes_around(node: Node) -> Iterator[Node]:
    """The scopes whose variables the node's own scope can read, the innermost first."""
    scope = node.outer
    while scope is not None and scope.outer is not None and not scope.is_distributed:
        scope = scope.outer
        yield scope
