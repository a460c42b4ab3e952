"""`python -m bench`: measures, shows a table, writes a JSON file."""

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial

import click

from bench import durable, functions_side, processes, serving, stepwell_side
from bench.measuring import LEFT_OUT, Figure, NotMeasured
from bench.report import Comparison, Row, as_json, save, show
from bench.workloads import DURABLE, WORKLOADS, Target

WAITING = 10_000
MOTO_WAITING = 300
"""moto takes threads for each execution that waits."""

Measure = tuple[str, Callable[[bool], Row]]
"""A name, and what measures it; told whether the other side is measured as well."""


def runs() -> Iterator[Measure]:
    """Everything that is run, by its name."""
    for workload in WORKLOADS:
        yield (
            workload.name,
            lambda beside, it=workload: Row(
                name=it.name,
                title=it.title,
                unit=it.unit,
                stepwell=stepwell_side.measure_run(it),
                other=_moto().measure_run(it) if beside else LEFT_OUT,
                targets=it.targets,
            ),
        )
    yield "one-state-run", _measure_whole_run
    yield "lambda-1000", functions_side.measure_functions
    yield "cold-start", _measure_cold_start
    yield "waiting-10000", _measure_waiting


def loads() -> Iterator[Measure]:
    """The load of every definition: read, checked and compiled; for moto CreateStateMachine."""
    seen = set()
    for workload in WORKLOADS:
        if (workload.build, workload.size) in seen:
            continue
        seen.add((workload.build, workload.size))
        yield (
            workload.name,
            lambda beside, it=workload: Row(
                name=it.name,
                title=it.title,
                unit="",
                stepwell=stepwell_side.measure_load(it),
                other=_moto().measure_load(it) if beside else LEFT_OUT,
            ),
        )


def durables() -> Iterator[Measure]:
    """Executions on disk."""
    for workload in DURABLE:
        yield workload.name, partial(durable.measure_rate, workload)
    yield "durable-one", durable.measure_single
    yield "durable-waiting-100000", durable.measure_waiting
    yield "durable-open-100000", durable.measure_opening


def servers() -> Iterator[Measure]:
    """The API over HTTP."""
    yield "server-start", serving.measure_start
    yield "server-starts", serving.measure_throughput
    yield "server-sync", serving.measure_synchronous


def _moto():
    from bench import moto_side  # an import of seconds, paid only where moto is wanted

    return moto_side


def _measure_whole_run(_beside: bool) -> Row:
    return Row(
        name="one-state-run",
        title="One state, local.run with load",
        unit="execution",
        stepwell=stepwell_side.measure_whole_run(),
        other=LEFT_OUT,
    )


def _measure_cold_start(_beside: bool) -> Row:
    return Row(
        name="cold-start",
        title="`stepwell run`, whole process",
        unit="",
        stepwell=processes.measure_cold_start(),
        other=NotMeasured("has no command"),
        targets=(Target(at_most_per_unit=0.4, text="0.4 s"),),
    )


def _measure_waiting(beside: bool) -> Row:
    moto: Figure = processes.measure_waiting("moto", MOTO_WAITING) if beside else LEFT_OUT
    return Row(
        name="waiting-10000",
        title="10,000 waiting executions",
        unit="execution",
        stepwell=processes.measure_waiting("stepwell", WAITING),
        other=moto,
        targets=(Target(at_most_per_unit=400e6 / WAITING, text="400 MB"),),
    )


TABLES = (
    ("runs", "Runs: from the start of the execution to its end, the definition loaded before", "moto", runs),
    ("loads", "Load of the definition: read, checked, compiled (moto: CreateStateMachine)", "moto", loads),
    ("durable", "Durable: from the start of the execution to its end, on disk", "DBOS", durables),
    ("servers", "The API over HTTP: Stepwell's is on disk when it is answered, moto's in memory", "moto", servers),
)
"""The name in the JSON, the title, the other side, and what is measured."""


def measured(measures: Iterable[Measure], prefix: str, beside: bool) -> list[Row]:
    """The rows of those whose name begins with the prefix, one after the other."""
    rows = []
    for name, measure in measures:
        if not name.startswith(prefix):
            continue
        print(f"  {name} ...", file=sys.stderr, flush=True)
        rows.append(measure(beside))
    return rows


@click.command()
@click.option("--only", "prefix", default="", metavar="NAME", help="Only what has a name that begins like this.")
@click.option("--alone", is_flag=True, help="Measure Stepwell alone.")
@click.option("--json", "as_text", is_flag=True, help="Print JSON instead of tables.")
@click.option("--profile", "profiled", metavar="NAME", help="Show where the time of one workload goes, and end.")
def main(prefix: str, alone: bool, as_text: bool, profiled: str | None) -> None:
    """Measures Stepwell beside moto's interpreter, and beside DBOS. Results are kept under bench/results/."""
    if profiled is not None:
        _show_profile(profiled)
        return
    names = [name for name, _ in (*runs(), *durables(), *servers())]
    if not any(name.startswith(prefix) for name in names):
        raise click.UsageError(f"No name begins with {prefix!r}; there are {', '.join(names)}")
    comparisons = [
        Comparison(name=name, title=title, other=other, rows=measured(measures(), prefix, not alone))
        for name, title, other, measures in TABLES
    ]
    result = as_json(comparisons)
    path = save(result)
    if as_text:
        print(json.dumps(result, indent=2))
        return
    for comparison in comparisons:
        if comparison.rows:
            show(comparison)
    about = result["machine"]
    print(f"One unit, ratio and targets go by the best sample. Kept in {path}")
    print(f"{about['processor']}, {about['cpus']} CPUs, load {about['load']:.1f}, {about['python']}")


def _show_profile(name: str) -> None:
    from bench.profiling import show_profile  # cProfile is not wanted near a measurement

    for workload in WORKLOADS:
        if workload.name == name:
            show_profile(workload)
            return
    raise click.UsageError(f"No workload is called {name!r}; there are {', '.join(each.name for each in WORKLOADS)}")


if __name__ == "__main__":
    main()
