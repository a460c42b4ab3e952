"""What needs processes of its own, and how one is asked: a cold start, and the memory of executions that wait.

python -m bench.processes stepwell 10000       prints the bytes by which 10,000 waiting executions let a process grow
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

from bench.measuring import Figure, Measurement, NotMeasured
from bench.workloads import chain, waiting

ROOT = Path(__file__).resolve().parent.parent
WAITING_SECONDS = 3_600
COLD_STARTS = 10
LONGEST_SECONDS = 600


def asked(module: str, *arguments: str | int) -> dict[str, Any] | NotMeasured:
    """What a module of ours that is run as a process of its own prints as its last line, in JSON."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False, timeout=LONGEST_SECONDS)
    if ended.returncode != 0:
        last = ended.stderr.strip().splitlines()[-1:] or [f"exit {ended.returncode}"]
        return NotMeasured(last[0])
    answer: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return answer


def measure_cold_start() -> Figure:
    """`stepwell run` on one Pass state, from the process's start to its end."""
    with tempfile.TemporaryDirectory() as folder:
        definition = Path(folder, "one.asl.json")
        definition.write_text(json.dumps(chain(1).definition), encoding="utf-8")
        arguments = [*command(), "run", str(definition), "--input", "{}", "--ephemeral"]
        samples = []
        for _ in range(COLD_STARTS + 1):
            began = perf_counter()
            ended = subprocess.run(arguments, capture_output=True, text=True, cwd=folder, check=False)
            samples.append(perf_counter() - began)
            if ended.returncode != 0:
                last = ended.stderr.strip().splitlines()[-1:] or [f"exit {ended.returncode}"]
                return NotMeasured(f"`stepwell run` failed: {last[0]}")
    return Measurement(samples=tuple(samples[1:]), units=1, note=f"Python alone: {_bare_python() * 1000:.0f} ms")


def command() -> list[str]:
    script = Path(sys.executable).with_name("stepwell")
    return [str(script)] if script.exists() else [sys.executable, "-m", "stepwell"]


def _bare_python() -> float:
    samples = []
    for _ in range(5):
        began = perf_counter()
        subprocess.run([sys.executable, "-c", "pass"], check=True)
        samples.append(perf_counter() - began)
    return min(samples)


def measure_waiting(side: str, executions: int) -> Figure:
    """The growth of a process's resident memory by executions that wait."""
    grown = asked("bench.processes", side, executions)
    if isinstance(grown, NotMeasured):
        return grown
    note = f"{side}: {executions:,} executions, {grown['threads']:,} thread{'s' if grown['threads'] > 1 else ''}"
    return Measurement(samples=(grown["bytes"],), units=executions, quantity="bytes", note=note)


def resident_bytes() -> int:
    """The memory of this process."""
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def _threads() -> int:
    return len(list(Path("/proc/self/task").iterdir()))


def _let_stepwell_wait(executions: int) -> int:
    # Each side is imported where it is measured, so that its process holds nothing of the other.
    from bench.stepwell_side import prepare
    from stepwell.adapters.hosts.local import LocalHost
    from stepwell.adapters.stores.memory import MemoryStore
    from stepwell.adapters.tasks.bindings import Bindings, BoundTasks
    from stepwell.engine import arns
    from stepwell.engine.operations.executions import new_execution

    case = waiting(WAITING_SECONDS)
    program = prepare(json.dumps(case.definition))
    host = LocalHost(BoundTasks(Bindings({})), MemoryStore())
    before = resident_bytes()
    for _ in range(executions):
        execution = new_execution(
            at=host.clock.now(),
            entropy=host.entropy(),
            input=json.dumps(case.input),
            machine_arn=arns.state_machine_arn("bench"),
        )
        host.worker.start(program, execution, "{}")
    host.work(lambda: True)
    return resident_bytes() - before


def _let_moto_wait(executions: int) -> int:
    from time import sleep

    from bench import moto_side

    case = waiting(WAITING_SECONDS)
    with moto_side.open_client() as client:
        machine_arn = moto_side.create(client, "bench", case)
        before = resident_bytes()
        for _ in range(executions):
            moto_side.start(client, machine_arn, case)
        sleep(2)
        return resident_bytes() - before


def main() -> None:
    side, executions = sys.argv[1], int(sys.argv[2])
    grown = _let_stepwell_wait(executions) if side == "stepwell" else _let_moto_wait(executions)
    print(json.dumps({"bytes": grown, "threads": _threads()}), flush=True)
    os._exit(0)  # moto's threads would wait for their hour


if __name__ == "__main__":
    main()
