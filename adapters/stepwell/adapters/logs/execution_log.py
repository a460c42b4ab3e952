"""Execution logs as executions go: from the steps that a worker lays down to the sinks.

Rule 1: logs are best effort, as on AWS: no execution ever waits for them, or fails with them. What is to be written
    waits in a queue with an end; what finds no room there is lost, and counted.
Rule 2: lines are made, and written, on a thread for each sink: one that hangs holds up no other.
Rule 3: what keeps going wrong is said once.
"""

import logging
import os
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from time import monotonic, time

from msgspec import Struct

from stepwell.adapters.logs import Line, LogGroups, NotWritten
from stepwell.engine.execution import Execution
from stepwell.engine.history import HistoryEvent
from stepwell.engine.logs import Logging, Redact, log_lines, logging_of
from stepwell.engine.machine import Step
from stepwell.engine.registry import Configuration

MOST_WAITING = 64 * 1024 * 1024
"""Characters, about, that wait to be written."""

WEIGHT_OF_AN_EVENT = 200
"""Characters, about, beside its data."""

MOST_AT_ONCE = 1_000
"""Steps whose lines are written together."""

CLOSING_SECONDS = 5.0

END_OF_TIME = 253_402_300_799
"""Seconds: the last of the year 9999, which skipped time may pass, and dates cannot."""

logger = logging.getLogger(__name__)


class Logged(Struct, frozen=True, kw_only=True):
    """The events of one step that are to be logged."""

    events: Sequence[HistoryEvent]
    asked: Logging
    stream: str
    execution_arn: str
    redrive_count: int
    map_run_arn: str | None
    weight: int

    @property
    def group(self) -> str:
        return self.asked.group

    @property
    def count(self) -> int:
        return len(self.events)

    def lines(self, redact: Redact | None) -> Iterator[Line]:
        return log_lines(
            self.events,
            self.asked,
            execution_arn=self.execution_arn,
            redrive_count=self.redrive_count,
            map_run_arn=self.map_run_arn,
            redact=redact,
        )


class Printed(Struct, frozen=True, kw_only=True):
    """A line that a Lambda function has written."""

    group: str
    stream: str
    text: str
    at: int

    @property
    def weight(self) -> int:
        return WEIGHT_OF_AN_EVENT + len(self.text)

    @property
    def count(self) -> int:
        return 1

    def lines(self, redact: Redact | None) -> Iterator[Line]:
        yield {"event_timestamp": str(self.at), "message": self.text}


class ExecutionLog:
    """Logs executions to these sinks. `redact` takes secrets out of the details of events, as `Redaction` does."""

    def __init__(self, *sinks: LogGroups, redact: Redact | None = None, most_waiting: int = MOST_WAITING) -> None:
        self._queues = [_Queue(sink, redact, most_waiting) for sink in sinks]
        self._id = os.urandom(4).hex()

    @property
    def lost(self) -> int:
        """Lines that were not written, of all sinks together."""
        return sum(queue.lost for queue in self._queues)

    def observe(
        self, execution: Execution, step: Step, configuration: Configuration, *, map_run_arn: str | None = None
    ) -> None:
        """Sees a step that was laid down, and the loggingConfiguration of its state machine. Never waits."""
        asked = logging_of(configuration)
        events = [event for event in step.history if asked.wants(event)] if asked else []
        if not asked or not events:
            return
        logged = Logged(
            events=events,
            asked=asked,
            stream=f"states/{execution.state_machine_name}/{_hour(step.changes.at)}/{self._id}",
            execution_arn=execution.arn,
            redrive_count=step.changes.redrive_count,
            map_run_arn=map_run_arn,
            weight=sum(map(_weight, events)),
        )
        for queue in self._queues:
            queue.put(logged)

    def print(self, function: str, text: str) -> None:
        """Takes a line that a Lambda function has written; it goes to the log group that it has on AWS. Never waits."""
        at = int(time() * 1000)
        printed = Printed(group=f"/aws/lambda/{function}", stream=f"{_hour(at)}/{self._id}", text=text, at=at)
        for queue in self._queues:
            queue.put(printed)

    def close(self, timeout: float = CLOSING_SECONDS) -> None:
        """Writes what waits, for so many seconds at most; what comes, or is left, after that is lost."""
        until = monotonic() + timeout
        for queue in self._queues:
            queue.end()
        for queue in self._queues:
            queue.join(until)


def _weight(event: HistoryEvent) -> int:
    weight = WEIGHT_OF_AN_EVENT
    for value in (event.details or {}).values():
        if isinstance(value, str):
            weight += len(value)
        elif isinstance(value, dict):  # variables, or the credentials of a task
            weight += sum(len(text) for text in value.values() if isinstance(text, str))
    return weight


def _hour(at: int) -> str:
    """A log stream's part of the time: AWS begins a stream now and then, and names it by the minute."""
    return datetime.fromtimestamp(min(at // 1000, END_OF_TIME), UTC).strftime("%Y-%m-%d-%H-00")


class _Queue:
    """What waits for one sink, and the thread that writes it, which begins with the first of it."""

    def __init__(self, sink: LogGroups, redact: Redact | None, most_waiting: int) -> None:
        self._sink = sink
        self._redact = redact
        self._room = most_waiting
        self._waiting: deque[Logged | Printed] = deque()
        self._changed = threading.Condition()
        self._has_ended = False
        self._thread: threading.Thread | None = None
        self._troubled: set[str] = set()
        """The log groups that could not be written when it was last tried."""
        self._was_full = False
        self.lost = 0

    def put(self, logged: Logged | Printed) -> None:
        with self._changed:
            has_room = logged.weight <= self._room and not self._has_ended
            if has_room:
                self._room -= logged.weight
                self._waiting.append(logged)
                self._changed.notify()
                self._begin()
            else:
                self.lost += logged.count
            must_tell = not (has_room or self._has_ended or self._was_full)
            self._was_full = self._was_full or must_tell
        if must_tell:
            logger.warning("Execution logs come faster than they can be written: lines are lost")

    def end(self) -> None:
        with self._changed:
            self._has_ended = True
            self._changed.notify()

    def join(self, until: float) -> None:
        """Waits for the thread until that moment of the monotonic clock."""
        if self._thread is None:
            self._sink.close()
        else:
            self._thread.join(max(0.0, until - monotonic()))
        with self._changed:
            left = sum(logged.count for logged in self._waiting)
            self._waiting.clear()
            self.lost += left
        if left:
            logger.warning("Execution logs could not be written in time: %d lines are lost", left)

    def _begin(self) -> None:
        if self._thread is None:
            thread = threading.Thread(target=self._work, name="stepwell-logs", daemon=True)
            with suppress(RuntimeError):  # there are too many threads: tried again with the next step
                thread.start()
                self._thread = thread

    def _work(self) -> None:
        while logged := self._take():
            self._write(logged)
            with self._changed:
                self._room += sum(each.weight for each in logged)
        self._sink.close()

    def _take(self) -> list[Logged | Printed]:
        """What is to be written next; nothing at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._has_ended)
            return [self._waiting.popleft() for _ in range(min(MOST_AT_ONCE, len(self._waiting)))]

    def _write(self, logged: Sequence[Logged | Printed]) -> None:
        together: dict[tuple[str, str], list[Logged | Printed]] = {}
        for each in logged:
            together.setdefault((each.group, each.stream), []).append(each)
        for (group, stream), steps in together.items():
            try:
                self._sink.write(group, stream, [line for each in steps for line in each.lines(self._redact)])
            except NotWritten as fault:
                self._lose(group, fault.lines, fault)
            except Exception as bug:  # noqa: BLE001 - of a sink: it must neither pass unseen nor end all logging
                self._lose(group, sum(each.count for each in steps), bug)
            else:
                self._troubled.discard(group)

    def _lose(self, group: str, lines: int, fault: Exception) -> None:
        with self._changed:
            self.lost += lines
        if group not in self._troubled:
            self._troubled.add(group)
            trace = None if isinstance(fault, NotWritten) else fault
            logger.warning("Execution logs are lost: %s", fault, exc_info=trace)
