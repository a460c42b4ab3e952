"""What is asked of an API, and what came back."""

import uuid
from collections.abc import Mapping
from typing import Any, Protocol

from msgspec import Struct

from stepwell.adapters.tasks.aws.optimized import Members, Service
from stepwell.adapters.tasks.aws.shaping import Dialect
from stepwell.definitions.failure import Failure
from stepwell.definitions.java_order import hash_map_order
from stepwell.engine.effects import InvokeTask

HEADERS = "Headers"
"""Where the headers stand in the metadata of a response, as they came: botocore's own have lost their case."""

NOT_SUPPORTED = "Stepwell.TaskNotSupported"


class Request(Struct, frozen=True, kw_only=True):
    """A call of an API's operation."""

    segment: str
    action: str
    parameters: Members
    service: Service | None = None
    """As which optimized integration; None is an `aws-sdk` call."""
    region: str | None = None
    """Where it is not that of the endpoints or of the execution."""


class Answer(Struct, frozen=True):
    """What came back, as the result of a task."""

    members: Members
    metadata: Mapping[str, Any]

    def with_metadata(self) -> Members:
        """The result with what optimized integrations tell of the HTTP answer."""
        return dict(sorted({**self.members, **_http_metadata(self.metadata)}.items()))


class Caller(Protocol):
    """Makes a call on behalf of a task. It blocks, and may be used from any thread.

    `of_result` is the dialect of the result where it is not the integration's own. Whatever goes wrong is a `Failure`.
    """

    def __call__(self, request: Request, task: InvokeTask, of_result: Dialect | None = None, /) -> Answer | Failure: ...


def _http_metadata(metadata: Mapping[str, Any]) -> Members:
    headers: list[tuple[str, str]] = metadata.get(HEADERS, [])
    values: dict[str, list[str]] = {}
    for name, value in headers:
        values.setdefault(name, []).append(value)
    request_id = metadata.get("RequestId") or str(uuid.uuid4())
    return {
        "SdkHttpMetadata": {
            "AllHttpHeaders": {name: [*values[name]] for name in hash_map_order(values)},
            "HttpHeaders": {name: values[name][-1] for name in sorted(values, key=str.lower)},
            "HttpStatusCode": metadata.get("HTTPStatusCode", 200),
        },
        "SdkResponseMetadata": {"RequestId": request_id},
    }
