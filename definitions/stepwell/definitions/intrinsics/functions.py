"""The 18 intrinsic functions: what each takes and gives.

Rule 1: a function gets JSON values and gives a new one, or raises `Rejected`; it never changes what it gets.
Rule 2: the two that draw random numbers get the step's entropy first. Nothing else here depends on anything but values.
Rule 3: values may be of any depth and numbers of any size: nothing here recurses, and what is too much is rejected.

What the functions have in common: booleans are no numbers. Where a whole number is wanted, another one is rounded as
Java's `Math.round` does, half of one upwards (recorded for States.MathAdd: -1.5 becomes -1). Lengths count UTF-16
units, as Java does. Where AWS's page says nothing and nothing is recorded, a comment says "inferred".

Sources: AWS's page on intrinsic functions, and the recordings in conformance/cases/intrinsic_functions.
"""

import binascii
import hashlib
import re
from collections.abc import Callable, Sequence
from enum import StrEnum
from math import floor
from typing import Any, Final

from msgspec import Struct

from stepwell.definitions.expressions import Entropy, Json
from stepwell.definitions.java_order import hash_map_order
from stepwell.definitions.json_text import InvalidJson, NotJson, dumps, loads
from stepwell.definitions.jsonpath.java import value_text

MAX_TEXT_LENGTH: Final = 10_000
"""Of what Base64Encode, Base64Decode and Hash take, in characters (AWS's page)."""

MAX_RANGE_ITEMS: Final = 1_000
"""Of what ArrayRange gives (AWS's page)."""

MIN_INTEGER: Final = -(1 << 31)
MAX_INTEGER: Final = (1 << 31) - 1
"""What MathAdd takes (AWS's page). That its sum and MathRandom's bounds must keep to it too is inferred."""

_SHOWN_LENGTH = 100


class Rejected(ValueError):
    """A function cannot work on what it was given. The message says which argument, what it is, and the rule."""


class Kind(StrEnum):
    """What a parameter takes, in words for messages."""

    ANY = "any value"
    TEXT = "a string"
    NUMBER = "a number"
    BOOLEAN = "true or false"
    ARRAY = "an array"
    OBJECT = "an object"


class Function(Struct, frozen=True, kw_only=True):
    """One row of the table. `rest` is the kind of any number of further arguments; None where there may be none."""

    apply: Callable[..., Json]
    parameters: tuple[Kind, ...] = ()
    optional: int = 0
    """How many of the last parameters may be left out."""
    rest: Kind | None = None
    draws_entropy: bool = False
    is_string_valued: bool = False
    """Whether it may stand in ErrorPath and CausePath (AWS's list)."""

    def takes(self, count: int) -> bool:
        """Whether it can be called with so many arguments."""
        most = len(self.parameters)
        return most - self.optional <= count and (count <= most or self.rest is not None)

    def kind_of(self, index: int) -> Kind:
        """The kind of the argument at an index it takes."""
        if index < len(self.parameters):
            return self.parameters[index]
        return self.rest if self.rest is not None else Kind.ANY


# --- texts


def format_pieces(pieces: Sequence[str], values: Sequence[Json]) -> str:
    """The pieces of a template with values between them.

    A string stands as it is, an array or object as Java prints its collections (`{Arg1=1, Arg2=[]}`, recorded).
    """
    if len(values) != len(pieces) - 1:
        wanted = _counted(len(pieces) - 1, "placeholder")
        raise Rejected(
            f"Every {{}} of the template needs a value: it has {wanted}, and gets {_counted(len(values), 'value')}"
        )
    parts = [pieces[0]]
    for value, piece in zip(values, pieces[1:], strict=True):
        parts.append(value if type(value) is str else str(value) if type(value) is int else value_text(value))
        parts.append(piece)
    return "".join(parts)


def _format(template: Json, *values: Json) -> str:
    # A template that comes from data: a backslash in it is a backslash. (Inferred; escapes belong to literals.)
    return format_pieces(_text(template, 1).split("{}"), values)


def _string_to_json(text: Json) -> Json:
    blank_or_json = _text(text, 1)
    if not blank_or_json.strip(" \t\r\n"):
        return None  # recorded for "" and " "
    try:
        return loads(blank_or_json)
    except InvalidJson as fault:
        raise Rejected(f"Argument 1 must be a JSON text, not {_described(text)}: {fault}") from None


def _json_to_string(value: Json) -> str:
    try:
        return dumps(value)
    except NotJson as fault:
        raise Rejected(f"Argument 1 must be a JSON value: {fault}") from None


def _string_split(text: Json, delimiters: Json) -> list[str]:
    # Every character is a delimiter, and nothing empty is left over (recorded): Java's StringTokenizer.
    whole = _text(text, 1)
    characters = _text(delimiters, 2)
    if not characters:
        return [whole] if whole else []
    if len(characters) > 1:
        whole = whole.translate(dict.fromkeys(map(ord, characters), characters[0]))
    return [token for token in whole.split(characters[0]) if token]


def _base64_encode(text: Json) -> str:
    # Differs from AWS, perhaps: "MIME Base64" by the letter would break lines after 76 characters. Nothing recorded
    # is as long, and nobody who puts a token into a header could use it.
    data = _short_text(text).encode("utf-8", "replace")
    return binascii.b2a_base64(data, newline=False).decode("ascii")


_OUTSIDE_BASE64 = re.compile(r"[^A-Za-z0-9+/=]+")
_BASE64 = re.compile(r"(?P<digits>[A-Za-z0-9+/]*)(?P<padding>=*)")


def _base64_decode(text: Json) -> str:
    # As Java's MIME decoder: characters outside the alphabet are passed over, padding may be left out, and bytes that
    # are no UTF-8 become U+FFFD. (Inferred from "MIME Base64".)
    found = _BASE64.fullmatch(_OUTSIDE_BASE64.sub("", _short_text(text)))
    if found is not None:
        digits = found["digits"]
        missing = -len(digits) % 4
        if missing != 3 and found["padding"] in ("", "=" * missing):
            return binascii.a2b_base64(digits + "=" * missing).decode("utf-8", "replace")
    raise Rejected(f"Argument 1 must be Base64 text, not {_described(text)}")


_ALGORITHMS: dict[str, str] = {
    "MD5": "md5",
    "SHA-1": "sha1",
    "SHA-256": "sha256",
    "SHA-384": "sha384",
    "SHA-512": "sha512",
}


def _hash(data: Json, algorithm: Json) -> str:
    name = _ALGORITHMS.get(algorithm) if isinstance(algorithm, str) else None
    if name is None:
        known = ", ".join(_ALGORITHMS)
        raise Rejected(f"Argument 2 must be one of the algorithms {known}, not {_described(algorithm)}")
    # AWS's page: what is no string is made one. That its JSON text is meant is inferred.
    text = _short_text(data if isinstance(data, str) else _json_to_string(data))
    return hashlib.new(name, text.encode("utf-8", "replace"), usedforsecurity=False).hexdigest()


def _uuid(entropy: Entropy) -> str:
    return entropy.uuid()


# --- arrays


def _array(*values: Json) -> list[Json]:
    return list(values)


def _array_partition(array: Json, size: Json) -> list[Json]:
    items = _items(array)
    step = _integer(size, 2)
    if step < 1:
        raise Rejected(f"Argument 2, the size of a part, must be 1 or more, not {_described(size)}")
    return [items[start : start + step] for start in range(0, len(items), step)]


def _array_contains(array: Json, value: Json) -> bool:
    items = _items(array)
    if type(value) is not list and type(value) is not dict and value not in items:
        return False  # the usual case, quickly; `in` alone would take true for 1, and recurse into containers
    identity = _identity(value)
    return any(_identity(item) == identity for item in items)


def _array_range(first: Json, last: Json, step: Json) -> list[int]:
    start = _integer(first, 1)
    end = _integer(last, 2)
    increment = _integer(step, 3)
    if increment == 0:
        raise Rejected(f"Argument 3, the step, must not be 0, and {_described(step)} counts as 0")
    count = max(0, (end - start) // increment + 1)
    if count > MAX_RANGE_ITEMS:
        raise Rejected(
            f"The range must have no more than {MAX_RANGE_ITEMS} items, and this one has {_described(count)}"
        )
    return list(range(start, start + count * increment, increment))


def _array_get_item(array: Json, index: Json) -> Json:
    items = _items(array)
    # Not rounded, unlike all other whole numbers: 1.5 is refused. That 1.0 is not, is inferred.
    position = index if type(index) is int else int(index) if isinstance(index, float) and index.is_integer() else None
    if position is None or position < 0:
        raise Rejected(f"Argument 2, the index, must be a whole number from 0 on, not {_described(index)}")
    if position >= len(items):
        raise Rejected(
            f"Argument 2, the index, must be below {len(items)}, the length of the array, not {_described(index)}"
        )
    return items[position]


def _array_length(array: Json) -> int:
    return len(_items(array))


def _array_unique(array: Json) -> list[Json]:
    first_of_each: dict[Any, Json] = {}
    for item in _items(array):
        first_of_each.setdefault(_identity(item), item)
    return list(first_of_each.values())


def _identity(value: Json) -> Any:
    """Something hashable that equals another's just where the JSON values are equal.

    The order of an object's keys does not matter, 1 equals 1.0 (as in Choice rules; inferred), true is not 1. A
    container becomes a flat tuple, each level announced by its kind and its keys or length: Python compares and hashes
    nested tuples by recursion, and values may be deeper than its stack.
    """
    if type(value) is not list and type(value) is not dict:
        return _scalar_identity(value)
    tokens: list[Any] = []
    pending = [value]
    while pending:
        item = pending.pop()
        if type(item) is list:
            tokens.append(("array", len(item)))
            pending.extend(item)
        elif type(item) is dict:
            keys = sorted(item)
            tokens.append(("object", *keys))
            pending.extend(item[key] for key in keys)
        else:
            tokens.append(_scalar_identity(item))
    return tuple(tokens)


def _scalar_identity(value: Json) -> Any:
    return ("boolean", value) if value is True or value is False else value


# --- objects


def _json_merge(first: Json, second: Json, deep: Json) -> dict[str, Json]:
    if type(deep) is not bool:
        raise Rejected(f"Argument 3 must be false, not {_described(deep)}")
    if deep:
        raise Rejected("Argument 3 must be false: only shallow merging is supported")
    merged = {**_members(first, 1), **_members(second, 2)}
    # Recorded: {a,b,d} and {a,c,d} give {a,b,c,d}.
    return {key: merged[key] for key in hash_map_order(merged)}


# --- numbers


def _math_add(first: Json, second: Json) -> int:
    augend = first if type(first) is int else _integer(first, 1)
    addend = second if type(second) is int else _integer(second, 2)
    total = augend + addend
    if MIN_INTEGER <= augend <= MAX_INTEGER and MIN_INTEGER <= addend <= MAX_INTEGER:
        if MIN_INTEGER <= total <= MAX_INTEGER:
            return total
        raise Rejected(f"The sum must be from {MIN_INTEGER} to {MAX_INTEGER}, and it is {total}")
    _in_range(augend, 1)
    _in_range(addend, 2)
    return total


def _math_random(entropy: Entropy, start: Json, end: Json, *seed: Json) -> int:
    low = _in_range(_integer(start, 1), 1)
    high = _in_range(_integer(end, 2), 2)
    if low >= high:
        raise Rejected(
            f"Argument 2, the end, must be above argument 1, the start: they are {_described(start)} and "
            f"{_described(end)}, rounded to {low} and {high}"
        )
    if not seed:
        # 96 bits for a range of 32: no number is likelier than another by more than one part in 2 ** 64.
        return low + (entropy.bits(96) * (high - low) >> 96)
    return _java_random(_integer(seed[0], 3), low, high)


def _java_random(seed: int, low: int, high: int) -> int:
    """`low + new java.util.Random(seed).nextInt(high - low)`, and its counterpart where that difference is no int.

    That AWS computes seeded numbers so is inferred: the page only promises the same number for the same seed, and it
    is how JSONata's $random works in Step Functions (measured).
    """
    state = (seed ^ 0x5DEECE66D) & _LCG_MASK
    span = high - low
    while True:
        state = (state * 0x5DEECE66D + 0xB) & _LCG_MASK
        if span > MAX_INTEGER:
            # Too wide for an int: Java draws ints until one fits.
            number = state >> 16
            number -= (number >> 31) << 32
            if low <= number < high:
                return number
            continue
        number = state >> 17
        if span & (span - 1) == 0:
            return low + (number * span >> 31)
        # The last, incomplete stretch of numbers is drawn again: it would favour the small remainders.
        remainder = number % span
        if number - remainder + span <= MAX_INTEGER + 1:
            return low + remainder


_LCG_MASK = (1 << 48) - 1


# --- arguments


def _text(value: Json, position: int) -> str:
    if isinstance(value, str):
        return value
    raise Rejected(f"Argument {position} must be a string, not {_described(value)}")


def _short_text(value: Json) -> str:
    text = _text(value, 1)
    if len(text) * 2 > MAX_TEXT_LENGTH:
        length = len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2
        if length > MAX_TEXT_LENGTH:
            raise Rejected(f"Argument 1 must have no more than {MAX_TEXT_LENGTH} characters, and it has {length}")
    return text


def _items(value: Json) -> list[Json]:
    if isinstance(value, list):
        return value
    raise Rejected(f"Argument 1 must be an array, not {_described(value)}")


def _members(value: Json, position: int) -> dict[str, Json]:
    if isinstance(value, dict):
        return value
    raise Rejected(f"Argument {position} must be an object, not {_described(value)}")


def _integer(value: Json, position: int) -> int:
    """The number, rounded as Java's `Math.round` does."""
    if type(value) is int:
        return value
    if type(value) is float and value - value == 0:
        below = floor(value)
        # floor(value + 0.5), the obvious thing, makes 1 of 0.49999999999999994.
        return below + (value - below >= 0.5)
    raise Rejected(f"Argument {position} must be a number, not {_described(value)}")


def _in_range(number: int, position: int) -> int:
    if MIN_INTEGER <= number <= MAX_INTEGER:
        return number
    raise Rejected(f"Argument {position} must be from {MIN_INTEGER} to {MAX_INTEGER}, not {_described(number)}")


def _described(value: Json) -> str:
    """A given value in a message: scalars as JSON, cut where they are long; of containers only what they are."""
    match value:
        case list():
            return f"an array of {_counted(len(value), 'item')}"
        case dict():
            return f"an object of {_counted(len(value), 'member')}"
        case str():
            # Half a surrogate pair has no JSON text: it shows as a question mark.
            text = dumps(value[: _SHOWN_LENGTH + 1].encode("utf-8", "replace").decode())
        case _:
            text = value_text(value)
    return text if len(text) <= _SHOWN_LENGTH else f"{text[:_SHOWN_LENGTH]}..."


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


# --- the table

FORMAT: Final = "States.Format"

FUNCTIONS: Final[dict[str, Function]] = {
    FORMAT: Function(apply=_format, parameters=(Kind.TEXT,), rest=Kind.ANY, is_string_valued=True),
    "States.StringToJson": Function(apply=_string_to_json, parameters=(Kind.TEXT,)),
    "States.JsonToString": Function(apply=_json_to_string, parameters=(Kind.ANY,), is_string_valued=True),
    "States.Array": Function(apply=_array, rest=Kind.ANY),
    "States.ArrayPartition": Function(apply=_array_partition, parameters=(Kind.ARRAY, Kind.NUMBER)),
    "States.ArrayContains": Function(apply=_array_contains, parameters=(Kind.ARRAY, Kind.ANY)),
    "States.ArrayRange": Function(apply=_array_range, parameters=(Kind.NUMBER, Kind.NUMBER, Kind.NUMBER)),
    "States.ArrayGetItem": Function(apply=_array_get_item, parameters=(Kind.ARRAY, Kind.NUMBER), is_string_valued=True),
    "States.ArrayLength": Function(apply=_array_length, parameters=(Kind.ARRAY,)),
    "States.ArrayUnique": Function(apply=_array_unique, parameters=(Kind.ARRAY,)),
    "States.Base64Encode": Function(apply=_base64_encode, parameters=(Kind.TEXT,), is_string_valued=True),
    "States.Base64Decode": Function(apply=_base64_decode, parameters=(Kind.TEXT,), is_string_valued=True),
    "States.Hash": Function(apply=_hash, parameters=(Kind.ANY, Kind.TEXT), is_string_valued=True),
    "States.JsonMerge": Function(apply=_json_merge, parameters=(Kind.OBJECT, Kind.OBJECT, Kind.BOOLEAN)),
    "States.MathRandom": Function(
        apply=_math_random, parameters=(Kind.NUMBER, Kind.NUMBER, Kind.NUMBER), optional=1, draws_entropy=True
    ),
    "States.MathAdd": Function(apply=_math_add, parameters=(Kind.NUMBER, Kind.NUMBER)),
    "States.StringSplit": Function(apply=_string_split, parameters=(Kind.TEXT, Kind.TEXT)),
    "States.UUID": Function(apply=_uuid, draws_entropy=True, is_string_valued=True),
}
