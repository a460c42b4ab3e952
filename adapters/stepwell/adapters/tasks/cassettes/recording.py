"""What is recorded: the calls of an execution, told from its history.

The history has all there is to know, whoever gave the answers: a service, a worker, a person with a token, before a
crash or after it. Events are the rendered ones, of GetExecutionHistory.

Rule 1: events are put together by what they follow (`previousEventId`), never by their order: branches interleave.
Rule 2: what a redrive schedules follows the redrive itself: the states that were not left tell whose it is.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import UNSET, Struct, UnsetType, field

from stepwell.adapters.logs.redaction import Redaction
from stepwell.adapters.tasks.cassettes.secrets import text_without_secrets, without_secrets
from stepwell.definitions.expressions import Json
from stepwell.definitions.json_text import InvalidJson, dumps, loads
from stepwell.engine.errors import ExecutionDoesNotExist
from stepwell.engine.history import FLAGGED, member_of, render
from stepwell.engine.ports import Store

Event = Mapping[str, Any]

NESTED = "arn:aws:states:::states:startExecution"
"""How the Resource of a task begins that starts another execution."""


class RecordedCall(Struct, kw_only=True, omit_defaults=True, rename="camel"):
    """A task that was performed once: a retry is another one. `input`, `submitted` and `output` are JSON values."""

    state_machine: str | None = None
    """None: it is not known, and may be any."""
    state: str
    resource: str
    """As the state's Resource has it, but for the partition."""
    input: Json
    worker_name: str | UnsetType | None = UNSET
    """Who took the task of an activity; UNSET where nobody did."""
    submitted: Json | UnsetType = UNSET
    output: Json | UnsetType = UNSET
    error: str | UnsetType | None = UNSET
    cause: str | UnsetType | None = UNSET

    @property
    def is_ended(self) -> bool:
        """Whether there was a final answer."""
        return not (self.output is UNSET and self.error is UNSET and self.cause is UNSET)


class InvalidCassette(Exception):
    """A file that cannot be played, or written. The text says which, where, and what is wrong."""


class NoCalls(InvalidCassette):
    """A history that does not tell what was called. The text says why."""


def calls_of(
    history: Sequence[Event],
    state_machine: str | None = None,
    redact: Redaction | None = None,
) -> list[RecordedCall]:
    """The calls of an execution, in the order in which they were made; raises NoCalls.

    Secrets are taken out of them, and what `redact` finds as well.
    """
    visits: dict[int, _Visit] = {}
    unfinished: list[_Visit] = []
    calls = []
    for event in history:
        kind, details = event["type"], _details(event)
        visit = visits.get(event["previousEventId"])
        if kind == "ExecutionRedriven":
            for each in unfinished:
                each.is_resumed = False
        elif kind == "TaskStateEntered":
            visits[event["id"]] = visit = _Visit(state=_text(details, "name", event))
            unfinished.append(visit)
        elif kind in _SCHEDULED:
            resource = _resource(details, event)
            given = _value(details, _SCHEDULED[kind], event, resource, "input", redact)
            if visit is None:
                visit = _redriven(unfinished, event, resource, given)
            call = RecordedCall(state_machine=state_machine, state=visit.state, resource=resource, input=given)
            visits[event["id"]] = visit
            visit.calls.append(call)
            calls.append(call)
        elif visit is not None and kind == "TaskStateExited":
            unfinished = [each for each in unfinished if each is not visit]
            for call in visit.calls:
                call.state = _text(details, "name", event)  # of a visit after a redrive, the state was a guess
        elif visit is not None:
            visits[event["id"]] = visit
            if visit.calls:
                _tell(visit.calls[-1], event, details, redact)
    return calls


class _Visit(Struct, kw_only=True):
    """One time that a state was entered, or resumed by a redrive, until it was left."""

    state: str
    calls: list[RecordedCall] = field(default_factory=list)
    is_resumed: bool = True


def _redriven(unfinished: list[_Visit], event: Event, resource: str, given: Json) -> _Visit:
    """What a redrive resumes with this call, put in the place of what it was before: the visit that is likest."""

    def likeness(visit: _Visit) -> tuple[bool, bool]:
        last = visit.calls[-1] if visit.calls else None
        is_same = last is not None and last.resource == resource
        return is_same, is_same and last is not None and last.input == given

    waiting = [visit for visit in unfinished if not visit.is_resumed]
    if not waiting:
        raise NoCalls(f"event {event['id']} belongs to no state: events are missing before it")
    resumed = max(waiting, key=likeness)  # of equals the first, which was entered first
    visit = _Visit(state=resumed.state)
    unfinished[next(index for index, each in enumerate(unfinished) if each is resumed)] = visit
    return visit


def calls_of_run(store: Store, arn: str, redact: Redaction | None = None) -> list[RecordedCall]:
    """The calls of an execution and of those that it has started in turn, which will be started again when played."""
    calls: list[RecordedCall] = []
    waiting = [arn]
    while waiting:
        execution = store.describe(waiting.pop(0))
        for call in calls_of(render(store.history(execution.arn)), execution.state_machine_name, redact):
            child = _child_of(call, store)
            if child is None:
                calls.append(call)
            else:
                waiting.append(child)
    return calls


def _child_of(call: RecordedCall, store: Store) -> str | None:
    """The execution that a call has started here, None where it has started none."""
    answer = call.output if call.submitted is UNSET else call.submitted
    arn = answer.get("ExecutionArn") if call.resource.startswith(NESTED) and isinstance(answer, dict) else None
    if not isinstance(arn, str):
        return None
    try:
        store.describe(arn)
    except ExecutionDoesNotExist:
        return None
    return arn


_SCHEDULED = {"TaskScheduled": "parameters", "LambdaFunctionScheduled": "input", "ActivityScheduled": "input"}
_SUCCEEDED = frozenset({"TaskSucceeded", "LambdaFunctionSucceeded", "ActivitySucceeded"})
_FAILED = frozenset(
    {
        *("TaskFailed", "TaskStartFailed", "TaskSubmitFailed"),
        *("LambdaFunctionFailed", "LambdaFunctionScheduleFailed", "LambdaFunctionStartFailed"),
        *("ActivityFailed", "ActivityScheduleFailed"),
    }
)


def _tell(call: RecordedCall, event: Event, details: Event, redact: Redaction | None) -> None:
    kind = event["type"]
    if kind == "ActivityStarted":
        call.worker_name = _text_or_none(details, "workerName", event)
    elif kind == "TaskSubmitted":
        call.submitted = _value(details, "output", event, call.resource, "submitted", redact)
    elif kind in _SUCCEEDED:
        call.output = _value(details, "output", event, call.resource, "output", redact)
    elif kind in _FAILED:
        call.error = _text_or_none(details, "error", event)
        cause = _text_or_none(details, "cause", event)
        call.cause = cause and _hidden("cause", text_without_secrets(cause), redact)


def _details(event: Event) -> Event:
    found = event.get(member_of(event["type"]))
    return found if isinstance(found, dict) else {}


def _resource(details: Event, event: Event) -> str:
    resource = _text(details, "resource", event)
    return f"arn:aws:states:::{details['resourceType']}:{resource}" if "resourceType" in details else resource


def _value(details: Event, member: str, event: Event, resource: str, part: str, redact: Redaction | None) -> Json:
    text = details.get(member)
    if not isinstance(text, str):
        raise NoCalls(f"event {event['id']} has no {member!r}: print the history with --include-execution-data")
    flag = details.get(FLAGGED.get(member, ""))
    if isinstance(flag, dict) and flag.get("truncated"):
        raise NoCalls(f"the {member!r} of event {event['id']} was cut: it is too long to be replayed from a history")
    try:
        return loads(_hidden(member, dumps(without_secrets(loads(text), resource, part)), redact))
    except InvalidJson:
        raise NoCalls(f"the {member!r} of event {event['id']} is no JSON") from None


def _hidden(member: str, text: str, redact: Redaction | None) -> str:
    return text if redact is None else str(redact({member: text})[member])


def _text(details: Event, name: str, event: Event) -> str:
    text = details.get(name)
    if not isinstance(text, str):
        raise NoCalls(f"event {event['id']}, {event['type']}, has no {name!r}")
    return text


def _text_or_none(details: Event, name: str, event: Event) -> str | None:
    return None if details.get(name) is None else _text(details, name, event)
