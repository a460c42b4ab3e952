"""`stepwell list`: which executions there are, and how they stand."""

import json
from pathlib import Path

import pytest

from commands import callback, in_a_row, left_behind, screen_of
from stepwell.adapters.command.main import invoke

OK = in_a_row(Ok={"Type": "Pass"})
NO = in_a_row(No={"Type": "Fail"})
ASK = in_a_row(Ask=callback())


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("STEPWELL_DATA", raising=False)
    return tmp_path


@pytest.fixture
def four(folder) -> None:
    left_behind(folder, OK, name="fine", machine="order", seconds=1)
    left_behind(folder, NO, name="bad", machine="order", seconds=1)
    left_behind(folder, ASK, name="left", machine="refund")
    left_behind(folder, NO, name="worse", machine="refund", seconds=1)


def names(capsys, *arguments: str) -> list[str]:
    assert invoke(["list", *arguments]) == 0
    return [line.split()[-1] for line in capsys.readouterr().out.splitlines()[1:]]


@pytest.mark.parametrize(
    ("arguments", "listed"),
    [
        ([], ["worse", "left", "bad", "fine"]),
        (["--limit", "3"], ["worse", "left", "bad"]),
        (["--limit", "0"], ["worse", "left", "bad", "fine"]),
        (["--status", "failed"], ["worse", "bad"]),
        (["--status", "RUNNING"], ["left"]),
        (["--status", "GONE"], ["left"]),
        (["--status", "ABORTED"], []),
        (["--machine", "order"], ["bad", "fine"]),
        (["--machine", "order", "--status", "SUCCEEDED"], ["fine"]),
        (["--machine", "arn:aws:states:us-east-1:123456789012:stateMachine:refund"], ["worse", "left"]),
        (["--machine", "rder"], []),
    ],
)
def test_the_list_is_of_what_was_asked_for(capsys, four, arguments, listed):
    assert names(capsys, *arguments) == listed


def test_what_is_gone_is_told_from_what_runs_but_not_in_json(capsys, four):
    assert invoke(["list", "--status", "GONE"]) == 0
    row = capsys.readouterr().out.splitlines()[1].split()
    assert row[2:] == ["-", "GONE", "refund", "left"]

    assert invoke(["list", "--status", "GONE", "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)["executions"]
    assert told["status"] == "RUNNING"
    assert "stopDate" not in told


def test_many_are_listed_over_several_pages(capsys, folder, monkeypatch):
    monkeypatch.setattr("stepwell.adapters.command.executions.PAGE", 2)
    every = [f"run-{number}" for number in range(7)]
    for name in every:
        left_behind(folder, OK, name=name, seconds=1)

    assert names(capsys) == every[::-1]


def test_a_terminal_is_told_of_what_it_does_not_show(folder):
    left_behind(folder, OK, seconds=1)
    left_behind(folder, ASK, name="two")

    shown = screen_of(folder, "list", "--limit", "1")
    assert "and more: --limit 0 lists all" in shown
    assert "one" not in shown.split()

    shown = screen_of(folder, "list")
    assert "and more" not in shown
    assert "GONE: its process is gone; `stepwell resume NAME` carries a run on" in shown


def test_a_machine_of_two_accounts_is_asked_back(capsys, folder, four):
    import sqlite3

    with sqlite3.connect(folder / ".stepwell" / "stepwell.db") as database:
        database.execute("UPDATE executions SET state_machine_arn = 'arn:aws:states:eu-west-1:1:stateMachine:order' "
                         "WHERE name = 'bad'")  # fmt: skip
    database.close()

    assert invoke(["list", "--machine", "order"]) == 2
    assert "'order' is not one state machine; name it by its ARN: arn:" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--status", "LOST"], "Invalid value for '--status': 'LOST' is not one of"),
        (["--limit", "-1"], "Invalid value for '--limit'"),
    ],
)
def test_bad_options_are_one_clear_line(capsys, arguments, said):
    assert invoke(["list", *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line


def test_nothing_is_listed_where_nothing_is_kept_and_nothing_is_made(capsys, folder):
    assert names(capsys) == []
    assert screen_of(folder, "list").startswith(".stepwell: holds no executions yet; `stepwell run FILE` makes one")
    assert list(folder.iterdir()) == []


def test_a_file_that_is_no_database_is_one_clear_line(capsys, folder):
    (folder / ".stepwell").mkdir()
    (folder / ".stepwell" / "stepwell.db").write_text("these are notes")

    assert invoke(["list"]) == 2
    assert capsys.readouterr().err == (
        "stepwell: .stepwell/stepwell.db: is no database; move it away or choose another --data\n"
    )


def test_looking_does_not_write(capsys, folder, four):
    before = (folder / ".stepwell" / "stepwell.db").stat()

    for command in (["list"], ["show", "fine"], ["history", "fine"], ["task", "list"], ["show", "left", "--json"]):
        assert invoke(command) == 0

    after = (folder / ".stepwell" / "stepwell.db").stat()
    assert (after.st_mtime_ns, after.st_size) == (before.st_mtime_ns, before.st_size)
    assert list((folder / ".stepwell" / "stepwell.db-hosts").iterdir()) == []
