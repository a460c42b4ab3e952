"""The mock configuration of a recorded case gives the history that AWS gave, the metadata of its answers aside."""

from collections.abc import Iterator
from typing import Any

import pytest

from conformance.cases import Case
from conformance.misses import marks
from conformance.summary import SELECTION
from stepwell.adapters.hosts.simulation import no_tasks, simulate
from stepwell.adapters.tasks.mocks import MockedTasks, read_mocks
from stepwell.definitions.check import parse
from stepwell.definitions.json_text import dumps


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    cases = [case for case in metafunc.config.stash[SELECTION].cases() if case.mocking]
    metafunc.parametrize("case", [pytest.param(case, marks=marks(case), id=case.id) for case in cases])


def course(events: Any) -> Iterator[tuple[Any, ...]]:
    """What must agree: the events, their links, and of a failure its error and cause."""
    for event in events:
        details = next((value for key, value in event.items() if key.endswith("EventDetails")), {})
        cause = details.get("cause")
        yield (
            event["id"],
            event["previousEventId"],
            event["type"],
            details.get("error"),
            cause if isinstance(cause, str | None) else dumps(cause),
        )


def test_a_mocked_run_goes_as_it_went_on_aws(case: Case) -> None:
    mocking = case.mocking
    machine = mocking["definition"]
    mocks = read_mocks((mocking["config"], mocking["test_case"]), mocking["state_machine_name"], parse(machine))
    expected = case.executions[0]["expected"]

    ran = simulate(machine, mocking["input"], tasks=MockedTasks(mocks, no_tasks))

    assert str(ran.status) == expected["status"]
    if "events" in expected:
        assert list(course(ran.history)) == list(course(expected["events"]))
