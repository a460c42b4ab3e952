"""Execution logs: the lines that a log group gets of an execution's history.

Rule 1: a level says which events make a line; a line is its event and what tells which execution it is of.
Rule 2: data (inputs, outputs, parameters, variables) stand in a line only where they were asked for, and never more of
    them than there is room for.

Developer guide, "Using CloudWatch Logs to log execution history"; the shape of lines is recorded.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from msgspec import Struct

from stepwell.definitions.expressions import Json
from stepwell.definitions.json_text import exceeds, size
from stepwell.engine.history import DATA, FLAGGED, Details, HistoryEvent
from stepwell.engine.registry import Configuration

Line = dict[str, Any]
"""A line of a log: its members in AWS's order, ready to be written as JSON."""

Redact = Callable[[Details], Details]
"""Takes out of the details of an event what no log may show."""

DATA_BYTES = 248 * 1024
"""Of UTF-8: so much data a line has room for. The documentation has the number; that the members of an event share it
is inferred from the limit on a log event that it serves."""

LOG_GROUP_ARN = re.compile(r"arn:[^:]+:logs:[^:]*:[^:]*:log-group:(?P<name>[^:*]+):\*")

FATAL = frozenset({"ExecutionAborted", "ExecutionFailed", "ExecutionTimedOut"})


def _is_error(event_type: str) -> bool:
    return event_type == "FailStateEntered" or event_type.endswith(("Aborted", "Failed", "TimedOut"))


LEVELS: Mapping[str, Callable[[str], bool]] = {
    "ALL": lambda event_type: True,
    "ERROR": _is_error,
    "FATAL": FATAL.__contains__,
}
"""Whether an event of this type makes a line, by level. OFF has none."""


class Logging(Struct, frozen=True, kw_only=True):
    """What the loggingConfiguration of a state machine asks for."""

    group: str
    """The name of the log group."""
    level: str
    includes_data: bool = False

    def wants(self, event: HistoryEvent) -> bool:
        return LEVELS[self.level](event.type)


def logging_of(configuration: Configuration) -> Logging | None:
    """What a loggingConfiguration asks for; None where nothing is to be logged."""
    level = configuration.get("level")
    if not isinstance(level, str) or level not in LEVELS:
        return None
    groups = log_groups(configuration)
    if len(groups) != 1 or groups[0] is None:
        return None
    return Logging(group=groups[0], level=level, includes_data=configuration.get("includeExecutionData") is True)


def log_groups(configuration: Configuration) -> list[str | None]:
    """The name of each destination's log group; None for one whose ARN is not that of all streams of a log group."""
    destinations = configuration.get("destinations")
    return [_log_group(each) for each in destinations] if isinstance(destinations, list) else []


def _log_group(destination: Json) -> str | None:
    group = destination.get("cloudWatchLogsLogGroup") if isinstance(destination, dict) else None
    arn = group.get("logGroupArn") if isinstance(group, dict) else None
    found = LOG_GROUP_ARN.fullmatch(arn) if isinstance(arn, str) else None
    return None if found is None else found["name"]


def log_lines(
    events: Iterable[HistoryEvent],
    logging: Logging,
    *,
    execution_arn: str,
    redrive_count: int = 0,
    map_run_arn: str | None = None,
    redact: Redact | None = None,
) -> Iterator[Line]:
    """The lines of those events that the level wants, in their order.

    `redrive_count`: how often the execution had been redriven before the first event; later redrives are among the
    events. `map_run_arn`: of the map run whose child the execution is.
    """
    for event in events:
        if event.type == "ExecutionRedriven" and event.details:
            redrive_count = event.details["redriveCount"]
        if not logging.wants(event):
            continue
        details = event.details or {}
        line: Line = {
            "id": str(event.id),
            "type": event.type,
            "details": _shown(redact(details) if redact else details, logging.includes_data),
            "previous_event_id": str(event.previous_event_id),
            "event_timestamp": str(event.at),
            "execution_arn": execution_arn,
            "redrive_count": str(redrive_count),
        }
        if map_run_arn is not None:
            line["map_run_arn"] = map_run_arn
        yield line


def _shown(details: Details, includes_data: bool) -> Line:
    """The details with their flags, or without data; recorded in the order of their names."""
    shown: Line = {}
    room = DATA_BYTES
    for name, value in details.items():
        if name not in DATA:
            shown[name] = value
        elif includes_data:
            shown[name], room = _fitted(value, room)
            if name in FLAGGED:
                shown[FLAGGED[name]] = {"truncated": shown[name] != value}
    return dict(sorted(shown.items()))


def _fitted(value: Any, room: int) -> tuple[Any, int]:
    """As much of a text, or of each variable's, as there is room for, and the room that is left."""
    if not isinstance(value, str):
        texts = {}
        for name, text in value.items():
            texts[name], room = _fitted(text, room)
        return texts, room
    if exceeds(value, room):
        return value.encode("utf-8", "surrogatepass")[:room].decode("utf-8", "ignore"), 0
    return value, room - size(value)
