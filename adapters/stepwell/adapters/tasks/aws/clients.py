"""Clients of AWS services: each made when it is first needed, once for a service, region and role.

A client does nothing of its own accord: it does not retry, and neither checks nor translates what it is given.
"""

import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cached_property
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

from botocore.config import Config
from botocore.credentials import Credentials as Signer
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError
from botocore.handlers import BUILTIN_HANDLERS
from botocore.parsers import ResponseParserError
from botocore.session import Session
from msgspec import Struct

from stepwell.adapters.tasks.aws import names
from stepwell.adapters.tasks.aws.answers import HEADERS
from stepwell.adapters.tasks.aws.endpoints import Credentials, Endpoints

CONNECT_SECONDS = 5
READ_SECONDS: Mapping[str, int] = {"lambda": 910, "stepfunctions": 310}
"""How long an answer may take, by client: a function runs for 15 minutes, an express execution for 5."""
OTHER_READ_SECONDS = 70

CONVENIENCES = frozenset(
    {"base64_encode_user_data", "decode_console_output", "json_decode_policies", "json_decode_template_body"}
)
"""What botocore does for callers in Python and the AWS SDK for Java does not."""

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
"""What no proxy is asked for, whatever the environment says."""

_NO_FILES = {
    "profile": (None, None, None, None),
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
}

ROLE_SESSION = "StepFunctions"
_SPARE = timedelta(minutes=5)


class NoSuchService(Exception):
    """botocore has no service of this name."""


class RoleNotAssumed(Exception):
    """The role of a task could not be assumed. Carries what was said about it."""


class Connection(Struct, frozen=True, kw_only=True):
    """A client with what is known of its API."""

    client: Any
    url: str
    service_id: str
    operations: Mapping[str, str]
    """The API's operations by the names that Resources give them."""

    def model(self, operation: str) -> Any:
        return self.client.meta.service_model.operation_model(operation)


class _Assumed(Struct, frozen=True, kw_only=True):
    connections: dict[tuple[str, str], Connection]
    credentials: Credentials
    expires_at: datetime


class Clients:
    """The clients for these endpoints. May be used from any thread."""

    def __init__(self, endpoints: Endpoints, answering: Callable[..., Any] | None = None) -> None:
        """`answering` takes each request of botocore's, and gives the response, in the place of a network."""
        self._endpoints = endpoints
        self._answering = answering
        self._lock = Lock()
        self._connections: dict[tuple[str, str], Connection] = {}
        self._assumed: dict[tuple[str, str], _Assumed] = {}

    def connect(self, segment: str, region: str, role: str | None = None) -> Connection:
        """The client of a service that may be called; raises NoSuchService, RoleNotAssumed.

        A role is assumed where STS may be called too, and counts for nothing where it may not.
        """
        with self._lock:
            if role is None or not self._endpoints.reaches("sts"):
                return self._kept(self._connections, segment, region, self._endpoints.credentials_for(segment))
            assumed = self._assumed.get((role, region))
            if assumed is None or assumed.expires_at - _SPARE < datetime.now(UTC):
                assumed = self._assumed[role, region] = self._assume(role, region)
            return self._kept(assumed.connections, segment, region, assumed.credentials)

    def close(self) -> None:
        """Lets go of all connections; what is called after that makes new ones."""
        with self._lock:
            of_roles = [connections for assumed in self._assumed.values() for connections in (assumed.connections,)]
            for connections in (self._connections, *of_roles):
                for connection in connections.values():
                    connection.client.close()
            self._connections.clear()
            self._assumed.clear()

    def region(self, segment: str) -> str | None:
        """The region that the user's settings give for services of AWS itself."""
        with self._lock:
            return self._of_the_user.get_config_variable("region") if self._endpoints.is_real(segment) else None

    def _kept(
        self,
        connections: dict[tuple[str, str], Connection],
        segment: str,
        region: str,
        credentials: Credentials | None,
    ) -> Connection:
        kept = connections.get((segment, region))
        if kept is None:
            kept = connections[segment, region] = self._made(segment, region, credentials)
        return kept

    def _made(self, segment: str, region: str, credentials: Credentials | None) -> Connection:
        assert self._endpoints.reaches(segment), "what may not be called never is"
        url = self._endpoints.url(segment)
        session = self._own if credentials else self._of_the_user
        name = names.client_name(segment, session.get_available_services())
        if name is None:
            raise NoSuchService(segment)
        client = session.create_client(
            name,
            region_name=region,
            endpoint_url=url,
            aws_access_key_id=credentials and credentials.access_key_id,
            aws_secret_access_key=credentials and credentials.secret_access_key,
            aws_session_token=credentials and credentials.session_token,
            config=Config(
                connect_timeout=CONNECT_SECONDS,
                read_timeout=READ_SECONDS.get(name, OTHER_READ_SECONDS),
                retries={"total_max_attempts": 1, "mode": "standard"},
                parameter_validation=False,
                ignore_configured_endpoint_urls=True,  # it was said where calls go, and nobody else is asked
                inject_host_prefix=url is None,  # AWS has hosts of their own for some operations
                max_pool_connections=64,
                s3={"addressing_style": "path" if url else "auto"},
                proxies={} if url and urlsplit(url).hostname in LOOPBACK else None,
                user_agent_extra="stepwell",
            ),
        )
        client.meta.events.register("after-call", _keep_headers)
        if self._answering is not None:
            client.meta.events.register("before-send", self._answering)
        model = client.meta.service_model
        operations = {names.uncapitalized(operation): operation for operation in model.operation_names}
        return Connection(
            client=client, url=client.meta.endpoint_url, service_id=str(model.service_id), operations=operations
        )

    # Sessions are not safe to be used by two threads: they are used by who holds the lock.

    @cached_property
    def _own(self) -> Session:
        return _without_conveniences(session_without_files())

    @cached_property
    def _of_the_user(self) -> Session:
        """With the user's profile, files and roles."""
        return _without_conveniences(Session())

    def _assume(self, role: str, region: str) -> _Assumed:
        sts = self._kept(self._connections, "sts", region, self._endpoints.credentials_for("sts")).client
        try:
            given = sts.assume_role(RoleArn=role, RoleSessionName=ROLE_SESSION)["Credentials"]
        except (BotoCoreError, ClientError, ResponseParserError, KeyError) as fault:
            raise RoleNotAssumed(f"{type(fault).__name__}: {fault}") from fault
        return _Assumed(
            connections={},
            credentials=Credentials(
                access_key_id=given["AccessKeyId"],
                secret_access_key=given["SecretAccessKey"],
                session_token=given["SessionToken"],
            ),
            expires_at=given["Expiration"],
        )


def session_without_files() -> Session:
    """A session that reads none of the user's files."""
    return Session(session_vars=_NO_FILES)


def signer(credentials: Credentials | None) -> Signer:
    """What requests are signed with; raises NoCredentialsError where it is the user's, who has none."""
    if credentials is not None:
        return Signer(credentials.access_key_id, credentials.secret_access_key, credentials.session_token)
    found = Session().get_credentials()
    if found is None:
        raise NoCredentialsError
    return found


def _without_conveniences(session: Session) -> Session:
    for event, handler, *_ in BUILTIN_HANDLERS:
        if getattr(handler, "__name__", "") in CONVENIENCES:
            session.unregister(event, handler)
    return session


def _keep_headers(http_response: Any, parsed: Any, **_: Any) -> None:
    if isinstance(parsed, dict):
        parsed.setdefault("ResponseMetadata", {})[HEADERS] = list(http_response.headers.items())
