"""Live progress on a terminal: what has ended scrolls away as a log, what moves stays below it.

    ✓ Check stock                                          12 ms
    ⠹ Prepare · 1 of 2 branches                           4.1 s
      #0 ✓ Reserve                                         1.2 s
         ↻ Charge · attempt 2 · again in 2 s               2.9 s
             CardDeclined: not enough money · again in 4 s
      #1 ✓ Print label                                     0.3 s

Rule 1: a root state is written for good when it has ended and the machine cannot come back to it; what a loop may enter
    again stays in the moving part, where its rounds are counted.
Rule 2: the execution never waits for the terminal: it updates the tree, and a thread draws ten times a second.
Rule 3: nothing is wider than the window, and the moving part is never higher.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from time import monotonic
from types import TracebackType
from typing import Self

from rich.console import Console, Group, OverflowMethod, RenderableType
from rich.live import Live
from rich.text import Text

from stepwell.adapters.command.output import SPINNER, console, one_line, spelled
from stepwell.adapters.command.tree import Children, Line, Mark, Row, Tree, active
from stepwell.adapters.command.wording import delay, duration, failure
from stepwell.definitions import model
from stepwell.engine.effects import SetTimer
from stepwell.engine.execution import Execution
from stepwell.engine.history import HistoryEvent
from stepwell.engine.machine import Step

FRAMES_PER_SECOND = 10
WIDEST = 88
MARGIN = 3
SHOWN_ACTIVE = 4
"""Of many children so many are shown while they run."""

LONGEST_ERROR = 400

MARKS = {
    Mark.RUNNING: ("⠿", "cyan"),
    Mark.WAITING: ("◷", "blue"),
    Mark.RETRYING: ("↻", "yellow"),
    Mark.DONE: ("✓", "green"),
    Mark.CAUGHT: ("!", "yellow"),
    Mark.FAILED: ("✗", "red"),
    Mark.ABORTED: ("■", "dim"),
}


class Progress:
    """Draws an execution on stderr while it is entered. `observe` is a worker's observer.

    `follow` says which execution that is, before its host works.
    """

    def __init__(self, machine: model.StateMachine, terminal: Console | None = None) -> None:
        self._following = {name: _following(state) for name, state in machine.states.items()}
        self._console = terminal or console(stderr=True)
        self._tree = Tree(fails={
            name: failure(state.error, state.cause)
            for name, state in machine.walk()
            if isinstance(state, model.FailState) and (state.error or state.cause)
        })  # fmt: skip
        self._arn = ""
        self._lock = threading.Lock()
        self._observed = monotonic()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._keep_drawing, name="stepwell-progress", daemon=True)
        self._live = Live(
            console=self._console,
            auto_refresh=False,
            transient=True,
            vertical_overflow="crop",
        )

    def follow(
        self, arn: str, now: int, events: Sequence[HistoryEvent] = (), timers: Mapping[str, int] | None = None
    ) -> None:
        """The execution to draw, what has happened in it so far, and its timers. `now` is its time in milliseconds."""
        self._arn = arn
        self._tree.take(events, [SetTimer(timer=timer, due=due) for timer, due in (timers or {}).items()])
        self._observed = monotonic() - max(0, now - (events[-1].at if events else now)) / 1000

    def observe(self, execution: Execution, step: Step) -> None:
        if execution.arn != self._arn:  # one that a task has started
            return
        with self._lock:
            self._tree.take(step.history, step.effects)
            self._observed = monotonic()

    def __enter__(self) -> Self:
        self._live.start()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over.set()
        self._thread.join()
        self._live.update("", refresh=True)
        self._live.stop()
        with self._lock:
            for row in self._tree.root.rows.values():
                self._print(row)
            self._tree.root.rows.clear()

    # --- drawing ----------------------------------------------------------------------------------------------------

    def _keep_drawing(self) -> None:
        tick = 0
        while not self._is_over.wait(1 / FRAMES_PER_SECOND):
            tick += 1
            with self._lock:
                for row in self._ended():
                    del self._tree.root.rows[row.name]
                    self._print(row)
                moving = self._moving(tick)
            self._live.update(moving, refresh=True)

    def _ended(self) -> list[Row]:
        """The rows that nothing will change any more, down to the first that something may."""
        root = self._tree.root
        if root.current is None:
            return []
        reachable = self._reachable(root.current.name)
        ended = []
        for row in root.rows.values():
            if row is root.current or row.name in reachable:
                break
            ended.append(row)
        return ended

    def _reachable(self, name: str) -> set[str]:
        reached: set[str] = set()
        waiting = [name]
        while waiting:
            for following in self._following.get(waiting.pop(), ()):
                if following not in reached:
                    reached.add(following)
                    waiting.append(following)
        return reached

    def _print(self, row: Row) -> None:
        for text in self._drawn(row, self._now(), 0, is_final=True):
            self._put(text)

    def _put(self, text: Text) -> None:
        self._console.print(text, no_wrap=True, overflow="ellipsis", crop=True)

    def _now(self) -> int:
        """The execution's time, which `--fast-forward` makes another than ours."""
        return self._tree.latest_at + round((monotonic() - self._observed) * 1000)

    def _moving(self, tick: int) -> RenderableType:
        now = self._now()
        lines = [text for row in self._tree.root.rows.values() for text in self._drawn(row, now, tick)]
        room = max(3, self._console.height - 2)
        if len(lines) > room:
            hidden = len(lines) - room + 1
            lines = [Text(self._spelled(f"… {hidden} lines above"), "dim"), *lines[hidden:]]
        return Group(*lines)

    def _drawn(self, row: Row, now: int, tick: int, indent: str = "", *, is_final: bool = False) -> Iterator[Text]:
        yield self._title(row, now, tick, indent)
        below = " " * len(indent)
        if row.notes_left_out:
            yield self._cut(Text(f"{below}    … {row.notes_left_out:,} before", "dim"))
        for note in row.notes:
            yield self._cut(Text.assemble(f"{below}    ", (one_line(note, LONGEST_ERROR), "dim yellow")))
        if row.error and not _tells(row.children, row.error):
            yield self._cut(Text.assemble(f"{below}    ", (one_line(row.error, LONGEST_ERROR), MARKS[row.mark][1])))
        if row.children:
            yield from self._children(row.children, now, tick, below, is_final=is_final)

    def _children(self, children: Children, now: int, tick: int, indent: str, *, is_final: bool) -> Iterator[Text]:
        shown: Mapping[int, Line] = children.lines
        if children.is_summarised:
            failed = [each for each in sorted(children.lines.items()) if each[1].has_failed]
            moving = [] if is_final else list(active(children))[:SHOWN_ACTIVE]
            shown = dict(sorted([*failed, *moving]))
        width = len(str(max(shown, default=0)))
        for index, line in sorted(shown.items()):
            rows = list(line.rows.values())
            if children.is_summarised and not line.has_failed:
                rows = [line.current] if line.current else []
            for number, row in enumerate(rows):
                label = f"#{index}".ljust(width + 1) if number == 0 else " " * (width + 1)
                yield from self._drawn(row, now, tick, f"{indent}  {label} ", is_final=is_final)

    def _title(self, row: Row, now: int, tick: int, indent: str) -> Text:
        mark, colour = MARKS[row.mark]
        if row.mark is Mark.RUNNING:
            mark = SPINNER[tick % len(SPINNER)]
        took = duration(row.elapsed(now))
        room = max(1, min(self._width, WIDEST) - len(took) - 2)
        about = Text("".join(self._spelled(f" · {part}") for part in self._about(row, now)), "dim")
        text = Text.assemble((indent, "dim"), (self._spelled(mark), colour), " ")
        text.append(one_line(row.name), "bold" if row.mark.is_active else "")
        text.truncate(max(len(indent) + 8, room - about.cell_len), overflow=self._overflow)
        text.append_text(about)
        text.truncate(room, overflow=self._overflow, pad=True)
        return text.append(f"  {took}", "dim")

    def _about(self, row: Row, now: int) -> Iterator[str]:
        if row.visits > 1:
            yield f"×{row.visits:,}"
        if row.attempts > 1:
            yield f"attempt {row.attempts}" if row.mark.is_active else f"{row.attempts} attempts"
        if children := row.children:
            yield from _counted(children)
        if row.due is not None:
            left = delay(row.due - now)
            yield f"again in {left}" if row.mark is Mark.RETRYING else f"{left} left"
        if row.awaits and row.mark.is_active:
            yield f"waits for {row.awaits}"

    def _cut(self, text: Text) -> Text:
        text.plain = self._spelled(text.plain)
        text.truncate(self._width, overflow=self._overflow)
        return text

    @property
    def _width(self) -> int:
        """A little less than the window has: what the terminal adds itself, as ^C, must not break a line."""
        return max(1, self._console.width - MARGIN)

    @property
    def _overflow(self) -> OverflowMethod:
        return "ellipsis" if self._is_utf8 else "crop"

    @property
    def _is_utf8(self) -> bool:
        return self._console.encoding.startswith("utf")

    def _spelled(self, text: str) -> str:
        return spelled(text, self._console.encoding)


def _counted(children: Children) -> Iterator[str]:
    what = "branches" if children.type == "Parallel" else "items"
    yield f"{children.finished:,} of {children.length:,} {what}"
    if children.is_summarised and children.running:
        yield f"{children.running:,} running"
    if children.failed:
        yield f"{children.failed:,} failed"


def _tells(children: Children | None, error: str) -> bool:
    """Whether the error is that of a child, where it is shown already."""
    lines = children.lines.values() if children else ()
    return any(line.current is not None and line.current.error == error for line in lines)


def _following(state: model.BaseState) -> tuple[str, ...]:
    """The states that may come right after a state."""
    names: list[str | None] = []
    if isinstance(state, model.StepState):
        names.append(state.next)
    if isinstance(state, model.WorkState):
        names += [catcher.next for catcher in state.catch]
    if isinstance(state, model.ChoiceState):
        names += [rule.next for rule in state.choices]
        names.append(state.default)
    return tuple(name for name in names if name is not None)
