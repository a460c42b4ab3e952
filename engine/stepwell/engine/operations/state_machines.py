"""What callers may ask of state machines, their versions and their aliases.

Rule 1: a definition is checked before it is kept, and kept exactly as it was given.
Rule 2: what is asked for is done within one transaction of the registry, so two callers never see half of it.

`at` is in milliseconds since the epoch. Every ARN may raise InvalidArn.
"""

import re
from collections.abc import Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from stepwell.definitions.check import load
from stepwell.definitions.expressions import Entropy
from stepwell.definitions.model import StateMachineType
from stepwell.definitions.source import read_source
from stepwell.engine import arns
from stepwell.engine.errors import (
    ConflictException,
    InvalidName,
    MissingRequiredParameter,
    ResourceNotFound,
    ServiceQuotaExceededException,
    StateMachineAlreadyExists,
    StateMachineDeleting,
    StateMachineDoesNotExist,
    ValidationException,
)
from stepwell.engine.operations.executions import checked_name
from stepwell.engine.operations.tags import checked_tags
from stepwell.engine.registry import (
    AliasRecord,
    Configuration,
    Registry,
    Revision,
    StateMachineRecord,
    StateMachineStatus,
    VersionRecord,
    checked_arn,
    name_in,
)

VERSIONS = 1000
"""Of one state machine. API model, PublishStateMachineVersion."""

ALIASES = 100
"""Of one state machine. API model, CreateStateMachineAlias."""

INITIAL = "INITIAL"
"""How AWS names the revision of a state machine that was never updated."""

DEFAULTS: dict[str, Configuration] = {
    "logging_configuration": {"level": "OFF", "includeExecutionData": False},
    "tracing_configuration": {"enabled": False},
    "encryption_configuration": {"type": "AWS_OWNED_KEY"},
}

ALIAS_NAME = re.compile(r"(?=.*[a-zA-Z_\-.])[a-zA-Z0-9_\-.]{1,80}")
VERSION_ARN = re.compile(r"arn:[^:]+:states:[^:]*:[^:]*:stateMachine:[^:]+:[0-9]+")

Routing = Sequence[tuple[str, int]]
"""ARNs of versions, and the percentage of executions that each of them gets."""


# --- state machines ---------------------------------------------------------------------------------------------------


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
) -> Written:
    """A new state machine, or the one of this name if it says the same; its role and tags stay as they are then.

    Raises InvalidName, InvalidDefinition, StateMachineAlreadyExists, StateMachineDeleting, TooManyTags, and
    ValidationException for a description of a version that is not published.
    """
    asked = StateMachineRecord(
        arn=arns.state_machine_arn(checked_name(name), region, account),
        type=type,
        definition=definition,
        role_arn=role_arn,
        logging_configuration=_completed("logging_configuration", logging_configuration),
        tracing_configuration=_completed("tracing_configuration", tracing_configuration),
        encryption_configuration=_completed("encryption_configuration", encryption_configuration),
        created_at=at,
        updated_at=at,
    )
    _check_description(publish, version_description)
    checked_tags(asked.arn, tags or {})
    _check_definition(definition, type)
    with registry.transaction():
        machine = registry.find(StateMachineRecord, asked.arn)
        if machine is None:
            machine = asked
            registry.put(machine)
            registry.set_tags(machine.arn, tags or {})
        _check_active(machine)
        # API model: a repeated request may name another role and other tags.
        if replace(machine, **_revision(asked, "role_arn", "revision_id")) != machine:
            raise StateMachineAlreadyExists(f"State Machine Already Exists: '{machine.arn}'")
        version = None
        if publish:
            machine, version = _publish(registry, machine, at, version_description)
        return Written(state_machine=machine, revision_id=machine.revision_id, version=version)


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
) -> Written:
    """Makes a new revision of a state machine; of one that says all this already, nothing.

    Raises StateMachineDoesNotExist (for the ARN of a version or an alias too), StateMachineDeleting,
    MissingRequiredParameter, InvalidDefinition, and ValidationException for a description of a version that is not
    published.
    """
    found = _active(registry, arn)
    given = {
        "definition": definition,
        "role_arn": role_arn,
        "logging_configuration": logging_configuration,
        "tracing_configuration": tracing_configuration,
        "encryption_configuration": encryption_configuration,
    }
    changes = {field: _completed(field, value) for field, value in given.items() if value is not None}
    if not changes:
        raise MissingRequiredParameter(
            "Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration must be "
            "specified"
        )
    _check_description(publish, version_description)
    if definition is not None:
        _check_definition(definition, found.type)
    with registry.transaction():
        before = _active(registry, arn)
        machine = replace(before, **changes)
        is_new = machine != before
        if is_new:
            machine = replace(machine, revision_id=Entropy(entropy).uuid(), updated_at=at)
            registry.put(machine)
        version = None
        if publish:
            machine, version = _publish(registry, machine, at, version_description)
    # Recorded: what changes nothing is answered with the revision that is there, or with its version alone.
    revision_id = machine.revision_id if is_new or not publish else None
    return Written(state_machine=machine, revision_id=revision_id, version=version)


def delete_state_machine(registry: Registry, arn: str, *, has_executions: bool = False) -> None:
    """Deletes a state machine with its versions and aliases; one that is not there is no error.

    One with executions that run is being deleted until this is asked once more, without them.
    """
    checked_arn(arn, "stateMachine")
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


def describe_state_machine(registry: Registry, arn: str) -> StateMachineRecord | VersionRecord:
    """The state machine or the version of this ARN; raises StateMachineDoesNotExist."""
    checked_arn(arn, "stateMachine")
    found = registry.find(StateMachineRecord, arn) or registry.find(VersionRecord, arn)
    if found is None:
        raise _no_state_machine(arn)
    return found


def list_state_machines(
    registry: Registry, *, limit: int | None = None, after: str | None = None
) -> list[StateMachineRecord]:
    """By name, from the one that comes after this ARN."""
    return registry.state_machines(limit=limit, after=after)


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
        return name_in(self.state_machine_arn)


def resolve(registry: Registry, arn: str, entropy: bytes) -> Resolved:
    """What the ARN of a state machine, a version or an alias stands for: of an alias one of its versions, by weight.

    Raises StateMachineDoesNotExist and StateMachineDeleting.
    """
    checked_arn(arn, "stateMachine")
    machine = registry.find(StateMachineRecord, arn)
    if machine is not None:
        _check_active(machine)
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
        raise _no_state_machine(arn)
    return Resolved(
        definition=version.definition,
        type=version.type,
        role_arn=version.role_arn,
        state_machine_arn=version.state_machine_arn,
        version_arn=version.arn,
        alias_arn=None if alias is None else alias.arn,
    )


def _drawn(routing: Routing, entropy: Entropy) -> str:
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


def _completed(field: str, given: Any) -> Any:
    return {**DEFAULTS[field], **(given or {})} if field in DEFAULTS else given


def _revision(machine: StateMachineRecord, *but: str) -> dict[str, Any]:
    """The fields that make its revision, but for some."""
    return {field: getattr(machine, field) for field in Revision.__struct_fields__ if field not in but}


def _active(registry: Registry, arn: str) -> StateMachineRecord:
    checked_arn(arn, "stateMachine")
    machine = registry.find(StateMachineRecord, arn)
    if machine is None:
        raise _no_state_machine(arn)
    _check_active(machine)
    return machine


def _check_active(machine: StateMachineRecord) -> None:
    if machine.status is StateMachineStatus.DELETING:
        raise StateMachineDeleting(f"State Machine is being deleted: '{machine.arn}'")


def _no_state_machine(arn: str) -> StateMachineDoesNotExist:
    return StateMachineDoesNotExist(f"State Machine Does Not Exist: '{arn}'")


# --- versions ---------------------------------------------------------------------------------------------------------


def publish_version(
    registry: Registry, arn: str, *, at: int, revision_id: str | None = None, description: str | None = None
) -> VersionRecord:
    """The version of a state machine's revision, published now or before.

    With a revision id, only if that is the current revision. Raises StateMachineDoesNotExist, StateMachineDeleting,
    ConflictException, and ServiceQuotaExceededException.
    """
    with registry.transaction():
        machine = _active(registry, arn)
        current = machine.revision_id or INITIAL
        if revision_id not in (None, current):
            raise ConflictException(
                f"Failed to publish the State Machine version for revision {revision_id}. "
                f"The current State Machine revision is {current}."
            )
        return _publish(registry, machine, at, description)[1]


def _publish(
    registry: Registry, machine: StateMachineRecord, at: int, description: str | None
) -> tuple[StateMachineRecord, VersionRecord]:
    """The machine, and the version of its current revision, which is made where there is none."""
    for newest in registry.versions(machine.arn, limit=1):
        if newest.revision_id == machine.revision_id:  # no older one is: a revision never comes back
            return machine, newest
    if machine.last_version >= VERSIONS and len(registry.versions(machine.arn)) >= VERSIONS:
        raise ServiceQuotaExceededException(f"A state machine has {VERSIONS} versions at most: '{machine.arn}'")
    machine = replace(machine, last_version=machine.last_version + 1)
    version = VersionRecord(
        state_machine_arn=machine.arn,
        number=machine.last_version,
        description=description,
        created_at=at,
        **_revision(machine),
    )
    registry.put(machine)
    registry.put(version)
    return machine, version


def delete_version(registry: Registry, arn: str) -> None:
    """Deletes a version; one that is not there is no error. Raises ConflictException where an alias refers to it."""
    checked_arn(arn, "stateMachine")
    with registry.transaction():
        version = registry.find(VersionRecord, arn)
        if version is None:
            return
        aliases = [alias.name for alias in registry.aliases(version.state_machine_arn) if _refers_to(alias, arn)]
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
    checked_arn(arn, "stateMachine")
    return registry.versions(arn, limit=limit, after=after)


# --- aliases ----------------------------------------------------------------------------------------------------------


def create_alias(
    registry: Registry, *, at: int, name: str, routing: Routing, description: str | None = None
) -> AliasRecord:
    """A new alias of the state machine whose versions it routes to, or the one that says the same.

    Raises InvalidName, ValidationException and ResourceNotFound for the routing, ConflictException, and
    ServiceQuotaExceededException.
    """
    if not ALIAS_NAME.fullmatch(name):
        raise InvalidName(f"Invalid Name: '{name}'")
    with registry.transaction():
        machine_arn = _check_routing(registry, routing)
        alias = AliasRecord(
            state_machine_arn=machine_arn,
            name=name,
            description=description,
            routing=tuple(routing),
            created_at=at,
            updated_at=at,
        )
        existing = registry.find(AliasRecord, alias.arn)
        if existing is not None:
            if (existing.description, set(existing.routing)) != (description, set(routing)):
                raise ConflictException(
                    "Failed to create alias because an alias with the same name and a different routing configuration "
                    "already exists."
                )
            return existing
        if len(registry.aliases(machine_arn)) >= ALIASES:
            raise ServiceQuotaExceededException(f"A state machine has {ALIASES} aliases at most: '{machine_arn}'")
        registry.put(alias)
        return alias


def update_alias(
    registry: Registry, arn: str, *, at: int, routing: Routing | None = None, description: str | None = None
) -> AliasRecord:
    """Gives an alias another routing, another description, or both.

    Raises ResourceNotFound, and ValidationException for the routing or where there is nothing to change.
    """
    checked_arn(arn, "stateMachine")
    if routing is None and description is None:
        raise ValidationException("Either the description or the RoutingConfiguration must be specified")
    with registry.transaction():
        alias = describe_alias(registry, arn)
        if routing is not None:
            _check_routing(registry, routing, alias.state_machine_arn)
            alias = replace(alias, routing=tuple(routing))
        if description is not None:
            alias = replace(alias, description=description)
        alias = replace(alias, updated_at=at)
        registry.put(alias)
        return alias


def delete_alias(registry: Registry, arn: str) -> None:
    """Deletes an alias; one that is not there is no error."""
    registry.remove(AliasRecord, checked_arn(arn, "stateMachine"))


def describe_alias(registry: Registry, arn: str) -> AliasRecord:
    """The alias of this ARN; raises ResourceNotFound."""
    alias = registry.find(AliasRecord, checked_arn(arn, "stateMachine"))
    if alias is None:
        raise _no_resource()
    return alias


def list_aliases(
    registry: Registry, arn: str, *, limit: int | None = None, after: str | None = None
) -> list[AliasRecord]:
    """The aliases of a state machine, or those that refer to a version, by name, from the one after this ARN.

    Raises StateMachineDoesNotExist.

    Recorded: the first page begins with the alias that is the first by name, and the oldest; the API model says the
    newest comes first.
    """
    found = describe_state_machine(registry, arn)
    if isinstance(found, StateMachineRecord):
        return registry.aliases(arn, limit=limit, after=after)
    aliases = registry.aliases(found.state_machine_arn, after=after)
    return [alias for alias in aliases if _refers_to(alias, arn)][:limit]


def _refers_to(alias: AliasRecord, version_arn: str) -> bool:
    return any(routed == version_arn for routed, _ in alias.routing)


def _check_routing(registry: Registry, routing: Routing, of: str | None = None) -> str:
    """The state machine, `of` if given, whose versions these are."""
    versions = [arn for arn, _ in routing]
    received = f"Received: [{', '.join(versions)}]"
    if not all(map(VERSION_ARN.fullmatch, versions)):
        raise ValidationException(f"Routing configuration must contain state machine version ARNs. {received}")
    if len(set(versions)) < len(versions):
        raise ValidationException(f"Routing configuration must contain distinct state machine version ARNs. {received}")
    weights = [weight for _, weight in routing]
    if sum(weights) != 100:
        raise ValidationException(f"Sum of routing configuration weights must equal 100. Received: {weights}")
    machine_arns = {arn.rpartition(":")[0] for arn in versions} | ({of} if of else set())
    if len(machine_arns) > 1:
        raise ValidationException(f"Routing configuration must contain versions of one state machine. {received}")
    if not all(registry.find(VersionRecord, arn) for arn in versions):
        raise _no_resource()
    return machine_arns.pop()


def _no_resource() -> ResourceNotFound:
    return ResourceNotFound("Request references a resource that does not exist.")
