"""Playing a cassette: tasks get the answers that they got when it was recorded.

A task gets the first call, of those that were recorded of its state and have not been played, that gave the same input;
where none did, the first of them: inputs hold tokens, names and times, which are others in every run.
"""

from collections.abc import Sequence

from msgspec import UNSET

from stepwell.adapters.logs.redaction import Redaction
from stepwell.adapters.tasks.cassettes.recording import SECRETS, RecordedCall
from stepwell.definitions.failure import Failure
from stepwell.definitions.json_text import dumps, loads
from stepwell.definitions.resources import Activity, Integration
from stepwell.engine.effects import InvokeTask
from stepwell.engine.ports import Exchange, Started, Submitted, Succeeded, TaskHandler

NOT_RECORDED = "Stepwell.NotRecorded"


class ReplayedTasks:
    """A `TaskHandler` that answers the tasks of states that are on the cassette, and leaves all others to `beside`.

    `redact` is what was taken out beside `SECRETS` when it was recorded. For one thread.
    """

    def __init__(
        self, calls: Sequence[RecordedCall], beside: TaskHandler | None = None, *, redact: Redaction | None = None
    ) -> None:
        self._left: dict[tuple[str, str], list[RecordedCall]] = {}
        for call in calls:
            self._left.setdefault((call.state, _without_partition(call.resource)), []).append(call)
        self._beside = beside or not_recorded
        self._hide = [Redaction(SECRETS, "secrets"), *([] if redact is None else [redact])]
        self._given: dict[str, RecordedCall] = {}

    def __call__(self, task: InvokeTask, /) -> Exchange:
        key = task.state, _resource(task)
        if key not in self._left:
            return self._beside(task)
        call = self._given.get(task.token)  # performed once more, it is the same
        if call is None:
            found = self._find(task, self._left[key])
            if found is None:
                return not_recorded(task, "all its calls of it were played")
            call = self._given[task.token] = found
        return _answer(task, call)

    def _find(self, task: InvokeTask, left: list[RecordedCall]) -> RecordedCall | None:
        machine = task.execution_arn.split(":")[6]
        fitting = [call for call in left if call.state_machine in (None, machine)]
        if not fitting:
            return None
        text = task.input
        for redaction in self._hide:
            text = redaction({"input": text})["input"]
        given = loads(text)
        chosen = next((call for call in fitting if call.input == given), fitting[0])
        del left[next(index for index, call in enumerate(left) if call is chosen)]
        return chosen


def not_recorded(task: InvokeTask, why: str = "it has no call of it") -> Exchange:
    """Fails the task: the cassette does not know what it would have been answered."""
    yield Failure(
        NOT_RECORDED,
        f"The state {task.state!r} calls {task.resource.arn}, and the cassette has no answer to that: {why}. "
        f"Record the run again, or bind the task to a function.",
    )


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
    called = task.resource
    if isinstance(called, Integration):
        return _without_partition(f"arn:aws:states:::{called.service}:{called.label}")
    return _without_partition(called.arn)


def _without_partition(arn: str) -> str:
    """Resources of integrations are the same in all partitions."""
    parts = arn.split(":", 2)
    return parts[2] if len(parts) == 3 and parts[0] == "arn" else arn
