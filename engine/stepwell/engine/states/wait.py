"""Wait: goes on after a time, or at one."""

from typing import TYPE_CHECKING

from stepwell.definitions import model, timestamps
from stepwell.definitions.expressions import Expression, Json
from stepwell.definitions.failure import RUNTIME, Failed
from stepwell.definitions.json_text import dumps
from stepwell.definitions.paths import compile_reader
from stepwell.engine import quotas
from stepwell.engine.dataflow import constant
from stepwell.engine.effects import SetTimer
from stepwell.engine.execution import AwaitingTimer
from stepwell.engine.node import Node, Outcome

if TYPE_CHECKING:
    from stepwell.engine.execution import Frame
    from stepwell.engine.turn import Turn

LONGEST = quotas.WAIT_SECONDS * 1000


def _text(value: Json) -> str:
    return value if isinstance(value, str) else dumps(value)


class WaitNode(Node):
    """`due` gives the milliseconds at which the wait ends, from the document and the present."""

    __slots__ = ("_path", "_seconds", "_timestamp")

    def __init__(self, name: str, state: model.WaitState) -> None:
        super().__init__(name, state)
        self._path = state.seconds_path or state.timestamp_path
        self._seconds: Expression | None = None
        self._timestamp: Expression | None = None
        if state.seconds is not None:
            self._seconds = constant(state.seconds)
        elif state.seconds_path is not None:
            self._seconds = compile_reader(state.seconds_path, _no_seconds)
        elif state.timestamp is not None:
            self._timestamp = constant(state.timestamp)
        elif state.timestamp_path is not None:
            self._timestamp = compile_reader(state.timestamp_path)

    def behave(self, turn: "Turn", frame: "Frame") -> Outcome | None:
        environment = turn.environment(frame)
        document = self.flow.document(frame.input, environment)
        if self._seconds:
            due = turn.at + self._checked_seconds(self._seconds(document, environment)) * 1000
        else:
            assert self._timestamp is not None, "a checked Wait has one of its four forms"
            due = self._instant(self._timestamp(document, environment))
        if due - turn.at >= LONGEST:
            raise Failed(RUNTIME, "Wait state delay is too long.")
        if due <= turn.at:
            return self.leave(turn, frame, None)
        timer = turn.timer_name("wait", frame)
        frame.rest = AwaitingTimer(timer)
        turn.effects.append(SetTimer(timer=timer, due=due))
        return None

    def leave(self, turn: "Turn", frame: "Frame", result: Json) -> Outcome:
        environment = turn.environment(frame)
        document = self.flow.document(frame.input, environment)
        output, assigned = self.flow.finish(frame.input, document, environment)
        return output, assigned, self.next

    def _checked_seconds(self, value: Json) -> int:
        if type(value) is not int:
            raise Failed(
                RUNTIME, f"The SecondsPath parameter cannot be parsed as a long value: {self._path} == {_text(value)}"
            )
        if value < 0:
            raise Failed(RUNTIME, f"The SecondsPath parameter references a negative value: {self._path} == {value}")
        return value

    def _instant(self, value: Json) -> int:
        """The first millisecond that is not before the timestamp."""
        nanoseconds = timestamps.parse(value) if isinstance(value, str) else None
        if nanoseconds is None:
            raise Failed(
                RUNTIME,
                "The TimestampPath parameter does not reference a valid ISO-8601 extended offset date-time format "
                f"string: {self._path} == {_text(value)}",
            )
        return -(-nanoseconds // 1_000_000)


def _no_seconds(text: str, _message: str, _document: Json) -> str:
    return f"The SecondsPath parameter does not reference an input value: {text}"
