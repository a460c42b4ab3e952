"""The machine within the invocation: an Express execution that is waited for, in memory, on the invocation's thread.

Nothing outlives the invocation but the compiled program. The functions of tasks run on threads, beside each other where
branches and iterations do.
"""

import os
import threading
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from stepwell.adapters.hosts.local import LocalHost
from stepwell.adapters.lambda_.invocations import Invocation, failed
from stepwell.adapters.runs import Definition, new_execution_of, prepare, run_to_the_end
from stepwell.adapters.stores.memory import MemoryStore
from stepwell.adapters.tasks.bindings import Bindings, BoundTasks, Functions, unbound
from stepwell.definitions.failure import TIMEOUT, Failure
from stepwell.definitions.json_text import dumps_checked, loads
from stepwell.engine import arns
from stepwell.engine.events import ExecutionStopped
from stepwell.engine.lifecycles import ExecutionStatus
from stepwell.engine.ports import TaskHandler

if TYPE_CHECKING:
    from stepwell.adapters.tasks.aws import Endpoints


class Inside:
    """A Lambda handler that runs a machine. An invocation that has no time to begin runs nothing."""

    def __init__(
        self,
        definition: Definition,
        functions: Functions | None,
        aws: "bool | Endpoints",
        *,
        state_machine_arn: str | None,
        margin_millis: int,
    ) -> None:
        prepared = prepare(definition, type="EXPRESS")
        self._prepared = replace(prepared, machine_arn=arns.machine_in(state_machine_arn or prepared.machine_arn))
        self._tasks = BoundTasks(Bindings(functions), _services(aws))
        self._margin_millis = margin_millis

    def __call__(self, event: Any, invocation: Invocation | None = None) -> Any:
        """The execution's output. Raises ExecutionFailed, InvalidExecutionInput and InvalidName."""
        host = LocalHost(self._tasks, MemoryStore())
        execution = new_execution_of(
            self._prepared,
            host,
            input=dumps_checked(event),
            name=invocation.aws_request_id if invocation else None,
            is_synchronous=True,
        )
        alarm = self._alarm(host, execution.arn, invocation) if invocation else None
        host.worker.start(self._prepared.program, execution, self._prepared.definition)
        if alarm:
            alarm.start()
        try:
            run_to_the_end(host)
        finally:
            if alarm:
                alarm.cancel()
        if execution.status is not ExecutionStatus.SUCCEEDED:
            raise failed(execution.status, execution.error, execution.cause)
        assert execution.output is not None, "it has succeeded"
        return loads(execution.output)

    def _alarm(self, host: LocalHost, arn: str, invocation: Invocation) -> threading.Timer:
        """Stops the execution while the invocation still has the time to say so; raises ExecutionFailed if it has none.

        Differs from AWS: there an execution has its five minutes, whoever waits for it.
        """
        left = invocation.get_remaining_time_in_millis() - self._margin_millis
        end = f"{self._margin_millis} ms before the end of the invocation"
        if left <= 0:
            raise failed("TIMED_OUT", TIMEOUT, f"The execution was not begun: it would have been stopped {end}")
        failure = Failure(TIMEOUT, f"The execution was stopped {end}")
        stop = partial(host.worker.send, arn, ExecutionStopped, failure=failure)
        timer = threading.Timer(left / 1000, host.post, (stop,))
        timer.daemon = True
        return timer


def _services(aws: "bool | Endpoints") -> TaskHandler:
    """Who performs tasks that no function is bound to."""
    if aws is False:
        return unbound
    from stepwell.adapters.tasks.aws import AwsTasks, Endpoints  # here, not above: most functions call no service so

    return AwsTasks(Endpoints.real(os.environ) if aws is True else aws)
