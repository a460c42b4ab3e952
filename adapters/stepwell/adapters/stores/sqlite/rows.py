"""What rows hold: executions, events, histories and tasks in the form in which they are laid down.

Rule: a row that does not hold what was laid down is told of as SQLite tells of a damaged file: by `Damaged`.
"""

import json
import sqlite3
import zlib
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import msgspec
from msgspec import Struct

from stepwell.definitions.kinds import StateMachineType
from stepwell.definitions.resources import parse_resource
from stepwell.engine.effects import InvokeTask
from stepwell.engine.events import Event
from stepwell.engine.execution import Execution, Frame, take_up
from stepwell.engine.history import HistoryEvent
from stepwell.engine.lifecycles import ExecutionStatus
from stepwell.engine.ports import OpenTask

P = ParamSpec("P")
T = TypeVar("T")


class Damaged(sqlite3.DatabaseError):
    """A row does not hold what was laid down: SQLite has no checksums, and hands on what it finds."""

    sqlite_errorname = "SQLITE_CORRUPT"


def decoder(decode: Callable[P, T]) -> Callable[P, T]:
    """Has a function that makes something of a row raise Damaged where it cannot."""

    @wraps(decode)
    def decoded(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return decode(*args, **kwargs)
        except (ValueError, TypeError, LookupError, zlib.error, msgspec.MsgspecError) as fault:
            raise Damaged(f"{type(fault).__name__} in a row") from fault

    return decoded


# --- executions -------------------------------------------------------------------------------------------------------

FIRST = (
    "arn",
    "name",
    "state_machine_arn",
    "state_machine_name",
    "state_machine_version_arn",
    "state_machine_alias_arn",
    "role_arn",
    "type",
    "is_synchronous",
    "started_by",
    "trace_header",
    "test_case",
    "input",
)
"""The columns that never change, up to the definition's."""

CHANGING = (
    "status",
    "stopped_at",
    "output",
    "error",
    "cause",
    "redrive_count",
    "redriven_at",
    "redrive_token",
    "latest_at",
    "next_event_id",
    "timeout_timer",
    "version",
)
"""The columns that steps change, in the order of the statements."""


def first_columns(execution: Execution) -> tuple[Any, ...]:
    return tuple(getattr(execution, name) for name in FIRST)


def changing_columns(execution: Execution) -> tuple[Any, ...]:
    return tuple(getattr(execution, name) for name in CHANGING)


@decoder
def execution_of(row: sqlite3.Row) -> Execution:
    """The execution of a row, without its frames."""
    about = {name: row[name] for name in (*FIRST, "started_at", *CHANGING)}
    about["type"] = StateMachineType(about["type"])
    about["status"] = ExecutionStatus(about["status"])
    about["is_synchronous"] = bool(about["is_synchronous"])
    return Execution(**about)


@decoder
def frames_of(rows: Iterable[tuple[Any, ...]]) -> dict[str, Frame]:
    """The frames of an execution, by path."""
    return take_up(rows)


# --- events and histories ---------------------------------------------------------------------------------------------

_encoder = msgspec.json.Encoder()
_event_decoder = msgspec.json.Decoder(Event)
_history_decoder = msgspec.json.Decoder(list[HistoryEvent])


def encode(value: Any) -> bytes:
    try:
        return _encoder.encode(value)
    except UnicodeEncodeError:  # half a surrogate pair, in the message of some exception: escaped, it can be written
        return json.dumps(msgspec.to_builtins(value)).encode()


@decoder
def event_of(data: bytes) -> Event:
    try:
        event: Event = _event_decoder.decode(data)
    except msgspec.DecodeError:
        event = msgspec.convert(json.loads(data), Event)
    return event


@decoder
def history_of(data: bytes) -> list[HistoryEvent]:
    try:
        return _history_decoder.decode(data)
    except msgspec.DecodeError:
        return msgspec.convert(json.loads(data), list[HistoryEvent])


# --- archives ---------------------------------------------------------------------------------------------------------


class _Archive(Struct, array_like=True):
    events: list[msgspec.Raw]
    histories: list[msgspec.Raw]


def archive(rows: Sequence[tuple[bytes, bytes]]) -> bytes:
    """The journal's rows (event, history) as one compressed text."""
    text = _encoder.encode(_Archive([msgspec.Raw(row[0]) for row in rows], [msgspec.Raw(row[1]) for row in rows]))
    return zlib.compress(text, 6)


@decoder
def unarchive(data: bytes) -> list[tuple[bytes, bytes]]:
    """The rows that `archive` compressed."""
    found = msgspec.json.decode(zlib.decompress(data), type=_Archive)
    return [(bytes(event), bytes(history)) for event, history in zip(found.events, found.histories, strict=True)]


# --- tasks ------------------------------------------------------------------------------------------------------------


class _Request(Struct, array_like=True):
    arn: str
    state: str
    resource: str
    input: str
    attempt: int
    within: tuple[tuple[str, int], ...]
    timeout_seconds: int | None
    heartbeat_seconds: int | None
    credentials: str | None


_request_decoder = msgspec.json.Decoder(_Request)


def encode_task(task: InvokeTask) -> bytes:
    return _encoder.encode(
        _Request(
            task.execution_arn,
            task.state,
            task.resource.arn,
            task.input,
            task.attempt,
            task.within,
            task.timeout_seconds,
            task.heartbeat_seconds,
            task.credentials,
        )
    )


@decoder
def task_of(token: str, request: bytes, asked_at: int, submitted: str | None, is_left_open: int) -> OpenTask:
    """The task of a row."""
    found = _request_decoder.decode(request)
    resource = parse_resource(found.resource)
    if resource is None:
        raise ValueError(f"{found.resource!r} is no resource")
    task = InvokeTask(
        token=token,
        execution_arn=found.arn,
        state=found.state,
        resource=resource,
        input=found.input,
        attempt=found.attempt,
        within=found.within,
        timeout_seconds=found.timeout_seconds,
        heartbeat_seconds=found.heartbeat_seconds,
        credentials=found.credentials,
        submitted=submitted,
    )
    return OpenTask(task=task, asked_at=asked_at, is_left_open=bool(is_left_open))
