"""What tests of the engine are written with: definitions in a line, tasks that behave as told, runs in virtual time."""

from collections.abc import Callable, Iterator
from typing import Any

from stepwell.adapters.hosts.simulation import SimulatedRun, simulate
from stepwell.adapters.tasks.bindings import Bindings, BoundTasks
from stepwell.definitions.failure import Failure
from stepwell.definitions.json_text import dumps, loads
from stepwell.engine.effects import InvokeTask
from stepwell.engine.ports import Exchange, Heartbeat, Pause, Started, Submitted, Succeeded

ACCOUNT = "123456789012"
CALL = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:call"
ACTIVITY = f"arn:aws:states:us-east-1:{ACCOUNT}:activity:work"
CALLBACK = "arn:aws:states:::aws-sdk:sqs:sendMessage.waitForTaskToken"
MACHINE_ARN = f"arn:aws:states:us-east-1:{ACCOUNT}:stateMachine:tested"


# --- definitions ------------------------------------------------------------------------------------------------------


def machine(*, start_at: str | None = None, timeout: int | None = None, **states: dict[str, Any]) -> dict[str, Any]:
    """A machine of these states; each goes on to the one written after it unless it says otherwise."""
    definition: dict[str, Any] = {"StartAt": start_at or next(iter(states)), "States": in_a_row(states)}
    if timeout is not None:
        definition["TimeoutSeconds"] = timeout
    return definition


def in_a_row(states: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    names = list(states)
    result = {}
    for index, (name, state) in enumerate(states.items()):
        ends = state["Type"] in ("Choice", "Succeed", "Fail") or "Next" in state or "End" in state
        if not ends:
            state = {**state, **({"Next": names[index + 1]} if index + 1 < len(names) else {"End": True})}
        result[name] = state
    return result


def pass_(**fields: Any) -> dict[str, Any]:
    return {"Type": "Pass", **fields}


def task(resource: str = CALL, **fields: Any) -> dict[str, Any]:
    return {"Type": "Task", "Resource": resource, **fields}


def wait(**fields: Any) -> dict[str, Any]:
    return {"Type": "Wait", **fields}


def fail(error: str | None = None, cause: str | None = None, **fields: Any) -> dict[str, Any]:
    given = {"Error": error, "Cause": cause}
    return {"Type": "Fail", **{name: text for name, text in given.items() if text is not None}, **fields}


def succeed(**fields: Any) -> dict[str, Any]:
    return {"Type": "Succeed", **fields}


def choice(*rules: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"Type": "Choice", "Choices": list(rules), **fields}


def scope(**states: dict[str, Any]) -> dict[str, Any]:
    return {"StartAt": next(iter(states)), "States": in_a_row(states)}


def parallel(*branches: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"Type": "Parallel", "Branches": list(branches), **fields}


def map_(processor: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"Type": "Map", "ItemProcessor": processor, **fields}


def retrier(*errors: str, **fields: Any) -> dict[str, Any]:
    return {"ErrorEquals": list(errors), **fields}


def catcher(*errors: str, next: str, **fields: Any) -> dict[str, Any]:
    return {"ErrorEquals": list(errors), "Next": next, **fields}


# --- tasks ------------------------------------------------------------------------------------------------------------

Behaviour = Callable[[InvokeTask], Exchange]


def returns(value: Any) -> Behaviour:
    """Succeeds with this value."""

    def behave(_task: InvokeTask) -> Exchange:
        yield Succeeded(dumps(value))

    return behave


def echoes(task_: InvokeTask) -> Exchange:
    """Succeeds with what it was given."""
    yield Succeeded(task_.input)


def fails(
    error: str | None = None, cause: str | None = None, *, times: int | None = None, then: Any = None
) -> Behaviour:
    """Fails for so many times (None: always), then succeeds with a value."""
    count = 0

    def behave(_task: InvokeTask) -> Exchange:
        nonlocal count
        count += 1
        yield Failure(error, cause) if times is None or count <= times else Succeeded(dumps(then))

    return behave


def hangs(_task: InvokeTask) -> Exchange:
    """Never answers."""
    yield from ()


def takes(seconds: float, value: Any = None) -> Behaviour:
    """Succeeds after a time."""

    def behave(_task: InvokeTask) -> Exchange:
        yield Pause(seconds)
        yield Succeeded(dumps(value))

    return behave


def beats(every: float, times: int, value: Any = None) -> Behaviour:
    """Sends heartbeats, then succeeds."""

    def behave(_task: InvokeTask) -> Exchange:
        yield Started("worker")
        for _ in range(times):
            yield Pause(every)
            yield Heartbeat()
        yield Succeeded(dumps(value))

    return behave


def submits(first: Any, value: Any) -> Behaviour:
    """Answers twice: a job is accepted, the job has ended."""

    def behave(_task: InvokeTask) -> Exchange:
        yield Submitted(dumps(first))
        yield Succeeded(dumps(value))

    return behave


class Recorder:
    """A task handler that lets the given behaviour answer and keeps every request."""

    def __init__(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour
        self.requests: list[InvokeTask] = []

    def __call__(self, task_: InvokeTask) -> Exchange:
        self.requests.append(task_)
        return self._behaviour(task_)


# --- runs -------------------------------------------------------------------------------------------------------------


class Run:
    """A simulated run, in the terms in which tests speak."""

    def __init__(self, run: SimulatedRun, requests: list[InvokeTask]) -> None:
        self.run = run
        self.requests = requests
        self.status = str(run.status)
        self.error = run.error
        self.cause = run.cause
        self.history = run.history

    @property
    def output(self) -> Any:
        return None if self.run.output is None else loads(self.run.output)

    @property
    def clock(self) -> float:
        """Seconds of virtual time from start to end."""
        assert self.run.stopped_at is not None, "the run has ended"
        return (self.run.stopped_at - self.run.started_at) / 1000

    @property
    def types(self) -> list[str]:
        return [event["type"] for event in self.history]

    @property
    def links(self) -> list[str]:
        """The history as `id<previous Type`, one event a line."""
        return [f"{event['id']}<{event['previousEventId']} {event['type']}" for event in self.history]

    def details(self, event_type: str, index: int = 0) -> dict[str, Any]:
        events = [event for event in self.history if event["type"] == event_type]
        return next((value for key, value in events[index].items() if key.endswith("EventDetails")), {})


def run(definition: dict[str, Any], input: Any = None, behaviour: Behaviour = hangs, **about: Any) -> Run:
    """Runs a definition in virtual time; every task behaves as told."""
    recorder = Recorder(behaviour)
    text = input if isinstance(input, str) and about.pop("verbatim", False) else dumps({} if input is None else input)
    about.setdefault("machine_arn", MACHINE_ARN)
    return Run(simulate(definition, text, tasks=recorder, **about), recorder.requests)


def run_with(definition: dict[str, Any], input: Any = None, **functions: Callable[..., Any]) -> Run:
    """Runs a definition in virtual time with Python functions as tasks, bound by name."""
    handler = Recorder(BoundTasks(Bindings(functions)))
    text = dumps({} if input is None else input)
    return Run(simulate(definition, text, tasks=handler, machine_arn=MACHINE_ARN), handler.requests)


def by_state(**behaviours: Behaviour) -> Behaviour:
    """Lets each state's tasks behave in a way of their own."""

    def behave(task_: InvokeTask) -> Exchange:
        return behaviours[task_.state](task_)

    return behave


def events_of(run_: Run) -> Iterator[tuple[str, dict[str, Any]]]:
    for event in run_.history:
        yield event["type"], next((value for key, value in event.items() if key.endswith("EventDetails")), {})
