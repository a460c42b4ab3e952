"""Stepwell's side: the engine in this process, in memory, histories kept."""

from collections.abc import Callable
from time import perf_counter
from typing import Any

from bench.measuring import Measurement, repeated
from bench.workloads import Case, Workload, units
from stepwell.adapters.definition_files import read_definition
from stepwell.adapters.hosts.local import LocalHost
from stepwell.adapters.hosts.simulation import Simulation
from stepwell.adapters.stores.memory import MemoryStore
from stepwell.adapters.tasks.bindings import Bindings, BoundTasks
from stepwell.definitions.check import load
from stepwell.definitions.json_text import dumps, loads
from stepwell.definitions.kinds import StateMachineType
from stepwell.engine import arns
from stepwell.engine.execution import Execution
from stepwell.engine.operations.executions import new_execution
from stepwell.engine.program import Program, compile_program
from stepwell.local import run

Start = Callable[[], Execution]


def echo(event: Any) -> Any:
    """The function of the tasks."""
    return event


def prepare(text: str) -> Program:
    """All that happens to a definition before its first execution: read, checked, compiled."""
    return compile_program(load(read_definition(text).source, type="STANDARD"))


def measure_load(workload: Workload) -> Measurement:
    text = dumps(workload.build(workload.size).definition)

    def sample() -> float:
        began = perf_counter()
        prepare(text)
        return perf_counter() - began

    return Measurement(samples=repeated(sample), units=1)


def measure_run(workload: Workload) -> Measurement:
    sample = sampler(workload)
    sample()
    return Measurement(samples=repeated(sample), units=units(workload, workload.size, workload.executions))


def measure_whole_run() -> Measurement:
    """`stepwell.local.run` on one Pass state: the definition's load included."""
    definition = '{"StartAt": "Only", "States": {"Only": {"Type": "Pass", "End": true}}}'

    def sample() -> float:
        began = perf_counter()
        result = run(definition, {"orderId": 7})
        seconds = perf_counter() - began
        assert result.status == "SUCCEEDED", result
        return seconds

    return Measurement(samples=repeated(sample, most=1_000), units=1)


def sampler(workload: Workload) -> Callable[[], float]:
    """A function that runs the workload once and returns the seconds it took; the program is made once, before."""
    case = workload.build(workload.size)
    program = prepare(dumps(case.definition))
    input_text = dumps(case.input)
    kind = StateMachineType.EXPRESS if workload.express else StateMachineType.STANDARD
    about = {"input": input_text, "machine_arn": arns.state_machine_arn("bench"), "type": kind}
    run_all = _run_in_simulation if workload.host == "simulation" else _run_locally

    def sample() -> float:
        began = perf_counter()
        executions = run_all(program, about, workload)
        seconds = perf_counter() - began
        _verify(executions, case)
        return seconds

    return sample


def _run_locally(program: Program, about: dict[str, Any], workload: Workload) -> list[Execution]:
    host = LocalHost(BoundTasks(Bindings({"echo": echo})), MemoryStore())

    def start() -> Execution:
        execution = new_execution(at=host.clock.now(), entropy=host.entropy(), **about)
        host.worker.start(program, execution, "{}")
        return execution

    executions = _carry_through(start, lambda started: host.work(lambda: _have_ended(started)), workload)
    host.close()
    return executions


def _run_in_simulation(program: Program, about: dict[str, Any], workload: Workload) -> list[Execution]:
    host = Simulation(BoundTasks(Bindings({"echo": echo})))
    return _carry_through(lambda: host.start(program, **about), lambda _: host.work(), workload)


def _carry_through(start: Start, work: Callable[[list[Execution]], None], workload: Workload) -> list[Execution]:
    if workload.at_once:
        executions = [start() for _ in range(workload.executions)]
        work(executions)
        return executions
    executions = []
    for _ in range(workload.executions):
        execution = start()
        work([execution])
        executions.append(execution)
    return executions


def _have_ended(executions: list[Execution]) -> bool:
    return all(execution.status.is_terminal for execution in executions)


def _verify(executions: list[Execution], case: Case) -> None:
    for execution in executions:
        if execution.status != "SUCCEEDED":
            raise RuntimeError(f"{execution.status}: {execution.error}: {execution.cause}")
        if case.output is not None and loads(execution.output or "null") != case.output:
            raise RuntimeError(f"another output than expected: {(execution.output or '')[:200]}")
