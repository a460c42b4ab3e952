"""Clocks: the system's, one that is moved by hand, and one that skips the waiting."""

import time

LARGEST_CORRECTION = 1_000
"""Milliseconds. A clock that is set back by less is waited for; else time goes on without it."""


class SystemClock:
    """The time of day. Where the system's clock is set back, or is behind `start` (milliseconds), it goes on from where
    it was: timers fire when the time has passed, and no time comes twice."""

    def __init__(self, start: int = 0) -> None:
        self._latest = start
        self._looked_at = time.monotonic_ns()

    def now(self) -> int:
        looked_at = time.monotonic_ns()
        expected = self._latest + (looked_at - self._looked_at) // 1_000_000
        day = time.time_ns() // 1_000_000
        now = day if day > expected - LARGEST_CORRECTION else expected
        if now > self._latest:
            self._latest, self._looked_at = now, looked_at
        return self._latest


class VirtualClock:
    """Time that passes only when it is told to."""

    def __init__(self, at: int = 0) -> None:
        self._now = at

    def now(self) -> int:
        return self._now

    def jump(self, to: int) -> None:
        """Goes forward to a moment; a moment that has passed changes nothing."""
        self._now = max(self._now, to)


class SkippingClock:
    """The time of day plus all the time that was skipped; it begins at `start` (milliseconds) where that is later."""

    def __init__(self, start: int = 0) -> None:
        self._system = SystemClock()
        self._skipped = max(0, start - self._system.now())

    def now(self) -> int:
        return self._system.now() + self._skipped

    def jump(self, to: int) -> None:
        self._skipped += max(0, to - self.now())
