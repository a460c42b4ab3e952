"""Executions in memory: nothing outlives the process, and nobody else sees them."""

from collections import deque
from collections.abc import Callable, Iterator, Set

from msgspec.structs import replace

from stepwell.definitions.resources import Activity
from stepwell.engine import tokens
from stepwell.engine.effects import CancelTask, InvokeTask
from stepwell.engine.errors import ExecutionAlreadyExists, ExecutionDoesNotExist
from stepwell.engine.events import Event, TaskFailed, TaskStarted, TaskSubmitted, TaskSucceeded
from stepwell.engine.execution import Execution
from stepwell.engine.history import HistoryEvent
from stepwell.engine.lifecycles import ExecutionStatus
from stepwell.engine.machine import Step
from stepwell.engine.ports import Letter, OpenTask, Recovered

NOBODY: Set[str] = frozenset()


class _Task:
    """A task without an answer, as it changes."""

    __slots__ = ("asked_at", "is_left_open", "is_taken", "submitted", "task")

    def __init__(self, task: InvokeTask, asked_at: int) -> None:
        self.task = task
        self.asked_at = asked_at
        self.submitted: str | None = None
        self.is_left_open = False
        self.is_taken = False


class _Kept:
    """An execution and all that belongs to it."""

    __slots__ = ("definition", "execution", "history", "settings", "tasks")

    def __init__(self, execution: Execution, definition: str, settings: str | None) -> None:
        self.execution = execution
        self.definition = definition
        self.settings = settings
        self.history: list[HistoryEvent] = []
        self.tasks: dict[str, _Task] = {}


class MemoryStore:
    """A `Store` in dictionaries. The journal is not kept: without a disk there is nothing to recover."""

    is_shared = False

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}
        self._letters: deque[Letter] = deque()
        self._letter_count = 0

    # --- for the worker ---------------------------------------------------------------------------------------------

    def create(
        self, execution: Execution, definition: str, settings: str | None = None, *, is_unique: bool = False
    ) -> None:
        if execution.arn in self._kept:
            raise ExecutionAlreadyExists(f"Execution Already Exists: '{execution.arn}'")
        self._kept[execution.arn] = _Kept(execution, definition, settings)

    def load(self, arn: str) -> tuple[Execution, str]:
        kept = self._find(arn)
        return kept.execution, kept.definition

    def commit(self, execution: Execution, event: Event, step: Step) -> None:
        kept = self._kept[execution.arn]
        execution.take(step.changes)
        kept.history += step.history
        tasks = kept.tasks
        if tasks:
            _answer(tasks, event)
        for effect in step.effects:
            kind = type(effect)
            if kind is InvokeTask:
                tasks[effect.token] = _Task(effect, event.at)  # type: ignore[union-attr,arg-type]
            elif kind is CancelTask:
                tasks.pop(effect.token, None)  # type: ignore[union-attr]

    def leave_open(self, execution: Execution, token: str) -> None:
        task = self._kept[execution.arn].tasks.get(token)
        if task is not None:
            task.is_left_open = True

    def settle(self, letter: Letter) -> None:
        self._letters.remove(letter)

    def flush(self) -> Set[str]:
        return NOBODY

    def claim(self, arn: str) -> Recovered | None:
        self._find(arn)
        return Recovered(execution_arn=arn, timers=[], tasks=[])

    def adopt(self) -> Iterator[Recovered]:
        return iter(())

    def has_activity_task(self, activity_arn: str) -> bool:
        return self._waiting_for_worker(activity_arn) is not None

    def take_activity_task(self, activity_arn: str, started: Callable[[str], TaskStarted]) -> tuple[str, str] | None:
        task = self._waiting_for_worker(activity_arn)
        if task is None:
            return None
        task.is_taken = True
        self.post(task.task.execution_arn, started(task.task.token))
        return task.task.token, task.task.input

    def _waiting_for_worker(self, activity_arn: str) -> _Task | None:
        for kept in self._kept.values():
            for task in kept.tasks.values():
                resource = task.task.resource
                if isinstance(resource, Activity) and resource.arn == activity_arn and not task.is_taken:
                    return task
        return None

    def post(self, arn: str, event: Event) -> None:
        self._find(arn)
        self._letter_count += 1
        self._letters.append(Letter(self._letter_count, arn, event))

    def has_news(self) -> bool:
        return False

    def letters(self) -> list[Letter]:
        return list(self._letters)

    def close(self) -> None:
        pass

    # --- for everybody ----------------------------------------------------------------------------------------------

    def describe(self, arn: str) -> Execution:
        return self._find(arn).execution

    def definition(self, arn: str) -> str:
        return self._find(arn).definition

    def settings(self, arn: str) -> str | None:
        return self._find(arn).settings

    def is_abandoned(self, arn: str) -> bool:
        self._find(arn)
        return False

    def history(self, arn: str, after: int = 0) -> list[HistoryEvent]:
        return self._find(arn).history[after:]  # ids count from 1, without gaps

    def executions(
        self,
        *,
        state_machine_arn: str | None = None,
        status: ExecutionStatus | None = None,
        is_redriven: bool | None = None,
        limit: int | None = None,
        before: str | None = None,
    ) -> list[Execution]:
        found: list[Execution] = []
        is_later = before is not None
        for kept in reversed(tuple(self._kept.values())):
            execution = kept.execution
            if is_later:
                is_later = execution.arn != before
            elif (
                state_machine_arn in (None, *_started_through(execution))
                and status in (None, execution.status)
                and is_redriven in (None, execution.redrive_count > 0)
            ):
                found.append(execution)
            if len(found) == limit:
                break
        return found

    def open_tasks(self, execution_arn: str | None = None) -> list[OpenTask]:
        every = tuple(self._kept.values()) if execution_arn is None else (self._find(execution_arn),)
        tasks = [_shown(task) for kept in every for task in tuple(kept.tasks.values())]
        return sorted(tasks, key=lambda task: task.asked_at)

    def open_task(self, token: str) -> OpenTask | None:
        task = self._find(tokens.address(token)[0]).tasks.get(token)
        return None if task is None else _shown(task)

    # --- housekeeping -----------------------------------------------------------------------------------------------

    def prune(self, *, stopped_before: int | None = None, keep: int | None = None) -> int:
        ended = [each.execution for each in self._kept.values() if each.execution.status.is_terminal]
        gone = set()
        if stopped_before is not None:
            gone |= {each.arn for each in ended if each.stopped_at is not None and each.stopped_at < stopped_before}
        if keep is not None:
            gone |= {each.arn for each in ended[: max(0, len(ended) - keep)]}
        for arn in gone:
            del self._kept[arn]
        return len(gone)

    def tidy(self, most: int) -> bool:
        return False

    def _find(self, arn: str) -> _Kept:
        try:
            return self._kept[arn]
        except KeyError:
            raise ExecutionDoesNotExist(f"Execution Does Not Exist: '{arn}'") from None


def _answer(tasks: dict[str, _Task], event: Event) -> None:
    match event:
        case TaskSucceeded(token=token) | TaskFailed(token=token):
            tasks.pop(token, None)
        case TaskSubmitted(token=token, output=output) if token in tasks:
            tasks[token].submitted = output
        case TaskStarted(token=token) if token in tasks:
            tasks[token].is_taken = True
        case _:
            pass


def _shown(kept: _Task) -> OpenTask:
    task = kept.task if kept.submitted is None else replace(kept.task, submitted=kept.submitted)
    return OpenTask(task=task, asked_at=kept.asked_at, is_left_open=kept.is_left_open)


def _started_through(execution: Execution) -> tuple[str | None, ...]:
    return execution.state_machine_arn, execution.state_machine_version_arn, execution.state_machine_alias_arn
