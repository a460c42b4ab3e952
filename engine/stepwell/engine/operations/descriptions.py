"""What callers are shown of executions and state machines: in the API's shapes, without the members that have no value.

Dates are milliseconds since the epoch. Every ARN may raise InvalidArn.
"""

from collections.abc import Mapping
from typing import Any

from stepwell.definitions.model import StateMachineType
from stepwell.definitions.variables import variable_references
from stepwell.engine import arns
from stepwell.engine.errors import StateMachineTypeNotSupported
from stepwell.engine.execution import Execution
from stepwell.engine.history import as_api, without_data
from stepwell.engine.lifecycles import ExecutionStatus
from stepwell.engine.operations import configurations
from stepwell.engine.operations.pages import Page, Pages
from stepwell.engine.operations.state_machines import describe_state_machine
from stepwell.engine.operations.versions import INITIAL
from stepwell.engine.ports import Store
from stepwell.engine.program import Program
from stepwell.engine.redrive import redrive_status
from stepwell.engine.registry import Registry, StateMachineRecord, VersionRecord

Description = dict[str, Any]

INCLUDED = {"included": True}
"""Nothing is left out of what is shown, unless somebody asks for that."""

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


def describe_execution(store: Store, arn: str, at: int) -> Description:
    """Raises ExecutionDoesNotExist."""
    return described_execution(store.describe(arns.checked(arn, "execution")), at)


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

    Raises StateMachineDoesNotExist, StateMachineTypeNotSupported and InvalidToken.
    """
    machine = describe_state_machine(registry, arns.machine_in(state_machine_arn), named=state_machine_arn)
    if machine.type is StateMachineType.EXPRESS:
        raise StateMachineTypeNotSupported
    last = pages.last()
    if status == "PENDING_REDRIVE":  # only children of Distributed Maps wait for one
        return Page([])
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


def described_state_machine(record: StateMachineRecord | VersionRecord, program: Program) -> Description:
    """As DescribeStateMachine tells of a state machine, or of a version."""
    return present(
        {
            "stateMachineArn": record.arn,
            "name": record.name,
            "status": record.status.value if isinstance(record, StateMachineRecord) else "ACTIVE",
            "type": record.type.value,
            "creationDate": record.created_at,
            "description": record.description if isinstance(record, VersionRecord) else None,
            **_revision(record, program),
        }
    )


def described_for_execution(registry: Registry, execution: Execution, definition: str, program: Program) -> Description:
    """As DescribeStateMachineForExecution tells: the state machine as it was when the execution started.

    What is not kept with the execution is told of the version it was started through, else of the state machine as it
    is, else as of one of which nothing was said.
    """
    arn = execution.state_machine_version_arn
    version = None if arn is None else registry.find(VersionRecord, arn)
    record = version or registry.find(StateMachineRecord, execution.state_machine_arn)
    about: Description = {
        "loggingConfiguration": configurations.logging(None),
        "tracingConfiguration": configurations.tracing(None),
        "encryptionConfiguration": configurations.encryption(None),
    }
    if record is not None:
        about = _revision(record, program)
        if record.definition != definition:  # it was updated since
            about.pop("revisionId", None)
    updated_at = record.updated_at if isinstance(record, StateMachineRecord) else record and record.created_at
    return present(
        {
            "stateMachineArn": execution.state_machine_arn,
            "name": execution.state_machine_name,
            **about,
            "definition": definition,
            "roleArn": execution.role_arn,
            "updateDate": min(updated_at or execution.started_at, execution.started_at),
            "variableReferences": variable_references(program.machine) or None,
        }
    )


def _revision(record: StateMachineRecord | VersionRecord, program: Program) -> Description:
    return {
        "definition": record.definition,
        "roleArn": record.role_arn,
        "loggingConfiguration": record.logging_configuration,
        "tracingConfiguration": record.tracing_configuration,
        "encryptionConfiguration": record.encryption_configuration,
        "revisionId": None if record.revision_id == INITIAL else record.revision_id,
        "variableReferences": variable_references(program.machine) or None,
    }
