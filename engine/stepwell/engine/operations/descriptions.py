"""What callers are shown of executions and state machines: in the API's shapes, without the members that have no value.

Dates are milliseconds since the epoch. Every ARN may raise InvalidArn.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from stepwell.definitions.check import parse
from stepwell.definitions.json_text import loads
from stepwell.definitions.kinds import StateMachineType
from stepwell.definitions.problems import InvalidDefinition
from stepwell.definitions.variables import variable_references
from stepwell.engine import arns
from stepwell.engine.errors import StateMachineTypeNotSupported, ValidationException
from stepwell.engine.execution import Execution
from stepwell.engine.history import as_api, without_data
from stepwell.engine.lifecycles import ExecutionStatus
from stepwell.engine.operations import configurations
from stepwell.engine.operations.finding import is_deleting
from stepwell.engine.operations.pages import Page, Pages
from stepwell.engine.operations.state_machines import describe_state_machine
from stepwell.engine.operations.versions import INITIAL
from stepwell.engine.ports import Store
from stepwell.engine.redrive import redrive_status
from stepwell.engine.registry import Registry, StateMachineRecord, VersionRecord

Description = dict[str, Any]

INCLUDED, LEFT_OUT = {"included": True}, {"included": False}

METADATA_ONLY = "METADATA_ONLY"
"""As `includedData`: what is encrypted with a customer's key is not to be shown."""

ENCRYPTED = {"input": "inputDetails", "output": "outputDetails", "error": "", "cause": ""}
"""What of an execution is encrypted, and the members that tell whether it is shown."""

DEFINITIONS_KEPT = 100

REDRIVABLE = "REDRIVABLE"
DELETING = "State machine is in DELETING status"
"""Why an execution cannot be redriven that could be otherwise. API model, DescribeExecution."""

BILLED_MILLISECONDS = 100
BILLED_MEGABYTES = 64
"""The steps in which Express executions are billed. Their memory is not measured: they take little of it."""


def present(description: Mapping[str, Any]) -> Description:
    """The members that have a value."""
    return {name: value for name, value in description.items() if value is not None}


# --- executions -------------------------------------------------------------------------------------------------------


def described_execution(execution: Execution, at: int) -> Description:
    """As DescribeExecution tells of it at a moment."""
    status, reason = redrive_status(execution, at)
    return present(
        {
            **_summary(execution),
            "input": execution.input,
            "inputDetails": INCLUDED,
            "output": execution.output,
            "outputDetails": None if execution.output is None else INCLUDED,
            # Recorded: of an execution that has timed out, only its status tells.
            "error": None if execution.status is ExecutionStatus.TIMED_OUT else execution.error,
            "cause": None if execution.status is ExecutionStatus.TIMED_OUT else execution.cause,
            "redriveStatus": status,
            "redriveStatusReason": reason,
            "traceHeader": execution.trace_header,
        }
    )


def listed_execution(execution: Execution) -> Description:
    """As ListExecutions tells of it."""
    return present(_summary(execution))


def _summary(execution: Execution) -> Description:
    return {
        "executionArn": execution.arn,
        "stateMachineArn": execution.state_machine_arn,
        "stateMachineVersionArn": execution.state_machine_version_arn,
        "stateMachineAliasArn": execution.state_machine_alias_arn,
        "name": execution.name,
        "status": execution.status.value,
        "startDate": execution.started_at,
        "stopDate": execution.stopped_at,
        "redriveCount": execution.redrive_count,
        "redriveDate": execution.redriven_at,
    }


def describe_execution(store: Store, registry: Registry, arn: str, at: int, included: str | None = None) -> Description:
    """Raises ExecutionDoesNotExist."""
    execution = store.describe(arns.checked(arn, "execution"))
    description = described_execution(execution, at)
    if description["redriveStatus"] == REDRIVABLE and is_deleting(registry, execution.state_machine_arn):
        description |= {"redriveStatus": "NOT_REDRIVABLE", "redriveStatusReason": DELETING}
    return as_included(description, registry, execution, included)


def as_included(
    description: Description, registry: Registry, execution: Execution, included: str | None
) -> Description:
    """The description of an execution without what is not to be shown. [inferred from the model's enumeration]"""
    if included != METADATA_ONLY or not _is_encrypted(_record_of(registry, execution)):
        return description
    details = {member: LEFT_OUT for member in ENCRYPTED.values() if member in description}
    return {**{name: value for name, value in description.items() if name not in ENCRYPTED}, **details}


def _record_of(registry: Registry, execution: Execution) -> StateMachineRecord | VersionRecord | None:
    """What an execution was started from: its version, if it was one, else the state machine as it is."""
    arn = execution.state_machine_version_arn
    version = None if arn is None else registry.find(VersionRecord, arn)
    return version or registry.find(StateMachineRecord, execution.state_machine_arn)


def _is_encrypted(record: StateMachineRecord | VersionRecord | None) -> bool:
    """Whether with a customer's key."""
    return record is not None and "kmsKeyId" in record.encryption_configuration


def list_executions(
    store: Store,
    registry: Registry,
    pages: Pages,
    state_machine_arn: str,
    *,
    status: str | None = None,
    is_redriven: bool | None = None,
) -> Page[Description]:
    """The newest first: those of a state machine, or those that were started through a version or an alias.

    Raises StateMachineDoesNotExist, StateMachineTypeNotSupported, InvalidToken, and ValidationException for those that
    wait for a redrive: only children of map runs do. API model; the text is ours.
    """
    if status == "PENDING_REDRIVE":
        raise ValidationException("The statusFilter PENDING_REDRIVE needs a mapRunArn")
    machine = describe_state_machine(registry, arns.machine_in(state_machine_arn), named=state_machine_arn)
    if machine.type is StateMachineType.EXPRESS:
        raise StateMachineTypeNotSupported
    last = pages.last()
    found = store.executions(
        state_machine_arn=state_machine_arn,
        status=None if status is None else ExecutionStatus(status),
        is_redriven=is_redriven,
        limit=pages.size + 1,
        before=last,
    )
    page = pages.page(found, key=lambda execution: execution.arn)
    return Page([listed_execution(each) for each in page.results], page.next_token)


def list_history(
    store: Store, pages: Pages, arn: str, *, is_reversed: bool = False, includes_data: bool = True
) -> Page[Description]:
    """The events of an execution, by id or the other way round. Raises ExecutionDoesNotExist and InvalidToken."""
    last = pages.last()
    events = store.history(arns.checked(arn, "execution"), 0 if is_reversed or last is None else int(last))
    if is_reversed:
        events = events[::-1] if last is None else events[int(last) - 2 :: -1] if int(last) > 1 else []
    page = pages.page(events, key=lambda event: str(event.id))
    shown = page.results if includes_data else [without_data(event) for event in page.results]
    return Page([{**as_api(event), "timestamp": event.at} for event in shown], page.next_token)


def synchronous_end(execution: Execution) -> Description:
    """As StartSyncExecution tells of an execution that has ended."""
    assert execution.stopped_at is not None, "it has ended"
    took = max(execution.stopped_at - execution.started_at, 1)
    return present(
        {
            "executionArn": execution.arn,
            "stateMachineArn": execution.state_machine_arn,
            "name": execution.name,
            "startDate": execution.started_at,
            "stopDate": execution.stopped_at,
            "status": execution.status.value,
            "error": execution.error,
            "cause": execution.cause,
            "input": execution.input,
            "inputDetails": INCLUDED,
            "output": execution.output,
            "outputDetails": INCLUDED,  # recorded: of one that has failed too
            "traceHeader": execution.trace_header,
            "billingDetails": {
                "billedMemoryUsedInMB": BILLED_MEGABYTES,
                "billedDurationInMilliseconds": -(-took // BILLED_MILLISECONDS) * BILLED_MILLISECONDS,
            },
        }
    )


# --- state machines ---------------------------------------------------------------------------------------------------


def described_state_machine(record: StateMachineRecord | VersionRecord, included: str | None = None) -> Description:
    """As DescribeStateMachine tells of a state machine, or of a version."""
    return present(
        {
            "stateMachineArn": record.arn,
            "name": record.name,
            "status": record.status.value if isinstance(record, StateMachineRecord) else "ACTIVE",
            "type": record.type.value,
            "creationDate": record.created_at,
            "description": record.description if isinstance(record, VersionRecord) else None,
            **_revision(record),
            **_definition(record.definition, record.type, _is_encrypted(record) and included == METADATA_ONLY),
        }
    )


def described_for_execution(
    registry: Registry, execution: Execution, definition: str, included: str | None = None
) -> Description:
    """As DescribeStateMachineForExecution tells: the state machine as it was when the execution started.

    What is not kept with the execution is told of the version it was started through, else of the state machine as it
    is, else as of one of which nothing was said.
    """
    record = _record_of(registry, execution)
    about: Description = {
        "loggingConfiguration": configurations.logging(None),
        "tracingConfiguration": configurations.tracing(None),
        "encryptionConfiguration": configurations.encryption(None),
    }
    updated_at = execution.started_at
    if record is not None:
        about = _revision(record)
        updated_at = record.created_at if isinstance(record, VersionRecord) else record.updated_at
        is_as_it_was = (record.definition, record.role_arn) == (definition, execution.role_arn)
        if not is_as_it_was or updated_at > execution.started_at:
            about.pop("revisionId", None)  # that of another revision: it was updated since
    return present(
        {
            "stateMachineArn": execution.state_machine_arn,
            "name": execution.state_machine_name,
            **about,
            **_definition(definition, execution.type, _is_encrypted(record) and included == METADATA_ONLY),
            "roleArn": execution.role_arn,
            "updateDate": min(updated_at, execution.started_at),
        }
    )


def _revision(record: StateMachineRecord | VersionRecord) -> Description:
    return {
        "roleArn": record.role_arn,
        "loggingConfiguration": record.logging_configuration,
        "tracingConfiguration": record.tracing_configuration,
        "encryptionConfiguration": record.encryption_configuration,
        "revisionId": None if record.revision_id == INITIAL else record.revision_id,
    }


def _definition(text: str, type: StateMachineType, is_hidden: bool) -> Description:
    """The definition, and what it tells."""
    if is_hidden:
        return {"definition": "{}"}  # API model, DescribeStateMachine
    return {"definition": text, "variableReferences": _references(text, type) or None}


@lru_cache(DEFINITIONS_KEPT)
def _references(definition: str, type: StateMachineType) -> Mapping[str, list[str]]:
    """Those of a definition that need not be one that can be run; none where an earlier version has checked it and this
    one refuses it."""
    try:
        return variable_references(parse(loads(definition), type=type))
    except InvalidDefinition:
        return {}
