"""How large a path may be, so that no path can exhaust the interpreter's stack, in parsing or in reading."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from stepwell.definitions.jsonpath.failures import InvalidPath

MAX_LENGTH: Final = 65_536
MAX_STEPS: Final = 1_000
MAX_DEPTH: Final = 20


class Limits:
    """What one path has used of its limits, nested paths included."""

    __slots__ = ("_depth", "_steps")

    def __init__(self, text: str) -> None:
        if len(text) > MAX_LENGTH:
            raise InvalidPath(f"Path is longer than {MAX_LENGTH} characters")
        self._depth = 0
        self._steps = 0

    def take_step(self) -> None:
        self._steps += 1
        if self._steps > MAX_STEPS:
            raise InvalidPath(f"Path has more than {MAX_STEPS} steps")

    def check_depth(self, further: int) -> None:
        """Raises where `further` levels inside the present one are too many."""
        if self._depth + further > MAX_DEPTH:
            raise InvalidPath(f"Path is nested more than {MAX_DEPTH} levels deep")

    @contextmanager
    def level(self) -> Iterator[None]:
        """One level of nesting, for as long as the block lasts."""
        self.check_depth(1)
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1  # a filter tries one reading, then another
