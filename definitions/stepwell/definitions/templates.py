"""Payload templates: JSON in which the members named `x.$` are evaluated and become `x`.

Rule 1: at every level of nesting the plain members come first, in the order they were written, then the evaluated
ones in the order in which a Java HashMap would give their names: details of events are texts, so the order shows.
Rule 2: what holds nothing to evaluate is shared, not copied.
"""

from collections.abc import Iterator

from stepwell.definitions.expressions import Environment, Expression, Json
from stepwell.definitions.intrinsics import InvalidIntrinsic, compile_intrinsic
from stepwell.definitions.java_order import hash_map_order
from stepwell.definitions.jsonpath import InvalidPath
from stepwell.definitions.paths import compile_reader, intrinsic_argument, template_field

SUFFIX = ".$"


class InvalidTemplate(ValueError):
    """A template that cannot be compiled; the text is AWS's."""


def compile_template(template: Json) -> Expression | None:
    """A function that fills the template in, or None where there is nothing to evaluate.

    Raises InvalidTemplate for a `.$` member that is neither a path nor an intrinsic function call.
    """
    if isinstance(template, dict):
        return _compile_object(template)
    if isinstance(template, list):
        return _compile_array(template)
    return None


def compile_value(field: str, text: Json) -> Expression:
    """The expression of one `.$` member: a path of any root, or an intrinsic function call."""
    if isinstance(text, str):
        try:
            if text.startswith("$"):
                return compile_reader(text, template_field(field))
            return compile_intrinsic(text, lambda path: compile_reader(path, intrinsic_argument))
        except (InvalidPath, InvalidIntrinsic):
            pass  # AWS names neither the reason nor the place in the text
    raise InvalidTemplate(
        f"The value for the field '{field}' must be a valid JSONPath or a valid intrinsic function call"
    )


def faults(template: Json) -> Iterator[str]:
    """AWS's text for every member of the template that is neither a path nor a call, and for names given twice."""
    if isinstance(template, list):
        for element in template:
            yield from faults(element)
    elif isinstance(template, dict):
        for name, value in template.items():
            if not name.endswith(SUFFIX):
                yield from faults(value)
                continue
            try:
                compile_value(name, value)
            except InvalidTemplate as fault:
                yield str(fault)
            if name.removesuffix(SUFFIX) in template:
                yield f"The field '{name.removesuffix(SUFFIX)}' is given twice: also as '{name}'"


def expressions_in(template: Json) -> Iterator[str]:
    """The texts of all `.$` members, depth first."""
    if isinstance(template, list):
        for element in template:
            yield from expressions_in(element)
    elif isinstance(template, dict):
        for name, value in template.items():
            if name.endswith(SUFFIX) and isinstance(value, str):
                yield value
            else:
                yield from expressions_in(value)


def _compile_object(template: dict[str, Json]) -> Expression | None:
    evaluated = {
        name.removesuffix(SUFFIX): compile_value(name, value)
        for name, value in template.items()
        if name.endswith(SUFFIX)
    }
    plain = {name: value for name, value in template.items() if not name.endswith(SUFFIX)}
    nested = [(name, inner) for name, value in plain.items() if (inner := compile_template(value)) is not None]
    members = nested + [(name, evaluated[name]) for name in hash_map_order(evaluated)]
    if not members:
        return None
    if not plain:
        return _object_of(members)

    def fill(document: Json, environment: Environment) -> Json:
        result = plain.copy()
        for name, expression in members:
            result[name] = expression(document, environment)
        return result

    return fill


def _object_of(members: list[tuple[str, Expression]]) -> Expression:
    if len(members) == 1:
        ((name, expression),) = members
        return lambda document, environment: {name: expression(document, environment)}
    return lambda document, environment: {name: value(document, environment) for name, value in members}


def _compile_array(template: list[Json]) -> Expression | None:
    elements: list[tuple[int, Expression]] = [
        (index, inner) for index, value in enumerate(template) if (inner := compile_template(value)) is not None
    ]
    if not elements:
        return None

    def fill(document: Json, environment: Environment) -> Json:
        result = template.copy()
        for index, expression in elements:
            result[index] = expression(document, environment)
        return result

    return fill
