"""The machine: one step of an execution.

    step(program, execution, event) -> Step(changes, effects, history)

Rule 1: every transition of every execution is decided here.
Rule 2: nothing here reads a clock, draws a random number or performs I/O; the event brings the time and the entropy.
Rule 3: an event that finds nothing to do (a late answer, a timer of an attempt that has ended) changes nothing. Tokens
    and timers are unique in the execution, not in the frame, so an answer to an attempt from before a retry is late.
"""

from typing import assert_never

from msgspec import Struct

from stepwell.definitions import failure as names
from stepwell.definitions.failure import Failure
from stepwell.definitions.json_text import dumps, loads
from stepwell.engine import tokens
from stepwell.engine.effects import Effect
from stepwell.engine.events import (
    Event,
    ExecutionRedriven,
    ExecutionStarted,
    ExecutionStopped,
    TaskEvent,
    TaskFailed,
    TaskHeartbeat,
    TaskStarted,
    TaskSubmitted,
    TaskSucceeded,
    TimersFired,
)
from stepwell.engine.execution import AwaitingRetry, AwaitingTask, AwaitingTimer, Changes, Execution, Frame, Moving
from stepwell.engine.history import HistoryEvent
from stepwell.engine.lifecycles import ExecutionStatus
from stepwell.engine.program import Program
from stepwell.engine.redrive import redrive
from stepwell.engine.states.task import TaskNode
from stepwell.engine.turn import HistoryFull, Turn


class Step(Struct, frozen=True):
    """What an event makes of an execution. Lay `changes` and `history` down, then perform the effects."""

    changes: Changes
    effects: list[Effect]
    history: list[HistoryEvent]


def step(program: Program, execution: Execution, event: Event) -> Step | None:
    """The step that an event makes, or None where it changes nothing; what has ended, only a redrive can change."""
    if execution.status.is_terminal and not isinstance(event, ExecutionRedriven):
        return None
    turn = Turn(program, execution, event)
    try:
        if not _take_in(turn, event):
            return None
        turn.run()
    except HistoryFull:
        turn.fill_history()
    return Step(turn.changes(), turn.effects, turn.history)


def _take_in(turn: Turn, event: Event) -> bool:
    """Whether the event changes anything."""
    match event:
        case ExecutionStarted():
            _start(turn)
        case ExecutionStopped():
            turn.end("abort", 0, event.failure)
        case ExecutionRedriven():
            return redrive(turn, event.client_token)
        case TaskStarted() | TaskSubmitted() | TaskSucceeded() | TaskFailed() | TaskHeartbeat():
            return _answer(turn, event)
        case TimersFired():
            return sum(_fire(turn, timer) for timer in event.timers) > 0  # all of them fire, not the first alone
        case _:
            assert_never(event)
    return True


def _start(turn: Turn) -> None:
    execution = turn.execution
    details = {"input": execution.input, "roleArn": execution.role_arn}
    if execution.state_machine_alias_arn is not None:
        details["stateMachineAliasArn"] = execution.state_machine_alias_arn
    if execution.state_machine_version_arn is not None:
        details["stateMachineVersionArn"] = execution.state_machine_version_arn
    turn.emit("ExecutionStarted", 0, details)
    value = loads(execution.input)
    root = Frame(path="", state=turn.program.start_at, input=value, text=dumps(value), variables={})
    turn.add(root)
    turn.begin_time()
    turn.make_ready(Turn.advance, root)


def _answer(turn: Turn, event: TaskEvent) -> bool:
    """Whether somebody waits for this task event."""
    frame = turn.frame(tokens.address(event.token)[1])
    if frame is None or not isinstance(frame.rest, AwaitingTask) or frame.rest.token != event.token:
        return False
    node = turn.nodes[frame.state]
    assert isinstance(node, TaskNode), "only a Task awaits a task"
    match event:
        case TaskStarted():
            return node.started(turn, frame, frame.rest, event.worker_name)
        case TaskSubmitted():
            return node.submitted(turn, frame, frame.rest, event.output)
        case TaskSucceeded():
            node.succeeded(turn, frame, frame.rest, event.output)
        case TaskFailed():
            node.failed(turn, frame, frame.rest, event.failure)
        case TaskHeartbeat():
            node.heartbeat(turn, frame, frame.rest)
        case _:
            assert_never(event)
    return True


def _fire(turn: Turn, timer: str) -> bool:
    """Whether somebody waits for this timer."""
    if timer == turn.timeout_timer:
        turn.timeout_timer = None
        turn.end("time_out", 0, Failure(names.TIMEOUT))
        return True
    frame = turn.frame(timer.split(":", 2)[1])
    if frame is None or turn.status is not ExecutionStatus.RUNNING:
        return False
    match frame.rest:
        case AwaitingTimer(name) if name == timer:
            turn.complete(frame, None)
        case AwaitingRetry(name) if name == timer:
            turn.make_ready(Turn.try_again, frame)
        case AwaitingTask() as rest if timer in (rest.timeout_timer, rest.heartbeat_timer):
            node = turn.nodes[frame.state]
            assert isinstance(node, TaskNode), "only a Task awaits a task"
            return node.overdue(turn, frame, rest, timer)
        case Moving() if timer.startswith("continue:"):
            turn.make_ready(Turn.advance, frame)
        case _:
            return False
    return True
