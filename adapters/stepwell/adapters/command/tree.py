"""What a person watching an execution wants to see of it: a tree of states, kept small.

Rule 1: every line of control (the machine, a branch, an iteration) has one row for each of its states, in the order in
    which they were first entered. A loop does not add rows: it counts its rounds on those that are there.
Rule 2: of a container with more than a few children only those are kept that run or that failed; the others are a
    number. So the tree is as large as the definition, not as the execution.
Rule 3: nothing here draws; `progress` does.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum

from stepwell.adapters.command.wording import delay, failure
from stepwell.adapters.whereabouts import Whereabouts
from stepwell.engine.effects import Effect, SetTimer
from stepwell.engine.execution import index_of, parent_of
from stepwell.engine.history import HistoryEvent

SHOWN_CHILDREN = 6
"""A container with more is summarised."""
KEPT_FAILURES = 3
KEPT_NOTES = 3

AWAITED = {"waitForTaskToken": "its token", "sync": "its job", "sync:2": "its job"}
"""What a task waits for after its first answer, by its pattern."""

ENTERED_AT = re.compile(r"^\S+ An error occurred while executing the state '.*?' \(entered at the event id #(\d+)\)")
"""How AWS names the state in which an execution has failed, at the beginning of the cause."""


class Mark(Enum):
    """How a state stands."""

    RUNNING = "running"
    WAITING = "waiting"
    RETRYING = "retrying"
    DONE = "done"
    CAUGHT = "caught"
    FAILED = "failed"
    ABORTED = "aborted"

    @property
    def is_active(self) -> bool:
        return self in (Mark.RUNNING, Mark.WAITING, Mark.RETRYING)


@dataclass(slots=True)
class Row:
    """One state in one line of control. Times are milliseconds since the epoch."""

    name: str
    type: str
    entered_at: int
    mark: Mark = Mark.RUNNING
    visits: int = 1
    attempts: int = 0
    spent: int = 0
    """Milliseconds of all visits that have ended."""
    due: int | None = None
    """When the wait, or the delay before a retry, ends."""
    awaits: str = ""
    """What is waited for, where that is neither time nor a function."""
    error: str = ""
    notes: list[str] = field(default_factory=list)
    notes_left_out: int = 0
    children: "Children | None" = None

    def note(self, text: str) -> None:
        self.notes.append(text)
        if len(self.notes) > KEPT_NOTES:
            del self.notes[0]
            self.notes_left_out += 1

    def elapsed(self, now: int) -> int:
        return self.spent + (max(0, now - self.entered_at) if self.mark.is_active else 0)


@dataclass(slots=True)
class Line:
    """One line of control: the rows of its states."""

    path: str
    rows: dict[str, Row] = field(default_factory=dict)
    current: Row | None = None
    has_failed: bool = False

    @property
    def is_done(self) -> bool:
        return self.current is not None and self.current.mark in (Mark.DONE, Mark.CAUGHT)


@dataclass(slots=True)
class Children:
    """The branches of a Parallel or the iterations of a Map."""

    type: str
    length: int
    lines: dict[int, Line] = field(default_factory=dict)
    done: int = 0
    failed: int = 0
    running: int = 0

    @property
    def is_summarised(self) -> bool:
        return self.length > SHOWN_CHILDREN

    @property
    def finished(self) -> int:
        """How many ended well. No event tells the end of a branch: there its last state does."""
        if self.type == "Map" or self.done:
            return self.done
        return sum(line.is_done for line in self.lines.values())


class Tree:
    """Takes what happens and keeps what is to be seen. `fails`: the failures of Fail states, which no event tells."""

    def __init__(self, fails: Mapping[str, str] | None = None) -> None:
        self._fails = fails or {}
        self.root = Line("")
        self.latest_at = 0
        self._lines = {"": self.root}
        self._whereabouts = Whereabouts()
        self._latest_error = ""

    def take(self, events: Iterable[HistoryEvent], effects: Iterable[Effect] = ()) -> None:
        """The next step of the execution."""
        for event in events:
            self.latest_at = event.at
            self._take_event(event, self._whereabouts.path_of(event))
        for effect in effects:
            if isinstance(effect, SetTimer):
                self._take_timer(effect)

    # --- events -----------------------------------------------------------------------------------------------------

    def _take_event(self, event: HistoryEvent, path: str) -> None:
        kind, details = event.type, event.details or {}
        if kind == "ExecutionRedriven":
            for at, name, of_type in self._whereabouts.resting:
                self._go_on(at, name, of_type, event.at)
        elif kind.startswith("Execution"):
            self._execution(event, kind)
        elif kind.startswith("MapIteration"):
            self._iteration(kind, path)
        elif kind.endswith("StateEntered"):
            self._entered(event, path, details["name"], kind.removesuffix("StateEntered"))
        elif kind.endswith("StateExited"):
            self._exited(event, path, details["name"])
        elif kind in ("ParallelStateStarted", "MapStateStarted"):
            self._children_begin(path, kind.removesuffix("StateStarted"), details.get("length"))
        elif kind in ("ParallelStateFailed", "MapStateFailed"):
            if row := self._row(path):
                row.error = self._latest_error
        elif not kind.endswith(("StateAborted", "StateSucceeded")):
            self._task(kind, path, event)

    def _row(self, path: str) -> Row | None:
        line = self._lines.get(path)
        return line.current if line else None

    def _entered(self, event: HistoryEvent, path: str, name: str, kind: str) -> None:
        line = self._lines.get(path) or self._begin(path)
        row = line.rows.get(name)
        if row is None:
            row = line.rows[name] = Row(name, kind, event.at)
        else:
            row.visits += 1
            row.entered_at = event.at
            row.mark = Mark.RUNNING
            row.attempts = 0
            row.error = ""
            row.children = None
        line.current = row
        if kind == "Fail":
            row.mark = Mark.FAILED
            row.error = self._latest_error = self._fails.get(name, "")

    def _exited(self, event: HistoryEvent, path: str, name: str) -> None:
        line = self._lines.get(path)
        row = line.rows.get(name) if line else None
        if row is None:
            return
        row.spent += event.at - row.entered_at
        row.mark = Mark.CAUGHT if row.error else Mark.DONE
        row.due, row.awaits = None, ""
        self._end_children(path, row)

    def _task(self, kind: str, path: str, event: HistoryEvent) -> None:
        row = self._row(path)
        if row is None:
            return
        details = event.details or {}
        row.mark, row.due = Mark.RUNNING, None
        if kind.endswith("Scheduled"):
            row.attempts += 1
            row.error = ""
            row.awaits = "a worker" if kind == "ActivityScheduled" else ""
        elif kind.endswith("Started"):
            row.awaits = ""
        elif kind == "TaskSubmitted":
            action, _, pattern = str(details.get("resource", "")).partition(".")
            is_nested = action == "startExecution" and pattern.startswith("sync")
            row.awaits = "its execution" if is_nested else AWAITED.get(pattern, "")
        elif kind.endswith(("Failed", "TimedOut")):
            row.error = self._latest_error = failure(details.get("error"), details.get("cause"))

    def _execution(self, event: HistoryEvent, kind: str) -> None:
        if kind in ("ExecutionStarted", "ExecutionSucceeded"):
            return
        details = event.details or {}
        error = failure(details.get("error"), details.get("cause")) if kind == "ExecutionFailed" else ""
        if named := ENTERED_AT.search(error):
            culprit = self._row(self._whereabouts.path_of_id(int(named[1])))
            if culprit and not culprit.error:
                culprit.error = error
        for line in list(self._lines.values()):
            row = line.current
            if row and row.mark.is_active:
                row.mark = Mark.FAILED if error and (line is self.root or row.error) else Mark.ABORTED
                row.spent += event.at - row.entered_at
                row.due, row.awaits = None, ""
        if (row := self.root.current) and row.mark is Mark.FAILED:
            row.error = row.error or error

    def _go_on(self, path: str, name: str, kind: str, at: int) -> None:
        """A redrive lets a line of control go on in a state that has not ended well."""
        parent = self._row(parent_of(path)) if path else None
        children = parent.children if parent else None
        line = self._lines.get(path) or (children and children.lines.get(index_of(path))) or Line(path)
        row = line.rows.setdefault(name, Row(name, kind, at))
        row.mark, row.entered_at, row.error, row.due, row.awaits = Mark.RUNNING, at, "", None, ""
        if children:
            children.lines[index_of(path)] = line
            children.failed -= line.has_failed
            children.running += 1
        line.current, line.has_failed = row, False
        self._lines[path] = line

    # --- children ---------------------------------------------------------------------------------------------------

    def _children_begin(self, path: str, kind: str, length: int | None) -> None:
        row = self._row(path)
        if row is None:
            return
        self._end_children(path, row)
        row.mark, row.due, row.error = Mark.RUNNING, None, ""
        row.attempts += 1
        row.children = Children(kind, length or 0)

    def _begin(self, path: str) -> Line:
        line = self._lines[path] = Line(path)
        parent = self._row(parent_of(path))
        if parent and parent.children:
            children = parent.children
            children.lines[index_of(path)] = line
            if children.type == "Parallel":
                children.length = max(children.length, index_of(path) + 1)
                children.running += 1
        return line

    def _iteration(self, kind: str, path: str) -> None:
        row = self._row(parent_of(path))
        if row is None or row.children is None:
            return
        children = row.children
        if kind == "MapIterationStarted":
            children.running += 1
            self._lines.pop(path, None)
            return
        children.running -= 1
        line = self._lines.get(path)
        if kind == "MapIterationSucceeded":
            children.done += 1
        if kind == "MapIterationFailed":
            children.failed += 1
            if line:
                line.has_failed = True
        self._forget(path, line, children)

    def _forget(self, path: str, line: Line | None, children: Children) -> None:
        """Ends a line; one of many that did well, or that failed after some others, is no longer shown."""
        self._lines.pop(path, None)
        if line is None:
            return
        _put_to_rest(line, self.latest_at)
        kept = sum(each.has_failed for each in children.lines.values())
        if children.is_summarised and not (line.has_failed and kept <= KEPT_FAILURES):
            children.lines.pop(index_of(path), None)

    def _end_children(self, path: str, row: Row) -> None:
        """The container has ended, or begins anew: whatever still ran in it was aborted."""
        children = row.children
        if children is None:
            return
        if children.type == "Parallel":
            children.done = children.finished
        for index, line in list(children.lines.items()):
            if line.current and line.current.children:
                self._end_children(f"{path}/{index}", line.current)
            if line.current and line.current.error:
                line.has_failed = True
                children.failed += children.type == "Parallel"
            self._forget(f"{path}/{index}", line, children)
        children.running = 0

    # --- timers -----------------------------------------------------------------------------------------------------

    def _take_timer(self, timer: SetTimer) -> None:
        purpose, path, _ = timer.timer.split(":", 2)
        row = self._row(path)
        if row is None or not row.mark.is_active or purpose not in ("wait", "retry"):
            return
        row.due = timer.due
        if purpose == "wait":
            row.mark = Mark.WAITING
            return
        row.mark = Mark.RETRYING
        error = row.error or self._latest_error or "failed"
        row.note(f"{error} · again in {delay(timer.due - self.latest_at)}")
        row.error = ""
        self._end_children(path, row)


def _put_to_rest(line: Line, at: int) -> None:
    for row in line.rows.values():
        if row.mark.is_active:
            row.spent += max(0, at - row.entered_at)
            row.mark = Mark.FAILED if row.error or (line.has_failed and row is line.current) else Mark.ABORTED
            row.due, row.awaits = None, ""


def active(children: Children) -> Iterator[tuple[int, Line]]:
    """The lines of control that are on their way, by their index."""
    for index, line in sorted(children.lines.items()):
        if line.current and line.current.mark.is_active:
            yield index, line
