"""What the expressions of a state can see: the variables, and the context object with its members in AWS's order."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from stepwell.definitions import timestamps
from stepwell.definitions.expressions import Json
from stepwell.definitions.json_text import loads
from stepwell.definitions.kinds import StateMachineType
from stepwell.engine.execution import AwaitingTask

if TYPE_CHECKING:
    from stepwell.engine.execution import Frame
    from stepwell.engine.turn import Turn


class Environment:
    """What the expressions of one state can see. The context object is made when something asks for it."""

    __slots__ = ("_context", "_frame", "_item", "_token", "_turn", "at", "entropy", "variables")

    def __init__(self, turn: "Turn", frame: "Frame", token: str | None = None) -> None:
        self._turn = turn
        self._frame = frame
        self._token = token
        self._item: Mapping[str, Json] | None = None
        self._context: dict[str, Json] | None = None
        self.variables = frame.variables
        self.entropy = turn.entropy
        self.at = turn.at

    def of_item(self, item: Mapping[str, Json]) -> "Environment":
        """The same, with `Map.Item` in the context object."""
        environment = Environment(self._turn, self._frame, self._token)
        environment._item = item
        return environment

    @property
    def context(self) -> dict[str, Json]:
        if self._context is None:
            self._context = self._made_context()
        return self._context

    def _made_context(self) -> dict[str, Json]:
        frame, token = self._frame, self._token
        node = self._turn.nodes[frame.state]
        state: dict[str, Json] = {"Name": frame.state, "EnteredTime": timestamps.render(frame.entered_at)}
        if node.type == "Task":
            state["RetryCount"] = sum(frame.retries)
        context: dict[str, Json] = {**self._turn.execution_context, "State": state}
        if token is None and isinstance(frame.rest, AwaitingTask):
            token = frame.rest.token
        if token is not None and node.can_be_called_back:
            context["Task"] = {"Token": token}
        if self._item is not None:
            context["Map"] = {"Item": self._item}
        return context


def execution_context(turn: "Turn") -> dict[str, Json]:
    """What the context object tells of the execution and its state machine."""
    execution = turn.execution
    about: dict[str, Json] = {
        "Id": execution.arn,
        "Input": loads(execution.input),
        "StartTime": timestamps.render(execution.started_at),
        "Name": execution.name,
        "RoleArn": execution.role_arn,
    }
    if execution.type is StateMachineType.EXPRESS:  # has an order of its own (recorded)
        about = {name: about[name] for name in ("Id", "Input", "Name", "RoleArn", "StartTime")}
    if not execution.is_synchronous:
        about["RedriveCount"] = turn.redrive_count
    if turn.redriven_at is not None:
        about["RedriveTime"] = timestamps.render(turn.redriven_at)
    machine: dict[str, Json] = {"Id": execution.state_machine_arn, "Name": execution.state_machine_name}
    return {"Execution": about, "StateMachine": machine}
