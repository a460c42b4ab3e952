"""Faults of JSONata expressions: their syntax, what they refer to, and variables that no state assigns.

Where an expression may stand is said by the annotations of `model`; what `$states` has there is said by RESULTS and
ERROR_OUTPUTS. What an expression may say is in `jsonata.rules`.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from stepwell.definitions.check.annotations import FieldFacts, fields_of
from stepwell.definitions.check.references import scopes_seen
from stepwell.definitions.check.rules import assigned_names
from stepwell.definitions.check.walk import Fault, Node, Path, has_other_language
from stepwell.definitions.jsonata import is_expression
from stepwell.definitions.kinds import QueryLanguage
from stepwell.definitions.model import Catcher, Element, Holds, Json, WorkState
from stepwell.definitions.problems import Severity

NEVER_ASSIGNED: Final = "VARIABLE_NEVER_ASSIGNED"

HOLDS_EXPRESSIONS: Final = frozenset({Holds.EXPRESSION, Holds.EXPRESSIONS, Holds.TIMESTAMP})
AFTER_THE_WORK: Final = frozenset(["Output", "Assign"])


def faults(nodes: Iterable[Node]) -> Iterator[Fault]:
    """What is wrong with the expressions of a definition."""
    found = list(nodes)
    assigned: dict[int, set[str]] = {}
    for node in found:
        assigned.setdefault(id(node.outer), set()).update(assigned_names(node))
    for node in found:
        if node.language is QueryLanguage.JSONATA:
            known = {name for scope in scopes_seen(node) for name in assigned.get(id(scope), ())}
            yield from _faults(node, known)


def _faults(node: Node, known: set[str]) -> Iterator[Fault]:
    # Imported here: a definition without JSONata must not pay for its parser.
    from stepwell.definitions.jsonata import rules

    facts = fields_of(node.model)
    for name, value in node.value.items():
        field = facts.get(name)
        if field is None or has_other_language(field.language, node.language):
            continue
        for path, text in expressions_of(field, value):
            place = (*node.path, name, *path)
            for code, message, position, severity in rules.faults(text, allowed=members_of_states(node.model, name)):
                # Positions are just behind a token, and the text begins behind its `{%`.
                offset = None if position is None else len("{%") + max(position - 1, 0)
                yield Fault(place, message, code, severity, offset=offset)
            for variable in rules.variables_read(text, assigned=known):
                if variable not in known:
                    message = f"Variable '{variable}' is read here, but no state before it can have assigned it"
                    yield Fault(place, message, NEVER_ASSIGNED, Severity.WARNING)


def members_of_states(model: type[Element], field: str) -> frozenset[str]:
    """What `$states` has in a field: `result` once the work is done, `errorOutput` once it has failed and is caught."""
    from stepwell.definitions.jsonata import rules

    if field in AFTER_THE_WORK and issubclass(model, WorkState):
        return rules.EVERYWHERE | {"result"}
    if field in AFTER_THE_WORK and issubclass(model, Catcher):
        return rules.EVERYWHERE | {"errorOutput"}
    return rules.EVERYWHERE


def expressions_of(field: FieldFacts, value: Json) -> Iterator[tuple[Path, str]]:
    """The expressions in a field of a JSONata state, without `{%` and `%}`, each with its place below the field."""
    if not field.holds & HOLDS_EXPRESSIONS:
        return
    stack: list[tuple[Path, Json]] = [((), value)]
    while stack:
        path, inner = stack.pop()
        if isinstance(inner, str) and is_expression(inner):
            yield path, inner[2:-2]
        elif Holds.EXPRESSIONS in field.holds:
            members = inner.items() if isinstance(inner, dict) else enumerate(inner) if isinstance(inner, list) else ()
            stack.extend(((*path, step), member) for step, member in reversed([*members]))
