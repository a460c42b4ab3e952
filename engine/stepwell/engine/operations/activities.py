"""What callers may ask of activities. Their tasks are asked for and answered in `executions`."""

from stepwell.engine import arns
from stepwell.engine.errors import ActivityAlreadyExists, ActivityDoesNotExist
from stepwell.engine.operations.configurations import encryption
from stepwell.engine.operations.executions import checked_name
from stepwell.engine.operations.tags import checked_tags
from stepwell.engine.registry import ActivityRecord, Configuration, Registry


def create_activity(
    registry: Registry,
    name: str,
    *,
    at: int,
    tags: dict[str, str] | None = None,
    encryption_configuration: Configuration | None = None,
    region: str = arns.DEFAULT_REGION,
    account: str = arns.DEFAULT_ACCOUNT,
) -> ActivityRecord:
    """A new activity, or the one of this name, whose tags stay as they are. `at` in milliseconds since the epoch.

    Raises InvalidName, TooManyTags, InvalidEncryptionConfiguration, and ActivityAlreadyExists for one of this name that
    is encrypted in another way.
    """
    activity = ActivityRecord(
        arn=arns.activity_arn(checked_name(name), region, account),
        created_at=at,
        encryption_configuration=encryption(encryption_configuration),
    )
    checked_tags(activity.arn, tags or {})
    with registry.transaction():
        existing = registry.find(ActivityRecord, activity.arn)
        if existing is not None:
            if existing.encryption_configuration != activity.encryption_configuration:
                raise ActivityAlreadyExists(f"Activity Already Exists: '{activity.arn}'")
            return existing
        registry.put(activity)
        registry.set_tags(activity.arn, tags or {})
    return activity


def delete_activity(registry: Registry, arn: str) -> None:
    """Deletes an activity; one that is not there is no error. Raises InvalidArn."""
    arns.checked(arn, "activity")
    with registry.transaction():
        registry.remove(ActivityRecord, arn)
        registry.set_tags(arn, {})


def describe_activity(registry: Registry, arn: str) -> ActivityRecord:
    """The activity of this ARN; raises ActivityDoesNotExist and InvalidArn."""
    found = registry.find(ActivityRecord, arns.checked(arn, "activity"))
    if found is None:
        raise ActivityDoesNotExist(f"Activity Does Not Exist: '{arn}'")
    return found


def activity_exists(registry: Registry, arn: str) -> bool:
    """Whether there is an activity of this ARN, whatever it looks like."""
    return registry.find(ActivityRecord, arn) is not None


def list_activities(
    registry: Registry, *, within: str = "", limit: int | None = None, after: str | None = None
) -> list[ActivityRecord]:
    """By name, those whose ARN begins with `within`, from the one that comes after an ARN."""
    return registry.activities(within=within, limit=limit, after=after)
