"""Every definition of the corpus loads, unless it has a defect, or stands here with the reason why not."""

import pytest

from corpus.corpus import definitions, needs_definitions, resolve
from stepwell.definitions.check import diagnose, parse
from stepwell.definitions.problems import Severity

NO_RESOURCE_OF_AWS = "its own kind of ARN (arn:aws:rpcmessage:…), which AWS does not have"

FADAMS = "fadams/local-step-functions/asl-workflow-engine/py/test"

REFUSED = {
    "nibble-4bits/aws-local-stepfunctions/__tests__/cli/CLI.test.ts#line-177": "OutputPath is `invalid-path`",
    "nibble-4bits/aws-local-stepfunctions/__tests__/cli/CLI.test.ts#line-395": "TimeoutSeconds is 0",
    "paulshestakov/aws-step-functions-constructor/examples/asl/json/3_choice_conditions.json": "a state has no Type",
    "serverless-operations/serverless-step-functions/lib/deploy/stepFunctions/compileStateMachines.test.js#line-450": (
        "`Seconds` among the parameters of glue:startJobRun"
    ),
    "aws/aws-toolkit-vscode/packages/core/src/test/stepFunctions/commands/resources/templateJsonTester.template.json"
    "#RefandFnStateMachine2E01A3A5": "the Resource is `${…Arn}randomString`: no ARN whatever it resolves to",
    f"{FADAMS}/test_global_context.py#line-57": "`$[:].item`: Jayway has no slice without bounds",
    f"{FADAMS}/test_choice_state.py#line-35": "CaseInsensitiveStringEquals: that project's own operators",
    f"{FADAMS}/callback_task_token.py#line-77": NO_RESOURCE_OF_AWS,
    f"{FADAMS}/callback_task_token.py#line-132": NO_RESOURCE_OF_AWS,
    f"{FADAMS}/errored_parameters.py#line-37": NO_RESOURCE_OF_AWS,
    f"{FADAMS}/error_handling11.py#line-50": NO_RESOURCE_OF_AWS,
    f"{FADAMS}/error_handling1.py#line-43": NO_RESOURCE_OF_AWS,
    f"{FADAMS}/error_handling2.py#line-40": NO_RESOURCE_OF_AWS,
    f"{FADAMS}/blocking_processor_state_machine.py#line-44": NO_RESOURCE_OF_AWS,
}
"""Definitions that we refuse, by id, each with the reason."""


def errors(definition):
    return [str(problem) for problem in diagnose(resolve(definition)) if problem.severity is Severity.ERROR]


@needs_definitions
@pytest.mark.parametrize("entry", [pytest.param(entry, id=entry["id"]) for entry in definitions()])
def test_a_definition_in_use_loads(entry):
    found = errors(entry["definition"])

    if entry["defects"]:
        assert found, f"accepted in spite of {entry['defects']}"
    elif entry["id"] in REFUSED:
        assert found, "it loads now: take it out of REFUSED"
    else:
        assert found == []
        parse(resolve(entry["definition"]))


@needs_definitions
def test_a_definition_that_aws_runs_gives_no_problem_in_either_type():
    """What is deployed as an Express machine is checked as one."""
    express = [
        entry
        for entry in definitions()
        if not entry["defects"]
        and entry["id"] not in REFUSED
        and any(deployment.get("type") == "EXPRESS" for deployment in entry["deployments"])
    ]

    refused = {
        entry["id"]: problems
        for entry in express
        if (problems := [str(p) for p in diagnose(resolve(entry["definition"]), type="EXPRESS")])
    }

    assert refused == {}
