"""Playing a cassette: tasks get the answers that they got when it was recorded.

A task gets the first call, of those that were recorded of its state and have not been played, that gave the same input;
where none did, the first of them: inputs hold tokens, names and times, which are others in every run. What was taken
out of a recorded input is the same as anything.
"""

from collections.abc import Iterable, Sequence
from threading import Lock
from typing import Any

from msgspec import UNSET

from stepwell.adapters.logs.redaction import REDACTED
from stepwell.adapters.tasks.cassettes.recording import RecordedCall, calls_of
from stepwell.adapters.tasks.cassettes.secrets import without_secrets
from stepwell.definitions.expressions import Json
from stepwell.definitions.failure import Failure
from stepwell.definitions.json_text import InvalidJson, dumps, loads
from stepwell.definitions.resources import Activity, Integration
from stepwell.engine.effects import InvokeTask
from stepwell.engine.history import render
from stepwell.engine.ports import Exchange, Started, Store, Submitted, Succeeded, TaskHandler

NOT_RECORDED = "Stepwell.NotRecorded"


class ReplayedTasks:
    """A `TaskHandler` that answers the tasks of states that are on the cassette, and leaves all others to `beside`.

    `played`: what was called before, in executions that are carried on. May be called from any thread.
    """

    def __init__(
        self, calls: Sequence[RecordedCall], beside: TaskHandler | None = None, *, played: Iterable[RecordedCall] = ()
    ) -> None:
        self._left: dict[tuple[str, str], list[RecordedCall]] = {}
        for call in calls:
            self._left.setdefault((call.state, _without_partition(call.resource)), []).append(call)
        self._recorded = {key: tuple(call.state_machine for call in own) for key, own in self._left.items()}
        self._beside = beside or not_recorded
        self._given: dict[str, RecordedCall] = {}
        self._lock = Lock()
        for call in played:
            left = self._left.get((call.state, _without_partition(call.resource)), [])
            alike = [each for each in left if _ended_alike(each, call)]  # else the cassette is another one by now
            found = _find(alike, call.state_machine, call.input)
            if found is not None:
                del left[next(index for index, each in enumerate(left) if each is alike[found])]

    def __call__(self, task: InvokeTask, /) -> Exchange:
        key, machine = (task.state, _resource(task)), task.execution_arn.split(":")[6]
        count = sum(recorded in (None, machine) for recorded in self._recorded.get(key, ()))
        if not count:
            return self._beside(task)
        with self._lock:
            call = self._given.get(task.token)  # performed once more, it is the same
            if call is None:
                found = _find(self._left[key], machine, loads(task.input))
                if found is None:
                    return not_recorded(task, f"it was recorded {'once' if count == 1 else f'{count} times'} only")
                call = self._given[task.token] = self._left[key].pop(found)
        return _answer(task, call)


def _find(left: Sequence[RecordedCall], machine: str | None, given: Json) -> int | None:
    """Which of the calls is to be played."""
    fitting = [index for index, call in enumerate(left) if call.state_machine in (None, machine)]
    same = (index for index in fitting if _is_same(left[index].input, given))
    return next(same, fitting[0] if fitting else None)


def _ended_alike(recorded: RecordedCall, played: RecordedCall) -> bool:
    one, other = ((call.is_ended, call.output, _known(call.error), _known(call.cause)) for call in (recorded, played))
    return all(_is_same(*pair) for pair in zip(one, other, strict=True))


def _is_same(recorded: Any, given: Any) -> bool:
    """Whether two values are the same JSON, but for what was taken out of the first."""
    waiting: list[tuple[Any, Any]] = [(recorded, given)]
    while waiting:
        one, other = waiting.pop()
        match one, other:
            case _ if one == REDACTED:
                pass
            case dict(), dict() if one.keys() == other.keys():
                waiting += [(one[name], other[name]) for name in one]
            case list(), list() if len(one) == len(other):
                waiting += zip(one, other, strict=True)
            case str(), str() if one != other and REDACTED in one:
                try:
                    waiting.append((loads(one), loads(other)))
                except InvalidJson:
                    return False
            case (dict() | list(), _) | (_, dict() | list()):
                return False
            case _ if one != other or isinstance(one, bool) != isinstance(other, bool):
                return False
    return True


def not_recorded(task: InvokeTask, why: str = "it has no call of it") -> Exchange:
    """Fails the task: the cassette does not know what it would have been answered."""
    yield Failure(
        NOT_RECORDED,
        f"The state {task.state!r} calls {task.resource.arn}, and the cassette has no answer to that: {why}. "
        f"Record the run again, or bind the task to a function.",
    )


def played_in(store: Store, family: Iterable[str]) -> list[RecordedCall]:
    """What was called in executions, but for the tasks that are open: those are performed again."""
    played = []
    for arn in family:
        calls = calls_of(render(store.history(arn)), store.describe(arn).state_machine_name)
        for task in (each.task for each in store.open_tasks(arn)):
            given = without_secrets(loads(task.input), _resource_arn(task), "input")
            fitting = [call for call in calls if (call.state, call.input) == (task.state, given) and not call.is_ended]
            calls = [call for call in calls if not fitting or call is not fitting[-1]]
        played += calls
    return played


def _answer(task: InvokeTask, call: RecordedCall) -> Exchange:
    if isinstance(task.resource, Activity) and call.worker_name is not UNSET:
        yield Started(call.worker_name)
    if call.submitted is not UNSET and task.submitted is None:
        yield Submitted(dumps(call.submitted))
    if call.output is not UNSET:
        yield Succeeded(dumps(call.output))
    elif call.error is not UNSET or call.cause is not UNSET:
        yield Failure(_known(call.error), _known(call.cause))


def _known(text: object) -> str | None:
    return text if isinstance(text, str) else None


def _resource(task: InvokeTask) -> str:
    return _without_partition(_resource_arn(task))


def _resource_arn(task: InvokeTask) -> str:
    called = task.resource
    return f"arn:aws:states:::{called.service}:{called.label}" if isinstance(called, Integration) else called.arn


def _without_partition(arn: str) -> str:
    """Resources of integrations are the same in all partitions."""
    parts = arn.split(":", 2)
    return parts[2] if len(parts) == 3 and parts[0] == "arn" else arn
