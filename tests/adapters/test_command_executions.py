"""Which execution is meant by what is given on the command line."""

from pathlib import Path

import pytest

from commands import in_a_row, kept, left_behind
from stepwell.adapters.command.executions import find
from stepwell.adapters.command.output import CannotBeDone
from stepwell.engine import tokens

OK = in_a_row(Ok={"Type": "Pass"})


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def found(folder: Path, wanted: str) -> str:
    return find(kept(folder), wanted).name


@pytest.mark.parametrize(
    "wanted", ["morning-run", "morn", "arn:aws:states:us-east-1:123456789012:execution:job:morning-run"]
)
def test_an_execution_is_found_by_name_by_its_beginning_and_by_arn(folder, wanted):
    left_behind(folder, OK, name="morning-run")
    left_behind(folder, OK, name="evening-run")

    assert found(folder, wanted) == "morning-run"


def test_a_name_counts_before_the_beginning_of_another(folder):
    left_behind(folder, OK, name="night")
    left_behind(folder, OK, name="nightly")

    assert found(folder, "night") == "night"


def test_a_name_that_two_machines_use_is_asked_back_with_the_arns(folder):
    for machine in ("orders", "refunds"):
        left_behind(folder, OK, machine=machine)

    with pytest.raises(CannotBeDone) as refusal:
        found(folder, "one")

    assert refusal.value.message == (
        "'one' is not one execution; name it by its ARN: "
        "arn:aws:states:us-east-1:123456789012:execution:refunds:one, "
        "arn:aws:states:us-east-1:123456789012:execution:orders:one"
    )


def test_of_many_only_some_are_named(folder):
    for number in range(8):
        left_behind(folder, OK, name=f"order-{number}")

    with pytest.raises(CannotBeDone, match=r"and 3 more$"):
        found(folder, "order")


@pytest.mark.parametrize(
    "wanted", ["nothing", "one-and-a-half", "on", "o*e", "one[", "job", "", "\udcff\udcff\udcff\udcff"]
)
def test_what_is_not_there_is_said_with_what_to_do(folder, wanted):
    left_behind(folder, OK)

    with pytest.raises(CannotBeDone, match=r"`stepwell list` shows those in \S+\.stepwell$"):
        found(folder, wanted)


@pytest.mark.parametrize("name", ["größe-7", "注文-" * 20, ".", "..", "CON", "a" * 80, "🚚"])
def test_names_of_any_kind_are_found(folder, name):
    left_behind(folder, OK, name=name)

    assert found(folder, name) == name


def test_the_last_is_the_newest_that_nobody_has_started(folder):
    left_behind(folder, OK, name="older")
    parent = left_behind(folder, OK, name="parent")
    left_behind(folder, OK, name="child", started_by=tokens.mint(parent.arn, "", "1"))

    assert found(folder, "@last") == "parent"


def test_what_was_pruned_leaves_nothing(folder):
    from stepwell.adapters.command.main import invoke

    left_behind(folder, OK, seconds=1)
    assert invoke(["prune", "--keep", "0"]) == 0

    with pytest.raises(CannotBeDone, match="holds no executions yet"):
        found(folder, "@last")
