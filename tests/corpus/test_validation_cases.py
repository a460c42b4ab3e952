"""What other validators and AWS itself say: the cases of four tools' test suites, and AWS's recorded answers.

A tool's case is one tool's opinion. Where we side otherwise it stands in DISAGREEMENTS with the reason, and an entry
that no longer disagrees fails. AWS's recorded answers have no exceptions: code, text and place are equal.
"""

import json

import pytest

from conformance.cases import select
from corpus.corpus import needs_validation_cases, validation_cases
from stepwell.definitions.check import diagnose, examine, parse
from stepwell.definitions.problems import InvalidDefinition, InvalidSource, Severity
from stepwell.definitions.source import read_source
from stepwell.definitions.variables import variable_references

# --- other validators ------------------------------------------------------------------------------------------------

NO_RESOURCE = "AWS (recorded): The resource provided … is not recognized. The value is not a valid resource ARN"
PLACEHOLDER = "`${…}` as a Resource: AWS never sees it, and the reader of files resolves it before the check"
BOTH_LANGUAGES = "AWS (recorded): 'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine"
UNIQUE_NAMES = "AWS wants names of states unique in the whole machine (developer guide; code DUPLICATE_STATE_NAMES)"
ROLE = "AWS (recorded): Credentials need a RoleArn"

STATELINT_RESOURCES = [
    "should-allow-backoffrate-decimal/backoff-with-backoffrate-decimal.json",
    "should-allow-backoffrate-integer/backoff-with-backoffrate-integer.json",
    "should-allow-only-valid-intrinsic-function-invocations-in-payload-builder-fields/states-array-invocation.json",
    "should-allow-only-valid-intrinsic-function-invocations-in-payload-builder-fields/states-jsontostring-invocation.json",
    "should-allow-only-valid-intrinsic-function-invocations-in-payload-builder-fields/states-stringtojson-invocation.json",
    "should-allow-retry-to-use-maxdelayseconds-and-jitterstrategy/backoff-with-jitter-on-retry.json",
    "should-allow-valid-new-intrinsic-function-invocations-that-were-added-in-2022/"
    "states-encoding-decoding-intrinsic-functions.json",
    "should-allow-valid-new-intrinsic-function-invocations-that-were-added-in-2022/states-hash-intrinsic-functions.json",
    "should-allow-valid-new-intrinsic-function-invocations-that-were-added-in-2022/states-json-intrinsic-functions.json",
    "should-allow-valid-new-intrinsic-function-invocations-that-were-added-in-2022/states-string-intrinsic-functions.json",
    "should-reject-parameters-except-in-pass-task-and-parallel/task-with-parameters.json",
    "should-reject-resultpath-except-in-pass-task-and-parallel/task-with-resultpath.json",
]

DISAGREEMENTS = {
    # They refuse it, we accept it.
    "asl-validator/invalid-jsonata-surround-syntax-no-spaces.json": "`{%10%}` begins and ends as AWS demands",
    "asl-validator/invalid-task-alias-function.json": "whether AWS looks at a function's alias is not known",
    # They accept it, we refuse it.
    "asl-validator/valid-assign.asl.json": "`top-level` is no identifier (developer guide: Unicode identifiers)",
    "asl-validator/valid-cfn-definition-substitutions.json": PLACEHOLDER,
    "asl-validator/valid-map-with-item-batcher-jsonata.json": BOTH_LANGUAGES,
    "asl-validator/valid-path-array-context.json": "`$[(@.length-1)]` is no path of Jayway's",
    "asl-validator/valid-task-credentials.json": ROLE,
    "asl-validator/valid-task-intrisic-function.json": "CloudFormation's `Fn::GetAtt` as a Resource is no string",
    "asl-validator/valid-task-parameters.json": NO_RESOURCE,
    "asl-validator/valid-task-timeout-jsonata.json": NO_RESOURCE,
    "cfn-lint/test-functions": ROLE,
    "language-service/json/documentSucceedFailTerminalState": UNIQUE_NAMES,
    "language-service/yaml/documentSucceedFailTerminalState": UNIQUE_NAMES,
    "language-service/json/documentTaskValidVariableSubstitution": PLACEHOLDER,
    "language-service/yaml/documentTaskValidVariableSubstitution": PLACEHOLDER,
    "language-service/yaml/documentValidResultSelectorIntrinsicFunction": "arguments without commas between them",
    **{f"statelint/{name}": NO_RESOURCE for name in STATELINT_RESOURCES},
}


@needs_validation_cases
@pytest.mark.parametrize("case", [pytest.param(case, id=case["id"]) for case in validation_cases()])
def test_we_judge_as_the_tool_does(case):
    errors = [str(problem) for problem in diagnose(case["definition"]) if problem.severity is Severity.ERROR]

    agrees = bool(errors) is not case["valid"]
    if case["id"] in DISAGREEMENTS:
        assert not agrees, "we agree now: take it out of DISAGREEMENTS"
    else:
        assert agrees, errors or f"accepted, though: {case['problems']}"


# --- AWS -------------------------------------------------------------------------------------------------------------


def recorded_calls():
    """Every recorded call that brings a definition, with the case's id and its place in the case."""
    directory = select(None, None).recorded
    for path in sorted(directory.glob("*/*.json")) if directory else ():
        case = json.loads(path.read_bytes())
        for call in case.get("calls") or () if isinstance(case, dict) else ():
            if isinstance(call["params"].get("definition"), str):
                yield pytest.param(call, id=f"{case['id']}#{call['id']}")


CALLS = list(recorded_calls())
needs_recorded = pytest.mark.skipif(not CALLS, reason="no recorded cases (STEPWELL_CONFORMANCE)")


def of(*operations):
    return [call for call in CALLS if call.values[0]["operation"] in operations]


def told(definition, type):
    try:
        return examine(read_source(definition), type=type or "STANDARD")
    except InvalidSource as fault:
        return list(fault.problems)


@needs_recorded
@pytest.mark.parametrize("call", of("ValidateStateMachineDefinition"))
def test_diagnostics_are_those_of_aws(call):
    problems = told(call["params"]["definition"], call["params"].get("type"))

    diagnostics = call["recorded"]["response"]["diagnostics"]
    assert [(p.severity, p.code, p.message, p.location) for p in problems] == [
        (row["severity"], row["code"], row["message"], row.get("location")) for row in diagnostics
    ]


@needs_recorded
@pytest.mark.parametrize("call", of("CreateStateMachine", "UpdateStateMachine"))
def test_a_definition_is_refused_as_aws_refuses_it(call):
    problems = told(call["params"]["definition"], call["params"].get("type"))

    error = call.get("recorded", {}).get("error") or {}
    if error.get("code") == "InvalidDefinition":
        assert str(InvalidDefinition(problems)) == error["message"]
    else:
        assert problems == []


@needs_recorded
@pytest.mark.parametrize("call", of("TestState"))
def test_a_tested_state_is_refused_as_aws_refuses_it(call):
    """A state that stands alone is checked as one named StateName; where it goes to is not looked at."""
    definition = json.loads(call["params"]["definition"])
    if "States" not in definition:
        definition = {"StartAt": "StateName", "States": {"StateName": definition}}
    problems = [p for p in diagnose(definition) if p.code not in ("MISSING_TRANSITION_TARGET", "MISSING_END_STATE")]

    message = (call.get("recorded", {}).get("error") or {}).get("message", "")
    if message.startswith("Invalid State Machine Definition"):
        assert str(InvalidDefinition(problems)) == message
    else:
        assert problems == []


def described():
    """The definitions of the cases about variables, each with what DescribeStateMachine answered."""
    directory = select(None, None).recorded
    for path in sorted(directory.glob("api_variable_references/*.json")) if directory else ():
        case = json.loads(path.read_bytes())
        created = next(call["params"]["definition"] for call in case["calls"] if "definition" in call["params"])
        for call in case["calls"]:
            if call["operation"] == "DescribeStateMachine" and "response" in call.get("recorded", {}):
                yield pytest.param(created, call["recorded"]["response"], id=case["id"])


@needs_recorded
@pytest.mark.parametrize(("definition", "response"), list(described()))
def test_the_variables_that_states_read_are_those_aws_tells(definition, response):
    assert variable_references(parse(json.loads(definition))) == response.get("variableReferences", {})
