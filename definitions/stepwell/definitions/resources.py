"""What a Task's `Resource` names.

arn:aws:lambda:REGION:ACCOUNT:function:NAME[:QUALIFIER]     a Lambda function
arn:aws:states:REGION:ACCOUNT:activity:NAME                 an activity
arn:aws:states:::SERVICE:ACTION[.PATTERN]                   a service integration, optimized
arn:aws:states:::aws-sdk:SERVICE:ACTION[.PATTERN]           a service integration, any AWS API
python:PACKAGE.MODULE:FUNCTION                              a Python function (Stepwell's own)
"""

import re
from functools import lru_cache
from typing import Literal

from msgspec import Struct

Pattern = Literal["", "sync", "sync:2", "waitForTaskToken"]

PATTERNS: dict[str, Pattern] = {"": "", "sync": "sync", "sync:2": "sync:2", "waitForTaskToken": "waitForTaskToken"}

# Documentation writes the partition as `<PARTITION>`, templates as what they call it: any name will do.
ARN = re.compile(r"arn:[^:]+:(?P<service>[a-z0-9-]+):(?P<region>[^:]*):(?P<account>[^:]*):(?P<rest>.+)")
INTEGRATION = re.compile(
    r"(?P<service>(?:aws-sdk:)?[A-Za-z0-9-]+):(?P<action>[A-Za-z0-9]+)(?:\.(?P<pattern>sync|sync:2|waitForTaskToken))?"
)


class LambdaFunction(Struct, frozen=True):
    """A Lambda function named by its ARN: its events are the LambdaFunction ones."""

    arn: str
    name: str


class Activity(Struct, frozen=True):
    arn: str
    name: str


class Integration(Struct, frozen=True):
    """A call of a service. `service` is the resourceType of the history: `sqs`, `aws-sdk:s3`."""

    arn: str
    service: str
    action: str
    pattern: Pattern

    @property
    def label(self) -> str:
        """The `resource` of the history: the action with its pattern."""
        return f"{self.action}.{self.pattern}" if self.pattern else self.action

    @property
    def is_lambda_invoke(self) -> bool:
        return self.service == "lambda" and self.action == "invoke"


class PythonFunction(Struct, frozen=True):
    """A Python function named by the Resource itself; its events are those of a Lambda function."""

    arn: str
    module: str
    name: str


Resource = LambdaFunction | Activity | Integration | PythonFunction


@lru_cache(maxsize=4096)
def parse_resource(text: str) -> Resource | None:
    """What the text names, or None where it is no resource."""
    if text.startswith("python:"):
        _, module, name = [*text.split(":"), "", ""][:3]
        return PythonFunction(text, module, name) if module and name and text.count(":") == 2 else None
    found = ARN.fullmatch(text)
    if found is None:
        return None
    kind, _, rest = found["rest"].partition(":")
    if found["service"] == "lambda":
        return LambdaFunction(text, rest.partition(":")[0]) if kind == "function" and rest else None
    if found["service"] != "states":
        return None
    if kind == "activity":
        return Activity(text, rest) if rest else None
    called = INTEGRATION.fullmatch(found["rest"])
    if called is None:
        return None
    return Integration(text, called["service"], called["action"], PATTERNS[called["pattern"] or ""])
