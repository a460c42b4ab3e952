"""The executions of a case, told as calls of the API."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from conformance.cases import SECONDARY, Case
from conformance.sdk import Params
from stepwell.engine import arns

ACTIVITY_ARN = re.compile(r"arn:aws:states:[a-z0-9-]+:\d{12}:activity:[^\"\\]+")
LOG_GROUP = re.compile(r"log-group:([^\"\\:]+):")
Recorded = Mapping[str, Any]


def over_the_api(case: Case) -> Case:
    """The executions of a case as calls: their state machines are created, they are started and asked for."""
    calls: list[Recorded] = [*_needed(case)]
    for machine in case.machines:
        members = ("name", "roleArn", "type", "loggingConfiguration")
        params = {member: machine[member] for member in members if member in machine}
        calls.append(_call("CreateStateMachine", {**params, "definition": json.dumps(machine["definition"])}, machine))
    names = Counter(execution["name"] for execution in case.executions)
    executions = []
    for execution in case.executions:
        number, machine = len(calls), case.machines[execution["state_machine"]]
        is_named = machine["type"] == "STANDARD" and names[execution["name"]] == 1
        about = {"input": execution["input"], "name": execution["name"] if is_named else None}
        params = {
            "stateMachineArn": machine["arn"],
            **{key: value for key, value in about.items() if value is not None},
        }
        recorded = {"see": "executions", "key": execution["key"]}
        start = _call(execution["operation"], params, machine)
        is_synchronous = execution["operation"] == "StartSyncExecution"
        calls.append({**start, "recorded": recorded} if is_synchronous else start)
        if "events" in execution["expected"]:
            told = [{"param": "/executionArn", "from_call": number, "response": "/executionArn"}]
            params = {"executionArn": "", "maxResults": 1000}
            params |= {"reverseOrder": execution.get("history_params", {}).get("reverseOrder", False)}
            calls.append({**_call("GetExecutionHistory", params, machine), "bindings": told, "recorded": recorded})
        executions.append({**execution, "start_call": number})
    numbered = tuple({**call, "id": number} for number, call in enumerate(calls))
    return replace(case, calls=numbered, executions=tuple(executions))


def _call(operation: str, params: Params, machine: Recorded) -> dict[str, Any]:
    account = {"account": "secondary"} if f":{SECONDARY}:" in machine["arn"] else {}
    return {"operation": operation, "params": params, "expect": "success", **account}


def _needed(case: Case) -> Iterator[dict[str, Any]]:
    """What the state machines of a case name, and must be there before them."""
    text = json.dumps(case.machines)
    first = min(execution.get("start_call", 0) for execution in case.executions)
    before = [call for call in case.calls if call["id"] < first]
    deleted = {call["params"]["activityArn"] for call in before if call["operation"] == "DeleteActivity"}
    for arn in sorted(set(ACTIVITY_ARN.findall(text)) - deleted):
        yield {"operation": "CreateActivity", "params": {"name": arns.name_in(arn)}, "expect": "success"}
    for group in sorted(set(LOG_GROUP.findall(text))):
        yield {"operation": "CreateLogGroup", "params": {"logGroupName": group}, "service": "logs"}
