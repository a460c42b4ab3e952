"""What goes wrong with a JSONata expression, and AWS's words for it.

    InvalidExpression        the text is no expression: raised when it is compiled
    EvaluationFault          the evaluation was given up, by the language (with a code) or for a limit (without)
        InternalFault        it failed in a way that AWS does not tell: it answers with an id for its support
    NoValue                  it came to an end, but not with JSON
        Undefined            with nothing
        NotData              with a function

All but the first are internal to this package: whoever runs an expression sees `Failed`.
"""

from typing import Final

from stepwell.definitions.expressions import Json
from stepwell.definitions.json_text import dumps


class InvalidExpression(ValueError):
    """The text is no JSONata expression.

    `message` is jsonata-js' without its code. `position` counts characters of the expression from 0, the white space
    before it left out, and is just behind what it is about, as in jsonata-js; None where there is none.
    """

    def __init__(self, message: str, position: int | None) -> None:
        super().__init__(message)
        self.message = message
        self.position = position


class EvaluationFault(Exception):
    """An evaluation that was given up. `code` is jsonata-js', None for a limit of AWS."""

    def __init__(self, code: str | None, text: str, position: int | None = None) -> None:
        super().__init__(code, text)
        self.code = code
        self.text = text
        self.position = position


class InternalFault(EvaluationFault):
    """A failure that AWS only numbers."""

    def __init__(self, text: str) -> None:
        super().__init__(None, text)


class NoValue(Exception):
    """The result is no JSON."""


class Undefined(NoValue):
    """The result is nothing, which is not null."""


class NotData(NoValue):
    """The result is a function."""


# Of the three only the stack's and the memory's are recorded; the time's is that of jsonata-exerciser, from which the
# other two are taken to the letter.
TIME: Final = "Expression evaluation timeout: Check for infinite loop"
STACK: Final = (
    "Stack overflow error: Check for non-terminating recursive function. Consider rewriting as tail-recursive"
)
MEMORY: Final = "Expression evaluation memory limit exceeded: Check for excessive memory usage"

KINDS: Final = {
    dict: "object",
    list: "array",
    str: "string",
    bool: "boolean",
    int: "number",
    float: "number",
    type(None): "null",
}


def undefined(opening: str) -> str:
    return f"{opening} returned nothing (undefined)."


def unsupported(opening: str) -> str:
    return f"{opening} returned an unsupported result type."


def unexpected(opening: str, kinds: tuple[str, ...], value: Json) -> str:
    """That of more than one kind is inferred: no field is known to take two and complain."""
    expected = "' or '".join(kinds)
    found = KINDS[type(value)]
    types = f"Expected '{expected}', but was '{found}'"
    return f"{opening} returned an unexpected result type. {types} for value: {dumps(value)}"


def threw(opening: str, fault: EvaluationFault) -> str:
    told = f": {fault.text}" if fault.code is None else f". {fault.code}: {fault.text}"
    return f"{opening} threw an error during evaluation{told}"


def threw_internally(opening: str, uuid: str) -> str:
    return f"{opening} threw an internal error during evaluation. {uuid}"


def opening(expression: str, location: str) -> str:
    """What all of AWS's texts begin with."""
    return f"The JSONata expression '{expression}' specified for the field '{location}'"
