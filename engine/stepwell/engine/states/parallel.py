"""Parallel: every branch gets the same input; the result is the array of their outputs."""

from typing import TYPE_CHECKING

from stepwell.definitions.kinds import QueryLanguage
from stepwell.engine.states.container import ContainerNode

if TYPE_CHECKING:
    from stepwell.definitions import model

if TYPE_CHECKING:
    from stepwell.engine.execution import Frame
    from stepwell.engine.turn import Turn


class ParallelNode(ContainerNode):
    __slots__ = ("_starts",)

    def __init__(self, name: str, state: "model.ParallelState", language: QueryLanguage) -> None:
        super().__init__(name, state, language)
        self._starts = tuple(branch.start_at for branch in state.branches)

    def behave(self, turn: "Turn", frame: "Frame") -> None:
        environment = turn.environment(frame)
        value = self.flow.arguments(self.flow.document(frame.input, environment), environment)
        frame.previous = turn.emit("ParallelStateStarted", frame.previous)
        self.spawn(turn, frame, [(start, value) for start in self._starts], len(self._starts))

    def start_child(self, turn: "Turn", frame: "Frame", index: int, previous: int) -> None:
        child = turn.present(f"{frame.path}/{index}")
        child.previous = previous
        turn.make_ready(type(turn).advance, child)

    def child_ended(self, turn: "Turn", frame: "Frame", child: "Frame") -> int:
        return child.previous
