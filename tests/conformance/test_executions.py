"""Every recorded execution, run again: the same history, the same requests to its tasks, the same end."""

import pytest

from conformance.cases import OWN, RECORDED, Case, read, with_executions
from conformance.misses import listed_cases, marks
from conformance.play import differences_of
from conformance.summary import SELECTION


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "case" in metafunc.fixturenames:
        cases = with_executions(metafunc.config.stash[SELECTION].cases())
        metafunc.parametrize("case", [pytest.param(case, marks=marks(case), id=case.id) for case in cases])


def test_an_execution_goes_as_it_went_on_aws(case: Case) -> None:
    differences = differences_of(case)

    assert not differences, "\n".join([f"{case.id} departs from its record:", *map(str, differences)])


def test_the_recorded_cases_are_there(request: pytest.FixtureRequest) -> None:
    if request.config.stash[SELECTION].recorded is None:
        pytest.skip(f"no recorded executions: {RECORDED} is missing; only the project's own cases are run")


def test_every_listed_case_exists(request: pytest.FixtureRequest) -> None:
    places = [OWN, RECORDED] if request.config.stash[SELECTION].recorded == RECORDED else [OWN]
    known = [case for place in places for case in read(place)]
    families = {case.family for case in known}

    assert {name for name in listed_cases() if name.partition("/")[0] in families} <= {case.id for case in known}
