"""TestState, performed: drives `try_state` with a clock, chance and a task handler.

    perform(StateTest(definition=..., input=...), tasks)  ->  the response of the API

Rule 1: what the engine asks for is done here and now, on the caller's thread, and a handler's calls beside it.
Rule 2: a task ends in time: when its timeout has passed its exchange is given up as a host gives one up.
"""

import os
from collections.abc import Callable
from queue import Empty, SimpleQueue
from time import monotonic, sleep
from typing import Any

from stepwell.adapters.clocks import SystemClock
from stepwell.adapters.runners import ThreadRunner
from stepwell.adapters.service_models import fault_of
from stepwell.adapters.tasks.bindings import unbound
from stepwell.adapters.tasks.telling import Telling, being_told
from stepwell.definitions import failure as names
from stepwell.definitions.failure import Failure
from stepwell.engine import arns
from stepwell.engine.effects import InvokeTask
from stepwell.engine.errors import CallerError, StateMachineDoesNotExist
from stepwell.engine.operations.test_state import (
    MOST_SECONDS,
    CheckResult,
    InspectionLevel,
    Performed,
    StateTest,
    try_state,
)
from stepwell.engine.ports import Call, Exchange, Pause, StartExecution, Succeeded, TaskCancelled, TaskHandler

CANCELLING_SECONDS = 2
"""How long a task that is given up has to cancel what it began."""

Nested = Callable[[InvokeTask, StartExecution], Any]
"""Starts an execution for a task and returns the `Execution`; raises a CallerError."""

UNANSWERED = Failure("States.TaskFailed", "The task was left open: nobody can answer it by its token in a test.")


def perform(
    test: StateTest,
    tasks: TaskHandler = unbound,
    *,
    at: int | None = None,
    entropy: bytes | None = None,
    region: str = arns.DEFAULT_REGION,
    account: str = arns.DEFAULT_ACCOUNT,
    check_result: CheckResult = fault_of,
    start_execution: Nested | None = None,
    pause: Callable[[float], None] = sleep,
) -> dict[str, Any]:
    """The response of TestState. Blocks while a task is performed and while a Wait waits.

    `at` is the time in milliseconds since the epoch, now where it is not given; `entropy` the seed of all chance;
    `pause` lets the seconds of a Wait pass. A task that starts an execution does so by `start_execution`.

    Raises InvalidDefinition, InvalidExecutionInput, InvalidArn and ValidationException.
    """
    exchange = try_state(
        test,
        at=SystemClock().now() if at is None else at,
        entropy=os.urandom(16) if entropy is None else entropy,
        region=region,
        account=account,
        check_result=check_result,
    )
    is_traced = test.inspection_level is InspectionLevel.TRACE
    telling = Telling(reveals_secrets=test.reveal_secrets) if is_traced else None
    performed: Performed | None = None
    while True:
        try:
            request = exchange.send(performed)
        except StopIteration as end:
            response: dict[str, Any] = end.value
            return response
        performed = None
        if isinstance(request, Pause):
            pause(request.seconds)
        else:
            with being_told(telling):
                performed = _perform(request, tasks(request), start_execution)


def _perform(task: InvokeTask, exchange: Exchange, start_execution: Nested | None) -> Performed:
    """Carries the exchange of a task to its end, or to the end of its time."""
    jobs: SimpleQueue[Callable[[], None]] = SimpleQueue()
    runner = ThreadRunner(jobs.put)

    def answered(request: Any, deadline: float) -> tuple[Any, BaseException | None]:
        """What the exchange is sent for its request, or has thrown."""
        if isinstance(request, Call):
            return _called(request, runner, jobs, deadline)
        if isinstance(request, Pause):
            sleep(max(0.0, min(request.seconds, deadline - monotonic())))
        elif isinstance(request, StartExecution):
            return _started(task, request, start_execution)
        return None, None

    def drive(error: BaseException | None, deadline: float) -> Performed | None:
        """What came of the task by then; None where its time is over."""
        value: Any = None
        while True:
            try:
                request = exchange.send(value) if error is None else exchange.throw(error)
            except (StopIteration, TaskCancelled):
                return Performed(outcome=UNANSWERED)
            if isinstance(request, Performed):  # a handler that tells how its request went
                return request
            if isinstance(request, Succeeded):
                return Performed(outcome=request.output)
            if isinstance(request, Failure):
                return Performed(outcome=request)
            value, error = answered(request, deadline)
            if monotonic() >= deadline:
                return None

    try:
        performed = drive(None, monotonic() + (task.timeout_seconds or MOST_SECONDS))
        if performed is None:
            drive(TaskCancelled(), monotonic() + CANCELLING_SECONDS)
            performed = Performed(outcome=Failure(names.TIMEOUT))
        return performed
    finally:
        exchange.close()
        runner.close()


def _called(
    call: Call, runner: ThreadRunner, jobs: "SimpleQueue[Callable[[], None]]", deadline: float
) -> tuple[Any, BaseException | None]:
    """What a call returned or raised; nothing where it was given up at the deadline."""
    answers: list[tuple[Any, BaseException | None]] = []
    give_up = runner(call, lambda value, error: answers.append((value, error)))
    while not answers:
        try:
            jobs.get(timeout=max(0.0, deadline - monotonic()))()
        except Empty:
            give_up()
            return None, None
    return answers[0]


def _started(
    task: InvokeTask, request: StartExecution, start_execution: Nested | None
) -> tuple[Any, BaseException | None]:
    try:
        if start_execution is None:
            raise StateMachineDoesNotExist(f"State Machine Does Not Exist: '{request.state_machine_arn}'")
        return start_execution(task, request), None
    except CallerError as fault:
        return None, fault
