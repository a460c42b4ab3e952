"""Activities, and the tags of activities and state machines. Texts are AWS's, from recorded cases."""

import pytest

from stepwell.adapters.stores.memory_registry import MemoryRegistry
from stepwell.definitions.json_text import dumps
from stepwell.engine.errors import ActivityDoesNotExist, InvalidArn, InvalidName, ResourceNotFound, TooManyTags
from stepwell.engine.operations.activities import (
    activity_exists,
    create_activity,
    delete_activity,
    describe_activity,
    list_activities,
)
from stepwell.engine.operations.aliases import create_alias
from stepwell.engine.operations.state_machines import create_state_machine
from stepwell.engine.operations.tags import list_tags, tag_resource, untag_resource
from support import ACTIVITY, MACHINE_ARN, machine, pass_


@pytest.fixture
def registry():
    return MemoryRegistry()


# --- activities -------------------------------------------------------------------------------------------------------


def test_an_activity_is_created_once(registry):
    first = create_activity(registry, "work", at=1000, tags={"team": "a"})

    again = create_activity(registry, "work", at=2000, tags={"team": "b"})

    assert (first.arn, first.name, first.created_at) == (ACTIVITY, "work", 1000)
    assert again == first == describe_activity(registry, ACTIVITY)
    assert list_tags(registry, ACTIVITY) == {"team": "a"}


def test_an_activity_that_is_gone_does_not_exist(registry):
    create_activity(registry, "work", at=1000, tags={"team": "a"})
    assert activity_exists(registry, ACTIVITY)

    delete_activity(registry, ACTIVITY)
    delete_activity(registry, ACTIVITY)

    assert not activity_exists(registry, ACTIVITY)
    with pytest.raises(ActivityDoesNotExist, match=f"^Activity Does Not Exist: '{ACTIVITY}'$"):
        describe_activity(registry, ACTIVITY)
    create_activity(registry, "work", at=2000)
    assert list_tags(registry, ACTIVITY) == {}


@pytest.mark.parametrize("name", ["", "activity name", "activity>name", "activity\x7f", "x" * 81])
def test_the_name_of_an_activity_must_be_one(registry, name):
    with pytest.raises(InvalidName, match=f"^Invalid Name: '{name}'$"):
        create_activity(registry, name, at=1000)


@pytest.mark.parametrize("operation", [describe_activity, delete_activity])
def test_an_arn_must_be_that_of_an_activity(registry, operation):
    with pytest.raises(InvalidArn, match=r"^Invalid Arn: 'Invalid ARN prefix: no_an_activity_arn'$"):
        operation(registry, "no_an_activity_arn")
    with pytest.raises(InvalidArn, match=r"^Invalid Arn: 'Resource type not valid in this context: stateMachine'$"):
        operation(registry, MACHINE_ARN)


def test_activities_are_listed_by_name(registry):
    for name in ("b", "c", "a"):
        create_activity(registry, name, at=1000)

    assert [activity.name for activity in list_activities(registry)] == ["a", "b", "c"]
    assert [activity.name for activity in list_activities(registry, limit=1, after=f"{ACTIVITY[:-4]}a")] == ["b"]


# --- tags -------------------------------------------------------------------------------------------------------------


@pytest.fixture(params=["state machine", "activity"])
def resource(request, registry):
    if request.param == "activity":
        return create_activity(registry, "work", at=1000, tags={"team": "a"}).arn
    return create_state_machine(
        registry, at=1000, name="tested", definition=dumps(machine(A=pass_())), tags={"team": "a"}, publish=True
    ).arn


def test_tags_are_added_changed_and_removed(registry, resource):
    tag_resource(registry, resource, {"team": "b", "empty": ""})
    tag_resource(registry, resource, {})
    assert list_tags(registry, resource) == {"team": "b", "empty": ""}

    untag_resource(registry, resource, ["team", "never there"])
    assert list_tags(registry, resource) == {"empty": ""}


def test_a_resource_has_fifty_tags_at_most(registry, resource):
    tag_resource(registry, resource, {str(number): "" for number in range(49)})

    with pytest.raises(TooManyTags):
        tag_resource(registry, resource, {"one": "", "more": ""})

    tag_resource(registry, resource, {"team": "b"})
    assert len(list_tags(registry, resource)) == 50


def test_only_what_is_there_and_no_version_or_alias_has_tags(registry):
    arn = create_state_machine(
        registry, at=1000, name="tested", definition=dumps(machine(A=pass_())), publish=True
    ).version.arn
    alias = create_alias(registry, at=1000, name="PROD", routing=[(arn, 100)]).arn

    for missing in (arn, alias, f"{MACHINE_ARN}-2", ACTIVITY):
        for operation in (
            lambda arn: list_tags(registry, arn),
            lambda arn: tag_resource(registry, arn, {"team": "a"}),
            lambda arn: untag_resource(registry, arn, ["team"]),
        ):
            with pytest.raises(ResourceNotFound, match=f"^Resource not found: '{missing}'$"):
                operation(missing)
    with pytest.raises(InvalidArn, match=r"^Invalid Arn: 'Invalid ARN prefix: nothing'$"):
        list_tags(registry, "nothing")
