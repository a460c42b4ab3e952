"""Clocks: the system's, one that is moved by hand, and one that skips the waiting."""

import time


class SystemClock:
    """The time of day. It does not go back when the system's clock is set back."""

    def __init__(self) -> None:
        self._latest = 0

    def now(self) -> int:
        self._latest = max(self._latest, time.time_ns() // 1_000_000)
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
    """The time of day plus all the time that was skipped."""

    def __init__(self) -> None:
        self._system = SystemClock()
        self._skipped = 0

    def now(self) -> int:
        return self._system.now() + self._skipped

    def jump(self, to: int) -> None:
        self._skipped += max(0, to - self.now())
