"""moto's side: its interpreter in this process, through boto3, histories kept.

An execution is timed from StartExecution to the first DescribeExecution that tells of its end. The poll's pause grows
with the time that has passed, so that it neither adds more than a twentieth nor takes the interpreter's time away.
"""

import io
import json
import logging
import uuid
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter, sleep
from typing import Any

import boto3
from botocore.exceptions import ClientError
from moto import mock_aws

from bench.measuring import Figure, Measurement, NotMeasured, repeated
from bench.workloads import ECHO, Case, Workload, units

REGION = "us-east-1"
ROLE = "arn:aws:iam::123456789012:role/bench"
CONFIG: Any = {"stepfunctions": {"execute_state_machine": True}, "lambda": {"use_docker": False}}
LONGEST_SECONDS = 300


class DidNotRun(Exception):
    """moto did not do what the workload asks for; the text says what it did."""


def measure_load(workload: Workload) -> Figure:
    """CreateStateMachine, which parses and checks the definition."""
    text = json.dumps(workload.build(workload.size).definition)
    with open_client() as client:
        create(client, "small", workload.build(2))

        def sample() -> float:
            name = str(uuid.uuid4())  # a definition that is known by its name is not read again
            began = perf_counter()
            client.create_state_machine(name=name, definition=text, roleArn=ROLE)
            return perf_counter() - began

        return Measurement(samples=repeated(sample, least=1, most=20), units=1)


def measure_run(workload: Workload) -> Figure:
    if workload.moto_reason:
        return NotMeasured(workload.moto_reason)
    size = workload.moto_size or workload.size
    executions = workload.moto_executions or workload.executions
    case = workload.build(size)
    notes = [workload.moto_note] if workload.moto_note else []
    if size != workload.size:
        notes.append(f"moto with {size:,} of {workload.size:,}, scaled by the {workload.unit}")
    if executions != workload.executions:
        notes.append(f"moto with {executions:,} of {workload.executions:,} executions, scaled by the {workload.unit}")
    try:
        samples = _sampled(workload, case, executions)
    except (ClientError, DidNotRun) as fault:
        return NotMeasured(str(fault))
    return Measurement(samples=samples, units=units(workload, size, executions), note="; ".join(notes))


def _sampled(workload: Workload, case: Case, executions: int) -> tuple[float, ...]:
    run = _run_at_once if workload.at_once else _run_in_a_row
    with open_client() as client:
        small = workload.build(2)  # loads what moto loads late
        run(client, create(client, "small", small), small, 1)
        machine_arn = create(client, "bench", case)

        def sample() -> float:
            began = perf_counter()
            ended = run(client, machine_arn, case, executions)
            seconds = perf_counter() - began
            _verify(ended, case)
            return seconds

        return repeated(sample, least=2, most=20)


def create(client: Any, name: str, case: Case) -> str:
    """The ARN of a new state machine."""
    made = client.create_state_machine(name=name, definition=json.dumps(case.definition), roleArn=ROLE)
    return str(made["stateMachineArn"])


@contextmanager
def open_client() -> Iterator[Any]:
    """A client of a moto of its own, with the echo function in it."""
    logging.getLogger("moto").setLevel(logging.CRITICAL)
    logging.getLogger("localstack").setLevel(logging.CRITICAL)
    keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
    with mock_aws(config=CONFIG):
        trust = '{"Version": "2012-10-17", "Statement": []}'
        role = boto3.client("iam", region_name=REGION, **keys).create_role(
            RoleName="bench", AssumeRolePolicyDocument=trust
        )
        boto3.client("lambda", region_name=REGION, **keys).create_function(
            FunctionName=ECHO.rpartition(":")[2],
            Runtime="python3.12",
            Role=role["Role"]["Arn"],
            Handler="functions.echo",
            Code={"ZipFile": _zip("functions.py", "def echo(event, context):\n    return event\n")},
        )
        yield boto3.client("stepfunctions", region_name=REGION, **keys)


def _zip(name: str, text: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, text)
    return buffer.getvalue()


def start(client: Any, machine_arn: str, case: Case) -> str:
    # moto calls an execution without a name "None", and takes no second one.
    started = client.start_execution(stateMachineArn=machine_arn, name=str(uuid.uuid4()), input=json.dumps(case.input))
    return str(started["executionArn"])


def _run_in_a_row(client: Any, machine_arn: str, case: Case, executions: int) -> list[dict[str, Any]]:
    ended = []
    for _ in range(executions):
        arn = start(client, machine_arn, case)
        ended.append(_polled(lambda arn=arn: client.describe_execution(executionArn=arn), _has_ended))
    return ended


def _run_at_once(client: Any, machine_arn: str, case: Case, executions: int) -> list[dict[str, Any]]:
    arns = [start(client, machine_arn, case) for _ in range(executions)]
    _polled(
        lambda: client.list_executions(stateMachineArn=machine_arn, statusFilter="RUNNING"),
        lambda answer: not answer["executions"],
    )
    return [client.describe_execution(executionArn=arn) for arn in arns]


def _has_ended(answer: dict[str, Any]) -> bool:
    return bool(answer["status"] != "RUNNING")


def _polled(ask: Callable[[], dict[str, Any]], is_enough: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    began = perf_counter()
    while not is_enough(answer := ask()):
        passed = perf_counter() - began
        if passed > LONGEST_SECONDS:
            raise DidNotRun(f"has not ended after {LONGEST_SECONDS} s")
        sleep(min(0.25, max(0.000_5, passed / 20)))
    return answer


def _verify(ended: list[dict[str, Any]], case: Case) -> None:
    for answer in ended:
        if answer["status"] != "SUCCEEDED":
            raise DidNotRun(f"{answer['status']}: {answer.get('error')}: {answer.get('cause')}")
        if case.output is not None and json.loads(answer["output"]) != case.output:
            raise DidNotRun(f"another output than expected: {answer['output'][:200]}")
