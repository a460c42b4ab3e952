"""The contract of registries, for each of them."""

import subprocess
import sys
import threading

import pytest
from msgspec.structs import replace

from stepwell.adapters.stores.memory_registry import MemoryRegistry
from stepwell.adapters.stores.sqlite.registry import SqliteRegistry
from stepwell.definitions.kinds import StateMachineType
from stepwell.engine.ports import StoreFailed
from stepwell.engine.registry import (
    ActivityRecord,
    AliasRecord,
    StateMachineRecord,
    StateMachineStatus,
    VersionRecord,
)
from support import ACCOUNT, MACHINE_ARN

REVISION = {
    "type": StateMachineType.EXPRESS,
    "definition": ' {"StartAt": "é"}\n',
    "role_arn": "role",
    "logging_configuration": {"level": "ALL", "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": "group"}}]},
    "tracing_configuration": {"enabled": True},
    "encryption_configuration": {"type": "AWS_OWNED_KEY"},
}


def state_machine(name="tested", region="us-east-1", **about):
    arn = f"arn:aws:states:{region}:{ACCOUNT}:stateMachine:{name}"
    return StateMachineRecord(arn=arn, created_at=1, updated_at=2, **REVISION, **about)


def version(number=1, state_machine_arn=MACHINE_ARN, **about):
    return VersionRecord(state_machine_arn=state_machine_arn, number=number, created_at=3, **REVISION, **about)


def alias(name="PROD", state_machine_arn=MACHINE_ARN):
    routing = ((f"{state_machine_arn}:1", 90), (f"{state_machine_arn}:2", 10))
    return AliasRecord(state_machine_arn=state_machine_arn, name=name, routing=routing, created_at=4, updated_at=5)


def activity(name="work"):
    return ActivityRecord(
        arn=f"arn:aws:states:us-east-1:{ACCOUNT}:activity:{name}",
        created_at=6,
        encryption_configuration={"type": "AWS_OWNED_KEY"},
    )


CHANGES = [
    pytest.param(
        state_machine(), {"status": StateMachineStatus.DELETING, "last_version": 7, "revision_id": "r"}, id="machine"
    ),
    pytest.param(version(), {"description": "first", "revision_id": "r"}, id="version"),
    pytest.param(alias(), {"description": "live", "routing": ((f"{MACHINE_ARN}:3", 100),)}, id="alias"),
    pytest.param(activity(), {"created_at": 7}, id="activity"),
]

PAGES = [
    pytest.param(
        "state_machines",
        (),
        [
            state_machine("A"),
            state_machine("Z"),
            state_machine("a"),
            state_machine("a", "us-west-2"),
            state_machine("é"),
        ],
        id="machines",
    ),
    pytest.param("versions", (MACHINE_ARN,), [version(number) for number in (11, 10, 9, 2, 1)], id="versions"),
    pytest.param("aliases", (MACHINE_ARN,), [alias(name) for name in ("A", "B", "a", "b", "b-2")], id="aliases"),
    pytest.param("activities", (), [activity(name) for name in ("A", "B", "a", "b", "b-2")], id="activities"),
]


@pytest.fixture(params=["memory", "sqlite"])
def registry(request, tmp_path):
    registry = MemoryRegistry() if request.param == "memory" else SqliteRegistry(tmp_path / "stepwell.db")
    yield registry
    registry.close()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "stepwell.db"


@pytest.mark.parametrize(("record", "changes"), CHANGES)
def test_what_is_put_is_found_replaced_and_removed(registry, record, changes):
    kind, arn = type(record), record.arn
    assert registry.find(kind, arn) is None

    registry.put(record)
    assert registry.find(kind, arn) == record

    registry.put(replace(record, **changes))
    assert registry.find(kind, arn) == replace(record, **changes)

    registry.remove(kind, arn)
    registry.remove(kind, arn)
    assert registry.find(kind, arn) is None


@pytest.mark.parametrize(("method", "arguments", "records"), PAGES)
def test_lists_are_in_order_and_go_on_after_a_record(registry, method, arguments, records):
    for record in (*records[3:], *records[:3]):
        registry.put(record)
    ask = getattr(registry, method)

    assert ask(*arguments) == records
    assert ask(*arguments, limit=2) == records[:2]
    assert ask(*arguments, limit=2, after=records[1].arn) == records[2:4]
    assert ask(*arguments, after=records[-1].arn) == []


@pytest.mark.parametrize(("method", "arguments", "records"), PAGES)
def test_a_list_goes_on_after_a_record_that_is_gone(registry, method, arguments, records):
    for record in records:
        registry.put(record)
    registry.remove(type(records[1]), records[1].arn)

    assert getattr(registry, method)(*arguments, after=records[1].arn) == records[2:]


def test_versions_and_aliases_are_those_of_one_state_machine(registry):
    other = f"{MACHINE_ARN}-2"
    for arn in (MACHINE_ARN, other):
        registry.put(version(state_machine_arn=arn))
        registry.put(alias(state_machine_arn=arn))

    assert registry.versions(other) == [version(state_machine_arn=other)]
    assert registry.aliases(MACHINE_ARN) == [alias()]
    assert registry.versions(f"{MACHINE_ARN}-3") == []


def test_tags_are_kept_as_a_whole(registry):
    assert registry.tags(MACHINE_ARN) == {}

    registry.set_tags(MACHINE_ARN, {"team": "a", "empty": ""})
    assert registry.tags(MACHINE_ARN) == {"team": "a", "empty": ""}

    registry.set_tags(MACHINE_ARN, {"stage": "prod"})
    assert registry.tags(MACHINE_ARN) == {"stage": "prod"}

    registry.set_tags(MACHINE_ARN, {})
    assert registry.tags(MACHINE_ARN) == {}


class Interrupted(Exception):
    pass


def test_a_transaction_that_fails_leaves_no_trace(registry):
    registry.put(version())
    registry.set_tags(MACHINE_ARN, {"before": "1"})

    with pytest.raises(Interrupted), registry.transaction():
        registry.put(state_machine())
        registry.remove(VersionRecord, version().arn)
        registry.set_tags(MACHINE_ARN, {"after": "2"})
        assert registry.find(StateMachineRecord, MACHINE_ARN)
        raise Interrupted

    assert registry.find(StateMachineRecord, MACHINE_ARN) is None
    assert registry.find(VersionRecord, version().arn) == version()
    assert registry.tags(MACHINE_ARN) == {"before": "1"}


def test_a_transaction_within_another_one_is_part_of_it(registry):
    with pytest.raises(Interrupted), registry.transaction():
        with registry.transaction():
            registry.put(state_machine())
        raise Interrupted

    assert registry.state_machines() == []

    with registry.transaction(), registry.transaction():
        registry.put(state_machine())

    assert registry.state_machines() == [state_machine()]


def count_up(registry, times):
    for _ in range(times):
        with registry.transaction():
            machine = registry.find(StateMachineRecord, MACHINE_ARN)
            registry.put(replace(machine, last_version=machine.last_version + 1))


def test_threads_do_not_come_between_what_one_reads_and_writes(registry):
    registry.put(state_machine())
    threads = [threading.Thread(target=count_up, args=(registry, 25)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert registry.find(StateMachineRecord, MACHINE_ARN).last_version == 100


# --- one file ---------------------------------------------------------------------------------------------------------


def test_a_file_outlives_its_registry(path):
    first = SqliteRegistry(path)
    first.put(state_machine())
    first.set_tags(MACHINE_ARN, {"team": "a"})
    first.close()

    second = SqliteRegistry(path)

    assert second.state_machines() == [state_machine()]
    assert second.tags(MACHINE_ARN) == {"team": "a"}
    second.close()


def test_registries_of_one_file_see_what_the_others_have_laid_down(path):
    writer, reader = SqliteRegistry(path), SqliteRegistry(path)

    with writer.transaction():
        writer.put(state_machine())
        assert reader.state_machines() == []
    assert reader.state_machines() == [state_machine()]

    writer.close()
    reader.close()


COUNT_UP = """
import sys
from pathlib import Path
from msgspec.structs import replace
from stepwell.adapters.stores.sqlite.registry import SqliteRegistry
from stepwell.engine.registry import StateMachineRecord

registry = SqliteRegistry(Path(sys.argv[1]))
for _ in range(25):
    with registry.transaction():
        machine = registry.find(StateMachineRecord, sys.argv[2])
        registry.put(replace(machine, last_version=machine.last_version + 1))
"""


def test_processes_do_not_come_between_what_one_reads_and_writes(path):
    registry = SqliteRegistry(path)
    registry.put(state_machine())
    others = [subprocess.Popen([sys.executable, "-c", COUNT_UP, path, MACHINE_ARN]) for _ in range(2)]
    count_up(registry, 25)

    assert [other.wait(60) for other in others] == [0, 0]
    assert registry.find(StateMachineRecord, MACHINE_ARN).last_version == 75
    registry.close()


def test_a_registry_that_is_closed_says_so(path):
    registry = SqliteRegistry(path)
    registry.close()

    with pytest.raises(StoreFailed, match="closed"):
        registry.state_machines()
