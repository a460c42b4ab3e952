"""The API over one runtime: which operations there are, and what all of them have at hand."""

import os
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from msgspec import Struct

from stepwell.adapters.hosted import Hosted
from stepwell.adapters.operations import Answer
from stepwell.adapters.runs import Prepared
from stepwell.adapters.tasks.mock_files import MockFile
from stepwell.engine import arns
from stepwell.engine.errors import ValidationException
from stepwell.engine.operations.finding import unlabelled
from stepwell.engine.operations.pages import Page, Pages

T = TypeVar("T")

Params = Mapping[str, Any]
"""The members of a request, checked against the model."""

Response = dict[str, Any]


class Caller(Struct, frozen=True):
    """In whose name and where a request is made: what is created gets its ARN from it."""

    region: str = arns.DEFAULT_REGION
    account: str = arns.DEFAULT_ACCOUNT

    @property
    def within(self) -> str:
        """How the ARNs of what is the caller's begin."""
        return arns.within(self.region, self.account)


class Api(Struct, frozen=True, kw_only=True):
    """What operations have at hand."""

    runtime: Hosted
    mocks: MockFile | None = None
    """Whose test cases a StartExecution may name."""
    has_log_group: Callable[[str], bool] = lambda group: True
    """Whether there is a log group of this name."""

    def now(self) -> int:
        return self.runtime.now()

    def entropy(self) -> bytes:
        return os.urandom(16)

    def find(self, arn: str) -> Prepared:
        """The state machine, version or alias of an ARN, ready to run; raises StateMachineDoesNotExist."""
        machines = self.runtime.machines
        return machines.known(arn) or self.runtime.from_registry(lambda: machines.find(unlabelled(arn), self.entropy))

    def pages(self, params: Params, *of: object) -> Pages:
        """The list that a request asks for; `of` tells it from others."""
        return Pages(of=of, at=self.now(), max_results=params.get("maxResults"), next_token=params.get("nextToken"))


class Operation(Struct, frozen=True):
    """One operation of the API."""

    perform: Callable[[Api, Caller, Params], Response | Answer[Response]]
    """Raises CallerError, as the answer may."""
    is_quick: bool = False
    """Whether it neither waits nor writes, so that it can be performed on an event loop."""
    may_last: bool = False
    """Whether it may wait for long on the thread that performs it."""


def tags_in(params: Params) -> dict[str, str]:
    """The tags of a request: the value of each by its key. The model lets both be left out; a key must be there."""
    rows = params.get("tags", ())
    if not all(row.get("key") for row in rows):
        raise ValidationException("Every tag must have a key")
    return {row["key"]: row.get("value", "") for row in rows}


# --- lists ------------------------------------------------------------------------------------------------------------


def paged(member: str, page: Page[T], shown: Callable[[T], Response]) -> Response:
    """A list's response."""
    response: Response = {member: [shown(result) for result in page.results]}
    return response if page.next_token is None else {**response, "nextToken": page.next_token}
