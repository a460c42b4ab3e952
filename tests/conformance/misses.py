"""The one list of cases that do not pass yet: `misses.toml`."""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest

from conformance.cases import Case

FILE = Path(__file__).with_name("misses.toml")


@cache
def _lists() -> Mapping[str, Mapping[str, str]]:
    return tomllib.loads(FILE.read_text())


def listed_cases() -> frozenset[str]:
    """The ids of the cases that are listed one by one."""
    return frozenset(_lists()["cases"])


def reason_for(case: Case) -> str | None:
    """Why the case does not pass yet; None for one that must pass."""
    return _lists()["cases"].get(case.id) or _reason_by_feature(case)


def _reason_by_feature(case: Case) -> str | None:
    features = _lists()["features"]
    return next((features[name] for name in case.features if name in features), None)


def marks(case: Case) -> list[pytest.MarkDecorator]:
    """pytest's marks for a test of the case: a listed one must fail."""
    reason = reason_for(case)
    return [] if reason is None else [pytest.mark.xfail(reason=reason, strict=True)]


def marks_of_calls(case: Case) -> list[pytest.MarkDecorator]:
    """The same for a test of the API calls of the case: what cannot be run yet can be kept and described."""
    is_run = any(call["operation"].startswith("Start") for call in case.calls)
    return marks_by_feature(case) if is_run else []


def marks_by_feature(case: Case) -> list[pytest.MarkDecorator]:
    """The same for a test to which only the features of a case matter."""
    reason = _reason_by_feature(case)
    return [] if reason is None else [pytest.mark.xfail(reason=reason, strict=True)]
