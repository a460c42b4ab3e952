"""What an expression is, whatever its language.

An expression is a function of a *document* and an *environment*:

- In JSONPath the document is `$`: the state's input, its result or a catcher's error output, by the field it stands in.
- In JSONata the document is `$states`: an object of `input`, `result`, `errorOutput` and `context`.

Everything else it may see (the context object, variables, the step's entropy) is in the environment, and is the same
for all expressions of one state. Expressions never change what they are given.
"""

from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Any, Protocol

Json = Any
"""A JSON value: dict, list, str, int, float, bool or None. Values are shared and never changed in place."""


class Entropy:
    """Random bits that depend only on a seed: the same step draws the same numbers when it is replayed."""

    __slots__ = ("_drawn", "_seed")

    def __init__(self, seed: bytes) -> None:
        self._seed = seed
        self._drawn = 0

    def bits(self, count: int) -> int:
        """The next number of `count` bits (512 at most)."""
        self._drawn += 1
        digest = blake2b(self._drawn.to_bytes(8, "big"), key=self._seed[:64]).digest()
        return int.from_bytes(digest, "big") >> (512 - count)

    def fraction(self) -> float:
        """The next number in [0, 1)."""
        return self.bits(53) / (1 << 53)

    def uuid(self) -> str:
        """The next UUID of version 4, in lower case."""
        value = self.bits(128) & ~(0xF << 76) | 4 << 76
        value = value & ~(0b11 << 62) | 0b10 << 62
        text = f"{value:032x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


class Environment(Protocol):
    """What all expressions of one state share."""

    @property
    def context(self) -> Mapping[str, Json]:
        """The context object (`$$`)."""

    @property
    def variables(self) -> Mapping[str, Json]:
        """The variables that can be read here, as of the state's entry."""

    @property
    def entropy(self) -> Entropy:
        """The random numbers of this step."""

    @property
    def at(self) -> int:
        """The time of this step, in milliseconds since the epoch."""


Expression = Callable[[Json, Environment], Json]
"""Gives a JSON value, or raises `Failed`."""
