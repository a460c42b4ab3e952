"""What each kind of state does: one module each, in the order of the specification."""

from stepwell.engine.node import Node
from stepwell.engine.states.choice import ChoiceNode
from stepwell.engine.states.fail import FailNode
from stepwell.engine.states.map import MapNode
from stepwell.engine.states.parallel import ParallelNode
from stepwell.engine.states.pass_ import PassNode
from stepwell.engine.states.succeed import SucceedNode
from stepwell.engine.states.task import TaskNode
from stepwell.engine.states.wait import WaitNode

NODES: dict[str, type[Node]] = {
    "Task": TaskNode,
    "Pass": PassNode,
    "Choice": ChoiceNode,
    "Wait": WaitNode,
    "Succeed": SucceedNode,
    "Fail": FailNode,
    "Parallel": ParallelNode,
    "Map": MapNode,
}
