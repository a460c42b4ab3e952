"""What is recorded: the calls of an execution, told from its history.

The history has all there is to know, whoever gave the answers: a service, a worker, a person with a token, before a
crash or after it. Events are the rendered ones, of GetExecutionHistory.

Rule: events are put together by what they follow (`previousEventId`), never by their order: branches interleave.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import UNSET, Struct, UnsetType

from stepwell.adapters.logs.redaction import Redaction
from stepwell.definitions.expressions import Json
from stepwell.definitions.json_text import InvalidJson, loads
from stepwell.engine.errors import ExecutionDoesNotExist
from stepwell.engine.history import Details, member_of, render
from stepwell.engine.ports import Store

Event = Mapping[str, Any]

NESTED = "arn:aws:states:::states:startExecution"
"""How the Resource of a task begins that starts another execution."""

SECRETS = tuple(
    f"$..{name}"
    for name in (
        *("SecretString", "SecretBinary", "SecretAccessKey", "secretAccessKey", "SessionToken", "sessionToken"),
        *("Password", "password", "MasterUserPassword", "AuthToken", "AuthorizationToken", "PrivateKey"),
        *("Authorization", "authorization", "'Set-Cookie'", "'set-cookie'", "Cookie", "'X-Api-Key'", "'x-api-key'"),
        *("AccessToken", "access_token", "RefreshToken", "refresh_token", "IdToken", "ClientSecret", "client_secret"),
    )
)
"""What no cassette shows."""


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


class NoCalls(Exception):
    """A history that does not tell what was called. The text says why."""


def calls_of(
    history: Sequence[Event],
    state_machine: str | None = None,
    redact: Redaction | None = None,
) -> list[RecordedCall]:
    """The calls of an execution, in the order in which they were made; raises NoCalls.

    `redact` takes more than `SECRETS` out of them.
    """
    events = {event["id"]: event for event in history}
    hide = [Redaction(SECRETS, "secrets"), *([] if redact is None else [redact])]
    calls: dict[int, RecordedCall] = {}
    for event in history:
        kind, details = event["type"], _details(event)
        if kind in _SCHEDULED:
            call = RecordedCall(
                state_machine=state_machine,
                state=_state_of(event, events),
                resource=_resource(details),
                input=_value(details, _SCHEDULED[kind], hide),
            )
            calls[event["id"]] = call
            continue
        call_before = calls.get(event["previousEventId"])
        if call_before is None:
            continue
        calls[event["id"]] = call_before
        _tell(call_before, kind, details, hide)
    return list({id(call): call for call in calls.values()}.values())


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


def _tell(call: RecordedCall, kind: str, details: Event, hide: Sequence[Redaction]) -> None:
    if kind == "ActivityStarted":
        call.worker_name = details.get("workerName")
    elif kind == "TaskSubmitted":
        call.submitted = _value(details, "output", hide)
    elif kind in _SUCCEEDED:
        call.output = _value(details, "output", hide)
    elif kind in _FAILED:
        call.error = details.get("error")
        call.cause = _hidden({"cause": details["cause"]}, hide)["cause"] if details.get("cause") else None


def _details(event: Event) -> Event:
    found = event.get(member_of(event["type"]))
    return found if isinstance(found, dict) else {}


def _resource(details: Event) -> str:
    if "resourceType" in details:
        return f"arn:aws:states:::{details['resourceType']}:{details['resource']}"
    return str(details.get("resource"))


def _value(details: Event, member: str, hide: Sequence[Redaction]) -> Json:
    text = details.get(member)
    if not isinstance(text, str):
        raise NoCalls(f"an event has no {member!r}: print the history with --include-execution-data")
    try:
        return loads(_hidden({member: text}, hide)[member])
    except InvalidJson:
        raise NoCalls(f"the {member!r} of an event is no JSON") from None


def _hidden(details: Details, hide: Sequence[Redaction]) -> Details:
    for redaction in hide:
        details = redaction(details)
    return details


def _state_of(event: Event, events: Mapping[int, Event]) -> str:
    """The state whose task it is: the nearest that was entered before it."""
    before: Event | None = event
    while before is not None and before["type"] != "TaskStateEntered":
        before = events.get(before["previousEventId"])
    if before is None:
        raise NoCalls(f"event {event['id']} belongs to no state: events are missing before it")
    return str(before["stateEnteredEventDetails"]["name"])
