"""Faults of a field's text: a field the query language does not have, a path that is none, a bad template.

What a field is comes from its annotations in `model`; `CHECKS` has one check for each kind of text they name. States
that name no existing query language are not looked at: whatever they hold might be right.
"""

from collections.abc import Callable, Iterator, Mapping

from stepwell.definitions import timestamps
from stepwell.definitions.check.annotations import FieldFacts, fields_of
from stepwell.definitions.check.walk import Fault, Node, Path, has_other_language
from stepwell.definitions.intrinsics import InvalidIntrinsic, is_string_valued, parse_intrinsic
from stepwell.definitions.jsonata import is_expression, is_half_an_expression
from stepwell.definitions.jsonpath import InvalidPath
from stepwell.definitions.kinds import QueryLanguage
from stepwell.definitions.model import Holds, Json
from stepwell.definitions.paths import compile_writer, is_reference_path, parse_path
from stepwell.definitions.resources import parse_resource
from stepwell.definitions.templates import faults as template_faults

INVALID_JSONATA = "INVALID_JSONATA_EXPRESSION"

Check = Callable[[Path, str, Json], Iterator[Fault]]
"""The faults of a field from its path, its name and its value."""


def other_language(node: Node) -> Iterator[Fault]:
    """The fields that the node's query language does not have."""
    facts = fields_of(node.model)
    for name in node.value:
        field = facts.get(name)
        if field is not None and has_other_language(field.language, node.language):
            assert node.language is not None and field.language is not None
            yield node.fault(
                name,
                message=f"The QueryLanguage is set to '{node.language.value}', but field '{name}' is only supported "
                f"for the '{field.language.value}' QueryLanguage",
            )


def faults(node: Node) -> Iterator[Fault]:
    """What is wrong with the texts in the node's own fields."""
    facts = fields_of(node.model)
    for name, value in node.value.items():
        field = facts.get(name)
        if field is None or value is None or node.language is None or has_other_language(field.language, node.language):
            continue
        if isinstance(value, str) and has_other_language(field.text_language, node.language):
            yield node.fault(name, message=f"Expected value of type {field.literal}")
            continue
        for kind in field.holds:
            check = CHECKS.get((kind, node.language)) or CHECKS.get((kind, None))
            if check is not None and _has_checked_type(kind, field, value):
                yield from check((*node.path, name), name, value)


def _has_checked_type(kind: Holds, field: FieldFacts, value: Json) -> bool:
    """Whether a value of this type is one to look into; where not, `structure` says so."""
    if kind in (Holds.TEMPLATE, Holds.EXPRESSIONS):
        return field.name != "Assign" or isinstance(value, dict)
    return isinstance(value, str)


def _path(path: Path, name: str, text: str) -> Iterator[Fault]:
    try:
        parse_path(text)
    except InvalidPath as reason:
        yield Fault(path, f"Value is not a Path: {reason}")


def _reference_path(path: Path, name: str, text: str) -> Iterator[Fault]:
    try:
        if not is_reference_path(text):
            yield Fault(path, f"Value is not a Reference Path: {text!r} does not name one place")
    except InvalidPath as reason:
        yield Fault(path, f"Value is not a Reference Path: {reason}")


def _result_path(path: Path, name: str, text: str) -> Iterator[Fault]:
    try:
        compile_writer(text)
    except InvalidPath as reason:
        yield Fault(path, f"Value is not a Reference Path: {reason}")


def _path_or_intrinsic(path: Path, name: str, text: str) -> Iterator[Fault]:
    try:
        if text.startswith("$"):
            parse_path(text)
            return
        if is_string_valued(parse_intrinsic(text)):
            return
    except (InvalidPath, InvalidIntrinsic):
        pass  # AWS names no reason
    yield Fault(path, f"The value for the field '{name}' must be a valid JSONPath or a valid intrinsic function call")


def _template(path: Path, name: str, value: Json) -> Iterator[Fault]:
    for message in template_faults(value):
        yield Fault(path, message)


def _expression(path: Path, name: str, text: str) -> Iterator[Fault]:
    if not is_expression(text):
        yield Fault(path, f"Value is not a JSONata expression: {NEEDED}", INVALID_JSONATA)


def _expressions(path: Path, name: str, value: Json) -> Iterator[Fault]:
    stack: list[tuple[Path, Json]] = [(path, value)]
    while stack:
        place, inner = stack.pop()
        if isinstance(inner, dict):
            stack.extend(((*place, key), member) for key, member in inner.items())
        elif isinstance(inner, list):
            stack.extend(((*place, index), element) for index, element in enumerate(inner))
        elif isinstance(inner, str) and is_half_an_expression(inner):
            yield Fault(place, f"Value is not a JSONata expression: {NEEDED}", INVALID_JSONATA)


def _timestamp(path: Path, name: str, text: str) -> Iterator[Fault]:
    if timestamps.parse(text) is None:
        yield Fault(path, "String does not match RFC3339 timestamp")


def _timestamp_or_expression(path: Path, name: str, text: str) -> Iterator[Fault]:
    if not is_expression(text):
        yield from _timestamp(path, name, text)


def _resource(path: Path, name: str, text: str) -> Iterator[Fault]:
    if "${" in text or parse_resource(text) is None:
        yield Fault(path, unknown_resource(text))


def unknown_resource(text: str) -> str:
    return (
        f"The resource provided {text} is not recognized. "
        "The value is not a valid resource ARN, or the resource is not available in this region."
    )


NEEDED = "it must begin with '{%' and end with '%}'"


CHECKS: Mapping[tuple[Holds, QueryLanguage | None], Check] = {
    (Holds.PATH, None): _path,
    (Holds.REFERENCE_PATH, None): _reference_path,
    (Holds.RESULT_PATH, None): _result_path,
    (Holds.PATH_OR_INTRINSIC, None): _path_or_intrinsic,
    (Holds.TEMPLATE, QueryLanguage.JSONPATH): _template,
    (Holds.EXPRESSION, QueryLanguage.JSONATA): _expression,
    (Holds.EXPRESSIONS, QueryLanguage.JSONATA): _expressions,
    (Holds.TIMESTAMP, QueryLanguage.JSONPATH): _timestamp,
    (Holds.TIMESTAMP, QueryLanguage.JSONATA): _timestamp_or_expression,
    (Holds.RESOURCE, None): _resource,
}
"""The check of a kind of text: in one query language, or (None) in whichever has the field."""
