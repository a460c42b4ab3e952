"""HTTP Tasks: what is sent, who authorizes it, what becomes of the answer. All of it on loopback."""

import base64
import json
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs

import pytest

from stepwell.adapters.hosts.simulation import simulate
from stepwell.adapters.state_tests import perform
from stepwell.adapters.tasks.connections import (
    ApiKey,
    Basic,
    Connection,
    InvalidConnection,
    OAuth,
    find_connection,
    read_allowed_hosts,
    read_connections,
)
from stepwell.adapters.tasks.http import HttpTasks, connection_of
from stepwell.adapters.tasks.web import may_be_asked
from stepwell.engine.operations.test_state import InspectionLevel, StateTest
from support import Run, machine, task

INVOKE = "arn:aws:states:::http:invoke"
ARN = "arn:aws:events:us-east-1:123456789012:connection/Shop/11111111-2222-3333-4444-555555555555"
JSON = {"Content-Type": "application/json"}


class Api:
    """Answers every path as it is told, and keeps what it was asked."""

    def __init__(self, url):
        self.url = url
        self.requests = []
        self.answers = {}

    def answer(self, body, *, status=200, headers=JSON, path="/"):
        self.answers[path] = (status, headers, body if isinstance(body, bytes) else json.dumps(body).encode())

    @property
    def last(self):
        return self.requests[-1]


@pytest.fixture(scope="module")
def _server() -> Iterator[Api]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle(self):
            with suppress(ConnectionError):
                super().handle()

        def _answer(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            path, _, query = self.path.partition("?")
            api.requests.append(
                {"method": self.command, "path": path, "query": query, "headers": self.headers, "body": body}
            )
            status, headers, data = api.answers.get(path) or api.answers["/"]
            self.send_response_only(status)
            for name, value in {**headers, "Content-Length": str(len(data))}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = do_HEAD = _answer

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        server.block_on_close = False
        api = Api(f"http://127.0.0.1:{server.server_port}")
        thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield api
        server.shutdown()
        thread.join()


@pytest.fixture
def api(_server):
    _server.requests.clear()
    _server.answers.clear()
    _server.answer({})
    return _server


BASIC = Connection(authorization=Basic(username="ada", password="${SECRET}"))


def call(api, connection=BASIC, **parameters):
    given = {"ApiEndpoint": api.url, "Method": "GET", "InvocationConfig": {"ConnectionArn": ARN}, **parameters}
    tasks = HttpTasks({"Shop": connection}, environment={"SECRET": "s3cret"})
    return Run(simulate(machine(Call=task(INVOKE, Parameters=given)), tasks=tasks), [])


# --- requests ---------------------------------------------------------------------------------------------------------


def test_a_request_is_authorized_and_carries_the_marks_of_step_functions(api):
    call(api)

    assert api.last["method"] == "GET"
    assert {name: value for name, value in api.last["headers"].items() if name != "Host"} == {
        "Authorization": "Basic " + base64.b64encode(b"ada:s3cret").decode(),
        "User-Agent": "Amazon|StepFunctions|HttpInvoke|us-east-1",
        "Range": "bytes=0-262144",
    }


def test_what_the_connection_has_counts_before_what_the_definition_gives(api):
    connection = Connection(
        authorization=ApiKey(name="X-Key", value="k"),
        headers={"X-Tenant": "eu"},
        query={"version": "2"},
        body={"b": 20, "c": 30},
    )

    call(
        api,
        connection,
        Method="POST",
        Headers={"x-tenant": "us", "X-Own": "1"},
        QueryParameters={"version": "1", "q": "a b"},
        RequestBody={"a": 1, "b": 2},
    )

    sent = api.last
    assert sent["headers"].get_all("X-Tenant") == ["eu"]
    assert (sent["headers"]["X-Own"], sent["headers"]["X-Key"]) == ("1", "k")
    assert parse_qs(sent["query"]) == {"version": ["2"], "q": ["a b"]}
    assert json.loads(sent["body"]) == {"a": 1, "b": 20, "c": 30}
    assert sent["headers"]["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    ("given", "query"),
    [
        ({"a": [1, 2], "b": None}, "a=1&a=2"),
        ("a=1&b=%20", "a=1&b=%20"),
        ([{"a": 1}, "b=2"], "a=1&b=2"),
        ({"ä&": "ü/"}, "%C3%A4%26=%C3%BC%2F"),
    ],
)
def test_query_parameters_are_encoded(api, given, query):
    call(api, QueryParameters=given)

    assert api.last["query"] == query


@pytest.mark.parametrize(
    ("array_format", "body"),
    [
        (None, "a[0]=1&a[1]=x y&b[c]=true"),
        ("REPEAT", "a=1&a=x y&b[c]=true"),
        ("COMMAS", "a=1,x y&b[c]=true"),
        ("BRACKETS", "a[]=1&a[]=x y&b[c]=true"),
    ],
)
def test_a_body_may_be_a_form(api, array_format, body):
    transform = {"RequestBodyEncoding": "URL_ENCODED"}
    if array_format:
        transform["RequestEncodingOptions"] = {"ArrayFormat": array_format}

    call(api, Method="POST", RequestBody={"a": [1, "x y"], "b": {"c": True}}, Transform=transform)

    quoted = {"[": "%5B", "]": "%5D", " ": "%20", ",": "%2C"}
    assert api.last["body"].decode() == "".join(quoted.get(character, character) for character in body)
    assert api.last["headers"]["Content-Type"] == "application/x-www-form-urlencoded"


def test_client_credentials_are_exchanged_for_a_token(api):
    api.answer({"access_token": "t0ken", "token_type": "Bearer"}, path="/token")
    oauth = OAuth(endpoint=f"{api.url}/token", client_id="id", client_secret="${SECRET}", body={"audience": "shop"})

    assert call(api, Connection(authorization=oauth)).status == "SUCCEEDED"

    asked, sent = api.requests
    assert parse_qs(asked["body"].decode()) == {
        "grant_type": ["client_credentials"],
        "client_id": ["id"],
        "client_secret": ["s3cret"],
        "audience": ["shop"],
    }
    assert sent["headers"]["Authorization"] == "Bearer t0ken"


@pytest.mark.parametrize(
    ("lasting", "status", "exchanges"),
    [({"expires_in": 3600}, 200, 1), ({"expires_in": 30}, 200, 2), ({}, 200, 2), ({"expires_in": 3600}, 401, 2)],
    ids=["it lasts", "it is about to run out", "nobody knows how long", "it is not taken any more"],
)
def test_a_token_is_kept_for_as_long_as_it_lasts(api, lasting, status, exchanges):
    api.answer({"access_token": "t0ken", **lasting}, path="/token")
    api.answer({}, path="/v1", status=status)
    oauth = OAuth(endpoint=f"{api.url}/token", client_id="id", client_secret="s")
    tasks = HttpTasks({"Shop": Connection(authorization=oauth)})
    parameters = {"ApiEndpoint": f"{api.url}/v1", "Method": "GET", "InvocationConfig": {"ConnectionArn": ARN}}
    state = task(INVOKE, Parameters=parameters)

    for _ in range(2):
        simulate(machine(Call=state), tasks=tasks)

    assert len([request for request in api.requests if request["path"] == "/token"]) == exchanges


def test_a_token_that_is_refused_fails_the_task(api):
    api.answer({"error": "invalid_client"}, path="/token", status=401)
    oauth = OAuth(endpoint=f"{api.url}/token", client_id="id", client_secret="wrong")

    ran = call(api, Connection(authorization=oauth))

    assert (ran.error, ran.cause) == ("States.Http.StatusCode.401", '{"error": "invalid_client"}')
    assert len(api.requests) == 1


# --- what cannot be sent ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("header", ["Authorization", "host", "X-Amz-Date", "if-none-match", "x-forwarded-for", "TE"])
def test_headers_of_the_protocol_are_not_for_definitions(api, header):
    ran = call(api, Headers={header: "x"})

    assert ran.error == "States.Runtime"
    assert header in ran.cause
    assert not api.requests


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"Method": "FETCH"}, "The value of the field 'Method' has an invalid format"),
        ({"ApiEndpoint": "ftp://127.0.0.1"}, "The value of the field 'ApiEndpoint' has an invalid format"),
        ({"ApiEndpoint": "http://example.com"}, "The value of the field 'ApiEndpoint' has an invalid format"),
        ({"InvocationConfig": {}}, "The field 'Authentication' is required but was missing"),
        ({"Headers": "text"}, "The value of the field 'Headers' has an invalid format"),
        (
            {"Transform": {"RequestBodyEncoding": "ZIP"}},
            "The value of the field 'Transform' has an invalid format",
        ),
    ],
)
def test_parameters_that_make_no_request_end_the_execution(api, parameters, said):
    ran = call(api, **parameters)

    assert ran.error == "States.Runtime"
    assert said in ran.cause
    assert not api.requests


def test_a_host_must_be_allowed(api):
    ran = call(api, ApiEndpoint="https://api.example.com/v1")

    assert ran.error == "Stepwell.HostNotAllowed"
    assert 'allowed_hosts = ["api.example.com"]' in ran.cause


def test_a_connection_that_is_not_known_says_what_to_do(api):
    ran = call(api, InvocationConfig={"ConnectionArn": ARN.replace("Shop", "Stock")})

    assert ran.error == "Stepwell.ConnectionNotFound"
    assert "[connections.Stock]" in ran.cause


def test_a_variable_that_is_not_set_is_told(api):
    ran = call(api, Connection(authorization=Basic(username="ada", password="${MISSING}")))

    assert ran.error == "Stepwell.ConnectionNotFound"
    assert "'MISSING'" in ran.cause


# --- answers ----------------------------------------------------------------------------------------------------------


def test_the_result_is_the_answer_with_its_json_read(api):
    api.answer({"a": 1}, status=201, headers={**JSON, "X-Own": "x"})

    assert call(api).output == {
        "Headers": {"Content-Length": ["8"], "Content-Type": ["application/json"], "X-Own": ["x"]},
        "ResponseBody": {"a": 1},
        "StatusCode": 201,
        "StatusText": "Created",
    }


@pytest.mark.parametrize(
    ("data", "content_type", "body"),
    [
        (b"plain", "text/plain", "plain"),
        (b'{"a":1}', "application/problem+json; charset=utf-8", {"a": 1}),
        (b'{"a":1}', "text/plain", '{"a":1}'),
        (b"no json", "application/json", "no json"),
        (b"", "application/json", ""),
    ],
)
def test_a_body_that_is_no_json_is_text(api, data, content_type, body):
    api.answer(data, headers={"Content-Type": content_type})

    assert call(api).output["ResponseBody"] == body


@pytest.mark.parametrize("status", [302, 404, 500])
def test_any_status_but_success_is_an_error(api, status):
    api.answer({"message": "no"}, status=status, headers={**JSON, "Location": "/elsewhere"})

    ran = call(api)

    assert (ran.error, ran.cause) == (f"States.Http.StatusCode.{status}", '{"message": "no"}')
    assert len(api.requests) == 1


@pytest.mark.parametrize(
    ("data", "headers", "error"),
    [
        (b"x" * 262_145, {"Content-Type": "text/plain"}, "States.DataLimitExceeded"),
        (b"\xff\xfe", {"Content-Type": "application/octet-stream"}, "States.Runtime"),
        (b"--b", {"Content-Type": "multipart/mixed; boundary=b"}, "States.Runtime"),
    ],
    ids=["too long", "no text", "several parts"],
)
def test_an_answer_that_cannot_be_a_result_fails_the_task(api, data, headers, error):
    api.answer(data, headers=headers)

    assert call(api).error == error


def test_nobody_who_answers_is_a_failure_of_the_socket(api):
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as closed:
        port = closed.server_port

    assert call(api, ApiEndpoint=f"http://127.0.0.1:{port}").error == "States.Http.Socket"


def test_other_tasks_are_left_to_others():
    ran = Run(simulate(machine(Call=task()), tasks=HttpTasks()), [])

    assert ran.error == "Stepwell.TaskNotBound"


# --- TestState --------------------------------------------------------------------------------------------------------


def traced(api, **about):
    parameters = {
        "ApiEndpoint": f"{api.url}/v1",
        "Method": "POST",
        "InvocationConfig": {"ConnectionArn": ARN},
        "RequestBody": {"a": 1},
    }
    test = StateTest(
        definition=json.dumps(task(INVOKE, Parameters=parameters, End=True)),
        role_arn="arn:aws:iam::123456789012:role/r",
        inspection_level=InspectionLevel.TRACE,
        **about,
    )
    tasks = HttpTasks({"Shop": BASIC}, environment={"SECRET": "s3cret"})
    return perform(test, tasks)["inspectionData"]


def test_a_trace_tells_request_and_response(api):
    api.answer({"b": 2})

    told = traced(api)

    request, response = told["request"], told["response"]
    assert (request["method"], request["protocol"], request["url"]) == ("POST", "http", f"{api.url}/v1")
    assert request["body"] == '{"a":1}'
    assert "User-Agent: Amazon|StepFunctions|HttpInvoke|us-east-1" in request["headers"]
    assert (response["statusCode"], response["statusMessage"]) == ("200", "OK")
    assert response["body"] == '{"b": 2}'
    assert "Content-Type=[application/json]" in response["headers"]


@pytest.mark.parametrize("reveals", [False, True])
def test_what_the_connection_adds_is_told_only_where_secrets_are_revealed(api, reveals):
    assert ("Authorization: Basic" in traced(api, reveal_secrets=reveals)["request"]["headers"]) is reveals


# --- connections ------------------------------------------------------------------------------------------------------


def test_connections_are_read_from_the_configuration():
    table = {
        "Payments": {"type": "Basic", "username": "shop", "password": "${P}", "headers": {"X": "1"}},
        "Stock": {"type": "ApiKey", "name": "X-Key", "value": "k", "body": {"n": 1}},
        "Ledger": {
            "type": "OAuth",
            "endpoint": "https://login.example.com/token",
            "client_id": "c",
            "client_secret": "s",
            "method": "GET",
            "oauth_body": {"audience": "x"},
        },
    }

    assert read_connections(table) == {
        "Payments": Connection(authorization=Basic(username="shop", password="${P}"), headers={"X": "1"}),
        "Stock": Connection(authorization=ApiKey(name="X-Key", value="k"), body={"n": 1}),
        "Ledger": Connection(
            authorization=OAuth(
                endpoint="https://login.example.com/token",
                client_id="c",
                client_secret="s",
                method="GET",
                body={"audience": "x"},
            )
        ),
    }


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("x", "connections: must be a table"),
        ({"A": 1}, "connections.A: must be a table"),
        ({"A": {"type": "Digest"}}, "connections.A.type: must be one of Basic, ApiKey, OAuth"),
        ({"A": {"type": "Basic", "username": "u"}}, "connections.A.password: is missing"),
        ({"A": {"type": "Basic", "username": "u", "password": 1}}, "connections.A.password: must be a text"),
        ({"A": {"type": "Basic", "username": "u", "password": "p", "port": 1}}, "there is no key 'port'"),
        (
            {"A": {"type": "ApiKey", "name": "n", "value": "v", "headers": {"a": 1}}},
            "connections.A.headers.a: must be a text",
        ),
    ],
)
def test_mistakes_in_connections_are_told_with_their_place(table, said):
    with pytest.raises(InvalidConnection, match=said.replace(".", r"\.")):
        read_connections(table)


def test_allowed_hosts_are_a_list_of_names():
    assert read_allowed_hosts(["api.example.com", "*.example.org"]) == ("api.example.com", "*.example.org")
    with pytest.raises(InvalidConnection, match="allowed_hosts"):
        read_allowed_hosts("api.example.com")


def test_a_connection_is_found_by_its_name_or_by_its_whole_arn():
    assert find_connection({"Shop": BASIC}, ARN) is BASIC
    assert find_connection({ARN: BASIC}, ARN) is BASIC
    assert find_connection({"Shop": BASIC}, "Stock") is None


def test_a_connection_of_eventbridge_is_put_together_with_its_secret():
    described = {"AuthorizationType": "API_KEY", "AuthParameters": {"ApiKeyAuthParameters": {"ApiKeyName": "X-Key"}}}
    secret = {
        "api_key_name": "X-Key",
        "api_key_value": "k",
        "invocation_http_parameters": {"header_parameters": [{"key": "X", "value": "1", "is_value_secret": True}]},
    }

    assert connection_of(described, secret) == Connection(
        authorization=ApiKey(name="X-Key", value="k"), headers={"X": "1"}
    )
    assert connection_of(described, {}) is None


@pytest.mark.parametrize(
    ("host", "allowed", "is_so"),
    [
        ("127.0.0.1", (), True),
        ("localhost", (), True),
        ("api.localhost", (), True),
        ("api.example.com", (), False),
        ("API.example.com", ("api.example.com",), True),
        ("api.example.com", ("*.example.com",), True),
        ("example.com", ("*.example.com",), False),
        ("anything.org", ("*",), True),
    ],
)
def test_loopback_may_be_asked_and_what_was_allowed(host, allowed, is_so):
    assert may_be_asked(host, allowed) is is_so
