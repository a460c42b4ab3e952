"""The contract of stores, for each of them. A new store is one more line in `STORES`."""

import pytest

from stepwell.adapters.hosts.simulation import Simulation
from stepwell.adapters.stores.memory import MemoryStore
from stepwell.adapters.stores.sqlite import SqliteStore
from stepwell.definitions.check import parse
from stepwell.engine.errors import ExecutionAlreadyExists, ExecutionDoesNotExist
from stepwell.engine.events import ExecutionStopped, TaskStarted, TaskSucceeded
from stepwell.engine.lifecycles import ExecutionStatus
from stepwell.engine.program import compile_program
from support import ACTIVITY, CALLBACK, MACHINE_ARN, echoes, hangs, machine, map_, pass_, scope, submits, task, wait

STORES = {"memory": lambda path: MemoryStore(), "sqlite": lambda path: SqliteStore(path / "stepwell.db")}

PAUSING = machine(A=pass_(), Pause=wait(Seconds=60), B=pass_())
UNKNOWN = MACHINE_ARN.replace("stateMachine", "execution") + ":nobody"
DEFINITION = '{"as": "written"}'


@pytest.fixture(params=STORES)
def store(request, tmp_path):
    store = STORES[request.param](tmp_path)
    yield store
    store.close()


def started(store, name="first", definition=PAUSING, behaviour=echoes, **about):
    host = Simulation(behaviour, store=store)
    about.setdefault("machine_arn", MACHINE_ARN)
    about.setdefault("input", '{"a":1}')
    return host, host.start(compile_program(parse(definition)), DEFINITION, name=name, **about)


def waiting(store, definition, behaviour=hangs, **about):
    """An execution that waits for somebody."""
    host, execution = started(store, definition=definition, behaviour=behaviour, **about)
    host.work(until=execution.started_at + 1)
    return host, execution


# --- executions -------------------------------------------------------------------------------------------------------


def test_an_execution_is_there_with_its_first_step(store):
    host, execution = started(store)
    host.work(until=execution.started_at)

    found = store.describe(execution.arn)
    assert (found.status, found.name, found.input, found.version) == ("RUNNING", "first", '{"a":1}', 1)
    assert store.definition(execution.arn) == DEFINITION
    assert store.settings(execution.arn) is None
    assert not store.is_abandoned(execution.arn)


def test_every_step_adds_to_the_history_and_changes_the_execution(store):
    host, execution = started(store)

    host.work(until=execution.started_at + 1000)
    assert [event.id for event in store.history(execution.arn)] == [1, 2, 3, 4]
    assert store.describe(execution.arn).version == 1

    host.work()
    assert store.history(execution.arn)[-1].type == "ExecutionSucceeded"
    assert [event.id for event in store.history(execution.arn, 6)] == [7, 8]
    assert store.describe(execution.arn).output == '{"a":1}'


def test_an_execution_is_loaded_as_it_was_left(store):
    definition = machine(
        V=pass_(Assign={"v": [1]}), M=map_(scope(T=task(TimeoutSeconds=9)), ItemsPath="$.items", MaxConcurrency=1)
    )
    _, execution = waiting(store, definition, input='{"items":[{"deep":1.0},2]}')

    loaded, text = store.load(execution.arn)

    assert loaded == execution
    assert text == DEFINITION
    assert loaded.frames["/1"].variables is loaded.frames[""].variables  # shared, as they were


def test_a_name_is_taken_once(store):
    host, execution = started(store)
    for _ in range(2):  # before its first step is laid down, and after
        with pytest.raises(ExecutionAlreadyExists, match=f"Execution Already Exists: '{execution.arn}'"):
            started(store)
        host.work()


def test_an_unknown_execution_does_not_exist(store):
    for ask in (
        store.load,
        store.describe,
        store.definition,
        store.settings,
        store.history,
        store.claim,
        store.open_tasks,
        store.is_abandoned,
        lambda arn: store.post(arn, ExecutionStopped(at=0, entropy=b"")),
    ):
        with pytest.raises(ExecutionDoesNotExist, match=f"Execution Does Not Exist: '{UNKNOWN}'"):
            ask(UNKNOWN)


def test_executions_are_listed_the_newest_first(store):
    other = MACHINE_ARN.replace("tested", "other")
    for name in ("first", "second", "third"):
        started(store, name)[0].work()
    _, running = waiting(store, PAUSING, name="running", machine_arn=other)

    def names(**about):
        return [execution.name for execution in store.executions(**about)]

    assert names() == ["running", "third", "second", "first"]
    assert names(limit=2) == ["running", "third"]
    assert names(state_machine_arn=MACHINE_ARN) == ["third", "second", "first"]
    assert names(state_machine_arn=MACHINE_ARN, status=ExecutionStatus.RUNNING) == []
    assert names(status=ExecutionStatus.RUNNING) == ["running"]
    assert names(status=ExecutionStatus.SUCCEEDED, limit=1) == ["third"]
    assert names(before=running.arn, limit=1) == ["third"]
    assert names(state_machine_arn=other, before=running.arn) == []


def test_settings_stay_with_the_execution(store):
    host = Simulation(hangs, store=store)
    execution = host.start(compile_program(parse(PAUSING)), DEFINITION, settings='{"x":1}', machine_arn=MACHINE_ARN)
    host.work(until=execution.started_at)

    assert store.settings(execution.arn) == '{"x":1}'


def test_an_express_execution_is_kept_too(store):
    _, execution = started(store, type="EXPRESS")
    host, later = started(store, "later", type="EXPRESS")
    host.work(until=later.started_at)

    assert store.describe(later.arn).status == "RUNNING"
    assert [event.id for event in store.history(later.arn)] == [1, 2, 3, 4]
    assert store.settings(later.arn) is None

    host.work()
    assert store.describe(later.arn).status == "SUCCEEDED"
    assert store.history(later.arn)[-1].type == "ExecutionSucceeded"
    assert store.definition(execution.arn) == DEFINITION


# --- the outbox -------------------------------------------------------------------------------------------------------


def test_a_task_is_open_until_it_is_answered(store):
    host, execution = waiting(store, machine(T=task(TimeoutSeconds=9, HeartbeatSeconds=5)))
    (found,) = store.open_tasks()

    assert (found.task.state, found.task.input, found.asked_at) == ("T", '{"a":1}', execution.started_at)
    assert (found.task.timeout_seconds, found.task.execution_arn) == (9, execution.arn)
    assert found.is_left_open
    assert found == store.open_task(found.task.token)
    assert store.open_tasks(execution.arn) == [found]

    host.worker.answer(found.task.token, TaskSucceeded, output="1")
    host.work()
    assert store.open_tasks() == []
    assert store.open_task(found.task.token) is None


def test_the_first_answer_stays_with_the_task(store):
    def behaviour(task_):
        return (each for each in list(submits({"id": 7}, None)(task_))[:1])

    waiting(store, machine(T=task(CALLBACK)), behaviour)
    (found,) = store.open_tasks()

    assert (found.task.submitted, found.is_left_open) == ('{"id":7}', True)


def test_what_timed_out_is_open_no_more(store):
    host, _ = waiting(store, machine(T=task(TimeoutSeconds=9)))
    host.work()

    assert store.open_tasks() == []


def test_an_activity_task_is_taken_once_and_told_of_by_a_letter(store):
    host, execution = waiting(store, machine(T=task(ACTIVITY)))
    assert store.has_activity_task(ACTIVITY)
    assert not store.has_activity_task(f"{ACTIVITY}-other")

    token, text = store.take_activity_task(ACTIVITY, lambda token: TaskStarted(at=0, entropy=b"", token=token))
    assert text == '{"a":1}'
    assert not store.has_activity_task(ACTIVITY)
    assert store.take_activity_task(ACTIVITY, lambda token: TaskStarted(at=0, entropy=b"", token=token)) is None
    assert store.open_task(token) is not None

    host.worker.look_around()
    host.work(until=execution.started_at + 2)
    assert store.history(execution.arn)[-1].type == "ActivityStarted"
    assert store.letters() == []


def test_a_letter_stays_until_it_is_settled(store):
    host, execution = waiting(store, PAUSING)
    stop = ExecutionStopped(at=5, entropy=b"x")
    store.post(execution.arn, stop)

    (letter,) = store.letters()
    assert (letter.execution_arn, letter.event) == (execution.arn, stop)
    host.worker.look_around()
    host.worker.look_around()  # looking twice does not open it twice
    host.work()
    assert store.describe(execution.arn).status == "ABORTED"
    assert store.letters() == []


def test_an_execution_that_ended_is_claimed_with_nothing_to_do(store):
    host, execution = started(store, definition=machine(T=task()), behaviour=hangs)
    host.worker.send(execution.arn, ExecutionStopped)
    host.work()

    found = store.claim(execution.arn)
    assert (found.execution_arn, found.timers, found.tasks) == (execution.arn, [], [])


# --- housekeeping -----------------------------------------------------------------------------------------------------


def test_pruning_removes_what_has_ended_by_age(store):
    hosts = [started(store, name) for name in ("old", "new")]
    for host, _ in hosts:
        host.work()
    _, running = waiting(store, PAUSING, name="running")
    stopped_at = store.describe(hosts[0][1].arn).stopped_at

    assert store.prune(stopped_before=stopped_at) == 0
    assert store.prune(stopped_before=stopped_at + 1) == 2
    assert [execution.arn for execution in store.executions()] == [running.arn]
    with pytest.raises(ExecutionDoesNotExist):
        store.history(hosts[0][1].arn)


def test_pruning_keeps_the_newest(store):
    for name in ("first", "second", "third"):
        started(store, name)[0].work()
    waiting(store, PAUSING, name="running")

    assert store.prune(keep=1) == 2
    assert [execution.name for execution in store.executions()] == ["running", "third"]


def test_a_tidy_history_is_the_same(store):
    executions = [started(store, name) for name in ("first", "second")]
    for host, _ in executions:
        host.work()
    before = [store.history(execution.arn) for _, execution in executions]

    while store.tidy(1):
        pass

    assert [store.history(execution.arn) for _, execution in executions] == before
