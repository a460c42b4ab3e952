"""pytest's side of the conformance tests: the options, and the figures per family at the end.

The figures are made from the reports, so they are whole under xdist too.
"""

import re
from collections import Counter
from collections.abc import Iterable

import pytest

from conformance.cases import VARIABLE, Selection, select
from conformance.misses import reason_not_to_run

SELECTION = pytest.StashKey[Selection]()
TEST = re.compile(r"conformance/test_executions\.py::\w+\[(?P<family>[^/\]]+)/")
OUTCOMES = {"passed": "passed", "failed": "failed", "error": "failed", "xfailed": "listed", "skipped": "skipped"}
COLUMNS = ("passed", "failed", "listed", "not run")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("conformance")
    group.addoption("--cases", metavar="DIR", help=f"cases to run instead of the recorded ones (or {VARIABLE})")
    group.addoption("--families", metavar="A,B", help="families of cases to run; all of them where not given")


def pytest_configure(config: pytest.Config) -> None:
    try:
        config.stash[SELECTION] = select(config.getoption("--cases", None), config.getoption("--families", None))
    except FileNotFoundError as error:
        raise pytest.UsageError(str(error)) from None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    counts = Counter(_counted(terminalreporter))
    if not counts:
        return
    idle = [case for case in config.stash[SELECTION].cases() if not case.executions]
    counts.update((case.family, "not run") for case in idle)
    terminalreporter.section("conformance: passed and failed per family")
    terminalreporter.write_line(_line("family", COLUMNS))
    for family in sorted({family for family, _ in counts}):
        terminalreporter.write_line(_line(family, [counts[family, column] or "" for column in COLUMNS]))
    totals = [sum(count for (_, column), count in counts.items() if column == name) for name in COLUMNS]
    terminalreporter.write_line(_line("total", totals))
    for reason, number in sorted(Counter(map(reason_not_to_run, idle)).items()):
        terminalreporter.write_line(f"{number} cases are API calls only and are not run: {reason}")


def _counted(terminalreporter: pytest.TerminalReporter) -> list[tuple[str, str]]:
    rows = []
    for category, column in OUTCOMES.items():
        for report in terminalreporter.stats.get(category, ()):
            found = TEST.search(getattr(report, "nodeid", ""))
            if found is not None:
                rows.append((found["family"], column))
    return rows


def _line(first: str, rest: Iterable[object]) -> str:
    return f"{first:<26}" + "".join(f"{cell!s:>9}" for cell in rest)
