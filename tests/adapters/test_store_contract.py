"""The contract of stores, for each of them."""

import pytest

from stepwell.adapters.hosts.simulation import Simulation
from stepwell.adapters.stores.files import FileStore
from stepwell.adapters.stores.memory import MemoryStore
from stepwell.definitions.check import parse
from stepwell.engine.errors import ExecutionAlreadyExists, ExecutionDoesNotExist
from stepwell.engine.program import compile_program
from support import MACHINE_ARN, echoes, machine, pass_, wait

PROGRAM = compile_program(parse(machine(A=pass_(), Pause=wait(Seconds=60), B=pass_())))
UNKNOWN = MACHINE_ARN.replace("stateMachine", "execution") + ":nobody"


@pytest.fixture(params=["memory", "files"])
def store(request, tmp_path):
    return MemoryStore() if request.param == "memory" else FileStore(tmp_path)


def started(store, name="first"):
    host = Simulation(echoes, store=store)
    return host, host.start(PROGRAM, input='{"a":1}', name=name, machine_arn=MACHINE_ARN)


def test_an_execution_is_there_before_its_first_step(store):
    _, execution = started(store)

    assert store.load(execution.arn).status == "RUNNING"
    assert store.history(execution.arn) == []


def test_every_step_adds_to_the_history_and_changes_the_execution(store):
    host, execution = started(store)

    host.work(until=execution.started_at + 1000)
    assert [event.id for event in store.history(execution.arn)] == [1, 2, 3, 4]
    assert store.load(execution.arn).version == 1

    host.work()
    assert store.history(execution.arn)[-1].type == "ExecutionSucceeded"
    assert store.load(execution.arn).output == '{"a":1}'


def test_a_name_is_taken_once(store):
    _, execution = started(store)

    with pytest.raises(ExecutionAlreadyExists, match=f"Execution Already Exists: '{execution.arn}'"):
        started(store)


def test_an_unknown_execution_does_not_exist(store):
    for ask in (store.load, store.history):
        with pytest.raises(ExecutionDoesNotExist, match=f"Execution Does Not Exist: '{UNKNOWN}'"):
            ask(UNKNOWN)


def test_the_newest_comes_first(store):
    for name in ("first", "second", "third"):
        started(store, name)

    assert [execution.name for execution in store.list()] == ["third", "second", "first"]
