"""The world around the calls of a case: who performs the tasks of the executions that they start."""

import json
import re
from collections.abc import Callable, Mapping
from queue import SimpleQueue
from typing import Any

from conformance.answers import Script
from conformance.cases import Case
from conformance.compare import Bindings
from conformance.sdk import Params, Reading
from stepwell.adapters.runtime import Runtime
from stepwell.definitions.failure import Failure
from stepwell.definitions.resources import Activity, Integration
from stepwell.engine import arns
from stepwell.engine.effects import InvokeTask
from stepwell.engine.ports import Call, Exchange, Succeeded, TaskHandler

WORKER = re.compile("GetActivityTask|getActivityTask")

ANSWERS = frozenset({"SendTaskSuccess", "SendTaskFailure"})

Recorded = Mapping[str, Any]

Ask = Callable[[str, Params], tuple[int, Reading]]


class World:
    """Performs the tasks of a case's executions: those that are recorded as the record tells, but for activities whose
    workers are in the case too; the others as the runtime does. Of what is beside that, tasks that call Step Functions
    ask the API, and the rest is left open.
    """

    def __init__(self, case: Case, ask: Ask, bindings: Bindings) -> None:
        self.tokens: SimpleQueue[str] = SimpleQueue()
        """Of the tasks whose token was sent to somebody."""
        self._case, self._ask, self._bindings = case, ask, bindings
        self._of_the_runtime: TaskHandler = self.beside
        self._to_come: dict[str, Script] = {}
        self._scripts: dict[str, Script] = {}
        self._left_to_calls = sum(1 for call in case.calls if _is_answer(call))
        self._has_workers = any(WORKER.search(json.dumps(call)) for call in case.calls)

    def surround(self, runtime: Runtime) -> None:
        """Has the runtime's tasks come here first."""
        self._of_the_runtime, runtime.tasks = runtime.tasks, self

    def prepare(self, machine_arn: str, execution: Recorded) -> None:
        """The next execution of this machine will be that of the record."""
        name = arns.name_in(arns.machine_in(machine_arn))
        self._to_come[name] = Script(execution, self._case.resources, self._bindings)

    def __call__(self, task: InvokeTask, /) -> Exchange:
        is_worker_asked = self._has_workers and isinstance(task.resource, Activity)
        script = None if is_worker_asked else self._script(task.execution_arn)
        return self._of_the_runtime(task) if script is None else self._play(task, script)

    def beside(self, task: InvokeTask, /) -> Exchange:
        """What is neither recorded nor the runtime's."""
        if isinstance(task.resource, Integration) and task.resource.service == "aws-sdk:sfn":
            yield from self._perform(task, task.resource.action)

    def _script(self, execution_arn: str) -> Script | None:
        if execution_arn not in self._scripts:
            name = execution_arn.split(":")[6]
            if name not in self._to_come:
                return None
            self._scripts[execution_arn] = self._to_come.pop(name)
        return self._scripts[execution_arn]

    def _play(self, task: InvokeTask, script: Script) -> Exchange:
        has_token = isinstance(task.resource, Integration) and task.resource.pattern == "waitForTaskToken"
        for request in script(task):
            if has_token and isinstance(request, Succeeded | Failure) and self._left_to_calls:
                self._left_to_calls -= 1
                break
            yield request
        if has_token:
            yield Call(self.tokens.put, (task.token,))

    def _perform(self, task: InvokeTask, action: str) -> Exchange:
        """A task of `aws-sdk:sfn`, whose parameters are the API's with capitals."""
        params = {key[:1].lower() + key[1:]: value for key, value in json.loads(task.input).items()}
        operation = action[:1].upper() + action[1:]
        _, answer = yield Call(self._ask, (operation, params))
        if "Error" in answer:
            yield Failure(f"Sfn.{answer['Error']['Code']}Exception", answer["Error"]["Message"])
        else:
            yield Succeeded(json.dumps({key[:1].upper() + key[1:]: value for key, value in answer.items()}))


def _is_answer(call: Recorded) -> bool:
    """Whether the test answered a task whose token it was sent."""
    return call["operation"] in ANSWERS and any(row.get("from") == "task_message" for row in call.get("bindings", ()))
