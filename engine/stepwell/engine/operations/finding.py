"""State machines as operations find them: those that are there and may be changed, and what is said of the others."""

from stepwell.engine import arns
from stepwell.engine.errors import StateMachineDeleting, StateMachineDoesNotExist, ValidationException
from stepwell.engine.registry import Registry, StateMachineRecord, StateMachineStatus


def active(registry: Registry, arn: str) -> StateMachineRecord:
    """The state machine of this ARN; raises StateMachineDoesNotExist and StateMachineDeleting."""
    unlabelled(arn)
    machine = registry.find(StateMachineRecord, arn)
    if machine is None:
        raise no_state_machine(arn)
    check_active(machine)
    return machine


def unlabelled(arn: str) -> str:
    """The ARN of a state machine, a version or an alias; raises InvalidArn, and ValidationException for that of the
    children of a Distributed Map, which ends in its label. The API model tells of the error, but not its text."""
    if "/" in arns.checked(arn, "stateMachine"):
        raise ValidationException(f"The ARN of a Distributed Map state is not valid in this context: '{arn}'")
    return arn


def is_deleting(registry: Registry, arn: str) -> bool:
    """Whether there is a state machine of this ARN that is being deleted."""
    machine = registry.find(StateMachineRecord, arn)
    return machine is not None and machine.status is StateMachineStatus.DELETING


def check_active(machine: StateMachineRecord) -> None:
    if machine.status is StateMachineStatus.DELETING:
        raise StateMachineDeleting(f"State Machine is being deleted: '{machine.arn}'")


def no_state_machine(arn: str) -> StateMachineDoesNotExist:
    return StateMachineDoesNotExist(f"State Machine Does Not Exist: '{arn}'")
