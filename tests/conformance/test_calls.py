"""Every recorded call of the API, made again: the same response, or the same refusal."""

import pytest

from conformance.calls import calls_of, differences_of
from conformance.cases import Case
from conformance.misses import marks_of_calls
from conformance.summary import SELECTION


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "case" in metafunc.fixturenames:
        cases = [case for case in metafunc.config.stash[SELECTION].cases() if calls_of(case)]
        metafunc.parametrize("case", [pytest.param(case, marks=marks_of_calls(case), id=case.id) for case in cases])


def test_calls_are_answered_as_on_aws(case: Case) -> None:
    differences = differences_of(case)

    assert not differences, "\n".join([f"{case.id} departs from its record:", *map(str, differences)])
