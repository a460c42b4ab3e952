"""A request over HTTP on behalf of a task, and what came of it: one exchange, without redirects and without cookies.

Rule 1: only to hosts that are allowed: loopback, and those that were named. Nothing leaves the machine by default.
Rule 2: what is sent is what was given, and nothing besides but Host and Content-Length.
Rule 3: an answer is read as far as a task's result may go, and no further.
"""

import ssl
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from ipaddress import ip_address
from time import monotonic
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from msgspec import Struct

from stepwell.definitions.expressions import Json
from stepwell.definitions.json_text import InvalidJson, loads
from stepwell.engine.quotas import PAYLOAD_BYTES

if TYPE_CHECKING:
    import httpx

SECONDS = 60
"""How long an exchange may take, from the first byte to the last. Quota of HTTP Tasks."""

Pairs = Sequence[tuple[str, str]]


class Outgoing(Struct, frozen=True, kw_only=True):
    method: str
    url: str
    headers: Pairs = ()
    body: bytes | None = None
    certificate_authority: str | None = None
    """The certificates (PEM) of who vouches for the server, where it is not one that everybody trusts."""


class Incoming(Struct, frozen=True, kw_only=True):
    status: int
    reason: str
    headers: Pairs
    body: bytes
    is_whole: bool
    """Whether the body was read to its end."""

    @property
    def content_type(self) -> str:
        """In small letters, without parameters; empty where none was told."""
        told = next((value for name, value in self.headers if name.lower() == "content-type"), "")
        return told.partition(";")[0].strip().lower()

    def result(self) -> dict[str, Json]:
        """The answer as the result of a task; raises UnicodeDecodeError for a body that is no text."""
        values: dict[str, list[Json]] = {}
        for name, value in sorted(self.headers, key=lambda header: header[0].lower()):
            values.setdefault(name, []).append(value)
        return {
            "Headers": {**values},
            "ResponseBody": self.content(),
            "StatusCode": self.status,
            "StatusText": self.reason,
        }

    def content(self) -> Json:
        """The body: JSON is read, the rest is text; raises UnicodeDecodeError."""
        text = self.body.decode()
        if self.content_type == "application/json" or self.content_type.endswith("+json"):
            try:
                return loads(text)
            except InvalidJson:
                return text
        return text


class NoAnswer(Struct, frozen=True):
    """Nothing came that is an answer. The text says why."""

    reason: str


def is_loopback(host: str) -> bool:
    """Whether it is this machine's own name or address for itself."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def may_be_asked(host: str, allowed_hosts: Iterable[str]) -> bool:
    """Whether requests may go there: loopback always, others where they are allowed (`*.example.com`, `*`)."""
    return is_loopback(host) or any(fnmatchcase(host.lower(), pattern.lower()) for pattern in allowed_hosts)


def host_of(url: str) -> str | None:
    """The host of a URL over HTTP, None where it is none."""
    try:
        parts = urlsplit(url)
        is_url = parts.scheme in ("http", "https") and parts.port != 0
    except ValueError:  # a port that is no number
        return None
    return (parts.hostname or None) if is_url else None


def send(request: Outgoing, seconds: float = SECONDS, most_bytes: int = PAYLOAD_BYTES) -> Incoming | NoAnswer:
    """Makes the exchange. It blocks, for so many seconds at most."""
    import httpx  # here, not above: it takes a tenth of a second, and most runs make no request

    deadline = monotonic() + seconds
    host = host_of(request.url) or ""
    verify: ssl.SSLContext | bool = request.url.startswith("https")  # certificates take their time to be read
    try:
        if request.certificate_authority is not None:
            verify = ssl.create_default_context(cadata=request.certificate_authority)
        with httpx.Client(verify=verify, timeout=seconds, trust_env=not is_loopback(host)) as client:
            made = httpx.Request(
                request.method,
                request.url,
                headers=[(name.encode(), value.encode()) for name, value in request.headers],
                content=request.body,
            )
            response = client.send(made, stream=True, follow_redirects=False)
            try:
                return _read(response, deadline, most_bytes)
            finally:
                response.close()
    except httpx.TimeoutException:
        return NoAnswer("Read timed out")
    except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError, UnicodeError, ValueError) as fault:
        return NoAnswer(str(fault) or type(fault).__name__)


def _read(response: "httpx.Response", deadline: float, most_bytes: int) -> Incoming | NoAnswer:
    parts: list[bytes] = []
    size, is_whole = 0, True
    for part in response.iter_bytes():
        parts.append(part)
        size += len(part)
        if size > most_bytes:
            is_whole = False
            break
        if monotonic() > deadline:
            return NoAnswer("Read timed out")
    return Incoming(
        status=response.status_code,
        reason=response.reason_phrase,
        headers=[(name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers.raw],
        body=b"".join(parts),
        is_whole=is_whole,
    )
