"""Trying an expression: its value as it would be in a state, without a state machine.

    evaluate("{% $sum($states.input.prices) %}", {"prices": [3, 4]})             -> 7
    evaluate("$.name", {"name": "Ada"})                                          -> "Ada"
    evaluate({"text.$": "States.Format('Hi {}', $who)"}, {}, variables={"who": "Ada"})  -> {"text": "Hi Ada"}

Rule 1: what AWS refuses when a state machine is created is refused here, before anything is evaluated.
Rule 2: what `$states` has is what is given: `$states.result` is refused where there is no result, as in a field that
comes before the state's work.
Rule 3: given its time and its entropy, an evaluation is a function of its arguments.
"""

import os
import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Final, Literal

from msgspec import UNSET, Struct, UnsetType

from stepwell.adapters.clocks import SystemClock
from stepwell.definitions import jsonata, templates, timestamps
from stepwell.definitions.expressions import Entropy, Expression, Json
from stepwell.definitions.failure import Failed
from stepwell.definitions.intrinsics import InvalidIntrinsic, parse_intrinsic, paths_in
from stepwell.definitions.jsonata import is_half_an_expression, rules
from stepwell.definitions.jsonpath import InvalidPath
from stepwell.definitions.paths import parse_path, variable_of
from stepwell.definitions.problems import Severity

__all__ = [
    "Failed",
    "InvalidExpression",
    "Language",
    "Refusal",
    "default_context",
    "evaluate",
    "guess_language",
    "variables_read",
]

Language = Literal["jsonata", "jsonpath"]

FIELD: Final = "Output"
"""Where a JSONata expression is said to stand."""

MEMBER: Final = "value.$"
"""The member of a payload template that a path or an intrinsic function is said to be the value of."""

MAX_LEVELS: Final = 200
"""How deep a template may be nested: it is walked by recursion."""

SCHEMA: Final = "SCHEMA_VALIDATION_FAILED"

_JSONPATH_FORM: Final = re.compile(r"\$(?:[.\[$]|\Z)|States\.")
_POSITION: Final = re.compile(r"at character (\d+)\Z|but the text ends\Z")
"""Where the text of an `InvalidIntrinsic` says that the fault is."""

_NAME: Final = "Trial"


class Refusal(Struct, frozen=True, kw_only=True):
    """A fault for which AWS refuses a definition. `code` and `message` are AWS's.

    `text` is the expression at fault and `position` counts its characters up to just behind the fault; `location` is
    the place of the expression in a value (`Output/a[0]`); `reason` is what AWS leaves out.
    """

    code: str
    message: str
    text: str | None = None
    position: int | None = None
    location: str | None = None
    reason: str | None = None

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


class InvalidExpression(ValueError):
    """AWS would not create a state machine with this expression. `refusals` says why, all of it."""

    def __init__(self, refusals: list[Refusal]) -> None:
        super().__init__("; ".join(map(str, refusals)))
        self.refusals = tuple(refusals)


def evaluate(
    expression: Json,
    input: Json,
    *,
    result: Json | UnsetType = UNSET,
    error_output: Json | UnsetType = UNSET,
    context: Mapping[str, Json] | None = None,
    variables: Mapping[str, Json] | None = None,
    language: Language | None = None,
    at: int | None = None,
    entropy: bytes | None = None,
) -> Json:
    """The value of an expression.

    `expression` is a text (a path, an intrinsic function, JSONata with or without `{%` and `%}`), or an object or array
    that holds such texts as a payload template or an `Output` does. `language` is guessed where it is not given.

    In JSONPath `$` is the error output if there is one, else the result if there is one, else the input. `context` is
    laid over a context object in AWS's shape, member by member of its objects. `at` is the time in milliseconds since
    the epoch, now where it is not given; `entropy` the seed of all random numbers.

    Raises `InvalidExpression` for what AWS refuses when a state machine is created, and `Failed` for what fails.
    """
    surroundings = _Surroundings(
        input=input,
        given_context=context or {},
        variables=variables or {},
        at=SystemClock().now() if at is None else at,
        seed=os.urandom(16) if entropy is None else entropy,
    )
    given = {"input": input, "result": result, "errorOutput": error_output}
    document = {name: value for name, value in given.items() if value is not UNSET}
    _check_levels(expression)
    if (language or guess_language(expression)) == "jsonpath":
        read = _compile_jsonpath(expression)
        return read(next(value for value in (error_output, result, input) if value is not UNSET), surroundings)
    return _compile_jsonata(expression, {*document, "context"})(document, surroundings)


def guess_language(expression: Json) -> Language:
    """The language that an expression has by its form.

    `{% ... %}` is JSONata; a text that begins with `$.`, `$[`, `$$` or `States.`, and `$` alone, is JSONPath; any other
    text is JSONata. An object or array is JSONata if it holds a `{% ... %}`, and JSONPath if not.
    """
    if isinstance(expression, str):
        return "jsonpath" if _JSONPATH_FORM.match(expression) else "jsonata"
    _check_levels(expression)
    return "jsonata" if any(jsonata.expressions_in(expression, FIELD)) else "jsonpath"


def variables_read(expression: Json, language: Language | None = None) -> list[str]:
    """The names of the variables that an expression reads, in the order of the text; none of what is no expression."""
    if (language or guess_language(expression)) == "jsonata":
        pairs = jsonata.expressions_in(_wrapped(expression), FIELD)
        names = [name for text, _ in pairs for name in rules.variables_read(jsonata.expression_in(text))]
    else:
        texts = [expression] if isinstance(expression, str) else templates.expressions_in(expression)
        names = [name for text in texts for path in _paths(text) if (name := variable_of(path))]
    return list(dict.fromkeys(names))


def default_context(input: Json, at: int, seed: bytes) -> dict[str, Json]:
    """The context object of a Standard execution that has just started and has entered its first state."""
    # Imported here: whoever does not look at the context must not pay for the model, which takes 150 ms to load.
    from stepwell.definitions.kinds import StateMachineType
    from stepwell.engine import arns

    name = Entropy(seed).uuid()
    machine = arns.state_machine_arn(_NAME)
    now = timestamps.render(at)
    return {
        "Execution": {
            "Id": arns.execution_arn(machine, name, StateMachineType.STANDARD, ""),
            "Input": input,
            "StartTime": now,
            "Name": name,
            "RoleArn": arns.DEFAULT_ROLE,
            "RedriveCount": 0,
        },
        "StateMachine": {"Id": machine, "Name": _NAME},
        "State": {"Name": _NAME, "EnteredTime": now, "RetryCount": 0},
    }


class _Surroundings:
    """The environment of an expression. The context object is made when something asks for it."""

    def __init__(
        self, *, input: Json, given_context: Mapping[str, Json], variables: Mapping[str, Json], at: int, seed: bytes
    ) -> None:
        self._input = input
        self._given_context = given_context
        self._seed = seed
        self.variables = variables
        self.at = at
        self.entropy = Entropy(seed)

    @cached_property
    def context(self) -> dict[str, Json]:
        context = default_context(self._input, self.at, self._seed)
        for name, value in self._given_context.items():
            around = context.get(name)
            context[name] = {**around, **value} if isinstance(around, dict) and isinstance(value, dict) else value
        return context


# --- JSONPath


def _compile_jsonpath(expression: Json) -> Expression:
    """The expression of a `.$` member's value, or of a payload template."""
    if isinstance(expression, str):
        try:
            return templates.compile_value(MEMBER, expression)
        except templates.InvalidTemplate as fault:
            raise InvalidExpression([_refused_path(str(fault), expression)]) from None
    if refusals := [Refusal(code=SCHEMA, message=text) for text in templates.faults(expression)]:
        raise InvalidExpression(refusals)
    return templates.compile_template(expression) or (lambda document, environment: expression)


def _refused_path(message: str, text: str) -> Refusal:
    reason, position = None, None
    try:
        if text.startswith("$"):
            parse_path(text)
        else:
            for path in paths_in(parse_intrinsic(text)):
                parse_path(path)
    except InvalidPath as fault:
        reason = str(fault)  # its position, if it tells one, is not always one of this text
    except InvalidIntrinsic as fault:
        reason = str(fault)
        if found := _POSITION.search(reason):
            position = int(found[1]) if found[1] else len(text) + 1
    return Refusal(code=SCHEMA, message=message, text=text, position=position, reason=reason)


def _paths(text: str) -> Iterator[str]:
    """The paths in a `.$` member's value; none where it is neither a path nor a call."""
    if text.startswith("$"):
        yield text
        return
    try:
        yield from paths_in(parse_intrinsic(text))
    except InvalidIntrinsic:
        return


# --- JSONata


def _compile_jsonata(expression: Json, members: set[str]) -> Expression:
    """The expression of a value of `Output`, in a field where `$states` has these members."""
    value = _wrapped(expression)
    if refusals := [*_refusals(value, FIELD, members)]:
        raise InvalidExpression(refusals)
    try:
        return jsonata.compile_value(value, FIELD)
    except jsonata.InvalidExpression as fault:  # what the engine alone objects to
        raise InvalidExpression([Refusal(code=rules.INVALID, message=fault.message)]) from None


def _wrapped(expression: Json) -> Json:
    """The value as it stands in a definition: a text gets its `{%` and `%}`."""
    if not isinstance(expression, str) or is_half_an_expression(expression) or jsonata.is_expression(expression):
        return expression
    return f"{{% {expression} %}}"


def _refusals(value: Json, location: str, members: set[str]) -> Iterator[Refusal]:
    """What AWS refuses in a value, in the order of the text."""
    if isinstance(value, dict):
        for key, member in value.items():
            yield from _refusals(member, f"{location}/{key}", members)
    elif isinstance(value, list):
        for index, element in enumerate(value):
            yield from _refusals(element, f"{location}[{index}]", members)
    elif isinstance(value, str) and is_half_an_expression(value):
        message = "Value is not a JSONata expression: it must begin with '{%' and end with '%}'"
        yield Refusal(code=rules.INVALID, message=message, location=location)
    elif jsonata.is_expression(value):
        text = jsonata.expression_in(value)
        for code, message, position, severity in rules.faults(text, allowed=members):
            if severity is Severity.ERROR:
                yield Refusal(code=code, message=message, text=text, position=position, location=location)


def _check_levels(value: Json) -> None:
    """Refuses what is nested too deep to be walked."""
    waiting = [(value, 1)]
    while waiting:
        inner, level = waiting.pop()
        if level > MAX_LEVELS:
            raise InvalidExpression([Refusal(code=SCHEMA, message=f"Value has more than {MAX_LEVELS} levels")])
        if isinstance(inner, dict):
            waiting.extend((member, level + 1) for member in inner.values())
        elif isinstance(inner, list):
            waiting.extend((element, level + 1) for element in inner)
