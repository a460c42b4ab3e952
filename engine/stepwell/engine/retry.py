"""Retriers and catchers: which of them an error belongs to, and how long a retry waits."""

from typing import TYPE_CHECKING

from msgspec import Struct

from stepwell.definitions import failure
from stepwell.definitions.expressions import Entropy
from stepwell.definitions.failure import Failure
from stepwell.definitions.kinds import MAX_SECONDS, JitterStrategy
from stepwell.engine.flows import Finish

if TYPE_CHECKING:
    from stepwell.definitions import model

UNCATCHABLE = frozenset({failure.RUNTIME})
"""Errors that no handler sees: the execution fails at once, from whatever depth."""


def matches(names: tuple[str, ...], failed: Failure) -> bool:
    """Whether a failure is among those that a handler names: by its name, or by a wildcard."""
    return (
        failed.error in names
        or failure.ALL in names
        or (failure.TASK_FAILED in names and failed.error != failure.TIMEOUT)
        or (failed.also is not None and failed.also in names)
    )


class Retrier(Struct, frozen=True, kw_only=True):
    names: tuple[str, ...]
    max_attempts: int
    interval_seconds: int
    backoff_rate: float
    max_delay_seconds: int | None
    full_jitter: bool

    def delay_seconds(self, retry: int, entropy: Entropy) -> float:
        """How long the n-th retry waits (n from 1): the interval grown by the backoff rate, cut, then jittered."""
        longest = float(self.max_delay_seconds or MAX_SECONDS)
        try:
            delay = min(self.interval_seconds * self.backoff_rate ** (retry - 1), longest)
        except OverflowError:
            delay = longest
        return delay * entropy.fraction() if self.full_jitter else delay


class Catcher(Struct, frozen=True, kw_only=True):
    names: tuple[str, ...]
    next: str
    caught: Finish


def compile_retrier(retrier: "model.Retrier") -> Retrier:
    return Retrier(
        names=retrier.error_equals,
        max_attempts=retrier.max_attempts,
        interval_seconds=retrier.interval_seconds,
        backoff_rate=retrier.backoff_rate,
        max_delay_seconds=retrier.max_delay_seconds,
        full_jitter=retrier.jitter_strategy is JitterStrategy.FULL,
    )
