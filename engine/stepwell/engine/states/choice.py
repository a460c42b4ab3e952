"""Choice: the first rule that matches says where to go.

The state's own Assign and Output apply only where Default is taken; a rule has its own.
"""

from typing import TYPE_CHECKING

from stepwell.definitions.failure import RUNTIME, Failed
from stepwell.definitions.kinds import QueryLanguage
from stepwell.engine.node import Node, Outcome

if TYPE_CHECKING:
    from stepwell.definitions import model

if TYPE_CHECKING:
    from stepwell.engine.execution import Frame
    from stepwell.engine.turn import Turn

NO_MATCH = "Failed to transition out of the state. The state does not point to a next state."


class ChoiceNode(Node):
    __slots__ = ("_default", "_rules")

    def __init__(self, name: str, state: "model.ChoiceState", language: QueryLanguage) -> None:
        super().__init__(name, state, language)
        self._default = state.default
        self._rules = tuple((*self.flow.rule(index), rule.next) for index, rule in enumerate(state.choices))

    def behave(self, turn: "Turn", frame: "Frame") -> Outcome:
        environment = turn.environment(frame)
        document = self.flow.document(frame.input, environment)
        for matches, finish, following in self._rules:
            if matches(document, environment):
                output, assigned = finish(frame.input, document, environment)
                return output, assigned, following
        if self._default is None:
            raise Failed(RUNTIME, NO_MATCH)
        output, assigned = self.flow.finish(frame.input, document, environment)
        return output, assigned, self._default
