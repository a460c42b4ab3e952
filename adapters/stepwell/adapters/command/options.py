"""Options that several commands have."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

data = click.option(
    "--data", type=click.Path(path_type=Path), metavar="DIR", help="Where executions are kept [.stepwell]."
)
functions = click.option(
    "--functions",
    metavar="MODULE|FILE.py",
    help="Where the Python functions are that perform the tasks: each is found by the name of the Lambda function or "
    "of the state. Charge-Card and ChargeCard find charge_card too.",
)
mock_config = click.option(
    "--mock-config", metavar="FILE", help="Results for tasks: the mock file of Step Functions Local."
)
test_case = click.option(
    "--test-case", metavar="NAME", help="Which test case of the mock file. Not needed where it has only one."
)
calls = click.option(
    "--calls",
    multiple=True,
    metavar="[SERVICE=]mock|moto|aws|URL",
    help="Where tasks call AWS services: nowhere, moto in this process, AWS itself, or an endpoint: LocalStack's, say. "
    "May be given several times: --calls moto --calls s3=aws.",
)
seed = click.option(
    "--seed",
    metavar="FILE",
    help="What is in moto before the first task: tables, buckets, queues, topics, in YAML or JSON.",
)
template = click.option(
    "--template",
    metavar="FILE",
    help="The SAM or CloudFormation template whose Lambda functions (Python, Node.js) are run from their source.",
)
end_as_json = click.option(
    "--json", "as_json", is_flag=True, help="Write one JSON object about the execution, not its output alone."
)
state_input = click.option(
    "-i",
    "--input",
    "given_input",
    metavar="JSON|@FILE|-",
    help="The state's input: JSON text, @FILE to read it from a file, - to read it from stdin. Without it: {}.",
)


record = click.option(
    "--record",
    metavar="FILE",
    help="Keep the answers that tasks get: a cassette for --replay. Passwords, tokens and secrets are taken out.",
)
replay = click.option(
    "--replay",
    metavar="FILE",
    help="Give tasks the answers of a cassette, or of what `aws stepfunctions get-execution-history` has printed; "
    "nothing is called.",
)
redact = click.option(
    "--redact", multiple=True, metavar="JSONPATH", help="What no cassette shows: $..card. May be given several times."
)

_PERFORMERS = {"functions": functions, "calls": calls, "seed": seed, "template": template}
_MOCKS = {"mock_config": mock_config, "test_case": test_case}
_CASSETTES = {"record": record, "replay": replay, "redact": redact}


def performers(command: Callable[..., int]) -> Callable[..., int]:
    """All options that say who performs tasks. The command gets them together: what `Settings.given` takes of them."""
    return _packed(command, _PERFORMERS | _MOCKS | _CASSETTES)


def performers_without_mocks(command: Callable[..., int]) -> Callable[..., int]:
    """As `performers`, for a command that has mocks of its own, and no run to record."""
    return _packed(command, _PERFORMERS)


def _packed(command: Callable[..., int], options: dict[str, Callable[..., Any]]) -> Callable[..., int]:
    @wraps(command)
    def packed(**given: Any) -> int:
        return command(given_performers={name: given.pop(name) for name in options}, **given)

    for option in reversed(options.values()):
        packed = option(packed)
    return packed
