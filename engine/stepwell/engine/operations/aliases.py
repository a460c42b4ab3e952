"""What callers may ask of aliases: a name for one or two versions of a state machine, and how often each is meant.

`at` is in milliseconds since the epoch. Every ARN may raise InvalidArn.
"""

import re
from collections.abc import Sequence

from msgspec.structs import replace

from stepwell.engine import arns, quotas
from stepwell.engine.errors import (
    ConflictException,
    InvalidName,
    ResourceNotFound,
    ServiceQuotaExceededException,
    ValidationException,
)
from stepwell.engine.operations.state_machines import describe_state_machine
from stepwell.engine.operations.versions import refers_to
from stepwell.engine.registry import AliasRecord, Registry, StateMachineRecord, VersionRecord

ALIAS_NAME = re.compile(r"(?=.*[a-zA-Z_\-.])[a-zA-Z0-9_\-.]{1,80}")
VERSION_ARN = re.compile(r"arn:[^:]+:states:[^:]*:[^:]*:stateMachine:[^:]+:[0-9]+")

Routing = Sequence[tuple[str, int]]
"""ARNs of versions, and the percentage of executions that each of them gets."""


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
        if len(registry.aliases(machine_arn)) >= quotas.ALIASES:
            raise ServiceQuotaExceededException(
                f"A state machine has {quotas.ALIASES} aliases at most: '{machine_arn}'"
            )
        registry.put(alias)
        return alias


def update_alias(
    registry: Registry, arn: str, *, at: int, routing: Routing | None = None, description: str | None = None
) -> AliasRecord:
    """Gives an alias another routing, another description, or both.

    Raises ResourceNotFound, and ValidationException for the routing or where there is nothing to change.
    """
    arns.checked(arn, "stateMachine")
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
    registry.remove(AliasRecord, arns.checked(arn, "stateMachine"))


def describe_alias(registry: Registry, arn: str) -> AliasRecord:
    """The alias of this ARN; raises ResourceNotFound."""
    alias = registry.find(AliasRecord, arns.checked(arn, "stateMachine"))
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
    return [alias for alias in aliases if refers_to(alias, arn)][:limit]


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
