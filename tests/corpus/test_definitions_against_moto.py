"""Real definitions run to an end locally, as they are: their services in moto, their functions played by stand-ins.

Which end is its own affair: stand-ins do not know what the author's functions return, and moto does not have all of
AWS. But every task is performed by something: none ends because Stepwell cannot perform one.
"""

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from corpus.corpus import definitions, needs_definitions, resolve
from corpus.obliging import Obliging
from corpus.test_definitions_run import REAL, is_distributed, wanted_by
from stepwell.definitions.json_text import dumps
from stepwell.local import run
from stepwell.world import World

AT_LEAST = 0.85
"""Of all real definitions, those with a Distributed Map among them, which is not there yet."""

SERVES = """
from stepwell.adapters.tasks.aws.offline import Offline
with Offline() as moto:
    print(moto.url, flush=True)
    input()
"""

OF_A_PLACE = re.compile(r"(arn:aws[\w-]*:[\w-]+:)[a-z]{2}-[a-z]+-\d:[^:]*:")
"""The beginning of an ARN of some region and some account."""


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """moto in a process of its own: it leaves files and sockets to the garbage collector."""
    command = [sys.executable, "-c", SERVES]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as moto:
        assert moto.stdin is not None and moto.stdout is not None
        with World(calls=moto.stdout.readline().decode().strip()) as world:
            yield world
        moto.stdin.close()


@needs_definitions
def test_real_definitions_run_to_an_end_against_moto(world: World) -> None:
    ends: Counter[str] = Counter()
    for row in definitions():
        if row["kind"] in REAL and not row["defects"]:
            ends[_end_of(row, world)] += 1

    ended = ends["SUCCEEDED"] + ends["FAILED"] + ends["TIMED_OUT"]
    assert ended >= AT_LEAST * ends.total(), ends
    assert not [end for end in ends if end.startswith("Stepwell.")], ends


def _end_of(row: dict[str, Any], world: World) -> str:
    if is_distributed(row["definition"]):
        return "Distributed Map is not there yet"
    httpx.post(f"{world.endpoints.everything}/moto-api/reset")
    definition = _here(resolve(row["definition"]))
    document = wanted_by(definition)
    handler = Obliging(world, document)

    result = run(definition, document, functions=_nested(document), world=handler, fast_forward=True)

    return result.error if (result.error or "").startswith("Stepwell.") else result.status


def _here(value: Any, field: str = "") -> Any:
    """The definition as it would be deployed here: its ARNs are of this account, and its topics have ARNs."""
    if isinstance(value, dict):
        return {name: _here(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [_here(inner) for inner in value]
    if not isinstance(value, str) or value.startswith("arn:aws:states:::"):
        return value
    if field == "TopicArn" and not value.startswith(("arn:", "{%")):
        return f"arn:aws:sns:us-east-1:123456789012:{value}"
    return OF_A_PLACE.sub(r"\1us-east-1:123456789012:", value)


def _nested(document: Any) -> dict[str, Callable[[Any], Any]]:
    """Stand-ins for other state machines."""
    child = {"ExecutionArn": "arn:aws:states:us-east-1:123456789012:execution:child:one", "Status": "SUCCEEDED"}
    start = "arn:aws:states:::states:startExecution"
    return {
        start: lambda _: child,
        f"{start}.sync": lambda _: {**child, "Output": dumps(document)},
        f"{start}.sync:2": lambda _: {**child, "Output": document},
    }
