"""Operations on definitions that belong to no state machine yet."""

from stepwell.adapters.api.api import Api, Caller, Params, Response
from stepwell.engine.operations.validation import validate_definition


def validate_state_machine_definition(api: Api, caller: Caller, params: Params) -> Response:
    return validate_definition(
        params["definition"],
        type=params.get("type", "STANDARD"),
        severity=params.get("severity", "ERROR"),
        max_results=params.get("maxResults"),
    )
