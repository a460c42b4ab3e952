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
    features = _lists()["features"]
    return _lists()["cases"].get(case.id) or next((features[name] for name in case.features if name in features), None)


def reason_not_to_run(case: Case) -> str:
    """Why a case without executions is not run."""
    return _lists()["kinds"].get(case.kind, "it has no executions")


def marks(case: Case) -> list[pytest.MarkDecorator]:
    """pytest's marks for a test of the case: a listed one must fail."""
    reason = reason_for(case)
    return [] if reason is None else [pytest.mark.xfail(reason=reason, strict=True)]
