"""Wait: goes on after a time, or at one."""

from typing import TYPE_CHECKING

from stepwell.definitions import timestamps
from stepwell.definitions.expressions import Environment, Json
from stepwell.definitions.failure import RUNTIME, Failed
from stepwell.definitions.kinds import QueryLanguage
from stepwell.engine import quotas
from stepwell.engine.effects import SetTimer
from stepwell.engine.execution import AwaitingTimer
from stepwell.engine.node import Node, Outcome

if TYPE_CHECKING:
    from stepwell.definitions import model

if TYPE_CHECKING:
    from stepwell.engine.execution import Frame
    from stepwell.engine.turn import Turn

LONGEST = quotas.WAIT_SECONDS * 1000


WAIT = "wait"
"""What the timers of these states are for: it begins their names."""


class WaitNode(Node):
    __slots__ = ("_seconds", "_timestamp")

    def __init__(self, name: str, state: "model.WaitState", language: QueryLanguage) -> None:
        super().__init__(name, state, language)
        self._seconds = self.flow.scalar("Seconds")
        self._timestamp = self.flow.scalar("Timestamp")

    def behave(self, turn: "Turn", frame: "Frame") -> Outcome | None:
        environment = turn.environment(frame)
        due = self._due(turn.at, self.flow.document(frame.input, environment), environment)
        if due - turn.at >= LONGEST:
            raise Failed(RUNTIME, "Wait state delay is too long.")
        if due <= turn.at:
            return self.leave(turn, frame, None)
        timer = turn.timer_name(WAIT, frame)
        frame.rest = AwaitingTimer(timer)
        turn.effects.append(SetTimer(timer=timer, due=due))
        return None

    def leave(self, turn: "Turn", frame: "Frame", result: Json) -> Outcome:
        environment = turn.environment(frame)
        document = self.flow.document(frame.input, environment)
        output, assigned = self.flow.finish(frame.input, document, environment)
        return output, assigned, self.next

    def _due(self, now: int, document: Json, environment: Environment) -> int:
        """When the wait ends: the first millisecond that is not before it."""
        if self._seconds:
            return now + int(self._seconds(document, environment)) * 1000
        assert self._timestamp is not None, "a checked Wait has one of its forms"
        nanoseconds = timestamps.parse(self._timestamp(document, environment))
        assert nanoseconds is not None, "a timestamp was checked where it was written or read"
        return -(-nanoseconds // 1_000_000)
