"""Nothing stays in the outbox or inbox of what has ended, whatever came at the same moment: found by the chaos test."""

import pytest

from stepwell.adapters.hosts.simulation import Simulation
from stepwell.adapters.stores.sqlite import SqliteStore
from stepwell.definitions.check import parse
from stepwell.engine.events import ExecutionStopped, TaskSucceeded
from stepwell.engine.machine import step
from stepwell.engine.program import compile_program
from support import ACTIVITY, CALLBACK, MACHINE_ARN, hangs, machine, task, wait


@pytest.fixture
def store(tmp_path):
    store = SqliteStore(tmp_path / "stepwell.db")
    yield store
    store.close()


def waiting(store, **states):
    """An execution that waits in the first of these states."""
    host = Simulation(hangs, store=store)
    program = compile_program(parse(machine(**states)))
    execution = host.start(program, "{}", machine_arn=MACHINE_ARN)
    host.worker._take_in()
    host.worker._lay_down()
    return program, execution


@pytest.mark.parametrize("resource", [CALLBACK, ACTIVITY])
@pytest.mark.parametrize("ending", ["stopped", "answered"])
def test_a_task_that_is_over_is_not_left_open_after_that(store, resource, ending):
    program, execution = waiting(store, T=task(resource), W=wait(Seconds=60))
    (asked,) = store.open_tasks()
    token = asked.task.token
    event = (
        ExecutionStopped(at=1, entropy=b"")
        if ending == "stopped"
        else TaskSucceeded(at=1, entropy=b"", token=token, output="1")
    )
    store.commit(execution, event, step(program, execution, event))
    store.leave_open(execution, token)
    store.flush()

    assert store.open_tasks() == []
    assert not store.has_activity_task(ACTIVITY)


def test_a_letter_that_comes_too_late_is_not_kept(store):
    program, execution = waiting(store, W=wait(Seconds=60))
    stop = ExecutionStopped(at=1, entropy=b"")
    store.commit(execution, stop, step(program, execution, stop))
    store.flush()

    store.post(execution.arn, stop)

    assert store._connection.execute("SELECT count(*) FROM inbox").fetchone() == (0,)
