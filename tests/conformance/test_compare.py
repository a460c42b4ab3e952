"""The comparison itself: what it lets pass, and what it does not."""

from copy import deepcopy
from typing import Any

import pytest

from conformance.cases import OWN, Case, read, with_executions
from conformance.compare import Bindings, compare, compare_end, compare_history

MACHINE = {"States": {"Both": {"Type": "Parallel", "Branches": [{"States": {"A": {}}}, {"States": {"B": {}}}]}}}


def entered(event_id: int, previous: int, name: str = "A", kind: str = "Pass") -> dict[str, Any]:
    details = {"name": name, "input": "{}"}
    return {
        "id": event_id,
        "previousEventId": previous,
        "type": f"{kind}StateEntered",
        "stateEnteredEventDetails": details,
    }


def event(event_id: int, previous: int, kind: str) -> dict[str, Any]:
    return {"id": event_id, "previousEventId": previous, "type": kind}


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        ({"a": 1}, '{"a": 1}'),
        ("[1, 2]", "[1,2]"),
        ("at date", "at 2024-02-29T12:00:00.123Z"),
        ({"a": {"b": "date"}}, {"a": '{"b":"2024-02-29T12:00:00+01:00"}'}),
        ("<a>/<b>/<a>", "x/y/x"),
        ('["<a>", 1]', '["x",1]'),
        (1, 1.0),
        ({"drawn": "<number>"}, '{"drawn": 42}'),
    ],
)
def test_values_that_are_the_same(expected: Any, actual: Any) -> None:
    assert compare(expected, actual, Bindings()) is None


@pytest.mark.parametrize(
    ("expected", "actual", "pointer"),
    [
        ({"a": {"b/c": 1}}, {"a": {"b/c": 2}}, "/a/b~1c"),
        ({"a": 1}, {"a": 1, "b": None}, "/b"),
        ({"a": None}, {}, "/a"),
        ([1, 2], [1, 3], "/1"),
        ([1], [1, 2], ""),
        (True, 1, ""),
        ("1", 1, ""),
        (None, "null", ""),
        ("at date", "at noon", ""),
        ("2016-13-05 date", "2017-13-05 date", ""),
        ("<a>/<a>", "x/y", ""),
        ("<a>", None, ""),
        ("<a>", {"a": 1}, ""),
        ({"a": 1}, "no JSON", ""),
    ],
)
def test_values_that_differ_tell_where(expected: Any, actual: Any, pointer: str) -> None:
    difference = compare(expected, actual, Bindings())

    assert difference is not None
    assert difference.pointer == pointer


def test_a_token_stands_for_one_text_throughout() -> None:
    bindings = Bindings()

    assert compare("<uuid:1>", "x", bindings) is None
    assert compare("in <uuid:1>.", "in x.", bindings) is None
    assert compare("<uuid:1>", "y", bindings) is not None
    assert bindings.fill({"k": ["<uuid:1> <uuid:2>"]}) == {"k": ["x <uuid:2>"]}


def test_the_border_between_two_tokens_is_settled_by_other_places() -> None:
    bindings = Bindings()

    assert compare("<a>:<b>", "x:y:z", bindings) is None
    assert compare("<b>", "y:z", bindings) is None
    assert bindings.settle() is None
    assert bindings.texts == {"<a>": "x", "<b>": "y:z"}


def test_tokens_that_cannot_all_be_right_are_a_difference() -> None:
    bindings = Bindings()

    assert compare("<a>:<b>", "x:y", bindings) is None
    assert compare("<b>", "z", bindings) is None
    assert bindings.settle() is not None


def test_a_placeholder_that_is_passed_through_stands_for_itself() -> None:
    bindings = Bindings()

    assert compare("<RequestId>", "<RequestId>", bindings) is None
    assert compare("<RequestId>", "another", bindings) is not None


def changed(history: list[Any], index: int, **fields: Any) -> list[Any]:
    history = deepcopy(history)
    history[index].update(fields)
    return history


HISTORY = [event(1, 0, "ExecutionStarted"), entered(2, 0), event(3, 2, "ExecutionSucceeded")]


@pytest.mark.parametrize(
    ("actual", "found"),
    [
        (HISTORY, None),
        (changed(HISTORY, 1, timestamp=5), None),
        (changed(HISTORY, 1, previousEventId=1), "event 2 (PassStateEntered 'A') /previousEventId"),
        (changed(HISTORY, 1, stateEnteredEventDetails={"name": "A"}), "/stateEnteredEventDetails/input"),
        (changed(HISTORY, 2, type="ExecutionFailed"), "event 3 (ExecutionSucceeded)"),
        (HISTORY[:2], "(nothing)"),
        ([*HISTORY, event(4, 3, "More")], "event 4 (none expected)"),
    ],
    ids=["itself", "timestamps", "predecessor", "details", "type", "too short", "too long"],
)
def test_histories_are_compared_whole(actual: list[Any], found: str | None) -> None:
    difference = compare_history({"events": HISTORY}, actual, MACHINE, Bindings())

    assert (found is None) == (difference is None)
    assert found is None or found in str(difference)


def test_of_an_execution_that_had_not_ended_only_the_beginning_is_known() -> None:
    assert compare_history({"events": HISTORY[:2], "status": "RUNNING"}, HISTORY, MACHINE, Bindings()) is None


SIDE_BY_SIDE = [
    event(1, 0, "ExecutionStarted"),
    entered(2, 0, "Both", "Parallel"),
    event(3, 2, "ParallelStateStarted"),
    entered(4, 3, "A"),
    entered(5, 3, "B"),
    event(6, 4, "Something"),
    event(7, 5, "Otherwise"),
    event(8, 7, "ParallelStateSucceeded"),
]
ANOTHER_WAY = [
    *SIDE_BY_SIDE[:3],
    entered(4, 3, "B"),
    event(5, 4, "Otherwise"),
    entered(6, 3, "A"),
    event(7, 6, "Something"),
    event(8, 7, "ParallelStateSucceeded"),
]


def test_branches_may_interleave_otherwise_where_they_ran_side_by_side() -> None:
    assert compare_history({"events": SIDE_BY_SIDE}, ANOTHER_WAY, MACHINE, Bindings()) is not None
    assert compare_history({"events": SIDE_BY_SIDE, "concurrent": True}, ANOTHER_WAY, MACHINE, Bindings()) is None


@pytest.mark.parametrize(
    "actual",
    [
        changed(ANOTHER_WAY, 6, previousEventId=4),
        changed(ANOTHER_WAY, 6, type="Otherwise"),
        changed(ANOTHER_WAY, 7, id=9),
        ANOTHER_WAY[:-1],
    ],
    ids=["hangs on another branch", "happens in another branch", "a gap", "no end"],
)
def test_branches_side_by_side_are_compared_each(actual: list[Any]) -> None:
    assert compare_history({"events": SIDE_BY_SIDE, "concurrent": True}, actual, MACHINE, Bindings()) is not None


def test_a_history_that_the_recorder_sorted_is_compared_as_it_left_it() -> None:
    history = [*ANOTHER_WAY, event(9, 7, "ParallelStateExited"), event(10, 9, "ExecutionSucceeded")]
    inner = [{**row, "id": [0], "previousEventId": 0} for row in (history[5], history[3], history[4], history[6])]
    recorded = {"events": [*history[:3], *inner, *history[8:]], "events_order": "sorted"}

    assert compare_history(recorded, history, MACHINE, Bindings()) is None
    assert compare_history(recorded, changed(history, 4, type="Something"), MACHINE, Bindings()) is not None
    assert compare_history(recorded, changed(history, 8, previousEventId=8), MACHINE, Bindings()) is not None


def own_histories() -> list[Any]:
    return [
        pytest.param(case, id=case.id)
        for case in with_executions(read(OWN))
        if "events" in case.executions[0]["expected"]
    ]


@pytest.mark.parametrize("case", own_histories())
def test_no_event_can_be_left_out_of_a_history(case: Case) -> None:
    expected, definition = case.executions[0]["expected"], case.machines[0]["definition"]

    assert compare_history(expected, expected["events"], definition, Bindings()) is None
    for index in range(len(expected["events"])):
        shorter = [row for row in expected["events"] if row["id"] != index + 1]
        assert compare_history(expected, shorter, definition, Bindings()) is not None, f"without event {index + 1}"


class Ended:
    status, output, error, cause = "FAILED", None, "Mine", '{"a": 1}'


@pytest.mark.parametrize(
    ("expected", "is_same"),
    [
        ({"events": [], "status": "FAILED", "error": "Mine", "cause": {"a": 1}}, True),
        ({"events": [], "status": "FAILED", "error": "Mine"}, False),
        ({"status": "FAILED", "error": "Mine"}, True),
        ({"status": "SUCCEEDED"}, False),
        ({"status": "FAILED", "sync_response": {"status": "FAILED", "error": "Other", "cause": {"a": 1}}}, False),
    ],
)
def test_the_end_is_compared(expected: dict[str, Any], is_same: bool) -> None:
    assert (compare_end(expected, Ended(), Bindings()) is None) == is_same
