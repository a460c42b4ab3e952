"""A state machine behind an AWS Lambda function.

    from stepwell.adapters.lambda_ import handler

    lambda_handler = handler("order.asl.json", functions={"take-payment": take_payment})

What an invocation does is its mode, which the function's environment may choose:

| mode | an invocation | returns |
|---|---|---|
| `inside` | runs the machine within itself, as AWS runs a synchronous Express execution | the output |
| `start` | starts an execution on Step Functions or on a Stepwell server | `{"executionArn": ...}` |
| `start-sync` | starts an Express execution there and waits for its end | the output |

The event is the execution's input as it is. The execution is named after the invocation's request, which Lambda repeats
when it retries: a Standard execution is started once.

An execution that does not succeed is an exception. Its class is named after the execution's Error and its text is the
Cause, so that Lambda's `errorType` and `errorMessage` are what Step Functions shows: the Retry and Catch of a state
that calls the function match by the same names.

Rule 1: what a mode does not need is not imported: the engine is no part of a cold start that only starts executions,
boto3 is none of one that runs the machine.
Rule 2: what can be known before the first event is done by `handler`: the definition is compiled, the client made.
"""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from stepwell.adapters.configuration import InvalidConfiguration
from stepwell.adapters.lambda_.invocations import ExecutionFailed, Invocation

if TYPE_CHECKING:
    from stepwell.adapters.runs import Definition
    from stepwell.adapters.tasks.aws import Endpoints
    from stepwell.adapters.tasks.bindings import Functions

__all__ = ["MODES", "ExecutionFailed", "Handler", "InvalidConfiguration", "Invocation", "handler"]

MODES = ("inside", "start", "start-sync")
MODE = "STEPWELL_LAMBDA_MODE"
STATE_MACHINE_ARN = "STEPWELL_STATE_MACHINE_ARN"
ENDPOINTS = ("AWS_ENDPOINT_URL_SFN", "AWS_ENDPOINT_URL")
"""The variables of the AWS SDKs, the one for Step Functions first."""
MARGIN_MILLIS = 500

Handler = Callable[[Any, Invocation | None], Any]


def handler(
    definition: "Definition | None" = None,
    *,
    functions: "Functions | None" = None,
    mode: str | None = None,
    state_machine_arn: str | None = None,
    endpoint_url: str | None = None,
    aws: "bool | Endpoints" = False,
    margin_millis: int = MARGIN_MILLIS,
) -> Handler:
    """A Lambda handler. What is not given is taken from the environment, at once: call this when the module is loaded.

    `mode` (STEPWELL_LAMBDA_MODE; else `inside`) is one of `MODES`. One deployed package serves all of them, so what is
    given for another mode is left alone.

    Inside: `definition` as `stepwell.local.run` takes it, held to what AWS demands of an Express state machine;
    `functions` perform its tasks; with `aws` other tasks call AWS services as the function's role, or at the
    `stepwell.adapters.tasks.aws.Endpoints` that it is; without, they fail. The execution has five minutes, or what is
    left of the invocation but for `margin_millis`; then it is stopped, and fails with `States.Timeout`. A function that
    still runs by then is not waited for. `state_machine_arn` is what the context object says.

    Start and start-sync: `state_machine_arn` (STEPWELL_STATE_MACHINE_ARN) may be that of a version or an alias; its
    region is the one that is called. `endpoint_url` (AWS_ENDPOINT_URL_SFN, AWS_ENDPOINT_URL) is that of a Stepwell
    server; without it AWS is called, as the function's role.

    Raises InvalidConfiguration, and for a definition InvalidDefinition and UnreadableDefinition; for `aws`
    MissingCredentials and InvalidEndpoint.
    """
    mode = mode or os.environ.get(MODE) or "inside"
    if mode not in MODES:
        raise InvalidConfiguration(f"{MODE}: there is no mode {mode!r}; there are: {', '.join(MODES)}")
    arn = state_machine_arn or os.environ.get(STATE_MACHINE_ARN)
    if mode == "inside":
        if definition is None:
            raise InvalidConfiguration(f"{MODE}: to run a state machine inside takes its definition")
        from stepwell.adapters.lambda_.inside import Inside

        return Inside(definition, functions, aws, state_machine_arn=arn, margin_millis=margin_millis)
    if arn is None:
        raise InvalidConfiguration(f"{MODE}: {mode!r} takes the ARN of a state machine: set {STATE_MACHINE_ARN}")
    from stepwell.adapters.lambda_ import starting

    url = endpoint_url or next(filter(None, map(os.environ.get, ENDPOINTS)), None)
    return starting.Start(arn, url) if mode == "start" else starting.StartSync(arn, url)
