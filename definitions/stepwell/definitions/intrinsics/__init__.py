"""Intrinsic functions: calls such as `States.Format('Hello, {}!', $.name)` in place of a path.

    compile_intrinsic("States.MathAdd($.n, 1)", compile_path)   -> an Expression
    parse_intrinsic("States.MathAdd($.n, 1)")                   -> the call as data, for checks of a definition

Rule 1: everything that can be wrong with the text is found when it is parsed: the grammar, the function's name, the
number of arguments, literals of a kind the function does not take.
Rule 2: everything that depends on data fails the run with States.IntrinsicFailure. So does a template whose `{}` do not
match its arguments, though it could be seen in the text: AWS is not known to refuse such a definition.
Rule 3: the reading of paths belongs to whoever compiles: their failures pass through unchanged.
"""

from collections.abc import Callable, Iterator

from stepwell.definitions.expressions import Environment, Expression, Json
from stepwell.definitions.failure import INTRINSIC_FAILURE, Failed
from stepwell.definitions.intrinsics.functions import FORMAT, FUNCTIONS, Function, Kind, Rejected, format_pieces
from stepwell.definitions.intrinsics.syntax import Argument, Call, InvalidIntrinsic, Literal, PathArgument, parse

__all__ = [
    "Argument",
    "Call",
    "InvalidIntrinsic",
    "Literal",
    "PathArgument",
    "compile_intrinsic",
    "is_string_valued",
    "parse_intrinsic",
    "paths_in",
]


def parse_intrinsic(text: str) -> Call:
    """The call a text spells, with all calls nested in it. Raises `InvalidIntrinsic`."""
    call = parse(text)
    _check(call)
    return call


def compile_intrinsic(text: str, compile_path: Callable[[str], Expression]) -> Expression:
    """The expression of a call. `compile_path` gives that of a path argument, from its text.

    Raises `InvalidIntrinsic`, or what `compile_path` raises. The expression raises `Failed` with
    States.IntrinsicFailure, or what the expressions of its paths raise.
    """
    return _compile_call(parse_intrinsic(text), compile_path)


def is_string_valued(call: Call) -> bool:
    """Whether a call may stand in ErrorPath and CausePath: its function is one of those AWS lists there."""
    return FUNCTIONS[call.name].is_string_valued


def paths_in(call: Call) -> Iterator[str]:
    """The texts of all paths among the arguments, those of nested calls included, in the order of the text."""
    for argument in call.arguments:
        if isinstance(argument, PathArgument):
            yield argument.text
        elif isinstance(argument, Call):
            yield from paths_in(argument)


def _check(call: Call) -> None:
    function = FUNCTIONS.get(call.name)
    if function is None:
        raise InvalidIntrinsic(f"There is no intrinsic function {call.name!r}; there are {', '.join(FUNCTIONS)}")
    count = len(call.arguments)
    if not function.takes(count):
        raise InvalidIntrinsic(f"{call.name} takes {_arity(function)}, not {count}: {call.text!r}")
    for index, argument in enumerate(call.arguments):
        if isinstance(argument, Call):
            _check(argument)
        elif isinstance(argument, Literal) and not _fits(argument.value, function.kind_of(index)):
            raise InvalidIntrinsic(
                f"Argument {index + 1} of {call.name} must be {function.kind_of(index).value}: {call.text!r}"
            )


def _arity(function: Function) -> str:
    most = len(function.parameters)
    least = most - function.optional
    noun = "argument" if most == 1 else "arguments"
    if function.rest is not None:
        return f"{least} {noun} or more"
    return f"{most} {noun}" if least == most else f"{least} to {most} {noun}"


def _fits(value: Json, kind: Kind) -> bool:
    """Whether a literal is of a kind. No literal is an array or an object."""
    match value:
        case _ if kind is Kind.ANY:
            return True
        case bool():
            return kind is Kind.BOOLEAN
        case str():
            return kind is Kind.TEXT
        case int() | float():
            return kind is Kind.NUMBER
        case _:
            return False


# --- compiling
#
# A call is a closure over the closures of its arguments. What is called most has closures of its own: in a loop over
# the arguments, a call of two would take half as long again.


def _compile_call(call: Call, compile_path: Callable[[str], Expression]) -> Expression:
    arguments = [_compile_argument(argument, compile_path) for argument in call.arguments]
    function = FUNCTIONS[call.name]
    apply = function.apply
    if call.name == FORMAT and isinstance(template := call.arguments[0], Literal):
        return _format_call(call.text, template.pieces, arguments[1:])
    if function.draws_entropy:
        return _drawing_call(call.text, apply, arguments)
    match arguments:
        case [only]:
            return _call_of_one(call.text, apply, only)
        case [first, second]:
            return _call_of_two(call.text, apply, first, second)
        case _:
            return _call_of_any(call.text, apply, arguments)


def _compile_argument(argument: Argument, compile_path: Callable[[str], Expression]) -> Expression:
    match argument:
        case Literal():
            value = argument.value
            return lambda document, environment: value
        case PathArgument():
            return compile_path(argument.text)
        case Call():
            return _compile_call(argument, compile_path)


def _failed(text: str, fault: Rejected) -> Failed:
    # AWS's frame as people quote it in questions about failed executions; none is among the recordings.
    return Failed(INTRINSIC_FAILURE, f"The function '{text}' had the following error: {fault}")


def _call_of_one(text: str, apply: Callable[..., Json], only: Expression) -> Expression:
    def evaluate(document: Json, environment: Environment) -> Json:
        try:
            return apply(only(document, environment))
        except Rejected as fault:
            raise _failed(text, fault) from None

    return evaluate


def _call_of_two(text: str, apply: Callable[..., Json], first: Expression, second: Expression) -> Expression:
    def evaluate(document: Json, environment: Environment) -> Json:
        try:
            return apply(first(document, environment), second(document, environment))
        except Rejected as fault:
            raise _failed(text, fault) from None

    return evaluate


def _call_of_any(text: str, apply: Callable[..., Json], arguments: list[Expression]) -> Expression:
    def evaluate(document: Json, environment: Environment) -> Json:
        try:
            return apply(*[argument(document, environment) for argument in arguments])
        except Rejected as fault:
            raise _failed(text, fault) from None

    return evaluate


def _drawing_call(text: str, apply: Callable[..., Json], arguments: list[Expression]) -> Expression:
    def evaluate(document: Json, environment: Environment) -> Json:
        values = [argument(document, environment) for argument in arguments]
        try:
            return apply(environment.entropy, *values)
        except Rejected as fault:
            raise _failed(text, fault) from None

    return evaluate


def _format_call(text: str, pieces: tuple[str, ...], arguments: list[Expression]) -> Expression:
    def evaluate(document: Json, environment: Environment) -> Json:
        try:
            return format_pieces(pieces, [argument(document, environment) for argument in arguments])
        except Rejected as fault:
            raise _failed(text, fault) from None

    return evaluate
