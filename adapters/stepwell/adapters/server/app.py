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
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from time import perf_counter, time
from typing import Any

from msgspec import Struct
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from stepwell.adapters.api.api import Api, Caller
from stepwell.adapters.operations import arrived
from stepwell.adapters.server import hosts, sigv4
from stepwell.adapters.server.dispatch import Question, Refused, operation_in, question, refusal_of
from stepwell.adapters.server.metrics import Metrics
from stepwell.engine import arns

JSON = "application/x-amz-json-1.0"

LARGEST_REQUEST = 4 * 1024 * 1024
"""Bytes. A definition of 1 MiB has room, however it is escaped."""

SECONDS_TO_SEND = 30.0
"""How long a request may take to come in."""

THREADS = 16

access_log = logging.getLogger("stepwell.access")


_is_ours = lru_cache(maxsize=256)(hosts.is_ours)


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
        return _is_ours(host_header, self.names) or (self.has_any_address and hosts.is_address(host_header))

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
        self._routes = Starlette(
            routes=[
                Route("/", self._operation, methods=["POST"]),
                Route("/health", self._health, methods=["GET"]),
                Route("/metrics", self._metrics, methods=["GET"]),
            ],
        )

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            host = next((value for name, value in scope["headers"] if name == b"host"), b"").decode("latin-1")
            if not self._access.is_called(host):
                refused = Refused(403, "ForbiddenException", f"This server has no such name as {host!r}")
                await _refusal(refused, str(uuid.uuid4()))(scope, receive, send)
                return
        await self._routes(scope, receive, send)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    # --- operations -------------------------------------------------------------------------------------------------

    async def _operation(self, request: Request) -> Response:
        began, request_id, name, code = perf_counter(), str(uuid.uuid4()), "-", ""
        try:
            body = await _body_of(request)
            caller = self._caller(request, body)
            name = operation_in(request.headers)
            response = _answer(200, await self._perform(question(self._api, name, caller, body)), request_id)
        except ClientDisconnect:
            response, code = Response(status_code=400), "ClientDisconnect"  # nobody reads it
        except Exception as error:  # noqa: BLE001 - a bug of ours is told of in the log, and answered as one
            refused = refusal_of(error)
            response, code = _refusal(refused, request_id), refused.code
        seconds = perf_counter() - began
        self.metrics.answered(name, code, seconds)
        if access_log.isEnabledFor(logging.INFO):
            client = request.client.host if request.client else "-"
            access_log.info(
                "%s %s %s %s %.1fms %s", client, name, response.status_code, code or "-", seconds * 1000, request_id
            )
        return response

    def _caller(self, request: Request, body: bytes) -> Caller:
        verifier, headers = self._access.verifier, request.headers
        if verifier is None:
            return self._access.caller(sigv4.scope_of(headers))
        url = request.url
        return self._access.caller(verifier.verify(request.method, url.path, url.query, headers, body, now=time()))

    async def _perform(self, asked: Question) -> bytes:
        if asked.is_quick:
            found = asked.ask()
        else:
            found = await asyncio.get_running_loop().run_in_executor(self._threads, asked.ask)
        return asked.answer(await arrived(found) if isinstance(found, Future) else found)

    # --- about the server -------------------------------------------------------------------------------------------

    async def _health(self, request: Request) -> Response:
        is_well = not self._api.runtime.is_closed
        return PlainTextResponse("ok\n" if is_well else "closed\n", 200 if is_well else 503)

    async def _metrics(self, request: Request) -> Response:
        text, kind = self.metrics.render()
        return Response(text, media_type=kind)


async def _body_of(request: Request) -> bytes:
    """Raises Refused for one that is too large, or takes too long to come."""
    chunks, size = [], 0
    try:
        async with asyncio.timeout(SECONDS_TO_SEND):
            async for chunk in request.stream():
                size += len(chunk)
                if size > LARGEST_REQUEST:
                    raise Refused(413, "RequestEntityTooLargeException", f"More than {LARGEST_REQUEST} bytes")
                chunks.append(chunk)
    except TimeoutError:
        raise Refused(408, "RequestTimeout", f"The request took longer than {SECONDS_TO_SEND:.0f} s to come") from None
    return b"".join(chunks)


def _answer(status: int, body: bytes, request_id: str) -> Response:
    return Response(body, status, {"content-type": JSON, "x-amzn-requestid": request_id})


def _refusal(refused: Refused, request_id: str) -> Response:
    response = _answer(refused.status, refused.body(), request_id)
    response.headers["x-amzn-errortype"] = refused.code
    return response
