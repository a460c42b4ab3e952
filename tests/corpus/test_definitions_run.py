"""Every real definition runs to an end: its tasks played by stand-ins, its time virtual.

Which end is its own affair, for the stand-ins do not know what the author's functions return. None may stay open, and
none may show a bug of the engine.
"""

from collections import Counter
from collections.abc import Callable, Mapping
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
    is_jsonata = "JSONata" in row["query_languages"]
    return row["kind"] in REAL and not row["defects"] and not is_jsonata and not _is_distributed(row["definition"])


def _is_distributed(value: Any) -> bool:
    if isinstance(value, dict):
        return value.get("Mode") == "DISTRIBUTED" or any(map(_is_distributed, value.values()))
    return isinstance(value, list) and any(map(_is_distributed, value))


def succeeding(task: InvokeTask, /) -> Exchange:
    """Each task succeeds: callbacks are answered after a while, jobs end, activities find a worker."""
    match task.resource:
        case Activity():
            yield Started("stand-in")
            yield Heartbeat()
        case Integration(pattern=pattern) if pattern:
            yield Submitted(dumps(ANSWER))
            yield Pause(1)
    yield Succeeded(dumps(_answer(task.resource)))


class FailingOnce:
    """Each task fails once, then succeeds."""

    def __init__(self) -> None:
        self._calls: Counter[tuple[object, ...]] = Counter()

    def __call__(self, task: InvokeTask, /) -> Exchange:
        self._calls[task.state, task.within] += 1
        if self._calls[task.state, task.within] == 1:
            yield Failure(TASK_FAILED, "The stand-in fails once.")
        else:
            yield from succeeding(task)


def _answer(resource: Resource) -> Json:
    if isinstance(resource, Integration) and resource.is_lambda_invoke:
        return {"ExecutedVersion": "$LATEST", "Payload": ANSWER, "StatusCode": 200}
    if isinstance(resource, Integration) and resource.pattern == "sync:2":
        return {**ANSWER, "Output": ANSWER}
    return ANSWER


@needs_definitions
@pytest.mark.parametrize("row", runnable())
@pytest.mark.parametrize("stand_in", [lambda: succeeding, FailingOnce], ids=["all succeed", "each fails once"])
def test_a_real_definition_runs_to_an_end(row: Mapping[str, Any], stand_in: Callable[[], TaskHandler]) -> None:
    inputs = [sample["value"] for sample in row["inputs"]] or [ANSWER]
    kinds = {deployment.get("type") for deployment in row["deployments"]}
    kind = "EXPRESS" if kinds == {"EXPRESS"} else "STANDARD"
    for value in inputs:
        run = simulate(resolve(row["definition"]), dumps(value), tasks=stand_in(), type=kind)

        assert run.status is not ExecutionStatus.RUNNING, run.history[-1]
