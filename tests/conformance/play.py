"""Running a case: its executions one after the other, each in the world that the record tells."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from conformance.answers import Script
from conformance.cases import Case
from conformance.compare import Bindings, Difference, compare_end, compare_history, compare_logs
from stepwell.adapters.hosts.simulation import START, SimulatedRun, simulate
from stepwell.engine.ports import TaskHandler


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """An execution that was run, beside its record."""

    expected: Mapping[str, Any]
    machine: Mapping[str, Any]
    run: SimulatedRun
    script: Script


def play(case: Case, bindings: Bindings) -> Iterator[Played]:
    """Runs the executions of a case in their order."""
    for execution in case.executions:
        machine = case.machines[execution["state_machine"]]
        script = Script(execution, case.resources, bindings)
        run = started(case, execution, script)
        yield Played(expected=_oldest_first(execution), machine=machine, run=run, script=script)


def differences_of(case: Case) -> list[Difference]:
    """All that departs from the record: of each kind (requests, history, log, end) the first."""
    bindings = Bindings()
    differences = []
    for played in play(case, bindings):
        differences += played.script.differences()
        differences += [found for found in _compare(played, bindings) if found is not None]
    undecided = bindings.settle()
    return differences if undecided is None else [*differences, undecided]


def _compare(played: Played, bindings: Bindings) -> list[Difference | None]:
    expected, history, machine = played.expected, played.run.history, played.machine
    return [
        compare_history(expected, history, machine["definition"], bindings) if "events" in expected else None,
        compare_logs(expected, history, machine, bindings),
        compare_end(expected, played.run, bindings),
    ]


def started(case: Case, execution: Mapping[str, Any], tasks: TaskHandler) -> SimulatedRun:
    """An execution of a case, with somebody who performs its tasks."""
    machine = case.machines[execution["state_machine"]]
    name, arn = _name_and_arn(execution, machine)
    return simulate(
        machine["definition"],
        "{}" if execution["input"] is None else execution["input"],
        tasks=tasks,
        machine_arn=machine["arn"],
        machine_name=machine["name"],
        role_arn=machine["roleArn"],
        type=machine["type"],
        is_synchronous=execution["operation"] == "StartSyncExecution",
        name=name,
        execution_arn=arn,
        at=START if case.clock is None else case.clock,
        seed=f"{case.id} {execution['key']}".encode(),
        deleted_activities=_deleted_activities(case, execution),
    )


def _deleted_activities(case: Case, execution: Mapping[str, Any]) -> set[str]:
    """The activities that were deleted before the execution started."""
    before = execution.get("start_call", 0)
    return {
        call["params"]["activityArn"]
        for call in case.calls
        if call["operation"] == "DeleteActivity" and call["id"] < before
    }


def _name_and_arn(execution: Mapping[str, Any], machine: Mapping[str, Any]) -> tuple[str, str]:
    """Those under which the ARNs in the expectations come out right.

    The ARN of an asynchronous express execution ends in name and id; the record's name of it is the id.
    """
    if machine["type"] == "EXPRESS" and execution["operation"] == "StartExecution":
        name = f"start-of-{execution['name']}"
        arn = machine["arn"].replace(":stateMachine:", ":express:")
        return name, f"{arn}:{name}:{execution['name']}"
    return execution["name"], execution["arn"]


def _oldest_first(execution: Mapping[str, Any]) -> Mapping[str, Any]:
    expected = execution["expected"]
    if execution.get("history_params", {}).get("reverseOrder"):
        return {**expected, "events": list(reversed(expected["events"]))}
    return expected
