"""How long executions that have ended are kept."""

from msgspec import Struct

from stepwell.engine.ports import Store

DAY = 24 * 3600 * 1000
"""Milliseconds."""


class Retention(Struct, frozen=True, kw_only=True):
    """How long executions that have ended are kept: for so many days, and of those the newest so many."""

    days: float | None = None
    executions: int | None = None

    def apply(self, store: Store, now: int) -> int:
        """Removes what is to be kept no longer; returns how many executions that were. `now` in milliseconds."""
        before = None if self.days is None else now - round(self.days * DAY)
        return store.prune(stopped_before=before, keep=self.executions)


AS_ON_AWS = Retention(days=90)
IN_MEMORY = Retention(executions=10_000)
