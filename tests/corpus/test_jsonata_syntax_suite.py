"""The parser against the official JSONata suite, against jlens, and on the expressions of definitions in use.

The suite is of JSONata 2.2.2; the parser is of 2.0.6, as AWS. Groups about later operators are refused, as there.
"""

import json

import pytest

from corpus.corpus import DIRECTORY, definitions, needs_definitions, resolve
from stepwell.definitions.jsonata.rules import FUNCTIONS, variables_read
from stepwell.definitions.jsonata.syntax import SyntaxFault, parse

SUITE = DIRECTORY / "jsonata-suite.json"

if not SUITE.is_file():
    pytest.skip(f"no JSONata suite in {DIRECTORY} (STEPWELL_CORPUS)", allow_module_level=True)

LATER = {"coalescing-operator": "`??` came after 2.0.6", "default-operator": "`?:` came after 2.0.6"}

POSITIONS = {
    "parent-operator/errors#1": "jsonata-js gives no position",
    "parent-operator/errors#10": "jsonata-js gives no position",
}
TEXTS = {"token-conversion/case003": "jlens writes 7.0 for 7"}
"""Where jlens tells something else than jsonata-js 2.0.6, with whom we side."""

CASES = [
    pytest.param(case, id=f"{case['group']}/{case['case']}") for case in json.loads(SUITE.read_text("utf-8"))["cases"]
]


def is_for_jlens(case):
    """Later operators it knows, and half of a surrogate pair it cannot be given."""
    return case["group"] not in LATER and not any("\ud800" <= character <= "\udfff" for character in case["expr"])


def fault(text):
    try:
        parse(text)
    except SyntaxFault as found:
        return found
    return None


@pytest.mark.parametrize("case", CASES)
def test_an_expression_is_accepted_or_refused_as_the_suite_says(case):
    expected = case.get("error") or case
    found = fault(case["expr"])

    if case["group"] in LATER:
        assert found is not None, LATER[case["group"]]
        assert found.code == "S0211"
    elif not expected.get("code", "").startswith("S"):
        assert found is None
    else:
        assert found is not None
        assert found.code == expected["code"]
        assert found.token == expected.get("token", found.token)
        assert found.position == expected.get("position", found.position)


@pytest.mark.parametrize("case", [case for case in CASES if is_for_jlens(case.values[0])])
def test_a_refusal_is_that_of_jlens(case):
    jlens = pytest.importorskip("jlens")
    id = f"{case['group']}/{case['case']}"
    found = fault(case["expr"])
    try:
        jlens.Expression(case["expr"])
    except jlens.JlensError as theirs:
        assert found is not None
        assert found.code == theirs.code
        assert (found.message == str(theirs)) is (id not in TEXTS)
        assert (found.position == theirs.position) is (id not in POSITIONS)
    else:
        assert found is None


def expressions(value):
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from expressions(inner)
    elif isinstance(value, str) and value.startswith("{%") and value.endswith("%}"):
        yield value[2:-2]


IN_USE = sorted({text for entry in definitions() for text in expressions(resolve(entry["definition"]))})


@needs_definitions
def test_every_expression_in_use_is_one():
    assert [text for text in IN_USE if fault(text)] == []


@needs_definitions
def test_the_variables_that_expressions_in_use_read_are_those_jlens_tells():
    jlens = pytest.importorskip("jlens")
    names = {text: set(jlens.Expression(text).reads()["bindings"]) - FUNCTIONS - {"states"} for text in IN_USE}

    assert {text: set(variables_read(text)) for text in IN_USE} == names
