"""TestState: what one state does, without a state machine and without an execution.

    exchange = try_state(StateTest(definition=..., input=...), at=..., entropy=...)

Rule 1: the state's data goes through the flow that executions use, compiled once more with stages that tell what they
give (`stepwell.engine.flows`). What a state does beside that is its course, here.
Rule 2: nothing here reads a clock or performs anything: `try_state` is a generator that yields what has to be done (a
task without a mock, a wait), is sent what came of it, and returns the response of the API.
Rule 3: what AWS refuses in a request is refused before anything is done.

Which stages are told is what AWS was seen to tell: a Parallel's input is not processed at all, the result of a Map or
Parallel is told as afterResultSelector only, and JSONata has no stages but Arguments and ItemSelector.
"""

from collections.abc import Generator
from typing import Any

from stepwell.definitions.expressions import Entropy
from stepwell.definitions.failure import Failed, Failure
from stepwell.engine import arns
from stepwell.engine.effects import InvokeTask
from stepwell.engine.failures import cut
from stepwell.engine.operations.executions import checked_input
from stepwell.engine.operations.test_state.courses import COURSES, MOST_SECONDS, Performed
from stepwell.engine.operations.test_state.request import (
    CheckResult,
    ErrorOutput,
    FieldValidationMode,
    InspectionLevel,
    Mock,
    StateConfiguration,
    StateTest,
    accept_any_result,
    check_request,
    machine_of,
    subject_of,
)
from stepwell.engine.operations.test_state.trial import Trial
from stepwell.engine.ports import Pause

__all__ = [
    "MOST_SECONDS",
    "CheckResult",
    "ErrorOutput",
    "FieldValidationMode",
    "InspectionLevel",
    "Mock",
    "Performed",
    "StateConfiguration",
    "StateExchange",
    "StateTest",
    "accept_any_result",
    "machine_of",
    "try_state",
]

StateExchange = Generator[InvokeTask | Pause, Performed | None, dict[str, Any]]
"""Yields a task to be performed, and is sent what came of it; or a pause, and goes on when it is over."""


def try_state(
    test: StateTest,
    *,
    at: int,
    entropy: bytes,
    region: str = arns.DEFAULT_REGION,
    account: str = arns.DEFAULT_ACCOUNT,
    check_result: CheckResult = accept_any_result,
) -> StateExchange:
    """Puts a state to the test. Returns the response of TestState: its members by their names in the API.

    `at` is the time in milliseconds since the epoch, `entropy` the seed of all chance. A mocked result is held against
    the APIs that `check_result` knows.

    Raises InvalidDefinition, InvalidExecutionInput, InvalidArn and ValidationException.
    """
    subject = subject_of(test)
    check_request(test, subject, check_result)
    checked_input(test.input)
    trial = Trial(test, subject, at, Entropy(entropy), region, account)
    try:
        left = yield from COURSES[subject.state.type](trial)
    except Failed as failed:
        left = cut(failed.failure)
    if isinstance(left, Failure):
        return trial.failed(left)
    return trial.left(left)
