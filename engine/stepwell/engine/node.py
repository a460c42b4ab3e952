"""A state of a compiled program: its place in the machine and what it does.

Each kind of state is one subclass, in `states/`. A node is immutable, shared by all executions, and keeps
nothing of a run; everything it does, it does through the `Turn` it is given.
"""

from typing import TYPE_CHECKING, ClassVar

from stepwell.definitions.expressions import Json
from stepwell.definitions.kinds import QueryLanguage
from stepwell.engine.flows import FLOWS, Flow, Variables
from stepwell.engine.retry import Catcher, Retrier, compile_retrier

if TYPE_CHECKING:
    from stepwell.definitions import model

if TYPE_CHECKING:
    from stepwell.engine.execution import Frame
    from stepwell.engine.turn import Turn

Outcome = tuple[Json, Variables | None, str | None]
"""How a state was left: its output, the variables it assigned, and the next state (None: the scope ends here)."""


class Node:
    """One state, ready to run."""

    __slots__ = (
        "aborted",
        "can_be_called_back",
        "catchers",
        "entered",
        "exited",
        "flow",
        "name",
        "next",
        "retriers",
        "type",
    )

    is_container: ClassVar[bool] = False

    def __init__(self, name: str, state: "model.BaseState", language: QueryLanguage) -> None:
        from stepwell.definitions import model  # here, not above: it takes a while, and not everybody has a definition

        self.name = name
        self.type = state.type
        self.entered = f"{state.type}StateEntered"
        self.exited = f"{state.type}StateExited"
        self.aborted = f"{state.type}StateAborted"
        self.next = state.next if isinstance(state, model.StepState) else None
        self.can_be_called_back = False
        """Whether the context object holds a task token: only where somebody can answer with it."""
        self.flow: Flow = FLOWS[language](state)
        self.retriers: tuple[Retrier, ...] = ()
        self.catchers: tuple[Catcher, ...] = ()
        if isinstance(state, model.WorkState):
            self.retriers = tuple(compile_retrier(retrier) for retrier in state.retry)
            self.catchers = tuple(
                Catcher(names=catcher.error_equals, next=catcher.next, caught=self.flow.caught(index))
                for index, catcher in enumerate(state.catch)
            )

    def behave(self, turn: "Turn", frame: "Frame") -> Outcome | None:
        """Does the state's work for a frame that has entered it, or does it once more for a retry or a redrive.

        Returns how the state is left, or None where the frame rests now. Raises `Failed`.
        """
        raise AssertionError(f"{type(self).__name__} says what it does")

    def redrive(self, turn: "Turn", frame: "Frame") -> None:
        """Carries on a frame that a redrive finds in this state, which did not end well: its work is done again.

        Which events a redriven state gives is not documented. It is entered again only where AWS says so.
        """
        turn.make_ready(type(turn).try_again, frame)

    def child_finished(self, turn: "Turn", frame: "Frame", child: "Frame") -> None:
        """A child of the frame has reached the end of its scope."""
        raise AssertionError(f"{type(self).__name__} has no children")

    def leave(self, turn: "Turn", frame: "Frame", result: Json) -> Outcome:
        """How the state is left with the result of its work."""
        output, assigned = self.flow.finish(frame.input, result, turn.environment(frame))
        return output, assigned, self.next
