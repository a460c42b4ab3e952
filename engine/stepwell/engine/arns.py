"""Amazon resource names: of what Step Functions keeps, and what is in them."""

import re

from stepwell.definitions import resources
from stepwell.definitions.kinds import StateMachineType
from stepwell.engine.errors import InvalidArn

DEFAULT_REGION = "us-east-1"
DEFAULT_ACCOUNT = "123456789012"
DEFAULT_ROLE = f"arn:aws:iam::{DEFAULT_ACCOUNT}:role/StepwellRole"

ROLE = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/.+")

PARTITIONS = {"cn": "aws-cn", "us-gov": "aws-us-gov", "us-iso": "aws-iso", "us-isob": "aws-iso-b"}
"""By how the names of their regions begin. All others are in `aws`."""


def within(region: str = DEFAULT_REGION, account: str = DEFAULT_ACCOUNT) -> str:
    """How the ARNs of an account in a region begin, up to the kind of resource."""
    place = region.rpartition("-")[0].rpartition("-")[0]
    return f"arn:{PARTITIONS.get(place, 'aws')}:states:{region}:{account}:"


def state_machine_arn(name: str, region: str = DEFAULT_REGION, account: str = DEFAULT_ACCOUNT) -> str:
    return f"{within(region, account)}stateMachine:{name}"


def activity_arn(name: str, region: str = DEFAULT_REGION, account: str = DEFAULT_ACCOUNT) -> str:
    return f"{within(region, account)}activity:{name}"


def execution_arn(machine_arn: str, name: str, kind: StateMachineType, unique: str) -> str:
    """`unique` tells Express executions apart, whose names may repeat."""
    start, _, machine = machine_arn.partition(":stateMachine:")
    if kind is StateMachineType.EXPRESS:
        return f"{start}:express:{machine}:{name}:{unique}"
    return f"{start}:execution:{machine}:{name}"


def checked_role(arn: str) -> str:
    """The ARN of a role; raises InvalidArn. From memory of AWS, as other emulators have it."""
    if not ROLE.fullmatch(arn):
        raise InvalidArn(f"Invalid Role Arn: '{arn}'")
    return arn


def checked(arn: str, *kinds: str) -> str:
    """The ARN of a resource of one of these kinds (`stateMachine`, `execution`); raises InvalidArn."""
    found = resources.ARN.fullmatch(arn)
    if found is None or found["service"] != "states":
        raise InvalidArn(f"Invalid Arn: 'Invalid ARN prefix: {arn}'")
    kind = found["rest"].partition(":")[0]
    if kind not in kinds:
        raise InvalidArn(f"Invalid Arn: 'Resource type not valid in this context: {kind}'")
    return arn


def name_in(arn: str) -> str:
    """The last part of an ARN: the name of a state machine, activity or alias, the number of a version."""
    return arn.rpartition(":")[2]


def account_in(arn: str) -> str:
    """The account of an ARN."""
    return arn.split(":")[4]


def machine_in(arn: str) -> str:
    """The ARN of the state machine in that of one of its versions or aliases; that of a state machine is its own."""
    start, kind, rest = arn.partition(":stateMachine:")
    return start + kind + rest.partition(":")[0]
