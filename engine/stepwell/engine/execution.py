"""An execution: everything a run knows, as data.

An execution is a header and a flat table of *frames*. A frame is one line of control: the root (path `""`), a branch of
a Parallel state (`"/0"`), an iteration of a Map (`"/0/17"`). State names are unique in a machine, so a frame needs the
name of its state only. Why a frame does not move is its `rest`, a union, so that impossible combinations cannot be
written.

Rule 1: a step never changes an execution; it returns the frames that changed, and `Execution.take` lays them down.
Rule 2: JSON values in frames are shared between frames, states and the caller, and never changed in place.
Rule 3: `snapshot` and `restore` are inverses: an execution can be laid down after any step and taken up anywhere.
"""

from collections.abc import Iterable
from typing import cast

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace

from stepwell.definitions.expressions import Json
from stepwell.definitions.json_text import dumps, loads
from stepwell.definitions.kinds import StateMachineType
from stepwell.engine.lifecycles import ExecutionStatus

FORMAT = 1
"""Version of the snapshot."""


class NotStarted(Struct, frozen=True, tag=True):
    """A branch or iteration that waits for its turn."""


class Moving(Struct, frozen=True, tag=True):
    """On its way within the step; at rest only where a step was cut short, to go on in the next."""


class AwaitingTask(Struct, frozen=True, kw_only=True, tag=True, omit_defaults=True):
    """A Task was asked for. `started` is false for an activity that no worker has taken yet."""

    token: str
    started: bool = False
    submitted: bool = False
    """Whether a first answer has come: the job was accepted, the message with the token was sent."""
    timeout_timer: str | None = None
    heartbeat_timer: str | None = None
    heartbeat_due: int | None = None
    """Milliseconds since the epoch: moved on by every heartbeat, while the timer is set anew only when it fires."""
    heartbeat_seconds: int | None = None


class AwaitingTimer(Struct, frozen=True, tag=True):
    """A Wait state."""

    timer: str


class AwaitingRetry(Struct, frozen=True, tag=True):
    timer: str


class AwaitingChildren(Struct, frozen=True, tag=True):
    """A Parallel or Map state. `spawned` counts the children that were started, `finished` those that ended well."""

    length: int
    spawned: int
    finished: int


class Finished(Struct, frozen=True, tag=True):
    """The frame's input is its output now, until the parent collects it."""


Rest = NotStarted | Moving | AwaitingTask | AwaitingTimer | AwaitingRetry | AwaitingChildren | Finished

NOT_STARTED, MOVING, FINISHED = NotStarted(), Moving(), Finished()


class Frame(Struct, kw_only=True):
    """One line of control. Changed only by the step that has made its own copy of it."""

    path: str
    state: str
    input: Json
    """The raw input of the state."""
    text: str
    """The input as JSON text."""
    variables: dict[str, Json]
    """All that can be read here, outer ones included; replaced, never changed, by an assignment."""
    previous: int = 0
    """The id that the frame's next event names as its predecessor."""
    entered_from: int = 0
    """The predecessor of the event with which the state was entered."""
    entered_event: int = 0
    entered_at: int = 0
    retries: tuple[int, ...] = ()
    """How often each retrier of the state has been used since the state was entered."""
    rest: Rest = MOVING


class Execution(Struct, kw_only=True):
    """The header and the frames. Times are milliseconds since the epoch."""

    arn: str
    name: str
    state_machine_arn: str
    state_machine_name: str
    role_arn: str
    type: StateMachineType
    input: str
    """The JSON text as it was given."""
    started_at: int
    state_machine_version_arn: str | None = None
    state_machine_alias_arn: str | None = None
    """The version and the alias it was started through."""
    started_by: str | None = None
    """The token of the task that started it."""
    trace_header: str | None = None
    """Of X-Ray, as the caller gave it."""
    test_case: str | None = None
    """The test case of a mock configuration by which its tasks are answered."""
    status: ExecutionStatus = ExecutionStatus.RUNNING
    stopped_at: int | None = None
    output: str | None = None
    error: str | None = None
    cause: str | None = None
    redrive_count: int = 0
    redriven_at: int | None = None
    redrive_token: str | None = None
    """Of the client that asked for the last redrive: the same request again changes nothing."""
    is_synchronous: bool = False
    """Whether the caller of an Express execution waits for its end: its context object has no RedriveCount then."""
    latest_at: int = 0
    """When the last step was."""
    next_event_id: int = 1
    timeout_timer: str | None = None
    version: int = 0
    """Counts the steps that were laid down: a store's guard against two hosts advancing one execution."""
    frames: dict[str, Frame] = field(default_factory=dict)

    def take(self, changes: "Changes") -> None:
        """Lays down what a step changed."""
        for path, frame in changes.frames.items():
            if frame is None:
                del self.frames[path]
            else:
                self.frames[path] = frame
        self.latest_at = changes.at
        self.next_event_id = changes.next_event_id
        self.stopped_at = changes.stopped_at
        self.output = changes.output
        self.error = changes.error
        self.cause = changes.cause
        self.redrive_count = changes.redrive_count
        self.redriven_at = changes.redriven_at
        self.redrive_token = changes.redrive_token
        self.timeout_timer = changes.timeout_timer
        self.status = changes.status  # last, for whoever looks on from another thread
        self.version += 1


class Changes(Struct, kw_only=True):
    """What a step makes of an execution. A frame that is None is gone."""

    at: int
    frames: dict[str, Frame | None]
    next_event_id: int
    status: ExecutionStatus
    stopped_at: int | None
    output: str | None
    error: str | None
    cause: str | None
    redrive_count: int
    redriven_at: int | None
    redrive_token: str | None
    timeout_timer: str | None


def parent_of(path: str) -> str:
    return path.rpartition("/")[0]


def index_of(path: str) -> int:
    return int(path.rpartition("/")[2])


# --- laying down and taking up --------------------------------------------------------------------------------------


class _Row(Struct, array_like=True):
    """A frame as it is laid down. Without variables: it sees those of its parent."""

    state: str
    text: str
    variables: str | None
    previous: int
    entered_from: int
    entered_event: int
    entered_at: int
    retries: tuple[int, ...]
    rest: Rest


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Row).decode
_NO_VARIABLES = "{}"


def lay_down(frame: Frame, parent: Frame | None) -> bytes:
    """The frame as JSON text. A child that sees its parent's variables does not repeat them: thousands may."""
    variables = None
    if parent is None or frame.variables is not parent.variables:
        variables = dumps(frame.variables) if frame.variables else _NO_VARIABLES
    return _encode(
        _Row(
            frame.state,
            frame.text,
            variables,
            frame.previous,
            frame.entered_from,
            frame.entered_event,
            frame.entered_at,
            frame.retries,
            frame.rest,
        )
    )


def take_up(rows: Iterable[tuple[str, bytes]]) -> dict[str, Frame]:
    """The frames that `lay_down` made these (path, text) of, by path. Parents may come after their children."""
    frames: dict[str, Frame] = {}
    for path, data in sorted(rows, key=lambda row: row[0].count("/")):
        row = _decode(data)
        if row.variables is None:
            variables = frames[parent_of(path)].variables
        else:
            variables = cast("dict[str, Json]", loads(row.variables))
        frames[path] = Frame(
            path=path,
            state=row.state,
            input=loads(row.text),
            text=row.text,
            variables=variables,
            previous=row.previous,
            entered_from=row.entered_from,
            entered_event=row.entered_event,
            entered_at=row.entered_at,
            retries=row.retries,
            rest=row.rest,
        )
    return frames


class _Snapshot(Struct):
    format: int
    header: Execution
    frames: list[tuple[str, str]]


def snapshot(execution: Execution) -> bytes:
    """The execution as JSON text."""
    rows = [
        (path, lay_down(frame, execution.frames.get(parent_of(path)) if path else None).decode())
        for path, frame in execution.frames.items()
    ]
    return _encode(_Snapshot(FORMAT, replace(execution, frames={}), rows))


def restore(data: bytes) -> Execution:
    """The execution that `snapshot` laid down."""
    found = msgspec.json.decode(data, type=_Snapshot)
    if found.format != FORMAT:
        raise ValueError(f"A snapshot of another format than {FORMAT}: made by a newer Stepwell?")
    found.header.frames = take_up((path, row.encode()) for path, row in found.frames)
    return found.header
