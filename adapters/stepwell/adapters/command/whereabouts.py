"""Where in an execution its events happened: in which branch of which Parallel, in which iteration of which Map.

A history is one flat list, and most of its events do not say where they belong. They name the event that led to them,
though, and by following that the line of control of each is found: a path as in `stepwell.engine.execution`, `""` for
the root, `/0/17` for iteration 17 of a Map in branch 0 of a Parallel.

What is torn down with a container that failed points at the event of the failure, not at its own past: there, and only
there, a path may be that of the failure.
"""

from collections.abc import Iterator

from stepwell.engine.execution import parent_of
from stepwell.engine.history import HistoryEvent


class Whereabouts:
    """Takes the events of one execution in their order."""

    def __init__(self) -> None:
        self._paths = {0: ""}
        self._states: dict[str, str] = {}
        """The state that each line of control entered last."""
        self._containers: dict[str, tuple[str, str]] = {}
        """Name and type of the Parallel or Map that a line of control stands in."""
        self._branches: dict[int, int] = {}
        """How many branches began, by the event of the Parallel's start."""
        self._torn_down: tuple[int, str] = (0, "")
        """The failure for which iterations are being aborted, and the last of these."""

    def path_of(self, event: HistoryEvent) -> str:
        """The path of the next event."""
        path = self._paths[event.id] = self._find(event, event.type)
        if event.type.endswith("StateEntered") and event.details:
            self._states[path] = event.details["name"]
        return path

    def _find(self, event: HistoryEvent, kind: str) -> str:
        before = self._paths.get(event.previous_event_id, "")
        name = (event.details or {}).get("name", "")
        if kind.startswith("Execution"):
            return ""
        if kind.startswith("MapIteration"):
            return self._iteration(event, before, name)
        if kind in ("ParallelStateStarted", "MapStateStarted"):
            return self._container_started(event, kind.removesuffix("StateStarted"), before)
        if kind.startswith(("ParallelState", "MapState")) and kind.endswith(("Succeeded", "Failed", "Exited")):
            return self._container_ended(kind, before, name)
        if kind.endswith("StateEntered") and event.previous_event_id in self._branches:
            branch = self._branches[event.previous_event_id]
            self._branches[event.previous_event_id] += 1
            return f"{before}/{branch}"
        if kind.endswith("StateAborted") and event.previous_event_id == self._torn_down[0]:
            return self._torn_down[1]
        return before

    def _iteration(self, event: HistoryEvent, before: str, name: str) -> str:
        is_torn_down = event.type.endswith(("Failed", "Aborted"))
        if is_torn_down and event.previous_event_id == self._torn_down[0]:
            before = self._torn_down[1]
        outer = next((at for at in _outwards(before) if self._containers.get(at, ("", ""))[0] == name), before)
        path = f"{outer}/{(event.details or {}).get('index', 0)}"
        if is_torn_down:
            self._torn_down = event.previous_event_id, path
        return path

    def _container_started(self, event: HistoryEvent, kind: str, before: str) -> str:
        """A container that starts once more, after a retry, points at the failure deep within it."""
        known = (at for at in _outwards(before) if self._containers.get(at, ("", ""))[1] == kind)
        is_first = self._states.get(before) is not None and before not in self._containers
        path = before if is_first and not self._is_retried(before, kind) else next(known, before)
        self._containers[path] = self._states.get(path, ""), kind
        if kind == "Parallel":
            self._branches[event.id] = 0
        return path

    def _is_retried(self, path: str, kind: str) -> bool:
        return False

    def _container_ended(self, kind: str, before: str, name: str) -> str:
        wanted = kind.partition("State")[0]
        for at in _outwards(before):
            container = self._containers.get(at)
            if container and container[1] == wanted and name in ("", container[0]):
                if not kind.endswith("Succeeded"):  # its exit follows, and names the state
                    del self._containers[at]
                return at
        return before


def _outwards(path: str) -> Iterator[str]:
    yield path
    while path:
        path = parent_of(path)
        yield path
