"""Files that are not as they were left: cut short, or with other bytes in them."""

import json
import os
from contextlib import closing, suppress
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest

from faults.victim import ADDS, FUNCTIONS, SLEEPS
from stepwell.adapters.command.main import invoke
from stepwell.adapters.hosts.simulation import Simulation
from stepwell.adapters.stores.sqlite import FILE, SqliteReader, SqliteStore
from stepwell.definitions.check import parse
from stepwell.engine.errors import CallerError
from stepwell.engine.program import compile_program
from stepwell.local import Engine, EngineClosed, Retention, StoreFailed
from support import MACHINE_ARN, echoes

ALL = os.environ.get("STEPWELL_FAULTS") == "all"

PAGE = 4096
RUNS = 12


class Acknowledged(NamedTuple):
    """An execution, as it stood when the WAL had this size."""

    size: int
    arn: str
    event_count: int


class Files(NamedTuple):
    """A store in the midst of its work, as a process that is killed leaves it."""

    database: bytes
    wal: bytes
    acknowledged: list[Acknowledged]

    def put(self, folder: Path, wal: bytes) -> Path:
        """Lays the files down with another WAL; returns the path of the database."""
        folder.mkdir()
        (folder / FILE).write_bytes(self.database)
        (folder / f"{FILE}-wal").write_bytes(wal)
        return folder / FILE


@pytest.fixture(scope="module", params=["all-in-the-wal", "half-in-the-wal"])
def files(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("files") / FILE
    wal = path.with_name(f"{FILE}-wal")
    acknowledged: list[Acknowledged] = []
    with closing(SqliteStore(path)) as store:
        host = Simulation(echoes, store=store)
        for number in range(RUNS):
            if number == RUNS // 2 and request.param == "half-in-the-wal":
                assert store._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone() == (0, 0, 0)
                acknowledged = [each._replace(size=0) for each in acknowledged]
            definition = SLEEPS if number % 3 == 0 else ADDS
            arn = host.start(
                compile_program(parse(definition)),
                json.dumps(definition),
                name=f"run-{number}",
                machine_arn=MACHINE_ARN,
                input="{}",
            ).arn
            host.work(until=host.clock.now() + 1)
            acknowledged.append(Acknowledged(wal.stat().st_size, arn, len(store.history(arn))))
        return Files(path.read_bytes(), wal.read_bytes(), acknowledged)


def check_what_is_left(path: Path, acknowledged: list[Acknowledged]) -> None:
    with closing(SqliteReader(path)) as reader:
        for _, arn, event_count in acknowledged:
            ids = [event.id for event in reader.history(arn)]
            assert ids[:event_count] == list(range(1, event_count + 1))
            assert len(ids) >= event_count
    with Engine(path.parent, functions=FUNCTIONS, fast_forward=True, retention=Retention()) as engine:
        assert {engine.wait(each.arn, 20).status for each in engine.list()} <= {"SUCCEEDED"}


# --- the WAL ----------------------------------------------------------------------------------------------------------


def places(files: Files) -> list[int]:
    """Places in the WAL: around what was acknowledged, and anywhere."""
    random = Random(len(files.wal))
    borders = [each.size + by for each in files.acknowledged if each.size for by in (-1, 0)]
    anywhere = [random.randrange(len(files.wal)) for _ in range(500 if ALL else 6)]
    return sorted(each for each in {0, 1, 31, 32, *borders, *anywhere} if each <= len(files.wal))


def test_what_was_acknowledged_is_there_wherever_the_wal_ends(files, tmp_path):
    for place in places(files):
        path = files.put(tmp_path / str(place), files.wal[:place])

        check_what_is_left(path, [each for each in files.acknowledged if each.size <= place])


def test_what_was_acknowledged_before_a_fault_in_the_wal_is_there(files, tmp_path):
    for place in places(files):
        random = Random(place)
        wal = bytearray(files.wal)
        for at in range(place, min(place + 16, len(wal))):
            wal[at] ^= random.randrange(1, 256)
        path = files.put(tmp_path / str(place), bytes(wal))

        check_what_is_left(path, [each for each in files.acknowledged if each.size <= place])


# --- the database -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    """A database with executions that have ended and such that run, and nothing beside it."""
    folder = tmp_path_factory.mktemp("database")
    with Engine(folder, functions=FUNCTIONS) as engine:
        engine.create_activity("work")
        for number in range(RUNS):
            engine.start(SLEEPS, name=f"asleep-{number}")
            engine.wait(engine.start(ADDS, {"text": "x" * 300}, name=f"run-{number}"), 20)
    return (folder / FILE).read_bytes()


def without_its_end(page: bytearray, random: Random) -> None:
    page[PAGE // 2 :] = bytes(PAGE // 2)


def with_noise(page: bytearray, random: Random) -> None:
    at = random.randrange(PAGE - 512)
    page[at : at + 512] = random.randbytes(512)


def with_other_bits(page: bytearray, random: Random) -> None:
    for _ in range(8):
        page[random.randrange(PAGE)] ^= 1 << random.randrange(8)


DAMAGES = [without_its_end, with_noise, with_other_bits]


def read_everything(path: Path) -> None:
    """Raises StoreFailed, and nothing else."""
    with closing(SqliteReader(path)) as reader:
        reader.open_tasks()
        for each in reader.executions():
            with suppress(CallerError):  # another ARN than it was: without checksums nobody can tell
                reader.definition(each.arn)
                reader.journal(each.arn)
                reader.history(each.arn)
                reader.standing(each.arn)


def work_on(path: Path) -> None:
    """Raises StoreFailed, or EngineClosed because of one, and nothing else."""
    with suppress(CallerError), Engine(path.parent, functions=FUNCTIONS) as engine:
        engine.list()
        engine.open_tasks()
        engine.create_activity("more work")
        engine.start(SLEEPS)


def check_the_words(path: Path, words: str) -> bool:
    assert words.startswith(f"{path}: ")
    assert "is damaged" in words or "is no database" in words
    assert "\n" not in words
    return True


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_cannot_be_read_any_more_is_told_in_words(database, tmp_path, damage, capsys):
    told = 0
    for number in range(0, len(database) // PAGE, 1 if ALL else 2):
        place = slice(number * PAGE, (number + 1) * PAGE)
        page, damaged = bytearray(database[place]), bytearray(database)
        damage(page, Random(number))
        damaged[place] = page
        path = tmp_path / str(number) / FILE
        path.parent.mkdir()
        path.write_bytes(damaged)
        try:
            read_everything(path)
        except StoreFailed as fault:
            told += 1
            check_the_words(path, str(fault))
        if invoke(["list", "--data", str(path.parent)]) != 0:
            (words,) = capsys.readouterr().err.splitlines()
            assert "Does Not Exist" in words or check_the_words(path, words.removeprefix("stepwell: "))
        try:
            work_on(path)
        except (StoreFailed, EngineClosed) as fault:
            words = fault if isinstance(fault, StoreFailed) else fault.__cause__
            assert isinstance(words, StoreFailed | CallerError)
            if isinstance(words, StoreFailed):
                check_the_words(path, str(words))

    assert told
