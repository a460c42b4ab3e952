"""Where an execution stands: the states that it has entered and not left, and what each of them waits for."""

import shlex
from collections.abc import Iterable, Iterator

from msgspec import Struct

from stepwell.adapters.stores.sqlite import SqliteReader
from stepwell.adapters.tasks.executions import starts_execution
from stepwell.definitions.json_text import loads
from stepwell.definitions.resources import Activity, Integration
from stepwell.engine.arns import name_in
from stepwell.engine.effects import InvokeTask
from stepwell.engine.execution import (
    AwaitingChildren,
    AwaitingRetry,
    AwaitingTask,
    AwaitingTimer,
    Execution,
    Finished,
    Frame,
    NotStarted,
)
from stepwell.engine.lifecycles import ExecutionStatus
from stepwell.engine.ports import OpenTask
from stepwell.engine.redrive import redrive_status


class Standing(Struct, frozen=True, kw_only=True):
    """A state that was entered and not left. Times are milliseconds since the epoch."""

    path: str
    """Of the branches and iterations it stands in: `0/17`."""
    state: str
    entered_at: int
    why: str = ""
    """What it waits for, in words."""
    due: int | None = None
    """When it goes on by itself."""
    resource: str = ""
    token: str | None = None
    """Where somebody else is to answer."""


def standing_of(executions: SqliteReader, execution: Execution, *, is_gone: bool) -> list[Standing]:
    """Outer states before those within them. Of an execution that has ended: where a redrive goes on."""
    frames, timers = executions.standing(execution.arn)
    tasks = {each.task.token: each for each in executions.open_tasks(execution.arn)}
    every = sorted(frames.values(), key=lambda frame: [int(index) for index in frame.path.split("/")[1:]])
    return [
        _standing(frame, timers, tasks, is_gone=is_gone)
        for frame in every
        if frame.entered_event and not isinstance(frame.rest, Finished | NotStarted)
    ]


def _standing(frame: Frame, timers: dict[str, int], tasks: dict[str, OpenTask], *, is_gone: bool) -> Standing:
    def about(why: str = "", **more: str | int | None) -> Standing:
        return Standing(path=frame.path[1:], state=frame.state, entered_at=frame.entered_at, why=why, **more)  # type: ignore[arg-type]

    match frame.rest:
        case AwaitingTimer(timer):
            return about("waits", due=timers.get(timer))
        case AwaitingRetry(timer):
            return about("tries again", due=timers.get(timer))
        case AwaitingChildren(length=length, finished=finished):
            return about(f"{finished:,} of {length:,} done")
        case AwaitingTask(token=token, started=is_started) if token in tasks:
            open_task = tasks[token]
            return about(
                _awaited(open_task, is_started=is_started, is_gone=is_gone),
                resource=open_task.task.resource.arn,
                token=token if is_for_others(open_task) else None,
            )
        case _:
            return about()


def _awaited(open_task: OpenTask, *, is_started: bool, is_gone: bool) -> str:
    task = open_task.task
    if isinstance(task.resource, Activity):
        return "a worker has it" if is_started else "waits for a worker"
    if is_for_others(open_task):
        return "waits for an answer"
    if task.submitted is not None:
        child = child_awaited_by(task)
        return f"waits for the execution {name_in(child)}" if child else "waits for its job"
    return "was being performed" if is_gone else "is being performed"


def child_awaited_by(task: InvokeTask) -> str | None:
    """The ARN of the execution for whose end a task waits."""
    is_job = isinstance(task.resource, Integration) and task.resource.pattern.startswith("sync")
    if not is_job or not starts_execution(task) or task.submitted is None:
        return None
    return str(loads(task.submitted)["ExecutionArn"])


def is_for_others(open_task: OpenTask) -> bool:
    """Whether a task waits for an answer by its token, and not for the function that performs it."""
    resource = open_task.task.resource
    return (
        open_task.is_left_open
        or isinstance(resource, Activity)
        or (isinstance(resource, Integration) and resource.pattern == "waitForTaskToken")
    )


def advice_on(
    execution: Execution, standing: Iterable[Standing], now: int, *, is_gone: bool, is_a_run: bool
) -> Iterator[tuple[str, str]]:
    """What can be done next: commands, and what they do. `is_a_run`: `stepwell run` has started it."""
    name = shlex.quote(execution.name)
    asked = [each.state for each in standing if each.token is not None]
    if len(asked) == 1:
        yield f"stepwell task succeed {name} --output JSON", f"answers {asked[0]}"
    elif asked:
        yield f"stepwell task list {name}", "shows the tasks that wait for an answer"
    if is_gone and is_a_run:
        yield f"stepwell resume {name}", "carries it on"
    elif is_gone:
        yield f"stepwell resume {name} --functions FILE.py", "carries it on here; its engine does when it is started"
    elif execution.status is ExecutionStatus.RUNNING:
        yield f"stepwell history {name} --follow", "shows what it does"
    if execution.status is ExecutionStatus.RUNNING:
        yield f"stepwell stop {name}", "ends it"
    elif redrive_status(execution, now)[1] is None:
        yield f"stepwell redrive {name}", "lets it go on where it stopped"
    if execution.status.is_terminal or is_gone:
        yield f"stepwell history {name}", "shows what happened"
