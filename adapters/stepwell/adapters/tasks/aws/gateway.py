"""apigateway:invoke: a request to an API of API Gateway, at the endpoint for such APIs (`executeapi`).

The API is told by the header Host, as emulators of API Gateway expect it. An `ApiEndpoint` on loopback is asked itself,
and so is any where AWS itself is called.
"""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from msgspec.structs import replace

from stepwell.adapters.tasks.aws.endpoints import Credentials, Endpoints
from stepwell.adapters.tasks.web import Incoming, NoAnswer, Outgoing, is_loopback, send
from stepwell.definitions.expressions import Json
from stepwell.definitions.failure import RUNTIME, Failure
from stepwell.definitions.json_text import dumps, loads
from stepwell.engine.effects import InvokeTask
from stepwell.engine.failures import too_large
from stepwell.engine.ports import Call, Exchange, Submitted, Succeeded

SEGMENT = "executeapi"

METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS")


def invoke_api(endpoints: Endpoints, task: InvokeTask, *, waits_for_token: bool) -> Exchange:
    """The exchange of the task."""
    if task.submitted is not None:
        return
    outcome: str | Failure = yield Call(_invoke, (endpoints, task))
    if isinstance(outcome, Failure):
        yield outcome
    else:
        yield Submitted(outcome) if waits_for_token else Succeeded(outcome)


def _invoke(endpoints: Endpoints, task: InvokeTask) -> str | Failure:
    from botocore.exceptions import BotoCoreError  # here, not above: who calls no service pays nothing for botocore

    parameters = loads(task.input)
    try:
        request = _request(parameters if isinstance(parameters, dict) else {}, endpoints, task)
    except BotoCoreError as fault:  # it cannot be signed
        return Failure("ApiGateway.SdkClientException", str(fault))
    if isinstance(request, Failure):
        return request
    answer = send(request)
    if isinstance(answer, NoAnswer):
        return Failure("ApiGateway.SdkClientException", f"Unable to execute HTTP request: {answer.reason}")
    return outcome_of(answer, "ApiGateway", "apigateway")


def outcome_of(answer: Incoming, service: str, title: str) -> str | Failure:
    """The result of a task, as JSON text; any status but those of success is an error of the service."""
    if not 200 <= answer.status < 300:
        return Failure(f"{service}.{answer.status}", answer.body.decode("utf-8", "replace"))
    if not answer.is_whole:
        return too_large(title)
    try:
        return dumps(answer.result())
    except UnicodeDecodeError:
        return Failure(RUNTIME, "The response body is no text in UTF-8")


def _request(given: Mapping[str, Json], endpoints: Endpoints, task: InvokeTask) -> Outgoing | Failure:
    endpoint, method = str(given.get("ApiEndpoint") or ""), given.get("Method")
    if method not in METHODS or not endpoint:
        field = "ApiEndpoint" if not endpoint else "Method"
        fault = f"The value of the field '{field}' has an invalid format"
        return Failure(RUNTIME, f"The Parameters '{task.input}' could not be used to start the Task: [{fault}]")
    allows_nulls = given.get("AllowNullValues") in (True, "true")
    body = given.get("RequestBody")
    steps = [str(given[name]).strip("/") for name in ("Stage", "Path") if given.get(name)]
    path = "/" + quote("/".join(step for step in steps if step), safe="/%-._~!$&'()*+,;=:@")
    if query := urlencode([*pairs(given.get("QueryParameters"))]):
        path = f"{path}?{query}"
    headers = [*pairs(given.get("Headers"))]
    data = None
    if body is not None:
        data = dumps(body if allows_nulls else _without_nulls(body)).encode()
        if not any(name.lower() == "content-type" for name, _ in headers):
            headers.append(("Content-Type", "application/json"))
    made = Outgoing(method=method, url=f"https://{endpoint}{path}", headers=headers, body=data)
    if given.get("AuthType") == "IAM_ROLE":
        region = endpoints.region or task.execution_arn.split(":")[3]
        made = _signed(made, endpoints.credentials_for(SEGMENT), region)
    return replace(made, url=_base(endpoint, endpoints) + path, headers=[*made.headers, ("Host", endpoint)])


def _base(endpoint: str, endpoints: Endpoints) -> str:
    if is_loopback(urlsplit(f"//{endpoint}").hostname or ""):
        return f"http://{endpoint}"
    url = endpoints.url(SEGMENT)
    return f"https://{endpoint}" if url is None else url.rstrip("/")


def pairs(given: Json) -> Iterator[tuple[str, str]]:
    """Names and values of an object, whose values may be arrays of them."""
    for name, value in given.items() if isinstance(given, dict) else ():
        for each in value if isinstance(value, list) else [value]:
            if each is not None:
                yield name, each if isinstance(each, str) else dumps(each)


def _without_nulls(value: Json) -> Json:
    match value:
        case dict():
            return {name: _without_nulls(member) for name, member in value.items() if member is not None}
        case list():
            return [_without_nulls(member) for member in value]
        case _:
            return value


def _signed(request: Outgoing, credentials: Credentials | None, region: str) -> Outgoing:
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest

    from stepwell.adapters.tasks.aws.clients import signer

    signed: Any = AWSRequest(request.method, request.url, headers=dict(request.headers), data=request.body or b"")
    SigV4Auth(signer(credentials), "execute-api", region).add_auth(signed)
    return replace(request, headers=[*signed.headers.items()])
