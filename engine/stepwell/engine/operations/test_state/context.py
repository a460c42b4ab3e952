"""The context object of a state under test: the one that is given, or that of an Express execution made up for it."""

from collections.abc import Mapping
from typing import Final

from stepwell.definitions import timestamps
from stepwell.definitions.expressions import Entropy, Json
from stepwell.definitions.json_text import InvalidJson, loads
from stepwell.definitions.resources import Activity, Integration, parse_resource
from stepwell.engine import arns, tokens
from stepwell.engine.errors import ValidationException
from stepwell.engine.operations.test_state.request import StateTest, Subject

TYPES: Final[Mapping[str, Mapping[str, type | tuple[type, ...] | None]]] = {
    "Execution": {
        "Id": str,
        "Input": None,
        "Name": str,
        "RedriveCount": (int, float),
        "RedriveTime": str,
        "RoleArn": str,
        "StartTime": str,
    },
    "State": {"EnteredTime": str, "Name": str, "RetryCount": (int, float)},
    "StateMachine": {"Id": str, "Name": str},
    "Task": {"Token": str},
}
"""What a given context object may have, and of which type (None: any). Developer guide, context object."""


def context_of(
    test: StateTest, subject: Subject, *, at: int, entropy: Entropy, region: str, account: str
) -> dict[str, Json]:
    """The context object that the state sees; raises ValidationException for a given one that cannot be."""
    if test.context is not None:
        return _checked(test.context, subject)
    name, machine_name = entropy.uuid(), entropy.uuid()
    machine_arn = arns.state_machine_arn(machine_name, region, account)
    execution_arn = machine_arn.replace(":stateMachine:", ":express:") + f":{name}"
    now = timestamps.render(at)
    context: dict[str, Json] = {
        "Execution": {
            "Id": execution_arn,
            "Input": loads(test.input),
            "Name": name,
            "RoleArn": test.role_arn or arns.DEFAULT_ROLE.replace(arns.DEFAULT_ACCOUNT, account),
            "StartTime": now,
        },
        "StateMachine": {"Id": machine_arn, "Name": machine_name},
        "State": {
            "Name": subject.name,
            "EnteredTime": now,
            "RetryCount": test.state_configuration.retrier_retry_count or 0,
        },
    }
    if subject.node.can_be_called_back:
        context["Task"] = {"Token": tokens.mint(execution_arn, "", entropy.uuid())}
    return context


def _checked(text: str, subject: Subject) -> dict[str, Json]:
    """The given context object, as it is: nothing is put beside what the caller says."""
    try:
        context = loads(text)
    except InvalidJson:
        raise _invalid("Context object must be valid JSON") from None
    if not isinstance(context, dict):
        raise _invalid("Context object must be a JSON object")
    for field, value in context.items():
        if field == "Map":
            raise _invalid("'Map' field is not supported when mocking a Context object")
        if field not in TYPES:
            raise _invalid(f"Field '{field}' is not allowed")
        if not isinstance(value, dict):
            raise _invalid(f"{field} must be an object")
        _check_members(field, value)
    if "Task" in context and not _may_have_token(subject):
        raise _invalid(
            "Context object contains 'Task' when state is not a Task state with a '.sync' or '.waitForTaskToken' "
            "service integration pattern"
        )
    return context


def _check_members(field: str, members: Mapping[str, Json]) -> None:
    for name, value in members.items():
        if name not in TYPES[field]:
            raise _invalid(f"Field '{field}.{name}' is not allowed")
        kind = TYPES[field][name]
        if kind is not None and (isinstance(value, bool) or not isinstance(value, kind)):
            raise _invalid(f"{field}.{name} must be a {'string' if kind is str else 'number'}")


def _may_have_token(subject: Subject) -> bool:
    """Activities have one too, though the text does not name them."""
    resource = parse_resource(getattr(subject.state, "resource", ""))
    return isinstance(resource, Activity) or (isinstance(resource, Integration) and resource.pattern != "")


def _invalid(what: str) -> ValidationException:
    return ValidationException(f"Invalid Context object provided: {what}")
