"""Processes whose disk fails, each forked from one that has everything imported.

    python victim.py < cases > exit codes      with disk.c preloaded; a case is one line of JSON

A victim says on stdout how it went, as JSON, and nothing on stderr. What was acknowledged to it, it notes in a file
outside of the failing disk.
"""

import ctypes
import faulthandler
import gc
import json
import os
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from threading import Thread
from typing import Any

from stepwell.adapters.command.main import main
from stepwell.adapters.stores.sqlite import FILE, SqliteReader, database
from stepwell.local import Engine, EngineClosed, StoreFailed
from support import machine, parallel, pass_, scope, task, wait

LONGEST_SECONDS = 30
"""What takes longer hangs: it ends, and tells on stderr where it was."""

ADDS = machine(Add=task(), Both=parallel(scope(A=pass_()), scope(B=task())))
SLEEPS = machine(Sleep=wait(Seconds=36_000), Add=task())
FUNCTIONS = {"call": lambda value: value}
RUNS = 5


class Victim:
    """What every victim has: a directory on the failing disk, and a file for what was acknowledged."""

    def __init__(self, data: Path, notes: Path) -> None:
        self.data = data
        self.waiters: list[dict[str, Any]] = []
        """How those ended who waited for what does not come."""
        self._notes = os.open(notes, os.O_WRONLY | os.O_CREAT)

    def note(self, what: str, arn: str) -> None:
        """That an execution was started, or has ended. Killing this process does not undo it: the kernel has it."""
        os.write(self._notes, f"{what} {arn}\n".encode())

    # --- what victims do ----------------------------------------------------------------------------------------------

    def carry_on(self) -> None:
        """Runs executions one after the other, while threads wait for what does not come."""
        waiting: list[Thread] = []
        try:
            with Engine(self.data, functions=FUNCTIONS) as engine:
                activity = engine.create_activity("work")
                asleep = engine.start(SLEEPS, name="asleep")
                self.note("started", asleep)
                for ask in (
                    lambda: engine.wait(asleep),
                    lambda: list(engine.events(asleep)),
                    lambda: engine.get_activity_task(activity),
                ):
                    waiting.append(Thread(target=lambda ask=ask: self.waiters.append(how(ask))))
                    waiting[-1].start()
                for number in range(RUNS):
                    arn = engine.start(ADDS, number, name=f"run-{number}")
                    self.note("started", arn)
                    engine.wait(arn)
                    self.note("ended", arn)
        finally:
            for thread in waiting:
                thread.join()

    def checkpoint_often(self) -> None:
        """The same, while the database itself is written all the time and the WAL begun anew."""
        database._check = beginning_with("PRAGMA wal_autocheckpoint = 10")
        self.carry_on()

    def sync_rarely(self) -> None:
        """The same with a store that acknowledges what is not on disk."""
        database._check = beginning_with("PRAGMA synchronous = NORMAL")
        self.carry_on()

    def carry_on_and_try_again(self) -> list[str]:
        """The same, and then, in the same process, on a disk that is well again, another engine with what is left."""
        assert how(self.carry_on)["fault"], "the disk was to fail"
        disk().disk_plan(b"/", 0, 0, 0, 0)
        with Engine(self.data, functions=FUNCTIONS, fast_forward=True) as engine:
            return [engine.wait(each.arn, 20).status for each in engine.list()]

    def make(self) -> None:
        """Makes a store, and closes it."""
        Engine(self.data).close()

    def read(self) -> int:
        """Reads all there is."""
        with closing(SqliteReader(self.data / FILE)) as reader:
            return sum(len(reader.history(each.arn)) for each in reader.executions())

    def command(self, *arguments: str) -> None:
        """Is `stepwell` with these arguments."""
        sys.argv = ["stepwell", *arguments, "--data", str(self.data)]
        sys.exit(main())


def beginning_with(statement: str) -> Callable[[sqlite3.Connection, Path], None]:
    """What the store checks of every connection with which it begins, once this was executed in it."""
    check = database._check

    def set_up_and_check(connection: sqlite3.Connection, path: Path) -> None:
        connection.execute(statement)
        check(connection, path)

    return set_up_and_check


def disk() -> ctypes.CDLL:
    """disk.c, preloaded."""
    return ctypes.CDLL(None)


def how(action: Callable[[], Any]) -> dict[str, Any]:
    """What an action gives, or how it fails and in what words of the store; any other exception is a bug."""
    try:
        return {"fault": None, "result": action()}
    except (StoreFailed, EngineClosed) as fault:
        words = [str(each) for each in (fault, fault.__cause__) if isinstance(each, StoreFailed)]
        return {"fault": type(fault).__name__, "words": words}


# --- processes --------------------------------------------------------------------------------------------------------


def serve() -> None:
    """Forks a victim for every case, and tells its exit code."""
    gc.freeze()  # what was imported is nobody's garbage
    for line in sys.stdin:
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            suffer(**json.loads(line))
            return
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def suffer(folder: str, job: str, arguments: list[str], plan: list[int]) -> None:
    """Does a job on a disk with this plan."""
    for stream, path, mode in ((0, os.devnull, os.O_RDONLY), (1, "stdout", os.O_WRONLY), (2, "stderr", os.O_WRONLY)):
        os.dup2(os.open(os.path.join(folder, path), mode | os.O_CREAT | os.O_TRUNC), stream)
    faulthandler.dump_traceback_later(LONGEST_SECONDS, exit=True)
    victim = Victim(Path(folder, "data"), Path(folder, "acknowledged"))
    disk().disk_plan(os.fsencode(victim.data), *map(ctypes.c_long, plan))
    went = how(lambda: getattr(victim, job)(*arguments))
    counts = [disk().disk_count(operation) for operation in range(3)]
    print(json.dumps({**went, "waiters": victim.waiters, "counts": counts}), flush=True)
    del went
    gc.collect()  # what was not closed is told of now
    os._exit(0)  # to take everything down that was imported takes longer than all the rest


if __name__ == "__main__":
    serve()
