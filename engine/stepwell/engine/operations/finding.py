"""State machines as operations find them: those that are there and may be changed, and what is said of the others."""

from stepwell.engine import arns
from stepwell.engine.errors import StateMachineDeleting, StateMachineDoesNotExist
from stepwell.engine.registry import Registry, StateMachineRecord, StateMachineStatus


def active(registry: Registry, arn: str) -> StateMachineRecord:
    """The state machine of this ARN; raises StateMachineDoesNotExist and StateMachineDeleting."""
    arns.checked(arn, "stateMachine")
    machine = registry.find(StateMachineRecord, arn)
    if machine is None:
        raise no_state_machine(arn)
    check_active(machine)
    return machine


def check_active(machine: StateMachineRecord) -> None:
    if machine.status is StateMachineStatus.DELETING:
        raise StateMachineDeleting(f"State Machine is being deleted: '{machine.arn}'")


def no_state_machine(arn: str) -> StateMachineDoesNotExist:
    return StateMachineDoesNotExist(f"State Machine Does Not Exist: '{arn}'")
