"""Starting executions."""

import re

from stepwell.definitions.expressions import Entropy
from stepwell.definitions.json_text import InvalidJson, exceeds, loads
from stepwell.definitions.model import StateMachineType
from stepwell.engine import arns, quotas
from stepwell.engine.errors import InvalidExecutionInput, InvalidName, InvalidOutput
from stepwell.engine.execution import Execution

FORBIDDEN_IN_NAMES = re.compile(r"[\s?*<>{}\[\]\"#%\\^|~`$&,;:/\u0000-\u001f\u007f-\u009f\ud800-\udfff]")


def checked_name(name: str) -> str:
    """The name of an execution or a state machine; raises InvalidName."""
    if not 1 <= len(name) <= 80 or FORBIDDEN_IN_NAMES.search(name):
        raise InvalidName(f"Invalid Name: '{name}'")
    return name


def checked_input(text: str) -> str:
    """The input of an execution, as it was given; raises InvalidExecutionInput for what is no JSON or too long."""
    if not text:
        raise InvalidExecutionInput("Invalid State Machine Execution Input: 'Invalid execution input.'")
    try:
        loads(text)
    except InvalidJson as fault:
        raise InvalidExecutionInput(f"Invalid State Machine Execution Input: '{fault.message}'") from None
    if exceeds(text, quotas.PAYLOAD_BYTES):
        raise InvalidExecutionInput(
            f"Invalid State Machine Execution Input: 'The input is longer than {quotas.PAYLOAD_BYTES} bytes'"
        )
    return text


def checked_output(text: str) -> str:
    """The output given for a task; raises InvalidOutput for what is no JSON or too long."""
    try:
        loads(text)
    except InvalidJson as fault:
        raise InvalidOutput(f"Invalid Output: '{fault.message}'") from None
    if exceeds(text, quotas.PAYLOAD_BYTES):
        raise InvalidOutput(f"Invalid Output: 'The output is longer than {quotas.PAYLOAD_BYTES} bytes'")
    return text


def new_execution(
    *,
    at: int,
    entropy: bytes,
    input: str = "{}",
    name: str | None = None,
    arn: str | None = None,
    machine_arn: str,
    role_arn: str = arns.DEFAULT_ROLE,
    type: StateMachineType = StateMachineType.STANDARD,
    is_synchronous: bool = False,
) -> Execution:
    """An execution before its first step. Raises InvalidExecutionInput and InvalidName.

    Without a name it gets a UUID. `at` is in milliseconds since the epoch.
    """
    checked_input(input)
    if name is not None:
        checked_name(name)
    unique = Entropy(entropy).uuid() if name is None or type is StateMachineType.EXPRESS else ""
    name = name or unique
    return Execution(
        arn=arn or arns.execution_arn(machine_arn, name, type, unique),
        name=name,
        state_machine_arn=machine_arn,
        state_machine_name=machine_arn.rpartition(":")[2],
        role_arn=role_arn,
        type=type,
        is_synchronous=is_synchronous,
        input=input,
        started_at=at,
    )
