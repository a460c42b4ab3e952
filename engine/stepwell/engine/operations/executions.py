"""What callers may ask of executions: start, stop, redrive them, answer their tasks.

The operations are called on the thread of a worker. What they bring about is laid down when `done` is called.
"""

import re
from collections.abc import Callable
from typing import Any

from stepwell.definitions.expressions import Entropy
from stepwell.definitions.failure import Failure
from stepwell.definitions.json_text import InvalidJson, exceeds, loads
from stepwell.definitions.kinds import StateMachineType
from stepwell.engine import arns, quotas, tokens
from stepwell.engine.errors import (
    ExecutionAlreadyExists,
    ExecutionDoesNotExist,
    ExecutionNotRedrivable,
    InvalidExecutionInput,
    InvalidName,
    InvalidOutput,
    InvalidToken,
    TaskTimedOut,
)
from stepwell.engine.events import NO_REASON, Event, ExecutionRedriven, TaskStarted
from stepwell.engine.execution import Execution
from stepwell.engine.lifecycles import ExecutionStatus
from stepwell.engine.ports import Store
from stepwell.engine.program import Program
from stepwell.engine.redrive import redrive_status
from stepwell.engine.worker import Done, Worker

FORBIDDEN_IN_NAMES = re.compile(
    r"[\s?*<>{}\[\]\"#%\\^|~`$&,;:/\u0000-\u001f\u007f-\u009f\ud800-\udfff\ufffe\uffff\U0010ffff]"
)


def checked_name(name: str) -> str:
    """The name of an execution or a state machine; raises InvalidName."""
    if not 1 <= len(name) <= 80 or FORBIDDEN_IN_NAMES.search(name):
        raise InvalidName(f"Invalid Name: '{name}'")
    return name


def checked_input(text: str) -> str:
    """The input of an execution, as it was given; raises InvalidExecutionInput for what is no JSON or too long."""
    if not text:
        raise InvalidExecutionInput("Invalid State Machine Execution Input: 'Invalid execution input.'")
    try:
        loads(text)
    except InvalidJson as fault:
        raise InvalidExecutionInput(f"Invalid State Machine Execution Input: '{fault.message}'") from None
    if exceeds(text, quotas.PAYLOAD_BYTES):
        raise InvalidExecutionInput(
            f"Invalid State Machine Execution Input: 'The input is longer than {quotas.PAYLOAD_BYTES} bytes'"
        )
    return text


def checked_output(text: str) -> str:
    """The output given for a task; raises InvalidOutput for what is no JSON or too long."""
    try:
        loads(text)
    except InvalidJson as fault:
        raise InvalidOutput(f"Invalid Output: '{fault.message}'") from None
    if exceeds(text, quotas.PAYLOAD_BYTES):
        raise InvalidOutput(f"Invalid Output: 'The output is longer than {quotas.PAYLOAD_BYTES} bytes'")
    return text


def new_execution(
    *,
    at: int,
    entropy: bytes,
    input: str = "{}",
    name: str | None = None,
    arn: str | None = None,
    machine_arn: str,
    role_arn: str = arns.DEFAULT_ROLE,
    version_arn: str | None = None,
    alias_arn: str | None = None,
    type: StateMachineType = StateMachineType.STANDARD,
    is_synchronous: bool = False,
    started_by: str | None = None,
    trace_header: str | None = None,
    test_case: str | None = None,
) -> Execution:
    """An execution before its first step. Raises InvalidExecutionInput and InvalidName.

    Without a name it gets a UUID. `at` is in milliseconds since the epoch.
    """
    checked_input(input)
    if name is not None:
        checked_name(name)
    unique = Entropy(entropy).uuid() if name is None or type is StateMachineType.EXPRESS else ""
    name = name or unique
    return Execution(
        arn=arn or arns.execution_arn(machine_arn, name, type, unique),
        name=name,
        state_machine_arn=machine_arn,
        state_machine_name=machine_arn.rpartition(":")[2],
        role_arn=role_arn,
        type=type,
        is_synchronous=is_synchronous,
        input=input,
        started_at=at,
        state_machine_version_arn=version_arn,
        state_machine_alias_arn=alias_arn,
        started_by=started_by,
        trace_header=trace_header,
        test_case=test_case,
    )


def start_execution(
    worker: Worker,
    store: Store,
    program: Program,
    execution: Execution,
    definition: str,
    *,
    settings: str | None = None,
    is_unique: bool = False,
    done: Done | None = None,
) -> Execution:
    """Starts a new execution and returns it, or the one that runs already if it was started in the same way.

    A name is taken for good by the first Standard execution of a state machine that has it; asking once more with the
    same input while that one runs changes nothing. Raises ExecutionAlreadyExists.
    """
    try:
        worker.start(program, execution, definition, settings=settings, is_unique=is_unique, done=done)
    except ExecutionAlreadyExists:
        existing = worker.in_memory(execution.arn) or store.describe(execution.arn)
        is_ours = execution.started_by is not None and existing.started_by == execution.started_by
        is_same = existing.status is ExecutionStatus.RUNNING and existing.input == execution.input
        if not (is_ours or is_same):
            raise
        if done:
            worker.once_laid_down(done)
        return existing
    return execution


def stop_execution(
    worker: Worker, store: Store, arn: str, failure: Failure = NO_REASON, done: Done | None = None
) -> None:
    """Aborts an execution, whoever carries it on; one that has ended stays as it is.

    Raises ExecutionDoesNotExist.
    """
    if store.describe(arn).status.is_terminal:
        if done:
            done(False)
        return
    if not worker.carries(arn) and (found := store.claim(arn)) is not None:
        worker.take_over(found)  # its host is gone; its tasks are not begun, for the stop comes before them
    worker.stop(arn, failure, done)


def redrive_execution(
    worker: Worker, store: Store, arn: str, at: int, done: Done | None = None, *, client_token: str | None = None
) -> None:
    """Lets an execution that did not succeed go on where it failed. `at` in milliseconds since the epoch.

    Asked for once more with the same client token within a quarter of an hour, nothing changes. Raises
    ExecutionDoesNotExist and ExecutionNotRedrivable.
    """
    execution = store.describe(arn)
    if client_token is not None and execution.redrive_token == client_token:
        assert execution.redriven_at is not None, "it was redriven with this token"
        if at - execution.redriven_at <= quotas.REDRIVE_TOKEN_SECONDS * 1000:
            if done:
                done(False)
            return
    _, reason = redrive_status(execution, at)
    if reason is not None:
        raise ExecutionNotRedrivable(f"Execution Not Redrivable: '{reason}'")
    busy = ExecutionNotRedrivable("Execution Not Redrivable: 'Execution is RUNNING and cannot be redriven'")
    if worker.carries(arn) or (found := store.claim(arn)) is None:  # somebody redrives it at this moment
        raise busy

    def told(change: bool | Exception) -> None:
        if done:
            done(change or busy)

    worker.take_over(found)
    worker.send(arn, ExecutionRedriven, told, client_token=client_token)


def answer_task(
    worker: Worker, store: Store, token: str, event: Callable[..., Event], done: Done, **facts: Any
) -> None:
    """Tells the task that waits with this token, whoever carries its execution on.

    Raises InvalidToken. A token dies with its attempt: where nobody waits any more `done` hears of TaskTimedOut.
    """
    arn, _ = tokens.address(token)

    def told(change: bool | Exception) -> None:
        done(change or TaskTimedOut())

    if worker.carries(arn):
        worker.answer(token, event, told, **facts)
        return
    try:
        is_open = store.open_task(token) is not None
    except ExecutionDoesNotExist:
        raise InvalidToken from None
    if is_open:
        worker.post(arn, event, token=token, **facts)
    told(is_open)


def take_activity_task(
    worker: Worker, store: Store, activity_arn: str, worker_name: str | None
) -> tuple[str, str] | None:
    """Token and input of the oldest task of an activity that nobody has taken; None where there is none."""
    found = store.take_activity_task(activity_arn, worker.fact(TaskStarted, worker_name=worker_name))
    if found is not None:
        worker.look_around()
    return found
