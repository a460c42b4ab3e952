"""What TestState is asked: the request as the API gives it, and what AWS refuses in it."""

from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Final

from msgspec import Struct

from stepwell.definitions import check, model
from stepwell.definitions.expressions import Json
from stepwell.definitions.json_text import InvalidJson, loads
from stepwell.definitions.jsonata import InvalidExpression
from stepwell.definitions.kinds import QueryLanguage
from stepwell.definitions.problems import InvalidDefinition, Problem
from stepwell.definitions.resources import ARN, Activity, Integration, parse_resource
from stepwell.definitions.source import read_source
from stepwell.engine import errors
from stepwell.engine.errors import ValidationException
from stepwell.engine.node import Node
from stepwell.engine.operations.definitions import invalid_definition
from stepwell.engine.states import NODES

UNNAMED: Final = "StateName"
"""What AWS calls a state that comes without a machine."""

MOCKABLE: Final = (model.TaskState, model.MapState, model.ParallelState)

NOT_MOCKED: Final = (
    "TestState API does not support Map or Parallel states. "
    "Supported state types include: [Task, Wait, Pass, Succeed, Fail, Choice]"
)


class InspectionLevel(StrEnum):
    INFO = "INFO"
    DEBUG = "DEBUG"
    TRACE = "TRACE"


class FieldValidationMode(StrEnum):
    """How a mocked result is held against the service's API.

    STRICT: required fields must be there, and what is there must conform. PRESENT: what is there must conform.
    """

    STRICT = "STRICT"
    PRESENT = "PRESENT"
    NONE = "NONE"


CheckResult = Callable[[Integration, Json, FieldValidationMode], str | None]
"""Holds a mocked result against the API of a service: what is wrong with it, in AWS's words, or None."""


def accept_any_result(_called: Integration, _result: Json, _mode: FieldValidationMode) -> None:
    """A `CheckResult` that knows no APIs."""


class ErrorOutput(Struct, frozen=True, kw_only=True, rename="camel"):
    error: str | None = None
    cause: str | None = None


class Mock(Struct, frozen=True, kw_only=True, rename="camel"):
    """What takes the place of the state's work. `result` is JSON text."""

    result: str | None = None
    error_output: ErrorOutput | None = None
    field_validation_mode: FieldValidationMode = FieldValidationMode.STRICT


class StateConfiguration(Struct, frozen=True, kw_only=True, rename="camel"):
    """What is supposed about the run that the state is in."""

    retrier_retry_count: int | None = None
    """How often the retrier that the error belongs to has been used."""
    error_caused_by_state: str | None = None
    """The inner state that a mocked error of a Map or Parallel comes from."""
    map_iteration_failure_count: int | None = None
    map_item_reader_data: str | None = None
    """What the ItemReader reads, as it is in its source."""


class StateTest(Struct, frozen=True, kw_only=True, rename="camel"):
    """A request of TestState: `msgspec.convert` makes it of the API's members. Texts are JSON as the caller gave it."""

    definition: str
    """A state, or with `state_name` a whole state machine."""
    state_name: str | None = None
    role_arn: str | None = None
    input: str = "{}"
    inspection_level: InspectionLevel = InspectionLevel.INFO
    reveal_secrets: bool = False
    """For the one who performs an HTTP Task: whether its request is told with the secrets of its connection."""
    variables: str | None = None
    mock: Mock | None = None
    context: str | None = None
    state_configuration: StateConfiguration = StateConfiguration()


class Subject(Struct, frozen=True, kw_only=True):
    """The state under test."""

    name: str
    state: model.BaseState
    language: QueryLanguage
    node: Node
    """Its handlers and where it goes on to; the flow of data is compiled once more, with stages that tell."""


# --- the state --------------------------------------------------------------------------------------------------------


def machine_of(test: StateTest) -> model.StateMachine:
    """The machine that the state is in: one made for it where it comes alone. Raises InvalidDefinition."""
    try:
        value = read_source(test.definition, format="json").value
        return check.parse(_in_a_machine(value) if test.state_name is None else value)
    except InvalidDefinition as fault:
        raise invalid_definition(fault.problems) from None


def subject_of(test: StateTest) -> Subject:
    """The state that a request is about. Raises InvalidDefinition, and ValidationException where it is not there."""
    machine = machine_of(test)
    name = UNNAMED if test.state_name is None else test.state_name
    state = next((state for known, state in machine.walk() if known == name), None)
    if state is None:
        raise ValidationException("State not found in definition")
    return _compiled(name, state, machine.language_of(state))


def _compiled(name: str, state: model.BaseState, language: QueryLanguage) -> Subject:
    try:
        node = NODES[state.type](name, state, language)
    except InvalidExpression as fault:  # beyond the grammar that is checked
        raise invalid_definition([Problem(f"/States/{name}", "INVALID_JSONATA_EXPRESSION", str(fault))]) from None
    return Subject(name=name, state=state, language=language, node=node)


def _in_a_machine(state: Json) -> Json:
    """A machine in which the state can be checked: wherever it goes on to, there is a state, and an end to reach."""
    start, end = f"Before {UNNAMED}", f"After {UNNAMED}"
    entry = {"Type": "Choice", "Choices": [{"Variable": "$", "IsPresent": True, "Next": UNNAMED}], "Default": end}
    targets = {target: {"Type": "Succeed"} for target in _targets(state) if target != UNNAMED}
    return {"StartAt": start, "States": {**targets, start: entry, end: {"Type": "Succeed"}, UNNAMED: state}}


def _targets(state: Json) -> Iterator[str]:
    if not isinstance(state, dict):
        return
    rules = [rule for field in ("Choices", "Catch") if isinstance(state.get(field), list) for rule in state[field]]
    for holder in (state, *rules):
        for field in ("Next", "Default"):
            if isinstance(holder, dict) and isinstance(holder.get(field), str):
                yield holder[field]


# --- what AWS refuses -------------------------------------------------------------------------------------------------


def check_request(test: StateTest, subject: Subject, check_result: CheckResult) -> None:
    """Raises ValidationException, InvalidDefinition and InvalidArn for what does not go together."""
    state, mock, configuration = subject.state, test.mock, test.state_configuration
    if test.role_arn is not None and ARN.fullmatch(test.role_arn) is None:
        raise errors.InvalidArn(f"Invalid Arn: 'Invalid ARN prefix: {test.role_arn}'")
    if mock is None:
        _check_without_mock(test, state)
        return
    if (mock.result is None) == (mock.error_output is None):
        raise ValidationException("A test mock should have only one of the following fields: [result, errorOutput].")
    if test.reveal_secrets:
        raise ValidationException("TestState does not support RevealSecrets when a mock is specified.")
    if not isinstance(state, MOCKABLE):
        raise ValidationException(f"State type '{state.type}' is not supported when a mock is specified")
    if mock.result is not None:
        _check_result(mock.result, mock.field_validation_mode, state, check_result)
    origin = configuration.error_caused_by_state
    if origin is not None and origin not in _inner_names(state):
        # The text for a state that is not in the Map or Parallel is not recorded: inferred from that of stateName.
        raise ValidationException("State not found in definition")


def _check_without_mock(test: StateTest, state: model.BaseState) -> None:
    if test.state_configuration.map_iteration_failure_count is not None:
        raise ValidationException("TestState does not support MapIterationFailureCount when a mock is not specified.")
    if test.context is not None:  # documented; the text is not recorded, but for its pattern
        raise ValidationException("TestState does not support Context when a mock is not specified.")
    if isinstance(state, model.MapState | model.ParallelState):
        raise errors.InvalidDefinition(NOT_MOCKED)
    if isinstance(state, model.TaskState):
        if test.role_arn is None:
            raise ValidationException("RoleArn must be specified when testing a Task state")
        _check_resource(state.resource)


def _check_resource(arn: str) -> None:
    """Documented in the API model; the texts are not recorded: inferred from that for Map and Parallel."""
    resource = parse_resource(arn)
    if isinstance(resource, Activity):
        raise errors.InvalidDefinition("TestState API does not support Activity tasks without a mock")
    if isinstance(resource, Integration) and resource.pattern:
        pattern = f".{resource.pattern}"
        raise errors.InvalidDefinition(
            f"TestState API does not support the '{pattern}' service integration pattern without a mock"
        )


def _check_result(text: str, mode: FieldValidationMode, state: model.BaseState, check_result: CheckResult) -> None:
    try:
        result = loads(text)
    except InvalidJson:
        raise ValidationException("Mocked result must be valid JSON") from None
    if isinstance(state, model.MapState) and is_exported(state):
        if not isinstance(result, dict):
            raise ValidationException("Mocked result must be a JSON object.")
    elif isinstance(state, model.MapState | model.ParallelState):
        if not isinstance(result, list):
            raise ValidationException("Mocked result must be an array.")
        if isinstance(state, model.ParallelState) and len(result) != len(state.branches):
            raise ValidationException(
                "Mocked result must contain the same number of items as number of Parallel branches."
            )
    elif isinstance(state, model.TaskState) and mode is not FieldValidationMode.NONE:
        called = parse_resource(state.resource)
        fault = check_result(called, result, mode) if isinstance(called, Integration) else None
        if fault is not None:
            raise ValidationException(f"Mock result schema validation error: {fault}")


def is_exported(state: model.MapState) -> bool:
    """Whether a Map's results go to a bucket, and its own result tells where."""
    return state.result_writer is not None and state.result_writer.resource is not None


def _inner_names(state: model.BaseState) -> frozenset[str]:
    return frozenset(name for scope in model.scopes(state) for name, _ in model.walk(scope))
