"""The official JSONata suite, and what others have measured on AWS.

STEPWELL_CORPUS names another directory that holds `jsonata-suite.json`. Without the file its tests are skipped.

A case runs as Step Functions would run it: its input and its bindings are variables of the state. What Step Functions
has not, a root context, is made by an expression: `[$root]{"r": ...}` evaluates with `$root` as `$`.
"""

import hashlib
import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from stepwell.definitions.expressions import Entropy
from stepwell.definitions.failure import QUERY_EVALUATION_ERROR, Failed
from stepwell.definitions.jsonata import InvalidExpression, compile_expression

SHARED = Path(__file__).parents[3] / "shared" / "corpus"
SUITE = Path(os.environ.get("STEPWELL_CORPUS") or SHARED) / "jsonata-suite.json"
AT = 1_700_000_000_000

EVAL = "function-eval"
"""The group of `$eval`, which AWS has not."""

MISSES: dict[str, str] = {}


class Environment:
    def __init__(self, variables: dict[str, Any]) -> None:
        self.variables = variables
        self.context = {"Execution": {"Id": "an:execution"}}
        self.entropy = Entropy(b"suite")
        self.at = AT


@cache
def suite() -> dict[str, Any]:
    return json.loads(SUITE.read_text("utf-8"))


def cases() -> list[Any]:
    if not SUITE.exists():
        return [pytest.param(None, id="all", marks=pytest.mark.skip(reason=f"no JSONata suite at {SUITE}"))]
    return [pytest.param(case, id=name(case)) for case in suite()["cases"]]


def name(case: dict[str, Any]) -> str:
    return f"{case['group']}/{case['case']}"


def same(one: Any, other: Any, *, unordered: bool = False) -> bool:
    """Equal as JSON: numbers by value, but true is not 1; order in arrays counts."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        if unordered:
            one, other = sorted(one, key=json.dumps), sorted(other, key=json.dumps)
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def evaluate(text: str, variables: dict[str, Any], document: dict[str, Any] | None = None) -> Any:
    return compile_expression(f"{{% {text} %}}", "Output")(document or {"input": {}}, Environment(variables))


def outcome(case: dict[str, Any]) -> Any:
    """What we do, in the words of the suite."""
    data = case["data"] if "data" in case else suite()["datasets"].get(case.get("dataset"), ...)
    variables = dict(case.get("bindings", {}))
    expression = case["expr"].replace("$$", "$suite_root")
    if data is not ...:
        variables["suite_root"] = data
    opening = "[$suite_root]" if data is not ... else "()"
    try:
        compile_expression(f"{{% {expression} %}}", "Output")
        answer = evaluate(f'{opening}{{"r": {expression}\n}}', variables)
    except InvalidExpression as fault:
        return {"message": fault.message}
    except Failed as failed:
        assert failed.failure.error == QUERY_EVALUATION_ERROR
        return {"cause": failed.failure.cause}
    return {"result": answer["r"]} if "r" in answer else {"undefinedResult": True}


CODES_WITHOUT_NUMBER = {"U1001": "threw an error during evaluation: ", "D1011": ": Stack", "D1012": ": Expression"}


def agrees(case: dict[str, Any], found: dict[str, Any]) -> bool:
    if "result" in case:
        return "result" in found and same(found["result"], case["result"], unordered=case.get("unordered", False))
    if "undefinedResult" in case:
        return "undefinedResult" in found
    code = case.get("code") or case["error"]["code"]
    if "message" in found:
        return code.startswith(("S", "D", "T"))
    cause = found.get("cause") or ""
    return f" {code}: " in cause or CODES_WITHOUT_NUMBER.get(code, "\0") in cause


@pytest.mark.parametrize("case", cases())
def test_the_official_suite(case):
    if case["group"] == EVAL:
        pytest.skip("AWS has no $eval")
    found = outcome(case)
    if name(case) in MISSES:
        assert not agrees(case, found), f"passes now: take it off the list ({MISSES[name(case)]})"
    else:
        assert agrees(case, found), (case, found)


def test_at_least_995_in_1000_cases_agree():
    if not SUITE.exists():
        pytest.skip(f"no JSONata suite at {SUITE}")
    names = {name(case) for case in suite()["cases"] if case["group"] != EVAL}

    assert names.issuperset(MISSES)
    assert len(MISSES) <= 0.005 * len(names)
