"""Where functions beside this process call Step Functions: a port of the loopback that leads to what runs their tasks.

Rule: nobody waits for the server behind it. It begins on a thread of its own when there is something to lead to, and
whoever calls before that waits in the socket's queue.
"""

import socket
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stepwell.adapters.hosted import Hosted
    from stepwell.adapters.server.app import Application
    from stepwell.adapters.server.serving import Server


class Door:
    """Open until it is closed. It leads to those that it was told of last."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.set_inheritable(False)
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._lock = threading.Lock()
        self._hosted: Hosted | None = None
        self._application: Application | None = None
        self._server: Server | None = None
        self._is_begun = False
        self._is_closed = False

    def lead_to(self, hosted: "Hosted") -> None:
        """Callers reach these executions from now on."""
        with self._lock:
            self._hosted, self._application = hosted, None
            must_begin = not (self._is_begun or self._is_closed)
            self._is_begun = True
        if must_begin:
            threading.Thread(target=self._serve, name="stepwell-door", daemon=True).start()

    def close(self) -> None:
        """Lets nobody in any more."""
        with self._lock:
            self._is_closed = True
            if self._server is not None:
                self._server.should_exit = True
        if not self._is_begun:
            self._socket.close()

    def _serve(self) -> None:
        from stepwell.adapters.server.serving import Server  # here, not above: it takes a while

        with self._socket:
            with self._lock:
                if self._is_closed:
                    return
                self._server = Server(self, grace=1)
            self._server.run(sockets=[self._socket])

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """A request, as ASGI has it."""
        await self._leads_to()(scope, receive, send)

    def _leads_to(self) -> "Application":
        from stepwell.adapters.api.api import Api
        from stepwell.adapters.server.app import Application

        with self._lock:
            assert self._hosted is not None, "it is open since there is something to lead to"
            if self._application is None:
                self._application = Application(Api(runtime=self._hosted))
            return self._application
