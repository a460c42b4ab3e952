"""The AWS SDK's part of a call: how it writes a request, and what it reads in an answer. botocore does both."""

from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import Any

from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.paginate import Paginator, PaginatorModel
from botocore.parsers import create_parser
from botocore.serialize import create_serializer

Params = dict[str, Any]
Reading = dict[str, Any]
"""What the SDK gives for an answer: the members of the response, or `Error`."""


@cache
def _service() -> ServiceModel:
    return ServiceModel(Loader().load_service_model("stepfunctions", "service-2"), "stepfunctions")


def on_the_wire(operation: str, params: Params) -> tuple[dict[str, str], bytes]:
    """Headers and body of a request; raises botocore's ParamValidationError."""
    model = _service().operation_model(operation)
    request = create_serializer("json", include_validation=True).serialize_to_request(params, model)
    return {name.lower(): value for name, value in request["headers"].items()}, request["body"]


def read_by_the_sdk(operation: str, status: int, body: bytes) -> Reading:
    """The answer as the SDK's user gets it, dates as the recorder wrote them."""
    shape = _service().operation_model(operation).output_shape
    parsed = create_parser("json").parse({"status_code": status, "headers": {}, "body": body}, shape)
    del parsed["ResponseMetadata"]
    return _without_dates(parsed)


def _without_dates(value: Any) -> Any:
    if isinstance(value, datetime):
        return "<datetime>"
    if isinstance(value, dict):
        return {key: _without_dates(inner) for key, inner in value.items()}
    return [_without_dates(inner) for inner in value] if isinstance(value, list) else value


def paginator_of(operation: str, method: Callable[..., Reading]) -> Paginator:
    """What calls the method for page after page."""
    model = PaginatorModel(Loader().load_service_model("stepfunctions", "paginators-1"))
    return Paginator(method, model.get_paginator(operation), _service().operation_model(operation))
