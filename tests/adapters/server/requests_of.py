"""Requests of the API, good and bad, made by chance over AWS's model of it: thousands in a second.

    random_request(Random(seed))        an operation and a body: most are what a client could send, some are not
    random_body(Random(seed), "StartExecution")
    random_raw_body(Random(seed))       bytes that are hardly JSON
    requests(), requests_of("StartExecution"), raw_bodies()       strategies over the seeds of these

Names come from a small pool, so that requests meet what earlier ones have made. Tasks in definitions are activities,
and nothing in them takes time: whatever is started ends, or waits for a worker.
"""

import json
from collections.abc import Callable, Mapping
from functools import cache
from random import Random
from typing import Any

from botocore.loaders import Loader
from hypothesis import strategies as st

PLACE = "arn:aws:states:us-east-1:123456789012"
ROLE = "arn:aws:iam::123456789012:role/Orders"

WELL_FORMED = 0.6
"""How many bodies are as the model wants them."""

LONG = 40_000


@cache
def model() -> Mapping[str, Any]:
    found: Mapping[str, Any] = Loader().load_service_model("stepfunctions", "service-2")
    return found


@cache
def operations() -> tuple[str, ...]:
    return tuple(sorted(model()["operations"]))


def random_request(rng: Random) -> tuple[str, bytes]:
    """An operation of the API and the body of a request."""
    operation = rng.choice(operations())
    return operation, random_raw_body(rng) if rng.random() < 0.03 else random_body(rng, operation)


def random_body(rng: Random, operation: str, *, faults: float | None = None) -> bytes:
    """JSON. `faults` is how likely each part is bad; with none the model has nothing against the body."""
    if faults is None:
        faults = 0.0 if rng.random() < WELL_FORMED else rng.choice((0.05, 0.2, 0.6))
    maker = Maker(rng, faults=faults)
    body = maker.value(model()["operations"][operation]["input"]["shape"], operation)
    return json.dumps(body, ensure_ascii=rng.random() < 0.7 or not is_unicode(body)).encode()


def random_raw_body(rng: Random) -> bytes:
    """Something that JSON's grammar, UTF-8, or the want of an object may refuse."""
    return rng.choice(RAW_BODIES)(rng)


def requests() -> st.SearchStrategy[tuple[str, bytes]]:
    return seeds().map(lambda seed: random_request(Random(seed)))


def requests_of(operation: str) -> st.SearchStrategy[bytes]:
    return seeds().map(lambda seed: random_body(Random(seed), operation))


def raw_bodies() -> st.SearchStrategy[bytes]:
    return st.one_of(st.binary(max_size=200), seeds().map(lambda seed: random_raw_body(Random(seed))))


def seeds() -> st.SearchStrategy[int]:
    return st.integers(0, 2**48)


def is_unicode(value: Any) -> bool:
    """Whether it has no half of a surrogate pair."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


# --- texts ------------------------------------------------------------------------------------------------------------

NAMES = ("Orders", "orders", "a", "Zürich", "b-1", "x" * 80)
BAD_NAMES = (
    "",
    " ",
    "a b",
    "a/b",
    "a:1",
    "x" * 81,
    "😀" * 41,
    "\ud800",
    "*",
    "a\n",
    "$LATEST",
    "123",
    "-",
    "\u0000",
    "..",
)
LABELS = ("1", "2", "live", "7", "0")
ENDS = ("a", "b", "run-1", "Zürich", "00000000-0000-4000-8000-000000000000")
TEXTS = (
    "",
    "x",
    "0",
    "null",
    "ü",
    "😀",
    "'",
    '"',
    "\\",
    "\n",
    "\u0000",
    "\ud83d",
    "${x}",
    "%s",
    "<b>",
    "'; DROP TABLE x; --",
)
INPUTS = (
    "{}",
    '{"n": 1}',
    "[]",
    "0",
    '"x"',
    "null",
    '{"a": {"b": [1, 2, {"c": null}]}}',
    '{"a": 1e400}',
    "{",
    "not",
    "",
    "[1,",
)
TOKENS = ("token", "AAAAKgAAAAIAAAAA", "a/b/c", "1-0", "{}")

ARNS: tuple[Callable[[Random], str], ...] = (
    lambda rng: f"{PLACE}:stateMachine:{rng.choice(NAMES)}",
    lambda rng: f"{PLACE}:stateMachine:{rng.choice(NAMES)}:{rng.choice(LABELS)}",
    lambda rng: f"{PLACE}:execution:{rng.choice(NAMES)}:{rng.choice(ENDS)}",
    lambda rng: f"{PLACE}:express:{rng.choice(NAMES)}:{rng.choice(ENDS)}:{ENDS[-1]}",
    lambda rng: f"{PLACE}:activity:{rng.choice(NAMES)}",
    lambda rng: f"{PLACE}:mapRun:{rng.choice(NAMES)}/Map:{ENDS[-1]}",
    lambda rng: f"{PLACE}:stateMachine:{rng.choice(NAMES)}/Map",
    lambda rng: f"{PLACE}:execution:{rng.choice(NAMES)}/Map:{ENDS[-1]}",
    lambda rng: f"{PLACE}:stateMachine:{rng.choice(NAMES)}#Case",
)

BAD_ARNS: tuple[Callable[[Random], str], ...] = (
    lambda rng: rng.choice(TEXTS),
    lambda rng: rng.choice(NAMES),
    lambda rng: PLACE,
    lambda rng: f"{PLACE}:",
    lambda rng: f"{PLACE}:stateMachine",
    lambda rng: f"{PLACE}:stateMachine:",
    lambda rng: f"{PLACE}:stateMachine:{rng.choice(BAD_NAMES)}",
    lambda rng: f"{PLACE}:execution:{rng.choice(BAD_NAMES)}:{rng.choice(BAD_NAMES)}",
    lambda rng: f"{PLACE}:{rng.choice(TEXTS)}:a:b:c:d",
    lambda rng: f"arn:aws:lambda:us-east-1:123456789012:function:{rng.choice(NAMES)}",
    lambda rng: f"arn:aws-cn:states:cn-north-1:000000000000:stateMachine:{rng.choice(NAMES)}",
    lambda rng: f"arn:::::stateMachine:{rng.choice(NAMES)}",
    lambda rng: ":" * rng.randint(1, 12),
    lambda rng: f"{PLACE}:stateMachine:a\n",
    lambda rng: f"{PLACE}:stateMachine:{'x' * 256}",
    lambda rng: f"{PLACE}:stateMachine:../../etc/passwd",
)

# --- definitions ------------------------------------------------------------------------------------------------------

PASS = {"Type": "Pass", "End": True}
CHILD = {"StartAt": "In", "States": {"In": PASS}}

DEFINITIONS: tuple[Mapping[str, Any], ...] = (
    {"StartAt": "A", "States": {"A": PASS}},
    {"StartAt": "A", "States": {"A": {"Type": "Pass", "Result": {"ü": [1, "😀"]}, "ResultPath": "$.r", "End": True}}},
    {
        "StartAt": "A",
        "QueryLanguage": "JSONata",
        "States": {"A": {"Type": "Pass", "Output": "{% 1 + 1 %}", "End": True}},
    },
    {"StartAt": "A", "States": {"A": {"Type": "Fail", "Error": "Boom", "Cause": "why"}}},
    {"StartAt": "A", "States": {"A": {"Type": "Wait", "Seconds": 0, "Next": "B"}, "B": {"Type": "Succeed"}}},
    {"StartAt": "A", "States": {"A": {"Type": "Parallel", "Branches": [CHILD, CHILD], "End": True}}},
    {"StartAt": "A", "States": {"A": {"Type": "Map", "ItemsPath": "$.items", "ItemProcessor": CHILD, "End": True}}},
    {
        "StartAt": "A",
        "States": {
            "A": {"Type": "Choice", "Choices": [{"Variable": "$.n", "IsPresent": True, "Next": "B"}], "Default": "C"},
            "B": {"Type": "Succeed"},
            "C": {"Type": "Fail"},
        },
    },
    {
        "StartAt": "A",
        "States": {"A": {"Type": "Task", "Resource": f"{PLACE}:activity:Orders", "TimeoutSeconds": 1, "End": True}},
    },
)

BAD_DEFINITIONS: tuple[Any, ...] = (
    {},
    [],
    "x",
    {"StartAt": "A", "States": {}},
    {"StartAt": "B", "States": {"A": PASS}},
    {"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}}},
    {"StartAt": "A", "States": {"A": {"Type": "Nope", "End": True}}},
    {"StartAt": "A", "States": {"A": {"Type": "Pass", "Parameters": {"x.$": "$$$["}, "End": True}}},
    {"StartAt": "A", "QueryLanguage": "JSONata", "States": {"A": {"Type": "Pass", "Output": "{% ( %}", "End": True}}},
    {"StartAt": 1, "States": []},
    {"StartAt": "A", "States": {"A": None}},
)


def random_definition(rng: Random) -> str:
    """The text of a machine's definition that can be run."""
    return json.dumps(rng.choice(DEFINITIONS))


def random_state(rng: Random) -> str:
    """What TestState takes: a state, or a machine."""
    return json.dumps(rng.choice((PASS, {"Type": "Succeed"}, {"Type": "Fail", "Error": "E"}, *DEFINITIONS)))


def random_bad_definition(rng: Random) -> str:
    return rng.choice(
        (
            json.dumps(rng.choice(BAD_DEFINITIONS)),
            json.dumps(damaged(rng, json.loads(random_definition(rng)))),
            random_definition(rng)[: rng.randint(0, 60)],
            "[" * rng.choice((10, 2_000)),
            rng.choice(TEXTS),
        )
    )


def damaged(rng: Random, value: Any) -> Any:
    """The value with something in it exchanged for junk."""
    if not isinstance(value, dict | list) or not value or rng.random() < 0.15:
        return junk(rng)
    key = rng.choice(list(value)) if isinstance(value, dict) else rng.randrange(len(value))
    value[key] = damaged(rng, value[key])
    return value


# --- values of shapes -------------------------------------------------------------------------------------------------

TEXTS_OF: Mapping[str, tuple[Callable[[Random], str], Callable[[Random], str]]] = {
    "Arn": (lambda rng: rng.choice(ARNS)(rng), lambda rng: rng.choice(BAD_ARNS)(rng)),
    "LongArn": (lambda rng: rng.choice(ARNS)(rng), lambda rng: rng.choice(BAD_ARNS)(rng)),
    "Name": (lambda rng: rng.choice(NAMES), lambda rng: rng.choice(BAD_NAMES)),
    "CharacterRestrictedName": (lambda rng: rng.choice(("live", "beta")), lambda rng: rng.choice(BAD_NAMES)),
    "Definition": (random_definition, random_bad_definition),
    "SensitiveData": (lambda rng: rng.choice(INPUTS), lambda rng: rng.choice(TEXTS) * rng.choice((1, LONG))),
    "TaskToken": (lambda rng: rng.choice(TOKENS), lambda rng: rng.choice(TEXTS)),
    "TagKey": (lambda rng: rng.choice(("team", "aws:x", "k")), lambda rng: rng.choice(("", "k" * 129))),
}
"""By shape: what is often good, and what is not."""

ARNS_OF_MEMBERS = {
    "stateMachineArn": (0, 0, 0, 1, 6, 8),
    "stateMachineVersionArn": (1,),
    "stateMachineAliasArn": (1,),
    "executionArn": (2, 2, 2, 3, 7),
    "activityArn": (4,),
    "mapRunArn": (5,),
    "resourceArn": (0, 4),
}
"""Which of ARNS are of the kind that a member wants."""


class Maker:
    """Values of shapes; each part of one is bad with the given probability."""

    def __init__(self, rng: Random, *, faults: float) -> None:
        self.rng = rng
        self.faults = faults

    def value(self, name: str, member: str) -> Any:
        if self.is_bad() and self.rng.random() < 0.3:
            return junk(self.rng)
        shape = model()["shapes"][name]
        match shape["type"]:
            case "structure":
                return self.structure(shape)
            case "list":
                most = shape.get("max", 3) + (3 if self.is_bad() else 0)
                count = self.rng.randint(0 if self.is_bad() else shape.get("min", 0), most)
                return [self.value(shape["member"]["shape"], member) for _ in range(count)]
            case "boolean":
                return self.rng.random() < 0.5
            case "string":
                return self.text(name, shape, member)
            case _:
                return self.number(shape)

    def structure(self, shape: Mapping[str, Any]) -> dict[str, Any]:
        required = shape.get("required", ())
        made = {}
        for member, target in shape["members"].items():
            is_wanted = self.rng.random() < (0.97 if member in required else 0.35)
            if is_wanted or (member in required and not self.faults):
                made[member] = (
                    None if self.is_bad() and self.rng.random() < 0.1 else self.value(target["shape"], member)
                )
        if self.is_bad():
            made[self.rng.choice(("extra", "__proto__", "", "ü", "Name", "nextToken"))] = junk(self.rng)
        return made

    def text(self, name: str, shape: Mapping[str, Any], member: str) -> str:
        rng = self.rng
        if self.is_bad() and rng.random() < 0.3:
            return rng.choice(TEXTS) * rng.choice((1, 1, 300, LONG))
        if "enum" in shape:
            return rng.choice(("", "standard", "ALL")) if self.is_bad() else rng.choice(shape["enum"])
        if member == "roleArn" and not self.is_bad():
            return ROLE
        if member in ARNS_OF_MEMBERS and not self.is_bad():
            return ARNS[rng.choice(ARNS_OF_MEMBERS[member])](rng)
        good, bad = TEXTS_OF.get(name, (lambda rng: rng.choice(TOKENS), lambda rng: rng.choice(TEXTS)))
        return bad(rng) if self.is_bad() else good(rng)

    def number(self, shape: Mapping[str, Any]) -> float:
        least, most = shape.get("min", 0), shape.get("max", 10)
        if self.is_bad():
            return self.rng.choice((least - 1, most + 1, 2**31, -(2**31) - 1, 2**63, 10**30, 0.5, -0.0, 1e308))
        return self.rng.randint(least, most)

    def is_bad(self) -> bool:
        return self.rng.random() < self.faults


def junk(rng: Random) -> Any:
    """JSON of any kind, shallow or deep."""
    return rng.choice(JUNK)(rng)


def deep(rng: Random) -> Any:
    value: Any = rng.choice((0, {}, None))
    for _ in range(rng.choice((3, 50, 300))):
        value = [value] if rng.random() < 0.5 else {"a": value}
    return value


JUNK: tuple[Callable[[Random], Any], ...] = (
    lambda rng: None,
    lambda rng: rng.random() < 0.5,
    lambda rng: rng.choice((0, -1, 1, 2**31, 2**53 + 1, 2**64, -(2**70), 0.1, 1e-320)),
    lambda rng: rng.choice(TEXTS),
    lambda rng: rng.choice(TEXTS) * 300,
    lambda rng: [],
    lambda rng: {},
    lambda rng: [rng.choice(TEXTS), None, {"a": []}],
    lambda rng: {rng.choice(TEXTS): rng.choice(TEXTS), "Type": "Pass"},
    deep,
)

RAW_BODIES: tuple[Callable[[Random], bytes], ...] = (
    lambda rng: b"",
    lambda rng: rng.randbytes(rng.randint(1, 60)),
    lambda rng: random_body(rng, rng.choice(operations()))[: rng.randint(0, 40)],
    lambda rng: random_body(rng, rng.choice(operations())) + b"}",
    lambda rng: json.dumps(junk(rng)).encode(),
    lambda rng: rng.choice((b"[", b'{"a":', b"[{}")) * rng.choice((10, 1_100, 30_000)),
    lambda rng: b'{"maxResults": %s}' % rng.choice((b"NaN", b"-Infinity", b"1e999", b"01", b"1" * 5_000, b"+1")),
    lambda rng: b'{"name": "\xff\xfe", "definition": "\xed\xa0\x80"}',
    lambda rng: b"\xef\xbb\xbf{}",
    lambda rng: b"{'name': 'a'}",
    lambda rng: b'{"name": "a", "name": "b"}',
    lambda rng: json.dumps({"name": "a"}).encode("utf-16"),
    lambda rng: b"<name>a</name>",
    lambda rng: b"name=a&input=%7B%7D",
)
