"""Recorded calls of the API, made again: each as the AWS SDK puts it on the wire, its answer as the SDK reads it.

Rule 1: a case has a runtime of its own, in memory. Its calls are made in their order through `respond`, as HTTP would
bring them; those that the test made beside an execution (`concurrent`) are made on a thread of their own.
Rule 2: what is compared is what the SDK gives: the response, or code, text and status of the error. What the SDK itself
refuses is refused by botocore here too.
Rule 3: nobody sleeps: where the record shows that an execution has ended, its end is waited for.

Names that AWS has drawn (UUIDs with the corpus's mark) are tokens here: each stands for one text throughout a case.
"""

import json
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from queue import Empty
from typing import Any

import yaml
from botocore.exceptions import ParamValidationError

from conformance.cases import SECONDARY, Case
from conformance.compare import Bindings, Difference, compare, compare_history
from conformance.sdk import Params, Reading, on_the_wire, paginator_of, read_by_the_sdk
from conformance.world import World
from stepwell.adapters.api.api import Api, Caller
from stepwell.adapters.operations import waited_for
from stepwell.adapters.runtime import Runtime
from stepwell.adapters.server.dispatch import respond
from stepwell.adapters.tasks.bindings import Bindings as FunctionBindings
from stepwell.engine.errors import ExecutionDoesNotExist
from stepwell.engine.lifecycles import ExecutionStatus

HOME = re.compile(r"arn:aws:states:(?P<region>[a-z0-9-]+):(?P<account>\d{12}):")
"""Of a resource of Step Functions: where a case takes place."""

DRAWN = re.compile(r"5afe[0-9a-f]{4}-0000-4000-8000-5afe[0-9a-f]{8}")
"""How the corpus writes a UUID that AWS has drawn."""

SECONDS_FOR_AN_END = 20.0
"""After so long an execution is taken to be one that does not end."""

TERMINAL = frozenset(status.value for status in ExecutionStatus if status.is_terminal)
POLLS = frozenset({"DescribeExecution", "GetExecutionHistory", "ListExecutions"})
ADDED_SINCE = frozenset(
    {"encryptionConfiguration", "variableReferences", "redriveCount", "redriveStatus", "redriveStatusReason"}
)
"""Members that AWS has added to its responses since some of them were recorded."""

IN_NO_ORDER = frozenset({"variableReferences", "tags"})

Recorded = Mapping[str, Any]


def calls_of(case: Case) -> list[Recorded]:
    """The calls of Step Functions, but for those of TestState, which are tested by themselves."""
    return [call for call in case.calls if "service" not in call and call["operation"] != "TestState"]


def differences_of(case: Case) -> list[Difference]:
    """All that departs from the record: of each call the first."""
    conversation = Conversation(case)
    try:
        differences = [replace(found, where=f"{where} {found.where}") for where, found in conversation.hold()]
    finally:
        conversation.close()
    unsettled = conversation.bindings.settle()
    return differences if unsettled is None else [*differences, unsettled]


# --- the conversation -------------------------------------------------------------------------------------------------


class Conversation:
    """The calls of one case, made one after the other."""

    def __init__(self, case: Case) -> None:
        self._case = case
        self.bindings = Bindings()
        self._world = World(case, self.ask, self.bindings)
        self._runtime = Runtime(None, FunctionBindings(None), beside=self._world.beside, fast_forward=_may_skip(case))
        self._world.surround(self._runtime)
        self._home = _home(case)
        self._log_groups: set[str] = set()
        self._api = Api(runtime=self._runtime, has_log_group=self._log_groups.__contains__)
        self._answers: dict[int, Reading] = {}
        self._started: list[str] = []
        self._beside = ThreadPoolExecutor(thread_name_prefix="beside")
        self._done = threading.Event()

    def close(self) -> None:
        self._done.set()
        self._runtime.close()
        self._beside.shutdown()

    def hold(self) -> Iterator[tuple[str, Difference]]:
        """Makes the calls; yields which one departs from the record, and how."""
        for machine in _deployed(self._case):
            self.ask("CreateStateMachine", machine)
        concurrent = []
        for call in self._case.calls:
            where = f"call {call['id']} ({call['operation']})"
            if "service" in call:
                self._set_up(call)
            elif call["operation"] == "TestState":
                continue
            elif call.get("concurrent"):
                concurrent.append((where, self._beside.submit(self._make, call)))
            elif (difference := self._make(call)) is not None:
                yield where, difference
        for where, future in concurrent:
            if (difference := future.result(SECONDS_FOR_AN_END)) is not None:
                yield where, difference

    def ask(self, operation: str, params: Params, account: str | None = None) -> tuple[int, Reading]:
        """The status of the answer, and what the SDK reads in it; raises ParamValidationError."""
        headers, body = on_the_wire(operation, params)
        caller = self._home if account is None else Caller(self._home.region, SECONDARY)
        status, answer = respond(self._api, headers, caller, body)
        return status, read_by_the_sdk(operation, status, answer)

    def _set_up(self, call: Recorded) -> None:
        """What was asked of other services, as far as Step Functions hears of it."""
        if call["operation"] == "CreateLogGroup":
            self._log_groups.add(call["params"]["logGroupName"])
        if call["operation"] == "DeleteLogGroup":
            self._log_groups.discard(call["params"]["logGroupName"])
        if call["operation"] == "CreateStack":
            for params in _state_machines_of(call["params"]["TemplateBody"]):
                self.ask("CreateStateMachine", params, call.get("account"))

    def _make(self, call: Recorded) -> Difference | None:
        recorded = _with_tokens(call.get("recorded", {}))
        execution = self._execution_started_by(call)
        if execution is not None:
            self._world.prepare(call["params"]["stateMachineArn"], execution)
        try:
            params = self._params(call, recorded)
            self._await_ends(call, recorded, params)
            status, answer = self._asked(call, params)
        except ParamValidationError as refusal:
            return _compare_refusal(recorded, refusal)
        self._answers[call["id"]] = answer
        if "executionArn" in answer and call["operation"].startswith("Start"):
            self._started.append(answer["executionArn"])
        return self._compare(call, recorded, status, answer)

    def _asked(self, call: Recorded, params: Params) -> tuple[int, Reading]:
        operation, account = call["operation"], call.get("account")
        if "paginator" not in call:
            return self.ask(operation, params, account)
        pages = paginator_of(operation, lambda **params: self.ask(operation, params, account)[1])
        return 200, pages.paginate(**params, PaginationConfig=dict(call["paginator"])).build_full_result()

    # --- parameters -------------------------------------------------------------------------------------------------

    def _params(self, call: Recorded, recorded: Recorded) -> Params:
        params = json.loads(json.dumps(call["params"]))
        if recorded.get("error", {}).get("code", "").endswith("DoesNotExist"):
            return params  # the test had changed what it was given, into what does not exist
        for row in call.get("bindings", ()):
            value = self._token() if row.get("from") == "task_message" else self._told(call, row)
            if value is not None:
                _put(params, row["param"], value)
        return params

    def _told(self, call: Recorded, row: Recorded) -> Any:
        """What an earlier call was answered. Some records name a call that was given no token: the last that was."""
        told = _at(self._answers.get(row["from_call"]), row["response"])
        if told is not None or row["response"] != "/nextToken":
            return told
        same = [each["id"] for each in self._case.calls if each["operation"] == call["operation"]]
        tokens = (self._answers[number].get("nextToken") for number in reversed(same) if number in self._answers)
        return next((token for token in tokens if token), None)

    def _token(self) -> str | None:
        """The token of the next task that waits for an answer; None when nobody waits any more."""
        while not self._done.is_set():
            with suppress(Empty):
                return self._world.tokens.get(timeout=0.05)
        return None

    # --- ends ---------------------------------------------------------------------------------------------------------

    def _await_ends(self, call: Recorded, recorded: Recorded, params: Params) -> None:
        """Waits for the executions that the record shows as ended; a poll waits for all."""
        response, execution = recorded.get("response", {}), self._execution_told_of(call, recorded)
        if execution is not None and execution["operation"] == "StartSyncExecution":
            return
        has_ended = (
            response.get("status") in TERMINAL
            or (execution is not None and execution["expected"].get("status") in TERMINAL)
            or any(row.get("status") in TERMINAL for row in response.get("executions", ()))
            or params.get("statusFilter") == "RUNNING"
            or ("recorded" not in call and call["operation"] in POLLS and _may_skip(self._case))
            or call["operation"] in ("ListMapRuns", "RedriveExecution")
        )
        if has_ended:
            named = params.get("executionArn")
            for arn in self._started if named is None else [named]:
                with suppress(ExecutionDoesNotExist):
                    waited_for(self._runtime.ended(arn, bool, timeout=SECONDS_FOR_AN_END, otherwise=bool))

    def _execution_started_by(self, call: Recorded) -> Recorded | None:
        starts = (each for each in self._case.executions if each.get("start_call") == call["id"])
        return next(map(_with_tokens, starts), None)

    def _execution_told_of(self, call: Recorded, recorded: Recorded) -> Recorded | None:
        """The execution under which the response of this call stands."""
        if "see" not in recorded:
            return None
        starts = {row.get("from_call") for row in call.get("bindings", ())} | {call["id"]}
        found = [each for each in self._case.executions if each.get("start_call") in starts]
        found = [each for each in found if each["key"] == recorded["key"]] or found
        return _with_tokens(found[0])

    # --- comparison -------------------------------------------------------------------------------------------------

    def _compare(self, call: Recorded, recorded: Recorded, status: int, answer: Reading) -> Difference | None:
        if not recorded:
            is_error = "Error" in answer
            is_expected = is_error == (call.get("expect") == "error")
            return None if is_expected else Difference(expected=call.get("expect"), actual=answer)
        if "error" in recorded:
            return self._compare_error(recorded["error"], status, answer)
        if status != recorded.get("http_status", 200):
            return Difference(where="status", expected=recorded.get("http_status", 200), actual=[status, answer])
        execution = self._execution_told_of(call, recorded)
        if execution is not None:
            return self._compare_execution(call["operation"], execution, answer)
        return compare_response(recorded["response"], answer, self.bindings)

    def _compare_error(self, error: Recorded, status: int, answer: Reading) -> Difference | None:
        if "Error" not in answer or "code" not in error:
            return Difference(expected=error, actual=answer)
        ours = {"code": answer["Error"]["Code"], "message": answer["Error"]["Message"], "http_status": status}
        expected = {"http_status": 400, **error}
        return compare({key: expected[key] for key in ours}, ours, self.bindings)

    def _compare_execution(self, operation: str, execution: Recorded, answer: Reading) -> Difference | None:
        expected = execution["expected"]
        if operation == "StartSyncExecution":
            kept = [{**reading, "billingDetails": None} for reading in (expected["sync_response"], answer)]
            return compare_response(kept[0], kept[1], self.bindings)
        if operation == "DescribeExecution":
            return compare_response(expected["describe"], answer, self.bindings)
        events = answer["events"]
        if execution.get("history_params", {}).get("reverseOrder"):
            expected, events = {**expected, "events": expected["events"][::-1]}, events[::-1]
        definition = self._case.machines[execution["state_machine"]]["definition"]
        return compare_history(expected, events, definition, self.bindings)


def compare_response(expected: Any, actual: Any, bindings: Bindings) -> Difference | None:
    """The first difference, but for what AWS does not promise, and members that it has added since."""
    return compare(_sorted(expected), _sorted(_as_then(expected, actual)), bindings)


def _as_then(expected: Any, actual: Any) -> Any:
    """A value of ours without the members that AWS did not have when the other was recorded."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        return {
            key: _as_then(expected.get(key), value)
            for key, value in actual.items()
            if key in expected or key not in ADDED_SINCE
        }
    if isinstance(expected, list) and isinstance(actual, list):
        rest: Sequence[Any] = [*expected[: len(actual)], *[None] * (len(actual) - len(expected))]
        return [_as_then(one, other) for one, other in zip(rest, actual, strict=True)]
    return actual


def _sorted(value: Any, member: str = "") -> Any:
    """A value with those of its lists sorted that AWS gives in no order, and without the times of events."""
    if isinstance(value, dict):
        members = ((key, inner) for key, inner in value.items() if key != "timestamp")
        return {key: _sorted(inner, member if member in IN_NO_ORDER else key) for key, inner in members}
    if isinstance(value, list):
        found = [_sorted(inner, member) for inner in value]
        return sorted(found, key=lambda inner: json.dumps(inner, sort_keys=True)) if member in IN_NO_ORDER else found
    return value


def _compare_refusal(recorded: Recorded, refusal: ParamValidationError) -> Difference | None:
    error = recorded.get("error", {})
    if error.get("exception") == "ParamValidationError" and "code" not in error:
        return None
    return Difference(where="refused by the SDK", expected=recorded, actual=str(refusal))


# --- records ----------------------------------------------------------------------------------------------------------


def _home(case: Case) -> Caller:
    """In whose name the calls of a case are made, unless they are another account's."""
    calls = [call for call in calls_of(case) if "account" not in call]
    places = HOME.finditer(json.dumps([calls, [machine["arn"] for machine in case.machines]]))
    callers = (Caller(place["region"], place["account"]) for place in places)
    return next((caller for caller in callers if caller.account != SECONDARY), Caller())


def _may_skip(case: Case) -> bool:
    """Whether time may be skipped: not where the test has met an execution that was still running."""
    return not any(
        call["operation"] == "StopExecution"
        or call.get("recorded", {}).get("response", {}).get("status") == ExecutionStatus.RUNNING
        for call in case.calls
    )


def _with_tokens(value: Any) -> Any:
    """The value with tokens in place of what AWS has drawn."""
    if isinstance(value, str):
        return DRAWN.sub(lambda drawn: f"<drawn-{drawn[0]}>", value)
    if isinstance(value, dict):
        return {key: _with_tokens(inner) for key, inner in value.items()}
    return [_with_tokens(inner) for inner in value] if isinstance(value, list) else value


def _deployed(case: Case) -> Iterator[Params]:
    """The state machines that no call has created: the test had deployed them."""
    created = {call["params"].get("name") for call in case.calls if call["operation"] == "CreateStateMachine"}
    for machine in case.machines:
        if machine["name"] not in created:
            text = machine.get("definition_text") or json.dumps(machine["definition"])
            yield {
                "name": machine["name"],
                "definition": text,
                "roleArn": machine["roleArn"],
                "type": machine["type"],
            }


def _state_machines_of(template: str) -> Iterator[Params]:
    """What CloudFormation asks of Step Functions for a template."""
    for resource in yaml.safe_load(template)["Resources"].values():
        if resource["Type"] == "AWS::StepFunctions::StateMachine":
            told = resource["Properties"]
            yield {
                "name": told["StateMachineName"],
                "definition": told.get("DefinitionString") or json.dumps(told["Definition"]),
                "roleArn": told["RoleArn"],
                "type": told.get("StateMachineType", "STANDARD"),
            }


def _at(value: Any, pointer: str) -> Any:
    """What stands at a place; None where nothing does."""
    for part in pointer.split("/")[1:]:
        if isinstance(value, list):
            value = value[int(part)] if int(part) < len(value) else None
        else:
            value = value.get(part) if isinstance(value, dict) else None
    return value


def _put(params: Params, pointer: str, value: Any) -> None:
    *way, last = pointer.split("/")[1:]
    for part in way:
        params = params[int(part)] if isinstance(params, list) else params[part]
    params[int(last) if isinstance(params, list) else last] = value
