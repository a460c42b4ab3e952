"""JSON text to values and back, as fast as can be.

Rule 1: what `loads` gives, `dumps` takes, and the other way round, without a change: order of keys, integers of any
size, 1.0.
Rule 2: what is no JSON is refused, never turned into something near it.
Rule 3: the usual case is orjson's alone; whatever it cannot do is done by slower code, which runs only then.
"""

import json
import re
from math import isfinite
from typing import cast

import orjson
from msgspec import Struct

from stepwell.definitions.expressions import Json
from stepwell.definitions.jackson import MAX_DEPTH, MAX_DIGITS, InvalidJson, read, source_place

__all__ = ["MAX_DEPTH", "InvalidJson", "NotJson", "dumps", "dumps_checked", "exceeds", "loads", "size", "source_place"]

# Without these, orjson writes dates, dataclasses and subclasses of dict or str as if they were JSON.
_OPTIONS = orjson.OPT_PASSTHROUGH_SUBCLASS | orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS

_DIGITS_AS_ZEROS = bytes.maketrans(b"123456789", b"000000000")
_NINETEEN_DIGITS = b"0" * 19
_BEYOND_64_BITS = re.compile(rb"-[0-9]{19}|[0-9]{20}")
_TOO_MANY_DIGITS = re.compile(rb"[0-9]{%d}" % (MAX_DIGITS + 1))


class NotJson(TypeError):
    """A Python value that JSON cannot express. The message names its type and the place it stands in."""


def loads(text: str | bytes) -> Json:
    """The value of a JSON text. Of a repeated key the last one counts, as in Jackson.

    Bytes are UTF-8, with or without a byte order mark. Integers of any size are exact. Raises `InvalidJson`.
    """
    try:
        data = text if isinstance(text, bytes) else text.encode()
        value = orjson.loads(data)
    except ValueError:
        return read(text)
    if len(data) < 19:
        return value
    if _NINETEEN_DIGITS in data.translate(_DIGITS_AS_ZEROS) and _BEYOND_64_BITS.search(data):
        # orjson would have made a float of the integer.
        return read(text) if _TOO_MANY_DIGITS.search(data) else _loads_exactly(text)
    if len(data) > 2 * MAX_DEPTH and data.count(b"[") + data.count(b"{") > MAX_DEPTH and _is_deep(value):
        return read(text)  # orjson itself stops at 1,024 levels only.
    return value


def dumps(value: Json) -> str:
    """The value as compact text: keys in their order, characters unescaped, 1.0 as `1.0`. Tuples are arrays.

    Raises `NotJson` for keys that are no strings and for other types than JSON's. It trusts its caller where orjson
    offers no way to refuse: NaN and infinities become null, members of an Enum and UUIDs strings or numbers. What code
    from outside has made goes through `dumps_checked`.
    """
    try:
        return orjson.dumps(value, None, _OPTIONS).decode()
    except (TypeError, ValueError, RecursionError):
        return _write(value)


def dumps_checked(value: object) -> str:
    """As `dumps`, for a value that may be anything: refuses NaN, Enum members and UUIDs too."""
    text = dumps(value)
    if _is_exactly_json(value):
        return text
    return _write(value)


def size(text: str) -> int:
    """Length in bytes of UTF-8, which is what AWS's quotas count."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def exceeds(text: str, limit_bytes: int) -> bool:
    """Whether the text is longer than so many bytes of UTF-8. Costs nothing for text well below the limit."""
    return len(text) * 4 > limit_bytes and size(text) > limit_bytes


def _loads_exactly(text: str | bytes) -> Json:
    """Reads text that orjson has found to be JSON."""
    try:
        return json.loads(text)
    except RecursionError:
        return read(text)


def _is_deep(value: Json) -> bool:
    """Whether the value has more levels than orjson.dumps writes (254)."""
    try:
        orjson.dumps(value)
    except TypeError:
        return True
    return False


# --- writing what orjson does not write, or refusing it


def _is_exactly_json(value: object) -> bool:
    """Whether nothing but JSON's own types (and tuples) is in the value. No subclass is one of them."""
    waiting = [value]
    while waiting:
        value = waiting.pop()
        kind = type(value)
        if kind in _LEAVES:
            if isinstance(value, float) and not isfinite(value):
                return False
            continue
        if kind not in _CONTAINERS:
            return False
        waiting.extend(value.values() if isinstance(value, dict) else cast("list[object]", value))
    return True


_LEAVES = frozenset({str, int, float, bool, type(None)})
_CONTAINERS = frozenset({dict, list, tuple})


class _Place(Struct, frozen=True, eq=False):
    """Where a member stands: a chain to the root, so that a deep and wide value costs one link a member."""

    parent: "_Place | None"
    step: str | int

    def __str__(self) -> str:
        steps: list[str] = []
        place: _Place | None = self
        while place is not None:
            steps.append(f"[{place.step}]" if isinstance(place.step, int) else f"/{place.step}")
            place = place.parent
        return "".join(reversed(steps))


def _write(value: object) -> str:
    """Writes any JSON value without recursion, or raises `NotJson` naming the member at fault."""
    parts: list[str] = []
    # A str is text to write out; the rest are values with their place and depth.
    waiting: list[str | tuple[object, _Place | None, int]] = [(value, None, 1)]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            parts.append(item)
            continue
        value, place, depth = item
        opening, closing, members = _taken_apart(value, place)
        parts.append(opening)
        if not closing:
            continue
        if depth > MAX_DEPTH:
            raise NotJson(f"A value of more than {MAX_DEPTH:,} levels has no JSON text (it may contain itself)")
        waiting.append(closing)
        for number in range(len(members) - 1, -1, -1):
            key, member, step = members[number]
            waiting.append((member, _Place(place, step), depth + 1))
            waiting.append(f",{key}" if number else key)
    return "".join(parts)


def _taken_apart(value: object, place: _Place | None) -> tuple[str, str, list[tuple[str, object, str | int]]]:
    """Opening text, closing text and members (text of the key, value, step). What has no members closes with ''."""
    if type(value) not in _CONTAINERS:
        return _leaf(value, place), "", []
    if isinstance(value, dict):
        return "{", "}", [(f"{_key(key, place)}:", member, key) for key, member in value.items()]
    elements = cast("list[object]", value)
    return "[", "]", [("", element, number) for number, element in enumerate(elements)]


def _key(key: object, place: _Place | None) -> str:
    if type(key) is not str:
        raise NotJson(f"{_at(place)}the key {key!r} is a {_type_name(key)}: keys of a JSON object are strings")
    return _leaf(key, place)


def _leaf(value: object, place: _Place | None) -> str:
    if type(value) not in _LEAVES:
        raise NotJson(f"{_at(place)}{_type_name(value)} is no JSON value")
    if isinstance(value, float) and not isfinite(value):
        raise NotJson(f"{_at(place)}{value!r} is no JSON number")
    try:
        return str(value) if type(value) is int else orjson.dumps(value).decode()
    except TypeError:
        raise NotJson(f"{_at(place)}the string holds half a surrogate pair, which is no character") from None
    except ValueError:
        raise NotJson(f"{_at(place)}the integer has too many digits to be written") from None


def _type_name(value: object) -> str:
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _at(place: _Place | None) -> str:
    return "" if place is None else f"{place}: "
