"""`stepwell prune`: executions that ended long ago are removed."""

import time
from pathlib import Path

import pytest

from commands import callback, in_a_row, kept, left_behind
from stepwell.adapters.command.main import invoke

OK = in_a_row(Ok={"Type": "Pass"})
DAY = 86_400_000


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("STEPWELL_DATA", raising=False)
    return tmp_path


@pytest.fixture
def three(folder) -> None:
    """One that ended 40 days ago, one that is gone since then, and one that has just ended."""
    now = time.time_ns() // 1_000_000
    left_behind(folder, OK, name="old", at=now - 40 * DAY, seconds=1)
    left_behind(folder, in_a_row(Ask=callback()), name="gone", at=now - 40 * DAY)
    left_behind(folder, OK, name="new", seconds=1)


def names(folder: Path) -> list[str]:
    return [each.name for each in kept(folder).executions()]


@pytest.mark.parametrize(
    ("arguments", "said", "left"),
    [
        (["--older-than", "30d"], "1 execution removed", ["new", "gone"]),
        (["--older-than", "6w"], "0 executions removed", ["new", "gone", "old"]),
        (["--keep", "1"], "1 execution removed", ["new", "gone"]),
        (["--keep", "0"], "2 executions removed", ["gone"]),
        (["--keep", "5", "--older-than", "1h"], "1 execution removed", ["new", "gone"]),
        (["--keep", "0", "--dry-run"], "2 executions would be removed", ["new", "gone", "old"]),
    ],
)
def test_what_ended_long_ago_is_removed(capsys, folder, three, arguments, said, left):
    assert invoke(["prune", *arguments]) == 0
    assert capsys.readouterr().out == f"{said}\n"
    assert names(folder) == left


def test_what_is_left_can_be_read_and_carried_on(capsys, folder, three):
    assert invoke(["prune", "--older-than", "30d"]) == 0

    assert invoke(["history", "new"]) == 0
    assert "ExecutionSucceeded" in capsys.readouterr().out
    assert invoke(["task", "succeed", "gone"]) == 0
    assert invoke(["resume"]) == 0


def test_the_room_is_given_back(capsys, folder):
    for number in range(12):
        left_behind(folder, OK, name=f"run-{number}", input=f'"{"x" * 200_000}"', seconds=1)
    before = (folder / ".stepwell" / "stepwell.db").stat().st_size

    assert invoke(["prune", "--keep", "1"]) == 0

    after = (folder / ".stepwell" / "stepwell.db").stat().st_size
    assert after < before / 4
    assert capsys.readouterr().out.endswith(" MB given back\n")


def test_little_room_is_left_for_what_comes(capsys, folder, three):
    assert invoke(["prune", "--older-than", "30d"]) == 0
    assert capsys.readouterr().out == "1 execution removed\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "say what is to be removed: --older-than AGE, --keep N, or both"),
        (["--older-than", "30"], "Invalid value for '--older-than': '30' is no time; write 90s, 30m, 12h, 30d or 4w"),
        (["--older-than", "a month"], "'a month' is no time"),
        (["--keep", "-1"], "Invalid value for '--keep'"),
        (["--keep", "1", "--data", "none"], "none: holds no executions yet"),
    ],
)
def test_bad_options_are_one_clear_line(capsys, three, arguments, said):
    assert invoke(["prune", *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
