"""Pass: hands its input, or a value of its own, on."""

from typing import TYPE_CHECKING

from stepwell.engine.node import Node, Outcome

if TYPE_CHECKING:
    from stepwell.engine.execution import Frame
    from stepwell.engine.turn import Turn


class PassNode(Node):
    __slots__ = ()

    def behave(self, turn: "Turn", frame: "Frame") -> Outcome:
        flow = self.flow
        if flow.is_identity:
            return frame.input, None, self.next
        environment = turn.environment(frame)
        result = flow.arguments(flow.document(frame.input, environment), environment)
        output, assigned = flow.finish(frame.input, result, environment)
        return output, assigned, self.next
