"""Conformance cases: executions recorded on AWS, and our own in the same format.

A directory of cases is `<family>/<case>.json`; the format is told by the README beside the recorded ones. Three places:

    tests/conformance/cases/          the project's own, invented, one for each rule: always there
    ../shared/conformance/cases/      recorded on AWS: not in a clone, skipped in one line where it is missing
    --cases DIR, STEPWELL_CONFORMANCE another directory, taken instead of the recorded ones
"""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
OWN = HERE / "cases"
RECORDED = HERE.parents[2] / "shared" / "conformance" / "cases"
VARIABLE = "STEPWELL_CONFORMANCE"

SECONDARY = "222222222222"
"""The account that some calls of the recorded cases are made by beside the first one."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One file. `executions`, `machines` and `resources` are as they stand there."""

    id: str
    family: str
    kind: str
    features: tuple[str, ...]
    executions: tuple[Mapping[str, Any], ...]
    machines: tuple[Mapping[str, Any], ...]
    resources: tuple[Mapping[str, Any], ...]
    calls: tuple[Mapping[str, Any], ...]
    """The API calls around the executions, in their order."""
    mocking: Mapping[str, Any] | None
    """The mock configuration that must reproduce the execution, where there is one."""
    clock: int | None
    """The moment of the start in milliseconds since the epoch, where the input depends on it."""

    def __repr__(self) -> str:
        return self.id


def read(directory: Path) -> list[Case]:
    """The cases of a directory, by id."""
    return sorted((_case(json.loads(path.read_bytes())) for path in directory.glob("*/*.json")), key=lambda c: c.id)


def _case(row: Mapping[str, Any]) -> Case:
    clock = row.get("clock")
    return Case(
        id=row["id"],
        family=row["family"],
        kind=row["kind"],
        features=tuple(row["features"]),
        executions=tuple(row.get("executions") or ()),
        machines=tuple(row.get("state_machines") or ()),
        mocking=row.get("mocking"),
        resources=tuple(row.get("resources") or ()),
        calls=tuple(row.get("calls") or ()),
        clock=None if clock is None else round(datetime.fromisoformat(clock).timestamp() * 1000),
    )


@dataclass(frozen=True, slots=True)
class Selection:
    """What a run of the tests is about. `recorded` is None where there is no such directory."""

    recorded: Path | None
    is_given: bool
    """Whether the user named the directory."""
    families: frozenset[str]

    def cases(self) -> tuple[Case, ...]:
        """All cases of the selection, those without executions included."""
        return _selected(self)


@cache
def _selected(selection: Selection) -> tuple[Case, ...]:
    directories = [OWN] if selection.recorded is None else [OWN, selection.recorded]
    cases = [case for directory in directories for case in read(directory)]
    return tuple(case for case in cases if not selection.families or case.family in selection.families)


def select(directory: str | None, families: str | None) -> Selection:
    """The selection for the two options. Raises FileNotFoundError for a named directory that is not there."""
    named = directory or os.environ.get(VARIABLE)
    place = Path(named) if named else RECORDED
    if named and not place.is_dir():
        raise FileNotFoundError(f"No directory of conformance cases: {named!r}")
    return Selection(
        recorded=place if place.is_dir() else None,
        is_given=bool(named),
        families=frozenset(name.strip() for name in (families or "").split(",") if name.strip()),
    )


def with_executions(cases: Iterable[Case]) -> list[Case]:
    """The cases that can be run on an engine alone: the others are API calls only."""
    return [case for case in cases if case.executions]
