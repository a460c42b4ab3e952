"""Services on loopback: one that answers as it is told, and moto's server."""

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from stepwell.adapters.hosts.simulation import simulate
from stepwell.adapters.tasks.aws import AwsTasks, Endpoints
from support import Run, machine, task

JSON = {"Content-Type": "application/x-amz-json-1.0", "x-amzn-RequestId": "request-1"}


class Service:
    """Answers requests in turn, the last answer for ever, and keeps what it was asked."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.requests: list[dict[str, Any]] = []
        self._answers: list[tuple[int, dict[str, str], bytes]] = []

    def answers(self, *bodies: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        """JSON values, or bytes as they are; a pair has a status of its own."""
        self._answers = []
        for body in bodies:
            code, body = body if isinstance(body, tuple) else (status, body)
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            self._answers.append((code, JSON if headers is None else headers, data))

    def take(self, request: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        self.requests.append(request)
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]

    @property
    def asked(self) -> list[str]:
        """The operations that were asked for, of services with a JSON protocol."""
        return [request["headers"].get("X-Amz-Target", "").rpartition(".")[2] for request in self.requests]

    @property
    def body(self) -> Any:
        """The last request's."""
        return json.loads(self.requests[-1]["body"])


@pytest.fixture(scope="session")
def _loopback() -> Iterator[Service]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle(self) -> None:
            with suppress(ConnectionError):  # who has read enough goes away
                super().handle()

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            request = {"method": self.command, "path": self.path, "headers": dict(self.headers), "body": body}
            status, headers, data = told.take(request)
            self.send_response_only(status)
            for name, value in {**headers, "Content-Length": str(len(data))}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = _answer

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        server.block_on_close = False
        told = Service(f"http://127.0.0.1:{server.server_port}")
        thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield told
        server.shutdown()
        thread.join()


@pytest.fixture
def service(_loopback: Service) -> Service:
    _loopback.requests.clear()
    _loopback.answers({})
    return _loopback


@pytest.fixture(scope="session")
def moto() -> Iterator[str]:
    """The URL of moto's server."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def call(service: Service) -> Callable[..., Run]:
    """Runs a machine of one task against the service."""
    return lambda resource, parameters=None, **fields: run_at(service.url, resource, parameters, **fields)


def run_at(url: str, resource: str, parameters: Any = None, **fields: Any) -> Run:
    given = {} if parameters is None else {"Parameters": parameters}
    return Run(simulate(machine(Call=task(resource, **given, **fields)), tasks=tasks_at(url)), [])


@cache
def tasks_at(url: str) -> AwsTasks:
    """The handler of a service: clients are dear to make."""
    return AwsTasks(Endpoints(everything=url))


@pytest.fixture
def emulated(moto: str) -> Callable[..., Run]:
    """Runs a machine of one task against moto."""
    return lambda resource, parameters=None, **fields: run_at(moto, resource, parameters, **fields)
