"""Signature Version 4 of AWS: who has sent a request, and that nobody has changed it.

The signature is an HMAC of the request's method, path, query, the headers that it names, and its body, with a key made
of the secret access key, the date, the region and the service.

Rule 1: what would change what a request does is signed: its host and all headers that begin with `x-amz-`.
Rule 2: a signature is good for five minutes, and for one region and Step Functions only.
Rule 3: the secret is compared with nothing; signatures are compared in constant time.

Keys are long-lived: there are no session tokens, and a request that has one is refused. The texts are what services of
AWS say; none are recorded of Step Functions. [inferred]

NotVerified
    IncompleteSignatureException   InvalidSignatureException   MissingAuthenticationTokenException
    UnrecognizedClientException
"""

import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from hashlib import sha256
from typing import Final
from urllib.parse import quote

from msgspec import Struct

ALGORITHM: Final = "AWS4-HMAC-SHA256"
SERVICE: Final = "states"
TERMINATOR: Final = "aws4_request"
MOST_SKEW: Final = timedelta(minutes=5)

REGION: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
"""What may stand in an ARN as a region, one that AWS has or not."""

ACCESS_KEY: Final = re.compile(r"\w{1,128}", re.ASCII)

_CREDENTIAL: Final = re.compile(r"\bCredential=([^/,\s]+)/\d{8}/([^/,\s]+)/")


class NotVerified(Exception):
    """The request is not known to come from who it says. The text is AWS's."""

    status = 400
    """Of HTTP: what AWS's services of this protocol answer with."""

    @property
    def code(self) -> str:
        return type(self).__name__


class IncompleteSignatureException(NotVerified):
    pass


class InvalidSignatureException(NotVerified):
    pass


class MissingAuthenticationTokenException(NotVerified):
    def __init__(self) -> None:
        super().__init__("Missing Authentication Token")


class UnrecognizedClientException(NotVerified):
    def __init__(self) -> None:
        super().__init__("The security token included in the request is invalid.")


class Scope(Struct, frozen=True, kw_only=True):
    """As whom and where a request is made."""

    access_key: str
    region: str


def scope_of(headers: Mapping[str, str]) -> Scope | None:
    """What a request says of itself, unverified; None where it says nothing that could be used. Never raises.

    Names of headers are in small letters, or the mapping makes no difference.
    """
    found = _CREDENTIAL.search(headers.get("authorization", ""))
    if found is None or not ACCESS_KEY.fullmatch(found[1]) or not REGION.fullmatch(found[2]):
        return None
    return Scope(access_key=found[1], region=found[2])


class Verifier:
    """Knows the secrets of access keys."""

    def __init__(self, keys: Mapping[str, str]) -> None:
        """Secret access keys by their ids."""
        self._keys = dict(keys)

    def __repr__(self) -> str:
        return f"Verifier of {len(self._keys)} access keys"

    def verify(
        self, method: str, raw_path: str, query: str, headers: Mapping[str, str], body: bytes, now: float
    ) -> Scope:
        """As whom the request is made; raises NotVerified.

        `raw_path` and `query` are as they were sent, percent signs and all. A mapping of headers may give a name
        several times, as Starlette's does. `now` is in seconds since the epoch.
        """
        sent = _values_by_name(headers)
        signed = _authorization(sent)
        signed_at = _signed_at(sent)
        _check_scope(signed, signed_at)
        _check_age(signed_at, datetime.fromtimestamp(now, UTC))
        _check_signed_headers(signed, sent)
        secret = self._keys.get(signed.access_key)
        if secret is None or "x-amz-security-token" in sent:
            raise UnrecognizedClientException
        request = _canonical_request(method, raw_path, query, sent, signed.headers, body)
        if not hmac.compare_digest(_signature(secret, signed, signed_at, request).encode(), signed.signature.encode()):
            raise InvalidSignatureException(
                "The request signature we calculated does not match the signature you provided. "
                "Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
            )
        return Scope(access_key=signed.access_key, region=signed.region)


class Signed(Struct, frozen=True, kw_only=True):
    """What an Authorization header says."""

    access_key: str
    date: str
    region: str
    service: str
    terminator: str
    headers: Sequence[str]
    signature: str


def _values_by_name(headers: Mapping[str, str]) -> dict[str, list[str]]:
    values: dict[str, list[str]] = {}
    for name, value in headers.items():
        values.setdefault(name.lower(), []).append(value)
    return values


# --- what the headers say ---------------------------------------------------------------------------------------------


def _authorization(sent: Mapping[str, Sequence[str]]) -> Signed:
    given = ", ".join(sent.get("authorization", ())).strip()
    algorithm, _, rest = given.partition(" ")
    if not algorithm.startswith("AWS4-"):
        raise MissingAuthenticationTokenException
    if algorithm != ALGORITHM:
        raise IncompleteSignatureException(f"Unsupported AWS 'algorithm': '{algorithm}'.")
    parts: dict[str, str] = {}
    for part in filter(None, map(str.strip, rest.split(","))):
        name, equals, value = part.partition("=")
        if not equals:
            raise IncompleteSignatureException(
                f"'{part}' not a valid key=value pair (missing equal-sign) in Authorization header: '{given}'."
            )
        parts[name] = value
    missing = [
        f"Authorization header requires '{name}' parameter."
        for name in ("Credential", "Signature", "SignedHeaders")
        if not parts.get(name)
    ]
    if not sent.get("x-amz-date") and not sent.get("date"):
        missing.append("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
    if missing:
        raise IncompleteSignatureException(f"{' '.join(missing)} Authorization={given}")
    credential = parts["Credential"].split("/")
    if len(credential) != 5:
        raise IncompleteSignatureException(
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, "
            f"got '{parts['Credential']}'"
        )
    access_key, date, region, service, terminator = credential
    return Signed(
        access_key=access_key,
        date=date,
        region=region,
        service=service,
        terminator=terminator,
        headers=parts["SignedHeaders"].split(";"),
        signature=parts["Signature"],
    )


def _signed_at(sent: Mapping[str, Sequence[str]]) -> datetime:
    given = ", ".join(sent.get("x-amz-date") or sent["date"])
    for read in (_from_iso, parsedate_to_datetime):
        try:
            moment = read(given)
            return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        except (ValueError, TypeError, IndexError, OverflowError):  # the parser of mail has its ways with garbage
            continue
    raise IncompleteSignatureException(
        f"Date must be in ISO-8601 'basic format'. Got '{given}'. See http://en.wikipedia.org/wiki/ISO_8601"
    )


def _from_iso(text: str) -> datetime:
    return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


def _iso(moment: datetime) -> str:
    return moment.strftime("%Y%m%dT%H%M%SZ")


# --- what must hold ---------------------------------------------------------------------------------------------------


def _check_scope(signed: Signed, signed_at: datetime) -> None:
    faults = []
    if signed.terminator != TERMINATOR:
        faults.append(
            f"Credential should be scoped with a valid terminator: '{TERMINATOR}', not '{signed.terminator}'."
        )
    if signed.service != SERVICE:
        faults.append(f"Credential should be scoped to correct service: '{SERVICE}'.")
    if not REGION.fullmatch(signed.region):
        faults.append(f"Credential should be scoped to a valid region, not '{signed.region}'.")
    if signed.date != f"{signed_at:%Y%m%d}":
        faults.append(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
            f"'{signed.date}' != '{signed_at:%Y%m%d}', from '{_iso(signed_at)}'."
        )
    if faults:
        raise InvalidSignatureException(" ".join(faults))


def _check_age(signed_at: datetime, now: datetime) -> None:
    if signed_at < now - MOST_SKEW:
        raise InvalidSignatureException(
            f"Signature expired: {_iso(signed_at)} is now earlier than {_iso(now - MOST_SKEW)} ({_iso(now)} - 5 min.)"
        )
    if signed_at > now + MOST_SKEW:
        raise InvalidSignatureException(
            f"Signature not yet current: {_iso(signed_at)} is still later than {_iso(now + MOST_SKEW)} "
            f"({_iso(now)} + 5 min.)"
        )


def _check_signed_headers(signed: Signed, sent: Mapping[str, Sequence[str]]) -> None:
    if "host" not in signed.headers:
        raise InvalidSignatureException("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
    unsigned = [name for name in sent if name.startswith("x-amz-") and name not in signed.headers]
    if unsigned:
        raise InvalidSignatureException(
            f"There were headers present in the request which were not signed: {', '.join(sorted(unsigned))}"
        )


# --- the signature ----------------------------------------------------------------------------------------------------


def _signature(secret: str, signed: Signed, signed_at: datetime, canonical_request: str) -> str:
    """In hexadecimal digits."""
    scope = f"{signed.date}/{signed.region}/{signed.service}/{signed.terminator}"
    text = f"{ALGORITHM}\n{_iso(signed_at)}\n{scope}\n{sha256(canonical_request.encode()).hexdigest()}"
    key = f"AWS4{secret}".encode()
    for part in (signed.date, signed.region, signed.service, signed.terminator):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, text.encode(), "sha256").hex()


def _canonical_request(
    method: str, raw_path: str, query: str, sent: Mapping[str, Sequence[str]], names: Sequence[str], body: bytes
) -> str:
    """The hash is always that of the body, whatever X-Amz-Content-Sha256 says."""
    headers = "".join(f"{name}:{','.join(map(_trimmed, sent.get(name, ())))}\n" for name in names)
    return "\n".join(
        (
            method,
            quote(_normalized(raw_path), safe="/~"),
            "&".join(f"{name}={value}" for name, value in sorted(_pairs(query))),
            headers,
            ";".join(names),
            sha256(body).hexdigest(),
        )
    )


def _trimmed(value: str) -> str:
    return " ".join(value.split())


def _pairs(query: str) -> list[tuple[str, str]]:
    parts = (pair.partition("=") for pair in query.split("&") if pair)
    return [(name, value) for name, _, value in parts]


def _normalized(path: str) -> str:
    """Without empty segments, `.` and `..`; never empty."""
    segments: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del segments[-1:]
        elif segment and segment != ".":
            segments.append(segment)
    last = "/" if path.endswith("/") and segments else ""
    return f"/{'/'.join(segments)}{last}"
