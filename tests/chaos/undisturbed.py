"""The execution that was not disturbed, with the same machine and input in virtual time; how another departs from it.

What branches and iterations do side by side interleaves by chance, so histories are compared by line of control: what
each of them did, in its order. Without a Parallel or Map there is one, and the histories must be the same to the id.

Left out are the moments, and what is drawn anew for each execution: tokens, request ids, the names of children.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from chaos.machines import Machine
from chaos.work import undisturbed
from stepwell.adapters.hosts.simulation import Simulation
from stepwell.adapters.runs import Machines, launcher, prepare
from stepwell.adapters.whereabouts import Whereabouts
from stepwell.definitions.expressions import Json
from stepwell.definitions.json_text import InvalidJson, loads
from stepwell.engine.execution import Execution
from stepwell.engine.history import HistoryEvent
from stepwell.engine.operations.executions import new_execution, redrive_execution, start_execution

DRAWN_ANEW = frozenset(
    {
        "ExecutionArn",
        "Name",
        "StartDate",
        "StopDate",
        "SdkHttpMetadata",
        "SdkResponseMetadata",
        "execution",
        "token",
        "requestId",
        "stackTrace",
    }
)
"""Members, wherever they are, whose values differ from one execution to the next."""

EVENT_ID = re.compile(r"(?<=event id )#\d+")
"""What a cause says of the state that failed; side by side with others it has another id each time."""

Line = list[tuple[str, Json]]
"""What one line of control did: types and details of events."""


class Course(NamedTuple):
    """How an execution went, without what is left to chance."""

    status: str
    redrives: int
    output: Json
    error: str | None
    cause: Json
    history: list[tuple[int, int, str, Json]]
    """Id, predecessor, type, details."""
    lines: dict[tuple[Any, ...], Line]
    """By path and, for each Parallel or Map around it, how often that had started."""
    whole: set[tuple[Any, ...]]
    """The Parallel and Map states that ended well: path and how often it had started, of it and of those around it."""


def course_of(execution: Execution, given: Sequence[HistoryEvent]) -> Course:
    events = _without_vain_submissions(given)
    lines, whole = _lines(events)
    return Course(
        status=execution.status.value,
        redrives=execution.redrive_count,
        output=_plain(execution.output),
        error=execution.error,
        cause=_plain(execution.cause),
        history=[(each.id, each.previous_event_id, each.type, _plain(each.details)) for each in events],
        lines=lines,
        whole=whole,
    )


class Undisturbed:
    """Runs what is asked for in a simulation, once."""

    def __init__(self) -> None:
        self._courses: dict[tuple[str, str, str, int], Course] = {}
        self._machines: dict[str, Machines] = {}

    def course(self, machine: Machine, execution: Execution) -> Course:
        """How an execution of the machine, or of one of those that it starts, goes with the same input."""
        definitions = {machine.name: machine.definition, **machine.children}
        name = execution.state_machine_name if execution.state_machine_name in definitions else machine.name
        own_name = execution.name if name == machine.name else ""
        key = name, execution.input, own_name, execution.redrive_count
        if key not in self._courses:
            self._courses[key] = course_of(*self.run(machine, definitions[name], execution))
        return self._courses[key]

    def run(
        self, machine: Machine, definition: Mapping[str, Any], execution: Execution
    ) -> tuple[Execution, list[HistoryEvent]]:
        """The end and the history of an execution of a definition among those of the machine."""
        machines = self._machines.setdefault(machine.name, Machines(machine.children))
        host = Simulation(
            undisturbed(),
            compile=machines.compile,
            launch=launcher(machines, lambda: host),
        )
        prepared = prepare(dict(definition))
        alone = new_execution(
            at=host.clock.now(),
            entropy=host.entropy(),
            input=execution.input,
            name=execution.name,
            machine_arn=execution.state_machine_arn,
        )
        start_execution(host.worker, host.store, prepared.program, alone, prepared.definition)
        host.work()
        for _ in range(execution.redrive_count):
            redrive_execution(host.worker, host.store, alone.arn, host.clock.now())
            host.work()
        host.worker.close()
        return alone, host.store.history(alone.arn)


# --- comparing --------------------------------------------------------------------------------------------------------


def departures(expected: Course, actual: Course, *, cut_by: str | None = None) -> list[str]:
    """How an execution departs from the undisturbed one. `cut_by`: the last event of one ended from outside."""
    if cut_by is not None:
        if not actual.history or actual.history[-1][2] != cut_by:
            return [f"its last event is not {cut_by} but {actual.history[-1:]}"]
        actual = _without_last(actual)
    else:
        for name in ("status", "output", "error", "cause"):
            if getattr(expected, name) != getattr(actual, name):
                return [f"{name}: {getattr(actual, name)!r} instead of {getattr(expected, name)!r}"]
    if len(expected.lines) > 1 and expected.redrives:
        return []  # what was given up somewhere has gone on from there
    if len(expected.lines) == 1:
        return _difference("history", expected.history, actual.history, may_be_shorter=cut_by is not None)
    return [
        text
        for key in {**expected.lines, **actual.lines}
        for text in _difference(
            f"line {key[0] or '/'}",
            expected.lines.get(key, []),
            actual.lines.get(key, []),
            may_be_shorter=cut_by is not None or not _is_whole(key, expected),
            may_be_longer=not _is_whole(key, expected),
        )
    ]


def _without_last(course: Course) -> Course:
    """Without the event that ended it; that one is on the root's line."""
    root = next(iter(course.lines))
    return course._replace(history=course.history[:-1], lines={**course.lines, root: course.lines[root][:-1]})


def _difference(
    what: str, expected: Sequence[Any], actual: Sequence[Any], *, may_be_shorter: bool, may_be_longer: bool = False
) -> list[str]:
    for index, (theirs, ours) in enumerate(zip(expected, actual, strict=False)):
        if theirs != ours:
            return [f"{what}, event {index + 1}: {ours!r} instead of {theirs!r}"]
    if len(actual) < len(expected) and not may_be_shorter:
        return [f"{what} ends before {expected[len(actual)]!r}"]
    if len(actual) > len(expected) and not may_be_longer:
        return [f"{what} goes on with {actual[len(expected)]!r}"]
    return []


def _is_whole(key: tuple[Any, ...], course: Course) -> bool:
    """Whether all Parallel and Map states around a line of control ended well: else it was given up somewhere."""
    return all(key[depth:] in course.whole for depth in range(1, len(key)))


# --- lines of control -------------------------------------------------------------------------------------------------


def _lines(events: Iterable[HistoryEvent]) -> tuple[dict[tuple[Any, ...], Line], set[tuple[Any, ...]]]:
    whereabouts = Whereabouts()
    starts: dict[str, int] = defaultdict(int)
    lines: dict[tuple[Any, ...], Line] = {}
    whole = set()
    for event in events:
        path = whereabouts.path_of(event)
        if event.type.endswith("Aborted") and event.type != "ExecutionAborted":
            continue  # tells where the others were just then
        if event.type in ("ParallelStateStarted", "MapStateStarted"):
            starts[path] += 1
            for inner in [inner for inner in starts if inner.startswith(f"{path}/")]:
                del starts[inner]
        around = tuple((outer, starts[outer]) for outer in _outer(path))
        if event.type in ("ParallelStateSucceeded", "MapStateSucceeded"):
            whole.add(((path, starts[path]), *around))
        lines.setdefault((path, *around), []).append((event.type, _plain(event.details)))
    return lines, whole


def _outer(path: str) -> Iterable[str]:
    """The paths of the lines of control around one."""
    while path:
        path = path.rpartition("/")[0]
        yield path


def _without_vain_submissions(events: Sequence[HistoryEvent]) -> list[HistoryEvent]:
    """Without the TaskSubmitted of tasks that nobody answers: where the process was dead for longer than they may take,
    the function that is to hand the token over is called again, and too late."""
    by_id = {event.id: event for event in events}
    gone = {event.id for event in events if event.type == "TaskSubmitted" and _is_in_vain(event, by_id)}
    kept = [event for event in events if event.id not in gone]
    ids = {0: 0} | {event.id: number for number, event in enumerate(kept, start=1)}
    ids |= {number: ids[by_id[number].previous_event_id] for number in gone}
    return [event._replace(id=ids[event.id], previous_event_id=ids[event.previous_event_id]) for event in kept]


def _is_in_vain(event: HistoryEvent, by_id: Mapping[int, HistoryEvent]) -> bool:
    while event.type != "TaskScheduled":
        event = by_id[event.previous_event_id]
    assert event.details is not None, "it tells what it calls"
    return loads(event.details["parameters"]).get("plan", {}).get("by") == "nobody"


# --- what is left to chance -------------------------------------------------------------------------------------------


def _plain(value: Json) -> Json:
    """The value without what is drawn anew; texts that are JSON are taken as that."""
    match value:
        case dict():
            return {name: "…" if name in DRAWN_ANEW else _plain(each) for name, each in value.items()}
        case list():
            return [_plain(each) for each in value]
        case str():
            try:
                return _plain(loads(value)) if value[:1] in ("{", "[") else EVENT_ID.sub("#…", value)
            except InvalidJson:
                return value
        case _:
            return value
