"""How data goes through a state: from its raw input to what the work gets, and from the work's result to the output.

Every state goes the same way, whatever its query language:

    document(raw input)                  what the state's own fields are evaluated on
    arguments(document)                  what the work gets: a task's parameters, a branch's input, a Pass's result
    finish(raw input, result)            the state's output, and the variables it assigns
    caught(raw input, error output)      the same for a catcher

In JSONPath the document is the input after InputPath; `arguments` fills in Parameters; `finish` is ResultSelector,
Assign, ResultPath, OutputPath in this order. A caught error goes through the catcher's own ResultPath and nothing else.
"""

from collections.abc import Callable
from typing import Protocol

from stepwell.definitions import model
from stepwell.definitions.expressions import Environment, Expression, Json
from stepwell.definitions.paths import compile_reader, compile_writer
from stepwell.definitions.templates import compile_template

Variables = dict[str, Json]
Exit = tuple[Json, Variables | None]
"""Output, and the variables assigned (None where nothing is)."""


class Flow(Protocol):
    """The data flow of one state."""

    @property
    def is_identity(self) -> bool:
        """Whether the output is the input, nothing is evaluated and nothing assigned."""

    @property
    def document(self) -> Expression:
        """Raw input -> document."""

    @property
    def arguments(self) -> Expression:
        """Document -> what the work gets."""

    @property
    def finish(self) -> Callable[[Json, Json, Environment], Exit]:
        """(raw input, result) -> exit."""


def identity(value: Json, _environment: Environment) -> Json:
    return value


def _nothing(_value: Json, _environment: Environment) -> Json:
    return {}


def constant(value: Json) -> Expression:
    return lambda document, environment: value


def template(value: Json) -> Expression:
    """A payload template as an expression, whether or not it holds something to evaluate."""
    return compile_template(value) or constant(value)


def _path_field(text: str | None) -> Expression:
    """InputPath and OutputPath: `null` gives an empty object."""
    return _nothing if text is None else compile_reader(text)


class JsonPathFlow:
    """The data flow of a state whose query language is JSONPath."""

    __slots__ = ("arguments", "document", "finish", "is_identity")

    def __init__(self, state: model.BaseState) -> None:
        self.document = _path_field(state.input_path) if _gives(state, "input_path") else identity  # type: ignore[attr-defined]
        self.arguments = _compile_arguments(state)
        self.finish = compile_finish(state, state.assign if isinstance(state, model.AssigningState) else None)
        plain = {"type", "next", "end", "comment", "query_language"}
        self.is_identity = state.model_fields_set <= plain


def _gives(state: model.BaseState, field: str) -> bool:
    return field in state.model_fields_set


def _compile_arguments(state: model.BaseState) -> Expression:
    match state:
        case model.PassState() if state.gives("result"):
            return constant(state.result)
        case model.PassState() | model.TaskState() | model.ParallelState() if state.gives("parameters"):
            return template(state.parameters)
        case _:
            return identity


def compile_finish(
    state: model.BaseState, assign_fields: dict[str, Json] | None
) -> Callable[[Json, Json, Environment], Exit]:
    """(raw input, result) -> exit, with the Assign that applies: the state's own, or that of a Choice rule."""
    select = (
        template(state.result_selector)
        if isinstance(state, model.WorkState) and state.gives("result_selector")
        else None
    )
    assign = compile_assign(assign_fields) if assign_fields else None
    place = compile_place(state.result_path) if isinstance(state, model.ResultState) else None
    filter_output = (
        _path_field(state.output_path) if isinstance(state, model.FlowState) and state.gives("output_path") else None
    )
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


def compile_place(result_path: str | None) -> Callable[[Json, Json], Json] | None:
    """ResultPath as a function of (raw input, result); None where the result replaces the input."""
    if result_path is None:
        return lambda raw, result: raw
    return compile_writer(result_path)


def compile_assign(assign: dict[str, Json]) -> Callable[[Json, Environment], Variables]:
    """Assign as a function that gives the new variables; all are evaluated before any is visible."""
    return template(assign)


def compile_caught(catcher: model.Catcher) -> Callable[[Json, Json, Environment], Exit]:
    """A catcher's data flow: (raw input, error output) -> exit."""
    place = compile_place(catcher.result_path)
    assign = compile_assign(catcher.assign) if catcher.assign else None

    def caught(raw: Json, error_output: Json, environment: Environment) -> Exit:
        assigned = assign(error_output, environment) if assign else None
        return (place(raw, error_output) if place else error_output), assigned

    return caught
