"""The registry in memory: nothing outlives the process, and nobody else sees it."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from stepwell.engine.arns import name_in
from stepwell.engine.registry import (
    ActivityRecord,
    AliasRecord,
    R,
    Record,
    StateMachineRecord,
    VersionRecord,
)

KINDS = (StateMachineRecord, VersionRecord, AliasRecord, ActivityRecord)


class MemoryRegistry:
    """A `Registry` in dictionaries."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._records: dict[type[Any], dict[str, Any]] = {kind: {} for kind in KINDS}
        self._tags: dict[str, dict[str, str]] = {}

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with self._lock:
            before = {kind: dict(records) for kind, records in self._records.items()}, dict(self._tags)
            try:
                yield
            except BaseException:
                self._records, self._tags = before
                raise

    def put(self, record: Record) -> None:
        with self._lock:
            self._records[type(record)][record.arn] = record

    def find(self, kind: type[R], arn: str) -> R | None:
        with self._lock:
            return self._records[kind].get(arn)

    def remove(self, kind: type[R], arn: str) -> None:
        with self._lock:
            self._records[kind].pop(arn, None)

    def state_machines(
        self, *, within: str = "", limit: int | None = None, after: str | None = None
    ) -> list[StateMachineRecord]:
        return _page(_within(within, self._all(StateMachineRecord)), _by_name, limit, after)

    def versions(
        self, state_machine_arn: str, *, limit: int | None = None, after: str | None = None
    ) -> list[VersionRecord]:
        return _page(self._all(VersionRecord, state_machine_arn), _newest_first, limit, after)

    def aliases(
        self, state_machine_arn: str, *, limit: int | None = None, after: str | None = None
    ) -> list[AliasRecord]:
        return _page(self._all(AliasRecord, state_machine_arn), _by_name, limit, after)

    def activities(
        self, *, within: str = "", limit: int | None = None, after: str | None = None
    ) -> list[ActivityRecord]:
        return _page(_within(within, self._all(ActivityRecord)), _by_name, limit, after)

    def tags(self, resource_arn: str) -> dict[str, str]:
        with self._lock:
            return dict(self._tags.get(resource_arn, {}))

    def set_tags(self, resource_arn: str, tags: dict[str, str]) -> None:
        with self._lock:
            if tags:
                self._tags[resource_arn] = dict(tags)
            else:
                self._tags.pop(resource_arn, None)

    def close(self) -> None:
        pass

    def _all(self, kind: type[R], state_machine_arn: str | None = None) -> list[R]:
        with self._lock:
            records = list(self._records[kind].values())
        if state_machine_arn is None:
            return records
        return [record for record in records if record.state_machine_arn == state_machine_arn]


def _within(start: str, records: Iterable[R]) -> list[R]:
    return [record for record in records if record.arn.startswith(start)]


def _by_name(arn: str) -> tuple[str, str]:
    return name_in(arn), arn


def _newest_first(arn: str) -> int:
    return -int(name_in(arn))


def _page(records: Iterable[R], key: Callable[[str], Any], limit: int | None, after: str | None) -> list[R]:
    found = sorted(records, key=lambda record: key(record.arn))
    if after is not None:
        found = [record for record in found if key(record.arn) > key(after)]
    return found[:limit]
