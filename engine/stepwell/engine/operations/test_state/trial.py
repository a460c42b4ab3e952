"""A state under test: what it has told so far, and the response that is made of how it was left."""

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from stepwell.definitions.expressions import Entropy, Json
from stepwell.definitions.failure import RUNTIME, Failed, Failure
from stepwell.definitions.json_text import InvalidJson, NotJson, dumps, exceeds, loads
from stepwell.engine import quotas
from stepwell.engine.errors import ValidationException
from stepwell.engine.failures import error_output, failure_details, too_large
from stepwell.engine.flows import FLOWS
from stepwell.engine.node import Outcome
from stepwell.engine.operations.test_state.context import context_of
from stepwell.engine.operations.test_state.request import InspectionLevel, StateTest, Subject
from stepwell.engine.retry import UNCATCHABLE, matches


class Surroundings(Struct, frozen=True, kw_only=True):
    """What the expressions of the state can see."""

    context: Mapping[str, Json]
    variables: Mapping[str, Json]
    entropy: Entropy
    at: int

    def of_item(self, item: Mapping[str, Json]) -> "Surroundings":
        """The same, with `Map.Item` in the context object."""
        context = {**self.context, "Map": {"Item": item}}
        return Surroundings(context=context, variables=self.variables, entropy=self.entropy, at=self.at)


class Trial:
    """A test in progress: what the state has told so far."""

    def __init__(self, test: StateTest, subject: Subject, at: int, entropy: Entropy, region: str, account: str) -> None:
        self.test = test
        self.subject = subject
        self.state: Any = subject.state
        self.node = subject.node
        self.raw = loads(test.input)
        self.environment = Surroundings(
            context=context_of(test, subject, at=at, entropy=entropy, region=region, account=account),
            variables=_variables(test.variables),
            entropy=entropy,
            at=at,
        )
        self.told: dict[str, Any] = {"input": test.input}
        """InspectionData."""
        self.flow = FLOWS[subject.language](subject.state, self._telling)

    def _telling(self, stage: str, step: Callable[..., Json]) -> Callable[..., Json]:
        return lambda *given: self.tell(stage, step(*given))

    def tell(self, stage: str, value: Json) -> Json:
        self.told[stage] = self.text_of(value)
        return value

    def text_of(self, value: Json) -> str:
        """The value's JSON text: the input's is the caller's own."""
        if value is self.raw:
            return self.test.input
        try:
            return dumps(value)
        except NotJson as fault:
            raise Failed(RUNTIME, str(fault)) from None

    def document(self) -> Json:
        return self.flow.document(self.raw, self.environment)

    def scalar(self, field: str, document: Json) -> Any:
        """The value of a field, None where the state has no such field."""
        read = self.flow.scalar(field)
        return None if read is None else read(document, self.environment)

    def finish(self, result: Json) -> Outcome:
        """How the state is left with this result."""
        output, assigned = self.flow.finish(self.raw, result, self.environment)
        return output, assigned, self.node.next

    # --- the response ------------------------------------------------------------------------------------------------

    def left(self, outcome: Outcome, *, work_succeeded: bool = True) -> dict[str, Any]:
        """The response for a state that was left, by its own way or by one of its catchers."""
        output, assigned, following = outcome
        try:
            text = self.text_of(output)
            values = [self.text_of(value) for value in (assigned or {}).values()]
        except Failed as failed:
            return self.failed(failed.failure)
        if output is not self.raw and exceeds(text, quotas.PAYLOAD_BYTES):
            return self.failed(too_large(self.node.name), by_own_handlers=self.node.is_container and work_succeeded)
        if exceeds("".join(values), quotas.PAYLOAD_BYTES):
            return self.failed(too_large(self.node.name), by_own_handlers=False)
        variables = {**self.environment.variables, **(assigned or {})}
        if variables:
            self.told["variables"] = dumps(variables)
        response = {"output": text, "status": "SUCCEEDED"}
        if following is not None:
            response["nextState"] = following
        return self._inspected(response)

    def failed(self, failure: Failure, *, by_own_handlers: bool = True) -> dict[str, Any]:
        """The response for a failure: the state is tried again, goes on by a catcher, or fails."""
        response: dict[str, Any] = {**failure_details(failure), "status": "FAILED"}
        if not by_own_handlers or failure.error in UNCATCHABLE:
            return self._inspected(response)
        details: dict[str, int] = {}
        used = self.test.state_configuration.retrier_retry_count or 0
        for index, retrier in enumerate(self.node.retriers):
            if not matches(retrier.names, failure):
                continue
            details["retryIndex"] = index  # the first that matches owns the error, used up or not
            self.told["errorDetails"] = details
            if used < retrier.max_attempts:
                delay = retrier.delay_seconds(used + 1, self.environment.entropy)
                details["retryBackoffIntervalSeconds"] = int(delay)
                return self._inspected({**response, "status": "RETRIABLE"})
            break
        for index, catcher in enumerate(self.node.catchers):
            if matches(catcher.names, failure):
                details["catchIndex"] = index
                self.told["errorDetails"] = details
                try:
                    output, assigned = catcher.caught(self.raw, error_output(failure), self.environment)
                except Failed as failed:
                    return self.failed(failed.failure, by_own_handlers=False)
                caught = self.left((output, assigned, catcher.next), work_succeeded=False)
                return {**response, **caught, "status": "CAUGHT_ERROR"} if "output" in caught else caught
        return self._inspected(response)

    def _inspected(self, response: dict[str, Any]) -> dict[str, Any]:
        """The response with what was told, where the level asks for it."""
        if self.test.inspection_level is InspectionLevel.INFO:
            return response
        if self.environment.variables:
            self.told.setdefault("variables", dumps(self.environment.variables))
        return {**response, "inspectionData": self.told}


def _variables(text: str | None) -> Mapping[str, Json]:
    """The texts for variables that will not do are not recorded."""
    try:
        variables = {} if text is None else loads(text)
    except InvalidJson:
        raise ValidationException("Variables must be valid JSON") from None
    if not isinstance(variables, dict):
        raise ValidationException("Variables must be a JSON object")
    return variables
