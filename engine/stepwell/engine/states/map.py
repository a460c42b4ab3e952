"""Map, inline: the same states for every item; the result is the array of their outputs, in the order of the items."""

from typing import TYPE_CHECKING

from stepwell.definitions import model
from stepwell.definitions.expressions import Environment, Expression, Json
from stepwell.definitions.failure import RUNTIME, Failed
from stepwell.definitions.json_text import dumps
from stepwell.definitions.paths import compile_reader
from stepwell.engine import quotas
from stepwell.engine.dataflow import constant, identity, template
from stepwell.engine.states.container import ContainerNode

if TYPE_CHECKING:
    from stepwell.engine.execution import Frame
    from stepwell.engine.turn import Turn


class MapNode(ContainerNode):
    __slots__ = ("_concurrency", "_items", "_items_path", "_selector", "_start")

    def __init__(self, name: str, state: model.MapState) -> None:
        super().__init__(name, state)
        self._start = state.processor.start_at
        self._items_path = state.items_path or "$"
        self._items = compile_reader(self._items_path) if state.gives("items_path") else identity
        # ItemSelector has an older name, Parameters.
        self._selector: Expression | None = None
        if state.gives("item_selector"):
            self._selector = template(state.item_selector)
        elif state.gives("parameters"):
            self._selector = template(state.parameters)
        self._concurrency = _compile_concurrency(state)

    def behave(self, turn: "Turn", frame: "Frame") -> None:
        environment = turn.environment(frame)
        document = self.flow.document(frame.input, environment)
        items = self._items(document, environment)
        if type(items) is not list:
            raise Failed(RUNTIME, f'Reference path "{self._items_path}" must point to array.')
        limit = self._concurrency(document, environment) or quotas.INLINE_CONCURRENCY
        frame.previous = turn.emit("MapStateStarted", frame.previous, {"length": len(items)})
        if select := self._selector:
            values = [
                select(document, environment.of_item({"Index": index, "Value": item}))
                for index, item in enumerate(items)
            ]
        else:
            values = items
        start = self._start
        self.spawn(turn, frame, [(start, value) for value in values], min(limit, quotas.INLINE_CONCURRENCY))

    def start_child(self, turn: "Turn", frame: "Frame", index: int, previous: int) -> None:
        child = turn.present(f"{frame.path}/{index}")
        child.previous = turn.emit("MapIterationStarted", previous, {"name": self.name, "index": index})
        turn.make_ready(type(turn).advance, child)

    def child_ended(self, turn: "Turn", frame: "Frame", child: "Frame") -> int:
        index = int(child.path.rpartition("/")[2])
        return turn.emit("MapIterationSucceeded", child.previous, {"name": self.name, "index": index})


def _compile_concurrency(state: model.MapState) -> Expression:
    """How many iterations may run at once; 0 for as many as there can be."""
    if state.max_concurrency_path is None:
        return constant(state.max_concurrency or 0)
    path = state.max_concurrency_path
    read = compile_reader(path)

    def concurrency(document: Json, environment: Environment) -> Json:
        value = read(document, environment)
        if type(value) is not int:
            shown = value if isinstance(value, str) else dumps(value)
            raise Failed(
                RUNTIME, f'The MaxConcurrencyPath field refers to value "{shown}" which is not a valid integer: {path}'
            )
        if value < 0:
            raise Failed(RUNTIME, "MaxConcurrency cannot be negative.")
        return value

    return concurrency
