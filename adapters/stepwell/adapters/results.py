"""An execution as users of the library see it."""

from collections.abc import Callable
from functools import cached_property
from typing import Any

from stepwell.definitions.expressions import Json
from stepwell.definitions.json_text import loads
from stepwell.engine.execution import Execution
from stepwell.engine.history import HistoryEvent, render
from stepwell.engine.lifecycles import ExecutionStatus


class Result:
    """An execution as it stands: its end, or RUNNING."""

    def __init__(self, execution: Execution, events: Callable[[], list[HistoryEvent]]) -> None:
        self.arn = execution.arn
        self.name = execution.name
        self.status: ExecutionStatus = execution.status
        """RUNNING, SUCCEEDED, FAILED, TIMED_OUT or ABORTED; compares equal to these texts."""
        self.error: str | None = execution.error
        self.cause: str | None = execution.cause
        self.started_at: float = execution.started_at / 1000
        """Seconds since the epoch."""
        self.stopped_at: float | None = None if execution.stopped_at is None else execution.stopped_at / 1000
        self.output_text: str | None = execution.output
        self.redrive_count = execution.redrive_count
        self._events = events

    @cached_property
    def output(self) -> Json:
        """The output as a JSON value, parsed; None where there is none."""
        return None if self.output_text is None else loads(self.output_text)

    @cached_property
    def history(self) -> list[dict[str, Any]]:
        """The events in the shape of GetExecutionHistory, `timestamp` in seconds since the epoch."""
        return render(self._events())

    def __repr__(self) -> str:
        end = self.output_text if self.status == "SUCCEEDED" else f"{self.error}: {self.cause}"
        return f"<{self.status} {self.name}: {end}>"
