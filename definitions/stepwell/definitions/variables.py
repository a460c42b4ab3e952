"""Which variables each state reads, as DescribeStateMachine tells in `variableReferences`."""

from collections.abc import Iterator

from stepwell.definitions.check.annotations import FieldFacts, fields_of
from stepwell.definitions.check.expressions import expressions_of
from stepwell.definitions.intrinsics import InvalidIntrinsic, parse_intrinsic, paths_in
from stepwell.definitions.jsonata.rules import variables_read
from stepwell.definitions.kinds import QueryLanguage
from stepwell.definitions.model import Element, Holds, Json, Scope, StateMachine
from stepwell.definitions.paths import variable_of
from stepwell.definitions.templates import SUFFIX, expressions_in

TEXTS = frozenset({Holds.PATH, Holds.REFERENCE_PATH, Holds.PATH_OR_INTRINSIC})
"""Fields whose text is a path, or a call that has paths."""


def variable_references(machine: StateMachine) -> dict[str, list[str]]:
    """The names of the variables that a state reads, in alphabetical order, by the state's name.

    States that read none are left out. A Map or Parallel answers for its own fields, not for the states inside it.
    """
    assigned = {name for _, state in machine.walk() for name in _assigned(state)}
    references: dict[str, list[str]] = {}
    for name, state in machine.walk():
        language = machine.language_of(state)
        if language is QueryLanguage.JSONPATH:
            found = {variable for field, value in _values(state) for variable in _read_by_paths(field, value)}
        else:
            texts = (text for field, value in _values(state) for _, text in expressions_of(field, value))
            found = {variable for text in texts for variable in variables_read(text, assigned=assigned)}
        if found:
            references[name] = sorted(found.union(references.get(name, ())))
    return references


def _assigned(state: Element) -> Iterator[str]:
    """The names that the state assigns, wherever it has an Assign."""
    for field, value in _values(state):
        if field.name == "Assign":
            yield from (name.removesuffix(SUFFIX) for name in value)


def _values(element: Element) -> Iterator[tuple[FieldFacts, Json]]:
    """Every field of the element that has a value, with those of its parts, but not of the scopes in it."""
    for field in fields_of(type(element)).values():
        value = getattr(element, field.attribute)
        if value is None:
            continue
        if field.element is None:
            yield field, value
        elif not issubclass(field.element, Scope):
            for part in value if field.is_list else (value,):
                yield from _values(part)


def _read_by_paths(field: FieldFacts, value: Json) -> Iterator[str]:
    """The variables in a field's paths and intrinsic function calls."""
    if Holds.TEMPLATE in field.holds:
        texts = expressions_in(value)
    elif isinstance(value, str) and field.holds & TEXTS:
        texts = iter((value,))
    else:
        return
    for text in texts:
        yield from _variables(text)


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
