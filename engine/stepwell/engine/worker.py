"""The worker: carries executions on, in the one order that loses nothing.

    load -> step -> commit -> perform the effects -> feed the answers back as events

A worker belongs to one thread. It never blocks and never sleeps: `work` does what can be done at this moment and tells
when there will be more; the host decides what happens in between. That is all that tells virtual time from real time.
"""

from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from heapq import heapify, heappop, heappush
from typing import Any, assert_never

from msgspec import Struct

from stepwell.definitions.failure import Failure
from stepwell.engine import tokens
from stepwell.engine.effects import CancelTask, CancelTimer, Effect, FinishExecution, InvokeTask, SetTimer
from stepwell.engine.events import (
    Event,
    ExecutionStarted,
    TaskFailed,
    TaskHeartbeat,
    TaskStarted,
    TaskSubmitted,
    TaskSucceeded,
    TimersFired,
)
from stepwell.engine.execution import Execution
from stepwell.engine.machine import Step, step
from stepwell.engine.ports import (
    Call,
    Clock,
    Exchange,
    Heartbeat,
    Pause,
    Request,
    Runner,
    Started,
    Store,
    Submitted,
    Succeeded,
    TaskHandler,
)
from stepwell.engine.program import Program

Observer = Callable[[Execution, Step], None]
"""Sees each step after its commit, before its effects are performed."""


Alarm = tuple[int, int, str, str | Callable[[], None]]
"""When it is due, a number that keeps the order, the execution, and a timer's name or what to do."""

ALARMS_BETWEEN_CLEANINGS = 10_000


class Attempt(Struct):
    """A task being performed: its exchange, and how to give up what it waits for."""

    task: InvokeTask
    exchange: Exchange
    give_up: Callable[[], None] | None = None


class Worker:
    """Advances the executions of one store."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        runner: Runner,
        tasks: TaskHandler,
        entropy: Callable[[], bytes],
        observe: Observer | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._runner = runner
        self._tasks = tasks
        self._entropy = entropy
        self._observe = observe
        self._programs: dict[str, Program] = {}
        self._attempts: dict[str, Attempt] = {}
        self._agenda: deque[Callable[[], None]] = deque()
        self._alarms: list[Alarm] = []
        self._alarm_count = 0
        self._timers: dict[str, set[str]] = {}
        self._open: set[str] = set()
        self.left_open = 0
        """How many tasks were ever left open for somebody else's answer."""

    # --- for hosts --------------------------------------------------------------------------------------------------

    def start(self, program: Program, execution: Execution, definition: str) -> None:
        """Takes a new execution on: it is in the store when this returns, and moves with the next `work`."""
        self._store.create(execution, definition)
        self._programs[execution.arn] = program
        self._timers[execution.arn] = set()
        self.send(execution.arn, ExecutionStarted)

    def send(self, arn: str, event: Callable[..., Event], **facts: Any) -> None:
        """Lets an execution know of something, with the time and entropy of the moment it is told."""
        self._agenda.append(partial(self._tell, arn, event, facts))

    def work(self) -> int | None:
        """Does all that can be done now; returns when the next timer is due, None where none is set."""
        agenda = self._agenda
        while True:
            while agenda:
                agenda.popleft()()
            if not self._ring(self._clock.now()) and not agenda:
                return self._next_due()

    @property
    def awaits_answers(self) -> bool:
        """Whether a task waits for somebody else's answer: its handler has ended and left it open."""
        return bool(self._open)

    def close(self) -> None:
        """Gives every task up that is being performed."""
        for attempt in list(self._attempts.values()):
            self._give_up(attempt)
        self._attempts.clear()

    # --- events -----------------------------------------------------------------------------------------------------

    def _tell(self, arn: str, event: Callable[..., Event], facts: Mapping[str, Any]) -> None:
        program = self._programs.get(arn)
        if program is None:
            return  # it ended meanwhile
        execution = self._store.load(arn)
        fact = event(at=self._clock.now(), entropy=self._entropy(), **facts)
        done = step(program, execution, fact)
        if done is None:
            return
        self._store.commit(execution, fact, done.changes, done.history)
        if isinstance(fact, TaskSucceeded | TaskFailed):
            self._open.discard(fact.token)
        if self._observe:
            self._observe(execution, done)
        for effect in done.effects:
            self._perform(arn, effect)

    # --- effects ----------------------------------------------------------------------------------------------------

    def _perform(self, arn: str, effect: Effect) -> None:
        match effect:
            case InvokeTask():
                attempt = self._attempts[effect.token] = Attempt(effect, self._tasks(effect))
                self._agenda.append(partial(self._drive, attempt, None, None))
            case CancelTask(token=token):
                self._open.discard(token)
                if token in self._attempts:
                    self._give_up(self._attempts.pop(token))
            case SetTimer(timer=timer, due=due):
                self._timers[arn].add(timer)
                self._set_alarm(due, arn, timer)
            case CancelTimer(timer=timer):
                self._timers[arn].discard(timer)
            case FinishExecution():
                del self._programs[arn]
                del self._timers[arn]
            case _:
                assert_never(effect)

    def _give_up(self, attempt: Attempt) -> None:
        if attempt.give_up:
            attempt.give_up()
        attempt.exchange.close()

    # --- tasks ------------------------------------------------------------------------------------------------------

    def _drive(self, attempt: Attempt, value: Any, error: BaseException | None) -> None:
        """Carries an exchange on to where it has to wait."""
        token = attempt.task.token
        if self._attempts.get(token) is not attempt:
            return
        attempt.give_up = None
        is_answered = False
        while True:
            try:
                request = attempt.exchange.send(value) if error is None else attempt.exchange.throw(error)
            except StopIteration:
                del self._attempts[token]
                if not is_answered:
                    self._open.add(token)
                    self.left_open += 1
                return
            value = error = None
            match request:
                case Call():
                    answers: list[tuple[Any, BaseException | None]] = []
                    self._call(attempt, request, answers)
                    if not answers:
                        return
                    ((value, error),) = answers
                case Pause(seconds):
                    due = self._clock.now() + round(seconds * 1000)
                    self._set_alarm(due, attempt.task.execution_arn, partial(self._drive, attempt, None, None))
                    return
                case _:
                    is_answered = isinstance(request, Succeeded | Failure)
                    self._report(attempt.task, request)

    def _call(self, attempt: Attempt, call: Call, answers: list[tuple[Any, BaseException | None]]) -> None:
        """Has the call run; an answer that is there at once is left in `answers`, a later one drives the exchange."""
        at_once = True

        def done(value: Any, error: BaseException | None) -> None:
            if at_once:
                answers.append((value, error))
            else:
                self._agenda.append(partial(self._drive, attempt, value, error))

        attempt.give_up = self._runner(call, done)
        at_once = False

    def _report(self, task: InvokeTask, report: Request) -> None:
        tell = partial(self.send, task.execution_arn, token=task.token)
        match report:
            case Succeeded(output):
                tell(TaskSucceeded, output=output)
            case Failure():
                tell(TaskFailed, failure=report)
            case Submitted(output):
                tell(TaskSubmitted, output=output)
            case Started(worker_name):
                tell(TaskStarted, worker_name=worker_name)
            case Heartbeat():
                tell(TaskHeartbeat)
            case Call() | Pause():
                raise AssertionError("calls and pauses are not reports")
            case _:
                assert_never(report)

    def answer(self, token: str, event: Callable[..., Event], **facts: Any) -> None:
        """An answer from outside, by its token; raises InvalidToken. One that nobody waits for is ignored."""
        self.send(tokens.address(token)[0], event, token=token, **facts)

    # --- timers -----------------------------------------------------------------------------------------------------

    def _set_alarm(self, due: int, arn: str, what: str | Callable[[], None]) -> None:
        self._alarm_count += 1
        heappush(self._alarms, (due, self._alarm_count, arn, what))
        if self._alarm_count % ALARMS_BETWEEN_CLEANINGS == 0:
            # Cancelled timers, most of them due in a year, would stay for that long otherwise.
            self._alarms = [alarm for alarm in self._alarms if self._is_set(alarm)]
            heapify(self._alarms)

    def _ring(self, now: int) -> bool:
        """Whether something was due. All timers of an execution that are due go to it as one event."""
        due: dict[str, list[str]] = {}
        rang = False
        while self._alarms and self._alarms[0][0] <= now:
            _, _, arn, what = heappop(self._alarms)
            if not isinstance(what, str):
                self._agenda.append(what)
                rang = True
            elif what in self._timers.get(arn, ()):
                self._timers[arn].discard(what)
                due.setdefault(arn, []).append(what)
        for arn, timers in due.items():
            self.send(arn, TimersFired, timers=tuple(timers))
        return rang or bool(due)

    def _next_due(self) -> int | None:
        while self._alarms:
            if self._is_set(self._alarms[0]):
                return self._alarms[0][0]
            heappop(self._alarms)
        return None

    def _is_set(self, alarm: Alarm) -> bool:
        """Whether an alarm was neither cancelled nor belongs to an execution that has ended."""
        _, _, arn, what = alarm
        return not isinstance(what, str) or what in self._timers.get(arn, ())
