"""The API without a network: what botocore would send is answered in this process.

`Answering` is for a client of boto3; `ApiTasks` is for tasks that call Step Functions (`aws-sdk:sfn`), which is what
they run in.
"""

from collections.abc import Iterator
from io import BytesIO
from threading import Lock
from typing import Any

from stepwell.adapters.api.api import Api, Caller
from stepwell.adapters.server.dispatch import respond
from stepwell.adapters.server.sigv4 import scope_of
from stepwell.adapters.tasks.aws.calls import AwsTasks
from stepwell.adapters.tasks.aws.endpoints import Credentials, Endpoints
from stepwell.engine import arns
from stepwell.engine.effects import InvokeTask
from stepwell.engine.ports import Exchange

ENDPOINT = "http://stepwell.localhost"
"""Where a client of nobody's server says that it sends to. It does not."""


class Answering:
    """Answers the requests of a client, before they would be sent. Its access key is the caller's account."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def __call__(self, request: Any, **about: Any) -> Any:
        from botocore.awsrequest import AWSResponse  # here, not above: it is there where somebody has a client

        headers = {name.lower(): _text(value) for name, value in request.headers.items()}
        scope = scope_of(headers)
        caller = Caller(scope.region, scope.access_key) if scope else Caller()
        body = request.body or b""
        status, answer = respond(self._api, headers, caller, body.encode() if isinstance(body, str) else body)
        return AWSResponse(request.url, status, {"content-type": "application/x-amz-json-1.0"}, _Body(answer))


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


class _Body(BytesIO):
    """A body as botocore reads those of urllib3."""

    def stream(self, amount: int = 0, **kwargs: Any) -> Iterator[bytes]:
        yield self.read()


class ApiTasks:
    """A `TaskHandler` for tasks that call Step Functions. They are made as from the account of their execution."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._lock = Lock()
        self._tasks: dict[str, AwsTasks] = {}

    def __call__(self, task: InvokeTask, /) -> Exchange:
        account = arns.account_in(task.execution_arn)
        with self._lock:
            if account not in self._tasks:
                endpoints = Endpoints(of_services={"sfn": ENDPOINT}, credentials=Credentials(access_key_id=account))
                self._tasks[account] = AwsTasks(endpoints, answering=Answering(self._api))
        return self._tasks[account](task)
