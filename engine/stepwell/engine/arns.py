"""Amazon resource names of state machines and executions."""

from stepwell.definitions.model import StateMachineType

PARTITION = "aws"
DEFAULT_REGION = "us-east-1"
DEFAULT_ACCOUNT = "123456789012"
DEFAULT_ROLE = f"arn:aws:iam::{DEFAULT_ACCOUNT}:role/StepwellRole"


def state_machine_arn(name: str, region: str = DEFAULT_REGION, account: str = DEFAULT_ACCOUNT) -> str:
    return f"arn:{PARTITION}:states:{region}:{account}:stateMachine:{name}"


def execution_arn(machine_arn: str, name: str, kind: StateMachineType, unique: str) -> str:
    """`unique` tells Express executions apart, whose names may repeat."""
    start, _, machine = machine_arn.partition(":stateMachine:")
    if kind is StateMachineType.EXPRESS:
        return f"{start}:express:{machine}:{name}:{unique}"
    return f"{start}:execution:{machine}:{name}"
