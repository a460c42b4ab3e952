"""Durable executions: Stepwell's engine over SQLite beside DBOS, each in a process and a folder of its own.

The folders are under `bench/results`, on the file system of the project: in memory no disk would be measured.
Stepwell acknowledges a start when it is on disk, and tells of an end when that is; DBOS lays down every step.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from bench.dbos_side import WORKFLOWS
from bench.measuring import LEFT_OUT, Figure, Measurement, NotMeasured, Quantity
from bench.processes import asked
from bench.report import RESULTS, Row
from bench.workloads import Target, Workload

WAITING = 100_000
ALONE = "durable-5-states"
"""The workload of which one execution at a time is measured."""

SECONDS_BEYOND_FSYNC = 0.005


def measure_rate(workload: Workload, beside: bool) -> Row:
    """Executions that are started and waited for side by side."""
    return Row(
        name=workload.name,
        title=workload.title,
        unit=workload.unit,
        stepwell=_stepwell_rate(workload),
        other=_dbos_rate() if beside else LEFT_OUT,
        targets=workload.targets,
    )


def _stepwell_rate(workload: Workload) -> Figure:
    with _folder() as folder:
        found = asked("bench.engine_side", "rate", folder, workload.name)
    if isinstance(found, NotMeasured):
        return found
    rate = workload.executions / min(found["seconds"])
    return Measurement(samples=tuple(found["seconds"]), units=workload.executions, note=f"{rate:,.0f} executions/s")


@cache
def _dbos_rate() -> Figure:
    """That of its two ways which is faster: its workflow is the same beside every workload."""
    with _folder() as folder:
        found = asked("bench.dbos_side", "rate", folder)
    if isinstance(found, NotMeasured):
        return found
    rates = {way: WORKFLOWS / min(seconds) for way, seconds in found.items()}
    best = max(rates, key=lambda way: rates[way])
    note = "DBOS, five steps: " + ", ".join(f"{way.replace('_', ' ')} {rate:.0f}/s" for way, rate in rates.items())
    return Measurement(samples=tuple(found[best]), units=WORKFLOWS, note=note)


def measure_single(beside: bool) -> Row:
    """One execution at a time; a sample is the median of a batch."""
    stepwell, fsync_seconds = _stepwell_single()
    return Row(
        name="durable-one",
        title="The same, one at a time: p50",
        unit="execution",
        stepwell=stepwell,
        other=_dbos_single() if beside else LEFT_OUT,
        targets=(Target(at_most_per_unit=fsync_seconds + SECONDS_BEYOND_FSYNC, text="fsync + 5 ms"),),
    )


def _stepwell_single() -> tuple[Figure, float]:
    """With the median seconds of the disk's own fsync."""
    with _folder() as folder:
        found = asked("bench.engine_side", "single", folder, ALONE)
    if isinstance(found, NotMeasured):
        return found, 0.0
    best, fsync = min(found["seconds"]), min(found["fsync_seconds"])
    note = f"{ALONE}, p50 {best * 1000:.2f} ms; the disk's own fsync of 4 KiB, p50 {fsync * 1000:.2f} ms"
    return Measurement(samples=tuple(found["seconds"]), units=1, note=note), fsync


def _dbos_single() -> Figure:
    with _folder() as folder:
        found = asked("bench.dbos_side", "single", folder)
    return found if isinstance(found, NotMeasured) else Measurement(samples=tuple(found["seconds"]), units=1)


def measure_waiting(_beside: bool) -> Row:
    """The memory of the process that has started them."""
    return Row(
        name="durable-waiting-100000",
        title="100,000 waiting: memory",
        unit="execution",
        stepwell=_figure(_waiting(), "started", "bytes"),
        other=LEFT_OUT,
        targets=(Target(at_most_per_unit=1e9 / WAITING, text="1 GB"),),
    )


def measure_opening(_beside: bool) -> Row:
    """How long an engine takes to carry on what a killed one has left."""
    return Row(
        name="durable-open-100000",
        title="100,000 waiting: opened after a kill",
        unit="execution",
        stepwell=_figure(_waiting(), "opened", "seconds"),
        other=LEFT_OUT,
        targets=(Target(at_most_per_unit=10 / WAITING, text="10 s"),),
    )


@cache
def _waiting() -> dict[str, Any] | NotMeasured:
    with _folder() as folder:
        started = asked("bench.engine_side", "wait", folder, WAITING)
        if isinstance(started, NotMeasured):
            return started
        opened = asked("bench.engine_side", "open", folder, WAITING)
    return opened if isinstance(opened, NotMeasured) else {"started": started, "opened": opened}


def _figure(found: dict[str, Any] | NotMeasured, moment: str, quantity: Quantity) -> Figure:
    if isinstance(found, NotMeasured):
        return found
    return Measurement(samples=(found[moment][quantity],), units=WAITING, quantity=quantity)


@contextmanager
def _folder() -> Iterator[str]:
    RESULTS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=RESULTS) as folder:
        yield folder
