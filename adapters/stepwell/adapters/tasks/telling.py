"""What a task handler tells beside the outcome, when somebody wants to see it: TestState at level TRACE."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from msgspec import Struct


class Telling(Struct, frozen=True, kw_only=True):
    """That requests and responses are told, and whether with what connections add."""

    reveals_secrets: bool = False


_wanted: ContextVar[Telling | None] = ContextVar("telling", default=None)


def wanted() -> Telling | None:
    """What whoever drives the exchange wants to be told. An exchange asks before its first request."""
    return _wanted.get()


@contextmanager
def being_told(telling: Telling | None) -> Iterator[None]:
    """Exchanges that are driven in here end in a `Performed` in the place of their outcome, where they can."""
    token = _wanted.set(telling)
    try:
        yield
    finally:
        _wanted.reset(token)
