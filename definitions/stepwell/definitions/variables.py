"""Which variables each state reads, as DescribeStateMachine tells in `variableReferences`."""

from collections.abc import Iterator

from stepwell.definitions.check.annotations import FieldFacts, fields_of
from stepwell.definitions.intrinsics import InvalidIntrinsic, parse_intrinsic, paths_in
from stepwell.definitions.model import Element, Holds, Json, QueryLanguage, Scope, StateMachine
from stepwell.definitions.paths import variable_of
from stepwell.definitions.templates import expressions_in

TEXTS = frozenset({Holds.PATH, Holds.REFERENCE_PATH, Holds.PATH_OR_INTRINSIC})
"""Fields whose text is a path, or a call that has paths."""


def variable_references(machine: StateMachine) -> dict[str, list[str]]:
    """The names of the variables that a state reads, in alphabetical order, by the state's name.

    States that read none are left out. A Map or Parallel answers for its own fields, not for the states inside it.
    Covers the fields of JSONPath states.
    """
    references: dict[str, list[str]] = {}
    for name, state in machine.walk():
        if machine.language_of(state) is QueryLanguage.JSONPATH:
            found = {variable for text in _texts(state) for variable in _variables(text)}
            if found:
                references[name] = sorted(found.union(references.get(name, ())))
    return references


def _texts(element: Element) -> Iterator[str]:
    """Every path and intrinsic function call in the element's fields, those of its parts included."""
    for field in fields_of(type(element)).values():
        value = getattr(element, field.attribute)
        if value is None:
            continue
        if field.element is None:
            yield from _texts_of_field(field, value)
        elif not issubclass(field.element, Scope):
            for part in value if field.is_list else (value,):
                yield from _texts(part)


def _texts_of_field(field: FieldFacts, value: Json) -> Iterator[str]:
    if Holds.TEMPLATE in field.holds:
        yield from expressions_in(value)
    elif isinstance(value, str) and field.holds & TEXTS:
        yield value


def _variables(text: str) -> Iterator[str]:
    if text.startswith("$"):
        paths = [text]
    else:
        try:
            paths = list(paths_in(parse_intrinsic(text)))
        except InvalidIntrinsic:
            return
    for path in paths:
        if (name := variable_of(path)) is not None:
            yield name
