"""Creating, updating, describing and deleting state machines. Texts are AWS's, from recorded cases."""

import re

import pytest

from stepwell.adapters.stores.memory_registry import MemoryRegistry
from stepwell.definitions.json_text import dumps
from stepwell.definitions.kinds import StateMachineType
from stepwell.definitions.problems import InvalidDefinition
from stepwell.engine.errors import (
    InvalidArn,
    InvalidLoggingConfiguration,
    InvalidName,
    MissingRequiredParameter,
    StateMachineAlreadyExists,
    StateMachineDeleting,
    StateMachineDoesNotExist,
    TooManyTags,
    ValidationException,
)
from stepwell.engine.operations.aliases import create_alias
from stepwell.engine.operations.state_machines import (
    create_state_machine,
    delete_state_machine,
    describe_state_machine,
    list_state_machines,
    resolve,
    update_state_machine,
)
from stepwell.engine.operations.tags import list_tags
from stepwell.engine.operations.versions import publish_version
from support import ACTIVITY, CALLBACK, MACHINE_ARN, machine, pass_, task

ROLE = "arn:aws:iam::123456789012:role/tested"
OTHER_ROLE = "arn:aws:iam::123456789012:role/other"
TEXT = dumps(machine(A=pass_()))
OTHER_TEXT = dumps(machine(B=pass_()))
GROUP_ARN = "arn:aws:logs:us-east-1:123456789012:log-group:tested:*"
GROUP = [{"cloudWatchLogsLogGroup": {"logGroupArn": GROUP_ARN}}]
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


@pytest.fixture
def registry():
    return MemoryRegistry()


def created(registry, **about):
    return create_state_machine(
        registry, **{"at": 1000, "name": "tested", "definition": TEXT, "role_arn": ROLE, **about}
    )


def updated(registry, arn=MACHINE_ARN, entropy=b"first", **about):
    return update_state_machine(registry, arn, **{"at": 2000, "entropy": entropy, **about})


# --- create -----------------------------------------------------------------------------------------------------------


def test_a_state_machine_is_kept_as_it_was_given(registry):
    text = f"  {TEXT}\n"

    found = created(registry, definition=text)
    record = describe_state_machine(registry, MACHINE_ARN)

    assert found.arn == MACHINE_ARN
    assert found.version is None
    assert record == found.state_machine
    assert (record.name, record.type, record.role_arn, record.status) == ("tested", "STANDARD", ROLE, "ACTIVE")
    assert record.definition == text
    assert (record.created_at, record.updated_at, record.revision_id) == (1000, 1000, None)


def test_what_callers_leave_out_is_as_on_aws(registry):
    record = created(registry, logging_configuration={"level": "ALL", "destinations": GROUP}).state_machine

    assert record.logging_configuration == {"level": "ALL", "includeExecutionData": False, "destinations": GROUP}
    assert record.tracing_configuration == {"enabled": False}
    assert record.encryption_configuration == {"type": "AWS_OWNED_KEY"}


def test_an_arn_names_region_and_account(registry):
    found = created(registry, region="eu-west-1", account="210987654321")

    assert found.arn == "arn:aws:states:eu-west-1:210987654321:stateMachine:tested"


@pytest.mark.parametrize(
    "repeated",
    [
        {},
        {"role_arn": OTHER_ROLE},
        {"tags": {"team": "b"}},
        {"logging_configuration": {"level": "OFF"}, "tracing_configuration": {}},
    ],
    ids=["the same", "another role", "other tags", "what is the default"],
)
def test_the_same_request_again_changes_nothing(registry, repeated):
    first = created(registry, tags={"team": "a"})

    again = created(registry, at=5000, **repeated)

    assert again == first
    assert describe_state_machine(registry, MACHINE_ARN) == first.state_machine
    assert list_tags(registry, MACHINE_ARN) == {"team": "a"}


@pytest.mark.parametrize(
    "other",
    [
        {"definition": OTHER_TEXT},
        {"definition": f"{TEXT} "},
        {"type": StateMachineType.EXPRESS},
        {"logging_configuration": {"level": "OFF", "includeExecutionData": True}},
        {"tracing_configuration": {"enabled": True}},
        {"encryption_configuration": {"type": "CUSTOMER_MANAGED_KMS_KEY", "kmsKeyId": "key"}},
    ],
    ids=["definition", "white space", "type", "logging", "tracing", "encryption"],
)
def test_a_name_is_taken_by_a_state_machine_that_says_something_else(registry, other):
    created(registry)

    with pytest.raises(StateMachineAlreadyExists, match=f"^State Machine Already Exists: '{MACHINE_ARN}'$"):
        created(registry, **other)


def test_the_same_is_what_the_state_machine_says_by_now(registry):
    created(registry)
    updated(registry, definition=OTHER_TEXT)

    assert created(registry, definition=OTHER_TEXT).arn == MACHINE_ARN
    with pytest.raises(StateMachineAlreadyExists):
        created(registry)


@pytest.mark.parametrize("name", ["", "a b", "a/b", "x" * 81])
def test_a_name_must_be_one(registry, name):
    with pytest.raises(InvalidName, match=f"^Invalid Name: '{name}'$"):
        created(registry, name=name)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "SCHEMA_VALIDATION_FAILED: Definition must be a valid JSON object at null"),
        ("not a definition", "INVALID_JSON_DESCRIPTION"),
        ('{"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}}}', "MISSING_TRANSITION_TARGET"),
    ],
    ids=["empty", "no JSON", "no end"],
)
def test_a_definition_is_checked_before_it_is_kept(registry, text, code):
    with pytest.raises(InvalidDefinition, match=f"^Invalid State Machine Definition: '{code}"):
        created(registry, definition=text)
    assert list_state_machines(registry) == []


def test_a_definition_is_checked_by_the_rules_of_its_type(registry):
    for resource in (ACTIVITY, CALLBACK):
        with pytest.raises(InvalidDefinition, match="Express state machine does not support"):
            created(registry, definition=dumps(machine(A=task(resource))), type=StateMachineType.EXPRESS)


def test_fifty_tags_are_enough(registry):
    with pytest.raises(TooManyTags):
        created(registry, tags={str(number): "" for number in range(51)})

    created(registry, tags={str(number): "" for number in range(50)})


def test_a_description_is_that_of_a_version(registry):
    with pytest.raises(ValidationException, match=r"^Version description can only be set when publish is true$"):
        created(registry, version_description="first")


def test_creating_can_publish_the_first_version(registry):
    found = created(registry, publish=True, version_description="first")

    assert (found.version.arn, found.version.description) == (f"{MACHINE_ARN}:1", "first")
    assert describe_state_machine(registry, MACHINE_ARN) == found.state_machine
    assert created(registry, publish=True, version_description="first") == found


@pytest.mark.parametrize(
    ("first", "again"),
    [
        ({}, {"publish": True}),
        ({"publish": True}, {}),
        ({"publish": True}, {"publish": True, "version_description": "first"}),
    ],
    ids=["now to be published", "not to be published any more", "with a description"],
)
def test_whether_to_publish_is_part_of_what_creating_says(registry, first, again):
    created(registry, **first)

    with pytest.raises(StateMachineAlreadyExists):
        created(registry, **again)


def test_a_version_that_was_published_later_is_no_part_of_what_creating_said(registry):
    first = created(registry)
    publish_version(registry, MACHINE_ARN, at=first.state_machine.created_at)

    again = created(registry)

    assert (again.arn, again.version) == (first.arn, None)


# --- logging ----------------------------------------------------------------------------------------------------------


NOT_ONE = "Invalid Logging Configuration: Must specify exactly one Log Destination."
NOT_FOUND = "Invalid Logging Configuration: Log Destination not found."


@pytest.mark.parametrize(
    ("configuration", "text"),
    [
        ({"level": "ALL"}, NOT_ONE),
        ({"level": "ERROR", "destinations": GROUP + GROUP}, NOT_ONE),
        ({"level": "FATAL", "destinations": GROUP}, NOT_FOUND),
    ],
    ids=["nowhere", "to two places", "to a group that is not there"],
)
def test_a_state_machine_logs_to_one_log_group_that_is_there(registry, configuration, text):
    created(registry, name="other")

    with pytest.raises(InvalidLoggingConfiguration, match=f"^{text}$"):
        created(registry, logging_configuration=configuration, has_log_group=lambda group: False)
    with pytest.raises(InvalidLoggingConfiguration, match=f"^{text}$"):
        updated(
            registry,
            MACHINE_ARN.replace("tested", "other"),
            logging_configuration=configuration,
            has_log_group={"x"}.__contains__,
        )


def test_a_log_group_is_asked_for_by_its_name(registry):
    asked = []

    created(
        registry,
        logging_configuration={"level": "ALL", "destinations": GROUP},
        has_log_group=lambda group: asked.append(group) or True,
    )

    assert asked == ["tested"]


# --- update -----------------------------------------------------------------------------------------------------------


def test_an_update_makes_a_new_revision(registry):
    first = created(registry).state_machine

    second = updated(registry, definition=OTHER_TEXT)
    third = updated(registry, at=3000, entropy=b"second", role_arn=OTHER_ROLE)
    record = describe_state_machine(registry, MACHINE_ARN)

    assert UUID.fullmatch(second.revision_id)
    assert third.revision_id == record.revision_id != second.revision_id
    assert (record.definition, record.role_arn) == (OTHER_TEXT, OTHER_ROLE)
    assert (record.created_at, record.updated_at) == (first.created_at, 3000)


def test_an_update_replaces_a_configuration(registry):
    created(registry, logging_configuration={"level": "OFF", "includeExecutionData": True})

    record = updated(registry, logging_configuration={"level": "ERROR", "destinations": GROUP}).state_machine

    assert record.logging_configuration == {"level": "ERROR", "includeExecutionData": False, "destinations": GROUP}


def test_an_update_that_changes_nothing_keeps_the_revision(registry):
    created(registry)
    second = updated(registry, definition=OTHER_TEXT)

    again = updated(registry, at=9000, entropy=b"second", definition=OTHER_TEXT, role_arn=ROLE)

    assert again == second


def test_an_update_can_publish(registry):
    created(registry)

    found = updated(registry, definition=OTHER_TEXT, publish=True, version_description="second")

    assert (found.version.arn, found.version.revision_id) == (f"{MACHINE_ARN}:1", found.revision_id)
    assert (found.version.definition, found.version.description) == (OTHER_TEXT, "second")


def test_an_update_that_changes_nothing_publishes_once_and_names_no_revision(registry):
    created(registry)
    first = updated(registry, definition=OTHER_TEXT, publish=True)

    again = updated(registry, definition=OTHER_TEXT, publish=True)

    assert again.version == first.version
    assert again.revision_id is None


def test_an_update_without_a_change_is_missing_something(registry):
    created(registry)
    text = (
        "Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration must be specified"
    )

    with pytest.raises(MissingRequiredParameter, match=f"^{text}$"):
        updated(registry, publish=True)


def test_an_update_is_checked(registry):
    created(registry, type=StateMachineType.EXPRESS)

    with pytest.raises(InvalidDefinition, match="Express state machine does not support Activity ARN"):
        updated(registry, definition=dumps(machine(A=task(ACTIVITY))))
    with pytest.raises(ValidationException, match="Version description"):
        updated(registry, definition=OTHER_TEXT, version_description="second")
    assert describe_state_machine(registry, MACHINE_ARN).definition == TEXT


def test_versions_are_not_updated(registry):
    version = created(registry, publish=True).version

    with pytest.raises(StateMachineDoesNotExist, match=f"^State Machine Does Not Exist: '{version.arn}'$"):
        updated(registry, version.arn, definition=OTHER_TEXT)


# --- describe, list, delete -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", [describe_state_machine, lambda *about: resolve(*about, b"")])
def test_an_arn_must_be_that_of_a_state_machine(registry, operation):
    with pytest.raises(StateMachineDoesNotExist, match=f"^State Machine Does Not Exist: '{MACHINE_ARN}'$"):
        operation(registry, MACHINE_ARN)
    with pytest.raises(InvalidArn, match=r"^Invalid Arn: 'Invalid ARN prefix: invalid_arn'$"):
        operation(registry, "invalid_arn")
    with pytest.raises(InvalidArn, match=r"^Invalid Arn: 'Resource type not valid in this context: express'$"):
        operation(registry, MACHINE_ARN.replace("stateMachine", "express") + ":name:id")


@pytest.mark.parametrize(
    "operation",
    [
        describe_state_machine,
        delete_state_machine,
        lambda registry, arn: resolve(registry, arn, b""),
        lambda registry, arn: updated(registry, arn, definition=OTHER_TEXT),
        lambda registry, arn: publish_version(registry, arn, at=1),
    ],
    ids=["describe", "delete", "start", "update", "publish"],
)
def test_the_children_of_a_distributed_map_are_not_meant_by_any_operation(registry, operation):
    with pytest.raises(ValidationException):
        operation(registry, f"{MACHINE_ARN}/label")


def test_state_machines_are_listed_by_name(registry):
    for name in ("b", "c", "a"):
        created(registry, name=name)

    assert [record.name for record in list_state_machines(registry)] == ["a", "b", "c"]
    assert [record.name for record in list_state_machines(registry, limit=1, after=f"{MACHINE_ARN[:-6]}a")] == ["b"]


def test_a_state_machine_goes_with_its_versions_aliases_and_tags(registry):
    version = created(registry, publish=True, tags={"team": "a"}).version
    create_alias(registry, at=1, name="PROD", routing=[(version.arn, 100)])

    delete_state_machine(registry, MACHINE_ARN)
    delete_state_machine(registry, MACHINE_ARN)

    for arn in (MACHINE_ARN, version.arn, f"{MACHINE_ARN}:PROD"):
        with pytest.raises(StateMachineDoesNotExist):
            resolve(registry, arn, b"")
    created(registry)
    assert list_tags(registry, MACHINE_ARN) == {}
    assert publish_version(registry, MACHINE_ARN, at=1).number == 1


def test_a_state_machine_is_being_deleted_while_it_has_executions(registry):
    version = created(registry, publish=True).version

    delete_state_machine(registry, MACHINE_ARN, has_executions=True)

    assert describe_state_machine(registry, MACHINE_ARN).status == "DELETING"
    for refused in (
        lambda: created(registry),
        lambda: updated(registry, definition=OTHER_TEXT),
        lambda: publish_version(registry, MACHINE_ARN, at=1),
        lambda: resolve(registry, MACHINE_ARN, b""),
    ):
        with pytest.raises(StateMachineDeleting, match=f"^State Machine is being deleted: '{MACHINE_ARN}'$"):
            refused()
    with pytest.raises(StateMachineDoesNotExist):
        describe_state_machine(registry, version.arn)

    delete_state_machine(registry, MACHINE_ARN)
    assert list_state_machines(registry) == []


def test_an_execution_is_started_from_the_current_revision(registry):
    created(registry, publish=True)
    updated(registry, definition=OTHER_TEXT, role_arn=OTHER_ROLE)

    found = resolve(registry, MACHINE_ARN, b"")

    assert (found.definition, found.role_arn, found.type) == (OTHER_TEXT, OTHER_ROLE, "STANDARD")
    assert (found.state_machine_arn, found.name) == (MACHINE_ARN, "tested")
    assert (found.version_arn, found.alias_arn) == (None, None)


@pytest.mark.parametrize("role", ["role", "arn:aws:iam::12:role/Orders", "arn:aws:iam::123456789012:user/Ada"])
def test_a_role_must_be_the_arn_of_one(registry, role):
    with pytest.raises(InvalidArn, match=f"^Invalid Role Arn: '{role}'$"):
        created(registry, role_arn=role)

    created(registry)
    with pytest.raises(InvalidArn):
        updated(registry, role_arn=role)
