"""Choice: the first rule that matches says where to go.

The state's own Assign applies only where Default is taken; a rule has its own.
"""

from typing import TYPE_CHECKING

from stepwell.definitions import model
from stepwell.definitions.choices import compile_rule
from stepwell.definitions.failure import RUNTIME, Failed
from stepwell.engine.dataflow import compile_finish
from stepwell.engine.node import Node, Outcome

if TYPE_CHECKING:
    from stepwell.engine.execution import Frame
    from stepwell.engine.turn import Turn

NO_MATCH = "Failed to transition out of the state. The state does not point to a next state."


class ChoiceNode(Node):
    __slots__ = ("default", "rules")

    def __init__(self, name: str, state: model.ChoiceState) -> None:
        super().__init__(name, state)
        self.default = state.default
        self.rules = tuple(
            (compile_rule(rule), compile_finish(state, rule.assign), rule.next) for rule in state.choices
        )

    def behave(self, turn: "Turn", frame: "Frame") -> Outcome:
        environment = turn.environment(frame)
        flow = self.flow
        document = flow.document(frame.input, environment)
        for matches, finish, following in self.rules:
            if matches(document, environment):
                output, assigned = finish(frame.input, document, environment)
                return output, assigned, following
        if self.default is None:
            raise Failed(RUNTIME, NO_MATCH)
        output, assigned = flow.finish(frame.input, document, environment)
        return output, assigned, self.default
