"""Every recorded history as a cassette: played back from it alone, an execution ends as it ended on AWS."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from conformance.cases import Case, with_executions
from conformance.compare import Bindings, compare_end
from conformance.misses import marks_by_feature
from conformance.play import started
from conformance.summary import SELECTION
from stepwell.adapters.tasks.cassettes import ReplayedTasks, calls_of

TEXTS = ("input", "output", "parameters", "cause")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    cases = with_executions(metafunc.config.stash[SELECTION].cases())
    metafunc.parametrize(
        "case", [pytest.param(case, marks=marks_by_feature(case), id=case.id) for case in cases if _histories(case)]
    )


def test_an_execution_is_played_back_from_its_history(case: Case) -> None:
    bindings = Bindings()
    for execution, events in _histories(case):
        calls = calls_of([_as_printed(event) for event in bindings.fill(events)])

        run = started(case, execution, ReplayedTasks(calls))

        assert compare_end(execution["expected"], run, bindings) is None


def _histories(case: Case) -> list[tuple[Mapping[str, Any], list[Mapping[str, Any]]]]:
    found = []
    for execution in case.executions:
        events = execution["expected"].get("events")
        if events and all(isinstance(event["id"], int) for event in events):  # else several orders were seen
            found.append((execution, sorted(events, key=lambda event: int(event["id"]))))
    return found


def _as_printed(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """The event with its texts as texts, which the cases tell parsed."""
    printed = {**event}
    for name, details in event.items():
        if name.endswith("EventDetails"):
            texts = {
                key: json.dumps(details[key]) for key in TEXTS if key in details and not isinstance(details[key], str)
            }
            printed[name] = {**details, **texts}
    return printed
