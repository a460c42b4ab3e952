"""What AWS's texts tell beyond the values in them: the order of keys, and how numbers are written.

The corpus's comparison parses texts and lets both pass. The record holds them as AWS wrote them, so they are compared
here, in the histories that are the same otherwise.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from conformance.cases import Case
from conformance.compare import TOKEN, Bindings, compare, details_of
from conformance.misses import reason_for
from conformance.play import play
from conformance.summary import SELECTION

VARIABLES = "assignedVariables"
"""A map of the API, not a text: its order tells nothing."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "case" in metafunc.fixturenames:
        cases = [case for case in metafunc.config.stash[SELECTION].cases() if _is_comparable(case)]
        metafunc.parametrize("case", [pytest.param(case, id=case.id) for case in cases])


def _is_comparable(case: Case) -> bool:
    """Whether the events of the case can be set side by side one by one."""
    records = [execution["expected"] for execution in case.executions]
    side_by_side = any("concurrent" in record or "events_order" in record for record in records)
    return reason_for(case) is None and not side_by_side and any("events" in record for record in records)


def test_keys_and_numbers_are_written_as_by_aws(case: Case) -> None:
    bindings = Bindings()
    departures = [
        f"event {event['id']} {place}: expected {expected}, actual {actual}"
        for played in play(case, bindings)
        for event, ours in zip(played.expected.get("events", ()), played.run.history, strict=False)
        if compare(details_of(event), details_of(ours), bindings) is None
        for place, expected, actual in _departures(details_of(event), details_of(ours), "")
    ]

    assert not departures, "\n".join(departures)


def _departures(expected: Any, actual: Any, place: str) -> Iterator[tuple[str, Any, Any]]:
    """Where two values that are the same are written in different ways."""
    if isinstance(expected, dict | list) and isinstance(actual, str):
        actual = json.loads(actual)
    if isinstance(expected, dict):
        is_text = place.count("/") > 0 and not place.endswith(VARIABLES)
        if is_text and list(expected) != list(actual):
            yield place, list(expected), list(actual)
        for key, value in expected.items():
            yield from _departures(value, actual[key], f"{place}/{key}")
    elif isinstance(expected, list):
        for index, (one, other) in enumerate(zip(expected, actual, strict=True)):
            yield from _departures(one, other, f"{place}/{index}")
    elif isinstance(expected, str) and isinstance(actual, str) and _is_json(expected):
        yield from _departures(json.loads(expected), json.loads(actual), f"{place}/(text)")
    elif isinstance(expected, int | float) and type(expected) is not type(actual):
        yield place, expected, actual


def _is_json(text: str) -> bool:
    """Whether the text is one of those that the recorder did not parse: an array or a number."""
    if TOKEN.search(text) or text[:1] not in "[-0123456789":
        return False
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
