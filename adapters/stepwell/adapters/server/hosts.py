"""The names by which this server may be called.

A page in a browser can give its own host's name any address, this machine's too, and then call the server behind it as
if it were the page's own (DNS rebinding). But it calls it by that name, in the Host header: who calls by a name that is
not ours is refused.

Rule 1: names of the loopback are ours, for nobody else can have them; all others are said when the server is started.
Rule 2: botocore puts `sync-` before the host for some operations, and AWS's own endpoints begin with `states.`: each of
our names may have these before it.
"""

import re
from collections.abc import Collection
from functools import lru_cache
from ipaddress import ip_address
from typing import Final

PREFIXES: Final = ("", "sync-", "states.", "sync-states.")

_HOST: Final = re.compile(r"(?:\[(?P<address>[0-9a-f:.]+)\]|(?P<name>[^\s\[\]:/@]+))(?::[0-9]*)?")


def is_ours(host_header: str, extra_names: Collection[str] = ()) -> bool:
    """Whether a Host header names this server; its port makes no difference. Never raises.

    `extra_names` are names and addresses beside those of the loopback, without ports.
    """
    return _is_ours(host_header, frozenset(extra_names))


@lru_cache(maxsize=64)  # a server is called by few names, thousands of times a second
def _is_ours(host_header: str, extra_names: frozenset[str]) -> bool:
    given = host_header.lower()
    extra = {_canonical(name.lower()) for name in extra_names}
    for prefix in PREFIXES:
        found = _HOST.fullmatch(given.removeprefix(prefix)) if given.startswith(prefix) else None
        if found is not None:
            name = _canonical(found["address"] or found["name"])
            if name in extra or _is_loopback(name):
                return True
    return False


def is_address(host_header: str) -> bool:
    """Whether a Host header is an address and no name. Never raises."""
    found = _HOST.fullmatch(host_header.lower())
    try:
        return found is not None and bool(ip_address(found["address"] or found["name"]))
    except ValueError:
        return False


def _canonical(name: str) -> str:
    """Addresses in one spelling; names without the dot that may end them."""
    try:
        return str(ip_address(name))
    except ValueError:
        return name.removesuffix(".")


def _is_loopback(name: str) -> bool:
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False
