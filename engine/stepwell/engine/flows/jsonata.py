"""Data flow in JSONata.

The document is `$states`. Every field is evaluated on the raw input; `Output` and `Assign` also see the result of the
work (or, in a catcher, the error output), and neither sees the other. What a field leaves out has a default: the work
gets the input, the output is the result where there is one and the input where there is none.
"""

from typing import TYPE_CHECKING

from stepwell.definitions import timestamps
from stepwell.definitions.expressions import Environment, Expression, Json
from stepwell.definitions.failure import QUERY_EVALUATION_ERROR, Failed
from stepwell.definitions.json_text import dumps
from stepwell.definitions.jsonata import compile_expression, compile_value, is_expression
from stepwell.definitions.kinds import MAX_SECONDS, attribute_of
from stepwell.engine.flows.values import Condition, Exit, Finish, Told, constant, untold

if TYPE_CHECKING:
    from stepwell.definitions import model


def _states(raw: Json, _environment: Environment) -> Json:
    return {"input": raw}


def _input(document: Json, _environment: Environment) -> Json:
    return document["input"]


class JsonataFlow:
    """The data flow of a state whose query language is JSONata."""

    __slots__ = ("_state", "arguments", "document", "finish", "is_identity")

    def __init__(self, state: "model.BaseState", told: Told = untold, /) -> None:
        from stepwell.definitions import model  # here, not above: it takes a while, and not everybody has a definition

        self._state = state
        self.document: Expression = _states
        self.arguments: Expression = _input
        if isinstance(state, model.TaskState | model.ParallelState):
            given = compile_value(state.arguments, "Arguments") if state.gives("arguments") else _input
            self.arguments = told("afterArguments", given)
        self.finish = _compile_finish(state, "", "result" if isinstance(state, model.WorkState) else "input")
        self.is_identity = state.model_fields_set <= {"type", "next", "end", "comment", "query_language"}

    def caught(self, index: int) -> Finish:
        return _compile_finish(self._state.catch[index], f"Catch[{index}]/", "errorOutput")  # type: ignore[attr-defined]

    def rule(self, index: int) -> tuple[Condition, Finish]:
        rule = self._state.choices[index]  # type: ignore[attr-defined]
        place = f"Choices[{index}]/"
        condition = _compile_scalar(rule.condition, f"{place}Condition", "boolean")
        return condition, _compile_finish(rule, place, "input")

    def scalar(self, field: str) -> Expression | None:
        literal = getattr(self._state, attribute_of(field))
        if literal is None:
            return None
        read = _compile_scalar(literal, field, KINDS[field])
        check = CHECKS.get(field)
        if check is None or not is_expression(literal):
            return read
        return lambda document, environment: check(field, read(document, environment))

    def role(self) -> Expression | None:
        credentials = self._state.credentials  # type: ignore[attr-defined]
        return None if credentials is None else _compile_scalar(credentials.role_arn, "Credentials/RoleArn", "string")

    def items(self) -> Expression:
        state = self._state
        if not state.gives("items"):
            return _input_array
        if is_expression(state.items):  # type: ignore[attr-defined]
            return compile_expression(state.items, "Items", "array")  # type: ignore[attr-defined]
        read = compile_value(state.items, "Items")  # type: ignore[attr-defined]
        return lambda document, environment: _array(read(document, environment), "Items")

    def selector(self) -> Expression | None:
        if not self._state.gives("item_selector"):
            return None
        return compile_value(self._state.item_selector, "ItemSelector")  # type: ignore[attr-defined]


def _input_array(document: Json, _environment: Environment) -> Json:
    return _array(document["input"], None)


def _array(items: Json, location: str | None) -> Json:
    if type(items) is not list:
        text = f"Map state input must be an array but was: {dumps(items)}"
        raise Failed(QUERY_EVALUATION_ERROR, text, location=location)
    return items


def _compile_finish(about: "model.Element", place: str, member: str) -> Finish:
    """(raw input, what the work gave) -> exit, by the Output and Assign of a state, a catcher or a rule.

    `member` is what `$states` calls what the work gave; it is also the output where there is no Output.
    """
    output = compile_value(about.output, f"{place}Output") if about.gives("output") else None  # type: ignore[attr-defined]
    fields = getattr(about, "assign", None)
    assign = compile_value(fields, f"{place}Assign") if fields else None
    keeps_input = member == "input"
    if not (output or assign):
        return lambda raw, given, environment: (raw if keeps_input else given, None)

    def finish(raw: Json, given: Json, environment: Environment) -> Exit:
        states = {"input": raw} if keeps_input else {"input": raw, member: given}
        assigned = assign(states, environment) if assign else None
        return (output(states, environment) if output else states[member]), assigned

    return finish


# --- fields of one value --------------------------------------------------------------------------------------------


def _compile_scalar(literal: Json, location: str, kind: str) -> Expression:
    return compile_expression(literal, location, kind) if is_expression(literal) else constant(literal)


def _seconds(field: str, value: Json) -> int:
    return _whole(field, value, 0, MAX_SECONDS)


def _positive_seconds(field: str, value: Json) -> int:
    return _whole(field, value, 1, MAX_SECONDS)


def _count(field: str, value: Json) -> int:
    return _whole(field, value, 0, None)


def _percentage(field: str, value: Json) -> float:
    if not 0 <= value <= 100:
        raise Failed(QUERY_EVALUATION_ERROR, f"{field} must be between 0 and 100.", location=field)
    return float(value)


def _whole(field: str, value: Json, least: int, most: int | None) -> int:
    """The texts for a number that will not do are not recorded: inferred from those for paths."""
    if value != int(value):
        raise Failed(QUERY_EVALUATION_ERROR, f"The {field} field must be an integer: {dumps(value)}", location=field)
    if value < least or (most is not None and value > most):
        raise Failed(QUERY_EVALUATION_ERROR, f"The {field} field is out of range: {dumps(value)}", location=field)
    return int(value)


def _timestamp(field: str, value: Json) -> str:
    if timestamps.parse(value) is None:
        raise Failed(
            QUERY_EVALUATION_ERROR,
            f"The {field} field cannot be parsed as an ISO-8601 extended offset date-time format string: {value}",
            location=field,
        )
    return str(value)


KINDS = {
    "Seconds": "number",
    "Timestamp": "string",
    "TimeoutSeconds": "number",
    "HeartbeatSeconds": "number",
    "MaxConcurrency": "number",
    "ToleratedFailureCount": "number",
    "ToleratedFailurePercentage": "number",
    "MaxItems": "number",
    "MaxItemsPerBatch": "number",
    "MaxInputBytesPerBatch": "number",
    "Error": "string",
    "Cause": "string",
}
"""The type that a field's value must be of."""

CHECKS = {
    "Seconds": _seconds,
    "Timestamp": _timestamp,
    "TimeoutSeconds": _positive_seconds,
    "HeartbeatSeconds": _positive_seconds,
    "MaxConcurrency": _count,
    "ToleratedFailureCount": _count,
    "ToleratedFailurePercentage": _percentage,
    "MaxItems": _count,
    "MaxItemsPerBatch": _count,
    "MaxInputBytesPerBatch": _count,
}
"""What else it must be."""
