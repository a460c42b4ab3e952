"""Data flow in JSONPath.

The document is the input after InputPath; `arguments` fills in Parameters; `finish` is ResultSelector, Assign,
ResultPath and OutputPath, in this order. A caught error goes through the catcher's own ResultPath and nothing else.
"""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from stepwell.definitions import timestamps
from stepwell.definitions.choices import compile_rule
from stepwell.definitions.expressions import Environment, Expression, Json
from stepwell.definitions.failure import REFERENCE_PATH_CONFLICT, RUNTIME, Failed
from stepwell.definitions.json_text import dumps
from stepwell.definitions.kinds import MAX_SECONDS, attribute_of
from stepwell.definitions.paths import (
    Wording,
    compile_reader,
    compile_root,
    compile_writer,
    invalid_path,
    parse_path,
)
from stepwell.definitions.templates import compile_template, compile_value
from stepwell.engine.flows.values import Condition, Exit, Finish, Told, constant, identity, untold

if TYPE_CHECKING:
    from stepwell.definitions import model


def _nothing(_value: Json, _environment: Environment) -> Json:
    return {}


def _template(value: Json) -> Expression:
    """A payload template as an expression, whether or not it holds something to evaluate."""
    return compile_template(value) or constant(value)


def _path_field(text: str | None) -> Expression:
    """InputPath and OutputPath: `null` gives an empty object."""
    return _nothing if text is None else compile_reader(text)


class JsonPathFlow:
    """The data flow of a state whose query language is JSONPath."""

    __slots__ = ("_state", "_told", "arguments", "document", "finish", "is_identity")

    def __init__(self, state: "model.BaseState", told: Told = untold, /) -> None:
        from stepwell.definitions import model  # here, not above: it takes a while, and not everybody has a definition

        self._state = state
        self._told = told
        self.document: Expression = identity
        if isinstance(state, model.FlowState):
            read = _path_field(state.input_path) if state.gives("input_path") else identity
            self.document = told("afterInputPath", read)
        self.arguments: Expression = told("afterParameters", _compile_arguments(state))
        self.finish = _compile_finish(state, state.assign if isinstance(state, model.AssigningState) else None, told)
        self.is_identity = state.model_fields_set <= {"type", "next", "end", "comment", "query_language"}

    def caught(self, index: int) -> Finish:
        catcher = self._state.catch[index]  # type: ignore[attr-defined]
        place = _compile_place(catcher.result_path)
        assign = _template(catcher.assign) if catcher.assign else None

        def caught(raw: Json, error_output: Json, environment: Environment) -> Exit:
            assigned = assign(error_output, environment) if assign else None
            return (place(raw, error_output) if place else error_output), assigned

        return caught

    def rule(self, index: int) -> tuple[Condition, Finish]:
        rule = self._state.choices[index]  # type: ignore[attr-defined]
        return compile_rule(rule), _compile_finish(self._state, rule.assign)

    def scalar(self, field: str) -> Expression | None:
        attribute = attribute_of(field)
        path = getattr(self._state, f"{attribute}_path")
        if path is None:
            literal = getattr(self._state, attribute)
            return None if literal is None else constant(literal)
        check = CHECKS[field]
        if field in ("Error", "Cause"):
            read = compile_value(f"{field}Path", path)
        else:
            read = compile_reader(path, WORDINGS.get(field, invalid_path))

        def scalar(document: Json, environment: Environment) -> Json:
            return check(f"{field}Path", path, read(document, environment))

        return scalar

    def role(self) -> Expression | None:
        credentials = self._state.credentials  # type: ignore[attr-defined]
        if credentials is None:
            return None
        path = credentials.role_arn_path
        if path is None:
            return constant(credentials.role_arn)
        read = compile_value("RoleArn.$", path)
        return lambda document, environment: _string("RoleArn.$", path, read(document, environment))

    def items(self) -> Expression:
        path = self._state.items_path or "$"  # type: ignore[attr-defined]
        read = _compile_reference(path)

        def items(document: Json, environment: Environment) -> Json:
            value = read(document, environment)
            if type(value) is not list:
                raise Failed(RUNTIME, f'Reference path "{path}" must point to array.')
            return value

        return self._told("afterItemsPath", items)

    def selector(self) -> Expression | None:
        """ItemSelector has an older name, Parameters."""
        for attribute in ("item_selector", "parameters"):
            if self._state.gives(attribute):
                return _template(getattr(self._state, attribute))
        return None


def _compile_reference(path: str) -> Expression:
    """A reader of ItemsPath: a step that leads nowhere is a conflict, which handlers can catch (measured on AWS)."""
    keys = parse_path(path).keys
    if keys is None:
        return compile_reader(path)
    root = compile_root(path)

    def reader(document: Json, environment: Environment) -> Json:
        value = root(document, environment)
        for key in keys:
            if not _has(value, key):
                raise Failed(REFERENCE_PATH_CONFLICT, f'Unable to apply step "{key}" to input {dumps(value)}')
            value = value[key]
        return value

    return reader


def _has(value: Json, key: str | int) -> bool:
    if isinstance(key, str):
        return type(value) is dict and key in value
    return type(value) is list and key < len(value)


def _compile_arguments(state: "model.BaseState") -> Expression:
    from stepwell.definitions import model  # here, not above: it takes a while, and not everybody has a definition

    match state:
        case model.PassState() if state.gives("result"):
            return constant(state.result)
        case model.PassState() | model.TaskState() | model.ParallelState() if state.gives("parameters"):
            return _template(state.parameters)
        case _:
            return identity


def _compile_finish(state: "model.BaseState", assign_fields: dict[str, Json] | None, told: Told = untold) -> Finish:
    """(raw input, result) -> exit, with the Assign that applies: the state's own, or that of a Choice rule."""
    from stepwell.definitions import model  # here, not above: it takes a while, and not everybody has a definition

    select = (
        _template(state.result_selector)
        if isinstance(state, model.WorkState) and state.gives("result_selector")
        else None
    )
    assign = _template(assign_fields) if assign_fields else None
    place = _compile_place(state.result_path) if isinstance(state, model.ResultState) else None
    filter_output = (
        _path_field(state.output_path) if isinstance(state, model.FlowState) and state.gives("output_path") else None
    )
    if told is not untold and isinstance(state, model.ResultState):
        select = told("afterResultSelector", select or identity)
        place = told("afterResultPath", place or _replace)
    if not (select or assign or place or filter_output):
        return lambda raw, result, environment: (result, None)

    def finish(raw: Json, result: Json, environment: Environment) -> Exit:
        output = select(result, environment) if select else result
        assigned = assign(result, environment) if assign else None
        if place:
            output = place(raw, output)
        if filter_output:
            output = filter_output(output, environment)
        return output, assigned

    return finish


def _compile_place(result_path: str | None) -> Callable[[Json, Json], Json] | None:
    """ResultPath as a function of (raw input, result); None where the result replaces the input."""
    if result_path is None:
        return lambda raw, result: raw
    return compile_writer(result_path)


def _replace(_raw: Json, result: Json) -> Json:
    return result


INTEGER = re.compile(r"[+-]?[0-9]{1,10}")
MAX_INTEGER = 2**31 - 1


# --- fields that read one value -------------------------------------------------------------------------------------


def _shown(value: Json) -> str:
    return value if isinstance(value, str) else dumps(value)


def _wait_seconds(field: str, path: str, value: Json) -> int:
    if type(value) is not int:
        raise Failed(RUNTIME, f"The {field} parameter cannot be parsed as a long value: {path} == {_shown(value)}")
    if value < 0:
        raise Failed(RUNTIME, f"The {field} parameter references a negative value: {path} == {value}")
    return value


def _task_seconds(field: str, path: str, value: Json) -> int:
    seconds = _wait_seconds(field, path, value)
    if not 0 < seconds <= MAX_SECONDS:
        raise Failed(RUNTIME, f"The {field} parameter references an invalid value: {path} == {value}")
    return seconds


def _timestamp(field: str, path: str, value: Json) -> str:
    if not isinstance(value, str) or timestamps.parse(value) is None:
        raise Failed(
            RUNTIME,
            f"The {field} parameter does not reference a valid ISO-8601 extended offset date-time format string: "
            f"{path} == {_shown(value)}",
        )
    return value


def _count(field: str, path: str, value: Json) -> int:
    if isinstance(value, str) and INTEGER.fullmatch(value):
        value = int(value)  # recorded for the other counts that paths lead to
    if type(value) is not int or value > MAX_INTEGER:
        raise Failed(
            RUNTIME, f'The {field} field refers to value "{_shown(value)}" which is not a valid integer: {path}'
        )
    if value < 0:
        raise Failed(RUNTIME, f"{field.removesuffix('Path')} cannot be negative.")
    return value


def _percentage(field: str, path: str, value: Json) -> float:
    if type(value) not in (int, float):
        raise Failed(RUNTIME, f'The {field} field refers to value "{_shown(value)}" which is not a valid float: {path}')
    if not 0 <= value <= 100:
        raise Failed(RUNTIME, f"{field.removesuffix('Path')} must be between 0 and 100.")
    return float(value)


def _string(field: str, path: str, value: Json) -> str:
    if not isinstance(value, str):
        raise Failed(RUNTIME, f"The {field} parameter does not reference a string: {path} == {_shown(value)}")
    return value


CHECKS: dict[str, Callable[[str, str, Json], Json]] = {
    "Seconds": _wait_seconds,
    "Timestamp": _timestamp,
    "TimeoutSeconds": _task_seconds,
    "HeartbeatSeconds": _task_seconds,
    "MaxConcurrency": _count,
    "ToleratedFailureCount": _count,
    "ToleratedFailurePercentage": _percentage,
    "MaxItems": _count,
    "MaxItemsPerBatch": _count,
    "MaxInputBytesPerBatch": _count,
    "Error": _string,
    "Cause": _string,
}
"""What the value behind a `...Path` field must be, with AWS's texts for what it is not."""

WORDINGS: dict[str, Wording] = {
    "Seconds": lambda path, message, document: f"The SecondsPath parameter does not reference an input value: {path}",
}
"""Fields with a wording of their own for a path that leads nowhere."""
