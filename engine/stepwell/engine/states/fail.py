"""Fail: ends its scope with an error and a cause, each given or read, or neither."""

from typing import TYPE_CHECKING

from stepwell.definitions import model
from stepwell.definitions.expressions import Expression, Json
from stepwell.definitions.failure import RUNTIME, Failed, Failure
from stepwell.definitions.templates import compile_value
from stepwell.engine.dataflow import constant
from stepwell.engine.node import Node

if TYPE_CHECKING:
    from stepwell.engine.execution import Frame
    from stepwell.engine.turn import Turn


def _compile(field: str, literal: str | None, path: str | None) -> Expression:
    return constant(literal) if path is None else compile_value(field, path)


class FailNode(Node):
    __slots__ = ("_cause", "_error")

    def __init__(self, name: str, state: model.FailState) -> None:
        super().__init__(name, state)
        self._error = _compile("ErrorPath", state.error, state.error_path)
        self._cause = _compile("CausePath", state.cause, state.cause_path)

    def behave(self, turn: "Turn", frame: "Frame") -> None:
        environment = turn.environment(frame)
        document = self.flow.document(frame.input, environment)
        error = _string("ErrorPath", self._error(document, environment))
        cause = _string("CausePath", self._cause(document, environment))
        turn.fail(frame, Failure(error, cause), handled=False)


def _string(field: str, value: Json) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise Failed(RUNTIME, f"The value of the field '{field}' must be a string")
