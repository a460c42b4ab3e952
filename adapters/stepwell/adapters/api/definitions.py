"""Operations on definitions that belong to no state machine: whether they are in order, and what one state does."""

import msgspec

from stepwell.adapters.api.api import Api, Caller, Params, Response
from stepwell.adapters.service_models import fault_of
from stepwell.adapters.state_tests import perform
from stepwell.engine.effects import InvokeTask
from stepwell.engine.execution import Execution
from stepwell.engine.operations.test_state import StateTest
from stepwell.engine.operations.validation import validate_definition
from stepwell.engine.ports import StartExecution


def test_state(api: Api, caller: Caller, params: Params) -> Response:
    def start(task: InvokeTask, request: StartExecution) -> Execution:
        prepared = api.find(request.state_machine_arn)
        return api.runtime.start(prepared, shown=lambda it: it, input=request.input, name=request.name).result()

    return perform(
        msgspec.convert(params, StateTest),
        api.runtime.tasks,
        at=api.now(),
        region=caller.region,
        account=caller.account,
        check_result=fault_of,
        start_execution=start,
    )


def validate_state_machine_definition(api: Api, caller: Caller, params: Params) -> Response:
    return validate_definition(
        params["definition"],
        type=params.get("type", "STANDARD"),
        severity=params.get("severity", "ERROR"),
        max_results=params.get("maxResults"),
    )
