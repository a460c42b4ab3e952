"""Mocked results held against the APIs of AWS."""

import subprocess
import sys
from typing import Any

import pytest

from stepwell.adapters.service_models import fault_of
from stepwell.definitions.resources import Integration, parse_resource
from stepwell.engine.operations.test_state import FieldValidationMode

STRICT, PRESENT, NONE = FieldValidationMode


def fault(resource: str, result: Any, mode: FieldValidationMode = STRICT) -> str | None:
    called = parse_resource(f"arn:aws:states:::{resource}")
    assert isinstance(called, Integration)
    return fault_of(called, result, mode)


STARTED = {"ExecutionArn": "arn", "StartDate": "2026-01-01T00:00:00Z"}
DESCRIBED = {**STARTED, "StateMachineArn": "arn", "Status": "SUCCEEDED"}


@pytest.mark.parametrize(
    ("resource", "result", "expected"),
    [
        ("states:startExecution", {"ExecutionArn": "arn"}, "Required field 'StartDate' is missing"),
        ("states:startExecution", {**STARTED, "StartDate": 1}, "Field 'StartDate' must be a string"),
        ("states:startExecution.sync", STARTED, "Required field 'StateMachineArn' is missing"),
        ("states:startExecution.sync", {**DESCRIBED, "Status": "DONE"}, "Field 'Status' is not an expected value"),
        ("states:startExecution.sync", {**DESCRIBED, "Output": {}}, "Field 'Output' must be a string"),
        ("ecs:runTask", {"Tasks": {}}, "Field 'Tasks' must be an array"),
        ("ecs:runTask.sync", {"Containers": [{"ExitCode": "0"}]}, "Field 'ExitCode' must be a number"),
        ("glue:startJobRun.sync", {"Attempt": True}, "Field 'Attempt' must be a number"),
        ("codebuild:startBuild.sync", {"Build": {"BuildComplete": 1}}, "Field 'BuildComplete' must be a boolean"),
        ("batch:submitJob.sync", {}, "Required field 'JobName' is missing"),
        ("events:putEvents", {"Entries": [{"EventId": "1"}, {"EventId": 2}]}, "Field 'EventId' must be a string"),
        ("dynamodb:getItem", {"Item": {"id": "1"}}, "Field 'Item' must be an object"),
        ("aws-sdk:lambda:getFunction", {"Configuration": {"MemorySize": 127}}, "Field 'MemorySize' is less than"),
        ("aws-sdk:rds:describeDBInstances", {"DbInstances": {}}, "Field 'DbInstances' must be an array"),
        ("aws-sdk:sfn:listStateMachines", {"StateMachines": 1}, "Field 'StateMachines' must be an array"),
    ],
)
def test_what_departs_from_the_api_is_told(resource: str, result: Any, expected: str):
    found = fault(resource, result)

    assert found is not None and found.startswith(expected)


@pytest.mark.parametrize(
    ("resource", "result"),
    [
        pytest.param("states:startExecution.sync:2", {**DESCRIBED, "Output": {"a": 1}}, id="parsed by .sync:2"),
        pytest.param("lambda:invoke", {"Payload": [1, {"a": None}], "StatusCode": 200}, id="a payload of any kind"),
        pytest.param("lambda:invoke", {"Unknown": 1}, id="an unknown member"),
        pytest.param("aws-sdk:s3:getObject", {"ETag": None}, id="null"),
        pytest.param("sqs:sendMessage.waitForTaskToken", 7, id="the answer to a token"),
        pytest.param("apigateway:invoke", 7, id="an answer of the integration's own"),
        pytest.param("eks:runJob.sync", {"Logs": 7}, id="a job of eks"),
        pytest.param("aws-sdk:nosuchservice:act", 7, id="an unknown service"),
        pytest.param("aws-sdk:s3:noSuchAction", 7, id="an unknown action"),
    ],
)
def test_what_is_not_known_to_depart_passes(resource: str, result: Any):
    assert fault(resource, result) is None


def test_only_the_strict_mode_asks_for_what_is_required():
    assert fault("states:startExecution", {}, PRESENT) is None
    assert fault("states:startExecution", {"StartDate": 1}, PRESENT) == "Field 'StartDate' must be a string"
    assert fault("states:startExecution", {"StartDate": 1}, NONE) is None


def test_whoever_asks_nothing_does_not_pay_for_botocore():
    code = "import sys, stepwell.adapters.state_tests; print('botocore' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "False\n"
