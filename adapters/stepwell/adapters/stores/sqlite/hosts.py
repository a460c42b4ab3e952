"""Which hosts live: a lease that the kernel keeps.

A host holds a lock on a file of its own beside the database. The lock goes when its process does, however it dies; it
stays when the process is merely slow, stopped in a debugger, or asleep with the whole machine. So nothing is taken from
a host that lives, nothing waits for a lease to run out, and no clock is asked.
"""

import os
from contextlib import suppress
from pathlib import Path
from weakref import WeakSet

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]
    import msvcrt


_every: "WeakSet[HostLocks]" = WeakSet()


def _let_go() -> None:
    for locks in tuple(_every):
        locks.let_go()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go)


class HostLocks:
    """The lock files beside a database. Locks belong to the open file, so two hosts of one process have two."""

    def __init__(self, database: Path) -> None:
        self._folder = database.with_name(f"{database.name}-hosts")
        self._held: int | None = None
        _every.add(self)

    def let_go(self) -> None:
        """In a forked child: the lock is its parent's, and must go when the parent goes."""
        if self._held is not None:
            os.close(self._held)
            self._held = None

    def hold(self, host: int) -> None:
        """Shows that this host lives, until `release` or the end of the process. Raises OSError."""
        self._folder.mkdir(exist_ok=True)
        self._held = os.open(self._folder / str(host), os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o666)
        if not _lock(self._held):
            raise OSError(0, "its lock is held by another process")

    def release(self, host: int) -> None:
        if self._held is not None:
            self.remove(host)
            os.close(self._held)
            self._held = None

    def lives(self, host: int | None) -> bool:
        if host is None:
            return False
        try:
            file = os.open(self._folder / str(host), os.O_RDWR)
        except FileNotFoundError:
            return False
        try:
            return not _lock(file)
        finally:
            os.close(file)

    def remove(self, host: int) -> None:
        """Removes the file of a host that is gone."""
        with suppress(OSError):
            (self._folder / str(host)).unlink()


def _lock(file: int) -> bool:
    """Whether the lock could be had."""
    try:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        else:
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
    except OSError:
        return False
    return True
