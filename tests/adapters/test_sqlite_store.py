"""What only a file can do: outlive its process, be shared by several, be damaged, be somebody else's."""

import os
import shutil
import sqlite3
import subprocess
import sys

import pytest

from stepwell.adapters.hosts.simulation import Simulation
from stepwell.adapters.stores.sqlite import SqliteReader, SqliteStore
from stepwell.adapters.stores.sqlite.database import connect
from stepwell.definitions.check import parse
from stepwell.definitions.failure import Failure
from stepwell.engine.errors import ExecutionAlreadyExists
from stepwell.engine.events import ExecutionRedriven, ExecutionStopped, TaskSucceeded
from stepwell.engine.execution import snapshot
from stepwell.engine.machine import step
from stepwell.engine.operations.executions import new_execution
from stepwell.engine.ports import Pause, StoreFailed
from stepwell.engine.program import compile_program
from support import CALLBACK, MACHINE_ARN, echoes, hangs, machine, map_, parallel, pass_, scope, submits, task, wait

PROGRAM = compile_program(
    parse(
        machine(
            A=pass_(Assign={"v": 1}),
            P=parallel(scope(W=wait(Seconds=5), X=task()), scope(M=map_(scope(T=task()), ItemsPath="$.items"))),
        )
    )
)
WAITING = compile_program(parse(machine(W=wait(Seconds=60), T=task())))
LEFT_OPEN = compile_program(parse(machine(C=task(CALLBACK))))


IS_ROOT = hasattr(os, "getuid") and os.getuid() == 0
WITHOUT_PRIVILEGES = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--"] if IS_ROOT else []
"""Root may write what is read-only, unless it goes without its capabilities."""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "data" / "stepwell.db"


class Dead(SqliteStore):
    """A store whose process can be killed."""

    def die(self):
        os.close(self._locks._held)
        self._locks._held = None


def simulated(store, behaviour=echoes, at=1_767_225_600_000):
    programs = {"waiting": WAITING, "open": LEFT_OPEN, "all": PROGRAM}
    return Simulation(behaviour, store=store, at=at, compile=lambda text, kind: programs[text])


def start(host, program=WAITING, definition="waiting", name="first", **about):
    about.setdefault("input", '{"items":[1,2]}')
    execution = host.start(program, definition, name=name, machine_arn=MACHINE_ARN, **about)
    host.work(until=host.clock.now() + 1)
    return execution


# --- outliving the process --------------------------------------------------------------------------------------------


def test_another_host_carries_on_what_a_dead_one_has_left(path):
    first = Dead(path)
    execution = start(simulated(first))
    first.die()

    second = SqliteStore(path)
    host = simulated(second)
    assert second.is_abandoned(execution.arn)
    for found in second.adopt():
        host.worker.take_over(found)
    assert not second.is_abandoned(execution.arn)
    host.work()

    events = second.history(execution.arn)
    assert [event.id for event in events] == list(range(1, len(events) + 1))
    assert events[-1].type == "ExecutionSucceeded"
    assert (events[2].at - execution.started_at) == 60_000


def test_nothing_can_be_told_apart_when_the_host_changes_after_every_step(path):
    """The same steps, once by one host and once by a new one for each step."""
    alone = SqliteStore(path.with_name("alone.db"))
    host = simulated(alone)
    expected = start(host, PROGRAM, "all")
    host.work()

    store = Dead(path)
    host = simulated(store)
    execution = host.start(PROGRAM, "all", name="first", machine_arn=MACHINE_ARN, input='{"items":[1,2]}')
    for _ in range(50):
        host.worker._take_in()
        host.worker._lay_down()
        if store.describe(execution.arn).status != "RUNNING":
            break
        store.die()
        now, drawn = host.clock.now(), host._drawn
        store = Dead(path)
        host = simulated(store, at=now)
        host._drawn = drawn
        for found in store.adopt():
            host.worker.take_over(found)
        for _ in range(len(host.worker._drives)):
            host.worker._drives.popleft()()
        if not host.worker._events:
            host.clock.jump(host.worker._next_due())
            host.worker._ring(host.clock.now())

    types = sorted(event.type for event in store.history(execution.arn))
    assert types == sorted(event.type for event in alone.history(expected.arn))
    assert store.describe(execution.arn).output == alone.describe(expected.arn).output


def test_a_timer_that_was_due_meanwhile_fires_late_and_once(path):
    first = Dead(path)
    execution = start(simulated(first))
    first.die()

    second = SqliteStore(path)
    host = simulated(second, at=execution.started_at + 3_600_000)
    for found in second.adopt():
        host.worker.take_over(found)
    host.work()

    exits = [event for event in second.history(execution.arn) if event.type == "WaitStateExited"]
    assert [event.at - execution.started_at for event in exits] == [3_600_000]


def test_a_timer_fires_once_though_the_clock_was_set_back(path):
    first = Dead(path)
    execution = start(simulated(first))
    first.die()

    second = SqliteStore(path)
    host = simulated(second, at=execution.started_at - 3_600_000)
    for found in second.adopt():
        host.worker.take_over(found)
    host.work()

    events = second.history(execution.arn)
    assert [event.type for event in events].count("WaitStateExited") == 1
    assert [event.at for event in events] == sorted(event.at for event in events)


def test_a_task_that_was_being_performed_is_performed_again_with_its_token(path):
    first = Dead(path)
    tokens = []

    def performed(task_):
        tokens.append(task_.token)
        return hangs(task_) if len(tokens) > 1 else pauses(task_)

    host = simulated(first, performed)
    start(host, compile_program(parse(machine(T=task()))), "waiting")
    first.die()

    second = SqliteStore(path)
    host = simulated(second, performed)
    for found in second.adopt():
        host.worker.take_over(found)
    host.work(until=host.clock.now() + 1)

    assert len(tokens) == 2 and tokens[0] == tokens[1]


def pauses(_task):
    yield Pause(10_000)


def test_a_task_that_was_left_open_is_not_performed_again(path):
    first = Dead(path)
    asked = []

    def sends(task_):
        asked.append(task_.token)
        yield next(iter(submits({"id": 7}, None)(task_)))

    execution = start(simulated(first, sends), LEFT_OPEN, "open")
    first.die()

    second = SqliteStore(path)
    host = simulated(second, sends)
    for found in second.adopt():
        host.worker.take_over(found)
    host.worker.answer(asked[0], TaskSucceeded, output='"done"')
    host.work()

    assert len(asked) == 1
    assert second.describe(execution.arn).output == '"done"'


def test_a_definition_is_the_executions_own(path):
    store = SqliteStore(path)
    host = simulated(store)
    first = start(host, WAITING, "waiting", "first")
    second = start(host, LEFT_OPEN, "open", "second")

    assert (store.definition(first.arn), store.definition(second.arn)) == ("waiting", "open")


# --- several processes ------------------------------------------------------------------------------------------------


def test_an_execution_belongs_to_one_living_host(path):
    first, second = SqliteStore(path), SqliteStore(path)
    execution = start(simulated(first))

    assert second.claim(execution.arn) is None
    assert list(second.adopt()) == []

    first.close()
    assert [found.execution_arn for found in second.adopt()] == [execution.arn]


def test_a_host_that_has_lost_an_execution_lays_nothing_of_it_down(path):
    first, second = Dead(path), SqliteStore(path)
    slow = simulated(first)
    lost, kept = start(slow, name="lost"), start(slow, name="kept")
    first.die()
    quick = simulated(second, hangs)
    quick.worker.take_over(second.claim(lost.arn))

    told = {}
    for execution in (lost, kept):
        slow.worker.send(execution.arn, ExecutionStopped, lambda change, arn=execution.arn: told.update({arn: change}))
    slow.worker.work()

    assert (str(told[lost.arn]), told[kept.arn]) == (f"Execution Does Not Exist: '{lost.arn}'", True)
    assert not slow.worker.carries(lost.arn)
    assert first.describe(lost.arn).status == "RUNNING"
    assert first.describe(kept.arn).status == "ABORTED"
    quick.work()
    assert second.describe(lost.arn).status == "TIMED_OUT"


def test_a_name_that_two_processes_take_at_once_is_one_execution(path):
    stores = [SqliteStore(path), SqliteStore(path)]
    hosts = [simulated(store) for store in stores]
    told = []
    for host in hosts:
        execution = new_execution(at=host.clock.now(), entropy=b"", name="same", machine_arn=MACHINE_ARN)
        host.worker.start(WAITING, execution, "waiting", done=told.append)
    for host in hosts:
        host.worker.work()

    assert len(stores[0].executions()) == 1
    assert told[0] is True
    assert isinstance(told[1], ExecutionAlreadyExists)


def test_a_letter_reaches_the_host_of_the_execution(path):
    first, second = SqliteStore(path), SqliteStore(path)
    host = simulated(first)
    execution = start(host)
    assert not first.has_news()

    second.post(execution.arn, ExecutionStopped(at=0, entropy=b""))
    assert first.has_news()
    assert not first.has_news()
    assert second.letters() == []
    host.worker.look_around()
    host.work()

    assert second.describe(execution.arn).status == "ABORTED"


def test_a_letter_waits_for_whoever_carries_the_execution_on(path):
    first = Dead(path)
    execution = start(simulated(first))
    first.die()
    second = SqliteStore(path)
    second.post(execution.arn, ExecutionStopped(at=0, entropy=b""))

    host = simulated(second)
    for found in second.adopt():
        host.worker.take_over(found)
    host.worker.look_around()
    host.work(until=host.clock.now())

    assert second.describe(execution.arn).status == "ABORTED"


def test_an_execution_with_settings_is_left_to_whoever_knows_them(path):
    first = Dead(path)
    host = simulated(first)
    execution = host.start(WAITING, "waiting", settings="{}", machine_arn=MACHINE_ARN)
    host.work(until=execution.started_at)
    first.die()

    second = SqliteStore(path)
    assert list(second.adopt()) == []
    assert second.is_abandoned(execution.arn)
    assert second.claim(execution.arn) is not None


# --- what is in the file ----------------------------------------------------------------------------------------------


def test_the_journal_taken_in_once_more_gives_the_same_execution(path):
    store = SqliteStore(path)
    host = simulated(store)
    execution = host.start(PROGRAM, "all", name="first", machine_arn=MACHINE_ARN, input='{"items":[1,2]}')
    again = Simulation(echoes).start(PROGRAM, "all", name="first", machine_arn=MACHINE_ARN, input='{"items":[1,2]}')
    host.work()
    store.tidy(10)

    history = []
    for event in store.journal(execution.arn):
        made = step(PROGRAM, again, event)
        again.take(made.changes)
        history += made.history

    assert history == store.history(execution.arn)
    assert snapshot(again) == snapshot(execution)


def test_nothing_is_left_of_what_has_ended_but_its_row_and_its_history(path):
    store = SqliteStore(path)
    host = simulated(store)
    start(host, PROGRAM, "all")
    host.work()
    store.tidy(10)
    rows = {
        table: store._connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        for table in ("executions", "archives", "journal", "frames", "timers", "tasks", "inbox")
    }

    assert rows == {"executions": 1, "archives": 1, "journal": 0, "frames": 0, "timers": 0, "tasks": 0, "inbox": 0}


def test_text_that_is_no_unicode_is_made_unicode(path):
    def fails_oddly(_task):
        yield Failure("Odd", "half \ud83d of a pair")

    store = SqliteStore(path)
    host = simulated(store, fails_oddly)
    execution = start(host, compile_program(parse(machine(T=task()))), "waiting", input="{}")
    host.work()

    assert store.describe(execution.arn).cause == "half ? of a pair"
    assert store.history(execution.arn)[-1].details["cause"] == "half ? of a pair"


# --- files that are no good -------------------------------------------------------------------------------------------


def refused(path):
    with pytest.raises(StoreFailed) as caught:
        SqliteStore(path)
    text = str(caught.value)
    assert text.startswith(str(path)) and "\n" not in text
    return text


def test_a_file_that_is_no_database_is_left_alone(path):
    path.parent.mkdir()
    path.write_text("dear diary, " * 100)

    assert "is no database" in refused(path)
    assert path.read_text() == "dear diary, " * 100
    assert os.listdir(path.parent) == [path.name]


def test_the_database_of_another_program_is_left_alone(path):
    path.parent.mkdir()
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE recipes (name)")
    other.commit()
    other.close()
    before = path.read_bytes()

    assert "another program" in refused(path)
    assert path.read_bytes() == before


def test_a_file_of_a_newer_version_is_left_alone(path):
    SqliteStore(path).close()
    newer = sqlite3.connect(path)
    newer.execute("PRAGMA user_version = 999")
    newer.close()
    before = path.read_bytes()

    assert "newer Stepwell" in refused(path)
    assert path.read_bytes() == before
    with pytest.raises(StoreFailed, match="newer Stepwell"):
        SqliteReader(path)


def test_a_file_that_was_cut_short_is_refused(path):
    store = SqliteStore(path)
    start(simulated(store))
    store.close()
    whole = path.read_bytes()

    for length in (50, 100, 5000, len(whole) - 1):
        path.write_bytes(whole[:length])
        assert "damaged" in refused(path)
        assert len(path.read_bytes()) == length

    path.write_bytes(whole)
    SqliteStore(path).close()


def test_an_empty_file_becomes_a_database(path):
    path.parent.mkdir()
    path.touch()

    SqliteStore(path).close()
    assert path.stat().st_size > 0


def test_a_file_that_cannot_be_written_is_refused_in_words(path):
    store = SqliteStore(path)
    start(simulated(store))
    store.close()
    path.chmod(0o444)
    path.parent.chmod(0o555)
    code = (
        "import sys; from pathlib import Path\n"
        "from stepwell.adapters.stores.sqlite import SqliteStore\n"
        "from stepwell.engine.ports import StoreFailed\n"
        "try: list(SqliteStore(Path(sys.argv[1])).adopt())\n"
        "except StoreFailed as fault: print(fault)\n"
    )
    command = [*WITHOUT_PRIVILEGES, sys.executable, "-c", code, path]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    path.parent.chmod(0o755)

    assert "read-only" in told.stdout or "cannot be opened" in told.stdout, told
    assert "Traceback" not in told.stderr


def test_a_folder_that_cannot_be_made_is_refused_in_words(tmp_path):
    (tmp_path / "file").touch()

    assert "cannot be opened" in refused(tmp_path / "file" / "stepwell.db")


def test_several_processes_make_a_database_at_the_same_time(path):
    code = (
        "import sys; from pathlib import Path\n"
        "from stepwell.adapters.stores.sqlite.database import connect\n"
        "connect(Path(sys.argv[1])).close()"
    )
    every = [subprocess.Popen([sys.executable, "-c", code, path], stderr=subprocess.PIPE) for _ in range(4)]
    told = [each.communicate(timeout=60)[1].decode() for each in every]

    assert [each.returncode for each in every] == [0] * 4, told
    connect(path).close()


def test_a_copy_of_the_files_is_the_store(path, tmp_path):
    store = SqliteStore(path)
    execution = start(simulated(store))
    shutil.copytree(path.parent, tmp_path / "copy")

    copied = SqliteStore(tmp_path / "copy" / path.name)
    assert copied.history(execution.arn) == store.history(execution.arn)


def test_a_claim_that_failed_leaves_nothing_behind(path):
    """Another host goes on with the execution before this one gets it."""
    first, second = Dead(path), SqliteStore(path)
    host = simulated(first)
    execution = start(host, PROGRAM, "all")
    assert second.claim(execution.arn) is None
    host.work(until=execution.started_at + 100)
    host.worker.send(execution.arn, ExecutionRedriven)  # changes nothing
    host.work(until=execution.started_at + 5_000)
    first.die()

    other = simulated(second, at=host.clock.now())
    other.worker.take_over(second.claim(execution.arn))
    other.work()

    assert second.describe(execution.arn).status == "SUCCEEDED"
