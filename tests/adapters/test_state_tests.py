"""TestState with a world: tasks are performed, waits are waited for."""

import asyncio
import json
import threading
from typing import Any

import pytest

from stepwell.adapters.state_tests import perform
from stepwell.adapters.tasks.bindings import Bindings, BoundTasks
from stepwell.adapters.tasks.executions import NestedExecutions
from stepwell.adapters.tasks.functions import TaskError
from stepwell.engine.effects import InvokeTask
from stepwell.engine.errors import ValidationException
from stepwell.engine.operations.test_state import InspectionLevel, Mock, Performed, StateTest
from stepwell.engine.ports import Call, Exchange, Succeeded, TaskCancelled

ROLE = "arn:aws:iam::123456789012:role/Tester"
PRICE = "arn:aws:lambda:us-east-1:123456789012:function:price"


def task(**fields: Any) -> StateTest:
    state = {"Type": "Task", "Resource": PRICE, "End": True, **fields}
    return StateTest(definition=json.dumps(state), role_arn=ROLE, input='{"id": 7}')


def test_a_function_performs_the_task():
    tasks = BoundTasks(Bindings({"price": lambda order: {"price": order["id"] * 2}}))

    assert perform(task(), tasks) == {"output": '{"price":14}', "status": "SUCCEEDED"}


def test_an_async_function_performs_the_task():
    async def price(order: Any) -> Any:
        await asyncio.sleep(0)
        return order["id"]

    assert perform(task(), BoundTasks(Bindings({"price": price})))["output"] == "7"


def test_what_a_function_raises_is_the_failure():
    def price(order: Any) -> Any:
        raise TaskError("NoPrice", "nobody sells it")

    response = perform(task(), BoundTasks(Bindings({"price": price})))

    assert response == {"status": "FAILED", "error": "NoPrice", "cause": "nobody sells it"}


def test_a_task_that_nothing_performs_says_so():
    assert perform(task())["error"] == "Stepwell.TaskNotBound"


def test_a_task_that_takes_too_long_is_given_up():
    may_end = threading.Event()
    heard = []

    def slow(invoked: InvokeTask) -> Exchange:
        try:
            yield Call(may_end.wait)
        except TaskCancelled:
            yield Call(heard.append, (invoked.state,))

    response = perform(task(TimeoutSeconds=1), slow)
    may_end.set()

    assert (response["status"], response["error"]) == ("FAILED", "States.Timeout")
    assert heard == ["StateName"]


def test_a_handler_may_tell_how_its_request_went():
    def http(invoked: InvokeTask) -> Exchange:
        yield Performed(outcome="1", response={"statusCode": "200"})  # type: ignore[misc]

    test = StateTest(definition=task().definition, role_arn=ROLE, inspection_level=InspectionLevel.TRACE)

    assert perform(test, http)["inspectionData"]["response"] == {"statusCode": "200"}


def test_a_wait_waits_by_the_callers_pause():
    waited: list[float] = []
    test = StateTest(definition='{"Type": "Wait", "Seconds": 30, "End": true}')

    assert perform(test, pause=waited.append)["status"] == "SUCCEEDED"
    assert waited == [30]


def test_a_mock_is_held_against_the_api_and_nothing_is_performed():
    def never(invoked: InvokeTask) -> Exchange:
        yield Succeeded("this is not asked for")

    definition = '{"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage", "End": true}'
    mocked = StateTest(definition=definition, mock=Mock(result='{"MessageId": 1}'))

    with pytest.raises(ValidationException, match="Field 'MessageId' must be a string"):
        perform(mocked, never)


def test_an_execution_is_started_where_somebody_can_start_one():
    test = task(Resource="arn:aws:states:::states:startExecution", Parameters={"StateMachineArn": "arn:x", "Input": {}})

    response = perform(test, NestedExecutions())

    assert response["status"] == "FAILED"
    assert "State Machine Does Not Exist" in response["cause"]
