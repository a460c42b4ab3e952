"""What callers may ask of the versions of a state machine: a version is one of its revisions, kept as it was.

`at` is in milliseconds since the epoch. Every ARN may raise InvalidArn.
"""

from typing import Any

from msgspec.structs import replace

from stepwell.engine import arns, quotas
from stepwell.engine.errors import ConflictException, ServiceQuotaExceededException
from stepwell.engine.operations.finding import active
from stepwell.engine.registry import AliasRecord, Registry, Revision, StateMachineRecord, VersionRecord

INITIAL = "INITIAL"
"""How AWS names the revision of a state machine that was never updated."""


def publish_version(
    registry: Registry, arn: str, *, at: int, revision_id: str | None = None, description: str | None = None
) -> VersionRecord:
    """The version of a state machine's revision, published now or before.

    With a revision id, only if that is the current revision. Raises StateMachineDoesNotExist, StateMachineDeleting,
    ConflictException, and ServiceQuotaExceededException.
    """
    with registry.transaction():
        machine = active(registry, arn)
        current = machine.revision_id or INITIAL
        if revision_id not in (None, current):
            raise ConflictException(
                f"Failed to publish the State Machine version for revision {revision_id}. "
                f"The current State Machine revision is {current}."
            )
        # Later than the state machine, whatever the clock says: that tells it from one that was published with it.
        return publish(registry, machine, max(at, machine.created_at + 1), description)[1]


def publish(
    registry: Registry, machine: StateMachineRecord, at: int, description: str | None
) -> tuple[StateMachineRecord, VersionRecord]:
    """The machine, and the version of its current revision, which is made where there is none."""
    for newest in registry.versions(machine.arn, limit=1):
        if newest.revision_id == machine.revision_id:  # no older one is: a revision never comes back
            return machine, newest
    if machine.last_version >= quotas.VERSIONS and len(registry.versions(machine.arn)) >= quotas.VERSIONS:
        raise ServiceQuotaExceededException(f"A state machine has {quotas.VERSIONS} versions at most: '{machine.arn}'")
    machine = replace(machine, last_version=machine.last_version + 1)
    version = VersionRecord(
        state_machine_arn=machine.arn,
        number=machine.last_version,
        description=description,
        created_at=at,
        **revision_of(machine),
    )
    registry.put(machine)
    registry.put(version)
    return machine, version


def delete_version(registry: Registry, arn: str) -> None:
    """Deletes a version; one that is not there is no error. Raises ConflictException where an alias refers to it."""
    arns.checked(arn, "stateMachine")
    with registry.transaction():
        version = registry.find(VersionRecord, arn)
        if version is None:
            return
        aliases = [alias.name for alias in registry.aliases(version.state_machine_arn) if refers_to(alias, arn)]
        if aliases:
            raise ConflictException(
                "Version to be deleted must not be referenced by an alias. "
                f"Current list of aliases referencing this version: [{', '.join(aliases)}]"
            )
        registry.remove(VersionRecord, arn)


def list_versions(
    registry: Registry, arn: str, *, limit: int | None = None, after: str | None = None
) -> list[VersionRecord]:
    """The versions of a state machine, the newest first, from the one that comes after this ARN.

    An empty list where there is no such state machine: the API model has no error for that.
    """
    arns.checked(arn, "stateMachine")
    return registry.versions(arn, limit=limit, after=after)


def revision_of(machine: StateMachineRecord, *but: str) -> dict[str, Any]:
    """The fields that make its revision, but for some."""
    return {field: getattr(machine, field) for field in Revision.__struct_fields__ if field not in but}


def refers_to(alias: AliasRecord, version_arn: str) -> bool:
    """Whether an alias routes to a version."""
    return any(routed == version_arn for routed, _ in alias.routing)
