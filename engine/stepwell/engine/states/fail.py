"""Fail: ends its scope with an error and a cause, each given or read, or neither."""

from typing import TYPE_CHECKING

from stepwell.definitions.failure import Failure
from stepwell.definitions.kinds import QueryLanguage
from stepwell.engine.failures import cut
from stepwell.engine.node import Node

if TYPE_CHECKING:
    from stepwell.definitions import model

if TYPE_CHECKING:
    from stepwell.engine.execution import Frame
    from stepwell.engine.turn import Turn


class FailNode(Node):
    __slots__ = ("_cause", "_error")

    def __init__(self, name: str, state: "model.FailState", language: QueryLanguage) -> None:
        super().__init__(name, state, language)
        self._error = self.flow.scalar("Error")
        self._cause = self.flow.scalar("Cause")

    def behave(self, turn: "Turn", frame: "Frame") -> None:
        environment = turn.environment(frame)
        document = self.flow.document(frame.input, environment)
        error = self._error(document, environment) if self._error else None
        cause = self._cause(document, environment) if self._cause else None
        turn.fail(frame, cut(Failure(error, cause)), by_own_handlers=False)

    def redrive(self, turn: "Turn", frame: "Frame") -> None:
        """Enters the state again, to fail again. Developer guide, redrive of individual states."""
        turn.make_ready(type(turn).advance, frame)
