"""Where in an execution its events happened: in which branch of which Parallel, in which iteration of which Map.

A history is one flat list, and most of its events do not say where they belong. They name the event that led to them,
though, and by following that the line of control of each is found: a path as in `stepwell.engine.execution`, `""` for
the root, `/0/17` for iteration 17 of a Map in branch 0 of a Parallel.

What is torn down with a container that failed points at the event of the failure, not at its own past. Of a Map its
iterations are named; of a Parallel nothing is, and such a path is that of the Parallel.

The first event of each line that a redrive lets go on points at the redrive. Which line that is, is told by the states
that were entered and not left: the first of them, in the order of their paths, that such an event fits.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from math import inf

from stepwell.engine.execution import parent_of
from stepwell.engine.history import HistoryEvent

CONTAINERS = ("Parallel", "Map")


class Whereabouts:
    """Takes the events of one execution in their order."""

    def __init__(self) -> None:
        self._paths = {0: ""}
        self._states: dict[str, str] = {}
        """The state that each line of control entered last."""
        self._entries: set[int] = set()
        self._containers: dict[str, tuple[str, str]] = {}
        """Name and type of the Parallel or Map that a line of control stands in."""
        self._branches: dict[int, int] = {}
        """How many branches began, by the event of the Parallel's start."""
        self._torn_down: tuple[int, str] = (0, "")
        """The failure for which iterations are being aborted, and the last of these."""
        self._entered: dict[str, str] = {}
        """The types of the states that were entered and not left, by path."""
        self._redriven = 0
        """The latest redrive."""
        self._resting: dict[str, tuple[str, str]] = {}
        """The lines of control that it lets go on, and that have not moved yet: name and type of the state."""

    def path_of(self, event: HistoryEvent) -> str:
        """The path of the next event."""
        path = self._paths[event.id] = self._find(event, event.type)
        self._resting.pop(path, None)
        kind, is_of_state, _ = event.type.partition("State")
        if event.type.endswith("StateEntered") and event.details:
            self._states[path] = event.details["name"]
            if kind in CONTAINERS:
                self._entries.add(event.id)
            self._entered[path] = kind
        elif event.type.endswith("StateExited"):
            self._leave(path, kind)
        elif is_of_state and event.type.endswith("Started"):
            self._leave(path, kind)
            self._entered[path] = kind
        elif event.type == "ExecutionRedriven":
            self._redrive(event)
        return path

    def state_at(self, path: str) -> str:
        """The state that a line of control entered last."""
        return self._states.get(path, "")

    def path_of_id(self, event_id: int) -> str:
        """The path of an event that was taken; that of the root for one that was not."""
        return self._paths.get(event_id, "")

    @property
    def resting(self) -> Iterator[tuple[str, str, str]]:
        """The lines of control that the latest redrive lets go on, and that have not moved yet, outer before inner:
        path, name and type of the state."""
        return ((path, name, kind) for path, (name, kind) in self._resting.items())

    def _find(self, event: HistoryEvent, kind: str) -> str:
        before = self._paths.get(event.previous_event_id, "")
        name = (event.details or {}).get("name", "")
        if kind.startswith("Execution"):
            return ""
        if event.previous_event_id == self._redriven and (rested := self._resumed(kind, name)) is not None:
            return rested
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
        if kind.endswith("StateAborted"):
            return self._aborted(event, before)
        return before

    def _leave(self, path: str, kind: str) -> None:
        """Nothing within the state goes on."""
        self._entered.pop(path, None)
        if kind in CONTAINERS:
            for at in [at for at in self._entered if at.startswith(f"{path}/")]:
                del self._entered[at]

    def _redrive(self, event: HistoryEvent) -> None:
        self._redriven = event.id
        in_order = sorted(self._entered, key=lambda path: [int(index) for index in path.split("/")[1:]])
        self._resting = {path: (self._states[path], self._entered[path]) for path in in_order}
        for path, (name, kind) in self._resting.items():
            if kind in CONTAINERS:
                self._containers[path] = name, kind

    def _resumed(self, kind: str, name: str) -> str | None:
        """The line of control that an event lets go on after a redrive."""
        for path, (state, of_type) in self._resting.items():
            if (
                (kind.endswith(("StateEntered", "StateExited")) and name == state)
                or (kind.endswith("Scheduled") and of_type == "Task")
                or kind == f"{of_type}StateStarted"
            ):
                return path
        return None

    def _aborted(self, event: HistoryEvent, before: str) -> str:
        """A state without a name: in an iteration that the event before has named, or in some branch of a Parallel."""
        at = self._torn_down[1] if event.previous_event_id == self._torn_down[0] else ""
        if event.type == "MapStateAborted":
            return self._container_ended(event.type, at or before, "")
        if event.type == "ParallelStateAborted":
            return self._parallel_aborted(at, before)
        return at or next((at for at in _outwards(before) if at in self._containers), before)

    def _parallel_aborted(self, at: str, before: str) -> str:
        """The next Parallel that is torn down: not one around the failure, and inner ones before outer ones."""
        failing = set(_outwards(before))
        others = {path for path, (_, kind) in self._containers.items() if kind == "Parallel" and path not in failing}
        path = next((path for path in (*_outwards(at), *sorted(others, key=_inner_first)) if path in others), None)
        if path is None:
            return at or before
        del self._containers[path]
        return path

    def _iteration(self, event: HistoryEvent, before: str, name: str) -> str:
        is_torn_down = event.type.endswith(("Failed", "Aborted"))
        if is_torn_down and event.previous_event_id == self._torn_down[0]:
            before = self._torn_down[1]
        outer = next((at for at in (*_outwards(before), *self._containers) if self._name_at(at) == name), before)
        path = f"{outer}/{(event.details or {}).get('index', 0)}"
        if is_torn_down:
            self._torn_down = event.previous_event_id, path
        return path

    def _name_at(self, path: str) -> str:
        return self._containers.get(path, ("", ""))[0]

    def _container_started(self, event: HistoryEvent, kind: str, before: str) -> str:
        path = before
        if event.previous_event_id not in self._entries:  # it starts once more, after a failure somewhere within it
            known = (at for at in _outwards(before) if self._containers.get(at, ("", ""))[1] == kind)
            path = next(known, before)
        self._containers[path] = self._states.get(path, ""), kind
        if kind == "Parallel":
            self._branches[event.id] = 0
        return path

    def _container_ended(self, kind: str, before: str, name: str) -> str:
        wanted = kind.partition("State")[0]
        for at in _outwards(before):
            container = self._containers.get(at)
            if container and container[1] == wanted and name in ("", container[0]):
                if not kind.endswith("Succeeded"):  # its exit follows, and names the state
                    del self._containers[at]
                return at
        return before


def invocations(events: Iterable[HistoryEvent]) -> tuple[Counter[str], dict[str, int]]:
    """How often the task of each state was asked for, and which of these, from 0, each line of control's latest was."""
    whereabouts = Whereabouts()
    counts: Counter[str] = Counter()
    latest: dict[str, int] = {}
    for event in events:
        path = whereabouts.path_of(event)
        if event.type.endswith("Scheduled"):
            state = whereabouts.state_at(path)
            latest[path] = counts[state]
            counts[state] += 1
    return counts, latest


def _inner_first(path: str) -> list[float]:
    return [*map(int, path.split("/")[1:]), inf]


def _outwards(path: str) -> Iterator[str]:
    yield path
    while path:
        path = parent_of(path)
        yield path
