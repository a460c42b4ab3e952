"""Stepwell in your own process: run a state machine, or keep an engine that runs many.

    from stepwell.local import run

    result = run("order.asl.json", {"orderId": 7}, functions={"Charge": charge})
    result.status, result.output

A definition is a dict, JSON or YAML text, a path (of a template: with `#LogicalId`) or a `StateMachine`. Functions are
bound to tasks by the ARN or name of what the task calls, or by the name of the state. A function of one argument gets
the task's input; one of two is a Lambda handler. Both may be `async`. Raise `TaskError` for an error name of your own.
Tasks that are bound to none are performed by the `world`, where there is one (`stepwell.world`): Lambda functions from
their source, AWS services in moto, at an endpoint or in the cloud, and HTTP APIs.
"""

from collections.abc import Callable, Mapping
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any

from stepwell.adapters.clocks import SkippingClock, SystemClock
from stepwell.adapters.engine import ActivityTask, Engine, EngineClosed, Retention
from stepwell.adapters.hosts.local import LocalHost
from stepwell.adapters.results import Result
from stepwell.adapters.runs import (
    Definition,
    Machines,
    host_of,
    input_text,
    launcher,
    mocked,
    prepare,
    run_to_the_end,
    start,
)
from stepwell.adapters.stores.memory import MemoryStore
from stepwell.adapters.tasks.bindings import Bindings, BoundTasks, Functions, unbound
from stepwell.adapters.tasks.executions import NestedExecutions
from stepwell.adapters.tasks.functions import TaskError, as_failure
from stepwell.adapters.tasks.mocks import Mocks
from stepwell.definitions.expressions import Json
from stepwell.definitions.json_text import dumps_checked
from stepwell.engine import tokens
from stepwell.engine.events import Event, TaskFailed, TaskHeartbeat, TaskSucceeded
from stepwell.engine.operations.executions import checked_output
from stepwell.engine.ports import StoreFailed, TaskHandler

STEP_FUNCTIONS = ":aws-sdk:sfn:"

__all__ = [
    "ActivityTask",
    "Definition",
    "Engine",
    "EngineClosed",
    "Functions",
    "Result",
    "Retention",
    "StoreFailed",
    "TaskError",
    "run",
    "send_task_failure",
    "send_task_heartbeat",
    "send_task_success",
]


def run(
    definition: Definition,
    input: Json = None,
    *,
    functions: Functions | None = None,
    mocks: Mocks | None = None,
    state_machines: Mapping[str, Definition] | None = None,
    world: TaskHandler | None = None,
    record: str | PathLike[str] | None = None,
    fast_forward: bool = False,
    name: str | None = None,
) -> Result:
    """Runs one execution to its end, in this thread, in memory.

    `input` is a JSON value (None: an empty object). `fast_forward` skips the time in which everything waits, with true
    timestamps. `mocks`: see `stepwell.adapters.tasks.mocks.read_mocks`. Ctrl-C aborts the execution and is raised again
    once the execution has ended. `state_machines`: definitions that tasks may start as nested executions, by name or
    ARN. `world` performs the tasks that are bound to no function: a
    `stepwell.world.World`. `record`: the file of a cassette, which gets the answers of all tasks (`World(replay=...)`).

    Raises InvalidDefinition (with all problems), UnreadableDefinition, InvalidExecutionInput, InvalidName,
    InvalidMockConfig, and NotJson for an input that is no JSON value.
    """
    prepared = prepare(definition)
    bindings, beside, clock = Bindings(functions), world or unbound, SkippingClock() if fast_forward else SystemClock()

    def tasks(outside: TaskHandler) -> TaskHandler:
        bound = BoundTasks(bindings, NestedExecutions(outside))
        return bound if mocks is None else mocked(mocks, prepared, bound)

    if STEP_FUNCTIONS in prepared.definition or getattr(world, "door", None) is not None:
        from stepwell.adapters.hosted_run import HostedRun, OwnStepFunctions  # pays who calls it

        known = Machines({prepared.machine_name: definition, **(state_machines or {})})
        host = HostedRun(MemoryStore(), known, lambda hosted: tasks(OwnStepFunctions(hosted, beside)), clock=clock).host
    else:
        machines = Machines(state_machines)
        launch = launcher(machines, lambda: host)
        host = LocalHost(tasks(beside), MemoryStore(), clock=clock, compile=machines.compile, launch=launch)
    execution = start(host, prepared, input=input_text(input), name=name)
    run_to_the_end(host)
    if record is not None:
        from stepwell.adapters.tasks.cassettes import calls_of_run, write_cassette  # pays who has one

        write_cassette(Path(record), calls_of_run(host.store, execution.arn))
    return Result(execution, partial(host.store.history, execution.arn))


# --- answers from anywhere in the process ---------------------------------------------------------------------------


def _answer(token: str, event: Callable[..., Event], **facts: Any) -> None:
    host = host_of(tokens.address(token)[0])
    host.post(partial(host.worker.answer, token, event, **facts))


def send_task_success(token: str, output: Json) -> None:
    """Answers a task that waits with this token, in whichever execution of this process.

    Raises InvalidToken, and ExecutionDoesNotExist where the execution has ended or runs elsewhere. A late answer to an
    execution that still runs is ignored.
    """
    _answer(token, TaskSucceeded, output=checked_output(dumps_checked(output)))


def send_task_failure(token: str, error: str | None = None, cause: str | None = None) -> None:
    """Fails a task that waits with this token; raises as `send_task_success`."""
    _answer(token, TaskFailed, failure=as_failure(error, cause))


def send_task_heartbeat(token: str) -> None:
    """Lets the heartbeat of a task begin anew; raises as `send_task_success`."""
    _answer(token, TaskHeartbeat)
