"""Serving an application on a socket: uvicorn, with bounds on what a connection may take.

Rule 1: a port that cannot be had is told of before anything is opened.
Rule 2: who is told to end takes no new requests, answers those it has, and then closes what they stand on.
"""

import errno
import socket
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LARGEST_HEAD = 64 * 1024
"""Bytes of URL and headers."""

SECONDS_TO_SEND = 30.0
"""How long a request may take to come in, and a connection until one begins."""

CONNECTIONS_WAITING = 4096


class CannotListen(Exception):
    """The address cannot be had. The text says which, why, and what to do."""


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens; raises CannotListen. Port 0 is any that is free."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        own = socket.create_server((host, port), family=family, backlog=CONNECTIONS_WAITING)
    except (OSError, OverflowError) as fault:
        hint = ""
        if getattr(fault, "errno", None) == errno.EADDRINUSE:
            hint = "; another process has it: choose another with --port"
        reason = getattr(fault, "strerror", None) or str(fault)
        raise CannotListen(f"{host}:{port}: {reason}{hint}") from None
    own.set_inheritable(False)
    return own


class BoundedProtocol(HttpToolsProtocol):
    """Hangs up on who takes too long to say what is wanted, or says too much before the body begins."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._head_size = 0
        self._impatience = self.loop.call_later(SECONDS_TO_SEND, transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        self._impatience.cancel()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        self._head_size = 0
        self._impatience.cancel()
        self._impatience = self.loop.call_later(SECONDS_TO_SEND, self.transport.close)
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        self._weigh(url)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._weigh(name)
        self._weigh(value)
        super().on_header(name, value)

    def on_message_complete(self) -> None:
        self._impatience.cancel()
        super().on_message_complete()

    def _weigh(self, part: bytes) -> None:
        self._head_size += len(part)
        if self._head_size > LARGEST_HEAD:
            self.transport.close()


class Server(uvicorn.Server):
    """Serves until it is told to end; `when_ending` is called as soon as that is."""

    def __init__(self, application: Any, *, grace: float = 10.0, when_ending: Callable[[], None] | None = None) -> None:
        super().__init__(
            uvicorn.Config(
                application,
                http=BoundedProtocol,
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                ws="none",
                timeout_keep_alive=75,
                timeout_graceful_shutdown=max(1, round(grace)),
            )
        )
        self._when_ending = when_ending

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self._when_ending is not None and not self.should_exit:
            self._when_ending()
        super().handle_exit(sig, frame)


class ServerThread:
    """A server on a thread of its own, for tests and for applications that have one beside them."""

    def __init__(self, application: Any, *, host: str = "127.0.0.1", port: int = 0) -> None:
        """Raises CannotListen."""
        self._socket = listen(host, port)
        self._server = Server(application, grace=1)
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http://{host}:{self.port}"
        self._thread = threading.Thread(target=self._serve, name="stepwell-server", daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        self._server.run(sockets=[self._socket])

    def close(self) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()
