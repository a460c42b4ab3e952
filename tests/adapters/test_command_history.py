"""`stepwell history --follow`: the events of an execution as they come."""

import json
import subprocess
from pathlib import Path

import pytest

from commands import (
    COMMAND,
    PATIENCE,
    Process,
    Terminal,
    arn_of,
    callback,
    environment,
    in_a_row,
    left_behind,
    wait_for_event,
    write_machine,
)
from stepwell.adapters.command.main import invoke

ASK = in_a_row(Ask=callback())


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("STEPWELL_DATA", raising=False)
    write_machine(tmp_path, "ask", ASK)
    (tmp_path / "functions.py").write_text("def ask(event):\n    pass\n")
    return tmp_path


def waiting(folder: Path) -> Process:
    process = Process(folder, "run", "ask.asl.json", "--functions", "functions.py", "--name", "one")
    wait_for_event(folder, arn_of("ask", "one"), "TaskSubmitted")
    return process


def test_events_are_shown_until_the_end(capsys, folder):
    with waiting(folder) as run, Process(folder, "history", "one", "--follow") as history:
        assert invoke(["task", "succeed", "one"]) == 0
        assert run.finish()[0] == 0
        code, out, err = history.finish()

    assert (code, err) == (0, "")
    types = [line.split()[2] for line in out.splitlines()]
    assert types == [
        "ExecutionStarted",
        *["TaskStateEntered", "TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskSucceeded", "TaskStateExited"],
        "ExecutionSucceeded",
    ]


def test_events_as_json_are_one_a_line(capsys, folder):
    left_behind(folder, in_a_row(Ok={"Type": "Pass"}), seconds=1)

    assert invoke(["history", "-f", "--json"]) == 0

    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [event["id"] for event in events] == [1, 2, 3, 4]
    assert events[0]["timestamp"].endswith("Z")


def test_no_more_events_come_of_what_is_gone(capsys, folder):
    left_behind(folder, ASK)

    assert invoke(["history", "one", "--follow"]) == 1

    shown = capsys.readouterr()
    assert len(shown.out.splitlines()) == 5
    assert shown.err == "stepwell: one: its process is gone; `stepwell resume one` carries it on\n"


def test_a_terminal_sees_them_as_they_come(folder):
    with waiting(folder) as run:
        terminal = Terminal(folder, "history", "one", "--follow", columns=120)
        terminal.read_until("TaskSubmitted")
        assert invoke(["task", "fail", "one", "--error", "Refused"]) == 0
        assert terminal.finish() == 0
        assert run.finish()[0] == 1

    assert terminal.text.startswith(f"{arn_of('ask', 'one')}\nRUNNING\n")
    assert "ExecutionFailed" in terminal.text
    assert "Refused" in terminal.text


def test_what_is_gone_is_said_on_a_terminal(folder):
    left_behind(folder, ASK)

    terminal = Terminal(folder, "history")
    assert terminal.finish() == 0
    assert "RUNNING (its process is gone)" in terminal.text


def test_a_reader_that_leaves_ends_it(folder):
    with waiting(folder):
        process = subprocess.Popen(
            [*COMMAND, "history", "one", "--follow"],
            cwd=folder,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert process.stdout is not None and process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert invoke(["task", "succeed", "one"]) == 0
        assert process.wait(PATIENCE) == 1
        assert process.stderr.read() == b""
        process.stderr.close()
