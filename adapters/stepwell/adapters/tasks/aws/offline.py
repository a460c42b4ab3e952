"""AWS offline: moto in this process, behind a port of the loopback, so that functions and their processes reach it too.

Rule 1: a new one is empty, and nothing of it is left when it is closed. What it keeps belongs to the process: several
that are open at the same time share it, and so does whoever uses `moto.mock_aws` around it.
Rule 2: moto is an extra, imported by who starts it.
Rule 3: where there is no Docker, jobs of Batch succeed at once: moto would run them in containers.
"""

import logging
import os
import threading
from pathlib import Path
from typing import Any

from stepwell.adapters.closing import Closing
from stepwell.adapters.tasks.aws.endpoints import EVERYTHING, Endpoints, InvalidEndpoint

logger = logging.getLogger(__name__)

_open: list["Offline"] = []
_lock = threading.Lock()


class Offline(Closing):
    """moto at a port of its own, until it is closed. Raises InvalidEndpoint where moto is not installed."""

    def __init__(self) -> None:
        try:
            from moto.core.config import default_user_config
            from moto.core.models import MockAWS
            from moto.moto_api._internal.models import moto_api_backend
            from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
            from werkzeug.serving import WSGIRequestHandler, make_server
        except ImportError as fault:
            raise InvalidEndpoint(f"moto is not installed ({fault}): pip install 'stepwell[moto]'") from None

        class Quiet(WSGIRequestHandler):
            def log(self, type: str, message: str, *args: Any) -> None:
                pass

        if not _has_docker():
            default_user_config["batch"]["use_docker"] = False
        application = DomainDispatcherApplication(create_backend_app)
        with _lock:
            if not _open and not MockAWS._mocks_active:
                moto_api_backend.reset()
            self._server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=Quiet)
            self._server.log = _tell  # type: ignore[assignment]
            _open.append(self)
        self._thread = threading.Thread(target=self._server.serve_forever, name="stepwell-moto", daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Its endpoint."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def endpoints(self) -> Endpoints:
        """Calls of every service go to it."""
        return Endpoints.of({EVERYTHING: self.url}, {})

    def close(self) -> None:
        """Ends it. Closed once more it stays as it is."""
        with _lock:
            if self not in _open:
                return
            _open.remove(self)
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _tell(kind: str, message: str, *arguments: Any) -> None:
    """What moto fails with: tasks are told that there was an internal error, and who debugs moto hears the rest."""
    logger.debug("moto: %s", message % arguments if arguments else message)


def _has_docker() -> bool:
    return bool(os.environ.get("DOCKER_HOST")) or Path("/var/run/docker.sock").exists()
