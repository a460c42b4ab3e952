"""Every recorded execution, run again over the API: the host that serves gives the same history as the simulation."""

import pytest

from conformance.calls import differences_of
from conformance.cases import Case, with_executions
from conformance.misses import marks
from conformance.over_the_api import over_the_api
from conformance.summary import SELECTION


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "case" in metafunc.fixturenames:
        cases = [
            case for case in with_executions(metafunc.config.stash[SELECTION].cases()) if _can_be_started_now(case)
        ]
        metafunc.parametrize("case", [pytest.param(case, marks=marks(case), id=case.id) for case in cases])


def _can_be_started_now(case: Case) -> bool:
    """Whether the record does not depend on the time of day, and its executions are told of by the API."""
    is_told = all({"events", "sync_response"} & execution["expected"].keys() for execution in case.executions)
    return case.clock is None and is_told


def test_an_execution_goes_over_the_api_as_it_went_on_aws(case: Case) -> None:
    differences = differences_of(over_the_api(case))

    assert not differences, "\n".join([f"{case.id} departs from its record:", *map(str, differences)])
