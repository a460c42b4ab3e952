"""Parameters of a Task to those of an API, and an API's answer to the result of a Task, both by the API's model.

The two kinds of integrations differ in the spelling of members, and in how bytes and moments are written: a `Dialect`.

Rule 1: a member that is null was not given.
Rule 2: what is no text, where the API takes text, is written as JSON.
Rule 3: members of a result come in the order of their names.
"""

import base64
import binascii
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct

from stepwell.adapters.tasks.aws.names import capitalized, sdk_member
from stepwell.definitions import timestamps
from stepwell.definitions.expressions import Json
from stepwell.definitions.java_order import hash_map_order
from stepwell.definitions.json_text import InvalidJson, dumps, loads
from stepwell.engine.quotas import PAYLOAD_BYTES

Shape = Any
"""A shape of botocore's models."""


# --- bytes and moments ------------------------------------------------------------------------------------------------


def json_bytes(value: Json) -> bytes:
    """Any value as JSON, texts included: AWS writes them with their quotation marks (recorded for S3)."""
    return dumps(value).encode()


def json_or_text(data: bytes) -> Json:
    """The value of a JSON text, or the text itself."""
    try:
        return loads(data)
    except InvalidJson:
        return data.decode("utf-8", "replace")


def base64_bytes(value: Json) -> bytes:
    return base64.b64decode(str(value), validate=True)


def base64_text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def text_or_base64(data: bytes) -> str:
    """The text, or where the bytes are none their base64."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return base64_text(data)


def iso_moment(moment: datetime) -> str:
    """As `java.time.Instant` writes it: no fraction, or three digits of it, or six."""
    return moment.astimezone(timestamps.EPOCH.tzinfo).isoformat(timespec=_precision(moment)).replace("+00:00", "Z")


def _precision(moment: datetime) -> str:
    if moment.microsecond % 1000:
        return "microseconds"
    return "milliseconds" if moment.microsecond else "seconds"


def epoch_moment(moment: datetime) -> int:
    """Milliseconds since the epoch: how jobs that were waited for give their moments."""
    return (moment - timestamps.EPOCH) // timedelta(milliseconds=1)


class Dialect(Struct, frozen=True, kw_only=True):
    """How a kind of integration writes what JSON has no type for."""

    spell: Callable[[str], str]
    """The name of a member, from the one in the model."""
    write_bytes: Callable[[Json], bytes]
    """The bytes for a parameter; raises ValueError."""
    read_bytes: Callable[[bytes], Json]
    write_moment: Callable[[datetime], Json] = iso_moment
    has_empty_lists: bool = False
    """Whether a list that the API left out is there, empty: some services' classes in version 1 of the AWS SDK."""
    hashes_maps: bool = False
    """Whether the entries of a map come in the order of Java's HashMap."""
    most_bytes: int = PAYLOAD_BYTES + 1
    """How much of a stream is read."""
    of_texts: Mapping[str, str] = {}
    """Structures in whose place a text may stand, with the member that it is then."""


OPTIMIZED = Dialect(
    spell=capitalized,
    write_bytes=base64_bytes,
    read_bytes=base64_text,
    hashes_maps=True,
    # Version 1 of the AWS SDK for Java makes its AttributeValue of a string, and definitions of AWS's own rely on it.
    of_texts={"AttributeValue": "S"},
)
SDK = Dialect(spell=sdk_member, write_bytes=json_bytes, read_bytes=text_or_base64)


# --- parameters -------------------------------------------------------------------------------------------------------


def unusable(shape: Shape | None, given: Json, dialect: Dialect) -> list[str]:
    """What AWS says of parameters that an API cannot take, of each of them."""
    if shape is None:
        return [_unsupported(name) for name in given] if isinstance(given, dict) else []
    return list(_unusable(shape, given, "Parameters", dialect))


def _unusable(shape: Shape, given: Json, name: str, dialect: Dialect) -> Iterator[str]:
    if given is None:
        return
    match shape.type_name:
        case "structure" if shape.is_document_type:
            return
        case "structure" if isinstance(given, dict):
            members = _members(shape, dialect)
            for spelt, value in given.items():
                if spelt not in members:
                    yield _unsupported(spelt)
                else:
                    yield from _unusable(shape.members[members[spelt]], value, spelt, dialect)
            for required in missing(
                shape, {members[spelt]: value for spelt, value in given.items() if spelt in members}
            ):
                yield f"The field '{dialect.spell(required)}' is required but was missing"
        case "list" if isinstance(given, list):
            for value in given:
                yield from _unusable(shape.member, value, name, dialect)
        case "map" if isinstance(given, dict):
            for value in given.values():
                yield from _unusable(shape.value, value, name, dialect)
        case "string":
            return
        case "structure" if isinstance(given, str) and shape.name in dialect.of_texts:
            return
        case "structure" | "list" | "map":
            yield _malformed(name)
        case _ if not _is_usable(shape.type_name, given, dialect):
            yield _malformed(name)


def missing(shape: Shape | None, given: Mapping[str, Any]) -> list[str]:
    """The members that an API demands and is not given. Those that mark a request are made where they are not given."""
    if shape is None:
        return []
    return [
        name
        for name in shape.required_members
        if name not in given and not shape.members[name].metadata.get("idempotencyToken")
    ]


def _is_usable(kind: str, given: Json, dialect: Dialect) -> bool:
    try:
        _scalar(kind, given, dialect)
    except (ValueError, TypeError, OverflowError, binascii.Error):
        return False
    return True


def _unsupported(name: str) -> str:
    return f"The field '{name}' is not supported by Step Functions"


def _malformed(name: str) -> str:
    return f"The value of the field '{name}' has an invalid format"


def parameters(shape: Shape | None, given: Json, dialect: Dialect) -> dict[str, Any]:
    """The parameters that botocore takes, of ones that are usable."""
    if shape is None or not isinstance(given, dict):
        return {}
    return dict(_parameter(shape, given, dialect))


def _parameter(shape: Shape, given: Json, dialect: Dialect) -> Any:
    match given:
        case dict() if shape.type_name == "structure" and not shape.is_document_type:
            members = _members(shape, dialect)
            return {
                members[spelt]: _parameter(shape.members[members[spelt]], value, dialect)
                for spelt, value in given.items()
                if value is not None
            }
        case dict() if shape.type_name == "map":
            return {key: _parameter(shape.value, value, dialect) for key, value in given.items() if value is not None}
        case list() if shape.type_name == "list":
            return [_parameter(shape.member, value, dialect) for value in given]
        case _ if shape.serialization.get("jsonvalue"):
            return given
        case str() if shape.type_name == "structure" and shape.name in dialect.of_texts:
            return {dialect.of_texts[shape.name]: given}
        case _:
            return _scalar(shape.type_name, given, dialect)


def _members(shape: Shape, dialect: Dialect) -> Mapping[str, str]:
    return {dialect.spell(name): name for name in shape.members}


def _scalar(kind: str, given: Json, dialect: Dialect) -> Any:
    """The value of a parameter. Numbers and truth values may be given as texts, as to Java's reader of JSON."""
    match kind:
        case "string" | "character":
            return given if isinstance(given, str) else dumps(given)
        case "blob":
            return dialect.write_bytes(given)
        case "boolean":
            return _truth(given)
        case "integer" | "long" | "bigInteger":
            return _integer(given)
        case "float" | "double" | "bigDecimal":
            return float(_number(given))
        case "timestamp":
            return _moment(given)
        case _:  # a document: any JSON
            return given


def _truth(given: Json) -> bool:
    texts = {"true": True, "false": False}
    if isinstance(given, str) and given in texts:
        return texts[given]
    if not isinstance(given, bool):
        raise TypeError(f"no truth value: {given!r}")
    return given


def _integer(given: Json) -> int:
    number = _number(given)
    if number != int(number):
        raise ValueError(f"no integer: {given!r}")
    return int(number)


def _number(given: Json) -> int | float:
    if isinstance(given, str):
        try:
            return int(given)
        except ValueError:
            return float(given)
    if isinstance(given, bool) or not isinstance(given, int | float):
        raise TypeError(f"no number: {given!r}")
    return given


def _moment(given: Json) -> datetime:
    """An instant as RFC 3339 text, or as seconds since the epoch."""
    if isinstance(given, str):
        nanoseconds = timestamps.parse(given)
        if nanoseconds is None:
            raise ValueError(f"no timestamp: {given!r}")
        return timestamps.EPOCH + timedelta(microseconds=nanoseconds // 1000)
    return timestamps.EPOCH + timedelta(seconds=_number(given))


# --- results ----------------------------------------------------------------------------------------------------------


def result(shape: Shape | None, answer: Mapping[str, Any], dialect: Dialect) -> dict[str, Json]:
    """The members of an API's answer, as botocore has read it."""
    if shape is None:
        return {}
    streamed = shape.serialization.get("payload")
    values = {name: value for name, value in answer.items() if name in shape.members and value is not None}
    if dialect.has_empty_lists:
        values |= {
            name: [] for name, member in shape.members.items() if member.type_name == "list" and name not in values
        }
    spelt = {dialect.spell(name): _value(shape.members[name], value, dialect) for name, value in values.items()}
    last = dialect.spell(streamed) if streamed and _is_stream(shape.members[streamed]) else None
    return dict(sorted(spelt.items(), key=lambda member: (member[0] == last, member[0])))


def _value(shape: Shape, value: Any, dialect: Dialect) -> Json:
    match shape.type_name:
        case "structure" if not shape.is_document_type:
            return result(shape, value, dialect)
        case "list":
            return [_value(shape.member, member, dialect) for member in value]
        case "map":
            keys = hash_map_order(value) if dialect.hashes_maps else value
            return {key: _value(shape.value, value[key], dialect) for key in keys}
        case "blob":
            return dialect.read_bytes(_bytes(value, dialect.most_bytes))
        case "timestamp" if isinstance(value, datetime):
            return dialect.write_moment(value)
        case "string" | "character" if not isinstance(value, str):
            return dumps(value)
        case _:
            return value


def _is_stream(shape: Shape) -> bool:
    return bool(shape.serialization.get("streaming"))


def _bytes(value: Any, most: int) -> bytes:
    """Bytes, of a stream no more than so many."""
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, bytes | bytearray):
        return bytes(value)
    with closing(value):
        return bytes(value.read(most))
