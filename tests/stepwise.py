"""An execution played step by step, with the machine alone: no worker, no store, the time in the test's hands."""

from collections import deque
from typing import Any

from stepwell.definitions.check import parse
from stepwell.definitions.failure import Failure
from stepwell.definitions.json_text import dumps, loads
from stepwell.definitions.kinds import StateMachineType
from stepwell.engine.effects import CancelTask, CancelTimer, FinishExecution, InvokeTask, SetTimer
from stepwell.engine.events import (
    Event,
    ExecutionRedriven,
    ExecutionStarted,
    ExecutionStopped,
    TaskFailed,
    TaskStarted,
    TaskSubmitted,
    TaskSucceeded,
    TimersFired,
)
from stepwell.engine.execution import (
    AwaitingChildren,
    AwaitingRetry,
    AwaitingTask,
    AwaitingTimer,
    Execution,
    Finished,
    NotStarted,
    parent_of,
)
from stepwell.engine.history import HistoryEvent
from stepwell.engine.lifecycles import ExecutionStatus
from stepwell.engine.machine import step
from stepwell.engine.ports import Started, Submitted, Succeeded
from stepwell.engine.program import compile_program
from support import MACHINE_ARN, Behaviour, hangs

START = 1_767_225_600_000
"""2026-01-01T00:00:00Z."""

REDRIVEN_AT = "$$.Execution.RedriveTime"
"""What is not there before the first redrive: a state that reads it fails until then."""


class Play:
    """One execution, carried on step by step, with the time in the test's hands.

    After every step it is looked at as a whole: nothing waits that nobody was asked for, nobody was asked for what
    nothing waits for, and no frame is left behind by a container that went on without it.
    """

    def __init__(
        self,
        definition: dict[str, Any],
        behaviour: Behaviour = hangs,
        *,
        input: Any = None,
        type: StateMachineType = StateMachineType.STANDARD,
    ) -> None:
        self.program = compile_program(parse(definition, type=type))
        self.execution = Execution(
            arn=f"{MACHINE_ARN.replace('stateMachine', 'execution')}:play",
            name="play",
            state_machine_arn=MACHINE_ARN,
            state_machine_name="tested",
            role_arn="arn:aws:iam::123456789012:role/tested",
            type=type,
            input=dumps({} if input is None else input),
            started_at=START,
        )
        self.at = START
        self.events: list[HistoryEvent] = []
        self.requests: list[InvokeTask] = []
        self.answered: list[InvokeTask] = []
        """The tasks whose success was taken in."""
        self.open: dict[str, InvokeTask] = {}
        self.timers: dict[str, int] = {}
        self._behaviour = behaviour
        self._asked: deque[InvokeTask] = deque()
        self._steps = 0
        self.tell(ExecutionStarted)

    # --- carrying on ----------------------------------------------------------------------------------------------

    def tell(self, event: type[Event], **facts: Any) -> bool:
        """Whether the event changed anything."""
        self._steps += 1
        fact = event(at=self.at, entropy=b"play" + self._steps.to_bytes(8, "big"), **facts)
        done = step(self.program, self.execution, fact)
        if done is None:
            return False
        self.execution.take(done.changes)
        self.events += done.history
        for effect in done.effects:
            match effect:
                case InvokeTask():
                    self.requests.append(effect)
                    self.open[effect.token] = effect
                    self._asked.append(effect)
                case CancelTask(token=token):
                    del self.open[token]
                case SetTimer(timer=timer, due=due):
                    self.timers[timer] = due
                case CancelTimer(timer=timer):
                    self.timers.pop(timer, None)
                case FinishExecution():
                    pass
        if isinstance(fact, TaskSucceeded):
            self.answered.append(next(asked for asked in self.requests if asked.token == fact.token))
        if isinstance(fact, TaskSucceeded | TaskFailed):
            self.open.pop(fact.token, None)  # cancelled where the answer filled the history
        assert_whole(self)
        return True

    def work(self, seconds: float | None = None) -> "Play":
        """Lets time pass until the execution has ended, or for so long."""
        until = None if seconds is None else self.at + round(seconds * 1000)
        while True:
            while self._asked:
                asked = self._asked.popleft()
                for answer in self._behaviour(asked):
                    self._answer(asked.token, answer)
            due = min(self.timers.values(), default=None)
            if due is None or (until is not None and due > until):
                break
            self.at = max(self.at, due)
            rings = sorted((timer for timer in self.timers if self.timers[timer] == due), key=list(self.timers).index)
            for timer in rings:
                del self.timers[timer]
            self.tell(TimersFired, timers=tuple(rings))
        self.at = self.at if until is None else until
        return self

    def _answer(self, token: str, answer: Any) -> None:
        match answer:
            case Succeeded(output):
                self.tell(TaskSucceeded, token=token, output=output)
            case Failure():
                self.tell(TaskFailed, token=token, failure=answer)
            case Submitted(output):
                self.tell(TaskSubmitted, token=token, output=output)
            case Started(worker_name):
                self.tell(TaskStarted, token=token, worker_name=worker_name)
            case _:
                raise AssertionError(f"{answer!r} is not played here")

    def stop(self) -> "Play":
        assert self.tell(ExecutionStopped)
        return self

    def redrive(self, seconds: float | None = None) -> "Play":
        assert self.tell(ExecutionRedriven)
        return self.work(seconds)

    # --- looking at it --------------------------------------------------------------------------------------------

    @property
    def status(self) -> str:
        return str(self.execution.status)

    @property
    def output(self) -> Any:
        return None if self.execution.output is None else loads(self.execution.output)

    @property
    def links(self) -> list[str]:
        """The history from the last redrive on, as `id<previous Type`."""
        texts = [f"{event.id}<{event.previous_event_id} {event.type}" for event in self.events]
        redrives = [index for index, event in enumerate(self.events) if event.type == "ExecutionRedriven"]
        return texts[redrives[-1] if redrives else 0 :]

    @property
    def types(self) -> list[str]:
        return [link.partition(" ")[2] for link in self.links]

    @property
    def paths(self) -> list[str]:
        return sorted(self.execution.frames)


def assert_whole(play: Play) -> None:
    """What holds after every step."""
    execution = play.execution
    assert play.events[-1].id == len(play.events) == execution.next_event_id - 1
    for path, frame in execution.frames.items():
        assert frame.path == path
        if path:
            container = execution.frames[parent_of(path)].rest
            assert isinstance(container, AwaitingChildren)
            assert int(path.rpartition("/")[2]) < container.length
    for path, frame in execution.frames.items():
        if isinstance(frame.rest, AwaitingChildren):
            children = [execution.frames[f"{path}/{index}"].rest for index in range(frame.rest.length)]
            assert frame.rest.spawned == sum(not isinstance(child, NotStarted) for child in children)
            assert frame.rest.finished == sum(isinstance(child, Finished) for child in children)
    if execution.status.is_terminal:
        assert not play.open
        assert not play.timers
    else:
        rests = [frame.rest for frame in execution.frames.values()]
        assert play.open.keys() == {rest.token for rest in rests if isinstance(rest, AwaitingTask)}
        names = {rest.timer for rest in rests if isinstance(rest, AwaitingTimer | AwaitingRetry)}
        names |= {rest.timeout_timer for rest in rests if isinstance(rest, AwaitingTask) and rest.timeout_timer}
        assert play.timers.keys() == {execution.timeout_timer, *names}
    if execution.status is ExecutionStatus.SUCCEEDED:
        assert play.paths == [""]
