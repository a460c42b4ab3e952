"""Executions in memory: nothing outlives the process."""

from collections.abc import Iterable

from stepwell.engine.errors import ExecutionAlreadyExists, ExecutionDoesNotExist
from stepwell.engine.events import Event
from stepwell.engine.execution import Changes, Execution
from stepwell.engine.history import HistoryEvent


class MemoryStore:
    """A `Store` in dictionaries. The journal is not kept: without a disk there is nothing to recover."""

    def __init__(self) -> None:
        self._executions: dict[str, Execution] = {}
        self._histories: dict[str, list[HistoryEvent]] = {}
        self._definitions: dict[str, str] = {}

    def create(self, execution: Execution, definition: str) -> None:
        if execution.arn in self._executions:
            raise ExecutionAlreadyExists(f"Execution Already Exists: '{execution.arn}'")
        self._executions[execution.arn] = execution
        self._histories[execution.arn] = []
        self._definitions[execution.arn] = definition

    def load(self, arn: str) -> Execution:
        try:
            return self._executions[arn]
        except KeyError:
            raise ExecutionDoesNotExist(f"Execution Does Not Exist: '{arn}'") from None

    def commit(self, execution: Execution, event: Event, changes: Changes, history: list[HistoryEvent]) -> None:
        execution.take(changes)
        self._histories[execution.arn] += history

    def history(self, arn: str) -> list[HistoryEvent]:
        try:
            return self._histories[arn]
        except KeyError:
            raise ExecutionDoesNotExist(f"Execution Does Not Exist: '{arn}'") from None

    def list(self) -> Iterable[Execution]:
        return reversed(self._executions.values())
