"""Map, inline: the same states for every item; the result is the array of their outputs, in the order of the items."""

from typing import TYPE_CHECKING

from stepwell.definitions.kinds import QueryLanguage
from stepwell.engine import quotas
from stepwell.engine.execution import index_of
from stepwell.engine.states.container import ContainerNode

if TYPE_CHECKING:
    from stepwell.definitions import model

if TYPE_CHECKING:
    from stepwell.engine.execution import Frame
    from stepwell.engine.turn import Turn


class MapNode(ContainerNode):
    __slots__ = ("_concurrency", "_items", "_selector", "_start", "_tolerances")

    def __init__(self, name: str, state: "model.MapState", language: QueryLanguage) -> None:
        super().__init__(name, state, language)
        self._start = state.processor.start_at
        self._items = self.flow.items()
        self._selector = self.flow.selector()
        self._concurrency = self.flow.scalar("MaxConcurrency")
        # They have no effect on an inline Map, but are evaluated and may fail as in a distributed one (recorded there).
        tolerances = (self.flow.scalar("ToleratedFailureCount"), self.flow.scalar("ToleratedFailurePercentage"))
        self._tolerances = tuple(tolerance for tolerance in tolerances if tolerance is not None)

    def behave(self, turn: "Turn", frame: "Frame") -> None:
        environment = turn.environment(frame)
        document = self.flow.document(frame.input, environment)
        items = self._items(document, environment)
        limit = self._concurrency(document, environment) if self._concurrency else 0
        frame.previous = turn.emit("MapStateStarted", frame.previous, {"length": len(items)})
        for tolerance in self._tolerances:
            tolerance(document, environment)
        if select := self._selector:
            items = [
                select(document, environment.of_item({"Index": index, "Value": item}))
                for index, item in enumerate(items)
            ]
        start = self._start
        # 0 is no limit of the author's; the service has one all the same.
        limit = min(limit or quotas.INLINE_CONCURRENCY, quotas.INLINE_CONCURRENCY)
        self.spawn(turn, frame, [(start, item) for item in items], limit)

    def start_child(self, turn: "Turn", frame: "Frame", index: int, previous: int) -> None:
        child = turn.present(f"{frame.path}/{index}")
        child.previous = turn.emit("MapIterationStarted", previous, {"name": self.name, "index": index})
        turn.make_ready(type(turn).advance, child)

    def child_ended(self, turn: "Turn", frame: "Frame", child: "Frame") -> int:
        details = {"name": self.name, "index": index_of(child.path)}
        return turn.emit("MapIterationSucceeded", child.previous, details)
