"""Python functions as tasks: how they are called, what becomes of their results and exceptions."""

import asyncio
import datetime
import json

import pytest

from stepwell.local import TaskError
from support import CALL, machine, parallel, run_with, scope, task

INVOKE = "arn:aws:states:::lambda:invoke"


def invoke(name="call", **parameters):
    return task(INVOKE, Parameters={"FunctionName": name, **parameters})


def test_a_plain_function_gets_the_input_and_gives_the_result():
    ran = run_with(machine(Double=task()), 21, call=lambda value: value * 2)

    assert ran.output == 42
    assert ran.types[2:5] == ["LambdaFunctionScheduled", "LambdaFunctionStarted", "LambdaFunctionSucceeded"]


def test_a_function_of_two_arguments_is_a_lambda_handler():
    def handler(event, context):
        return [event, context.function_name, context.invoked_function_arn, context.get_remaining_time_in_millis() > 0]

    assert run_with(machine(Ask=task()), {"a": 1}, call=handler).output == [{"a": 1}, "call", CALL, True]


def test_a_function_without_arguments_is_called_without():
    assert run_with(machine(Ask=task()), {}, call=lambda: "here").output == "here"


def test_a_coroutine_function_is_awaited():
    async def call(value):
        await asyncio.sleep(0)
        return value + 1

    assert run_with(machine(Ask=task()), 1, call=call).output == 2


@pytest.mark.parametrize("name", ["call", CALL, "Ask"], ids=["function name", "ARN", "state name"])
def test_a_task_is_bound_by_any_of_its_names(name):
    assert run_with(machine(Ask=task()), {}, **{name: lambda _: name}).output == name


def test_the_most_exact_name_wins():
    functions = {"Ask": lambda _: "state", "call": lambda _: "name", CALL: lambda _: "arn"}

    assert run_with(machine(Ask=task()), {}, **functions).output == "arn"


@pytest.mark.parametrize("given", ["call", f"{CALL}:7", "123456789012:function:call", "call:live", CALL])
def test_lambda_invoke_is_bound_by_its_function_name_and_wraps_the_payload(given):
    ran = run_with(machine(Ask=invoke(given, **{"Payload.$": "$"})), {"a": 1}, call=lambda event: {"got": event})

    assert ran.output["Payload"] == {"got": {"a": 1}}
    assert ran.output["StatusCode"] == 200
    assert list(ran.output) == ["ExecutedVersion", "Payload", "SdkHttpMetadata", "SdkResponseMetadata", "StatusCode"]
    assert ran.details("TaskScheduled")["resourceType"] == "lambda"


def test_lambda_invoke_without_a_payload_gives_an_empty_object():
    assert run_with(machine(Ask=invoke()), {"a": 1}, call=lambda event: event).output["Payload"] == {}


@pytest.mark.parametrize(
    ("payload", "event"), [(None, {}), ("0", 0), ('{"a": 1}', {"a": 1}), ("no JSON", "no JSON"), ([None], [None])]
)
def test_a_payload_that_is_text_is_json_and_null_is_an_empty_object(payload, event):
    ran = run_with(machine(Ask=invoke(Payload=payload)), {}, call=lambda event: {"got": event})

    assert ran.output["Payload"] == {"got": event}


def test_any_integration_can_be_bound_by_its_state():
    get = task("arn:aws:states:::dynamodb:getItem", Parameters={"TableName": "orders", "Key": {"id": {"S": "1"}}})

    ran = run_with(machine(Load=get), {}, Load=lambda parameters: {"Item": {"from": {"S": parameters["TableName"]}}})

    assert ran.output == {"Item": {"from": {"S": "orders"}}}


class CardDeclined(Exception):
    pass


def decline(_event):
    raise CardDeclined("insufficient funds")


def test_an_exception_becomes_error_and_cause_as_on_lambda():
    ran = run_with(machine(Pay=task()), {}, call=decline)

    assert ran.error == "CardDeclined"
    cause = json.loads(ran.cause)
    assert list(cause) == ["errorMessage", "errorType", "requestId", "stackTrace"]
    assert (cause["errorMessage"], cause["errorType"]) == ("insufficient funds", "CardDeclined")
    assert len(cause["stackTrace"]) == 1
    assert cause["stackTrace"][0].startswith('  File "')
    assert cause["stackTrace"][0].endswith('in decline\n    raise CardDeclined("insufficient funds")\n')


def test_the_cause_has_blanks_for_a_functions_arn_and_none_for_lambda_invoke():
    assert '", "errorType": "' in run_with(machine(Pay=task()), {}, call=decline).cause
    assert '","errorType":"' in run_with(machine(Pay=invoke()), {}, call=decline).cause


def test_an_exception_may_name_its_error_itself():
    class Odd(Exception):
        error_type = "Payment.Declined"

    def call(_event):
        raise Odd("why")

    assert run_with(machine(Pay=task()), {}, call=call).error == "Payment.Declined"


def test_a_task_error_gives_error_and_cause_as_they_are():
    def call(_event):
        raise TaskError("Lambda.TooManyRequestsException", "slow down")

    ran = run_with(machine(Pay=task()), {}, call=call)

    assert (ran.error, ran.cause) == ("Lambda.TooManyRequestsException", "slow down")


@pytest.mark.parametrize(
    ("value", "said"),
    [({1, 2}, "set"), (datetime.date(2026, 1, 1), "date"), ({"a": float("nan")}, "nan"), ({1: 2}, "key")],
    ids=["set", "date", "nan", "number as key"],
)
def test_a_result_that_is_no_json_fails_the_task_in_words(value, said):
    ran = run_with(machine(Ask=task()), {}, call=lambda _event: value)

    assert ran.error == "Runtime.MarshalError"
    assert said in ran.cause
    assert "is no JSON" in ran.cause


def test_a_function_that_exits_harms_only_its_task():
    def call(_event):
        raise SystemExit(3)

    assert run_with(machine(Ask=task()), {}, call=call).error == "SystemExit"


def test_a_task_bound_to_nothing_says_how_to_bind_it():
    ran = run_with(machine(**{"Charge card": invoke("charge-card")}), {})

    assert ran.error == "Stepwell.TaskNotBound"
    assert "functions={'charge-card': f}" in ran.cause
    assert "'charge_card'" in ran.cause
    assert "stepwell.toml" in ran.cause
    assert "--mock-config" in ran.cause


def test_a_function_may_be_named_by_the_resource_itself():
    assert run_with(machine(Ask=task("python:math:floor")), 2.5).output == 2


@pytest.mark.parametrize(
    ("resource", "said"),
    [("python:no_such_module_here:f", "cannot be imported"), ("python:math:nothing", "has no 'nothing'")],
)
def test_a_function_that_cannot_be_had_fails_its_task_in_words(resource, said):
    ran = run_with(machine(Ask=task(resource)), {})

    assert ran.error == "Stepwell.TaskNotBound"
    assert said in ran.cause


def test_functions_of_parallel_branches_get_values_of_their_own():
    def call(event):
        event["seen"] = True
        return event

    ran = run_with(machine(Both=parallel(scope(A=task()), scope(B=task()))), {"a": 1}, call=call)

    assert ran.details("ParallelStateEntered")["input"] == '{"a":1}'
    assert ran.output == [{"a": 1, "seen": True}] * 2
