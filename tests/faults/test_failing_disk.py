"""On a disk that fails: whoever waits is told in words, and the store opens again with all that was acknowledged.

STEPWELL_FAULTS=all pytest tests/faults      a fault at every operation, not at some of them
"""

import errno
import os
import shutil
import signal
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from faults.disk import CannotFail, FailingDisk, Operation, Outcome, Plan, Remains
from faults.victim import FUNCTIONS, RUNS
from stepwell.adapters.stores.sqlite import FILE, SqliteReader
from stepwell.engine.history import HistoryEvent
from stepwell.local import Engine

ALL = os.environ.get("STEPWELL_FAULTS") == "all"

WRITE, SYNC, READ = Operation

Fault = Callable[[int], Plan]
"""What befalls a disk at its n-th operation."""

ERRORS: dict[str, Fault] = {
    "full": lambda at: Plan(WRITE, at - 1, Outcome.FAIL_FROM_NOW_ON, errno.ENOSPC),
    "write-fails": lambda at: Plan(WRITE, at, Outcome.FAIL, errno.EIO),
    "sync-fails": lambda at: Plan(SYNC, at, Outcome.FAIL, errno.EIO),
    "syncs-fail": lambda at: Plan(SYNC, at, Outcome.FAIL_FROM_NOW_ON, errno.EIO),
    "read-fails": lambda at: Plan(READ, at, Outcome.FAIL, errno.EIO),
    "read-times-out": lambda at: Plan(READ, at, Outcome.FAIL, errno.ETIMEDOUT),
}

DEATHS: dict[str, Fault] = {
    "torn": lambda at: Plan(WRITE, at, Outcome.DIE, Random(at).randrange(1, 4096)),
    "killed-at-write": lambda at: Plan(WRITE, at, Outcome.DIE),
    "killed-at-sync": lambda at: Plan(SYNC, at, Outcome.DIE),
    "power-cut-at-write": lambda at: Plan(WRITE, at, Outcome.CUT_THE_POWER, at),
    "power-cut-at-sync": lambda at: Plan(SYNC, at, Outcome.CUT_THE_POWER, at),
}

FAULTS = ERRORS | DEATHS

COUNTS = {"carry_on": {WRITE: 440, SYNC: 35, READ: 70}, "checkpoint_often": {WRITE: 590, SYNC: 78, READ: 150}}
"""About how many operations these jobs take."""

COUNTS_OF_MAKING = {WRITE: 110, SYNC: 10, READ: 40}
COUNTS_OF_LOOKING = {WRITE: 9, SYNC: 1, READ: 12}

ADVICE = ("make room", "is the disk full?", "look at the disk", "choose another --data", "restore a copy of it")
"""Whatever goes wrong, one of these is said."""


@pytest.fixture(scope="module")
def disk(tmp_path_factory):
    try:
        disk = FailingDisk(tmp_path_factory.mktemp("disk"))
    except CannotFail as reason:
        pytest.skip(str(reason))
    yield disk
    disk.close()


def moments(count: int, some: int) -> Iterable[int]:
    """At which of so many operations a fault is to come: at the first and some others, always the same, or at all."""
    every = range(1, count + 1)
    return every if ALL else sorted({1, *Random(count).sample(every, min(some, count))})


def cases() -> Iterator[object]:
    for job, counts in COUNTS.items():
        for name, fault in FAULTS.items():
            for at in moments(counts[fault(1).operation], 3):
                yield pytest.param(job, fault(at), id=f"{job}-{name}-{at}")


# --- what a victim leaves ---------------------------------------------------------------------------------------------


def histories(folder: Path) -> dict[str, list[HistoryEvent]]:
    """What is kept of all executions, by ARN."""
    if not (folder / "data" / FILE).exists():
        return {}
    with closing(SqliteReader(folder / "data" / FILE)) as reader:
        return {each.arn: reader.history(each.arn) for each in reader.executions()}


def lost(folder: Path, remains: Remains) -> set[str]:
    """What was acknowledged and is not there."""
    kept = histories(folder)
    ended = {arn for arn, history in kept.items() if history[-1].type == "ExecutionSucceeded"}
    return (set(remains.started) - kept.keys()) | (set(remains.ended) - ended)


def check_what_is_left(folder: Path, remains: Remains) -> None:
    """The store opens, is whole, has what was acknowledged, and the rest goes on to its end."""
    assert not lost(folder, remains)
    with Engine(folder / "data", functions=FUNCTIONS, fast_forward=True) as engine:
        with closing(sqlite3.connect(folder / "data" / FILE)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert {engine.wait(each.arn, 20).status for each in engine.list()} <= {"SUCCEEDED"}
    for history in histories(folder).values():
        assert [event.id for event in history] == list(range(1, len(history) + 1))


def check_the_end(folder: Path, remains: Remains, plan: Plan) -> None:
    """The victim was killed at its moment; or it has ended in words, and so have those who waited."""
    assert remains.stderr == ""
    if plan.outcome in (Outcome.DIE, Outcome.CUT_THE_POWER) and remains.exit_code == -signal.SIGKILL:
        return
    assert remains.exit_code == 0
    told = remains.told
    if plan.outcome in (Outcome.DIE, Outcome.CUT_THE_POWER):
        assert told["counts"][plan.operation] < plan.at
    if told["fault"]:
        assert told["words"]
    for each in (told, *told["waiters"]):
        for words in each.get("words", ()):
            check_the_words(folder, words, plan)
    assert all(each["fault"] for each in told["waiters"])


def check_the_words(folder: Path, words: str, plan: Plan) -> None:
    """They name the file and say what to do, in one line; and that the disk is full where it is."""
    assert words.startswith(f"{folder / 'data' / FILE}: ")
    assert any(advice in words for advice in ADVICE)
    assert "\n" not in words
    if plan.argument == errno.ENOSPC:
        assert "full" in words or os.strerror(errno.ENOSPC) in words


# --- carrying executions on -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("job", COUNTS)
def test_all_that_sqlite_does_goes_through_the_disk(disk, tmp_path, job):
    remains = disk.run(tmp_path, job)

    for counted, count in zip(remains.told["counts"], COUNTS[job].values(), strict=True):
        assert counted > count / 2
    assert (len(remains.started), len(remains.ended)) == (RUNS + 1, RUNS)
    check_what_is_left(tmp_path, remains)


@pytest.mark.parametrize(("job", "plan"), list(cases()))
def test_whoever_waits_is_told_and_what_was_acknowledged_is_there(disk, tmp_path, job, plan):
    remains = disk.run(tmp_path, job, plan=plan)

    check_the_end(tmp_path, remains, plan)
    check_what_is_left(tmp_path, remains)


def test_a_store_that_does_not_wait_for_the_disk_is_found_out(disk, tmp_path):
    """The power cut is one: what is expected of the store would not be true of a careless one."""
    plan = Plan(WRITE, 200, Outcome.CUT_THE_POWER)

    assert lost(tmp_path, disk.run(tmp_path, "sync_rarely", plan=plan))


@pytest.mark.parametrize(
    "plan",
    [ERRORS["full"](130), ERRORS["full"](200), ERRORS["write-fails"](180), ERRORS["syncs-fail"](18)],
    ids=["full", "full-later", "write-fails", "syncs-fail"],
)
def test_what_a_broken_engine_has_left_another_one_of_its_process_carries_on(disk, tmp_path, plan):
    remains = disk.run(tmp_path, "carry_on_and_try_again", plan=plan)

    assert (remains.exit_code, remains.stderr) == (0, "")
    assert set(remains.told["result"]) == {"SUCCEEDED"}
    assert len(remains.told["result"]) >= len(remains.started)


# --- making a store ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_store_whose_making_was_cut_short_is_made_after_all(disk, tmp_path, fault):
    for at in moments(COUNTS_OF_MAKING[fault(1).operation], 3):
        folder = tmp_path / str(at)
        folder.mkdir()
        remains = disk.run(folder, "make", plan=fault(at))

        check_the_end(folder, remains, fault(at))
        check_what_is_left(folder, remains)


@pytest.mark.parametrize("size", [1, 16, 99, 100, 4095])
def test_a_first_page_that_was_written_in_part_is_no_hindrance(disk, tmp_path, size):
    for at in (2, 3, 4, 5):
        folder = tmp_path / str(at)
        folder.mkdir()
        remains = disk.run(folder, "make", plan=Plan(WRITE, at, Outcome.DIE, size))

        assert remains.exit_code == -signal.SIGKILL
        check_what_is_left(folder, remains)


# --- looking at a store -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["closed", "killed"])
def kept(request, disk, tmp_path_factory):
    """A folder with executions: all of them in the database, or the latest in the WAL."""
    folder = tmp_path_factory.mktemp(request.param)
    disk.run(folder, "carry_on", plan=DEATHS["killed-at-sync"](18 if request.param == "killed" else 1000))
    assert (folder / "data" / f"{FILE}-wal").exists() == (request.param == "killed")
    return folder


@pytest.mark.parametrize("fault", ERRORS.values(), ids=ERRORS)
@pytest.mark.parametrize("job", [["read"], ["command", "list"]], ids=["reader", "command"])
def test_whoever_looks_is_told_and_does_no_harm(disk, tmp_path, kept, fault, job):
    for at in moments(COUNTS_OF_LOOKING[fault(1).operation], 2):
        folder = tmp_path / str(at)
        shutil.copytree(kept, folder)
        remains = disk.run(folder, *job, plan=fault(at))

        if job == ["read"]:
            check_the_end(folder, remains, fault(at))
        elif remains.exit_code == 2:
            check_the_words(folder, remains.stderr.removeprefix("stepwell: ").removesuffix("\n"), fault(at))
        else:
            assert (remains.exit_code, remains.stderr) == (0, "")
        check_what_is_left(folder, remains)
