"""History events, as AWS emits them.

Inside, an event is a small tuple whose details hold what differs from event to event; `as_api` gives it the shape of
GetExecutionHistory. Details are JSON texts where AWS's are: scalars too are quoted.
"""

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, NamedTuple

Details = Mapping[str, Any]


class HistoryEvent(NamedTuple):
    """One line of an execution's history."""

    id: int
    previous_event_id: int
    type: str
    at: int
    """Milliseconds since the epoch."""
    details: Details | None
    """The members of the event's details; None for the types that have no details at all."""


make_event = partial(tuple.__new__, HistoryEvent)
"""An event of a tuple: a third of the constructor's price, for the one place that makes them all."""

FLAGGED = {"input": "inputDetails", "output": "outputDetails", "assignedVariables": "assignedVariablesDetails"}
"""Members that are followed by a flag telling whether they were cut. They never are here."""


def member_of(event_type: str) -> str:
    """The name of the member that holds an event's details: `stateEnteredEventDetails`."""
    if event_type.endswith("StateEntered"):
        return "stateEnteredEventDetails"
    if event_type.endswith("StateExited"):
        return "stateExitedEventDetails"
    return f"{event_type[0].lower()}{event_type[1:]}EventDetails"


def as_api(event: HistoryEvent) -> dict[str, Any]:
    """The event as in GetExecutionHistory; `timestamp` in seconds since the epoch, with milliseconds."""
    row: dict[str, Any] = {
        "timestamp": event.at / 1000,
        "type": event.type,
        "id": event.id,
        "previousEventId": event.previous_event_id,
    }
    if event.details is not None:
        details: dict[str, Any] = {}
        for name, value in event.details.items():
            details[name] = value
            if name in FLAGGED:
                details[FLAGGED[name]] = {"truncated": False}
        row[member_of(event.type)] = details
    return row


DATA = frozenset({"input", "output", "parameters", "assignedVariables"})
"""The members of details that hold what goes through an execution: JSON texts, of variables one for each name."""


def without_data(event: HistoryEvent) -> HistoryEvent:
    """The event without what went through the execution."""
    if event.details is None:
        return event
    return event._replace(details={name: value for name, value in event.details.items() if name not in DATA})


def from_api(row: Mapping[str, Any]) -> HistoryEvent:
    """The event that `as_api` gave this shape."""
    details = row.get(member_of(row["type"]))
    if details is not None:
        flags = {FLAGGED[name] for name in FLAGGED if name in details}
        details = {name: value for name, value in details.items() if name not in flags}
    return HistoryEvent(row["id"], row["previousEventId"], row["type"], round(row["timestamp"] * 1000), details)


def render(events: Iterable[HistoryEvent]) -> list[dict[str, Any]]:
    return [as_api(event) for event in events]
