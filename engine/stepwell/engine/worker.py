"""The worker: carries executions on, in the one order that loses nothing.

    load -> step -> commit -> perform the effects -> feed the answers back as events

It goes in rounds: events are taken in, each by one step; then all of it is laid down at once; then the effects are
performed, and tasks carried on to where they have to wait. Nothing of a step is seen outside before it is laid down.

A worker belongs to one thread. It never blocks (but for the store) and never sleeps: `work` does what can be done at
this moment and tells when there will be more; the host decides what happens in between. That is all that tells virtual
time from real time.
"""

from collections import OrderedDict, deque
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from functools import partial
from heapq import heapify, heappop, heappush
from typing import Any, TypeVar, assert_never

from msgspec import Struct
from msgspec.structs import asdict

from stepwell.definitions.failure import Failure
from stepwell.definitions.kinds import StateMachineType
from stepwell.engine import tokens
from stepwell.engine.effects import CancelTask, CancelTimer, Effect, FinishExecution, InvokeTask, SetTimer
from stepwell.engine.errors import CallerError, ExecutionAlreadyExists, ExecutionDoesNotExist
from stepwell.engine.events import (
    NO_REASON,
    Event,
    ExecutionStarted,
    ExecutionStopped,
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
    AwaitExecution,
    Call,
    Clock,
    Exchange,
    Heartbeat,
    Letter,
    Pause,
    Recovered,
    Request,
    Runner,
    Started,
    StartExecution,
    StopExecution,
    Store,
    Submitted,
    Succeeded,
    TaskCancelled,
    TaskHandler,
)
from stepwell.engine.program import Program
from stepwell.engine.states.wait import WAIT

E = TypeVar("E", bound=Event)

Observer = Callable[[Execution, Step], None]
"""Sees each step when it is laid down, before its effects are performed. The execution may have gone on since."""

Done = Callable[[bool | Exception], None]
"""Hears what became of an event, when its step is laid down: whether it changed anything, or why it was not told."""

Compile = Callable[[str, StateMachineType], Program]
"""Makes, or has kept, the program of a definition that was checked when its execution was started."""

Launch = Callable[[InvokeTask, StartExecution], Execution]
"""Starts an execution that a task asks for; raises CallerError."""

Missing = Callable[[Execution, Program], tuple[str, ...]]
"""The ARNs of the activities that a program names and that do not exist."""

Alarm = tuple[int, int, str, str | Callable[[], None]]
"""When it is due, a number that keeps the order, the execution, and a timer's name or what to do."""

ALARMS_BETWEEN_CLEANINGS = 10_000

STEPS_IN_A_GROUP = 512
"""So many events are taken in before what came of them is laid down: whoever waits for an answer waits no longer."""

KEPT_IN_MEMORY = 10_000
"""Executions beyond these, the longest unmoved first, are loaded again when they move."""


def cannot_launch(task: InvokeTask, request: StartExecution) -> Execution:
    """A `Launch` for hosts that know one state machine only."""
    raise ExecutionDoesNotExist(f"State Machine Does Not Exist: '{request.state_machine_arn}'")


def cannot_compile(definition: str, kind: StateMachineType) -> Program:
    """A `Compile` for hosts that never take an execution over."""
    raise AssertionError("this host carries on only what it has started")


class Attempt(Struct):
    """A task being performed: its exchange, and how to forget what it waits for."""

    task: InvokeTask
    exchange: Exchange
    give_up: Callable[[], None] | None = None
    turn: int = 0
    """Counts how often it was carried on: what was to carry it on from an earlier point comes too late."""
    is_cancelled: bool = False
    is_over: bool = False


class Active(Struct):
    """An execution in memory."""

    program: Program
    execution: Execution


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
        compile: Compile = cannot_compile,
        launch: Launch = cannot_launch,
        missing: Missing | None = None,
        wait_scale: float = 1.0,
    ) -> None:
        """`wait_scale`: Wait states take so much of their time."""
        self._store = store
        self._clock = clock
        self._runner = runner
        self._tasks = tasks
        self._entropy = entropy
        self._observe = observe
        self._compile = compile
        self._launch = launch
        self._missing = missing
        self._wait_scale = wait_scale
        self._active: OrderedDict[str, Active] = OrderedDict()
        self._events: deque[Callable[[], None]] = deque()
        self._gathered: list[tuple[Execution, Step, Done | None]] = []
        self._laid_down: list[Done] = []
        self._drives: deque[Callable[[], None]] = deque()
        self._attempts: dict[str, Attempt] = {}
        self._alarms: list[Alarm] = []
        self._alarm_count = 0
        self._timers: dict[str, set[str]] = {}
        """The timers of each execution that this worker carries on; the keys tell which these are."""
        self._waiting_for: dict[str, list[Attempt]] = {}
        self._letters: set[int] = set()
        self._open: set[str] = set()
        self._is_draining = False
        self.news_of_open_tasks = 0
        """How often a task was left open for somebody else's answer, or somebody said that it is being performed."""

    # --- for hosts --------------------------------------------------------------------------------------------------

    def start(
        self,
        program: Program,
        execution: Execution,
        definition: str,
        *,
        settings: str | None = None,
        is_unique: bool = False,
        done: Done | None = None,
    ) -> None:
        """Takes a new execution on; it is laid down with its first step. Raises ExecutionAlreadyExists.

        `is_unique`: its ARN was just made up.
        """
        self._store.create(execution, definition, settings, is_unique=is_unique)
        self._keep(execution.arn, Active(program, execution))
        self._timers[execution.arn] = set()
        self.send(execution.arn, ExecutionStarted, done)

    def take_over(self, found: Recovered) -> None:
        """Carries on an execution that this host has claimed or adopted: its timers are set, its tasks performed
        again unless they were left open."""
        arn = found.execution_arn
        if arn in self._timers:
            return
        self._timers[arn] = set()
        for timer, due in found.timers:
            self._perform(arn, SetTimer(timer=timer, due=due))
        for each in found.tasks:
            if each.is_left_open:
                self._note_open(each.task.token)
            else:
                self._perform(arn, each.task)

    def once_laid_down(self, done: Done) -> None:
        """Lets `done` know when everything is laid down that was told so far."""
        self._events.append(lambda: self._laid_down.append(done))

    def in_memory(self, arn: str) -> Execution | None:
        """The execution as it stands here, laid down or not, where this worker has it in memory."""
        active = self._active.get(arn)
        return None if active is None else active.execution

    def carries(self, arn: str) -> bool:
        """Whether this worker carries the execution on."""
        return arn in self._timers

    @property
    def carried(self) -> Collection[str]:
        """The executions that this worker carries on."""
        return self._timers.keys()

    def send(self, arn: str, event: Callable[..., Event], done: Done | None = None, **facts: Any) -> None:
        """Lets an execution of this worker know of something, with the time and entropy of the moment it is told."""
        self._events.append(partial(self._tell, arn, event, facts, done))

    def answer(self, token: str, event: Callable[..., Event], done: Done | None = None, **facts: Any) -> None:
        """An answer from outside, by its token; raises InvalidToken. One that nobody waits for is ignored."""
        self.send(tokens.address(token)[0], event, done, token=token, **facts)

    def look_around(self) -> None:
        """Sees to what other processes may have written: letters, and the end of executions that tasks wait for."""
        for letter in self._store.letters():
            if letter.number not in self._letters and self.carries(letter.execution_arn):
                self._letters.add(letter.number)
                self._events.append(partial(self._open_letter, letter))
        for arn in [arn for arn in self._waiting_for if not self.carries(arn)]:
            self._tell_of_end(arn)

    def work(self, rounds: int | None = None) -> int | None:
        """Does all that can be done now; returns when the next timer is due, None where none is set.

        After so many rounds it gives way, with the present moment where there is more to do.
        """
        while rounds is None or rounds > 0:
            if self._events or self._drives:
                self._take_in()
                self._lay_down()
                self._evict()
                for _ in range(len(self._drives)):
                    self._drives.popleft()()
            elif not self._ring(self._clock.now()):
                return self._next_due()
            if rounds is not None:
                rounds -= 1
        return self._clock.now()

    @property
    def awaits_answers(self) -> bool:
        """Whether a task waits for somebody else's answer: its handler has ended and left it open."""
        return bool(self._open)

    def drain(self) -> None:
        """From now on no task is begun; those that are asked for stay in the outbox."""
        self._is_draining = True

    def close(self) -> None:
        """Gives up every task that is being performed; in the store they are as they were."""
        for attempt in list(self._attempts.values()):
            self._end(attempt)

    # --- events -----------------------------------------------------------------------------------------------------

    def _take_in(self) -> None:
        events, gathered = self._events, self._gathered
        while events and len(gathered) < STEPS_IN_A_GROUP:
            events.popleft()()

    def _tell(self, arn: str, event: Callable[..., Event], facts: Mapping[str, Any], done: Done | None) -> None:
        active = self._find(arn)
        if active is None:  # it ended meanwhile, or is another host's now
            if done:
                done(False)
            return
        program, execution = active.program, active.execution
        missing = self._missing(execution, program) if self._missing and program.activities else ()
        fact = event(at=self._clock.now(), entropy=self._entropy(), missing=missing, **facts)
        made = step(program, execution, fact)
        if made is None:
            if execution.status.is_terminal:
                self._forget(arn)  # it had ended when it was taken over
            if done:
                done(False)
            return
        self._store.commit(execution, fact, made)
        if isinstance(fact, TaskSucceeded | TaskFailed):
            self._answered(fact.token)
        elif isinstance(fact, TaskStarted | TaskHeartbeat) and fact.token in self._open:
            self.news_of_open_tasks += 1
        self._gathered.append((execution, made, done))

    def _open_letter(self, letter: Letter) -> None:
        """The event happens now, not when it was written: the time of a history never goes back."""
        if not self.carries(letter.execution_arn):
            return
        facts = {
            name: value for name, value in asdict(letter.event).items() if name not in ("at", "entropy", "missing")
        }
        self._tell(letter.execution_arn, type(letter.event), facts, None)
        self._store.settle(letter)
        self._letters.discard(letter.number)

    def _answered(self, token: str) -> None:
        """Nobody waits for the task any more; what it began goes on."""
        self._open.discard(token)
        attempt = self._attempts.get(token)
        if attempt is not None and attempt.give_up is not None:  # else it is the one that answers
            self._end(attempt)

    # --- executions in memory ---------------------------------------------------------------------------------------

    def _find(self, arn: str) -> Active | None:
        """The execution where this worker carries it on."""
        active = self._active.get(arn)
        if active is None:
            if arn not in self._timers:
                return None
            execution, definition = self._store.load(arn)
            active = Active(self._compile(definition, execution.type), execution)
        self._keep(arn, active)
        return active

    def _keep(self, arn: str, active: Active) -> None:
        self._active[arn] = active
        self._active.move_to_end(arn)

    def _evict(self) -> None:
        """Everything is laid down, or with the store, at this moment."""
        while len(self._active) > KEPT_IN_MEMORY:
            self._active.popitem(last=False)

    def _forget(self, arn: str) -> None:
        self._timers.pop(arn, None)
        self._active.pop(arn, None)

    # --- laying down ------------------------------------------------------------------------------------------------

    def _lay_down(self) -> None:
        """Lays down what was gathered, and lets the world see it."""
        gathered = self._gathered
        lost = self._store.flush()
        told, self._laid_down = self._laid_down, []
        for tell in told:
            tell(True)
        if not gathered:
            return
        self._gathered = []
        for execution, made, done in gathered:
            arn = execution.arn
            if arn in lost:
                self._lose(arn)
                if done:
                    done(_why_lost(arn, made))
                continue
            if self._observe:
                self._observe(execution, made)
            for effect in made.effects:
                self._perform(arn, effect)
            if done:
                done(True)

    def _lose(self, arn: str) -> None:
        """Another host carries the execution on."""
        self._forget(arn)
        for attempt in list(self._attempts.values()):
            if attempt.task.execution_arn == arn:
                self._end(attempt)

    # --- effects ----------------------------------------------------------------------------------------------------

    def _perform(self, arn: str, effect: Effect) -> None:
        match effect:
            case InvokeTask():
                if not self._is_draining:
                    attempt = self._attempts[effect.token] = Attempt(effect, self._tasks(effect))
                    self._drives.append(partial(self._drive, attempt, 0, None, None))
            case CancelTask(token=token):
                self._open.discard(token)
                if token in self._attempts:
                    self._cancel(self._attempts[token])
            case SetTimer(timer=timer, due=due):
                if arn in self._timers:
                    self._timers[arn].add(timer)
                    self._set_alarm(self._scaled(due, timer), arn, timer)
            case CancelTimer(timer=timer):
                if arn in self._timers:
                    self._timers[arn].discard(timer)
            case FinishExecution():
                self._forget(arn)
                self._tell_of_end(arn)
            case _:
                assert_never(effect)

    def _scaled(self, due: int, timer: str) -> int:
        if self._wait_scale == 1.0 or not timer.startswith(f"{WAIT}:"):
            return due
        now = self._clock.now()
        return now + round(max(0, due - now) * self._wait_scale)

    def _cancel(self, attempt: Attempt) -> None:
        """Gives the task up, and lets its exchange cancel what it began."""
        if attempt.turn == 0 and attempt.task.submitted is not None:
            self._drive(attempt, 0, None, None)  # its first half was performed by another host: it must come to know
        if attempt.give_up:
            attempt.give_up()
        attempt.is_cancelled = True
        attempt.turn += 1
        self._drives.append(partial(self._drive, attempt, attempt.turn, None, TaskCancelled()))

    def _end(self, attempt: Attempt) -> None:
        """Ends the exchange; what it began goes on."""
        if attempt.give_up:
            attempt.give_up()
        attempt.is_over = True
        self._attempts.pop(attempt.task.token, None)
        attempt.exchange.close()

    # --- tasks ------------------------------------------------------------------------------------------------------

    def _drive(self, attempt: Attempt, turn: int, value: Any, error: BaseException | None) -> None:
        """Carries an exchange on to where it has to wait."""
        if attempt.is_over or attempt.turn != turn:
            return
        attempt.turn += 1
        attempt.give_up = None
        is_answered = False
        while True:
            try:
                request = attempt.exchange.send(value) if error is None else attempt.exchange.throw(error)
            except (StopIteration, TaskCancelled):
                attempt.is_over = True
                self._attempts.pop(attempt.task.token, None)
                if not is_answered and not attempt.is_cancelled:
                    self._events.append(partial(self._leave_open, attempt.task))  # after what was said of it
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
                    self._set_alarm(
                        due, attempt.task.execution_arn, partial(self._drive, attempt, attempt.turn, None, None)
                    )
                    attempt.give_up = _nothing
                    return
                case StartExecution():
                    try:
                        value = self._launch(attempt.task, request)
                    except CallerError as fault:
                        error = fault
                case AwaitExecution(arn):
                    try:
                        self._await_execution(attempt, arn)
                    except ExecutionDoesNotExist as fault:  # pruned, or an Express one whose host died
                        error = fault
                        continue
                    return
                case StopExecution(arn):
                    with suppress(ExecutionDoesNotExist):
                        self.stop(arn)
                case _ if attempt.is_cancelled:
                    pass  # nobody hears it
                case _:
                    is_answered = isinstance(request, Succeeded | Failure)
                    self._report(attempt.task, request)

    def _call(self, attempt: Attempt, call: Call, answers: list[tuple[Any, BaseException | None]]) -> None:
        """Has the call run; an answer that is there at once is left in `answers`, a later one drives the exchange."""
        at_once = True
        turn = attempt.turn

        def done(value: Any, error: BaseException | None) -> None:
            if at_once:
                answers.append((value, error))
            else:
                self._drives.append(partial(self._drive, attempt, turn, value, error))

        attempt.give_up = self._runner(call, done)
        at_once = False

    def _await_execution(self, attempt: Attempt, arn: str) -> None:
        self._waiting_for.setdefault(arn, []).append(attempt)
        attempt.give_up = partial(self._wait_no_more, arn, attempt)
        if not self.carries(arn):
            self._tell_of_end(arn)
        if arn in self._waiting_for and not self.carries(arn) and (found := self._store.claim(arn)) is not None:
            self.take_over(found)  # its host is gone
            if self._store.describe(arn).status.is_terminal:  # it has ended it just before
                self._forget(arn)
                self._tell_of_end(arn)

    def _wait_no_more(self, arn: str, attempt: Attempt) -> None:
        waiting = self._waiting_for.get(arn, [])
        if attempt in waiting:
            waiting.remove(attempt)
        if not waiting:
            self._waiting_for.pop(arn, None)

    def _tell_of_end(self, arn: str) -> None:
        """Lets the tasks know that wait for the end of this execution, if that has come."""
        if arn not in self._waiting_for:
            return
        told: Execution | None = None
        fault: ExecutionDoesNotExist | None = None
        try:
            told = self._store.describe(arn)
        except ExecutionDoesNotExist as gone:
            fault = gone
        if told is None or told.status.is_terminal:
            for attempt in self._waiting_for.pop(arn):
                self._drives.append(partial(self._drive, attempt, attempt.turn, told, fault))

    def stop(self, arn: str, failure: Failure = NO_REASON, done: Done | None = None) -> None:
        """Has an execution stopped, whoever carries it on."""
        if self.carries(arn):
            self.send(arn, ExecutionStopped, done, failure=failure)
        else:
            self.post(arn, ExecutionStopped, failure=failure)
            if done:
                done(True)

    def post(self, arn: str, event: Callable[..., Event], **facts: Any) -> None:
        """Lets an execution of another host, present or to come, know of something; laid down when this returns."""
        self._store.post(arn, event(at=self._clock.now(), entropy=self._entropy(), **facts))

    def fact(self, event: Callable[..., E], **facts: Any) -> Callable[[str], E]:
        """Makes an event of this moment of a task's token."""
        return lambda token: event(at=self._clock.now(), entropy=self._entropy(), token=token, **facts)

    def _leave_open(self, task: InvokeTask) -> None:
        active = self._find(task.execution_arn)
        if active is not None:
            self._note_open(task.token)
            self._store.leave_open(active.execution, task.token)

    def _note_open(self, token: str) -> None:
        self._open.add(token)
        self.news_of_open_tasks += 1

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
            case Call() | Pause() | StartExecution() | AwaitExecution() | StopExecution():
                raise AssertionError("these are no reports")
            case _:
                assert_never(report)

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
                self._drives.append(what)
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


def _why_lost(arn: str, made: Step) -> CallerError:
    if made.history and made.history[0].id == 1:  # two processes have started it at the same time
        return ExecutionAlreadyExists(f"Execution Already Exists: '{arn}'")
    return ExecutionDoesNotExist(f"Execution Does Not Exist: '{arn}'")


def _nothing() -> None:
    pass
