"""Versions of state machines, and the aliases that route to them. Texts are AWS's, from recorded cases."""

import re

import pytest

from stepwell.adapters.stores.memory_registry import MemoryRegistry
from stepwell.definitions.json_text import dumps
from stepwell.engine import quotas
from stepwell.engine.errors import (
    ConflictException,
    InvalidArn,
    InvalidName,
    ResourceNotFound,
    ServiceQuotaExceededException,
    StateMachineDoesNotExist,
    ValidationException,
)
from stepwell.engine.operations.aliases import create_alias, delete_alias, describe_alias, list_aliases, update_alias
from stepwell.engine.operations.state_machines import (
    create_state_machine,
    describe_state_machine,
    resolve,
    update_state_machine,
)
from stepwell.engine.operations.versions import delete_version, list_versions, publish_version
from support import MACHINE_ARN, machine, pass_

MISSING = r"^Request references a resource that does not exist\.$"
V1, V2, V3 = (f"{MACHINE_ARN}:{number}" for number in (1, 2, 3))
PROD = f"{MACHINE_ARN}:PROD"


@pytest.fixture
def registry():
    """With two versions of one state machine, whose current revision is the second one's."""
    registry = MemoryRegistry()
    create_state_machine(registry, at=0, name="tested", definition=text(1), publish=True)
    update(registry, 2, publish=True)
    return registry


def text(revision):
    return dumps({"Comment": f"revision {revision}", **machine(A=pass_())})


def update(registry, revision, **about):
    entropy = str(revision).encode()
    return update_state_machine(registry, MACHINE_ARN, at=revision, entropy=entropy, definition=text(revision), **about)


def alias(registry, routing=((V1, 100),), name="PROD", **about):
    return create_alias(registry, at=10, name=name, routing=routing, **about)


def exactly(text):
    return f"^{re.escape(text)}$"


# --- versions ---------------------------------------------------------------------------------------------------------


def test_a_version_stays_as_it_was_published(registry):
    update(registry, 3)

    first, second = (describe_state_machine(registry, arn) for arn in (V1, V2))

    assert (first.definition, first.revision_id, first.created_at) == (text(1), None, 0)
    assert second.definition == text(2)
    assert second.revision_id not in (None, describe_state_machine(registry, MACHINE_ARN).revision_id)
    assert (second.arn, second.name) == (V2, "tested")


def test_a_revision_is_published_once(registry):
    assert publish_version(registry, MACHINE_ARN, at=9, description="ignored").arn == V2

    update(registry, 3)
    third = publish_version(registry, MACHINE_ARN, at=9, description="third")

    assert (third.arn, third.description, third.created_at) == (V3, "third", 9)


def test_numbers_are_never_used_again(registry):
    delete_version(registry, V2)

    assert publish_version(registry, MACHINE_ARN, at=9).arn == V3


def test_versions_are_listed_from_the_newest(registry):
    update(registry, 3, publish=True)

    assert [version.number for version in list_versions(registry, MACHINE_ARN)] == [3, 2, 1]
    assert [version.number for version in list_versions(registry, MACHINE_ARN, limit=1, after=V3)] == [2]
    assert list_versions(registry, f"{MACHINE_ARN}-2") == []


def test_only_the_current_revision_can_be_published(registry):
    second = describe_state_machine(registry, V2).revision_id
    assert publish_version(registry, MACHINE_ARN, at=9, revision_id=second).arn == V2

    third = update(registry, 3).revision_id

    with pytest.raises(
        ConflictException,
        match=exactly(
            f"Failed to publish the State Machine version for revision {second}. "
            f"The current State Machine revision is {third}."
        ),
    ):
        publish_version(registry, MACHINE_ARN, at=9, revision_id=second)


def test_the_first_revision_is_called_initial(registry):
    arn = create_state_machine(registry, at=0, name="new", definition=text(1)).arn

    with pytest.raises(ConflictException, match=r"revision x\. The current State Machine revision is INITIAL\.$"):
        publish_version(registry, arn, at=9, revision_id="x")
    assert publish_version(registry, arn, at=9, revision_id="INITIAL").number == 1


def test_a_version_is_one_of_a_state_machine(registry):
    unknown = f"{MACHINE_ARN}-2"

    with pytest.raises(StateMachineDoesNotExist, match=f"^State Machine Does Not Exist: '{unknown}'$"):
        publish_version(registry, unknown, at=9)
    with pytest.raises(InvalidArn, match=r"^Invalid Arn: 'Invalid ARN prefix: invalid_arn'$"):
        publish_version(registry, "invalid_arn", at=9)


def test_a_version_that_an_alias_refers_to_stays(registry):
    alias(registry)
    alias(registry, [(V1, 50), (V2, 50)], name="BETA")

    with pytest.raises(
        ConflictException,
        match=exactly(
            "Version to be deleted must not be referenced by an alias. "
            "Current list of aliases referencing this version: [BETA, PROD]"
        ),
    ):
        delete_version(registry, V1)

    delete_alias(registry, PROD)
    delete_alias(registry, f"{MACHINE_ARN}:BETA")
    delete_version(registry, V1)
    delete_version(registry, V1)
    assert [version.arn for version in list_versions(registry, MACHINE_ARN)] == [V2]


def test_a_state_machine_has_a_thousand_versions_at_most(registry):
    for revision in range(3, quotas.VERSIONS + 1):
        update(registry, revision, publish=True)
    update(registry, quotas.VERSIONS + 1)

    with pytest.raises(ServiceQuotaExceededException):
        publish_version(registry, MACHINE_ARN, at=9)

    delete_version(registry, V1)
    assert publish_version(registry, MACHINE_ARN, at=9).number == quotas.VERSIONS + 1


# --- aliases ----------------------------------------------------------------------------------------------------------


def test_an_alias_is_kept_as_it_was_given(registry):
    found = alias(registry, [(V1, 70), (V2, 30)], description="live")

    assert found.arn == PROD
    assert describe_alias(registry, PROD) == found
    assert (found.description, found.routing) == ("live", ((V1, 70), (V2, 30)))
    assert (found.created_at, found.updated_at) == (10, 10)


def test_the_same_alias_again_changes_nothing(registry):
    first = alias(registry, [(V1, 70), (V2, 30)])

    assert create_alias(registry, at=99, name="PROD", routing=[(V2, 30), (V1, 70)]) == first
    for other in ({"routing": [(V1, 100)]}, {"routing": [(V1, 70), (V2, 30)], "description": "live"}):
        with pytest.raises(
            ConflictException,
            match=exactly(
                "Failed to create alias because an alias with the same name and a different routing configuration "
                "already exists."
            ),
        ):
            alias(registry, **other)


@pytest.mark.parametrize("name", ["", "123", "INVALID ALIAS", "!INVALID", "ALIAS@", "A" * 81])
def test_the_name_of_an_alias_is_no_number(registry, name):
    with pytest.raises(InvalidName):
        alias(registry, name=name)


@pytest.mark.parametrize(
    ("routing", "message"),
    [
        (
            [(MACHINE_ARN, 70), (V2, 30)],
            f"Routing configuration must contain state machine version ARNs. Received: [{MACHINE_ARN}, {V2}]",
        ),
        (
            [(V1, 50), (V1, 50)],
            f"Routing configuration must contain distinct state machine version ARNs. Received: [{V1}, {V1}]",
        ),
        ([(V1, 70), (V2, 29)], "Sum of routing configuration weights must equal 100. Received: [70, 29]"),
        ([(V1, 70), (V2, 31)], "Sum of routing configuration weights must equal 100. Received: [70, 31]"),
    ],
    ids=["no version", "twice the same", "too little", "too much"],
)
def test_an_alias_routes_everything_to_versions(registry, routing, message):
    alias(registry)

    with pytest.raises(ValidationException, match=exactly(message)):
        alias(registry, routing, name="NEW")
    with pytest.raises(ValidationException, match=exactly(message)):
        update_alias(registry, PROD, at=20, routing=routing)
    assert describe_alias(registry, PROD).routing == ((V1, 100),)


def test_an_alias_routes_to_versions_that_are_there(registry):
    with pytest.raises(ResourceNotFound, match=MISSING):
        alias(registry, [(V3, 100)])


def test_an_alias_is_one_of_a_single_state_machine(registry):
    other = create_state_machine(registry, at=0, name="other", definition=text(1), publish=True).version.arn
    alias(registry)

    with pytest.raises(ValidationException, match="versions of one state machine"):
        alias(registry, [(V1, 50), (other, 50)], name="NEW")
    with pytest.raises(ValidationException, match="versions of one state machine"):
        update_alias(registry, PROD, at=20, routing=[(other, 100)])


def test_an_alias_can_change(registry):
    alias(registry, description="live")

    routed = update_alias(registry, PROD, at=20, routing=[(V2, 100)])
    described = update_alias(registry, PROD, at=30, description="")

    assert (routed.routing, routed.description, routed.updated_at) == (((V2, 100),), "live", 20)
    assert (described.routing, described.description, described.updated_at) == (((V2, 100),), "", 30)
    assert describe_alias(registry, PROD) == described
    with pytest.raises(ValidationException):
        update_alias(registry, PROD, at=40)


def test_an_alias_that_is_gone_is_missed(registry):
    alias(registry)
    delete_alias(registry, PROD)
    delete_alias(registry, PROD)

    with pytest.raises(ResourceNotFound, match=MISSING):
        describe_alias(registry, PROD)
    with pytest.raises(ResourceNotFound, match=MISSING):
        update_alias(registry, PROD, at=20, description="live")


def test_aliases_are_listed_by_name_and_by_version(registry):
    for name, arn in (("c", V1), ("a", V1), ("b", V2)):
        alias(registry, [(arn, 100)], name=name)

    def names(arn, **page):
        return [found.name for found in list_aliases(registry, arn, **page)]

    assert names(MACHINE_ARN) == ["a", "b", "c"]
    assert names(MACHINE_ARN, limit=1, after=f"{MACHINE_ARN}:a") == ["b"]
    assert names(V1) == ["a", "c"]
    assert names(V1, limit=1, after=f"{MACHINE_ARN}:a") == ["c"]
    with pytest.raises(StateMachineDoesNotExist):
        names(f"{MACHINE_ARN}-2")


def test_a_state_machine_has_a_hundred_aliases_at_most(registry):
    for number in range(quotas.ALIASES):
        alias(registry, name=f"a{number}")

    with pytest.raises(ServiceQuotaExceededException):
        alias(registry, name="one-more")
    assert alias(registry, name="a0").arn == f"{MACHINE_ARN}:a0"


# --- what an execution is started from --------------------------------------------------------------------------------


def test_an_execution_is_started_from_a_version(registry):
    found = resolve(registry, V1, b"")

    assert (found.definition, found.state_machine_arn, found.name) == (text(1), MACHINE_ARN, "tested")
    assert (found.version_arn, found.alias_arn) == (V1, None)


def test_an_execution_is_started_through_an_alias(registry):
    alias(registry)

    found = resolve(registry, PROD, b"")

    assert (found.definition, found.state_machine_arn) == (text(1), MACHINE_ARN)
    assert (found.version_arn, found.alias_arn) == (V1, PROD)


@pytest.mark.parametrize(("weights", "least", "most"), [((80, 20), 740, 860), ((0, 100), 0, 0), ((100, 0), 1000, 1000)])
def test_an_alias_shares_executions_out_by_weight(registry, weights, least, most):
    alias(registry, list(zip((V1, V2), weights, strict=True)))

    drawn = [resolve(registry, PROD, str(number).encode()).version_arn for number in range(1000)]

    assert least <= drawn.count(V1) <= most
