"""The engine of JSONata: everything that knows `jlens` is here, so that another engine means another module like this.

    compile_program(text) -> Expression      raises InvalidExpression; the expression raises EvaluationFault or NoValue

A program is the author's text in a frame:

    ($states := $.s; $total := $.v.`total`; (){"r": TEXT })

- The engine gives None for null and for undefined: as a member of an object, null is there and undefined is not.
- It converts what is bound to variables whole, on every call, but reads its input lazily, one level at a time. So the
  variables are the input, and the frame binds those that the text names.
- Grouping nothing (`()`) evaluates the object once, without a context: `$string()` must not show the frame's input.

Rule 1: the text is compiled by itself first. So nothing can break out of the frame, and messages and positions are
those of the author's text.
Rule 2: a variable hides the function of its name, if it has been assigned. `$eval` is hidden always: AWS has none.
Rule 3: each evaluation is bounded in time, depth and the size of arrays and strings, as far as AWS's bounds are known.

Differs from AWS: 1/0 is a number for the engine that it does not go on with, on AWS one that is written "Infinity".
Here the operation is repeated in a way that gives this text at once: `1/0 > 5` is an error, not true. Strings are
measured in bytes of UTF-8. Functions inside an array or object are null or left out. A range takes memory until the
next look at the clock: an expression made to do so can take some 2 GB.
"""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

import jlens

from stepwell.definitions.expressions import Environment, Expression, Json
from stepwell.definitions.jsonata.failures import (
    MEMORY,
    STACK,
    TIME,
    EvaluationFault,
    InvalidExpression,
    NotData,
    Undefined,
)
from stepwell.definitions.jsonata.functions import DRAWING, FUNCTIONS, INFINITE, drawing_functions
from stepwell.definitions.jsonata.rules import FUNCTIONS as NAMES_OF_FUNCTIONS

MAX_DEPTH: Final = 102
"""AWS's 100, and two levels of the frame: the same texts are refused as by jsonata-js with a bound of 100."""

BOUNDS: Final[Mapping[str, Any]] = {
    "timeout": 1.0,
    "max_depth": MAX_DEPTH,
    "max_array_length": 873_782,
    "max_string_length": (1 << 23) - 1,
}

_VARIABLE: Final = re.compile(r"\$([^\s.\[\](){},@#;:?+\-*/%|=<>^&~!$`'\"]+)")
_HIDEABLE: Final = NAMES_OF_FUNCTIONS - {"eval"}
_TIMED: Final = frozenset({"now", "millis", "toMillis"})
"""Functions that read the clock: `$toMillis` does where its picture leaves out the date."""

_CONTEXT: Final = re.compile(r"\$states\b(?!\.(?:input|result|errorOutput)\b)")
"""A use of `$states` that can reach the context object, which is made only then."""

_BOUNDLESS: Final = re.compile(r"(?!.*\.\s*\$)[\w\s$.,+\-<>=!\"'/]{1,90}", re.ASCII | re.DOTALL)
"""Texts that cannot reach any bound: nothing in them calls, repeats, nests or joins, and each level of depth takes a
character. (A variable as a step of a path joins: it comes once for every item.) To watch the bounds would cost as much
again as to evaluate them."""

_MAX_REPAIRS: Final = 16
"""How many operations of one text may leave the range of numbers."""


def compile_program(text: str) -> Expression:
    """The expression of a text, without `{%` and `%}`. Raises `InvalidExpression`.

    It raises `EvaluationFault` where the evaluation fails, `Undefined` and `NotData` where it gives no JSON.
    """
    return _compile(text)


@lru_cache(maxsize=4096)
def _compile(text: str) -> Expression:
    try:
        jlens.Expression(text)
    except jlens.JlensError as error:
        if error.code == "U1001":  # too deep to be parsed, so too deep to be evaluated
            return _always_too_deep
        raise InvalidExpression(_message(error), error.position) from None
    except UnicodeEncodeError as error:
        raise InvalidExpression("The text holds half a surrogate pair, which is no character", error.start) from None
    names = dict.fromkeys(_VARIABLE.findall(text))
    program = _Program(text, [name for name in names if name != "states"])
    return _shortcut(program) if program.is_simple else program


def _always_too_deep(document: Json, environment: Environment) -> Json:
    raise EvaluationFault(None, STACK)


def _shortcut(program: "_Program") -> Expression:
    """The evaluation of a simple program; where there is no result, it is done once more in full, to tell why."""
    form = program.form(_NONE)
    run = form.engine.evaluate
    hideable = program.hideable
    time, depth, array, string = BOUNDS.values()

    def evaluate_boundless(document: Json, environment: Environment) -> Json:
        try:
            return run(document)["r"]
        except KeyError:
            return program(document, environment)
        except jlens.JlensError as error:
            if error.code not in _WORTH_ANOTHER_TRY:
                raise _fault(error) from None
            return program(document, environment)

    def evaluate(document: Json, environment: Environment) -> Json:
        variables = environment.variables
        if hideable and not hideable.isdisjoint(variables):
            return program(document, environment)
        try:
            return run(
                {"s": document, "v": variables} if form.binds else document,
                None,
                timeout=time,
                max_depth=depth,
                max_array_length=array,
                max_string_length=string,
            )["r"]
        except KeyError:
            return program(document, environment)
        except jlens.JlensError as error:
            if error.code not in _WORTH_ANOTHER_TRY:
                raise _fault(error) from None
            return program(document, environment)

    def evaluate_boundless_with_variables(document: Json, environment: Environment) -> Json:
        try:
            return run({"s": document, "v": environment.variables})["r"]
        except KeyError:
            return program(document, environment)
        except jlens.JlensError as error:
            if error.code not in _WORTH_ANOTHER_TRY:
                raise _fault(error) from None
            return program(document, environment)

    if not program.is_boundless or hideable:
        return evaluate
    return evaluate_boundless_with_variables if form.binds else evaluate_boundless


_WORTH_ANOTHER_TRY: Final = frozenset({"D1001", "U1004"})
"""A number out of range, which may be mended; an input that is no dict. An evaluation that took all its time is not."""


class _Form:
    """A program in the frame that some set of hidden functions asks for. `repaired` is the same with operations that
    have left the range of numbers rewritten, once there are any."""

    __slots__ = ("binds", "drawn", "engine", "hosts", "repaired", "source")

    def __init__(self, text: str, names: list[str], hidden: frozenset[str]) -> None:
        used = [name for name in names if name in _HIDEABLE and name not in hidden]
        bound = [name for name in names if name not in used]
        hosts = [FUNCTIONS[name] for name in used if name in FUNCTIONS]
        opening = "".join(f"${name} := $.v.`{name}`; " for name in bound)
        opening += "".join(host.prelude for host in hosts)
        # Where it binds no variables, the document is the input itself.
        self.binds = bool(bound)
        self.source = f'($states := ${".s" if bound else ""}; {opening}(){{"r": {text}\n}})'
        self.hosts = (*hosts, INFINITE)
        self.drawn = DRAWING.intersection(used)
        self.engine = self._engine(self.source)
        self.repaired: jlens.Expression | None = None

    def _engine(self, source: str) -> jlens.Expression:
        engine = jlens.Expression(source)
        for host in self.hosts:
            engine.register_function(host.name, host.apply, host.signature)
        return engine

    def evaluate(self, document: Json, bindings: dict[str, Any] | None, options: Mapping[str, Any]) -> Json:
        """The engine's answer; raises `JlensError`."""
        engine = self.repaired or self.engine
        for _ in range(_MAX_REPAIRS):
            try:
                return engine.evaluate(document, bindings, **options)
            except jlens.JlensError as error:
                source = _repaired(engine.source, error)
                if source is None:
                    raise
                engine = self.repaired = self._engine(source)
        return engine.evaluate(document, bindings, **options)

    def is_function(self, document: Json, bindings: dict[str, Any] | None, options: Mapping[str, Any]) -> bool:
        """Whether a result that is not there is a function."""
        # The text follows a comma: a regular expression cannot follow a parenthesis.
        source = self.source.replace('(){"r": ', '(){"r": $·type([0, ', 1).removesuffix("\n})") + "\n][1])})"
        engine = self._engine("($·type := $type; " + source + ")")
        answer = engine.evaluate(document, bindings, **{**options, "max_depth": 2 * MAX_DEPTH})
        return bool(answer.get("r") == "function")


class _Program:
    """The evaluation of a text in full."""

    __slots__ = ("_forms", "_names", "_needs_context", "_shuffles", "_text", "_timed", "hideable", "is_boundless")

    def __init__(self, text: str, names: list[str]) -> None:
        self._text = text
        self._names = names
        self.hideable = _HIDEABLE.intersection(names)
        self._shuffles = "shuffle" in names
        self._timed = not _TIMED.isdisjoint(names)
        self._needs_context = _CONTEXT.search(text) is not None
        self._forms: dict[frozenset[str], _Form] = {}
        self.is_boundless = _BOUNDLESS.fullmatch(text) is not None
        self.form(frozenset())

    @property
    def is_simple(self) -> bool:
        """Whether it takes no more than the document as it is and the variables."""
        return not (self._needs_context or self._timed or self._shuffles or DRAWING.intersection(self._names))

    def form(self, hidden: frozenset[str]) -> _Form:
        found = self._forms.get(hidden)
        if found is None:
            found = self._forms[hidden] = _Form(self._text, self._names, hidden)
        return found

    def __call__(self, document: Json, environment: Environment) -> Json:
        if self._needs_context and "context" not in document:
            document = {**document, "context": _dict(environment.context)}
        variables = environment.variables
        form = self.form(self.hideable.intersection(variables))
        if form.binds:
            document = {"s": document, "v": _dict(variables)}
        options: Mapping[str, Any] = _UNBOUNDED if self.is_boundless else BOUNDS
        bindings: dict[str, Callable[..., Any]] | None = None
        if self._timed:
            options = {**options, "now": environment.at}
        if self._shuffles:
            options = {**options, "seed": environment.entropy.bits(63)}
        if form.drawn:
            bindings = drawing_functions(form.drawn, environment.entropy)
        try:
            answer = form.evaluate(document, bindings, options)
            if "r" in answer:
                return answer["r"]
            if form.is_function(document, bindings, options):
                raise NotData
        except jlens.JlensError as error:
            raise _fault(error) from None
        raise Undefined


def _dict(mapping: Mapping[str, Json]) -> dict[str, Json]:
    """The engine takes no other mapping."""
    return mapping if type(mapping) is dict else dict(mapping)


_NONE: Final[frozenset[str]] = frozenset()
_UNBOUNDED: Final[Mapping[str, Any]] = {}


# --- operations that leave the range of numbers


def _repaired(source: str, error: jlens.JlensError) -> str | None:
    """The source with the operation at fault giving AWS's text instead; None where the fault is another one."""
    start, position, end, operator = error.start, error.position, error.end, error.token
    if error.code != "D1001" or operator not in ("+", "-", "*", "/") or not (start and position and end):
        return None
    left, right = source[start : position - 1], source[position:end]
    again = (
        f'($·l := {left}; $·r := {right}; $·i := $·infinite($·l, "{operator}", $·r); '
        f"$exists($·i) ? $·i : $·l {operator} $·r)"
    )
    return source[:start] + again + source[end:]


# --- errors


def _fault(error: jlens.JlensError) -> EvaluationFault:
    if error.code in ("T2001", "T2002") and error.value in ("Infinity", "-Infinity"):
        return EvaluationFault("D1001", "Number out of range: null", error.position)
    if error.code == "U1004":  # an integer that is no double: JSON.parse makes it an infinity
        return EvaluationFault("D1001", "Number out of range: null", error.position)
    if (limit := _LIMITS.get(error.code)) is not None:
        return EvaluationFault(None, limit, error.position)
    return EvaluationFault(error.code, _message(error), error.position)


_LIMITS: Final = {
    "D1011": STACK,
    "D1012": TIME,
    "U1001": MEMORY,
    "D2016": MEMORY,  # a bound of `$pad` that jsonata-js 2.0.6 does not have
}

_WITH_NUMBERS: Final = frozenset({"D3060", "D3061", "D3100", "S0213"})
_WHOLE: Final = re.compile(r"(-?\d+)\.0\b")


def _message(error: jlens.JlensError) -> str:
    """The text of jsonata-js 2.0.6, which the engine's is but for these."""
    message = str(error)
    if error.code in _WITH_NUMBERS:
        return _WHOLE.sub(r"\1", message)
    if error.code == "D2014":
        return message.replace("must not exceed 1e7", "must not exceed 1e6")
    return message
