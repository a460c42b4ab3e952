"""What each kind of state does under test, from its raw input to how it is left: one course for each."""

from collections.abc import Callable, Generator, Mapping
from typing import Final

from msgspec import Struct

from stepwell.definitions import failure as names
from stepwell.definitions import timestamps
from stepwell.definitions.expressions import Json
from stepwell.definitions.failure import RUNTIME, Failed, Failure
from stepwell.definitions.json_text import InvalidJson, exceeds, loads
from stepwell.engine import quotas, tokens
from stepwell.engine.effects import InvokeTask
from stepwell.engine.errors import ValidationException
from stepwell.engine.failures import cut, limit_size, too_large
from stepwell.engine.node import Outcome
from stepwell.engine.operations.test_state.items import batches_of, places_of, read_items
from stepwell.engine.operations.test_state.request import InspectionLevel
from stepwell.engine.operations.test_state.trial import Trial
from stepwell.engine.ports import Pause
from stepwell.engine.states.choice import NO_MATCH
from stepwell.engine.states.task import TaskNode

MOST_SECONDS: Final = 5 * 60
"""How long a test may take; then the state fails with States.Timeout. API model, TestState."""

EXCEEDED: Final = Failure(
    "States.ExceedToleratedFailureThreshold", "The specified tolerated failure threshold was exceeded"
)


class Performed(Struct, frozen=True, kw_only=True):
    """What came of a task: its result as JSON text, or its failure.

    `request` and `response` are those of an HTTP Task, in the shape of the API's InspectionData: told at level TRACE.
    """

    outcome: str | Failure
    request: Mapping[str, str] | None = None
    response: Mapping[str, str] | None = None


Course = Generator[InvokeTask | Pause, Performed | None, Outcome | Failure]


def _pass(trial: Trial) -> Outcome | Failure:
    if trial.state.gives("result"):
        result = trial.tell("result", trial.state.result)  # the input is not processed for it (recorded)
    else:
        result = trial.flow.arguments(trial.document(), trial.environment)
    return trial.finish(result)


def _succeed(trial: Trial) -> Outcome | Failure:
    output, assigned, _ = trial.finish(trial.document())
    return output, assigned, None


def _fail(trial: Trial) -> Outcome | Failure:
    document = trial.document()
    return cut(Failure(trial.scalar("Error", document), trial.scalar("Cause", document)))


def _choice(trial: Trial) -> Outcome | Failure:
    document = trial.document()
    for index, rule in enumerate(trial.state.choices):
        is_met, finish = trial.flow.rule(index)
        if is_met(document, trial.environment):
            output, assigned = finish(trial.raw, document, trial.environment)
            return output, assigned, rule.next
    if trial.state.default is None:
        raise Failed(RUNTIME, NO_MATCH)
    output, assigned, _ = trial.finish(document)
    return output, assigned, trial.state.default


def _wait(trial: Trial) -> Course:
    document = trial.document()
    seconds = trial.scalar("Seconds", document)
    if seconds is None:
        moment = timestamps.parse(trial.scalar("Timestamp", document))
        assert moment is not None, "a timestamp was checked where it was written or read"
        seconds = max(0.0, (moment / 1_000_000 - trial.environment.at) / 1000)
    if seconds >= quotas.WAIT_SECONDS:
        raise Failed(RUNTIME, "Wait state delay is too long.")
    if seconds:
        yield Pause(min(seconds, MOST_SECONDS))
    if seconds > MOST_SECONDS:
        return Failure(names.TIMEOUT)
    return trial.finish(document)


def _task(trial: Trial) -> Course:
    document = trial.document()
    parameters = trial.flow.arguments(document, trial.environment)
    node = trial.node
    assert isinstance(node, TaskNode), "the node of a Task"
    if node.implied and isinstance(parameters, dict):
        parameters = {**parameters, **node.implied}
    text = limit_size(trial.text_of(parameters), node.title)
    timeout = trial.scalar("TimeoutSeconds", document)
    heartbeat = trial.scalar("HeartbeatSeconds", document)
    role = trial.flow.role()
    credentials = None if role is None else role(document, trial.environment)
    outcome = _mocked(trial)
    if outcome is None:
        execution_arn = trial.environment.context["Execution"]["Id"]
        performed = yield InvokeTask(
            token=tokens.mint(execution_arn, "", trial.environment.entropy.uuid()),
            execution_arn=execution_arn,
            state=node.name,
            resource=node.resource,
            input=text,
            attempt=trial.test.state_configuration.retrier_retry_count or 0,
            timeout_seconds=min(timeout or MOST_SECONDS, MOST_SECONDS),
            heartbeat_seconds=heartbeat,
            credentials=credentials,
        )
        assert performed is not None, "a task that was performed has an outcome"
        outcome = performed.outcome
        if trial.test.inspection_level is InspectionLevel.TRACE:
            exchanged = {"request": performed.request, "response": performed.response}
            trial.told.update({name: dict(told) for name, told in exchanged.items() if told is not None})
    if isinstance(outcome, Failure):
        return cut(outcome)
    if exceeds(outcome, quotas.PAYLOAD_BYTES):
        return too_large(node.title)
    try:
        result = loads(outcome)
    except InvalidJson as fault:
        return Failure(RUNTIME, f"The result of the task is no JSON: {fault}")
    trial.tell("result", result)
    return trial.finish(result)


def _parallel(trial: Trial) -> Outcome | Failure:
    outcome = _mocked(trial)
    assert outcome is not None, "a Parallel is tested with a mock only"
    return cut(outcome) if isinstance(outcome, Failure) else trial.finish(loads(outcome))


def _map(trial: Trial) -> Outcome | Failure:
    document = trial.document()
    iterations = _iterations(trial, document)
    trial.told["maxConcurrency"] = trial.scalar("MaxConcurrency", document) or 0
    count = trial.scalar("ToleratedFailureCount", document)
    if count is not None:
        trial.told["toleratedFailureCount"] = count
    percentage = trial.scalar("ToleratedFailurePercentage", document)
    if percentage is not None:
        trial.told["toleratedFailurePercentage"] = percentage = float(percentage)
    failed = trial.test.state_configuration.map_iteration_failure_count or 0
    if iterations is not None and failed > iterations:
        raise ValidationException(
            "Map iteration failure count must be less than or equal to the number of Map iterations"
        )
    outcome = _mocked(trial)
    assert outcome is not None, "a Map is tested with a mock only"
    if isinstance(outcome, Failure):
        return cut(outcome)
    # Without a tolerance any number of failures is tolerated here (recorded), unlike in an execution.
    exceeds_share = percentage is not None and iterations and failed * 100 > percentage * iterations
    if exceeds_share or (count is not None and failed > count):
        return EXCEEDED
    return trial.finish(loads(outcome))


def _iterations(trial: Trial, document: Json) -> int | None:
    """How many iterations there are, told on the way; None where nobody says what the ItemReader reads."""
    state, language, environment = trial.state, trial.subject.language, trial.environment
    if state.item_reader is None:
        items = trial.flow.items()(document, environment)
    else:
        text = trial.test.state_configuration.map_item_reader_data
        if text is None:
            return None
        items = read_items(state.item_reader, language, text, document, environment)
        if state.item_reader.reader_config and state.item_reader.reader_config.items_pointer:
            trial.tell("afterItemsPointer", items)
    inputs = [place["Value"] for place in places_of(items)]
    if select := trial.flow.selector():
        inputs = [select(document, environment.of_item(place)) for place in places_of(items)]
        trial.tell("afterItemSelector", inputs)
    if state.item_batcher is not None:
        inputs = batches_of(state.item_batcher, language, inputs, document, environment)
        trial.tell("afterItemBatcher", inputs)
    return len(inputs)


def _mocked(trial: Trial) -> str | Failure | None:
    """The mocked outcome of the state's work, None where it is not mocked."""
    mock = trial.test.mock
    if mock is None:
        return None
    if mock.error_output is not None:
        return Failure(mock.error_output.error, mock.error_output.cause)
    return mock.result


def _at_once(course: Callable[[Trial], Outcome | Failure]) -> Callable[[Trial], Course]:
    """The course of a state that asks for nothing to be done."""

    def at_once(trial: Trial) -> Course:
        return course(trial)
        yield

    return at_once


COURSES: Final[Mapping[str, Callable[[Trial], Course]]] = {
    "Task": _task,
    "Pass": _at_once(_pass),
    "Choice": _at_once(_choice),
    "Wait": _wait,
    "Succeed": _at_once(_succeed),
    "Fail": _at_once(_fail),
    "Parallel": _at_once(_parallel),
    "Map": _at_once(_map),
}
