"""One step of an execution in progress: the machine's working state between an event and the changes it makes.

Rule 1: a step is a loop over a queue of frames that can move, never a recursion: thousands of states in a row and
    thousands of branches are the same to it.
Rule 2: frames are copied before they are changed; the execution that was given stays as it is.
Rule 3: the limit on history events is checked where events are made, so no loop of states escapes it.
Rule 4: a frame of several that can move goes one state and gives way to the others. That is how branches and iterations
    interleave on AWS: all of them start, then all of them take their first state, and so on.
"""

from collections import deque
from collections.abc import Callable
from copy import copy
from functools import cached_property
from typing import Any

from stepwell.definitions import failure as names
from stepwell.definitions.expressions import Entropy, Json
from stepwell.definitions.failure import Failed, Failure
from stepwell.definitions.json_text import NotJson, dumps, exceeds
from stepwell.definitions.kinds import StateMachineType
from stepwell.engine import quotas
from stepwell.engine.effects import CancelTask, CancelTimer, Effect, FinishExecution, SetTimer
from stepwell.engine.environment import Environment, execution_context
from stepwell.engine.events import Event
from stepwell.engine.execution import (
    FINISHED,
    MOVING,
    AwaitingChildren,
    AwaitingRetry,
    AwaitingTask,
    AwaitingTimer,
    Changes,
    Execution,
    Finished,
    Frame,
    Moving,
    NotStarted,
    index_of,
    parent_of,
)
from stepwell.engine.failures import cut, error_output, failure_details, too_large
from stepwell.engine.history import Details, HistoryEvent, make_event
from stepwell.engine.lifecycles import EXECUTION, ExecutionStatus
from stepwell.engine.node import Node, Outcome
from stepwell.engine.program import Program
from stepwell.engine.retry import UNCATCHABLE, matches

MOVES_AT_ONCE = 20_000
"""How many events one step may make before it lets the host commit and go on in the next: Express executions have no
limit on their history, and a loop of states must not keep a host for ever."""


LAST_EVENTS = {
    "succeed": "ExecutionSucceeded",
    "fail": "ExecutionFailed",
    "time_out": "ExecutionTimedOut",
    "abort": "ExecutionAborted",
}
"""By the move in the lifecycle of an execution that they tell of."""

NO_FAILURE = Failure()


LONG = 1_000
"""Characters. A longer text counts as so many events: it is as much to be laid down."""


class HistoryFull(Exception):
    """The execution has reached the maximum number of history events."""


class Turn:
    """The step in progress."""

    def __init__(self, program: Program, execution: Execution, event: Event) -> None:
        self.program = program
        self.nodes = program.nodes
        self.execution = execution
        self.at = max(event.at, execution.latest_at)  # another host's clock may be behind
        self.entropy = Entropy(event.entropy)
        self.missing = event.missing
        self.frames: dict[str, Frame | None] = {}
        self.effects: list[Effect] = []
        self.history: list[HistoryEvent] = []
        self.next_event_id = execution.next_event_id
        self.status = execution.status
        self.stopped_at = execution.stopped_at
        self.output: str | None = execution.output
        self.failure = Failure(execution.error, execution.cause)
        self.redrive_count = execution.redrive_count
        self.redriven_at = execution.redriven_at
        self.redrive_token = execution.redrive_token
        self.timeout_timer = execution.timeout_timer
        self._ready: deque[tuple[Callable[[Turn, Frame], None], Frame]] = deque()
        is_standard = execution.type is StateMachineType.STANDARD
        self._last_event_id = quotas.HISTORY_EVENTS if is_standard else None
        self._pause_at = self.next_event_id + MOVES_AT_ONCE

    # --- what the machine sees of a step ---------------------------------------------------------------------------

    def run(self) -> None:
        """Moves frames until all of them rest."""
        ready = self._ready
        while ready:
            move, frame = ready.popleft()
            if self.frames.get(frame.path) is not frame:
                continue  # torn down meanwhile, by the failure of a sibling
            if move is Turn.advance and self.next_event_id > self._pause_at:
                self._go_on_later(frame)
            else:
                move(self, frame)

    def begin_time(self) -> None:
        """Lets the time that the execution has begin."""
        is_express = self.execution.type is StateMachineType.EXPRESS
        longest = quotas.EXPRESS_SECONDS if is_express else quotas.EXECUTION_SECONDS
        seconds = min(self.program.timeout_seconds or longest, longest)
        self.timeout_timer = self.timer_name("execution", self.present(""))
        self.effects.append(SetTimer(timer=self.timeout_timer, due=self.at + seconds * 1000))

    def changes(self) -> Changes:
        return Changes(
            at=self.at,
            frames=self.frames,
            next_event_id=self.next_event_id,
            status=self.status,
            stopped_at=self.stopped_at,
            output=self.output,
            error=self.failure.error,
            cause=self.failure.cause,
            redrive_count=self.redrive_count,
            redriven_at=self.redriven_at,
            redrive_token=self.redrive_token,
            timeout_timer=self.timeout_timer,
        )

    # --- frames ----------------------------------------------------------------------------------------------------

    def frame(self, path: str) -> Frame | None:
        """The step's own copy of a frame, None where there is none."""
        if path in self.frames:
            return self.frames[path]
        found = self.execution.frames.get(path)
        if found is None:
            return None
        own = self.frames[path] = copy(found)
        return own

    def peek(self, path: str) -> Frame:
        """A frame that is there, to read only: no copy is made."""
        return self.frames.get(path) or self.execution.frames[path]

    def present(self, path: str) -> Frame:
        frame = self.frame(path)
        assert frame is not None, f"frame {path!r} is there as long as its children are"
        return frame

    def add(self, frame: Frame) -> Frame:
        self.frames[frame.path] = frame
        return frame

    def remove(self, path: str) -> None:
        if path in self.execution.frames:
            self.frames[path] = None
        else:
            del self.frames[path]

    def make_ready(self, move: "Callable[[Turn, Frame], None]", frame: Frame) -> None:
        """Lets `move` carry the frame on when its turn comes."""
        frame.rest = MOVING
        self.queue(move, frame)

    def queue(self, move: "Callable[[Turn, Frame], None]", frame: Frame) -> None:
        """The same for a frame that rests already: more is to be said of it, after the others had their turn."""
        self._ready.append((move, frame))

    # --- history ---------------------------------------------------------------------------------------------------

    def emit(self, event_type: str, previous: int, details: Details | None = None) -> int:
        """Adds an event and returns its id."""
        number = self.next_event_id
        if number == self._last_event_id:
            raise HistoryFull
        self.next_event_id = number + 1
        self.history.append(make_event((number, previous, event_type, self.at, details)))
        return number

    def fill_history(self) -> None:
        """The last event there can be says so."""
        text = f"The execution reached the maximum number of history events ({quotas.HISTORY_EVENTS})."
        self.end("fail", self.next_event_id - 1, Failure(names.RUNTIME, text))

    # --- from state to state ---------------------------------------------------------------------------------------

    def advance(self, frame: Frame) -> None:
        """Carries a frame from the state it stands before to the next, until it rests, ends or gives way."""
        nodes, ready = self.nodes, self._ready
        while True:
            node = nodes[frame.state]
            frame.entered_from = frame.previous
            entered = self.emit(node.entered, frame.previous, {"name": node.name, "input": frame.text})
            frame.entered_event = frame.previous = entered
            frame.entered_at = self.at
            frame.retries = ()
            if len(frame.text) > LONG:
                self._pause_at -= len(frame.text) // LONG
            if not self._behave(frame, node):
                return
            if ready or self.next_event_id > self._pause_at:
                ready.append((Turn.advance, frame))
                return

    def try_again(self, frame: Frame) -> None:
        """Does the work of the state that the frame is in once more, after a retry's delay."""
        if self._behave(frame, self.nodes[frame.state]):
            self.make_ready(Turn.advance, frame)

    def resume(self, path: str, previous: int) -> None:
        """Lets a frame of a redriven execution go on where it stopped; its next event points at `previous`.

        One that ended well keeps its output, and one that was not started waits for its turn as before.
        """
        if isinstance(self.peek(path).rest, Finished | NotStarted):
            return
        frame = self.present(path)
        frame.previous = previous
        frame.retries = ()
        if frame.entered_event:
            self.nodes[frame.state].redrive(self, frame)
        else:
            self.make_ready(Turn.advance, frame)

    def _behave(self, frame: Frame, node: Node) -> bool:
        """Whether the frame stands before its next state now."""
        try:
            outcome = node.behave(self, frame)
        except Failed as failed:
            return self.fail(frame, self.explained(frame, failed))
        return outcome is not None and self._leave(frame, node, outcome)

    def complete(self, frame: Frame, result: Json) -> None:
        """The work that the frame rested for has this result."""
        node = self.nodes[frame.state]
        if not node.is_container:  # its children stay with it until it is left or tried again
            frame.rest = MOVING
        try:
            outcome = node.leave(self, frame, result)
        except Failed as failed:
            moves = self.fail(frame, self.explained(frame, failed))
        else:
            moves = self._leave(frame, node, outcome, work_succeeded=True)
        if moves:
            self.make_ready(Turn.advance, frame)

    def _leave(self, frame: Frame, node: Node, outcome: Outcome, *, work_succeeded: bool = False) -> bool:
        """Whether there is a next state, which the frame stands before now.

        `work_succeeded`: the state is left because the work it rested for went well, not by one of its catchers.
        """
        output, assigned, following = outcome
        try:
            text = frame.text if output is frame.input else self.text_of(output)
            values = {name: self.text_of(value) for name, value in assigned.items()} if assigned else {}
        except Failed as failed:
            return self.fail(frame, self.explained(frame, failed))
        if output is not frame.input and exceeds(text, quotas.PAYLOAD_BYTES):
            # What a Pass makes too large ends it at once (recorded); a container's result is like a task's.
            return self.fail(frame, too_large(node.name), by_own_handlers=node.is_container and work_succeeded)
        details: dict[str, Any] = {"name": node.name, "output": text}
        if assigned:
            details["assignedVariables"] = values
            variables = {**frame.variables, **assigned}
            if exceeds("".join(values.values()), quotas.PAYLOAD_BYTES) or _are_too_large(variables):
                return self.fail(frame, too_large(node.name), by_own_handlers=False)
            frame.variables = variables
        if node.is_container:
            if work_succeeded:
                self.emit(f"{node.type}StateSucceeded", frame.previous)
            self._remove_children(frame)
        frame.previous = self.emit(node.exited, frame.previous, details)
        frame.input = output
        frame.text = text
        if following is not None:
            frame.state = following
            frame.entered_event = 0  # it stands before the state now
            return True
        frame.rest = FINISHED
        if frame.path:
            self._tell_parent(frame)
        else:
            self.output = text
            self.end("succeed", frame.previous, details={"output": text})
        return False

    def _tell_parent(self, frame: Frame) -> None:
        parent = self.present(parent_of(frame.path))
        self.nodes[parent.state].child_finished(self, parent, frame)

    def _go_on_later(self, frame: Frame) -> None:
        frame.rest = MOVING
        self.effects.append(SetTimer(timer=self.timer_name("continue", frame), due=self.at))

    # --- failing ---------------------------------------------------------------------------------------------------

    def explained(self, frame: Frame, failed: Failed) -> Failure:
        """The failure with AWS's opening, which names the state and where it was entered.

        An expression of JSONata that failed leaves an event of its own.
        """
        failure = failed.failure
        if failed.prefixed:
            opening = (
                f"An error occurred while executing the state '{frame.state}' "
                f"(entered at the event id #{frame.entered_event}). "
            )
            failure = Failure(failure.error, f"{opening}{failure.cause}")
        failure = cut(failure)
        if failure.error == names.QUERY_EVALUATION_ERROR:
            self._tell_of_evaluation(frame, failure, failed.location)
        return failure

    def _tell_of_evaluation(self, frame: Frame, failure: Failure, location: str | None) -> None:
        """What is evaluated as the state is entered points at the event before it, but for Wait (both recorded)."""
        is_entering = frame.previous == frame.entered_event and self.nodes[frame.state].type != "Wait"
        details = {**failure_details(failure), "state": frame.state}
        if location is not None:
            details["location"] = location
        previous = frame.entered_from if is_entering else frame.previous
        frame.previous = self.emit("EvaluationFailed", previous, details)

    def fail_in_turn(self, failure: Failure) -> "Callable[[Turn, Frame], None]":
        """A move that lets the frame's state fail when its turn comes."""

        def move(turn: Turn, frame: Frame) -> None:
            if turn.fail(frame, failure):
                turn.make_ready(Turn.advance, frame)

        return move

    def fail(self, frame: Frame, failure: Failure, *, by_own_handlers: bool = True) -> bool:
        """The state of the frame fails: retry, catch, or let the scope fail.

        Returns whether the frame stands before a next state. `by_own_handlers=False` passes the state's own over.
        """
        node = self.nodes[frame.state]
        if failure.error in UNCATCHABLE:
            self.end("fail", frame.previous, failure)
            return False
        if by_own_handlers and self._retry(frame, node, failure):
            return False
        if node.is_container:
            frame.previous = self.emit(f"{node.type}StateFailed", frame.previous)
        if by_own_handlers:
            for catcher in node.catchers:
                if matches(catcher.names, failure):
                    return self._catch(frame, node, catcher, failure)
        self._propagate(frame, failure)
        return False

    def _retry(self, frame: Frame, node: Node, failure: Failure) -> bool:
        """Whether the state is tried once more. The first retrier that matches owns the error."""
        for index, retrier in enumerate(node.retriers):
            if not matches(retrier.names, failure):
                continue
            used = frame.retries or (0,) * len(node.retriers)
            if used[index] >= retrier.max_attempts:
                return False
            self._remove_children(frame)
            frame.retries = (*used[:index], used[index] + 1, *used[index + 1 :])
            delay = retrier.delay_seconds(used[index] + 1, self.entropy)
            timer = self.timer_name("retry", frame)
            frame.rest = AwaitingRetry(timer)
            self.effects.append(SetTimer(timer=timer, due=self.at + round(delay * 1000)))
            return True
        return False

    def _catch(self, frame: Frame, node: Node, catcher: Any, failure: Failure) -> bool:
        try:
            output, assigned = catcher.caught(frame.input, error_output(failure), self.environment(frame))
        except Failed as failed:
            return self.fail(frame, self.explained(frame, failed), by_own_handlers=False)
        return self._leave(frame, node, (output, assigned, catcher.next))

    def _propagate(self, frame: Frame, failure: Failure) -> None:
        """A scope fails with what none of its handlers took: the container it belongs to, or the execution."""
        if not frame.path:
            self.end("fail", frame.previous, failure)
            return
        origin = frame.previous
        parent = self.present(parent_of(frame.path))
        self._tear_down(parent, origin, frame.path)
        parent.previous = origin
        if self.fail(parent, failure):
            self.make_ready(Turn.advance, parent)

    def _tear_down(self, parent: Frame, origin: int, failed_path: str | None) -> None:
        """Tells of the end of a container's children that run, in order; all events point at the failing one.

        The children stay as they are. A handler that takes the failure removes them; where none does, the execution
        ends within this step, and a redrive finds each of them where it stood.
        """
        rest = parent.rest
        assert isinstance(rest, AwaitingChildren), f"{parent.path!r} has children to tear down"
        node = self.nodes[parent.state]
        for index in range(rest.length):
            child = self.peek(f"{parent.path}/{index}")
            is_failed = child.path == failed_path
            if not isinstance(child.rest, Finished | NotStarted):
                self._abort(node, child, origin, index, is_failed)

    def _abort(self, node: Node, child: Frame, origin: int, index: int, is_failed: bool) -> None:
        if node.type == "Map":
            ending = "MapIterationFailed" if is_failed else "MapIterationAborted"
            self.emit(ending, origin, {"name": node.name, "index": index})
        child_node = self.nodes[child.state]
        if isinstance(child.rest, AwaitingChildren) and not is_failed:  # else its children had their events
            self._tear_down(child, origin, None)
        # A state that failed has ended by that, but for a Task, which AWS aborts all the same; one that the frame
        # stands before was never entered.
        if child.entered_event and (child_node.type == "Task" or not is_failed):
            self.emit(child_node.aborted, origin)

    def _remove_children(self, frame: Frame) -> None:
        """Removes all that is beneath a container, and ends what it waits for: the container goes on without it."""
        rest = frame.rest
        if not isinstance(rest, AwaitingChildren):
            return
        paths = [f"{frame.path}/{index}" for index in range(rest.length)]
        if rest.finished < rest.length:  # else nothing waits, in any of what may be thousands
            for path in paths:
                child = self.peek(path)
                self._remove_children(child)
                self.cancel(child)
        for path in paths:
            self.remove(path)

    # --- the end ---------------------------------------------------------------------------------------------------

    def end(self, trigger: str, previous: int, failure: Failure = NO_FAILURE, details: Details | None = None) -> None:
        """The end of the execution: its last event, its status, and nothing left running."""
        if trigger != "succeed":
            self._last_event_id = None  # an execution that ends otherwise may use the last event there is
        self.emit(LAST_EVENTS[trigger], previous, failure_details(failure) if details is None else details)
        self.status = EXECUTION.follow(self.status, trigger)
        self.stopped_at = self.at
        if self.status is not ExecutionStatus.TIMED_OUT:  # DescribeExecution gives neither error nor cause then
            self.failure = failure
        for path in [*self.execution.frames, *(path for path in self.frames if path not in self.execution.frames)]:
            if self.frames.get(path, MOVING) is not None:  # else gone
                self.cancel(self.peek(path))
        if self.timeout_timer is not None:
            self.effects.append(CancelTimer(timer=self.timeout_timer))
            self.timeout_timer = None
        self._ready.clear()
        self.effects.append(FinishExecution(status=self.status))

    def cancel(self, frame: Frame) -> None:
        """Ends what the frame waits for."""
        match frame.rest:
            case AwaitingTask() as rest:
                self.effects.append(CancelTask(token=rest.token))
                self.cancel_task_timers(rest)
            case AwaitingTimer(timer) | AwaitingRetry(timer):
                self.effects.append(CancelTimer(timer=timer))
            case Moving() | NotStarted() | AwaitingChildren() | Finished():
                pass

    def cancel_task_timers(self, rest: AwaitingTask) -> None:
        for timer in (rest.timeout_timer, rest.heartbeat_timer):
            if timer is not None:
                self.effects.append(CancelTimer(timer=timer))

    # --- what states ask for ---------------------------------------------------------------------------------------

    def environment(self, frame: Frame, token: str | None = None) -> Environment:
        return Environment(self, frame, token)

    @cached_property
    def execution_context(self) -> dict[str, Json]:
        """What the context object of every state tells of the execution."""
        return execution_context(self)

    def text_of(self, value: Json) -> str:
        """The JSON text of a value made in this step; raises `Failed` where it is nested too deeply for one."""
        try:
            return dumps(value)
        except NotJson as fault:
            raise Failed(names.RUNTIME, str(fault)) from None

    def timer_name(self, purpose: str, frame: Frame) -> str:
        """A name that no other timer of the execution has."""
        return f"{purpose}:{frame.path}:{self.next_event_id}"

    def containers(self, path: str) -> tuple[tuple[str, int], ...]:
        """The containers around a frame, outermost first, each with the branch or iteration."""
        around: list[tuple[str, int]] = []
        while path:
            outer = parent_of(path)
            frame = self.peek(outer)
            around.append((frame.state, index_of(path)))
            path = outer
        return tuple(reversed(around))


def _are_too_large(variables: dict[str, Json]) -> bool:
    """Whether all variables together break their quota; few cannot, as each has a quota of its own."""
    if len(variables) * quotas.PAYLOAD_BYTES <= quotas.VARIABLES_BYTES:
        return False
    return exceeds("".join(map(dumps, variables.values())), quotas.VARIABLES_BYTES)
