"""Every recorded call of TestState, made again: the same response, or the same refusal."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import pytest

from conformance.answers import _invoke_response as invoke_response
from conformance.cases import Case
from conformance.compare import Bindings, Difference, compare
from conformance.misses import listed_cases, reason_for
from conformance.summary import SELECTION
from stepwell.adapters.state_tests import perform
from stepwell.definitions.failure import Failure
from stepwell.definitions.resources import Integration
from stepwell.engine.effects import InvokeTask
from stepwell.engine.errors import CallerError
from stepwell.engine.operations.test_state import StateTest
from stepwell.engine.ports import Exchange, Succeeded, TaskHandler

ACCOUNT = "111111111111"
"""The account of the recordings."""

SDK_REFUSALS = "ParamValidationError"
"""What the AWS SDK refuses by itself never reached AWS."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "case" not in metafunc.fixturenames:
        return
    cases = [case for case in metafunc.config.stash[SELECTION].cases() if any(_calls(case))]
    metafunc.parametrize("case", [pytest.param(case, id=case.id, marks=_marks(case)) for case in cases])


def test_a_state_is_tested_as_on_aws(case: Case) -> None:
    bindings = Bindings()
    differences = [found for call in _calls(case) if (found := _difference(case, call, bindings)) is not None]
    unsettled = bindings.settle()

    assert not differences and unsettled is None, "\n".join(map(str, [*differences, *filter(None, [unsettled])]))


def _marks(case: Case) -> list[pytest.MarkDecorator]:
    """A case that is listed by its id must fail. The features of the list are those that executions lack."""
    return [pytest.mark.xfail(reason=reason_for(case), strict=True)] if case.id in listed_cases() else []


def _calls(case: Case) -> Iterator[Mapping[str, Any]]:
    for call in case.calls:
        error = call.get("recorded", {}).get("error", {})
        is_refused_by_sdk = error.get("exception") == SDK_REFUSALS and "code" not in error
        if call["operation"] == "TestState" and "recorded" in call and not is_refused_by_sdk:
            yield call


def _difference(case: Case, call: Mapping[str, Any], bindings: Bindings) -> Difference | None:
    recorded = call["recorded"]
    if "response" in recorded:
        return compare(recorded["response"], _answer(case, call), bindings)
    error = recorded["error"]
    expected = {"code": error["code"], "message": error["message"]}
    return compare(expected, _answer(case, call), bindings)


def _answer(case: Case, call: Mapping[str, Any]) -> dict[str, Any]:
    """The response, or code and message of the refusal."""
    test = msgspec.convert(call["params"], StateTest)
    try:
        return perform(test, _world(case, call), at=case.clock, account=ACCOUNT, pause=lambda seconds: None)
    except CallerError as fault:
        return {"code": fault.code, "message": str(fault)}


def _world(case: Case, call: Mapping[str, Any]) -> TaskHandler:
    """Answers a task without a mock as the service did: as the record tells, or as the case's function behaves."""

    def answer(task: InvokeTask) -> Exchange:
        response = call["recorded"].get("response", {})
        if "error" in response:
            yield Failure(response["error"], _as_text(response.get("cause")))
        elif "result" in response.get("inspectionData", {}):
            yield Succeeded(_as_text(response["inspectionData"]["result"]))
        else:
            yield Succeeded(json.dumps(_behave(case, task)))

    return answer


def _as_text(value: Any) -> Any:
    """The recorder parsed texts that hold an object."""
    return json.dumps(value) if isinstance(value, dict) else value


def _behave(case: Case, task: InvokeTask) -> Any:
    ((behaviour),) = [row["behaviour"] for row in case.resources if "behaviour" in row]
    request = json.loads(task.input)
    is_invoke = isinstance(task.resource, Integration) and task.resource.is_lambda_invoke
    event = (request.get("Payload") or {}) if is_invoke else request
    value = behaviour.get("returns_json", event)
    return invoke_response(value) if is_invoke else value
