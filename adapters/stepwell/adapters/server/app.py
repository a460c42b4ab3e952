"""The server's application: HTTP to the API, and back.

    POST /          an operation of Step Functions, named by X-Amz-Target, as AWS JSON 1.0
    GET  /health    200 while executions are carried on, else 503
    GET  /metrics   figures for Prometheus

Rule 1: whatever comes in is answered, and what is the caller's fault is answered with 400 and a text that says so.
Rule 2: the event loop neither waits nor writes: what does is done on threads, or on the runtime's own.
Rule 3: nothing of a request leads to the file system, and no payload to the log.
"""

import asyncio
import logging
import uuid
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from time import perf_counter, time
from typing import TypeVar

from msgspec import Struct
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from stepwell.adapters.api.api import Api, Caller
from stepwell.adapters.operations import Answer, arrived
from stepwell.adapters.server import hosts, sigv4
from stepwell.adapters.server.dispatch import Question, Refused, operation_in, question, refusal_of
from stepwell.adapters.server.metrics import Metrics
from stepwell.engine import arns

Reply = TypeVar("Reply")

JSON = b"application/x-amz-json-1.0"

LARGEST_REQUEST = 4 * 1024 * 1024
"""Bytes. A definition of 1 MiB has room, however it is escaped."""

THREADS = 16
LONG_THREADS = 64
"""For operations that may wait, so that no other waits behind them."""

access_log = logging.getLogger("stepwell.access")


class Access(Struct, frozen=True, kw_only=True):
    """Who may call the server, and as whom."""

    names: frozenset[str] = frozenset()
    """Names of this host beside those of the loopback."""
    has_any_address: bool = False
    """Whether it listens on all addresses of this host: then any may stand in its place. Names may not: a page in a
    browser can make its own name lead here."""
    verifier: sigv4.Verifier | None = None
    """None: whoever reaches the server may call it, and says where and as whom."""
    region: str | None = None
    account: str | None = None
    """These, whatever the caller says."""
    default_region: str = arns.DEFAULT_REGION

    def is_called(self, host_header: str) -> bool:
        """Whether a Host header is for this server."""
        return hosts.is_ours(host_header, self.names) or (self.has_any_address and hosts.is_address(host_header))

    def caller(self, scope: sigv4.Scope | None) -> Caller:
        """In whose name a request is made. An access key of twelve digits is an account, as moto and others have it."""
        key = scope.access_key if scope else ""
        account = self.account or (key if len(key) == 12 and key.isdigit() else arns.DEFAULT_ACCOUNT)
        return Caller(self.region or (scope.region if scope else "") or self.default_region, account)


class Application:
    """The routes, over one `Api`."""

    def __init__(self, api: Api, *, access: Access | None = None, metrics: Metrics | None = None) -> None:
        self._api = api
        self._access = access or Access()
        self.metrics = metrics or Metrics()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="stepwell-api")
        self._long_threads = ThreadPoolExecutor(LONG_THREADS, thread_name_prefix="stepwell-api-long")
        self._pages = Starlette(
            routes=[
                Route("/", self._no_page, methods=["POST"]),
                Route("/health", self._health, methods=["GET"]),
                Route("/metrics", self._metrics, methods=["GET"]),
            ],
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        host = headers.get("host", "")
        if not self._access.is_called(host):
            refused = Refused(403, "ForbiddenException", f"This server has no such name as {host!r}")
            await _send(send, refused.status, refused.body(), _request_id(), refused.code)
        elif scope["path"] == "/" and scope["method"] == "POST":  # past Starlette, which would take as long as the rest
            await self._operation(scope, headers, receive, send)
        else:
            await self._pages(scope, receive, send)

    def close(self) -> None:
        for threads in (self._threads, self._long_threads):
            threads.shutdown(wait=False, cancel_futures=True)

    # --- operations -------------------------------------------------------------------------------------------------

    async def _operation(self, scope: Scope, headers: Mapping[str, str], receive: Receive, send: Send) -> None:
        began, request_id, name, code, status = perf_counter(), _request_id(), "-", "", 200
        self.metrics.running += 1
        try:
            body = await _body_of(receive)
            caller = self._caller(scope, headers, body)
            name = operation_in(headers)
            answer = await self._perform(question(self._api, name, caller, body, headers), receive)
        except _Gone:
            status, code, answer = 400, "ClientDisconnect", b""  # nobody reads it
        except asyncio.CancelledError:  # the server ends, and its grace is over
            refused = Refused(503, "ServiceUnavailable", "The server has ended before there was an answer")
            status, code, answer = refused.status, refused.code, refused.body()
        except Exception as error:  # noqa: BLE001 - a bug of ours is told of in the log, and answered as one
            refused = refusal_of(error)
            status, code, answer = refused.status, refused.code, refused.body()
        await _send(send, status, answer, request_id, code)
        seconds = perf_counter() - began
        self.metrics.running -= 1
        self.metrics.answered(name, code, seconds)
        if access_log.isEnabledFor(logging.INFO):
            client = (scope["client"] or "-")[0]
            access_log.info("%s %s %s %s %.1fms %s", client, name, status, code or "-", seconds * 1000, request_id)

    def _caller(self, scope: Scope, headers: Mapping[str, str], body: bytes) -> Caller:
        verifier = self._access.verifier
        if verifier is None:
            return self._access.caller(sigv4.scope_of(headers))
        path, query = scope["raw_path"].decode("latin-1"), scope["query_string"].decode("latin-1")
        every = Headers(scope=scope)  # those that were sent twice are signed twice
        return self._access.caller(verifier.verify(scope["method"], path, query, every, body, now=time()))

    async def _perform(self, asked: Question, receive: Receive) -> bytes:
        if asked.operation.is_quick:
            found = asked.ask()
        else:
            threads = self._long_threads if asked.operation.may_last else self._threads
            found = await asyncio.get_running_loop().run_in_executor(threads, asked.ask)
        if isinstance(found, Answer):
            found = await (arrived(found) if found.timeout is None else _while_there(found, receive))
        return asked.answer(found)

    # --- about the server -------------------------------------------------------------------------------------------

    async def _health(self, request: Request) -> Response:
        is_well = not self._api.runtime.is_closed
        return PlainTextResponse("ok\n" if is_well else "closed\n", 200 if is_well else 503)

    async def _no_page(self, request: Request) -> Response:
        raise AssertionError("operations do not come here")  # the route tells which methods there are

    async def _metrics(self, request: Request) -> Response:
        text, kind = self.metrics.render()
        return Response(text, media_type=kind)


class _Gone(Exception):
    """Whoever has asked waits no more."""


async def _body_of(receive: Receive) -> bytes:
    """Raises Refused for one that is too large."""
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Gone
        chunk: bytes = message.get("body", b"")
        size += len(chunk)
        if size > LARGEST_REQUEST:
            raise Refused(413, "RequestEntityTooLargeException", f"More than {LARGEST_REQUEST} bytes")
        if not message.get("more_body", False):
            return b"".join((*chunks, chunk)) if chunks else chunk
        chunks.append(chunk)


async def _while_there(answer: Answer[Reply], receive: Receive) -> Reply:
    """An answer that may take long, unless whoever waits for it goes: a task must not be given to nobody."""
    waiting = asyncio.ensure_future(arrived(answer))
    leaving = asyncio.ensure_future(receive())  # the body has come: what comes now is the end of the connection
    await asyncio.wait((waiting, leaving), return_when=asyncio.FIRST_COMPLETED)
    leaving.cancel()
    if not waiting.done():
        waiting.cancel()
        raise _Gone
    return waiting.result()


_OF_THIS_PROCESS = str(uuid.uuid4())[:24]
_numbers = count(1)


def _request_id() -> str:
    """Has the form of a UUID. Asking the system for chance each time would cost this thread its turn."""
    return f"{_OF_THIS_PROCESS}{next(_numbers):012x}"


async def _send(send: Send, status: int, body: bytes, request_id: str, code: str = "") -> None:
    headers = [
        (b"content-type", JSON),
        (b"content-length", b"%d" % len(body)),
        (b"x-amzn-requestid", request_id.encode()),
    ]
    if code:
        headers.append((b"x-amzn-errortype", code.encode()))
    try:
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
    except RuntimeError as fault:
        if "closed" not in str(fault):
            raise
        # uvloop's way to say that nobody is there any more, where uvicorn has not heard of it yet
