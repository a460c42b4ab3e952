"""Pages of lists: so many results at a time, and an opaque token for those that follow.

A token names the last result that was given, the list it belongs to, and when it was given: in another list, or after
a day, it is no token. It holds what `after` and `before` of the ports take, so nothing is kept between two pages.
"""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Generic, TypeVar

import msgspec
from msgspec import Struct

from stepwell.engine import quotas
from stepwell.engine.errors import InvalidToken

T = TypeVar("T")

RESULTS = 100
"""On a page, where nothing else is asked for. API model."""

SEAL_BYTES = 9


class Page(Struct, Generic[T], frozen=True):
    results: Sequence[T]
    next_token: str | None = None


class _Mark(Struct, array_like=True, frozen=True):
    last: str
    given_at: int


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Mark).decode


class Pages(Struct, frozen=True, kw_only=True):
    """A list as a request asks for it."""

    of: tuple[object, ...]
    """What tells this list from others: the operation, and what it is asked with but for the size of its pages."""
    at: int
    """Milliseconds since the epoch."""
    max_results: int | None = None
    next_token: str | None = None

    @property
    def size(self) -> int:
        return self.max_results or RESULTS

    def last(self) -> str | None:
        """Where the page before this one has ended; None for the first page. Raises InvalidToken."""
        if self.next_token is None:
            return None
        try:
            data = urlsafe_b64decode(self.next_token.encode("ascii"))
            mark = _decode(data[SEAL_BYTES:])
        except (UnicodeEncodeError, binascii.Error, msgspec.DecodeError):
            raise InvalidToken from None
        is_old = self.at - mark.given_at > quotas.TOKEN_SECONDS * 1000
        if is_old or data[:SEAL_BYTES] != self._seal(data[SEAL_BYTES:]):
            raise InvalidToken
        return mark.last

    def page(self, results: Sequence[T], key: Callable[[T], str]) -> Page[T]:
        """The page of up to one result more than it holds: that one tells whether there is another page."""
        shown = results[: self.size]
        if len(results) <= self.size:
            return Page(shown)
        mark = _encode(_Mark(key(shown[-1]), self.at))
        return Page(shown, urlsafe_b64encode(self._seal(mark) + mark).decode())

    def _seal(self, mark: bytes) -> bytes:
        return blake2b(repr(self.of).encode("utf-8", "backslashreplace") + mark, digest_size=SEAL_BYTES).digest()
