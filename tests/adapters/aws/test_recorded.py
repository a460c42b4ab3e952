"""What AWS recorded of tasks, rebuilt: the service gives the answer behind it, the task must give what is recorded.

Left out: services that answer in XML, and ECS, whose model has got more lists since then.
"""

import json
import re

import pytest
from botocore.session import Session

from conformance.cases import RECORDED, read
from conformance.compare import Bindings, compare
from stepwell.adapters.tasks.aws import names
from stepwell.adapters.tasks.aws.optimized import SERVICES

JSON_SERVICES = ("dynamodb", "events", "sqs", "aws-sdk:dynamodb", "aws-sdk:sfn")
REFUSAL = re.compile(r"(?P<message>.*) \(Service: \w+; Status Code: (?P<status>\d+); Error Code: (?P<code>\w+);.*\)")
SESSION = Session()


def outcomes():
    """The first answers of tasks, each once: what was asked, what came of it."""
    seen = set()
    for case in read(RECORDED) if RECORDED.is_dir() else ():
        for outcome in (one for execution in case.executions for one in execution.get("task_outcomes") or ()):
            if outcome.get("resource_type") not in (*JSON_SERVICES, "lambda", "sns"):
                continue
            first = outcome.get("submitted") or outcome
            key = json.dumps([outcome["resource"], outcome["parameters"], first.get("output"), first.get("cause")])
            if key not in seen and (first.get("output") is not None or first.get("cause")):
                seen.add(key)
                yield pytest.param(outcome, first, id=f"{case.id}/{outcome['state']}")


def resource(outcome):
    return f"arn:aws:states:::{outcome['resource_type']}:{outcome['resource']}"


def told(outcome, members):
    """The members of an answer as the API spells them."""
    kind = outcome["resource_type"]
    is_sdk = kind.startswith("aws-sdk:")
    segment = kind.removeprefix("aws-sdk:") if is_sdk else SERVICES[kind].segment
    model = SESSION.get_service_model(names.client_name(segment, SESSION.get_available_services()))
    operation = {names.uncapitalized(name): name for name in model.operation_names}[outcome["resource"].split(".")[0]]
    shape = model.operation_model(operation).output_shape
    spell = names.sdk_member if is_sdk else names.capitalized
    spelt = {spell(name): name for name in (shape.members if shape else ())}
    return {
        spelt[name]: 1700000000.5 if shape.members[spelt[name]].type_name == "timestamp" else value
        for name, value in members.items()
        if name in spelt
    }


@pytest.mark.parametrize(
    ("outcome", "first"),
    [
        one
        for one in outcomes()
        if isinstance(one.values[1].get("output"), dict) and one.values[0]["resource_type"] != "sns"
    ],
)
def test_a_result_is_what_aws_recorded(service, call, outcome, first):
    expected = first["output"]
    headers = dict(expected.get("SdkHttpMetadata", {}).get("HttpHeaders", {"x-amzn-RequestId": "r"}))
    headers.pop("Content-Length", None)
    is_function = outcome["resource_type"] == "lambda"
    service.answers(expected["Payload"] if is_function else told(outcome, expected), headers=headers)

    ran = call(resource(outcome), outcome["parameters"], TimeoutSeconds=1)

    kind = "TaskSubmitted" if outcome.get("submitted") else "TaskSucceeded"
    actual = json.loads(ran.details(kind)["output"])
    assert compare(without_length(expected), as_recorded(expected, without_length(actual)), Bindings()) is None


def without_length(value):
    """What is rebuilt has other blanks than what was sent."""
    if not isinstance(value, dict):
        return value
    return {name: without_length(member) for name, member in value.items() if name != "Content-Length"}


def as_recorded(expected, actual):
    """The recorder put one token in place of the list of a header's values."""
    if isinstance(expected, str) and isinstance(actual, list) and len(actual) == 1:
        return actual[0]
    if isinstance(expected, dict) and isinstance(actual, dict):
        return {name: as_recorded(expected.get(name), value) for name, value in actual.items()}
    return actual


@pytest.mark.parametrize(
    ("outcome", "first"),
    [one for one in outcomes() if REFUSAL.fullmatch(str(one.values[1].get("cause"))) and one.values[1].get("error")],
)
def test_a_refusal_is_what_aws_recorded(service, call, outcome, first):
    refusal = REFUSAL.fullmatch(first["cause"])
    code, message = refusal["code"], refusal["message"]
    if outcome["resource_type"] == "sns":
        body = f"<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>".encode()
    else:
        body = {"__type": code, "message": message}
    headers = {"x-amzn-RequestId": "r", "x-amzn-ErrorType": code}
    service.answers(body, status=int(refusal["status"]), headers=headers)

    ran = call(resource(outcome), outcome["parameters"])

    assert ran.error == first["error"]
    assert compare(first["cause"], ran.cause, Bindings()) is None
