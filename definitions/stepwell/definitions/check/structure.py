"""Faults of shape, found by pydantic: fields that are missing, unknown, of the wrong type or out of range.

Pydantic's errors become AWS's: `TEXTS` has a text for each kind of error, `_path` turns pydantic's place, which names
the members of unions, into the path in the definition, and the errors of a union's members become one fault.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from stepwell.definitions.check.walk import Fault, Path
from stepwell.definitions.model import STATE_MODELS

STATE_TYPE = f"The field 'Type' should have one of these values: [{', '.join(STATE_MODELS)}]"

EMPTY = "Value cannot be empty"

TYPES = {
    "int_type": "Integer",
    "int_from_float": "Integer",
    "float_type": "Number",
    "string_type": "String",
    "bool_type": "Boolean",
    "tuple_type": "Array",
    "dict_type": "Object",
    "model_type": "Object",
    "model_attributes_type": "Object",
}
"""What was expected, by pydantic's names of errors."""


def _one_of(name: str | int, context: Mapping[str, Any]) -> str:
    values = re.findall(r"'([^']*)'", str(context["expected"]))
    return f"The field '{name}' should have one of these values: [{', '.join(values)}]"


TEXTS: Mapping[str, Callable[[str | int, Mapping[str, Any]], str]] = {
    "missing": lambda name, _: f"The field '{name}' is required but was missing",
    "extra_forbidden": lambda name, _: f"Field '{name}' is not supported",
    "union_tag_invalid": lambda _name, _: STATE_TYPE,
    "union_tag_not_found": lambda _name, _: STATE_TYPE,
    "greater_than": lambda _, context: f"Value is not greater than {context['gt']}",
    "greater_than_equal": lambda _, context: f"Value is not greater than or equal to {context['ge']}",
    "less_than_equal": lambda _, context: f"Value is not less than or equal to {context['le']}",
    "too_short": lambda _name, _: EMPTY,
    "literal_error": _one_of,
    "enum": _one_of,
    "string_unicode": lambda _name, _: "String is not valid Unicode",
}
"""What is said of every other error, from the field's name and what pydantic knows."""

ABOUT_THE_OBJECT = frozenset({"missing", "extra_forbidden"})
"""Errors whose place is the object, not the field."""

SCOPE_FIELDS = ("States", "StartAt")
"""What every scope needs, as AWS lists it."""


def faults(error: ValidationError) -> Iterator[Fault]:
    """One fault for each place, in pydantic's order."""
    missing_in_scopes: dict[Path, set[str | int]] = {}
    found: dict[tuple[Path, str], tuple[bool, Fault]] = {}
    for details in error.errors(include_url=False, include_input=False):
        path = _path(details)
        name = path[-1] if path else ""
        kind = details["type"]
        text = _text(details, name)
        if kind == "missing" and name in SCOPE_FIELDS:
            missing_in_scopes.setdefault(path[:-1], set()).add(name)
        elif kind == "missing" and name == "Type":
            found.setdefault((path, ""), (True, Fault(path, STATE_TYPE)))
        elif kind in ABOUT_THE_OBJECT:
            found.setdefault((path, ""), (True, Fault(path[:-1], text)))
        else:
            # Of a union's members the one that had the right type knows best.
            is_of_type, _ = found.get((path, "value"), (False, None))
            if (path, "value") not in found or (kind not in TYPES and not is_of_type):
                found[path, "value"] = (kind not in TYPES, Fault(path, text))
    for path, names in missing_in_scopes.items():
        yield Fault(path, f"These fields are required: [{', '.join(n for n in SCOPE_FIELDS if n in names)}]")
    # An array whose elements are all wrong counts as empty, too.
    holding_others = {path[:length] for path, _ in found for length in range(len(path))}
    holding_others |= {path[:length] for path in missing_in_scopes for length in range(len(path))}
    for _, fault in found.values():
        if fault.message != EMPTY or fault.path not in holding_others:
            yield fault


def _text(details: ErrorDetails, name: str | int) -> str:
    kind = details["type"]
    if kind in TYPES:
        return f"Expected value of type {TYPES[kind]}"
    return TEXTS[kind](name, details.get("ctx", {})) if kind in TEXTS else details["msg"]


def _path(details: ErrorDetails) -> Path:
    """The place in the definition. Pydantic's holds the Type of every state it passes, and the members of unions."""
    location: Sequence[str | int] = details["loc"]
    last = len(location) - 1
    path: list[str | int] = []
    position = 0
    while position <= last:
        step = location[position]
        if step == "States" and position < last:
            path += location[position : position + 2]
            position += 3
            continue
        is_member_of_union = isinstance(step, str) and not step[:1].isupper() and details["type"] != "extra_forbidden"
        if not is_member_of_union:
            path.append(step)
        position += 1
    if details["type"] in ("union_tag_invalid", "union_tag_not_found"):
        path.append("Type")
    return tuple(path)
