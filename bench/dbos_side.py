"""DBOS's side: a workflow of five steps over SQLite, as DBOS sets it up, in a process of its own that prints JSON.

python -m bench.dbos_side rate FOLDER       seconds for WORKFLOWS, side by side and one after the other
python -m bench.dbos_side single FOLDER     the median of a workflow alone

Nothing leaves the machine: no Conductor, no telemetry, no admin server.
"""

import importlib
import json
import os
import statistics
import sys
from collections.abc import Callable
from contextlib import suppress
from time import perf_counter
from typing import Any

from bench.measuring import repeated

WORKFLOWS = 100
STEPS = 5
BATCH = 20
BATCHES = 5


def launch(folder: str) -> tuple[Any, Callable[[int], int]]:
    """DBOS, and the workflow."""
    with suppress(ImportError):  # there is none for this platform: the system's SQLite may do
        sys.modules["sqlite3"] = importlib.import_module("pysqlite3")
    from dbos import DBOS  # after the exchange, which is for what it imports

    DBOS(
        config={
            "name": "bench",
            "system_database_url": f"sqlite:///{folder}/dbos.sqlite",
            "log_level": "ERROR",
            "run_admin_server": False,
        }
    )

    @DBOS.step()
    def step(number: int) -> int:
        return number + 1

    @DBOS.workflow()
    def flow(number: int) -> int:
        for _ in range(STEPS):
            number = step(number)
        return number

    DBOS.launch()
    return DBOS, flow


def measure_rate(folder: str) -> dict[str, Any]:
    """Side by side as it is meant, and in a row, which goes faster on a file where one waits for the other."""
    dbos, flow = launch(folder)

    def at_once() -> list[int]:
        handles = [dbos.start_workflow(flow, number) for number in range(WORKFLOWS)]
        return [handle.get_result() for handle in handles]

    def in_a_row() -> list[int]:
        return [flow(number) for number in range(WORKFLOWS)]

    flow(0)
    answer = {"at_once": _samples(at_once), "in_a_row": _samples(in_a_row)}
    dbos.destroy()
    return answer


def _samples(run: Callable[[], list[int]]) -> tuple[float, ...]:
    def sample() -> float:
        began = perf_counter()
        ended = run()
        seconds = perf_counter() - began
        if ended != [number + STEPS for number in range(WORKFLOWS)]:
            raise RuntimeError(f"another output than expected: {ended}")
        return seconds

    return repeated(sample, least=3)


def measure_single(folder: str) -> dict[str, Any]:
    dbos, flow = launch(folder)
    flow(0)
    medians = []
    for _ in range(BATCHES):
        samples = []
        for number in range(BATCH):
            began = perf_counter()
            flow(number)
            samples.append(perf_counter() - began)
        medians.append(statistics.median(samples))
    dbos.destroy()
    return {"seconds": medians}


def main() -> None:
    what, folder = sys.argv[1:]
    print(json.dumps(measure_rate(folder) if what == "rate" else measure_single(folder)), flush=True)
    os._exit(0)  # its threads may have a while to go


if __name__ == "__main__":
    main()
