"""What the tasks of a chaos run do: exactly what their plan says, whoever performs them and however often.

The plan is in the task's input, beside the number `n` that flows through all machines and the attempt. A result is a
function of these alone, so the undisturbed execution gets the same. Who performs a task notes that first of all.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Any, Protocol
from zlib import crc32

from stepwell.adapters.tasks.bindings import Bindings, BoundTasks
from stepwell.adapters.tasks.executions import NestedExecutions
from stepwell.adapters.tasks.functions import TaskError
from stepwell.definitions.failure import Failure
from stepwell.definitions.json_text import dumps, loads
from stepwell.definitions.resources import Activity, Integration
from stepwell.engine.effects import InvokeTask
from stepwell.engine.ports import Exchange, Pause, Started, Succeeded
from support import ACCOUNT, CALLBACK

FUNCTION = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:do-work"
COROUTINE = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:do-work-async"
INVOKE = "arn:aws:states:::lambda:invoke"
JOB = "arn:aws:states:::glue:startJobRun.sync"

WORKER = "worker"
"""The name that all workers of activities give."""

HANGING_SECONDS = 30.0
"""How long a function takes that is to be timed out after one."""

Given = dict[str, Any]
Answer = int | Failure


def given_in(task: InvokeTask) -> Given:
    """The plan of a task and what goes with it, wherever its parameters hold that. A nested execution that is not
    answered by a token has no plan."""
    parameters = loads(task.input)
    return parameters.get("Payload") or parameters.get("Input") or parameters.get("Arguments") or parameters


def result_of(given: Given) -> Answer:
    """What becomes of a task: a number, or a failure in its first so many attempts."""
    plan = given["plan"]
    if given["attempt"] < plan.get("fails", 0):
        return Failure(plan["error"], f"{plan['state']} fails for {given['n']} at attempt {given['attempt']}")
    return crc32(f"{plan['state']} {given['n']} {given['attempt']}".encode()) % 1000


class Witness(Protocol):
    """Where a function is performed for real."""

    def performs(self, given: Given, tail: str) -> None:
        """Notes that a function begins; `tail`: the last characters of its task's token."""

    def answer(self, token: str, answer: Answer) -> None:
        """Answers a task by its token, from within the function that was given it."""


class Functions:
    """The functions; without a witness they take no time and answer nobody."""

    def __init__(self, witness: Witness | None = None) -> None:
        self._witness = witness

    @property
    def bindings(self) -> dict[str, Callable[..., Any]]:
        return {"do-work": self.work, "do-work-async": self.work_async, JOB: self.work_job, CALLBACK: self.hand_over}

    def work(self, given: Given, context: Any) -> int:
        if self._witness:
            self._witness.performs(given, context.log_stream_name)
            time.sleep(given["plan"].get("seconds", 0))
        return _told(result_of(given))

    def work_job(self, parameters: Given, context: Any) -> int:
        return self.work(parameters["Arguments"], context)

    async def work_async(self, given: Given, context: Any) -> int:
        if self._witness:
            self._witness.performs(given, context.log_stream_name)
            await asyncio.sleep(given["plan"].get("seconds", 0))
        return _told(result_of(given))

    def hand_over(self, given: Given, context: Any) -> str:
        """Hands the token to somebody, or answers it at once."""
        if self._witness:
            self._witness.performs(given, context.log_stream_name)
            if given["plan"]["by"] == "itself":
                self._witness.answer(given["token"], result_of(given))
        return "handed over"


def _told(answer: Answer) -> int:
    if not isinstance(answer, Failure):
        return answer
    if answer.error == "ValueError":
        raise ValueError(answer.cause)
    raise TaskError(answer.error or "", answer.cause)


def undisturbed() -> Callable[[InvokeTask], Exchange]:
    """A `TaskHandler` for the simulation: the same results after the same times, answers from outside included."""
    bound = NestedExecutions(BoundTasks(Bindings(Functions().bindings)))

    def perform(task: InvokeTask) -> Exchange:
        given = given_in(task)
        if "plan" not in given:  # what an execution is started with
            yield from bound(task)
            return
        if isinstance(task.resource, Activity):
            yield Started(WORKER)
            yield Pause(0.01)
            yield _reported(result_of(given))
            return
        yield Pause(given["plan"].get("seconds", 0))
        if not isinstance(task.resource, Integration) or task.resource.pattern != "waitForTaskToken":
            yield from bound(task)
        elif given["plan"]["by"] == "itself":  # before the function returns: nothing is submitted
            yield _reported(result_of(given))
        else:
            yield from bound(task)
            yield from _answered(given)

    return perform


def _answered(given: Given) -> Iterator[Any]:
    if given["plan"]["by"] != "nobody":
        yield Pause(0.01)
        yield _reported(result_of(given))


def _reported(answer: Answer) -> Succeeded | Failure:
    return answer if isinstance(answer, Failure) else Succeeded(dumps(answer))
