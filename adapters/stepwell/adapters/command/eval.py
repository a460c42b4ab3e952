"""`stepwell eval`: the value of an expression, as it would be in a state.

Rule 1: stdout is for the value, or for the one object of `--json`; what went wrong goes to stderr.
Rule 2: everything is decided in `trial`; here options become its arguments, and its answers text.
"""

import re
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import click
from msgspec import UNSET

from stepwell.adapters.command import options
from stepwell.adapters.command.given import read_text, read_value, value_of
from stepwell.adapters.command.output import console, is_terminal, one_line, say, spelled, write, write_json
from stepwell.adapters.command.problems import INDENT, excerpt
from stepwell.adapters.trial import (
    Failed,
    InvalidExpression,
    Language,
    Refusal,
    evaluate,
    guess_language,
    variables_read,
)
from stepwell.definitions.expressions import Json
from stepwell.definitions.failure import Failure
from stepwell.definitions.json_text import InvalidJson, dumps, loads
from stepwell.definitions.jsonata import is_expression

if TYPE_CHECKING:
    from rich.text import Text

LANGUAGES: dict[Language, str] = {"jsonata": "JSONata", "jsonpath": "JSONPath"}
REFUSED = "AWS refuses this when the state machine is created"
OPTIONS = {"result": "--result", "errorOutput": "--error-output"}
"""What gives a member of `$states`."""

VARIABLE_NAME = re.compile(r"[^\W\d]\w{0,79}")
MEANT_AS_JSON = re.compile(r'\.\$"|"\{%')
"""What a template has and no expression: so text with it that is no JSON is a template with a slip in it."""

AMBIGUOUS = re.compile(r"\$(?!\$?states\b)[\w$.]*[^\w$.]")
"""What begins as a path may begin, and goes on as an expression of either language might."""

OF_SOME_STATES = re.compile(r"(?:\$\$|\$states\.context)\.(Map|Task)\b")
"""Members that the context object has in some states only."""

WIDTH = 120
"""Of an excerpt where nobody knows how wide the lines can be."""


@click.command("eval", short_help="Try an expression: its value as it would be in a state.")
@click.argument("expression", metavar="EXPRESSION|@FILE")
@options.state_input
@click.option("--result", metavar="JSON|@FILE", help="The result of the state's work.")
@click.option("--error-output", metavar="JSON|@FILE", help="What a Catch sees: an object of Error and Cause.")
@click.option(
    "--context",
    metavar="JSON|@FILE",
    help='Members of the context object, over those it has anyway: \'{"Task": {"Token": "t"}}\'.',
)
@click.option("--var", "given_variables", metavar="NAME=JSON", multiple=True, help="A variable. Can be repeated.")
@click.option("--variables", metavar="JSON|@FILE", help="Variables: an object of their names and values.")
@click.option(
    "--language",
    type=click.Choice([*LANGUAGES], case_sensitive=False),
    help="The language of EXPRESSION. Without it: by its form, see above.",
)
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object: status, and output or error and cause.")
def command(
    expression: str,
    given_input: str | None,
    result: str | None,
    error_output: str | None,
    context: str | None,
    given_variables: tuple[str, ...],
    variables: str | None,
    language: Language | None,
    as_json: bool,
) -> int:
    """Try an expression: its value as it would be in a state.

    EXPRESSION is JSONata, a JSONPath or an intrinsic function; or the JSON of an Output or of a payload template, with
    expressions in it. Its language is known by its form:

    \b
      {% ... %}                                JSONata
      $  $.a  $[0]  $$.a  States.Format(...)   JSONPath
      any other text                           JSONata
      an object or array                       JSONata if it has a {% ... %}, else JSONPath

    In JSONata the input is $states.input; $states.result and $states.errorOutput are there if they are given. In
    JSONPath $ is the input, or the result or error output that is given.

    \b
    Examples:
      stepwell eval '{% $sum($states.input.items.price) %}' -i @order.json
      stepwell eval '$uppercase($name)' --var name='"Ada"'
      stepwell eval "States.Format('Hello, {}', $.name)" -i '{"name": "Ada"}'
      stepwell eval '{"id.$": "$$.Execution.Id", "all.$": "$.items[*].id"}' -i - < order.json
      stepwell eval '$states.result.Payload' --result @response.json --json

    Exit code: 0 for a value, 1 when the expression fails or AWS refuses it, 2 when it could not be tried.
    """
    if result is not None and error_output is not None:
        raise click.UsageError("--result and --error-output exclude each other: no field of a state has both")
    tried = _read_expression(expression, language)
    given_context = _read_object(context, "--context", "the context object")
    known = _read_variables(variables, given_variables)
    try:
        value = evaluate(
            tried,
            {} if given_input is None else read_value(given_input, "--input", "the input", from_stdin=True),
            result=UNSET if result is None else read_value(result, "--result", "the result"),
            error_output=UNSET if error_output is None else read_value(error_output, "--error-output", "the output"),
            context=given_context,
            variables=known,
            language=language,
        )
    except InvalidExpression as fault:
        if as_json:
            write_json(_failed(fault.refusals[0].code, "\n".join(refusal.message for refusal in fault.refusals)))
        else:
            for refusal in fault.refusals:
                _show_refusal(refusal)
            _advise(_advice_on_refusals(fault.refusals, tried, language))
        return 1
    except Failed as fault:
        if as_json:
            write_json(_failed(fault.failure.error, fault.failure.cause))
        else:
            _show_failure(fault.failure)
            _advise(_advice_on_variables(tried, known, language))
            _advise(_advice_on_context(tried, given_context))
            _advise(_advice_on_language(tried, language, "jsonpath"))
        return 1
    write_json({"status": "SUCCEEDED", "output": value} if as_json else value)
    if not as_json:
        for advice in _advice_on_variables(tried, known, language):
            say(advice)
    return 0


# --- what was given ---------------------------------------------------------------------------------------------------


def _read_expression(given: str, language: Language | None) -> Json:
    """The text of an expression, or the value of a template."""
    text, where = read_text(given, "EXPRESSION", "the expression")
    text = text.strip()
    if text.startswith(("{", "[", '"{%')) and not is_expression(text):
        try:
            value = loads(text)
        except InvalidJson:
            if language == "jsonpath" or (not text.startswith("{%") and MEANT_AS_JSON.search(text)):
                value_of(text, where, "the expression")
            return text
        # A text is taken out of its quotes as it was copied from a definition; others are literals of JSONata.
        return text if isinstance(value, str) and not is_expression(value) else value
    return text


def _read_variables(given: str | None, single: tuple[str, ...]) -> dict[str, Json]:
    """All variables; the single ones count where a name is given twice."""
    variables = _read_object(given, "--variables", "the object of variables")
    for pair in single:
        name, sign, value = pair.partition("=")
        if not sign:
            raise click.UsageError(f"--var needs NAME=JSON, and {pair!r} has no '='")
        name = name.removeprefix("$")
        variables[name] = read_value(value, f"--var {name}", "the value")
    for name in variables:
        if name == "states" or not VARIABLE_NAME.fullmatch(name):
            why = "is reserved" if name == "states" else "is none: letters, digits and _, 80 at most, no digit first"
            raise click.UsageError(f"the variable name {name!r} {why}")
    return variables


def _read_object(given: str | None, where: str, what: str) -> dict[str, Json]:
    if given is None:
        return {}
    value = read_value(given, where, what)
    if not isinstance(value, dict):
        raise click.UsageError(f"{where} needs a JSON object")
    return value


# --- what went wrong --------------------------------------------------------------------------------------------------


def _failed(error: str | None, cause: str | None) -> dict[str, Any]:
    return {"status": "FAILED", "error": error, "cause": cause}


def _show_failure(failure: Failure) -> None:
    error, cause = failure.error or "", one_line(failure.cause or "")
    if not is_terminal(sys.stderr):
        say(f"{error}: {cause}")
        return
    from rich.text import Text

    _draw(Text.assemble((error, "bold red"), f": {cause}"))


def _show_refusal(refusal: Refusal) -> None:
    place = f" (at {refusal.location})" if refusal.location and refusal.location != "Output" else ""
    message = one_line(f"{refusal.message}{place}")
    width = WIDTH
    if is_terminal(sys.stderr):
        from rich.text import Text

        _draw(Text.assemble((REFUSED, "bold red"), f": {refusal.code}: {message}"))
        width = console(stderr=True).width
    else:
        say(f"{REFUSED}: {refusal.code}: {message}")
    if refusal.text and refusal.position is not None:
        line, column, length = _place_of(refusal.text, refusal.position)
        shown, caret = excerpt(line, column, width - len(INDENT))
        _say_more(f"{INDENT}{shown}", "dim")
        _say_more(f"{INDENT}{caret}{'^' * (min(length, len(shown) - len(caret) + 1) - 1)}", "bold red")
    if refusal.reason is not None:
        _say_more(f"{INDENT}{one_line(refusal.reason)}", "")


def _place_of(text: str, position: int) -> tuple[str, int, int]:
    """The line that holds what is just before a position, the column (from 1) where that begins, and its length."""
    end = max(1, min(position, len(text) + 1))
    start = end - 1
    while 0 < start < len(text) and _is_of_a_name(text[start]) and _is_of_a_name(text[start - 1]):
        start -= 1
    first = text.rfind("\n", 0, start) + 1
    line = text[first:].partition("\n")[0]
    return line, start - first + 1, end - start


def _is_of_a_name(character: str) -> bool:
    return character.isalnum() or character in "_$"


def _advice_on_variables(expression: Json, variables: dict[str, Json], language: Language | None) -> Iterator[str]:
    for name in variables_read(expression, language):
        if name not in variables:
            yield f"no variable ${name} was given: --var {name}=JSON"


def _advice_on_context(expression: Json, context: dict[str, Json]) -> Iterator[str]:
    read = dict.fromkeys(OF_SOME_STATES.findall(expression if isinstance(expression, str) else dumps(expression)))
    for name in read:
        if name not in context:
            yield f"the context object has no {name} unless it is given: --context '{{\"{name}\": ...}}'"


def _advice_on_refusals(refusals: tuple[Refusal, ...], expression: Json, language: Language | None) -> Iterator[str]:
    messages = [refusal.message for refusal in refusals]
    for member, option in OPTIONS.items():
        if any(f"'$states.{member}'" in message for message in messages):
            yield f"where a field has $states.{member}, give it: {option} JSON"
    if any("at the top level" in message for message in messages):
        yield "in JSONata the state's input is $states.input"
    yield from _advice_on_language(expression, language, *LANGUAGES)


def _advice_on_language(expression: Json, language: Language | None, *doubtful: Language) -> Iterator[str]:
    """Which language a text was read in, where that was a guess and may be a wrong one."""
    if language is None and isinstance(expression, str) and AMBIGUOUS.match(expression):
        guessed = guess_language(expression)
        other = next(name for name in LANGUAGES if name != guessed)
        if guessed in doubtful:
            yield f"read as {LANGUAGES[guessed]} by its form; --language {other} reads it as {LANGUAGES[other]}"


def _advise(advice: Iterable[str]) -> None:
    for line in advice:
        _say_more(f"{INDENT}{one_line(line)}", "dim")


def _say_more(line: str, style: str) -> None:
    """A line that belongs to the one before it."""
    if not is_terminal(sys.stderr):
        write(sys.stderr, f"{line}\n")
        return
    from rich.text import Text

    _draw(Text(line, style))


def _draw(text: "Text") -> None:
    terminal = console(stderr=True)
    text.plain = spelled(text.plain, terminal.encoding)
    terminal.print(text, overflow="fold")
