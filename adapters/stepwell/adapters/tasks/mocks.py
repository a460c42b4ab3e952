"""Mocked results, from the mock configuration file of Step Functions Local.

    {"StateMachines": {MACHINE: {"TestCases": {CASE: {STATE: RESPONSE}}}},
     "MockedResponses": {RESPONSE: {"0": {"Return": ...}, "1-2": {"Throw": {"Error": ..., "Cause": ...}}}}}

The numbers count the invocations of a state in one execution, retries included, from 0; the last one holds for all that
follow. A state that the test case does not name is not mocked. Any Task can be: for `.sync` and callbacks the response
is the end result, and is shown as the first answer as well.
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stepwell.definitions.failure import Failure
from stepwell.definitions.json_text import InvalidJson, NotJson, dumps, dumps_checked, loads
from stepwell.definitions.model import StateMachine, TaskState
from stepwell.definitions.resources import Activity, Integration, LambdaFunction
from stepwell.engine.effects import InvokeTask
from stepwell.engine.ports import Exchange, Started, Submitted, Succeeded, TaskHandler

INVOCATIONS = re.compile(r"(\d+)(?:-(\d+))?")


class InvalidMockConfig(Exception):
    """A mock configuration that cannot be used. The text says where and what is wrong."""


@dataclass(frozen=True, slots=True)
class Response:
    """One outcome, for the invocations from `first` to `last`."""

    first: int
    last: int
    outcome: Failure | str
    """A failure, or a result as JSON text."""


TestCase = Mapping[str, tuple[Response, ...]]
"""The responses of each mocked state."""


Mocks = Mapping[str, Any] | str | tuple[Mapping[str, Any] | str, str]
"""What `read_mocks` takes."""


def read_mocks(mocks: Mocks, machine_name: str | None, machine: StateMachine) -> TestCase:
    """Mocks in any of their forms, checked against the machine; raises InvalidMockConfig.

    - the path of a configuration file, or its content; where it has several test cases, a pair of it and the case
    - a mapping of state names to responses: `{"Charge": {"Return": {...}}}`, or with invocations as in the file
    """
    source, case = mocks if isinstance(mocks, tuple) else (mocks, None)
    if isinstance(source, str):
        return read_mock_config(source, case, machine_name, machine)
    if not isinstance(source, Mapping):
        raise InvalidMockConfig(f"mocks are a mapping, a path, or a pair of one and a test case, not {source!r}")
    if "StateMachines" in source or "MockedResponses" in source:
        return find_test_case(source, case, machine_name, machine)
    if case is not None:
        raise InvalidMockConfig(f"the test case {case!r} is in no configuration: only 'StateMachines' has test cases")
    responses = {
        state: {"0": row} if isinstance(row, dict) and row.keys() <= {"Return", "Throw"} else row
        for state, row in source.items()
    }
    names = {state: state for state in responses}
    config = {"StateMachines": {"mocks": {"TestCases": {"mocks": names}}}, "MockedResponses": responses}
    return find_test_case(config, "mocks", "mocks", machine)


def read_mock_config(path: str, case: str | None, machine_name: str | None, machine: StateMachine) -> TestCase:
    """The test case of a file, checked against the machine; raises InvalidMockConfig."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as fault:
        raise InvalidMockConfig(f"{path}: cannot be read: {fault.strerror}") from None
    except UnicodeDecodeError:
        raise InvalidMockConfig(f"{path}: is no UTF-8 text") from None
    try:
        config = loads(text)
    except InvalidJson as fault:
        raise InvalidMockConfig(f"{path}:{fault.line}:{fault.column}: {fault.message}") from None
    try:
        return find_test_case(config, case, machine_name, machine)
    except InvalidMockConfig as fault:
        raise InvalidMockConfig(f"{path}: {fault}") from None


def find_test_case(config: Any, case: str | None, machine_name: str | None, machine: StateMachine) -> TestCase:
    """The responses of one test case. Without a machine name, or a case, the configuration must have only one.

    Raises InvalidMockConfig for what is missing or malformed, and for a state that the machine has not.
    """
    machines = _object(_object(config, "the file").get("StateMachines", {}), "StateMachines")
    responses = _object(config.get("MockedResponses", {}), "MockedResponses")
    name = (
        machine_name
        if machine_name is not None and machine_name in machines
        else _only(machines, "StateMachines", "state machine")
    )
    cases = _object(_object(machines[name], f"StateMachines.{name}").get("TestCases", {}), f"{name}.TestCases")
    if case is None:
        case = _only(cases, f"{name}.TestCases", "test case (choose one with --test-case)")
    if case not in cases:
        raise InvalidMockConfig(f"{name}.TestCases has no {case!r}; it has {_listed(cases)}")
    tasks = {state for state, about in machine.walk() if isinstance(about, TaskState)}
    every = {state for state, _ in machine.walk()}
    result = {}
    for state, response in _object(cases[case], f"{name}.TestCases.{case}").items():
        place = f"{name}.TestCases.{case}.{state}"
        if state not in every:
            raise InvalidMockConfig(f"{place}: the state machine has no state {state!r}; it has {_listed(tasks)}")
        if state not in tasks:
            raise InvalidMockConfig(f"{place}: {state!r} is no Task state, and only those can be mocked")
        if response not in responses:
            raise InvalidMockConfig(f"{place}: MockedResponses has no {response!r}; it has {_listed(responses)}")
        result[state] = _responses(responses[response], f"MockedResponses.{response}")
    return result


def _responses(rows: Any, place: str) -> tuple[Response, ...]:
    result = []
    for key, row in _object(rows, place).items():
        found = INVOCATIONS.fullmatch(key)
        first, last = (int(found[1]), int(found[2] or found[1])) if found else (0, -1)
        if last < first:
            raise InvalidMockConfig(f"{place}: {key!r} is no number of an invocation, such as '0', nor a range, '1-3'")
        result.append(Response(first, last, _outcome(_object(row, f"{place}.{key}"), f"{place}.{key}")))
    if not result:
        raise InvalidMockConfig(f"{place}: has no response")
    return tuple(sorted(result, key=lambda response: response.first))


def _outcome(row: Mapping[str, Any], place: str) -> Failure | str:
    if list(row) == ["Return"]:
        try:
            return dumps_checked(row["Return"])
        except NotJson as fault:
            raise InvalidMockConfig(f"{place}.Return: is no JSON: {fault}") from None
    if list(row) == ["Throw"]:
        thrown = _object(row["Throw"], f"{place}.Throw")
        error, cause = thrown.get("Error"), thrown.get("Cause")
        if isinstance(error, str | None) and isinstance(cause, str | None) and thrown.keys() <= {"Error", "Cause"}:
            return Failure(error, cause)
        raise InvalidMockConfig(f"{place}.Throw: must have 'Error' and 'Cause', both texts")
    raise InvalidMockConfig(f"{place}: must have exactly one of 'Return' and 'Throw'")


def _object(value: Any, place: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise InvalidMockConfig(f"{place}: must be an object")
    return value


def _only(rows: Mapping[str, Any], place: str, what: str) -> str:
    if len(rows) != 1:
        raise InvalidMockConfig(f"{place}: has {_listed(rows)}; exactly one {what} is needed here")
    return next(iter(rows))


def _listed(names: Any) -> str:
    return ", ".join(map(repr, sorted(names))) or "nothing"


@dataclass(frozen=True, slots=True)
class Invocations:
    """What was invoked before, in executions that are carried on."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    """How often, by execution and state."""
    numbers: dict[str, int] = field(default_factory=dict)
    """Which invocation each task was, from 0, by its token: performed again, it is the same one."""


class MockedTasks:
    """A `TaskHandler` that answers the mocked states and leaves the others to `beside`.

    `machine_name`: only in executions of this state machine, else in all. `invocations` are counted on.
    """

    def __init__(
        self,
        case: TestCase,
        beside: TaskHandler,
        *,
        machine_name: str | None = None,
        invocations: Invocations | None = None,
    ) -> None:
        self._case = case
        self._beside = beside
        self._machine_name = machine_name
        self._invocations = invocations or Invocations()

    def __call__(self, task: InvokeTask) -> Exchange:
        responses = self._case.get(task.state)
        if responses is None or self._machine_name not in (None, _machine_name(task.execution_arn)):
            return self._beside(task)
        return _answer(task, _response_for(responses, self._number_of(task)).outcome)

    def _number_of(self, task: InvokeTask) -> int:
        numbers, key = self._invocations.numbers, (task.execution_arn, task.state)
        if task.token in numbers:
            return numbers[task.token]
        number = self._invocations.counts[key]
        self._invocations.counts[key] += 1
        return number


def _machine_name(execution_arn: str) -> str:
    """`arn:aws:states:REGION:ACCOUNT:execution:NAME:...`"""
    return execution_arn.split(":")[6]


def _response_for(responses: tuple[Response, ...], number: int) -> Response:
    for response in responses:
        if number <= response.last:
            return response
    return responses[-1]


def _answer(task: InvokeTask, outcome: Failure | str) -> Exchange:
    match task.resource:
        case Activity():
            yield Started("mock")
        case Integration(pattern=pattern) if pattern:
            yield Submitted(outcome if isinstance(outcome, str) else "{}")
        case LambdaFunction() if isinstance(outcome, str):
            outcome = _payload(outcome)
        case _:
            pass
    yield outcome if isinstance(outcome, Failure) else Succeeded(outcome)


def _payload(text: str) -> str:
    """A response written for lambda:invoke serves a function's ARN too, which gives the payload alone."""
    value = loads(text)
    if isinstance(value, dict) and value.keys() >= {"StatusCode", "Payload"}:
        return dumps(value["Payload"])
    return text
