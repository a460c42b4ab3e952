"""JSONata as AWS evaluates it: the `{% ... %}` of a state.

    compile_expression("{% $states.input.n + 1 %}", "Output/n")    -> an Expression
    compile_value({"n": "{% ... %}", "kind": "x"}, "Output")       -> an Expression; the location grows

The document of these expressions is `$states`: a dict of `input`, `result`, `errorOutput` and `context`, as far as
they exist in the field. `context` may be left out: it then comes from the environment, when something asks for it.

Rule 1: whatever goes wrong in an evaluation is `Failed` with States.QueryEvaluationError, AWS's text and the location.
Rule 2: undefined is not null: it fails.
Rule 3: the clock and chance of an expression are those of its step: a replay gives the same value.
Rule 4: what only picks a value shares it, and needs no engine (`plain`). Integers above 2^53, which JSONata cannot hold
exactly, pass untouched there; in any other expression they are rounded to a double, as in jsonata-js.

What AWS checks when a state machine is created is in `rules`, not here.
"""

from collections.abc import Iterator
from functools import cache

from stepwell.definitions.expressions import Environment, Expression, Json
from stepwell.definitions.failure import QUERY_EVALUATION_ERROR, Failed
from stepwell.definitions.jsonata import failures
from stepwell.definitions.jsonata.failures import InvalidExpression
from stepwell.definitions.jsonata.plain import compile_plain

__all__ = [
    "InvalidExpression",
    "compile_expression",
    "compile_value",
    "expression_in",
    "expressions_in",
    "is_expression",
    "is_half_an_expression",
]

_OPENING, _CLOSING = "{%", "%}"
_TYPES = {
    "array": (list,),
    "object": (dict,),
    "string": (str,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}


def is_expression(value: Json) -> bool:
    """Whether a value of a definition is evaluated: a string that begins with `{%` and ends with `%}`."""
    return isinstance(value, str) and len(value) >= 4 and value.startswith(_OPENING) and value.endswith(_CLOSING)


def is_half_an_expression(text: str) -> bool:
    """Whether a text has one end of an expression only. With spaces around both it is plain text (recorded)."""
    return text.startswith(_OPENING) != text.endswith(_CLOSING)


def expression_in(text: str) -> str:
    """The expression between `{%` and `%}`, as AWS quotes it: without the white space around it."""
    return text[len(_OPENING) : -len(_CLOSING)].strip()


def expressions_in(value: Json, location: str) -> Iterator[tuple[str, str]]:
    """Every expression in a value (with its `{%` and `%}`) and the location of it, in the order of the text."""
    if is_expression(value):
        yield value, location
    elif isinstance(value, dict):
        for key, member in value.items():
            yield from expressions_in(member, f"{location}/{key}")
    elif isinstance(value, list):
        for index, element in enumerate(value):
            yield from expressions_in(element, f"{location}[{index}]")


def compile_expression(text: str, location: str, *kinds: str) -> Expression:
    """The expression of a text with its `{%` and `%}`. Raises `InvalidExpression`.

    `location` is the field's, relative to the state: `Output/a/b[0]`. `kinds` are the types its value must be of, by
    their names in JSON (`array`, `object`, `string`, `number`, `boolean`, `null`); any, where none are given.
    """
    source = expression_in(text)
    opening = failures.opening(source, location)
    engine = cache(lambda: _engine(source, opening, location))

    def evaluate_in_full(document: Json, environment: Environment) -> Json:
        return engine()(document, environment)  # compiled only now, if ever

    expression = compile_plain(source, evaluate_in_full) or engine()
    return _of_kinds(expression, opening, location, kinds) if kinds else expression


def compile_value(value: Json, location: str) -> Expression:
    """The expression of a JSON value that may have expressions in its strings, at any depth; its keys have none.

    Keys keep their order. What holds no expression is shared, not copied. Raises `InvalidExpression`.
    """
    return _compile_member(value, location) or (lambda document, environment: value)


# --- one expression


def _engine(source: str, opening: str, location: str) -> Expression:
    # Imported here: a definition without real expressions must not pay for the engine, which takes 30 ms to load.
    from stepwell.definitions.jsonata.jlens_evaluator import compile_program

    program = compile_program(source)

    def evaluate(document: Json, environment: Environment) -> Json:
        try:
            return program(document, environment)
        except failures.InternalFault:
            text = failures.threw_internally(opening, environment.entropy.uuid())
        except failures.EvaluationFault as fault:
            text = failures.threw(opening, fault)
        except failures.Undefined:
            text = failures.undefined(opening)
        except failures.NotData:
            text = failures.unsupported(opening)
        raise Failed(QUERY_EVALUATION_ERROR, text, location=location)

    return evaluate


def _of_kinds(expression: Expression, opening: str, location: str, kinds: tuple[str, ...]) -> Expression:
    allowed = {type_ for kind in kinds for type_ in _TYPES[kind]}

    def evaluate(document: Json, environment: Environment) -> Json:
        value = expression(document, environment)
        if type(value) in allowed:
            return value
        raise Failed(QUERY_EVALUATION_ERROR, failures.unexpected(opening, kinds, value), location=location)

    return evaluate


# --- a value with expressions in it


def _compile_member(value: Json, location: str) -> Expression | None:
    """None where there is nothing to evaluate."""
    if is_expression(value):
        return compile_expression(value, location)
    if isinstance(value, dict):
        return _compile_object(value, location)
    if isinstance(value, list):
        return _compile_array(value, location)
    return None


def _compile_object(value: dict[str, Json], location: str) -> Expression | None:
    members = [
        (key, expression)
        for key, member in value.items()
        if (expression := _compile_member(member, f"{location}/{key}")) is not None
    ]
    if not members:
        return None
    if len(members) == len(value):
        return lambda document, environment: {key: expression(document, environment) for key, expression in members}

    def fill(document: Json, environment: Environment) -> Json:
        result = value.copy()  # keeps the order: what is evaluated takes the place of its text
        for key, expression in members:
            result[key] = expression(document, environment)
        return result

    return fill


def _compile_array(value: list[Json], location: str) -> Expression | None:
    elements = [
        (index, expression)
        for index, element in enumerate(value)
        if (expression := _compile_member(element, f"{location}[{index}]")) is not None
    ]
    if not elements:
        return None

    def fill(document: Json, environment: Environment) -> Json:
        result = value.copy()
        for index, expression in elements:
            result[index] = expression(document, environment)
        return result

    return fill
