"""What Parallel and Map have in common: children, of which each runs a scope of its own.

All children are there from the start, each with its input; those that must wait for their turn rest as not started. The
container collects the outputs in the order of the children, whatever order they ended in.
"""

from typing import TYPE_CHECKING, ClassVar

from stepwell.definitions.expressions import Json
from stepwell.engine.execution import NOT_STARTED, AwaitingChildren, Frame
from stepwell.engine.failures import limit_size
from stepwell.engine.node import Node

if TYPE_CHECKING:
    from stepwell.engine.turn import Turn


class ContainerNode(Node):
    __slots__ = ()

    is_container: ClassVar[bool] = True

    def start_child(self, turn: "Turn", frame: Frame, index: int, previous: int) -> None:
        """Lets a child go; `previous` is the event that its first one points at."""
        raise AssertionError(f"{type(self).__name__} says how a child starts")

    def child_ended(self, turn: "Turn", frame: Frame, child: Frame) -> int:
        """The end of a child that did well; returns the event that the container's own end points at."""
        raise AssertionError(f"{type(self).__name__} says what a child's end is")

    def spawn(self, turn: "Turn", frame: Frame, children: list[tuple[str, Json]], limit: int) -> None:
        """Makes a child of each (first state, input) and starts as many as may run at once."""
        known: tuple[Json, str] = (None, "null")  # branches share one input, and so one text
        frames = []
        for index, (state, value) in enumerate(children):
            if value is not known[0]:
                known = value, limit_size(turn.text_of(value), self.name)
            frames.append(
                Frame(
                    path=f"{frame.path}/{index}",
                    state=state,
                    input=value,
                    text=known[1],
                    variables=frame.variables,
                    rest=NOT_STARTED,
                )
            )
        for child in frames:  # all of them or, where one is too large, none
            turn.add(child)
        started = min(limit, len(children))
        frame.rest = AwaitingChildren(len(children), started, 0)
        for index in range(started):
            self.start_child(turn, frame, index, frame.previous)
        if not children:
            self._collect(turn, frame)

    def child_finished(self, turn: "Turn", frame: Frame, child: Frame) -> None:
        """A child has reached the end of its scope: the next may start, or the container is done."""
        rest = frame.rest
        assert isinstance(rest, AwaitingChildren), "a container awaits its children until the last has finished"
        last_inner_event = child.previous
        ending = self.child_ended(turn, frame, child)
        length, spawned, finished = rest.length, rest.spawned, rest.finished + 1
        if spawned < length:
            self.start_child(turn, frame, spawned, last_inner_event)
            spawned += 1
        frame.rest = AwaitingChildren(length, spawned, finished)
        if finished == length:
            frame.previous = ending
            self._collect(turn, frame)

    def _collect(self, turn: "Turn", frame: Frame) -> None:
        """All children have finished: their outputs are the result."""
        assert isinstance(frame.rest, AwaitingChildren), "the children stay until the state is left"
        outputs = [turn.peek(f"{frame.path}/{index}").input for index in range(frame.rest.length)]
        turn.complete(frame, outputs)

    def redrive(self, turn: "Turn", frame: Frame) -> None:
        """Lets the children go on that did not end well; the results of the others are kept.

        There is no event for the container, nor for an iteration that goes on: they have started already (inferred).
        """
        match frame.rest:
            case AwaitingChildren(length=length, finished=finished) if finished < length:
                for index in range(length):
                    turn.resume(f"{frame.path}/{index}", frame.previous)
            case AwaitingChildren():
                turn.queue(self._collect, frame)
            case _:
                super().redrive(turn, frame)
