"""What callers may ask of activities. Their tasks are asked for and answered in `executions`."""

from stepwell.engine import arns
from stepwell.engine.errors import ActivityDoesNotExist
from stepwell.engine.operations.executions import checked_name
from stepwell.engine.operations.tags import checked_tags
from stepwell.engine.registry import ActivityRecord, Registry, checked_arn


def create_activity(
    registry: Registry,
    name: str,
    *,
    at: int,
    tags: dict[str, str] | None = None,
    region: str = arns.DEFAULT_REGION,
    account: str = arns.DEFAULT_ACCOUNT,
) -> ActivityRecord:
    """A new activity, or the one of this name, whose tags stay as they are. `at` in milliseconds since the epoch.

    Raises InvalidName and TooManyTags.
    """
    activity = ActivityRecord(
        arn=f"arn:{arns.PARTITION}:states:{region}:{account}:activity:{checked_name(name)}", created_at=at
    )
    checked_tags(activity.arn, tags or {})
    with registry.transaction():
        existing = registry.find(ActivityRecord, activity.arn)
        if existing is not None:
            return existing
        registry.put(activity)
        registry.set_tags(activity.arn, tags or {})
    return activity


def delete_activity(registry: Registry, arn: str) -> None:
    """Deletes an activity; one that is not there is no error. Raises InvalidArn."""
    checked_arn(arn, "activity")
    with registry.transaction():
        registry.remove(ActivityRecord, arn)
        registry.set_tags(arn, {})


def describe_activity(registry: Registry, arn: str) -> ActivityRecord:
    """The activity of this ARN; raises ActivityDoesNotExist and InvalidArn."""
    found = registry.find(ActivityRecord, checked_arn(arn, "activity"))
    if found is None:
        raise ActivityDoesNotExist(f"Activity Does Not Exist: '{arn}'")
    return found


def activity_exists(registry: Registry, arn: str) -> bool:
    """Whether there is an activity of this ARN, whatever it looks like."""
    return registry.find(ActivityRecord, arn) is not None


def list_activities(registry: Registry, *, limit: int | None = None, after: str | None = None) -> list[ActivityRecord]:
    """By name, from the one that comes after this ARN."""
    return registry.activities(limit=limit, after=after)
