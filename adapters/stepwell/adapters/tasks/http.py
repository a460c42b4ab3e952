"""HTTP Tasks: `http:invoke`, a request to any API, authorized by a connection.

Rule 1: a request goes to loopback, or to a host that was allowed; over HTTPS, but for loopback.
Rule 2: what a connection has counts before what the definition gives; bodies are put together.
Rule 3: the request of a task that is performed twice is made twice: there is no way to know it again.

Connections are those of the configuration (`connections`), then those of EventBridge where it has an endpoint.

Source: AWS developer guide, "Call HTTPS APIs in Step Functions workflows". What it does not tell is inferred: the cause
of a refusal (the body of the answer), and States.Runtime for what is wrong with a request or cannot be shown as JSON.
"""

import base64
import re
from collections.abc import Callable, Iterator, Mapping
from time import monotonic
from typing import Any, cast
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from msgspec import Struct
from msgspec.json import encode

from stepwell.adapters.tasks.bindings import unbound
from stepwell.adapters.tasks.connections import (
    ApiKey,
    Basic,
    Connection,
    InvalidConnection,
    OAuth,
    find_connection,
    name_of,
    with_secrets,
)
from stepwell.adapters.tasks.telling import Telling, wanted
from stepwell.adapters.tasks.web import SECONDS, Incoming, NoAnswer, Outgoing, host_of, is_loopback, may_be_asked, send
from stepwell.definitions.expressions import Json
from stepwell.definitions.failure import RUNTIME, Failure
from stepwell.definitions.json_text import InvalidJson, dumps, loads
from stepwell.definitions.resources import Integration
from stepwell.engine import quotas
from stepwell.engine.effects import InvokeTask
from stepwell.engine.failures import too_large
from stepwell.engine.operations.test_state import Performed
from stepwell.engine.ports import Call, Exchange, Succeeded, TaskHandler

METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD")

FORBIDDEN = re.compile(
    r"a-im|accept-(charset|datetime|encoding)|authorization|cache-control|connection|content-(encoding|md5)|date|expect"
    r"|forwarded|from|host|http2-settings|if-.*|max-forwards|origin|pragma|proxy-authorization|referer|server|te|trailer"
    r"|transfer-encoding|upgrade|via|warning|x-forwarded-.*|x-amz-.*|x-amzn-.*",
    re.IGNORECASE,
)
"""Headers that a definition must not give."""

SPARE_SECONDS = 60
"""A token is fetched anew so long before it runs out."""

NOT_AUTHORIZED = (401, 407)
"""What EventBridge takes as a sign that a token has run out (from memory of its documentation)."""

FORM = "application/x-www-form-urlencoded"

SOCKET = "States.Http.Socket"
NOT_ALLOWED = "Stepwell.HostNotAllowed"
NO_CONNECTION = "Stepwell.ConnectionNotFound"

Find = Callable[[str, InvokeTask], Connection | Failure | None]
"""Looks a connection up by its ARN, elsewhere than in the configuration; may block. None: there is none."""


class HttpTasks:
    """A `TaskHandler` that performs HTTP Tasks, and leaves every other task to `beside`.

    `environment` has the values of the variables that connections name; `find` knows further connections. Where
    somebody wants to be told of requests (`telling`), an exchange ends in a `Performed` in the place of its outcome.
    """

    def __init__(
        self,
        connections: Mapping[str, Connection] | None = None,
        beside: TaskHandler = unbound,
        *,
        allowed_hosts: tuple[str, ...] = (),
        environment: Mapping[str, str] | None = None,
        find: Find | None = None,
    ) -> None:
        self._connections = connections or {}
        self._beside = beside
        self._allowed_hosts = allowed_hosts
        self._environment = environment or {}
        self._find = find
        self._tokens: dict[bytes, tuple[str, float]] = {}

    def __call__(self, task: InvokeTask) -> Exchange:
        resource = task.resource
        if isinstance(resource, Integration) and (resource.service, resource.action) == ("http", "invoke"):
            return self._perform(task)
        return self._beside(task)

    def _perform(self, task: InvokeTask) -> Exchange:
        telling = wanted()
        performed: Performed = yield Call(self._invoke, (task, telling))
        if telling is not None:
            yield cast(Any, performed)
        yield performed.outcome if isinstance(performed.outcome, Failure) else Succeeded(performed.outcome)

    def _invoke(self, task: InvokeTask, telling: Telling | None) -> Performed:
        """What came of the task; blocks."""
        try:
            given = _Given.read(task)
            connection = self._connection(given.connection_arn, task)
            self._check_host(given.url)
            token = self._token(connection)
            sent = _request(given, connection, token, task)
        except _Unusable as fault:
            return Performed(outcome=fault.failure)
        shown = sent if telling and telling.reveals_secrets else _request(given, None, None, task)
        answer = send(sent, min(task.timeout_seconds or SECONDS, SECONDS))
        if isinstance(answer, NoAnswer):
            return Performed(outcome=Failure(SOCKET, answer.reason), request=_shown_request(shown))
        if answer.status in NOT_AUTHORIZED:
            self._forget(connection)
        return Performed(
            outcome=_outcome(answer), request=_shown_request(shown), response=_shown_response(answer, sent.url)
        )

    def _connection(self, arn: str, task: InvokeTask) -> Connection:
        connection = find_connection(self._connections, arn)
        found = connection or (self._find(arn, task) if self._find is not None else None)
        if isinstance(found, Failure):
            raise _Unusable(found)
        if found is None:
            what_to_do = f"Describe it under [connections.{name_of(arn)}] in stepwell.toml."
            raise _Unusable(Failure(NO_CONNECTION, f"There is no connection {arn!r}. {what_to_do}"))
        try:
            return with_secrets(found, self._environment)
        except InvalidConnection as fault:
            raise _Unusable(Failure(NO_CONNECTION, f"The connection {arn!r} cannot be used: {fault}.")) from None

    def _check_host(self, url: str) -> None:
        host = host_of(url)
        if host is None or not (url.startswith("https:") or is_loopback(host)):
            raise _unusable("The value of the field 'ApiEndpoint' has an invalid format")
        if not may_be_asked(host, self._allowed_hosts):
            raise _Unusable(
                Failure(
                    NOT_ALLOWED,
                    f"The host {host!r} is not allowed to be asked. Add it to allowed_hosts in stepwell.toml: "
                    f"allowed_hosts = [{dumps(host)}]",
                )
            )

    def _token(self, connection: Connection) -> str | None:
        """The value of the header Authorization that OAuth gives; None for other authorizations."""
        oauth = connection.authorization
        if not isinstance(oauth, OAuth):
            return None
        self._check_host(oauth.endpoint)
        key = encode(oauth)
        known, until = self._tokens.get(key, ("", 0.0))
        if monotonic() < until:
            return known
        answer = send(_token_request(oauth))
        if isinstance(answer, NoAnswer):
            raise _Unusable(Failure(SOCKET, answer.reason))
        if not 200 <= answer.status < 300:
            raise _Unusable(_refused(answer))
        try:
            token = loads(answer.body)
        except InvalidJson:
            token = None
        if not isinstance(token, dict) or not isinstance(token.get("access_token"), str):
            raise _Unusable(Failure(NO_CONNECTION, f"{oauth.endpoint} gave no access token."))
        value = f"{token.get('token_type') or 'Bearer'} {token['access_token']}"
        seconds = token.get("expires_in")
        if isinstance(seconds, int | float) and seconds > SPARE_SECONDS:
            self._tokens[key] = value, monotonic() + seconds - SPARE_SECONDS
        return value

    def _forget(self, connection: Connection) -> None:
        """Has a new token fetched for the next request: the one that was kept is not taken any more."""
        if isinstance(connection.authorization, OAuth):
            self._tokens.pop(encode(connection.authorization), None)


# --- what the task gives ----------------------------------------------------------------------------------------------


class _Unusable(Exception):
    """A request that cannot be made. Carries the failure that it is."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.cause)
        self.failure = failure


def _unusable(reason: str) -> _Unusable:
    return _Unusable(Failure(RUNTIME, reason))


class _Given(Struct, frozen=True, kw_only=True):
    """The parameters of a task, read."""

    method: str
    url: str
    connection_arn: str
    headers: list[tuple[str, str]]
    query: list[tuple[str, str]]
    body: Json
    encodes_form: bool
    array_format: str

    @staticmethod
    def read(task: InvokeTask) -> "_Given":
        """Raises _Unusable."""
        parameters = loads(task.input)
        members: dict[str, Json] = parameters if isinstance(parameters, dict) else {}
        method = members.get("Method")
        if method not in METHODS:
            raise _malformed(task, "Method")
        headers = [*_pairs(members.get("Headers"), "Headers", task)]
        for name, _ in headers:
            if FORBIDDEN.fullmatch(name):
                raise _unusable(f"The header '{name}' is not allowed in an HTTP Task")
        encoding, array_format = _transform(members.get("Transform"), task)
        return _Given(
            method=method,
            url=str(members.get("ApiEndpoint") or ""),
            connection_arn=_connection_arn(members, task),
            headers=headers,
            query=[*_pairs(members.get("QueryParameters"), "QueryParameters", task)],
            body=members.get("RequestBody"),
            encodes_form=encoding == "URL_ENCODED",
            array_format=array_format,
        )


def _malformed(task: InvokeTask, field: str) -> _Unusable:
    fault = f"The value of the field '{field}' has an invalid format"
    return _unusable(f"The Parameters '{task.input}' could not be used to start the Task: [{fault}]")


def _connection_arn(members: Mapping[str, Json], task: InvokeTask) -> str:
    for field in ("InvocationConfig", "Authentication"):
        config = members.get(field)
        arn = config.get("ConnectionArn") if isinstance(config, dict) else None
        if isinstance(arn, str):
            return arn
    fault = "The field 'Authentication' is required but was missing"
    raise _unusable(f"The Parameters '{task.input}' could not be used to start the Task: [{fault}]")


def _transform(transform: Json, task: InvokeTask) -> tuple[str, str]:
    members = transform if isinstance(transform, dict) else {}
    encoding = members.get("RequestBodyEncoding") or "NONE"
    options = members.get("RequestEncodingOptions")
    array_format = (options.get("ArrayFormat") if isinstance(options, dict) else None) or "INDICES"
    if encoding not in ("NONE", "URL_ENCODED") or array_format not in ARRAY_FORMATS:
        raise _malformed(task, "Transform")
    return encoding, array_format


def _pairs(given: Json, field: str, task: InvokeTask) -> Iterator[tuple[str, str]]:
    """Names and values of an object, of an array of such, or of a text like `a=1&b=2`."""
    match given:
        case None:
            return
        case str() if field == "QueryParameters":
            yield from parse_qsl(given, keep_blank_values=True)
        case list():
            for member in given:
                yield from _pairs(member, field, task)
        case dict():
            for name, value in given.items():
                for each in value if isinstance(value, list) else [value]:
                    if each is not None:
                        yield name, _text(each)
        case _:
            raise _malformed(task, field)


def _text(value: Json) -> str:
    return value if isinstance(value, str) else dumps(value)


# --- the request ------------------------------------------------------------------------------------------------------


def _request(given: _Given, connection: Connection | None, token: str | None, task: InvokeTask) -> Outgoing:
    """The request, with what the connection adds to it where there is one."""
    headers = given.headers
    query = given.query
    body = given.body
    if connection is not None:
        headers = _overridden(
            headers, {**connection.headers, **_authorized(connection.authorization, token)}, str.lower
        )
        query = _overridden(query, connection.query, str)
        if connection.body:
            body = {**(body if isinstance(body, dict) else {}), **connection.body}
    region = [*task.execution_arn.split(":"), "", "", "", ""][3]
    own = {"User-Agent": f"Amazon|StepFunctions|HttpInvoke|{region}", "Range": f"bytes=0-{quotas.PAYLOAD_BYTES}"}
    headers = _overridden(headers, own, str.lower)
    data = None
    if body is not None:
        named = next((value for name, value in headers if name.lower() == "content-type"), None)
        if named is None:
            headers = [*headers, ("Content-Type", FORM if given.encodes_form else "application/json")]
        data = _encoded(body, given, named or "").encode()
    return Outgoing(method=given.method, url=_with_query(given.url, query), headers=headers, body=data)


def _overridden(
    pairs: list[tuple[str, str]], by: Mapping[str, str], key: Callable[[str], str]
) -> list[tuple[str, str]]:
    taken = {key(name) for name in by}
    return [*((name, value) for name, value in pairs if key(name) not in taken), *by.items()]


def _authorized(authorization: Basic | ApiKey | OAuth, token: str | None) -> dict[str, str]:
    match authorization:
        case Basic(username=username, password=password):
            pair = base64.b64encode(f"{username}:{password}".encode()).decode()
            return {"Authorization": f"Basic {pair}"}
        case ApiKey(name=name, value=value):
            return {name: value}
        case OAuth():
            return {"Authorization": token or ""}


def _with_query(url: str, query: list[tuple[str, str]]) -> str:
    parts = urlsplit(url)
    added = urlencode(query, quote_via=quote)
    return urlunsplit(parts._replace(query="&".join(part for part in (parts.query, added) if part), fragment=""))


def _encoded(body: Json, given: _Given, content_type: str) -> str:
    if given.encodes_form:
        return urlencode([*_form(body, "", ARRAY_FORMATS[given.array_format])], quote_via=quote)
    is_text = isinstance(body, str) and content_type and "json" not in content_type
    return str(body) if is_text else dumps(body)


ArrayFormat = Callable[[str, list[Json]], Iterator[tuple[str, Json]]]


def _commas(name: str, values: list[Json]) -> Iterator[tuple[str, Json]]:
    yield name, ",".join(_text(value) for value in values)


ARRAY_FORMATS: Mapping[str, ArrayFormat] = {
    "INDICES": lambda name, values: ((f"{name}[{index}]", value) for index, value in enumerate(values)),
    "REPEAT": lambda name, values: ((name, value) for value in values),
    "COMMAS": _commas,
    "BRACKETS": lambda name, values: ((f"{name}[]", value) for value in values),
}
"""How the elements of an array are named in a form."""


def _form(value: Json, name: str, array_format: ArrayFormat) -> Iterator[tuple[str, str]]:
    match value:
        case dict():
            for key, member in value.items():
                yield from _form(member, f"{name}[{key}]" if name else key, array_format)
        case list() if name:
            for inner_name, element in array_format(name, value):
                yield from _form(element, inner_name, array_format)
        case None:
            yield name, ""
        case _:
            yield name, _text(value)


def _token_request(oauth: OAuth) -> Outgoing:
    """The request for a token: OAuth 2.0, client credentials (RFC 6749, 4.4), the credentials in the body."""
    credentials = {
        "grant_type": "client_credentials",
        "client_id": oauth.client_id,
        "client_secret": oauth.client_secret,
    }
    form = urlencode({**credentials, **oauth.body})
    url = _with_query(oauth.endpoint, [*oauth.query.items()])
    headers = [*oauth.headers.items(), ("Content-Type", FORM), ("Accept", "application/json")]
    if oauth.method == "GET":
        return Outgoing(method="GET", url=_with_query(url, [*parse_qsl(form)]), headers=headers[:-2] + headers[-1:])
    return Outgoing(method=oauth.method, url=url, headers=headers, body=form.encode())


# --- the answer -------------------------------------------------------------------------------------------------------


def _outcome(answer: Incoming) -> str | Failure:
    if not 200 <= answer.status < 300:
        return _refused(answer)
    if not answer.is_whole:
        return too_large("http")
    if answer.content_type.startswith("multipart/"):
        return Failure(RUNTIME, f"The response has a content type that is not supported: {answer.content_type}")
    try:
        return dumps(answer.result())
    except UnicodeDecodeError:
        return Failure(RUNTIME, "The response body is no text in UTF-8")


def _refused(answer: Incoming) -> Failure:
    cause = answer.body.decode("utf-8", "replace") or answer.reason
    return Failure(f"States.Http.StatusCode.{answer.status}", cause)


# --- as TestState tells it --------------------------------------------------------------------------------------------


def _shown_request(request: Outgoing) -> dict[str, str]:
    """The members of InspectionData's request."""
    parts = urlsplit(request.url)
    headers = [("Host", parts.netloc.rpartition("@")[2]), *request.headers]
    shown = {
        "protocol": parts.scheme,
        "method": request.method,
        "url": request.url,
        "headers": f"[{', '.join(f'{name}: {value}' for name, value in headers)}]",
    }
    return shown if request.body is None else {**shown, "body": request.body.decode()}


def _shown_response(answer: Incoming, url: str) -> dict[str, str]:
    """The members of InspectionData's response."""
    values: dict[str, list[str]] = {}
    for name, value in answer.headers:
        values.setdefault(name, []).append(value)
    return {
        "protocol": urlsplit(url).scheme,
        "statusCode": str(answer.status),
        "statusMessage": answer.reason,
        "headers": "{" + ", ".join(f"{name}=[{', '.join(told)}]" for name, told in values.items()) + "}",
        "body": answer.body.decode("utf-8", "replace"),
    }


# --- connections of EventBridge ---------------------------------------------------------------------------------------


def connection_of(described: Mapping[str, Any], secret: Mapping[str, Any]) -> Connection | None:
    """A connection from what DescribeConnection tells and from its secret; None where its authorization is not known.

    The secret holds what the description leaves out: passwords, keys, and the values that are marked as secret.
    """
    parameters = described.get("AuthParameters") or {}
    read = _READERS.get(str(described.get("AuthorizationType")))
    authorization = read(parameters, secret) if read is not None else None
    if authorization is None:
        return None
    added = {**(parameters.get("InvocationHttpParameters") or {}), **_secret_members(secret)}
    return Connection(
        authorization=authorization,
        headers=_members(added.get("HeaderParameters")),
        query=_members(added.get("QueryStringParameters")),
        body=dict(_members(added.get("BodyParameters"))),
    )


def _secret_members(secret: Mapping[str, Any]) -> dict[str, Any]:
    added = secret.get("invocation_http_parameters") or {}
    names = {
        "HeaderParameters": "header_parameters",
        "QueryStringParameters": "query_string_parameters",
        "BodyParameters": "body_parameters",
    }
    return {name: added[spelt] for name, spelt in names.items() if spelt in added}


def _members(rows: Any) -> dict[str, str]:
    """The parameters of a list of `{Key, Value}`, or of `{key, value}` as in a secret."""
    pairs = ((row.get("Key", row.get("key")), row.get("Value", row.get("value"))) for row in rows or ())
    return {str(name): str(value) for name, value in pairs if name is not None and value is not None}


def _basic(parameters: Mapping[str, Any], secret: Mapping[str, Any]) -> Basic | None:
    told = parameters.get("BasicAuthParameters") or {}
    username, password = secret.get("username", told.get("Username")), secret.get("password", told.get("Password"))
    return None if username is None or password is None else Basic(username=username, password=password)


def _api_key(parameters: Mapping[str, Any], secret: Mapping[str, Any]) -> ApiKey | None:
    told = parameters.get("ApiKeyAuthParameters") or {}
    name, value = (
        secret.get("api_key_name", told.get("ApiKeyName")),
        secret.get("api_key_value", told.get("ApiKeyValue")),
    )
    return None if name is None or value is None else ApiKey(name=name, value=value)


def _oauth(parameters: Mapping[str, Any], secret: Mapping[str, Any]) -> OAuth | None:
    told = parameters.get("OAuthParameters") or {}
    client = told.get("ClientParameters") or {}
    client_id, client_secret = secret.get("client_id", client.get("ClientId")), secret.get("client_secret")
    endpoint = secret.get("authorization_endpoint", told.get("AuthorizationEndpoint"))
    method: Any = secret.get("http_method", told.get("HttpMethod")) or "POST"
    if not (client_id and client_secret and endpoint) or method not in ("GET", "POST", "PUT"):
        return None
    added = secret.get("oauth_http_parameters") or {}
    return OAuth(
        endpoint=endpoint,
        client_id=client_id,
        client_secret=client_secret,
        method=method,
        headers=_members(added.get("header_parameters")),
        query=_members(added.get("query_string_parameters")),
        body=_members(added.get("body_parameters")),
    )


_READERS: Mapping[str, Callable[[Mapping[str, Any], Mapping[str, Any]], Basic | ApiKey | OAuth | None]] = {
    "API_KEY": _api_key,
    "BASIC": _basic,
    "OAUTH_CLIENT_CREDENTIALS": _oauth,
}
