"""Task tokens: opaque to their bearers, addressed for us.

A token names its execution and frame, so an answer finds its way without a table of tokens, and holds 128 random bits,
so that it cannot be guessed and every attempt has its own.
"""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from functools import lru_cache

from stepwell.engine.errors import InvalidToken

SEPARATOR = "\n"


def mint(execution_arn: str, path: str, nonce: str) -> str:
    """A new token. `nonce` must differ from that of every other token of the execution."""
    return urlsafe_b64encode(f"{execution_arn}{SEPARATOR}{path}{SEPARATOR}{nonce}".encode()).decode()


@lru_cache(maxsize=4096)
def address(token: str) -> tuple[str, str]:
    """The execution's ARN and the frame's path; raises InvalidToken for what is no token of ours."""
    try:
        parts = urlsafe_b64decode(token.encode()).decode().split(SEPARATOR)
    except (binascii.Error, UnicodeError):
        raise InvalidToken from None
    if len(parts) != 3:
        raise InvalidToken
    return parts[0], parts[1]
