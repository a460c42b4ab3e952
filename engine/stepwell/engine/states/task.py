"""Task: asks the world for something and waits for the answer.

The events differ by what the Resource names (a Lambda function, an activity, an integration); the course is the same:
scheduled, started, perhaps submitted, and one end.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from stepwell.definitions import failure as names
from stepwell.definitions.expressions import Json
from stepwell.definitions.failure import RUNTIME, Failed, Failure
from stepwell.definitions.integrations import parameter_check
from stepwell.definitions.json_text import InvalidJson, exceeds, loads
from stepwell.definitions.kinds import QueryLanguage
from stepwell.definitions.resources import Activity, Integration, parse_resource
from stepwell.engine import quotas, tokens
from stepwell.engine.effects import InvokeTask, SetTimer
from stepwell.engine.execution import AwaitingTask
from stepwell.engine.failures import cut, failure_details, limit_size, too_large
from stepwell.engine.node import Node

if TYPE_CHECKING:
    from stepwell.definitions import model

if TYPE_CHECKING:
    from stepwell.engine.execution import Frame
    from stepwell.engine.turn import Turn

IMPLIED_PARAMETERS: Mapping[tuple[str, str], Mapping[str, Json]] = {
    ("ecs", "runTask.sync"): {"StartedBy": "AWS Step Functions"},
}
"""Parameters that AWS adds to a request of its own accord (recorded)."""


class TaskNode(Node):
    __slots__ = (
        *("_check", "_credentials", "_heartbeat", "_prefix", "_timeout"),
        *("implied", "labels", "resource", "title"),
    )

    def __init__(self, name: str, state: "model.TaskState", language: QueryLanguage) -> None:
        super().__init__(name, state, language)
        resource = parse_resource(state.resource)
        assert resource is not None, "a checked Task has a Resource that is recognised"
        self.resource = resource
        self.labels: Mapping[str, str] = {}
        self.implied: Mapping[str, Json] = {}
        self._prefix = "LambdaFunction"
        self.title = resource.arn
        self._check: Callable[[Json], list[str]] | None = None
        match resource:
            case Activity():
                self._prefix = "Activity"
                self.can_be_called_back = True
            case Integration(service=service, label=label):
                self._prefix = "Task"
                self.labels = {"resourceType": service, "resource": label}
                self.implied = IMPLIED_PARAMETERS.get((service, label), {})
                self.title = service
                self.can_be_called_back = resource.pattern != ""
                self._check = parameter_check(resource)
        self._timeout = self.flow.scalar("TimeoutSeconds")
        self._heartbeat = self.flow.scalar("HeartbeatSeconds")
        self._credentials = self.flow.role()

    def behave(self, turn: "Turn", frame: "Frame") -> None:
        if self.resource.arn in turn.missing:
            raise Failed(RUNTIME, f"The activity {self.resource.arn} does not exist.")
        token = tokens.mint(turn.execution.arn, frame.path, turn.entropy.uuid())
        environment = turn.environment(frame, token)
        document = self.flow.document(frame.input, environment)
        parameters = self.flow.arguments(document, environment)
        if self.implied and isinstance(parameters, dict):
            parameters = {**parameters, **self.implied}
        text = frame.text if parameters is frame.input else turn.text_of(parameters)
        self.check(parameters, text)
        timeout = self._timeout(document, environment) if self._timeout else None
        heartbeat = self._heartbeat(document, environment) if self._heartbeat else None
        credentials = self._credentials(document, environment) if self._credentials else None
        limit_size(text, self.title)

        details = self._request(turn, text)
        if timeout is not None:
            details["timeoutInSeconds"] = timeout
        if heartbeat is not None and self._prefix != "LambdaFunction":
            details["heartbeatInSeconds"] = heartbeat
        if credentials is not None:
            details["taskCredentials"] = {"roleArn": credentials}
        frame.previous = turn.emit(f"{self._prefix}Scheduled", frame.previous, details)
        rest = self._set_timers(turn, frame, token, timeout, heartbeat)
        turn.effects.append(
            InvokeTask(
                token=token,
                execution_arn=turn.execution.arn,
                state=self.name,
                resource=self.resource,
                input=text,
                attempt=sum(frame.retries),
                within=turn.containers(frame.path),
                timeout_seconds=timeout,
                heartbeat_seconds=heartbeat,
                credentials=credentials,
            )
        )
        frame.rest = rest
        if not isinstance(self.resource, Activity):
            turn.queue(_start, frame)

    def check(self, parameters: Json, text: str) -> None:
        """Raises `Failed` for parameters (as JSON: `text`) with which the integration cannot be called."""
        if self._check is not None and (faults := self._check(parameters)):
            cause = f"The Parameters '{text}' could not be used to start the Task: [{', '.join(faults)}]"
            raise Failed(RUNTIME, cause)

    def _request(self, turn: "Turn", text: str) -> dict[str, Any]:
        if not self.labels:
            return {"resource": self.resource.arn, "input": text}
        region = turn.execution.arn.split(":")[3]
        return {**self.labels, "region": region, "parameters": text}

    def _set_timers(
        self, turn: "Turn", frame: "Frame", token: str, timeout: int | None, heartbeat: int | None
    ) -> AwaitingTask:
        if not self.can_be_called_back:
            heartbeat = None  # nobody could send one
        if timeout is None and heartbeat is None:
            return AwaitingTask(token=token)
        timeout_timer = heartbeat_timer = heartbeat_due = None
        if timeout is not None:
            timeout_timer = turn.timer_name("timeout", frame)
            turn.effects.append(SetTimer(timer=timeout_timer, due=turn.at + timeout * 1000))
        if heartbeat is not None:
            heartbeat_timer, heartbeat_due = turn.timer_name("heartbeat", frame), turn.at + heartbeat * 1000
            turn.effects.append(SetTimer(timer=heartbeat_timer, due=heartbeat_due))
        return AwaitingTask(
            token=token,
            timeout_timer=timeout_timer,
            heartbeat_timer=heartbeat_timer,
            heartbeat_due=heartbeat_due,
            heartbeat_seconds=heartbeat,
        )

    # --- answers ---------------------------------------------------------------------------------------------------

    def started(self, turn: "Turn", frame: "Frame", rest: AwaitingTask, worker_name: str | None) -> bool:
        """Whether this is the first that is heard of it."""
        if rest.started:
            return False
        details = dict(self.labels)
        if worker_name is not None:
            details["workerName"] = worker_name
        has_details = self._prefix != "LambdaFunction"
        frame.previous = turn.emit(f"{self._prefix}Started", frame.previous, details if has_details else None)
        frame.rest = rest = replace(rest, started=True)
        self.heartbeat(turn, frame, rest)
        return True

    def submitted(self, turn: "Turn", frame: "Frame", rest: AwaitingTask, output: str) -> bool:
        """Whether this is the first that is heard of it: after a crash a task may be performed twice."""
        if rest.submitted:
            return False
        frame.rest = replace(rest, submitted=True)
        frame.previous = turn.emit(f"{self._prefix}Submitted", frame.previous, {**self.labels, "output": output})
        return True

    def heartbeat(self, turn: "Turn", frame: "Frame", rest: AwaitingTask) -> None:
        if rest.heartbeat_seconds is not None:
            frame.rest = replace(rest, heartbeat_due=turn.at + rest.heartbeat_seconds * 1000)

    def succeeded(self, turn: "Turn", frame: "Frame", rest: AwaitingTask, output: str) -> None:
        if exceeds(output, quotas.PAYLOAD_BYTES):
            self.failed(turn, frame, rest, too_large(self.title))
            return
        try:
            result = loads(output)
        except InvalidJson as fault:
            self.failed(turn, frame, rest, Failure(RUNTIME, f"The result of the task is no JSON: {fault}"))
            return
        turn.cancel_task_timers(rest)
        frame.previous = turn.emit(f"{self._prefix}Succeeded", frame.previous, {**self.labels, "output": output})
        turn.complete(frame, result)

    def failed(self, turn: "Turn", frame: "Frame", rest: AwaitingTask, failure: Failure) -> None:
        turn.cancel_task_timers(rest)
        self._end(turn, frame, "Failed", cut(failure))

    def overdue(self, turn: "Turn", frame: "Frame", rest: AwaitingTask, timer: str) -> bool:
        """Whether a timer that fired ends the task: heartbeats move the moment on without a new timer."""
        is_heartbeat = timer == rest.heartbeat_timer
        if is_heartbeat and rest.heartbeat_due is not None and rest.heartbeat_due > turn.at:
            turn.effects.append(SetTimer(timer=timer, due=rest.heartbeat_due))
            return True
        turn.cancel(frame)
        # A missed heartbeat is shown as States.Timeout (recorded); handlers may also ask for it by its own name.
        failure = Failure(names.TIMEOUT, also=names.HEARTBEAT_TIMEOUT if is_heartbeat else None)
        self._end(turn, frame, "TimedOut", failure)
        return True

    def _end(self, turn: "Turn", frame: "Frame", ending: str, failure: Failure) -> None:
        details = {**self.labels, **failure_details(failure)}
        frame.previous = turn.emit(f"{self._prefix}{ending}", frame.previous, details)
        turn.make_ready(turn.fail_in_turn(failure), frame)


def _start(turn: "Turn", frame: "Frame") -> None:
    """Tasks other than activities start by themselves, as soon as their turn comes."""
    node, rest = turn.nodes[frame.state], frame.rest
    assert isinstance(node, TaskNode) and isinstance(rest, AwaitingTask), "the task was scheduled in this step"
    node.started(turn, frame, rest, None)
