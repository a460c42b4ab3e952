"""The figures as a table for people and as JSON for machines."""

import json
import os
import platform
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.measuring import Figure, Measurement, NotMeasured, Quantity
from bench.workloads import Target

RESULTS = Path(__file__).resolve().parent / "results"
VERSIONS = ("stepwell", "moto", "boto3", "dbos", "orjson", "pydantic")

NARROWEST = 178
"""The table's width in characters where the terminal does not tell its own, as in a pipe."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the report."""

    name: str
    title: str
    unit: str
    stepwell: Figure
    other: Figure
    targets: tuple[Target, ...] = ()

    @property
    def ratio(self) -> float | None:
        """How many times as much the other side needs for one unit, by the best samples."""
        if isinstance(self.stepwell, Measurement) and isinstance(self.other, Measurement):
            return self.other.per_unit / self.stepwell.per_unit
        return None

    def is_met(self, target: Target) -> bool | None:
        """Whether a target is met; None where a figure for that is missing."""
        if target.times is not None:
            return None if self.ratio is None else self.ratio >= target.times
        if not isinstance(self.stepwell, Measurement) or target.at_most_per_unit is None:
            return None
        return self.stepwell.per_unit <= target.at_most_per_unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Rows that measure Stepwell beside one other side. `name` is that in the JSON, `other` the side's."""

    name: str
    title: str
    other: str
    rows: list[Row]

    @property
    def notes(self) -> list[str]:
        told = []
        for row in self.rows:
            for side, figure in (("Stepwell", row.stepwell), (self.other, row.other)):
                if isinstance(figure, Measurement) and figure.note:
                    told.append(f"{row.name}: {figure.note}")
                elif isinstance(figure, NotMeasured) and figure.reason:
                    told.append(f"{row.name}: {side}: {figure.reason}")
        return told


# --- for people -----------------------------------------------------------------------------------------------------

STEPS: dict[Quantity, tuple[tuple[float, str], ...]] = {
    "seconds": ((1, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns")),
    "bytes": ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1, "B")),
}
MARKS = {True: "[green]yes[/]", False: "[red]NO[/]", None: "[dim]?[/]"}


def show(comparison: Comparison) -> None:
    console = Console()
    if not console.is_terminal or console.width < NARROWEST:
        console = Console(width=NARROWEST)
    table = Table(title=comparison.title, title_justify="left", header_style="bold")
    table.add_column("name", no_wrap=True)
    table.add_column("what", no_wrap=True)
    other = f"{comparison.other} best / median"
    for heading in ("Stepwell best / median", "one unit", other, "one unit", "ratio"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("target: met?", no_wrap=True)
    for row in comparison.rows:
        targets = "\n".join(f"{target.text}: {MARKS[row.is_met(target)]}" for target in row.targets)
        ratio = "-" if row.ratio is None else f"{row.ratio:,.{0 if row.ratio >= 10 else 1}f}x"
        table.add_row(
            row.name, row.title, *_cells(row.stepwell, row.unit), *_cells(row.other, row.unit), ratio, targets
        )
    console.print(table)
    for note in comparison.notes:
        console.print(f"  [dim]{note}[/]")


def _cells(figure: Figure, unit: str) -> tuple[str, str]:
    if isinstance(figure, NotMeasured):
        return "-", "-"
    quantity = figure.quantity
    samples = f"{shown(figure.best, quantity)} / {shown(figure.median, quantity)}"
    return samples, f"{shown(figure.per_unit, quantity)}/{unit}" if unit else ""


def shown(value: float, quantity: Quantity) -> str:
    """A figure with three digits and the unit that fits."""
    steps = STEPS[quantity]
    size, name = next((step for step in steps if value >= step[0]), steps[-1])
    scaled = value / size
    return f"{scaled:.{0 if scaled >= 100 else 1 if scaled >= 10 else 2}f} {name}"


# --- for machines ---------------------------------------------------------------------------------------------------


def as_json(comparisons: Iterable[Comparison]) -> dict[str, Any]:
    """Everything measured, with the machine it was measured on. Seconds and bytes."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        **{each.name: [_row(row, each.other) for row in each.rows] for each in comparisons},
    }


def _row(row: Row, other: str) -> dict[str, Any]:
    return {
        "name": row.name,
        "title": row.title,
        "unit": row.unit,
        "stepwell": _figure(row.stepwell),
        other.lower(): _figure(row.other),
        "ratio": row.ratio,
        "targets": [{"target": target.text, "met": row.is_met(target)} for target in row.targets],
    }


def _figure(figure: Figure) -> dict[str, Any]:
    if isinstance(figure, NotMeasured):
        return asdict(figure)
    return {**asdict(figure), "best": figure.best, "median": figure.median, "per_unit": figure.per_unit}


def machine() -> dict[str, Any]:
    """What the figures depend on. `load` is the system's load average over the last minute."""
    return {
        "system": platform.platform(),
        "processor": _processor(),
        "cpus": os.cpu_count(),
        "load": os.getloadavg()[0],
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "versions": {name: _version(name) for name in VERSIONS},
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def save(result: dict[str, Any]) -> Path:
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{result['at'].replace(':', '').replace('+0000', 'Z')}.json"
    path.write_text(json.dumps(result, indent=2), encoding="utf-8")
    return path
