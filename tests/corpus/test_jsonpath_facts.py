"""What Jayway does, fact by fact: the shared table of (document, path) -> value or error.

STEPWELL_CORPUS names another directory that holds `jsonpath-jayway.json`. Without the file these tests are skipped.
"""

import copy
import json
import os
from pathlib import Path
from typing import Any

import pytest

from stepwell.definitions.jsonpath import InvalidPath, PathNotFound, compile_path

SHARED = Path(__file__).parents[3] / "shared" / "corpus"
TABLE = Path(os.environ.get("STEPWELL_CORPUS", SHARED)) / "jsonpath-jayway.json"

EXCEPTIONS = {
    "filter-types-015": "`empty` of an object: Jayway leaks Java's cast error, we answer",
    "filter-types-016": "`empty` of an object: Jayway leaks Java's cast error, we answer",
}


def load() -> dict[str, Any]:
    return json.loads(TABLE.read_text("utf-8")) if TABLE.exists() else {"documents": {}, "cases": []}


FACTS = load()

if not FACTS["cases"]:
    pytest.skip(f"no table of JSONPath facts at {TABLE}", allow_module_level=True)


def same(one: Any, other: Any) -> bool:
    """Equal as JSON: numbers by value, but true is not 1; order in arrays counts."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def evaluate(case: dict[str, Any]) -> dict[str, Any]:
    """What we do, in the words of the table."""
    document = copy.deepcopy(FACTS["documents"][case["doc"]])
    try:
        path = compile_path(case["path"])
    except InvalidPath as error:
        return {"phase": "compile", "message": str(error)}
    outcome: dict[str, Any] = {"definite": path.definite}
    try:
        outcome["result"] = path.read(document)
    except PathNotFound as error:
        outcome |= {"phase": "read", "message": str(error)}
    assert document == FACTS["documents"][case["doc"]], "reading changed the document"
    return outcome


def agrees(case: dict[str, Any]) -> bool:
    expected = {name: case[name] for name in ("definite", "result", "phase", "message") if name in case}
    return same(evaluate(case), expected)


def parameter(case: dict[str, Any]) -> Any:
    reason = EXCEPTIONS.get(case["id"])
    # Strict: an exception that has come to pass must leave the list.
    marks = [pytest.mark.xfail(reason=reason, strict=True, raises=AssertionError)] if reason else []
    return pytest.param(case, id=case["id"], marks=marks)


@pytest.mark.parametrize("case", [parameter(case) for case in FACTS["cases"]])
def test_a_path_gives_what_jayway_gives(case: dict[str, Any]) -> None:
    assert agrees(case), evaluate(case)


def test_every_exception_is_a_fact_of_the_table() -> None:
    assert EXCEPTIONS.keys() <= {case["id"] for case in FACTS["cases"]}
