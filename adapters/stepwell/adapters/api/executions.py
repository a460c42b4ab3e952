"""Operations on executions and on the tasks that wait for an answer."""

from typing import Any

from stepwell.adapters.api.api import Api, Caller, Params, Response, paged
from stepwell.adapters.operations import Answer
from stepwell.adapters.tasks.functions import as_failure
from stepwell.definitions.kinds import StateMachineType
from stepwell.engine import arns
from stepwell.engine.errors import (
    ExecutionNotRedrivable,
    ResourceNotFound,
    StateMachineTypeNotSupported,
    ValidationException,
)
from stepwell.engine.events import TaskFailed, TaskHeartbeat, TaskSucceeded
from stepwell.engine.execution import Execution
from stepwell.engine.operations import descriptions
from stepwell.engine.operations.executions import checked_output
from stepwell.engine.operations.finding import is_deleting

SECONDS_FOR_A_TASK = 60.0
"""How long GetActivityTask waits for one. API model."""

REDRIVEN = {"REDRIVEN": True, "NOT_REDRIVEN": False}


def start_execution(api: Api, caller: Caller, params: Params) -> Answer[Response]:
    prepared, about = _start(api, params)
    return api.runtime.start(prepared, shown=_started, **about)


def start_sync_execution(api: Api, caller: Caller, params: Params) -> Answer[Response]:
    prepared, about = _start(api, params)
    if prepared.type is not StateMachineType.EXPRESS:
        raise StateMachineTypeNotSupported

    def shown(execution: Execution) -> Response:
        description = descriptions.synchronous_end(execution)
        return descriptions.as_included(description, api.runtime.registry, execution, params.get("includedData"))

    return api.runtime.run(prepared, shown=shown, is_synchronous=True, **about)


def _start(api: Api, params: Params) -> tuple[Any, dict[str, Any]]:
    """The state machine, and with what an execution of it starts. Step Functions Local has `ARN#TestCase`."""
    arn, _, test_case = params["stateMachineArn"].partition("#")
    prepared = api.find(arn)
    about = {
        "input": params.get("input", "{}"),
        "name": params.get("name"),
        "trace_header": params.get("traceHeader"),
    }
    if test_case:
        if api.mocks is None:
            raise ValidationException(
                f"There is no mock configuration with the test case '{test_case}': start the server with --mock-config"
            )
        about["mocks"] = api.mocks.tasks_of(prepared.machine_name, test_case, prepared.program, api.runtime.tasks)
        about["test_case"] = test_case
    return prepared, about


def _started(execution: Execution) -> Response:
    return {"executionArn": execution.arn, "startDate": execution.started_at}


def describe_execution(api: Api, caller: Caller, params: Params) -> Response:
    runtime, arn, included = api.runtime, params["executionArn"], params.get("includedData")
    return runtime.from_registry(
        lambda: descriptions.describe_execution(runtime.store, runtime.registry, arn, api.now(), included)
    )


def describe_state_machine_for_execution(api: Api, caller: Caller, params: Params) -> Response:
    runtime, arn = api.runtime, arns.checked(params["executionArn"], "execution")
    execution, definition = runtime.store.describe(arn), runtime.store.definition(arn)
    included = params.get("includedData")
    return runtime.from_registry(
        lambda: descriptions.described_for_execution(runtime.registry, execution, definition, included)
    )


def list_executions(api: Api, caller: Caller, params: Params) -> Response:
    machine_arn, map_run_arn = params.get("stateMachineArn"), params.get("mapRunArn")
    if machine_arn is None and map_run_arn is not None:
        raise _no_map_run(map_run_arn)
    if machine_arn is None or map_run_arn is not None:
        raise ValidationException("Must specify exactly one of [stateMachineArn, mapRunArn]")
    status, redriven = params.get("statusFilter"), params.get("redriveFilter")
    pages = api.pages(params, "ListExecutions", machine_arn, status, redriven)
    page = descriptions.list_executions(
        api.runtime.store,
        api.runtime.registry,
        pages,
        arns.checked(machine_arn, "stateMachine"),
        status=status,
        is_redriven=REDRIVEN.get(redriven or ""),
    )
    return paged("executions", page, dict)


def get_execution_history(api: Api, caller: Caller, params: Params) -> Response:
    arn, is_reversed = params["executionArn"], params.get("reverseOrder", False)
    page = descriptions.list_history(
        api.runtime.store,
        api.pages(params, "GetExecutionHistory", arn, is_reversed),
        arn,
        is_reversed=is_reversed,
        includes_data=params.get("includeExecutionData", True),
    )
    return paged("events", page, dict)


def stop_execution(api: Api, caller: Caller, params: Params) -> Answer[Response]:
    arn = arns.checked(params["executionArn"], "execution")

    def shown() -> Response:
        stopped_at = api.runtime.store.describe(arn).stopped_at
        return {"stopDate": api.now() if stopped_at is None else stopped_at}  # None: another process is to stop it

    return api.runtime.stop(arn, as_failure(params.get("error"), params.get("cause")), shown=shown)


def redrive_execution(api: Api, caller: Caller, params: Params) -> Answer[Response]:
    runtime, arn = api.runtime, arns.checked(params["executionArn"], "execution")
    machine_arn = runtime.store.describe(arn).state_machine_arn
    if runtime.from_registry(lambda: is_deleting(runtime.registry, machine_arn)):
        raise ExecutionNotRedrivable(f"Execution Not Redrivable: '{descriptions.DELETING}'")
    return runtime.redrive(
        arn,
        client_token=params.get("clientToken"),
        shown=lambda: {"redriveDate": runtime.store.describe(arn).redriven_at},
    )


# --- tasks ------------------------------------------------------------------------------------------------------------


def get_activity_task(api: Api, caller: Caller, params: Params) -> Answer[Response]:
    found = api.runtime.activity_task(
        arns.checked(params["activityArn"], "activity"), params.get("workerName"), SECONDS_FOR_A_TASK
    )
    return found.then(lambda task: {} if task is None else {"taskToken": task.token, "input": task.input})


def send_task_success(api: Api, caller: Caller, params: Params) -> Answer[Response]:
    output = checked_output(params["output"])
    return api.runtime.answer_task(params["taskToken"], TaskSucceeded, output=output).then(_nothing)


def send_task_failure(api: Api, caller: Caller, params: Params) -> Answer[Response]:
    failure = as_failure(params.get("error"), params.get("cause"))
    return api.runtime.answer_task(params["taskToken"], TaskFailed, failure=failure).then(_nothing)


def send_task_heartbeat(api: Api, caller: Caller, params: Params) -> Answer[Response]:
    return api.runtime.answer_task(params["taskToken"], TaskHeartbeat).then(_nothing)


def _nothing(value: None) -> Response:
    return {}


# --- map runs ---------------------------------------------------------------------------------------------------------


def list_map_runs(api: Api, caller: Caller, params: Params) -> Response:
    arn = arns.checked(params["executionArn"], "execution")
    api.runtime.store.describe(arn)
    api.pages(params, "ListMapRuns", arn).last()
    return {"mapRuns": []}  # no state makes one yet


def describe_map_run(api: Api, caller: Caller, params: Params) -> Response:
    raise _no_map_run(params["mapRunArn"])


def update_map_run(api: Api, caller: Caller, params: Params) -> Response:
    raise _no_map_run(params["mapRunArn"])


def _no_map_run(arn: str) -> ResourceNotFound:
    return ResourceNotFound(f"Resource not found: '{arns.checked(arn, 'mapRun')}'")
