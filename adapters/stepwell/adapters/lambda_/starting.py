"""Executions that are started elsewhere, on Step Functions or on a Stepwell server, through boto3.

boto3 is not installed with the function's package: Lambda's runtime has it.
"""

import json
from typing import Any

import boto3
from botocore.config import Config

from stepwell.adapters.lambda_.invocations import Invocation, failed

READ_SECONDS = 310
"""How long an answer may take: an Express execution has five minutes."""


class Start:
    """A Lambda handler that starts an execution. Asked once more for the same request it gives the same execution.

    Differs from AWS where the machine is Express: no name is taken for good there, and each request starts one more.
    """

    def __init__(self, state_machine_arn: str, endpoint_url: str | None) -> None:
        self._arn = state_machine_arn
        self._client = _client(state_machine_arn, endpoint_url)

    def __call__(self, event: Any, invocation: Invocation | None = None) -> dict[str, str]:
        """The ARN of the execution; raises what boto3 raises."""
        try:
            started = self._client.start_execution(**_request(self._arn, event, invocation))
        except self._client.exceptions.ExecutionAlreadyExists:  # it has ended since an earlier attempt has started it
            if invocation is None:
                raise
            return {"executionArn": _execution_arn(self._arn, invocation.aws_request_id)}
        return {"executionArn": started["executionArn"]}


class StartSync:
    """A Lambda handler that starts an Express execution and waits for its end.

    The function's timeout should be longer than the execution takes: it is not stopped when the invocation ends.
    """

    def __init__(self, state_machine_arn: str, endpoint_url: str | None) -> None:
        self._arn = state_machine_arn
        # An attempt whose answer is lost has run all the same: whoever invokes decides whether it is to run again.
        self._client = _client(state_machine_arn, endpoint_url, retries={"total_max_attempts": 1})

    def __call__(self, event: Any, invocation: Invocation | None = None) -> Any:
        """The execution's output; raises ExecutionFailed, and what boto3 raises."""
        ended = self._client.start_sync_execution(**_request(self._arn, event, invocation))
        if ended["status"] != "SUCCEEDED":
            raise failed(ended["status"], ended.get("error"), ended.get("cause"))
        return json.loads(ended["output"])


def _client(arn: str, endpoint_url: str | None, **settings: Any) -> Any:
    """AWS has a host of its own for the operations that wait; at an endpoint that is given all have one."""
    config = Config(read_timeout=READ_SECONDS, inject_host_prefix=endpoint_url is None, **settings)
    region = [*arn.split(":"), "", "", "", ""][3] or None
    return boto3.client("stepfunctions", endpoint_url=endpoint_url, region_name=region, config=config)


def _request(arn: str, event: Any, invocation: Invocation | None) -> dict[str, str]:
    request = {"stateMachineArn": arn, "input": json.dumps(event, separators=(",", ":"), ensure_ascii=False)}
    return request | {"name": invocation.aws_request_id} if invocation else request


def _execution_arn(arn: str, name: str) -> str:
    """The execution of this name, of the machine or of one of its versions and aliases."""
    start, _, machine = arn.partition(":stateMachine:")
    return f"{start}:execution:{machine.partition(':')[0]}:{name}"
