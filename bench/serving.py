"""The server beside moto's: each in a process of its own, asked by the same client.

What is measured of Stepwell is on disk when it is answered; moto's server keeps everything in memory.
"""

import asyncio
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.engine_side import fsync_median
from bench.http_side import at_once, latencies, machine_of
from bench.measuring import LEFT_OUT, Figure, Measurement, NotMeasured
from bench.processes import ROOT, command
from bench.report import RESULTS, Row
from bench.workloads import Target, chain

STARTS = 1_000
REPETITIONS = 3
CONNECTIONS = 32
SYNCHRONOUS = 1_000
STATES = 5
SECONDS_BEYOND_FSYNC = 0.003


def measure_start(beside: bool) -> Row:
    """StartExecution, one after the other: a sample is the median of a batch."""
    with _stepwell("--data") as (port, folder):
        samples = [statistics.median(_starts_alone(port)) for _ in range(REPETITIONS)]
        fsync = fsync_median(folder)
    note = f"p50 {min(samples) * 1000:.2f} ms; the disk's own fsync of 4 KiB, p50 {fsync * 1000:.2f} ms"
    return Row(
        name="server-start",
        title="StartExecution, one at a time: p50",
        unit="request",
        stepwell=Measurement(samples=tuple(samples), units=1, note=note),
        other=_moto_starts_alone() if beside else LEFT_OUT,
        targets=(Target(at_most_per_unit=fsync + SECONDS_BEYOND_FSYNC, text="fsync + 3 ms"),),
    )


def measure_throughput(beside: bool) -> Row:
    """StartExecution on many connections side by side."""
    with _stepwell("--data") as (port, _):
        ours = _starts_at_once(port)
    return Row(
        name="server-starts",
        title=f"StartExecution, {CONNECTIONS} side by side",
        unit="request",
        stepwell=ours,
        other=_moto_starts_at_once() if beside else LEFT_OUT,
        targets=(Target(times=10, text="10x moto"),),
    )


def measure_synchronous(_beside: bool) -> Row:
    """So many StartSyncExecution at the same time, each on a connection of its own."""
    with _stepwell("--ephemeral") as (port, _):
        machine = asyncio.run(machine_of(port, chain(STATES).definition, "EXPRESS"))
        found = [
            asyncio.run(at_once(port, "StartSyncExecution", {"stateMachineArn": machine}, SYNCHRONOUS, SYNCHRONOUS))
            for _ in range(REPETITIONS)
        ]
    refused = sum(each for _, each in found)
    figure: Figure = Measurement(
        samples=tuple(seconds for seconds, _ in found),
        units=SYNCHRONOUS,
        note=f"{SYNCHRONOUS / min(seconds for seconds, _ in found):,.0f} executions/s",
    )
    return Row(
        name="server-sync",
        title=f"StartSyncExecution, {SYNCHRONOUS:,} at once",
        unit="request",
        stepwell=NotMeasured(f"{refused} requests were refused") if refused else figure,
        other=NotMeasured("has no StartSyncExecution that runs"),
    )


def _starts_alone(port: int) -> Sequence[float]:
    async def measure() -> Sequence[float]:
        machine = await machine_of(port, chain(STATES).definition)
        return await latencies(port, "StartExecution", {"stateMachineArn": machine}, STARTS // 5)

    return asyncio.run(measure())


def _starts_at_once(port: int) -> Figure:
    async def measure() -> tuple[float, int]:
        machine = await machine_of(port, chain(STATES).definition)
        return await at_once(port, "StartExecution", {"stateMachineArn": machine}, STARTS, CONNECTIONS)

    found = [asyncio.run(measure()) for _ in range(REPETITIONS)]
    if refused := sum(each for _, each in found):
        return NotMeasured(f"{refused} requests were refused")
    seconds = tuple(each for each, _ in found)
    return Measurement(samples=seconds, units=STARTS, note=f"{STARTS / min(seconds):,.0f} requests/s")


def _moto_starts_alone() -> Figure:
    with _moto() as port:
        return Measurement(samples=tuple(statistics.median(_starts_alone(port)) for _ in range(REPETITIONS)), units=1)


def _moto_starts_at_once() -> Figure:
    with _moto() as port:
        return _starts_at_once(port)


# --- servers ----------------------------------------------------------------------------------------------------------


@contextmanager
def _stepwell(where: str) -> Iterator[tuple[int, Path]]:
    RESULTS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=RESULTS) as folder:
        kept = [where, folder] if where == "--data" else [where]
        arguments = [*command(), "serve", "--port", "0", *kept, "--no-access-log"]
        with subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True, cwd=folder) as process:
            try:
                assert process.stderr is not None
                banner = process.stderr.readline()
                found = re.search(r":(\d+) ", banner)
                assert found, f"the server said {banner!r}"
                yield int(found[1]), Path(folder)
            finally:
                process.terminate()


@contextmanager
def _moto() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    arguments = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT) as process:
        try:
            _await_port(port)
            yield port
        finally:
            process.terminate()


def _await_port(port: int) -> None:
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("moto's server does not listen")
