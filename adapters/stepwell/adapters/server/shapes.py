"""Requests held against AWS's model of the API, and responses written in its shapes.

The model is the one that comes with botocore. Each operation is compiled to closures when it is first asked for.

Rule 1: a request is converted as a whole before a word is said about constraints: what has the wrong type is a
SerializationException, whatever else is wrong.
Rule 2: all constraints that are not met are told at once, in the order of the model's members.
Rule 3: members that the model does not know are passed over, and so is `null`.

The texts of ValidationException are recorded. Those of SerializationException are what other services of AWS say: none
of Step Functions' own are known. [inferred]
"""

import gzip
import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib import resources
from typing import Any, Final

import orjson
from msgspec import Struct

from stepwell.definitions.expressions import Json
from stepwell.definitions.jsonpath.java import double_text
from stepwell.engine.errors import SerializationException, UnknownOperationException, ValidationException

Shape = Mapping[str, Any]
"""A shape of the model, as `service-2.json` has it."""

MODEL: Final = "data/stepfunctions/2016-11-23/service-2.json.gz"

MOST_FAULTS: Final = 100
"""How many faults are looked for in the elements of a list. A list of a million faults has no answer of a hundred
megabytes. Differs from AWS: how far it goes is not known."""


def _model() -> Shape:
    read: Shape = orjson.loads(gzip.decompress(resources.files("botocore").joinpath(MODEL).read_bytes()))
    return read


_MODEL: Final = _model()
_SHAPES: Final[Mapping[str, Shape]] = _MODEL["shapes"]

OPERATIONS: Final = frozenset(_MODEL["operations"])
"""The names of all operations."""


def _of(operation: str, side: str) -> str:
    """The name of the shape of an operation's `input` or `output`."""
    if operation not in OPERATIONS:
        raise UnknownOperationException(f"Step Functions has no operation {operation!r}")
    name: str = _MODEL["operations"][operation][side]["shape"]
    return name


# --- requests ---------------------------------------------------------------------------------------------------------

Faults = list[str]

Check = Callable[[Any, str, Faults], Any]
"""Converts the value that stands at a place, and adds what is wrong with it. Raises SerializationException."""


class Kind(Struct, frozen=True):
    """What is done with the values of a shape."""

    check: Check
    show: Callable[[Any], str]
    """A converted value as Java's `toString` has it."""


def read_body(body: bytes) -> Json:
    """The object that a request's body is; none at all is an empty one. Raises SerializationException.

    What is not to the letter JSON in UTF-8 is refused: NaN, half a surrogate pair, numbers beyond a double; and so are
    more than 1,024 levels. An integer beyond 64 bits becomes a float. Of a repeated member the last one counts.
    """
    if not body:
        return {}
    try:
        value: Json = orjson.loads(body)
    except orjson.JSONDecodeError as fault:
        raise SerializationException(f"The request is no JSON: {fault}") from None
    if isinstance(value, dict):
        return value
    raise _not_one(value, "Structure")


def check_request(operation: str, body: Json) -> dict[str, Any]:
    """The members of a request that the model knows and that are not null, each of its type.

    Raises SerializationException and ValidationException, and UnknownOperationException for no operation of the API.
    """
    faults: Faults = []
    params: dict[str, Any] = _request(operation)(body, "", faults)
    if faults:
        count = f"{len(faults)} validation error{'s' if len(faults) > 1 else ''} detected"
        raise ValidationException(f"{count}: {'; '.join(faults)}")
    return params


@cache
def _request(operation: str) -> Check:
    return _kind(_of(operation, "input")).check


@cache
def _kind(name: str) -> Kind:
    shape = _SHAPES[name]
    match shape["type"]:
        case "structure":
            return _structure(name, shape)
        case "list":
            return _list(shape)
        case type_name:
            return _scalar(shape, *SCALARS[type_name])


def _structure(name: str, shape: Shape) -> Kind:
    required = shape.get("required", ())
    members = [
        (member, _kind(target["shape"]), member in required, _is_sensitive(_SHAPES[target["shape"]]))
        for member, target in shape["members"].items()
    ]

    def check(value: Any, place: str, faults: Faults) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise _not_one(value, "Structure")
        start = f"{place}." if place else ""
        converted = {}
        for member, kind, is_required, is_sensitive in members:
            given = value.get(member)
            if given is not None:
                converted[member] = kind.check(given, start + member, faults)
            elif is_required:
                faults.append(_fault("" if is_sensitive else " null", start + member, "not be null"))
        return converted

    def show(value: Mapping[str, Any]) -> str:
        texts = (
            f"{member}={kind.show(value[member]) if member in value else 'null'}" for member, kind, _, _ in members
        )
        return f"{name}({', '.join(texts)})"

    return Kind(check, show)


def _list(shape: Shape) -> Kind:
    element = _kind(shape["member"]["shape"])
    constraints = _constraints(shape)

    def check(value: Any, place: str, faults: Faults) -> list[Any]:
        if not isinstance(value, list):
            raise _not_one(value, "List")
        converted: list[Any] = []
        of_elements: Faults = []
        for number, given in enumerate(value, 1):
            if given is not None:
                converted.append(element.check(given, f"{place}.{number}.member", of_elements))
            else:  # a list has no holes [inferred]
                of_elements.append(_fault(" null", f"{place}.{number}.member", "not be null"))
            if len(of_elements) >= MOST_FAULTS:
                break
        for is_met, rule in constraints:
            if not is_met(value):
                faults.append(_fault(f" '{show(converted)}'", place, rule))
        faults += of_elements
        return converted

    def show(value: list[Any]) -> str:
        return f"[{', '.join(map(element.show, value))}]"

    return Kind(check, show)


def _scalar(shape: Shape, convert: Callable[[Any], Any], show: Callable[[Any], str]) -> Kind:
    constraints = _constraints(shape)
    is_sensitive = _is_sensitive(shape)

    def check(value: Any, place: str, faults: Faults) -> Any:
        converted = convert(value)
        for is_met, rule in constraints:
            if not is_met(converted):
                faults.append(_fault("" if is_sensitive else f" '{show(converted)}'", place, rule))
        return converted

    return Kind(check, show)


def _fault(shown: str, place: str, rule: str) -> str:
    """`shown` is the value with the space before it: of a sensitive shape nothing is shown, as Cognito and KMS do."""
    return f"Value{shown} at '{place}' failed to satisfy constraint: Member must {rule}"


def _is_sensitive(shape: Shape) -> bool:
    return bool(shape.get("sensitive"))


# --- scalars ----------------------------------------------------------------------------------------------------------


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    raise _not_one(value, "String")


def _truth(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise _not_one(value, "Boolean")


def _whole(type_name: str, bits: int) -> Callable[[Any], int]:
    """Numbers of so many bits. A fraction is cut off, as AWS's own numbers do. [inferred]"""
    beyond = 1 << (bits - 1)

    def convert(value: Any) -> int:
        if isinstance(value, int | float) and not isinstance(value, bool) and -beyond <= value < beyond:
            return int(value)
        raise _not_one(value, type_name)

    return convert


def _float(value: Any) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST_FLOAT:
        return float(value)
    raise _not_one(value, "Float")


LARGEST_FLOAT: Final = (2 - 2**-23) * 2.0**127

SCALARS: Final[Mapping[str, tuple[Callable[[Any], Any], Callable[[Any], str]]]] = {
    "boolean": (_truth, lambda value: str(value).lower()),
    "float": (_float, double_text),
    "integer": (_whole("Integer", 32), str),
    "long": (_whole("Long", 64), str),
    "string": (_text, str),
}
"""By type: how a value is converted, and how the result is shown."""


def _not_one(value: Any, wanted: str) -> SerializationException:
    """The value is none of the wanted type."""
    match value:
        case dict():
            return SerializationException("Start of structure or map found where not expected.")
        case list():
            return SerializationException("Start of list found where not expected")
        case None:
            token = "NULL_VALUE"
        case bool():
            token = "TRUE_VALUE" if value else "FALSE_VALUE"
        case str():
            token = "STRING_VALUE"
        case _:
            token = "NUMBER_VALUE"
    return SerializationException(f"{token} cannot be converted to {wanted}")


# --- constraints ------------------------------------------------------------------------------------------------------

Constraint = tuple[Callable[[Any], bool], str]
"""Whether a value meets it, and what it says: `Member must …`."""


def _constraints(shape: Shape) -> list[Constraint]:
    """In which order several of one member are told is not known."""
    type_name = shape["type"]
    measure, what = MEASURES.get(type_name, (lambda value: value, "value"))
    return [make(shape[trait], measure, what) for trait, make in CONSTRAINTS.items() if trait in shape]


Measure = Callable[[Any], int]


def _at_most(most: int, measure: Measure, what: str) -> Constraint:
    return lambda value: measure(value) <= most, f"have {what} less than or equal to {most}"


def _at_least(least: int, measure: Measure, what: str) -> Constraint:
    return lambda value: measure(value) >= least, f"have {what} greater than or equal to {least}"


def _matching(pattern: str, _measure: Measure, _what: str) -> Constraint:
    """Java's `matches` is a match of the whole text."""
    matches = re.compile(pattern.replace(r"\p{ASCII}", r"[\x00-\x7F]")).fullmatch
    return lambda value: matches(value) is not None, f"satisfy regular expression pattern: {pattern}"


def _one_of(values: list[str], _measure: Measure, _what: str) -> Constraint:
    return frozenset(values).__contains__, f"satisfy enum value set: [{', '.join(_as_aws_lists(values))}]"


CONSTRAINTS: Final[Mapping[str, Callable[[Any, Measure, str], Constraint]]] = {
    "max": _at_most,
    "min": _at_least,
    "pattern": _matching,
    "enum": _one_of,
}
"""By the model's traits."""


def _length(text: str) -> int:
    """In Java's characters, which are UTF-16."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


MEASURES: Final[Mapping[str, tuple[Measure, str]]] = {
    "list": (len, "length"),
    "string": (_length, "length"),
}


def _as_aws_lists(values: list[str]) -> list[str]:
    """The values of an enumeration in the order in which AWS's texts have them.

    That is a hash table of 32 buckets, by the last five bits of Java's `hashCode`, where a new value goes to the front
    of its bucket. Recorded of ExecutionStatus; the texts of some twenty enumerations of other services agree.
    """
    newest_first = values[::-1]
    return sorted(newest_first, key=_bucket)


def _bucket(value: str) -> int:
    """`hashCode` multiplies by 31, which is -1 where only five bits count."""
    bucket = 0
    for character in value.encode():
        bucket = character - bucket & 31
    return bucket


# --- responses --------------------------------------------------------------------------------------------------------

Write = Callable[[Any], Any]


def complete_response(operation: str, response: Mapping[str, Any]) -> bytes:
    """A response as it goes over the wire. Dates in it are whole milliseconds; members that are None are left out."""
    write = _response(operation)
    return _json(response if write is None else write(response))


def error_body(code: str, message: str) -> bytes:
    """What is answered to a request that is refused."""
    return _json({"__type": code, "message": message})


def _json(value: Any) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError:  # half a surrogate pair, which has no UTF-8, is written as an escape
        return json.dumps(value, separators=(",", ":")).encode()


@cache
def _response(operation: str) -> Write | None:
    return _writer(_of(operation, "output"))


@cache
def _writer(name: str) -> Write | None:
    """How values of a shape are written; None where they stay as they are."""
    shape = _SHAPES[name]
    match shape["type"]:
        case "timestamp":
            return _seconds
        case "structure":
            return _structure_writer(shape)
        case "list":
            element = _writer(shape["member"]["shape"])
            return None if element is None else lambda values: [element(value) for value in values]
    return None


def _structure_writer(shape: Shape) -> Write:
    writers = {member: _writer(target["shape"]) for member, target in shape["members"].items()}
    written_otherwise = {member: write for member, write in writers.items() if write is not None}
    writer_of = written_otherwise.get

    def write(given: Mapping[str, Any]) -> dict[str, Any]:
        return {
            member: value if (write_member := writer_of(member)) is None else write_member(value)
            for member, value in given.items()
            if value is not None
        }

    return write


def _seconds(milliseconds: int) -> float:
    return milliseconds // 1000 if milliseconds % 1000 == 0 else milliseconds / 1000


# --- responses, looked at ---------------------------------------------------------------------------------------------

TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "boolean": (bool,),
    "float": (int, float),
    "integer": (int,),
    "list": (list, tuple),
    "long": (int,),
    "map": (dict,),
    "string": (str,),
    "structure": (dict,),
    "timestamp": (int,),
}


def check_response(operation: str, response: Mapping[str, Any]) -> list[str]:
    """Where a response, before it is written, departs from the model: for tests."""
    return list(_departures(_of(operation, "output"), response, operation))


def _departures(name: str, value: Any, place: str) -> Iterator[str]:
    shape = _SHAPES[name]
    type_name = shape["type"]
    is_one: bool = isinstance(value, TYPES[type_name]) and (type_name == "boolean" or not isinstance(value, bool))
    if not is_one:
        yield f"{place}: {value!r} is no {type_name}"
        return
    for is_met, rule in _constraints(shape):
        if not is_met(value):
            yield f"{place}: {value!r} must {rule}"
    match type_name:
        case "structure":
            yield from _departures_of_members(shape, value, place)
        case "list":
            for number, element in enumerate(value, 1):
                yield from _departures(shape["member"]["shape"], element, f"{place}.{number}")
        case "map":
            for key, element in value.items():
                yield from _departures(shape["key"]["shape"], key, f"{place}: key {key!r}")
                yield from _departures(shape["value"]["shape"], element, f"{place}.{key}")


def _departures_of_members(shape: Shape, value: Mapping[str, Any], place: str) -> Iterator[str]:
    given = {member: one for member, one in value.items() if one is not None}
    for member in shape.get("required", ()):
        if member not in given:
            yield f"{place}.{member}: is missing"
    for member, one in given.items():
        if member in shape["members"]:
            yield from _departures(shape["members"][member]["shape"], one, f"{place}.{member}")
        else:
            yield f"{place}.{member}: is not in the model"
