"""What callers may ask of state machines.

Rule 1: a definition is checked before it is kept, and kept exactly as it was given.
Rule 2: what is asked for is done within one transaction of the registry, so two callers never see half of it.

`at` is in milliseconds since the epoch. Every ARN may raise InvalidArn.
"""

from collections.abc import Callable, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from stepwell.definitions.check import load
from stepwell.definitions.expressions import Entropy
from stepwell.definitions.kinds import StateMachineType
from stepwell.definitions.source import read_source
from stepwell.engine import arns
from stepwell.engine.errors import (
    MissingRequiredParameter,
    StateMachineAlreadyExists,
    ValidationException,
)
from stepwell.engine.operations import configurations
from stepwell.engine.operations.executions import checked_name
from stepwell.engine.operations.finding import active, check_active, no_state_machine, unlabelled
from stepwell.engine.operations.logging_configuration import checked_logging_configuration
from stepwell.engine.operations.tags import checked_tags
from stepwell.engine.operations.versions import publish as publish_revision
from stepwell.engine.operations.versions import revision_of
from stepwell.engine.registry import (
    AliasRecord,
    Configuration,
    Registry,
    StateMachineRecord,
    StateMachineStatus,
    VersionRecord,
)

HasLogGroup = Callable[[str], bool]
"""Whether there is a log group of this name."""


class Written(Struct, frozen=True, kw_only=True):
    """A state machine as a request has left it."""

    state_machine: StateMachineRecord
    revision_id: str | None
    """As UpdateStateMachine answers it."""
    version: VersionRecord | None
    """Of a request that publishes: the version of this revision."""

    @property
    def arn(self) -> str:
        return self.state_machine.arn


def create_state_machine(
    registry: Registry,
    *,
    at: int,
    name: str,
    definition: str,
    role_arn: str = arns.DEFAULT_ROLE,
    type: StateMachineType = StateMachineType.STANDARD,
    logging_configuration: Configuration | None = None,
    tracing_configuration: Configuration | None = None,
    encryption_configuration: Configuration | None = None,
    publish: bool = False,
    version_description: str | None = None,
    tags: dict[str, str] | None = None,
    region: str = arns.DEFAULT_REGION,
    account: str = arns.DEFAULT_ACCOUNT,
    has_log_group: HasLogGroup = lambda group: True,
) -> Written:
    """A new state machine, or the one of this name if it says the same; its role and tags stay as they are then.

    Raises InvalidName, InvalidDefinition, InvalidLoggingConfiguration, InvalidEncryptionConfiguration,
    StateMachineAlreadyExists, StateMachineDeleting, TooManyTags, and ValidationException for a description of a version
    that is not published.
    """
    asked = StateMachineRecord(
        arn=arns.state_machine_arn(checked_name(name), region, account),
        type=type,
        definition=definition,
        role_arn=arns.checked_role(role_arn),
        logging_configuration=checked_logging_configuration(
            configurations.logging(logging_configuration), has_log_group
        ),
        tracing_configuration=configurations.tracing(tracing_configuration),
        encryption_configuration=configurations.encryption(encryption_configuration),
        created_at=at,
        updated_at=at,
    )
    _check_description(publish, version_description)
    checked_tags(asked.arn, tags or {})
    _check_definition(definition, type)
    with registry.transaction():
        machine = registry.find(StateMachineRecord, asked.arn)
        if machine is None:
            registry.put(asked)
            registry.set_tags(asked.arn, tags or {})
            machine, version = asked, None
            if publish:
                machine, version = publish_revision(registry, asked, at, version_description)
        else:
            check_active(machine)
            version = _published_with(registry, machine)
            was_asked = (version is not None, None if version is None else version.description)
            # API model: a repeated request may name another role and other tags.
            is_same = replace(machine, **revision_of(asked, "role_arn", "revision_id")) == machine
            if not is_same or was_asked != (publish, version_description):
                raise StateMachineAlreadyExists(f"State Machine Already Exists: '{machine.arn}'")
        return Written(state_machine=machine, revision_id=machine.revision_id, version=version)


def _published_with(registry: Registry, machine: StateMachineRecord) -> VersionRecord | None:
    """The version that was published when the state machine was created."""
    first = registry.find(VersionRecord, f"{machine.arn}:1")
    is_it = first is not None and first.revision_id is None and first.created_at == machine.created_at
    return first if is_it else None


def update_state_machine(
    registry: Registry,
    arn: str,
    *,
    at: int,
    entropy: bytes,
    definition: str | None = None,
    role_arn: str | None = None,
    logging_configuration: Configuration | None = None,
    tracing_configuration: Configuration | None = None,
    encryption_configuration: Configuration | None = None,
    publish: bool = False,
    version_description: str | None = None,
    has_log_group: HasLogGroup = lambda group: True,
) -> Written:
    """Makes a new revision of a state machine; of one that says all this already, nothing.

    Raises StateMachineDoesNotExist (for the ARN of a version or an alias too), StateMachineDeleting,
    MissingRequiredParameter, InvalidDefinition, InvalidLoggingConfiguration, InvalidEncryptionConfiguration, and
    ValidationException for a description of a version that is not published.
    """
    found = active(registry, arn)
    changes: dict[str, Any] = {
        "definition": definition,
        "role_arn": None if role_arn is None else arns.checked_role(role_arn),
    }
    if logging_configuration is not None:
        asked = configurations.logging(logging_configuration)
        changes["logging_configuration"] = checked_logging_configuration(asked, has_log_group)
    if tracing_configuration is not None:
        changes["tracing_configuration"] = configurations.tracing(tracing_configuration)
    if encryption_configuration is not None:
        changes["encryption_configuration"] = configurations.encryption(encryption_configuration)
    changes = {field: value for field, value in changes.items() if value is not None}
    if not changes:
        raise MissingRequiredParameter(
            "Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration must be "
            "specified"
        )
    _check_description(publish, version_description)
    if definition is not None:
        _check_definition(definition, found.type)
    with registry.transaction():
        before = active(registry, arn)
        machine = replace(before, **changes)
        is_new = machine != before
        if is_new:
            machine = replace(machine, revision_id=Entropy(entropy).uuid(), updated_at=at)
            registry.put(machine)
        version = None
        if publish:
            machine, version = publish_revision(registry, machine, at, version_description)
    # Recorded: what changes nothing is answered with the revision that is there, or with its version alone.
    revision_id = machine.revision_id if is_new or not publish else None
    return Written(state_machine=machine, revision_id=revision_id, version=version)


def delete_state_machine(registry: Registry, arn: str, *, has_executions: bool = False) -> None:
    """Deletes a state machine with its versions and aliases; one that is not there is no error.

    One with executions that run is being deleted until this is asked once more, without them.
    """
    unlabelled(arn)
    with registry.transaction():
        machine = registry.find(StateMachineRecord, arn)
        if machine is None:
            return
        for alias in registry.aliases(arn):
            registry.remove(AliasRecord, alias.arn)
        for version in registry.versions(arn):
            registry.remove(VersionRecord, version.arn)
        if has_executions:
            registry.put(replace(machine, status=StateMachineStatus.DELETING))
        else:
            registry.remove(StateMachineRecord, arn)
            registry.set_tags(arn, {})


def finish_deletion(registry: Registry, arn: str) -> None:
    """Deletes for good what is being deleted."""
    with registry.transaction():
        machine = registry.find(StateMachineRecord, arn)
        if machine is not None and machine.status is StateMachineStatus.DELETING:
            delete_state_machine(registry, arn)


def describe_state_machine(
    registry: Registry, arn: str, *, named: str | None = None
) -> StateMachineRecord | VersionRecord:
    """The state machine or the version of this ARN; raises StateMachineDoesNotExist, which tells of `named`."""
    unlabelled(arn)
    found = registry.find(StateMachineRecord, arn) or registry.find(VersionRecord, arn)
    if found is None:
        raise no_state_machine(named or arn)
    return found


def list_state_machines(
    registry: Registry, *, within: str = "", limit: int | None = None, after: str | None = None
) -> list[StateMachineRecord]:
    """By name, those whose ARN begins with `within`, from the one that comes after an ARN."""
    return registry.state_machines(within=within, limit=limit, after=after)


class Resolved(Struct, frozen=True, kw_only=True):
    """What an execution is started from."""

    definition: str
    type: StateMachineType
    role_arn: str
    state_machine_arn: str
    version_arn: str | None = None
    alias_arn: str | None = None

    @property
    def name(self) -> str:
        return arns.name_in(self.state_machine_arn)


def resolve(registry: Registry, arn: str, entropy: bytes) -> Resolved:
    """What the ARN of a state machine, a version or an alias stands for: of an alias one of its versions, by weight.

    Raises StateMachineDoesNotExist and StateMachineDeleting.
    """
    unlabelled(arn)
    machine = registry.find(StateMachineRecord, arn)
    if machine is not None:
        check_active(machine)
        return Resolved(
            definition=machine.definition,
            type=machine.type,
            role_arn=machine.role_arn,
            state_machine_arn=machine.arn,
        )
    alias = registry.find(AliasRecord, arn)
    version_arn = arn if alias is None else _drawn(alias.routing, Entropy(entropy))
    version = registry.find(VersionRecord, version_arn)
    if version is None:
        raise no_state_machine(arn)
    return Resolved(
        definition=version.definition,
        type=version.type,
        role_arn=version.role_arn,
        state_machine_arn=version.state_machine_arn,
        version_arn=version.arn,
        alias_arn=None if alias is None else alias.arn,
    )


def _drawn(routing: Sequence[tuple[str, int]], entropy: Entropy) -> str:
    point = entropy.fraction() * 100
    for version_arn, weight in routing:
        point -= weight
        if point < 0:
            return version_arn
    return routing[-1][0]


def _check_definition(text: str, type: StateMachineType) -> None:
    load(read_source(text, format="json"), type=type)


def _check_description(publish: bool, description: str | None) -> None:
    if description is not None and not publish:
        raise ValidationException("Version description can only be set when publish is true")
