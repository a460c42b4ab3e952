"""Every real definition runs to an end: its tasks played by stand-ins, its time virtual.

Which end is its own affair, for the stand-ins do not know what the author's functions return. None may stay open, and
none may show a bug of the engine.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest

from corpus.corpus import definitions, needs_definitions, resolve
from stepwell.adapters.hosts.simulation import simulate
from stepwell.definitions.expressions import Json
from stepwell.definitions.failure import TASK_FAILED, Failure
from stepwell.definitions.json_text import dumps
from stepwell.definitions.resources import Activity, Integration, Resource
from stepwell.engine.effects import InvokeTask
from stepwell.engine.lifecycles import ExecutionStatus
from stepwell.engine.ports import Exchange, Heartbeat, Pause, Started, Submitted, Succeeded, TaskHandler

REAL = ("application", "sample", "docs")

ANSWER: dict[str, Json] = {
    "status": "SUCCEEDED",
    "Status": "SUCCEEDED",
    "statusCode": 200,
    "StatusCode": 200,
    "body": "{}",
    "message": "done",
    "result": {"status": "ok", "items": [1, 2]},
    "items": [{"id": "1", "name": "one"}, {"id": "2", "name": "two"}],
    "Items": [{"id": {"S": "1"}, "count": {"N": "1"}}],
    "Item": {"id": {"S": "1"}, "count": {"N": "1"}},
    "Count": 1,
    "count": 1,
    "MessageId": "00000000-0000-4000-8000-000000000000",
    "Output": "{}",
}
"""Something in it for most of those who look."""


def runnable() -> list[Any]:
    return [pytest.param(row, id=row["id"]) for row in definitions() if _is_runnable(row)]


def _is_runnable(row: Mapping[str, Any]) -> bool:
    """Real, without defects, and without the parts of the language that are not there yet."""
    return row["kind"] in REAL and not row["defects"] and not is_distributed(row["definition"])


def is_distributed(value: Any) -> bool:
    if isinstance(value, dict):
        return value.get("Mode") == "DISTRIBUTED" or any(map(is_distributed, value.values()))
    return isinstance(value, list) and any(map(is_distributed, value))


PATH = re.compile(r"(?<![$\w])\$((?:\.[\w-]+|\[\d+\]|\[\*\]|\['[^']+'\])+)")
STEP = re.compile(r"\.([\w-]+)|\[(\d+|\*)\]|\['([^']+)'\]")


def wanted_by(definition: Any) -> Json:
    """A document in which the paths of the definition find something, of a kind that fits where that is easily told."""
    document: dict[str, Json] = dict(ANSWER)
    for path, leaf in _paths(definition):
        steps = [name or key or 0 for name, index, key in STEP.findall(path)]
        _plant(document, steps, leaf)
    return document


def _paths(value: Any, field: str = "") -> Iterator[tuple[str, Json]]:
    if isinstance(value, dict):
        operands = [operand for name, operand in value.items() if re.match("String|Numeric|Boolean", name)]
        for name, inner in value.items():
            if name == "Variable" and operands:
                yield from ((found[1], operands[0]) for found in PATH.finditer(inner))
            else:
                yield from _paths(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from _paths(inner, field)
    elif isinstance(value, str):
        leaf: Json = LEAVES.get(field, "text")
        yield from ((found[1], leaf) for found in PATH.finditer(value))


LEAVES: dict[str, Json] = {
    "ItemsPath": [{}, {}],
    "SecondsPath": 1,
    "TimeoutSecondsPath": 60,
    "HeartbeatSecondsPath": 30,
    "MaxConcurrencyPath": 1,
    "TimestampPath": "2026-01-02T00:00:00Z",
}


def _plant(inside: Any, steps: Sequence[str | int], leaf: Json) -> None:
    """Puts the leaf where the steps lead, unless something else stands in the way."""
    step, rest = steps[0], steps[1:]
    if isinstance(step, int):
        if not isinstance(inside, list):
            return
        inside.extend([{}] if not inside else [])
    elif not isinstance(inside, dict):
        return
    if not rest:
        if isinstance(inside, dict):
            inside.setdefault(step, leaf)
        return
    if isinstance(inside, dict):
        inside.setdefault(step, [] if isinstance(rest[0], int) else {})
    _plant(inside[step], rest, leaf)


class Succeeding:
    """Each task succeeds: callbacks are answered after a while, jobs end, activities find a worker."""

    def __init__(self, answer: Json) -> None:
        self._answer = answer

    def __call__(self, task: InvokeTask, /) -> Exchange:
        match task.resource:
            case Activity():
                yield Started("stand-in")
                yield Heartbeat()
            case Integration(pattern=pattern) if pattern:
                yield Submitted(dumps(self._answer))
                yield Pause(1)
        yield Succeeded(dumps(self._of(task.resource)))

    def _of(self, resource: Resource) -> Json:
        if isinstance(resource, Integration) and resource.is_lambda_invoke:
            return {"ExecutedVersion": "$LATEST", "Payload": self._answer, "StatusCode": 200}
        return self._answer


class FailingOnce(Succeeding):
    """Each task fails once, then succeeds."""

    def __init__(self, answer: Json) -> None:
        super().__init__(answer)
        self._calls: Counter[tuple[object, ...]] = Counter()

    def __call__(self, task: InvokeTask, /) -> Exchange:
        self._calls[task.state, task.within] += 1
        if self._calls[task.state, task.within] == 1:
            yield Failure(TASK_FAILED, "The stand-in fails once.")
        else:
            yield from super().__call__(task)


@needs_definitions
@pytest.mark.parametrize("row", runnable())
@pytest.mark.parametrize("stand_in", [Succeeding, FailingOnce])
def test_a_real_definition_runs_to_an_end(row: Mapping[str, Any], stand_in: Callable[[Json], TaskHandler]) -> None:
    definition = resolve(row["definition"])
    document = wanted_by(definition)
    kinds = {deployment.get("type") for deployment in row["deployments"]}
    kind = "EXPRESS" if kinds == {"EXPRESS"} else "STANDARD"
    for value in [document, *(sample["value"] for sample in row["inputs"][:1])]:
        run = simulate(definition, dumps(value), tasks=stand_in(document), type=kind)

        assert run.status is not ExecutionStatus.RUNNING, run.history[-1]
