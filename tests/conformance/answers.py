"""The world of a recorded execution: a task handler that answers as AWS's services did.

Outcomes are looked up by state, the Map and Parallel states around it, and the number of the invocation there. What the
engine asks is compared with what AWS asked; differences are collected here, not raised into the engine.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from conformance.compare import ABSENT, TOKEN, Bindings, Difference, compare
from stepwell.definitions.failure import DATA_LIMIT_EXCEEDED, Failure
from stepwell.definitions.resources import Integration
from stepwell.engine import quotas
from stepwell.engine.effects import InvokeTask
from stepwell.engine.ports import Exchange, Request, Started, Submitted, Succeeded

Outcome = Mapping[str, Any]
Context = tuple[tuple[str, int], ...]

OPEN = frozenset({"timed_out", "aborted", "pending"})
"""Results that no answer brings about."""

UNEXPECTED = Failure("Conformance.Unexpected", "The record knows of no such task.")


class Script:
    """A TaskHandler for one execution. Ask `differences` when it has run."""

    def __init__(
        self, execution: Mapping[str, Any], resources: Sequence[Mapping[str, Any]], bindings: Bindings
    ) -> None:
        self._bindings = bindings
        self._behaviours = [row["behaviour"] for row in resources if "behaviour" in row]
        self._has_outcomes = execution["task_outcomes"] is not None
        self._outcomes = {_address(outcome): outcome for outcome in execution["task_outcomes"] or ()}
        self._started = _started_by_workers(execution)
        self._invocations: Counter[tuple[str, Context]] = Counter()
        self._asked: set[tuple[str, Context, int]] = set()
        self._differences: list[Difference] = []

    def __call__(self, task: InvokeTask, /) -> Exchange:
        place = (task.state, task.within)
        number = self._invocations[place]
        self._invocations[place] += 1
        if not self._has_outcomes:
            return _exchange(*self._behave(task))
        outcome = self._outcome(task, number)
        if outcome is None:
            asked = {"state": task.state, "within": task.within, "invocation": number, "input": task.input}
            self._differences.append(Difference(where="unexpected task", expected=ABSENT, actual=asked))
            return _exchange(UNEXPECTED)
        where = f"task {task.state!r} in {list(task.within)}, invocation {number}"
        difference = _compare_request(outcome, task, self._bindings, where)
        if difference is not None:
            self._differences.append(difference)
        return _exchange(*self._answer(outcome))

    def differences(self) -> list[Difference]:
        """What the engine asked otherwise than AWS, and the tasks that it never asked for."""
        missing = [
            Difference(where="task never asked for", expected=outcome, actual=ABSENT)
            for address, outcome in self._outcomes.items()
            if address not in self._asked
        ]
        return [*self._differences, *missing]

    def _outcome(self, task: InvokeTask, number: int) -> Outcome | None:
        """The outcome of this invocation, or the last one before it that holds for all further ones."""
        for earlier in range(number, -1, -1):
            address = (task.state, task.within, earlier)
            outcome = self._outcomes.get(address)
            if outcome is not None and (earlier == number or outcome.get("repeats")):
                self._asked.add(address)
                return outcome
        return None

    def _answer(self, outcome: Outcome) -> list[Request]:
        outcome = self._bindings.fill(outcome)
        requests: list[Request] = []
        if outcome.get("scheduled_event_id") in self._started:
            requests.append(Started(outcome.get("worker_name")))
        if "submitted" in outcome:
            requests.append(Submitted(_as_text(outcome["submitted"]["output"])))
        if outcome["result"] in OPEN:
            return requests
        if outcome["result"] == "succeeded":
            return [*requests, Succeeded(_as_text(outcome["output"]))]
        if outcome.get("error") == DATA_LIMIT_EXCEEDED:
            # The output is not in the record: any that is too large will do. The engine finds the failure itself.
            return [*requests, Succeeded(json.dumps("a" * (quotas.PAYLOAD_BYTES + 1)))]
        return [*requests, Failure(outcome.get("error"), outcome.get("cause"))]

    def _behave(self, task: InvokeTask) -> list[Request]:
        """Stands in for the function of the case, where no outcome is recorded."""
        assert len(self._behaviours) == 1, "one function, or it is not known which one is meant"
        behaviour = self._behaviours[0]
        request = json.loads(task.input)
        is_invoke = isinstance(task.resource, Integration) and task.resource.is_lambda_invoke
        event = request.get("Payload", {}) if is_invoke else request
        if "raises" in behaviour:
            error, message = behaviour["raises"]["type"], behaviour["raises"]["message"]
            return [Failure(error, _as_text({"errorMessage": message, "errorType": error}))]
        value = behaviour.get("returns_json", event)
        return [Succeeded(_as_text(_invoke_response(value) if is_invoke else value))]


def _address(outcome: Outcome) -> tuple[str, Context, int]:
    around = tuple(
        (row["state"], row["iteration"] if "iteration" in row else row["branch"]) for row in outcome["context"]
    )
    return outcome["state"], around, outcome["invocation"]


def _started_by_workers(execution: Mapping[str, Any]) -> set[int]:
    """The ids of the ActivityScheduled events whose task a worker took."""
    events = execution["expected"].get("events", ())
    return {event["previousEventId"] for event in events if event["type"] == "ActivityStarted"}


def _exchange(*requests: Request) -> Exchange:
    yield from requests


def _as_text(value: Any) -> str:
    """The JSON text that stands in the record as itself, or parsed where it is an object."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _compare_request(outcome: Outcome, task: InvokeTask, bindings: Bindings, where: str) -> Difference | None:
    """The first difference between what the engine asks and what AWS asked."""
    asked = {
        "resource": task.resource.label if isinstance(task.resource, Integration) else task.resource.arn,
        "resource_type": task.resource.service if isinstance(task.resource, Integration) else None,
        "parameters" if outcome["kind"] == "task" else "input": task.input,
        "timeout_in_seconds": task.timeout_seconds,
        "heartbeat_in_seconds": None if outcome["kind"] == "lambda_function" else task.heartbeat_seconds,
        "task_credentials": None if task.credentials is None else {"roleArn": task.credentials},
    }
    # Where the outcome was told from the execution's output, the request is not recorded at all.
    is_recorded = "resource" in outcome
    for name, value in asked.items():
        if name in outcome or is_recorded:
            difference = compare(outcome.get(name), value, bindings, f"/{name}")
            if difference is not None:
                return replace(difference, where=where)
    return None


def _invoke_response(payload: Any) -> dict[str, Any]:
    """The answer of lambda:invoke, as the service wraps the function's result."""
    headers = {
        "Connection": "keep-alive",
        "Content-Length": str(len(json.dumps(payload))),
        "Content-Type": "application/json",
        "Date": "<date>",
        "X-Amz-Executed-Version": "$LATEST",
        "x-amzn-Remapped-Content-Length": "0",
        "x-amzn-RequestId": "<x-amzn-RequestId>",
        "X-Amzn-Trace-Id": "<X-Amzn-Trace-Id>",
    }
    # The recorder put its tokens in place of the whole list.
    listed = {name: value if TOKEN.fullmatch(value) else [value] for name, value in headers.items()}
    return {
        "ExecutedVersion": "$LATEST",
        "Payload": payload,
        "SdkHttpMetadata": {"AllHttpHeaders": listed, "HttpHeaders": headers, "HttpStatusCode": 200},
        "SdkResponseMetadata": {"RequestId": "<RequestId>"},
        "StatusCode": 200,
    }
