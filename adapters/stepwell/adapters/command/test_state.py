"""`stepwell test-state`: one state of a definition, by itself.

Rule 1: stdout is for the state's output, or for the one object of `--json`, which is the response of the API.
Rule 2: on a terminal every stage of the data flow is shown on stderr, and then how the state was left; without one
nothing is said but the one line of a failure.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from pathlib import Path
from time import sleep
from typing import Any

import click

from stepwell.adapters.command import options
from stepwell.adapters.command.carrying import refuse
from stepwell.adapters.command.given import hint_of_a_file, read_text, value_of
from stepwell.adapters.command.output import (
    CannotBeDone,
    console,
    is_terminal,
    one_line,
    say,
    spelled,
    write_json,
    write_json_text,
)
from stepwell.adapters.command.performing import performing
from stepwell.adapters.command.settings import Settings
from stepwell.adapters.command.wording import failure as in_words
from stepwell.adapters.configuration import InvalidConfiguration, read_configuration
from stepwell.adapters.definition_files import LoadedDefinition, UnreadableDefinition, read_definition
from stepwell.adapters.state_tests import perform
from stepwell.adapters.tasks.bindings import UnusableFunction
from stepwell.adapters.tasks.mocks import InvalidMockConfig
from stepwell.definitions.check import load
from stepwell.definitions.json_text import dumps
from stepwell.definitions.model import Json
from stepwell.definitions.problems import InvalidDefinition
from stepwell.engine import arns
from stepwell.engine.errors import CallerError
from stepwell.engine.operations.test_state import (
    ErrorOutput,
    FieldValidationMode,
    InspectionLevel,
    Mock,
    StateConfiguration,
    StateTest,
    machine_of,
)

ENDS = {"SUCCEEDED": "green", "CAUGHT_ERROR": "yellow", "RETRIABLE": "yellow", "FAILED": "red"}


def _names(kind: Any) -> click.Choice[str]:
    return click.Choice([member.value for member in kind], case_sensitive=False)


@click.command("test-state", short_help="Test one state by itself: every stage of its data flow.")
@click.argument("file", metavar="FILE[#LogicalId]")
@click.option("--state", "name", metavar="NAME", help="The state. Not needed where FILE is one state alone.")
@options.state_input
@click.option("--mock-result", metavar="JSON|@FILE", help="The result of the state's work, which is not done then.")
@click.option("--mock-error", metavar="ERROR", help="The error by which the state's work fails.")
@click.option("--mock-cause", metavar="CAUSE", help="The cause of that error.")
@click.option(
    "--validation",
    type=_names(FieldValidationMode),
    default=FieldValidationMode.STRICT.value,
    help="How a mocked result is held against the service's API [STRICT].",
)
@click.option(
    "--level",
    type=_names(InspectionLevel),
    default=InspectionLevel.DEBUG.value,
    help="INFO leaves the stages out, TRACE adds the request and response of an HTTP Task [DEBUG].",
)
@click.option("--variables", metavar="JSON|@FILE", help="Variables: an object of their names and values.")
@click.option("--context", metavar="JSON|@FILE", help="The context object, beside a mock.")
@options.performers_without_mocks
@click.option("--retry-count", type=click.IntRange(0), metavar="N", help="How often the state was retried before.")
@click.option("--failed-iterations", type=click.IntRange(0), metavar="N", help="How many iterations of a Map failed.")
@click.option("--error-from", metavar="NAME", help="The state in a Map or Parallel that --mock-error comes from.")
@click.option("--reader-data", metavar="TEXT|@FILE", help="What the ItemReader of a Map reads.")
@click.option("--role", default=arns.DEFAULT_ROLE, metavar="ARN", help="The role of the context object.")
@click.option("--reveal-secrets", is_flag=True, help="Show what a connection adds to the request of an HTTP Task.")
@click.option("--fast-forward", is_flag=True, help="Skip the time that a Wait waits.")
@click.option("--json", "as_json", is_flag=True, help="Write the response of the API as one JSON object.")
def command(
    file: str,
    name: str | None,
    given_input: str | None,
    mock_result: str | None,
    mock_error: str | None,
    mock_cause: str | None,
    validation: str,
    level: str,
    variables: str | None,
    context: str | None,
    given_performers: dict[str, Any],
    retry_count: int | None,
    failed_iterations: int | None,
    error_from: str | None,
    reader_data: str | None,
    role: str,
    reveal_secrets: bool,
    fast_forward: bool,
    as_json: bool,
) -> int:
    """Test one state by itself: what comes in, every stage of its data flow, what goes out, and where it goes on.

    FILE is a state machine, of which --state names one state, at whatever depth; or a state alone. It is the TestState
    of AWS: Map and Parallel need a mock, and so do activities and tasks that wait for a job or a token. A Task without
    a mock is performed by your functions, as in `stepwell run`.

    \b
    Examples:
      stepwell test-state order.asl.json --state Price -i '{"id": 7}' --functions order.py
      stepwell test-state order.asl.json --state Pay --mock-result '{"ok": true}' --variables '{"rate": 4}'
      stepwell test-state order.asl.json --state Pay --mock-error Busy --retry-count 2
      stepwell test-state each.asl.json --state Each --reader-data @rows.csv --mock-result '[1, 2]'
      stepwell test-state pass.json -i @order.json --json | jq .inspectionData

    Exit code: 0 when the state succeeded, 1 when it failed, would be retried or was caught, 2 when it could not be
    tested.
    """
    if mock_result is not None and mock_error is not None:
        raise click.UsageError("--mock-result and --mock-error exclude each other")
    if mock_cause is not None and mock_error is None:
        raise click.UsageError("--mock-cause belongs to an error: name that with --mock-error")
    try:
        settings = Settings.given(file=file, fast_forward=fast_forward, **given_performers)
        loaded = read_definition(Path(file))
        test = StateTest(
            definition=dumps(loaded.source.value),
            state_name=_state_name(loaded, name, file),
            role_arn=role,
            input=_read(given_input, "--input", "the input", from_stdin=True) or "{}",
            inspection_level=InspectionLevel(level),
            reveal_secrets=reveal_secrets,
            variables=_read(variables, "--variables", "the object of variables"),
            mock=_mock(mock_result, mock_error, mock_cause, validation),
            context=_read(context, "--context", "the context object"),
            state_configuration=StateConfiguration(
                retrier_retry_count=retry_count,
                error_caused_by_state=error_from,
                map_iteration_failure_count=failed_iterations,
                map_item_reader_data=reader_data and read_text(reader_data, "--reader-data", "the data")[0],
            ),
        )
        pause: Callable[[float], None] = (lambda _seconds: None) if fast_forward else sleep
        with (
            performing(settings, read_configuration(), machine_of(test), loaded.machine_name) as performers,
            redirect_stdout(sys.stderr),
        ):
            response = perform(test, performers.over(), pause=pause)
    except InvalidDefinition as fault:
        return refuse(fault, file)
    except (CallerError, InvalidConfiguration, InvalidMockConfig, UnreadableDefinition, UnusableFunction) as fault:
        raise CannotBeDone(str(fault)) from None
    if as_json:
        write_json(response)
    else:
        _show(test.state_name or loaded.machine_name, response)
    return 0 if response["status"] == "SUCCEEDED" else 1


# --- what was given ---------------------------------------------------------------------------------------------------


def _state_name(loaded: LoadedDefinition, name: str | None, file: str) -> str | None:
    """The state that is meant, None for a state alone. A faulty machine is refused with the lines of its file."""
    value = loaded.source.value
    if not isinstance(value, dict) or "States" not in value:
        if name is not None:
            raise CannotBeDone(f"{file} is no state machine but a state alone: leave --state out")
        return None
    names = [known for known, _ in load(loaded.source).walk()]
    if name is None and len(names) == 1:
        return names[0]
    if name not in names:
        wanted = "name a state with --state" if name is None else f"{file} has no state {name!r}"
        raise CannotBeDone(f"{wanted}: it has {', '.join(map(repr, names))}")
    return name


def _mock(result: str | None, error: str | None, cause: str | None, validation: str) -> Mock | None:
    mode = FieldValidationMode(validation)
    if result is not None:
        return Mock(result=_read(result, "--mock-result", "the result"), field_validation_mode=mode)
    if error is not None:
        return Mock(error_output=ErrorOutput(error=error, cause=cause), field_validation_mode=mode)
    return None


def _read(given: str | None, where: str, what: str, *, from_stdin: bool = False) -> str | None:
    """JSON text as it was given, known to be JSON."""
    if given is None:
        return None
    text, place = read_text(given, where, what, from_stdin=from_stdin)
    value_of(text, place, what, hint=hint_of_a_file(given) if place == where else "")
    return text


# --- what is shown ----------------------------------------------------------------------------------------------------


def _show(name: str, response: dict[str, Any]) -> None:
    """The stages and the end on a terminal; the output on stdout."""
    if is_terminal(sys.stderr):
        _draw(name, response)
    elif response["status"] != "SUCCEEDED":
        say(f"{name}: {response['status']}: {_reason(response)}")
    if "output" in response:
        write_json_text(response["output"])


def _draw(name: str, response: dict[str, Any]) -> None:
    from rich.text import Text

    terminal = console(stderr=True)
    told = response.get("inspectionData", {})
    width = max(map(len, told), default=0)

    def line(*parts: Any) -> None:
        text = Text.assemble(*parts)
        text.plain = spelled(text.plain, terminal.encoding)
        terminal.print(text, overflow="fold")

    line((name, "bold"))
    for stage, value in told.items():
        if stage != "errorDetails":
            shown = one_line(value if isinstance(value, str) else dumps(value))
            line("  ", (stage.ljust(width), "dim"), "  ", shown)
    status = response["status"]
    following = [f" → {response['nextState']}"] if "nextState" in response else []
    cause = [": ", _reason(response)] if "error" in response or "cause" in response else []
    line((status, f"bold {ENDS[status]}"), *following, *cause, *(f"  ({note})" for note in _notes(told)))


def _reason(response: dict[str, Any]) -> str:
    return one_line(in_words(response.get("error"), response.get("cause")))


def _notes(told: Json) -> Iterator[str]:
    """What became of the error."""
    details = told.get("errorDetails", {})
    if "retryIndex" in details:
        seconds = details.get("retryBackoffIntervalSeconds")
        how = "is used up" if seconds is None else f"tries again in {seconds} s"
        yield f"Retry[{details['retryIndex']}] {how}"
    if "catchIndex" in details:
        yield f"Catch[{details['catchIndex']}]"
