"""pytest's side of the conformance tests: the options, and the figures per family at the end.

The figures are made from the reports, so they are whole under xdist too.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator

import pytest

from conformance.cases import VARIABLE, Selection, select

SELECTION = pytest.StashKey[Selection]()
TESTS = {"test_executions": "executions", "test_calls": "calls", "test_test_state": "calls"}
TEST = re.compile(rf"conformance/(?P<module>{'|'.join(TESTS)})\.py::\w+\[(?P<family>[^/\]]+)/")
OUTCOMES = {"passed": "passed", "failed": "failed", "error": "failed", "xfailed": "listed"}
COLUMNS = ("passed", "failed", "listed")


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
    kinds = [kind for kind in dict.fromkeys(TESTS.values()) if any(counted == kind for _, counted, _ in counts)]
    columns = [(kind, column) for kind in kinds for column in COLUMNS]
    terminalreporter.section("conformance: passed and failed per family")
    terminalreporter.write_line(_line("", [f"{kind}:" if column == COLUMNS[0] else "" for kind, column in columns]))
    terminalreporter.write_line(_line("family", [column for _, column in columns]))
    for family in sorted({family for family, _, _ in counts}):
        terminalreporter.write_line(_line(family, [counts[family, *column] or "" for column in columns]))
    totals = [sum(count for (_, *place), count in counts.items() if place == [*column]) for column in columns]
    terminalreporter.write_line(_line("total", totals))


def _counted(terminalreporter: pytest.TerminalReporter) -> Iterator[tuple[str, str, str]]:
    """Family, kind of test and outcome of each test of a case."""
    for category, column in OUTCOMES.items():
        for report in terminalreporter.stats.get(category, ()):
            found = TEST.search(getattr(report, "nodeid", ""))
            if found is not None:
                yield found["family"], TESTS[found["module"]], column


def _line(first: str, rest: Iterable[object]) -> str:
    return f"{first:<26}" + "".join(f"{cell!s:>11}" for cell in rest)
