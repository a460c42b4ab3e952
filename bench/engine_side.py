"""Stepwell's durable side: an engine over SQLite, in a process of its own, which prints what it measured as JSON.

python -m bench.engine_side rate FOLDER durable-5-pass     seconds for the workload's executions, side by side
python -m bench.engine_side single FOLDER durable-5-pass   the median of an execution alone, and of the disk's fsync
python -m bench.engine_side wait FOLDER 100000             the process's memory when so many wait; it ends as if killed
python -m bench.engine_side open FOLDER 100000             how long it takes to carry them all on again
"""

import asyncio
import json
import os
import statistics
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

from bench.measuring import repeated
from bench.processes import WAITING_SECONDS, resident_bytes
from bench.workloads import DURABLE, Case, chain, waiting
from stepwell.adapters.engine import Engine
from stepwell.adapters.results import Result

AT_ONCE = 250
"""So many callers each start an execution and wait for its end, again and again."""

BATCH = 100
BATCHES = 5
PAGE = os.urandom(4096)
WAL_PAGES = 1_000
"""SQLite writes its WAL from the beginning again when it has so many pages."""

FUNCTIONS = {
    "echo": lambda event: event,
    "price": lambda event: 3 * event["lines"],
    "charge": lambda event: event["price"] == 3 * event["lines"],
}


def measure_rate(folder: Path, case: Case, executions: int) -> dict[str, Any]:
    with _machine(folder, case) as (engine, machine_arn), asyncio.Runner() as runner:

        async def run_some() -> None:
            for _ in range(executions // AT_ONCE):
                arn = await engine.start.aio(machine_arn, case.input)
                _verify(await engine.wait.aio(arn), case)

        async def run_all() -> None:
            await asyncio.gather(*(run_some() for _ in range(AT_ONCE)))

        def sample() -> float:
            began = perf_counter()
            runner.run(run_all())
            return perf_counter() - began

        sample()
        return {"seconds": repeated(sample, least=5)}


def measure_single(folder: Path, case: Case) -> dict[str, Any]:
    """Medians of batches, the disk's own beside each, for it may be slower at times."""
    with _machine(folder, case) as (engine, machine_arn):

        def run() -> None:
            _verify(engine.wait(engine.start(machine_arn, case.input)), case)

        run()
        medians = [(_median_of(run), fsync_median(folder)) for _ in range(BATCHES)]
    return {"seconds": [run for run, _ in medians], "fsync_seconds": [fsync for _, fsync in medians]}


def measure_waiting(folder: Path, executions: int) -> dict[str, Any]:
    case = waiting(WAITING_SECONDS)
    engine = Engine(folder)
    machine_arn = engine.create_state_machine(case.definition, name="bench")

    async def start_some() -> None:
        for _ in range(executions // AT_ONCE):
            await engine.start.aio(machine_arn, case.input)

    async def start_all() -> None:
        await asyncio.gather(*(start_some() for _ in range(AT_ONCE)))

    asyncio.run(start_all())
    return {"bytes": resident_bytes()}


def measure_opening(folder: Path, executions: int) -> dict[str, Any]:
    """From the making of the engine to the end of an execution that was started then: it is the first that has moved
    since all the others are carried on."""
    case = chain(1)
    began = perf_counter()
    with Engine(folder) as engine:
        _verify(engine.wait(engine.start(case.definition, case.input)), case)
        seconds = perf_counter() - began
        carried = engine._runtime.carried  # nothing public tells
        if carried != executions:
            raise RuntimeError(f"{carried:,} of {executions:,} executions are carried on")
        return {"seconds": seconds}


@contextmanager
def _machine(folder: Path, case: Case) -> Iterator[tuple[Engine, str]]:
    with Engine(folder, functions=FUNCTIONS) as engine:
        yield engine, engine.create_state_machine(case.definition, name="bench")


def _verify(result: Result, case: Case) -> None:
    if result.status != "SUCCEEDED":
        raise RuntimeError(repr(result))
    if case.output is not None and result.output != case.output:
        raise RuntimeError(f"another output than expected: {result.output_text}")


def _median_of(run: Callable[[], None]) -> float:
    samples = []
    for _ in range(BATCH):
        began = perf_counter()
        run()
        samples.append(perf_counter() - began)
    return statistics.median(samples)


def fsync_median(folder: Path) -> float:
    """A page written into a file that has its length, and on disk, as in a WAL that has come round."""
    path = folder / "fsync"
    with path.open("wb", buffering=0) as file:
        file.write(PAGE * WAL_PAGES)
        os.fsync(file.fileno())
        file.seek(0)

        def write() -> None:
            file.write(PAGE)
            os.fsync(file.fileno())

        median = _median_of(write)
    path.unlink()
    return median


def main() -> None:
    what, folder, which = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    if what in ("rate", "single"):
        workload = next(each for each in DURABLE if each.name == which)
        case = workload.build(workload.size)
        answer = measure_rate(folder, case, workload.executions) if what == "rate" else measure_single(folder, case)
    else:
        answer = measure_waiting(folder, int(which)) if what == "wait" else measure_opening(folder, int(which))
    print(json.dumps(answer), flush=True)
    os._exit(0)  # an engine that is open still is to be left as a killed process leaves it


if __name__ == "__main__":
    main()
