"""What callers may ask of tags: state machines and activities have them; versions and aliases have none.

Every ARN may raise InvalidArn and ResourceNotFound.
"""

from collections.abc import Collection, Mapping

from stepwell.engine import arns, quotas
from stepwell.engine.errors import ResourceNotFound, TooManyTags
from stepwell.engine.registry import ActivityRecord, Registry, StateMachineRecord


def checked_tags(arn: str, tags: dict[str, str]) -> dict[str, str]:
    """All tags of a resource; raises TooManyTags."""
    if len(tags) > quotas.TAGS:
        raise TooManyTags(f"Too Many Tags: '{arn}'")
    return tags


def tag_resource(registry: Registry, arn: str, tags: Mapping[str, str]) -> None:
    """Adds tags to a resource; a key that it has already gets the new value. Raises TooManyTags."""
    with registry.transaction():
        registry.set_tags(arn, checked_tags(arn, {**list_tags(registry, arn), **tags}))


def untag_resource(registry: Registry, arn: str, keys: Collection[str]) -> None:
    """Removes tags; a key that the resource does not have is no error."""
    with registry.transaction():
        tags = list_tags(registry, arn)
        registry.set_tags(arn, {key: value for key, value in tags.items() if key not in keys})


def list_tags(registry: Registry, arn: str) -> dict[str, str]:
    """The tags of a resource, the value of each by its key."""
    arns.checked(arn, "stateMachine", "activity")
    if registry.find(StateMachineRecord, arn) is None and registry.find(ActivityRecord, arn) is None:
        raise ResourceNotFound(f"Resource not found: '{arn}'")
    return registry.tags(arn)
