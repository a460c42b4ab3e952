"""Test cases of a mock configuration file, chosen with `stateMachineArn#TestCase` as in Step Functions Local."""

import json
import re
import subprocess
import sys
from contextlib import closing

import pytest

from stepwell.testing import client
from support import machine, retrier, task, wait

ROLE = "arn:aws:iam::123456789012:role/StepwellRole"
CHARGE = "arn:aws:lambda:us-east-1:123456789012:function:charge"

CONFIG = {
    "StateMachines": {
        "shop": {
            "TestCases": {
                "Happy": {"Charge": "Paid"},
                "Twice": {"Charge": "BusyThenPaid"},
                "Broken": {"Charge": "NoSuchResponse"},
                "Untouched": {},
            }
        }
    },
    "MockedResponses": {
        "Paid": {"0": {"Return": {"id": 7}}},
        "BusyThenPaid": {"0-1": {"Throw": {"Error": "Busy", "Cause": "later"}}, "2": {"Return": {"id": 8}}},
    },
}
SHOP = machine(
    Nap=wait(Seconds=1),
    Charge=task(CHARGE, Retry=[retrier("Busy", IntervalSeconds=1, MaxAttempts=3, BackoffRate=1)]),
)


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "mocks.json"
    path.write_text(json.dumps(CONFIG))
    return path


@pytest.fixture
def sfn(config):
    with closing(
        client(mock_config=config, fast_forward=True, functions={"charge": lambda event: "the real one"})
    ) as it:
        yield it


def created(sfn, definition=SHOP, **about):
    return sfn.create_state_machine(name="shop", definition=json.dumps(definition), roleArn=ROLE, **about)[
        "stateMachineArn"
    ]


def ended(sfn, arn):
    while (found := sfn.describe_execution(executionArn=arn))["status"] == "RUNNING":
        pass
    return found


@pytest.mark.parametrize(
    ("case", "output"), [("Happy", {"id": 7}), ("Twice", {"id": 8}), ("Untouched", "the real one")]
)
def test_an_execution_is_answered_by_the_test_case_it_was_started_with(sfn, case, output):
    machine_arn = created(sfn)

    started = sfn.start_execution(stateMachineArn=f"{machine_arn}#{case}")
    found = ended(sfn, started["executionArn"])

    assert json.loads(found["output"]) == output
    assert found["stateMachineArn"] == machine_arn


def test_without_a_test_case_nothing_is_mocked(sfn):
    assert ended(sfn, sfn.start_execution(stateMachineArn=created(sfn))["executionArn"])["output"] == '"the real one"'


def test_each_execution_counts_for_itself(sfn):
    machine_arn = created(sfn)
    for _ in range(2):
        found = ended(sfn, sfn.start_execution(stateMachineArn=f"{machine_arn}#Twice")["executionArn"])
        types = [event["type"] for event in sfn.get_execution_history(executionArn=found["executionArn"])["events"]]

        assert types.count("LambdaFunctionFailed") == 2


def test_express_executions_have_test_cases_too(sfn):
    machine_arn = created(sfn, machine(Charge=task(CHARGE)), type="EXPRESS")

    assert sfn.start_sync_execution(stateMachineArn=f"{machine_arn}#Happy")["output"] == '{"id":7}'


@pytest.mark.parametrize(("case", "told"), [("Nope", "has no 'Nope'"), ("Broken", "has no 'NoSuchResponse'")])
def test_a_test_case_that_cannot_be_used_is_told_of(sfn, case, told):
    with pytest.raises(sfn.exceptions.ClientError, match=told) as refused:
        sfn.start_execution(stateMachineArn=f"{created(sfn)}#{case}")
    assert refused.value.response["Error"]["Code"] == "ValidationException"


def test_the_file_may_change_while_it_is_served(sfn, config):
    machine_arn = created(sfn)
    changed = json.loads(config.read_text())
    changed["MockedResponses"]["Paid"]["0"]["Return"] = "changed"
    config.write_text(json.dumps(changed))

    assert (
        ended(sfn, sfn.start_execution(stateMachineArn=f"{machine_arn}#Happy")["executionArn"])["output"] == '"changed"'
    )


def test_after_a_kill_the_test_case_holds_and_is_counted_on(tmp_path, config):
    def served():
        process = subprocess.Popen(
            [sys.executable, "-m", "stepwell", "serve", "--port=0", f"--data={tmp_path}", f"--mock-config={config}"],
            stderr=subprocess.PIPE,
            text=True,
        )
        return process, client(re.search(r"http://\S+", process.stderr.readline())[0])

    process, sfn = served()
    with process, closing(sfn):
        started = sfn.start_execution(stateMachineArn=f"{created(sfn)}#Twice")["executionArn"]
        while "Busy" not in str(sfn.get_execution_history(executionArn=started)["events"]):
            pass
        process.kill()
    process, sfn = served()
    with process, closing(sfn):
        found = ended(sfn, started)
        events = [event["type"] for event in sfn.get_execution_history(executionArn=started)["events"]]
        process.terminate()

    assert found["output"] == '{"id":8}'
    assert events.count("LambdaFunctionFailed") == 2
