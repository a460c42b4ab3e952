"""The functions that Step Functions adds to JSONata, and guards for two of its own.

Rule 1: a function gets JSON and gives JSON; None stands for undefined as well as for null, both ways.
Rule 2: it raises `EvaluationFault`. Differs from AWS: the texts of refused arguments are ours, AWS's are not known.
Rule 3: what draws random numbers takes them from the step's entropy, so that a replay draws the same.
"""

import re
from base64 import b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import new as new_hash
from math import isinf
from typing import Any, Final

from stepwell.definitions.expressions import Entropy, Json
from stepwell.definitions.json_text import InvalidJson, dumps, loads
from stepwell.definitions.jsonata.failures import MEMORY, TIME, EvaluationFault, InternalFault

MAX_RANGE: Final = 360_145
"""How many elements `$range` may give (measured on AWS)."""

MAX_COMPARISONS: Final = 40_000_000
"""How many pairs `$distinct` may have to compare: about as many as there is time for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFunction:
    """A function of ours. `name` is what the engine knows it by; `prelude` defines what the author calls, if that is
    another function. No variable can have a name that begins with a middle dot."""

    name: str
    signature: str
    apply: Callable[..., Json]
    prelude: str = ""


def partition(array: Json, size: Json) -> Json:
    """The array in pieces of a size, which is truncated; the last may be shorter."""
    if array is None or size is None:
        return None
    length = int(size)
    if length < 1:
        raise EvaluationFault(None, f"$partition: the size must be 1 or more, not {dumps(size)}")
    return [array[start : start + length] for start in range(0, len(array), length)]


def number_range(first: Json, last: Json, step: Json) -> Json:
    """The numbers from first to last, both included, truncated towards zero. One alone is no array, none is nothing."""
    if first is None or last is None or step is None:
        return None
    start, stop, stride = int(first), int(last), int(step)
    if stride == 0:
        raise EvaluationFault(None, "$range: the step must not be 0")
    numbers = range(start, stop + (1 if stride > 0 else -1), stride)
    # Not len(): that of a range beyond 2^63 is an error.
    if (stop - start) // stride >= MAX_RANGE:
        raise EvaluationFault(None, MEMORY)
    return list(numbers) if len(numbers) > 1 else next(iter(numbers), None)


def hash_text(data: Json, algorithm: Json) -> Json:
    """The digest of a text, in lower-case hexadecimal digits."""
    if data is None or algorithm is None:
        return None
    name = _ALGORITHMS.get(algorithm)
    if name is None:
        raise EvaluationFault(None, f"$hash: the algorithm must be one of {', '.join(_ALGORITHMS)}, not {algorithm!r}")
    return new_hash(name, data.encode("utf-8", "replace"), usedforsecurity=False).hexdigest()


_ALGORITHMS: Final = {
    "MD5": "md5",
    "SHA-1": "sha1",
    "SHA-256": "sha256",
    "SHA-384": "sha384",
    "SHA-512": "sha512",
}


def parse(text: Json) -> Json:
    """The value of a JSON text, in an object: so that null arrives as null."""
    if text is None:
        return None
    try:
        return {"value": loads(text)}
    except InvalidJson as fault:
        raise EvaluationFault(None, f"$parse: the argument is not valid JSON: {fault}") from None


def base64decode(text: Json) -> Json:
    """As JSONata's, but strict as Java: what is no Base64 is an internal error (measured on AWS)."""
    if text is None:
        return None
    if not _BASE64.fullmatch(text):
        raise InternalFault("no Base64")
    return b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4)).decode("latin-1")


_BASE64: Final = re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?")


def seeded_random(seed: Json) -> float:
    """The first `nextDouble()` of `new java.util.Random(seed)`."""
    state = (int(seed) ^ _MULTIPLIER) & _MASK
    state = (state * _MULTIPLIER + 0xB) & _MASK
    high = state >> 22
    state = (state * _MULTIPLIER + 0xB) & _MASK
    return ((high << 27) + (state >> 21)) / (1 << 53)


_MULTIPLIER: Final = 0x5DEECE66D
_MASK: Final = (1 << 48) - 1


def drawing_functions(names: frozenset[str], entropy: Entropy) -> dict[str, Callable[..., Any]]:
    """Those of `$random` and `$uuid` that are used, as functions of the step's entropy."""

    def random(*arguments: Json) -> Json:
        if not arguments or arguments[0] is None:
            return entropy.fraction()
        if type(arguments[0]) not in (int, float):
            raise EvaluationFault("T0410", 'Argument 1 of function "random" does not match function signature')
        return seeded_random(arguments[0])

    functions: dict[str, Callable[..., Any]] = {"random": random, "uuid": lambda *_arguments: entropy.uuid()}
    return {name: functions[name] for name in names}


def names_in(value: Json) -> Json:
    """`$keys` of an array: the names of its objects, each once. The engine's own takes quadratic time."""
    names: dict[str, None] = {}
    waiting = list(reversed(value or ()))
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            names.update(dict.fromkeys(item))
        elif isinstance(item, list):
            waiting.extend(reversed(item))
    return list(names) if len(names) > 1 else next(iter(names), None)


def bearable(values: Json) -> Json:
    """Gives nothing where `$distinct` of an array can be borne: the engine compares each element with all distinct
    ones before it, and does not look at the time."""
    if len(values) * len({dumps(value) for value in values}) > MAX_COMPARISONS:
        raise EvaluationFault(None, TIME)
    return None


def infinite(left: Json, operator: str, right: Json) -> Json:
    """AWS's text for the result of an operation that leaves the range of numbers; nothing for any other."""
    if type(left) not in (int, float) or type(right) not in (int, float):
        return None
    one, other = float(left), float(right)
    match operator:
        case "+":
            value = one + other
        case "-":
            value = one - other
        case "*":
            value = one * other
        case _ if other or not one:
            value = one / other if other else 0.0
        case _:
            value = one * float("inf")
    return ("Infinity" if value > 0 else "-Infinity") if isinf(value) else None


DRAWING: Final = frozenset({"random", "uuid"})

_KEYS: Final = """$keys := ($·keys := $keys; function($o)<x-:x> {
$type($o) = "object" ? $each($o, function($·v, $·k) {$·k}) : $type($o) = "array" ? $·names($o) : $·keys($o)}); """
_DISTINCT: Final = """$distinct := ($·distinct := $distinct; function($a)<x:x> {
($count($a) > 1000 ? $·bearable($a); $·distinct($a))}); """
_PARSE: Final = "$parse := function($s)<s-:x> {$·parse($s).value}; "

FUNCTIONS: Final[Mapping[str, HostFunction]] = {
    "partition": HostFunction(name="partition", signature="<an:a>", apply=partition),
    "range": HostFunction(name="range", signature="<nnn:x>", apply=number_range),
    "hash": HostFunction(name="hash", signature="<ss:s>", apply=hash_text),
    "parse": HostFunction(name="·parse", signature="<s:x>", apply=parse, prelude=_PARSE),
    "base64decode": HostFunction(name="base64decode", signature="<s-:s>", apply=base64decode),
    "keys": HostFunction(name="·names", signature="<x:x>", apply=names_in, prelude=_KEYS),
    "distinct": HostFunction(name="·bearable", signature="<x:x>", apply=bearable, prelude=_DISTINCT),
}
"""By the name that the author calls."""

INFINITE: Final = HostFunction(name="·infinite", signature="<xsx:x>", apply=infinite)
