"""The comparison of an execution with the record of it, as the README of the corpus tells it ("How to compare").

Rule 1: everything is compared: types, ids, predecessors and details of every event, and the end of the execution.
Rule 2: a token (`<uuid:1>`) stands for one text throughout a case; `Bindings` holds them to that.
Rule 3: a comparison yields the first difference with its place, not a yes or no.

What AWS does not promise is not compared: how events of branches and iterations interleave. There, and only there,
events are compared by place (`_by_place`) or as the recorder left them (`as_recorded`).
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Any

from stepwell.engine.history import from_api
from stepwell.engine.logs import log_lines, logging_of

ISO = re.compile(r"[1-9]\d{3}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:?(?:\d\d)?)")
TOKEN = re.compile(r"<[A-Za-z][^<>\s\"']*>")
ENTERED_AT = re.compile(r"\(entered at the event id #(\d+)\)")
SHOWN = 1_200
"""Characters of a value that a message shows."""

Event = Mapping[str, Any]
Place = tuple[tuple[str, int | None], ...]
"""The Map and Parallel states around an event, outermost first, each with its iteration or branch."""


@dataclass(frozen=True, slots=True)
class Absent:
    """Stands in a difference where there is no value."""

    def __str__(self) -> str:
        return "(nothing)"


ABSENT = Absent()


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Where an execution departs from its record: `pointer` is a JSON pointer within `where`."""

    where: str = ""
    pointer: str = ""
    expected: Any
    actual: Any

    def __str__(self) -> str:
        place = " ".join(part for part in (self.where, self.pointer) if part)
        return f"{place}\n    expected: {_shown(self.expected)}\n    actual:   {_shown(self.actual)}"


def _shown(value: Any) -> str:
    text = str(value) if isinstance(value, str | Absent) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}... ({len(text)} characters)"


# --- tokens ---------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Bindings:
    """The text that each token of a case stands for.

    Where a text holds several unknown tokens, their borders are uncertain: it waits in `undecided` until other places
    have told, at the latest until `settle`.
    """

    texts: dict[str, str] = field(default_factory=dict)
    undecided: list[tuple[str, str]] = field(default_factory=list)

    def match(self, expected: str, actual: str) -> bool:
        """Whether the text is one that the expectation, with its tokens, can stand for."""
        if expected == actual:
            return all(self.texts.setdefault(token, token) == token for token in TOKEN.findall(expected))
        unknown = [token for token in dict.fromkeys(TOKEN.findall(expected)) if token not in self.texts]
        found = re.fullmatch(self._pattern(expected, unknown), actual, re.DOTALL)
        if found is None:
            return False
        if len(unknown) > 1:
            self.undecided.append((expected, actual))
        elif unknown:
            self.texts[unknown[0]] = found["t0"]
        return True

    def settle(self) -> Difference | None:
        """Decides what is undecided, the certain first; a difference where one token would need two texts."""
        while self.undecided:
            pair = min(self.undecided, key=lambda pair: len(self._unknown(pair[0])))
            self.undecided.remove(pair)
            expected, actual = pair
            unknown = self._unknown(expected)
            found = re.fullmatch(self._pattern(expected, unknown), actual, re.DOTALL)
            if found is None:
                return Difference(where="one token, two texts", expected=expected, actual=actual)
            self.texts.update({token: found[f"t{index}"] for index, token in enumerate(unknown)})
        return None

    def fill(self, value: Any) -> Any:
        """The value with the texts of the known tokens put in."""
        if isinstance(value, str):
            return TOKEN.sub(lambda token: self.texts.get(token[0], token[0]), value)
        if isinstance(value, Mapping):
            return {key: self.fill(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.fill(inner) for inner in value]
        return value

    def copy(self) -> "Bindings":
        return Bindings(dict(self.texts), list(self.undecided))

    def take(self, other: "Bindings") -> None:
        self.texts, self.undecided = other.texts, other.undecided

    def _unknown(self, expected: str) -> list[str]:
        return [token for token in dict.fromkeys(TOKEN.findall(expected)) if token not in self.texts]

    def _pattern(self, expected: str, unknown: Sequence[str]) -> str:
        seen: set[str] = set()
        parts = []
        for part in re.split(f"({TOKEN.pattern})", expected):
            if part not in unknown:
                parts.append(re.escape(self.texts.get(part, part)))
            elif part in seen:
                parts.append(f"(?P=t{unknown.index(part)})")
            else:
                seen.add(part)
                parts.append(f"(?P<t{unknown.index(part)}>.+)")
        return "".join(parts)


# --- values ---------------------------------------------------------------------------------------------------------


def compare(expected: Any, actual: Any, bindings: Bindings, pointer: str = "") -> Difference | None:
    """The first difference between two values.

    The recorder parsed texts that hold a JSON object, so an object is also found in a text of the engine.
    """
    different = Difference(pointer=pointer, expected=expected, actual=actual)
    if isinstance(expected, dict | list) and isinstance(actual, str):
        parsed = _parse(actual)
        return different if parsed is ABSENT else compare(expected, parsed, bindings, pointer)
    if isinstance(expected, dict):
        return _compare_objects(expected, actual, bindings, pointer) if isinstance(actual, dict) else different
    if isinstance(expected, list):
        if not isinstance(actual, list) or len(expected) != len(actual):
            return different
        rows = zip(expected, actual, strict=True)
        return _first(compare(e, a, bindings, f"{pointer}/{index}") for index, (e, a) in enumerate(rows))
    if isinstance(expected, str) and isinstance(actual, str):
        return None if _is_same_text(expected, actual, bindings) else different
    if isinstance(expected, str) and TOKEN.fullmatch(expected) and type(actual) in (int, float):
        # The recorder put a token in place of a number too (math_random_seeded).
        return None if bindings.match(expected, json.dumps(actual)) else different
    return None if expected == actual and isinstance(expected, bool) == isinstance(actual, bool) else different


def _compare_objects(
    expected: Mapping[str, Any], actual: Mapping[str, Any], bindings: Bindings, pointer: str
) -> Difference | None:
    for key in [*expected, *(key for key in actual if key not in expected)]:
        place = f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}"
        if key not in actual or key not in expected:
            return Difference(pointer=place, expected=expected.get(key, ABSENT), actual=actual.get(key, ABSENT))
        difference = compare(expected[key], actual[key], bindings, place)
        if difference is not None:
            return difference
    return None


def _is_same_text(expected: str, actual: str, bindings: Bindings) -> bool:
    if TOKEN.search(expected):
        if bindings.match(expected, actual) or bindings.match(ISO.sub("date", expected), ISO.sub("date", actual)):
            return True
    elif expected == actual or ISO.sub("date", expected) == ISO.sub("date", actual):
        return True
    left, right = _parse(expected), _parse(actual)
    if left is ABSENT or right is ABSENT or (left, right) == (expected, actual):
        return False
    return compare(left, right, bindings) is None


def _parse(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return ABSENT


def _first(differences: Iterable[Difference | None]) -> Difference | None:
    return next((difference for difference in differences if difference is not None), None)


# --- histories ------------------------------------------------------------------------------------------------------


def compare_history(
    expected: Mapping[str, Any], history: Sequence[Event], definition: Mapping[str, Any], bindings: Bindings
) -> Difference | None:
    """The first difference between a history and the `expected` of an execution. Oldest events first, both."""
    events = [without_timestamp(event) for event in history]
    recorded = expected["events"]
    if expected.get("status") == "RUNNING":
        # It had not ended when the history was taken: what came later is not known.
        events = events[: len(recorded)]
    if expected.get("events_order"):
        return _in_any_order(recorded, as_recorded(events), bindings)
    if expected.get("concurrent"):
        return _by_place(recorded, events, definition, bindings)
    return _in_order(recorded, events, bindings)


def without_timestamp(event: Event) -> dict[str, Any]:
    return {key: value for key, value in event.items() if key != "timestamp"}


def details_of(event: Event) -> Mapping[str, Any]:
    return next((value for key, value in event.items() if key.endswith("EventDetails")), {})


def _in_order(
    expected: Sequence[Event], actual: Sequence[Event], bindings: Bindings, place: str = ""
) -> Difference | None:
    for index in range(max(len(expected), len(actual))):
        should = expected[index] if index < len(expected) else ABSENT
        does = actual[index] if index < len(actual) else ABSENT
        where = f"event {index + 1}{place} ({_label(should)})"
        if isinstance(should, Absent) or isinstance(does, Absent) or should["type"] != does["type"]:
            return Difference(where=where, expected=should, actual=does)
        difference = compare(should, does, bindings)
        if difference is not None:
            return replace(difference, where=where)
    return None


def _label(event: Event | Absent) -> str:
    if isinstance(event, Absent):
        return "none expected"
    name = details_of(event).get("name")
    return f"{event['type']} {name!r}" if name else event["type"]


# --- histories that the recorder sorted -----------------------------------------------------------------------------

ENDS = ("ParallelStateSucceeded", "ParallelStateFailed", "ParallelStateAborted", "ParallelStateExited")
WIPED = [0]


def as_recorded(events: Sequence[Event]) -> list[dict[str, Any]]:
    """A history as the recorder left those with Parallel states: the ids of inner events wiped, some events lost.

    It changed the list that it was walking through: at each end of a Parallel state it put the inner events back in
    place of all that stood there, which drops the end before. Its mistakes are made here in the same order.
    """
    rows = [dict(event) for event in events]
    inner: list[dict[str, Any]] = []
    is_inside, start, index = False, 0, 0
    while index < len(rows):
        row = rows[index]
        if row["type"] in ENDS:
            rows[start:index] = inner
            is_inside = False
        elif row["type"] == "ParallelStateStarted":
            is_inside, start, inner = True, index + 1, []
        elif is_inside:
            rows[index] = {**row, "id": WIPED, "previousEventId": 0}
            inner.append(rows[index])
        index += 1
    return rows


def _in_any_order(expected: Sequence[Event], actual: Sequence[Event], bindings: Bindings) -> Difference | None:
    """Events with ids in order; those without, between them, as a multiset."""
    rest = list(actual)
    for group in _groups(expected):
        if group[0]["id"] != WIPED:
            difference = _in_order(group, rest[:1], bindings, f" (record {group[0]['id']})")
            if difference is not None:
                return difference
            rest = rest[1:]
            continue
        found = list(_leading(rest))
        rest = rest[len(found) :]
        for should in group:
            match = next((row for row in found if _is_same_event(should, row, bindings)), None)
            if match is None:
                return Difference(where=f"inner event ({_label(should)})", expected=should, actual=found)
            found.remove(match)
        if found:
            return Difference(where="inner events beyond the expected ones", expected=ABSENT, actual=found)
    return Difference(where="after the end", expected=ABSENT, actual=rest) if rest else None


def _groups(events: Sequence[Event]) -> Iterator[list[Event]]:
    rest = list(events)
    while rest:
        group = list(_leading(rest)) or rest[:1]
        rest = rest[len(group) :]
        yield group


def _leading(events: Sequence[Event]) -> Iterator[Event]:
    for event in events:
        if event["id"] != WIPED:
            return
        yield event


def _is_same_event(expected: Event, actual: Event, bindings: Bindings) -> bool:
    trial = bindings.copy()
    if compare(expected, actual, trial) is not None:
        return False
    bindings.take(trial)
    return True


# --- histories whose branches ran side by side ----------------------------------------------------------------------

FREE = re.compile(r"(Map|Parallel)State(Succeeded|Exited|Failed)|MapIterationAborted|\w+StateAborted")
"""Events that hang on whichever branch ended last, or failed first."""


def _by_place(
    expected: Sequence[Event], actual: Sequence[Event], definition: Mapping[str, Any], bindings: Bindings
) -> Difference | None:
    ids = [event["id"] for event in actual]
    if ids != list(range(1, len(actual) + 1)):
        return Difference(where="ids", expected="1, 2, 3, ... without gaps", actual=ids)
    containers = dict(_containers(definition, ()))
    should, does = Placed(expected, containers), Placed(actual, containers)
    for place in dict.fromkeys([*should.by_place, *does.by_place]):
        left, right = should.by_place.get(place, []), does.by_place.get(place, [])
        name = f" of {_name_of(place)}"
        difference = _in_order([should.plain(e) for e in left], [does.plain(e) for e in right], bindings, name)
        if difference is not None:
            return difference
        for index, (one, other) in enumerate(zip(left, right, strict=True)):
            if FREE.fullmatch(one["type"]):
                continue
            before, after = should.predecessor(one), does.predecessor(other)
            if place in (before[0], after[0]) and before != after:
                where = f"event {index + 1}{name} ({_label(one)})"
                return Difference(where=where, pointer="/previousEventId", expected=before, actual=after)
    return None


def _name_of(place: Place) -> str:
    return "/".join(f"{name}[{index}]" for name, index in place) or "the top level"


def _containers(scope: Mapping[str, Any], around: Place) -> Iterator[tuple[str, Place]]:
    """Each state with the containers around it; the iteration of a Map is None."""
    for name, state in scope["States"].items():
        yield name, around
        for index, branch in enumerate(state.get("Branches", ())):
            yield from _containers(branch, (*around, (name, index)))
        processor = state.get("ItemProcessor") or state.get("Iterator")
        if processor:
            yield from _containers(processor, (*around, (name, None)))


class Placed:
    """A history with the place of each event, and its position there."""

    def __init__(self, events: Sequence[Event], containers: Mapping[str, Place]) -> None:
        self._containers = containers
        self.by_place: dict[Place, list[Event]] = {}
        self._events: dict[int, Event] = {}
        self._places: dict[int, tuple[Place, int]] = {0: ((), 0)}
        for event in events:
            place = self._place(event)
            row = self.by_place.setdefault(place, [])
            row.append(event)
            self._events[event["id"]] = event
            self._places[event["id"]] = (place, len(row))

    def predecessor(self, event: Event) -> tuple[Place, int]:
        """Place and position of the event that this one hangs on."""
        return self._at(event["previousEventId"])

    def _at(self, event_id: int) -> tuple[Place, int]:
        return self._places.get(event_id, ((), -1))

    def plain(self, event: Event) -> dict[str, Any]:
        """The event without its ids; those in its texts are places."""
        row = {key: value for key, value in event.items() if key not in ("id", "previousEventId")}
        return self._without_ids(deepcopy(row))

    def _without_ids(self, value: Any) -> Any:
        if isinstance(value, str):
            return ENTERED_AT.sub(lambda found: f"(entered at {self._at(int(found[1]))})", value)
        if isinstance(value, dict):
            return {key: self._without_ids(inner) for key, inner in value.items()}
        return [self._without_ids(inner) for inner in value] if isinstance(value, list) else value

    def _place(self, event: Event) -> Place:
        kind, details = event["type"], details_of(event)
        before, _ = self._at(event["previousEventId"])
        previous = self._events.get(event["previousEventId"])
        if kind.startswith("Execution"):
            return ()
        if kind.startswith("MapIteration"):
            return (*self._around(details["name"], before), (details["name"], details["index"]))
        if "name" in details or "state" in details:
            return self._around(details.get("name", details.get("state")), before)
        if re.fullmatch(r"(Map|Parallel)State(Started|Succeeded|Failed)", kind):
            return before if previous is None or self._is_own(previous, kind) else before[:-1]
        if kind.endswith("StateAborted"):
            neighbour = self._events.get(event["id"] - 1)
            if neighbour is not None and neighbour["type"] in ("MapIterationAborted", "MapIterationFailed"):
                return self._at(event["id"] - 1)[0]
        return before

    def _around(self, state: str, before: Place) -> Place:
        indices = dict(before)
        return tuple((name, indices.get(name) if at is None else at) for name, at in self._containers.get(state, ()))

    def _is_own(self, previous: Event, kind: str) -> bool:
        """Whether the event before is one of the container itself, not of a branch or iteration in it."""
        container = kind.partition("State")[0]
        if previous["type"] == "EvaluationFailed":
            failed = details_of(previous)["state"]
            return any(name == failed for around in self._containers.values() for name, _ in around)
        own = (f"{container}StateEntered", f"{container}StateStarted", "MapRunFailed", "MapRunSucceeded")
        return previous["type"] in own


# --- the end --------------------------------------------------------------------------------------------------------

ENDINGS = ("output", "error", "cause")


def compare_end(expected: Mapping[str, Any], run: Any, bindings: Bindings) -> Difference | None:
    """The first difference between the end of a run and the record's: status, output, error, cause.

    What the record leaves out is only absent on AWS where the record is a whole one.
    """
    if expected.get("status") == "RUNNING":
        return None
    is_whole = any(name in expected for name in ("events", "describe", "sync_response"))
    ends = [("", expected), ("sync_response", expected.get("sync_response")), ("event bus", _last_change(expected))]
    for source, end in ends:
        if end is None:
            continue
        if end.get("status", run.status) != run.status:
            actual = f"{run.status} ({run.error}: {run.cause})"
            return Difference(where=f"{source} status".strip(), expected=end["status"], actual=actual)
        for name in ENDINGS:
            if name in end or is_whole:
                difference = compare(end.get(name), getattr(run, name), bindings)
                if difference is not None:
                    return replace(difference, where=f"{source} {name}".strip())
    return None


def _last_change(expected: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The last status change that was sent to the event bus."""
    changes = [row["detail"] for row in expected.get("eventbridge_events", ()) if row.get("source") == "aws.states"]
    return changes[-1] if changes else None


# --- logs -----------------------------------------------------------------------------------------------------------

NOT_RECORDED = ("execution_arn", "event_timestamp")
"""Of a line: the execution was started with the ARN, and the recorder dropped the time."""


def compare_logs(
    expected: Mapping[str, Any], history: Sequence[Event], machine: Mapping[str, Any], bindings: Bindings
) -> Difference | None:
    """The first difference between the log of a run and the recorded one: all of it, or its last event."""
    if "log_events" not in expected and "end_event" not in expected:
        return None
    asked = logging_of(machine.get("loggingConfiguration", {}))
    events = [from_api(row) for row in history]
    lines = [] if asked is None else [_recorded(line) for line in log_lines(events, asked, execution_arn="")]
    if "log_events" in expected:
        difference = _in_order([_recorded(row) for row in expected["log_events"]], lines, bindings, " of the log")
        if difference is not None:
            return difference
    if "end_event" in expected:
        return _in_order([_recorded(expected["end_event"])], lines[-1:], bindings, " at the end of the log")
    return None


def _recorded(line: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in line.items() if name not in NOT_RECORDED}
