"""Executions in files: what is kept, what a reader makes of it, and what a killed process leaves."""

import json
import multiprocessing
import os
from pathlib import Path

import pytest

from stepwell.adapters.hosts.simulation import Simulation
from stepwell.adapters.stores.files import (
    FileStore,
    StoredExecution,
    StoreFailed,
    UnknownExecution,
    file_name,
    find_execution,
    stored_executions,
)
from stepwell.definitions.check import parse
from stepwell.engine import arns
from stepwell.engine.errors import ExecutionAlreadyExists
from stepwell.engine.execution import Execution
from stepwell.engine.history import as_api, from_api
from stepwell.engine.program import compile_program

HELLO = {"StartAt": "Hello", "States": {"Hello": {"Type": "Pass", "Assign": {"x": 1}, "End": True}}}
PATIENT = {"StartAt": "Sit", "States": {"Sit": {"Type": "Wait", "Seconds": 60, "End": True}}}
START = 1_767_225_600_000


def started(directory: Path, definition: dict = HELLO, *, name: str = "one", machine: str = "m", at: int = START):
    """A simulation with one execution in files, run as far as it goes by itself within a second."""
    host = Simulation(no_tasks, store=FileStore(directory), at=at)
    execution: Execution = host.start(
        compile_program(parse(definition)),
        json.dumps(definition),
        input='{"a":1}',
        name=name,
        machine_arn=arns.state_machine_arn(machine),
    )
    host.work(until=at + 1000)
    return host, execution


def no_tasks(task):
    yield from ()


def only_file(directory: Path) -> Path:
    (path,) = (directory / "executions").iterdir()
    return path


def found(directory: Path, wanted: str = "@last") -> StoredExecution:
    return find_execution(directory, wanted)


def test_an_execution_is_read_back_as_it_was(tmp_path):
    host, execution = started(tmp_path / "data")

    stored = found(tmp_path / "data")
    events, note = stored.events()

    assert (stored.arn, stored.name, stored.state_machine_name) == (execution.arn, "one", "m")
    assert (stored.status, stored.started_at, stored.latest_at) == ("SUCCEEDED", START, execution.stopped_at)
    assert events == host.store.history(execution.arn)
    assert note is None


def test_the_first_line_tells_all_about_the_execution(tmp_path):
    started(tmp_path / "data")

    header = json.loads(only_file(tmp_path / "data").read_text().splitlines()[0])

    assert header["format"] == 1
    assert header["input"] == '{"a":1}'
    assert json.loads(header["definition"]) == HELLO
    assert header["startDate"] == "2026-01-01T00:00:00Z"


@pytest.mark.parametrize("directory", ["data", "deep/er/data"])
def test_the_directory_is_made_when_it_is_needed_and_kept_out_of_git(tmp_path, directory):
    store = FileStore(tmp_path / directory)
    assert not (tmp_path / directory).exists()

    started(tmp_path / directory)

    assert store is not None
    assert (tmp_path / directory / ".gitignore").read_text() == "*\n"


def test_a_directory_that_was_there_gets_no_gitignore(tmp_path):
    started(tmp_path)

    assert not (tmp_path / ".gitignore").exists()


def test_what_has_happened_is_in_the_file_while_the_execution_runs(tmp_path):
    host, _ = started(tmp_path, PATIENT)

    stored = found(tmp_path)
    assert stored.status == "RUNNING"
    assert not stored.is_abandoned
    assert [event.type for event in stored.events()[0]] == ["ExecutionStarted", "WaitStateEntered"]

    host.work()
    assert found(tmp_path).status == "SUCCEEDED"


def run_and_die(directory: Path) -> None:
    started(directory, PATIENT)
    os._exit(9)


def test_a_killed_process_leaves_what_happened_and_is_known_to_be_gone(tmp_path):
    process = multiprocessing.get_context("fork").Process(target=run_and_die, args=(tmp_path,))
    process.start()
    process.join()

    stored = found(tmp_path)

    assert (stored.status, stored.is_abandoned) == ("RUNNING", True)
    assert len(stored.events()[0]) == 2


def test_a_line_cut_off_by_a_crash_is_passed_over_with_a_note(tmp_path):
    started(tmp_path)
    path = only_file(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-40])

    stored = found(tmp_path)
    events, note = stored.events()

    assert [event.id for event in events] == [1, 2, 3]
    assert (stored.status, note) == ("RUNNING", f"{path}: line 5 is damaged; what follows is missing")


def test_files_that_are_none_of_ours_are_noted_and_do_not_hide_the_others(tmp_path):
    started(tmp_path)
    (tmp_path / "executions" / "empty.jsonl").touch()
    (tmp_path / "executions" / "newer.jsonl").write_text('{"format": 2}\n')
    (tmp_path / "executions" / "else.jsonl").write_text('{"format": 1}\n')

    executions, notes = stored_executions(tmp_path)

    assert [each.name for each in executions] == ["one"]
    assert [note.partition(": ")[2] for note in notes] == [
        "is damaged: its first line has no 'startDate'",
        "is damaged: its first line is no JSON object",
        "has another format than 1; was it made by a newer Stepwell?",
    ]


def test_a_name_that_another_process_has_taken_is_refused_in_aws_words(tmp_path):
    _, execution = started(tmp_path)

    with pytest.raises(ExecutionAlreadyExists) as refusal:
        started(tmp_path)

    assert str(refusal.value) == f"Execution Already Exists: '{execution.arn}'"
    assert found(tmp_path).status == "SUCCEEDED"


def test_executions_are_listed_with_the_newest_first(tmp_path):
    for number, name in enumerate(["old", "new", "newest"]):
        started(tmp_path, name=name, at=START + number * 60_000)

    assert [each.name for each in stored_executions(tmp_path)[0]] == ["newest", "new", "old"]
    assert found(tmp_path, "@last").name == "newest"


@pytest.mark.parametrize(
    "wanted", ["morning-run", "morn", "arn:aws:states:us-east-1:123456789012:execution:m:morning-run"]
)
def test_an_execution_is_found_by_name_by_its_beginning_and_by_arn(tmp_path, wanted):
    started(tmp_path, name="morning-run")
    started(tmp_path, name="evening-run")

    assert found(tmp_path, wanted).name == "morning-run"


def test_a_name_counts_before_the_beginning_of_another(tmp_path):
    started(tmp_path, name="night")
    started(tmp_path, name="nightly")

    assert found(tmp_path, "night").name == "night"


def test_a_name_that_two_machines_use_is_asked_back_with_the_arns(tmp_path):
    for machine in ("orders", "refunds"):
        started(tmp_path, name="one", machine=machine)

    with pytest.raises(UnknownExecution) as refusal:
        found(tmp_path, "one")

    assert "execution:orders:one" in str(refusal.value)
    assert "execution:refunds:one" in str(refusal.value)


@pytest.mark.parametrize("wanted", ["nothing", "one-and-a-half", "on"])
def test_what_is_not_there_is_said_with_what_to_do(tmp_path, wanted):
    started(tmp_path)

    with pytest.raises(UnknownExecution, match="stepwell list"):
        found(tmp_path, wanted)


def test_an_empty_directory_says_how_to_fill_it(tmp_path):
    with pytest.raises(UnknownExecution, match="stepwell run"):
        found(tmp_path / "none")


@pytest.mark.parametrize("name", ["größe-7", "注文-" * 20, ".", "..", "CON", "a" * 80, "🚚"])
def test_names_of_any_kind_make_names_of_files(tmp_path, name):
    started(tmp_path, name=name)

    path = only_file(tmp_path)
    assert path.name.isascii()
    assert len(path.name) < 80
    assert found(tmp_path, name).name == name


def test_names_that_differ_in_case_or_beyond_the_readable_part_have_files_of_their_own():
    names = ["a", "A", "x" * 79 + "1", "x" * 79 + "2"]

    assert len({file_name(f"arn:{name}", name).lower() for name in names}) == len(names)


def test_a_directory_that_cannot_be_made_is_one_clear_line(tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(StoreFailed, match="choose another --data"):
        started(tmp_path / "file")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_is_one_clear_line(tmp_path, monkeypatch):
    monkeypatch.setattr("stepwell.adapters.stores.files._create", lambda path: os.open("/dev/full", os.O_WRONLY))

    with pytest.raises(StoreFailed, match="No space left"):
        started(tmp_path)


def test_events_survive_half_a_surrogate_pair(tmp_path):
    host, execution = started(tmp_path, PATIENT)
    host.worker.send(execution.arn, stopped_with_half_a_character)
    host.work(until=START + 2000)

    assert found(tmp_path).status == "ABORTED"
    assert found(tmp_path).events()[0][-1].details["cause"] == "\ud83d"


def stopped_with_half_a_character(**facts):
    from stepwell.definitions.failure import Failure
    from stepwell.engine.events import ExecutionStopped

    return ExecutionStopped(failure=Failure("E", "\ud83d"), **facts)


def test_the_shape_of_the_api_is_read_back_to_the_event():
    host, execution = started_in_memory()

    events = host.store.history(execution.arn)

    assert [from_api(as_api(event)) for event in events] == events


def started_in_memory():
    host = Simulation(no_tasks)
    execution = host.start(compile_program(parse(HELLO)), machine_arn=arns.state_machine_arn("m"))
    host.work()
    return host, execution
