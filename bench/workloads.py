"""What is measured: state machines as functions of a size, and what is asked of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Definition = dict[str, Any]

ECHO = "arn:aws:lambda:us-east-1:123456789012:function:echo"
"""The function of every task here but two: it returns what it is given."""

PRICE, CHARGE = (ECHO.replace("echo", name) for name in ("price", "charge"))
"""The functions of an order: they add a price, and say that it is paid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A state machine of one size, with an input and the output it must give (None: not compared)."""

    definition: Definition
    input: Any
    output: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What must be reached: so many times faster than the other side, or at most so much a unit (seconds or bytes)."""

    times: float | None = None
    at_most_per_unit: float | None = None
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """Executions of one state machine, from their start to their end."""

    name: str
    title: str
    build: Callable[[int], Case]
    size: int
    unit: str
    """What the size counts; a figure is also given for one of them."""
    host: Literal["local", "simulation"] = "local"
    executions: int = 1
    at_once: bool = False
    """Whether all executions are started before the first has ended."""
    express: bool = False
    moto_size: int | None = None
    """The size that moto gets, where it is slow; figures are scaled by the unit. None: the same."""
    moto_executions: int | None = None
    moto_reason: str = ""
    """Why moto is left out."""
    moto_note: str = ""
    targets: tuple[Target, ...] = ()


# --- state machines -------------------------------------------------------------------------------------------------


def _in_a_row(state: Mapping[str, Any], length: int) -> Definition:
    states: dict[str, Any] = {}
    for number in range(length):
        following = {"End": True} if number + 1 == length else {"Next": f"Step {number + 1}"}
        states[f"Step {number}"] = {**state, **following}
    return {"StartAt": "Step 0", "States": states}


def chain(length: int) -> Case:
    """Pass states in a row."""
    order = {"orderId": 7, "customer": "Ada"}
    return Case(definition=_in_a_row({"Type": "Pass"}, length), input=order, output=order)


def loop(rounds: int) -> Case:
    """A Choice that goes back to a Pass that counts: two states and one intrinsic function a round."""
    return Case(
        definition={
            "StartAt": "Done?",
            "States": {
                "Done?": {
                    "Type": "Choice",
                    "Choices": [{"Variable": "$.count", "NumericLessThan": rounds, "Next": "Count"}],
                    "Default": "Done",
                },
                "Count": {
                    "Type": "Pass",
                    "Parameters": {"count.$": "States.MathAdd($.count, 1)"},
                    "Next": "Done?",
                },
                "Done": {"Type": "Succeed"},
            },
        },
        input={"count": 0},
        output={"count": rounds},
    )


def jsonata_loop(rounds: int) -> Case:
    """The same loop in JSONata: two expressions a round."""
    return Case(
        definition={
            "QueryLanguage": "JSONata",
            "StartAt": "Done?",
            "States": {
                "Done?": {
                    "Type": "Choice",
                    "Choices": [{"Condition": f"{{% $states.input.count < {rounds} %}}", "Next": "Count"}],
                    "Default": "Done",
                },
                "Count": {"Type": "Pass", "Output": {"count": "{% $states.input.count + 1 %}"}, "Next": "Done?"},
                "Done": {"Type": "Succeed"},
            },
        },
        input={"count": 0},
        output={"count": rounds},
    )


def map_over(length: int) -> Case:
    """A Map with one Pass state for each item."""
    items = list(range(length))
    return Case(
        definition={
            "StartAt": "Each",
            "States": {
                "Each": {
                    "Type": "Map",
                    "ItemProcessor": {"StartAt": "Keep", "States": {"Keep": {"Type": "Pass", "End": True}}},
                    "End": True,
                }
            },
        },
        input=items,
        output=items,
    )


def parallel(branches: int) -> Case:
    """A Parallel state whose branches are five Pass states each."""
    scopes = []
    for branch in range(branches):
        states = {
            f"Step {branch}.{number}": {
                "Type": "Pass",
                **({"End": True} if number == 4 else {"Next": f"Step {branch}.{number + 1}"}),
            }
            for number in range(5)
        }
        scopes.append({"StartAt": f"Step {branch}.0", "States": states})
    return Case(
        definition={"StartAt": "All", "States": {"All": {"Type": "Parallel", "Branches": scopes, "End": True}}},
        input={"orderId": 7},
        output=[{"orderId": 7}] * branches,
    )


def tasks(length: int) -> Case:
    """Task states in a row, each calling the echo function by its ARN."""
    return Case(definition=_in_a_row({"Type": "Task", "Resource": ECHO}, length), input={"orderId": 7})


def order(lines: int) -> Case:
    """Five states of four kinds: a Pass, a Task, a Choice, another Task, a Succeed."""
    return Case(
        definition={
            "StartAt": "Accept",
            "States": {
                "Accept": {"Type": "Pass", "Result": True, "ResultPath": "$.isAccepted", "Next": "Price"},
                "Price": {"Type": "Task", "Resource": PRICE, "ResultPath": "$.price", "Next": "Costs anything?"},
                "Costs anything?": {
                    "Type": "Choice",
                    "Choices": [{"Variable": "$.price", "NumericGreaterThan": 0, "Next": "Charge"}],
                    "Default": "Done",
                },
                "Charge": {"Type": "Task", "Resource": CHARGE, "ResultPath": "$.isPaid", "Next": "Done"},
                "Done": {"Type": "Succeed"},
            },
        },
        input={"orderId": 7, "lines": lines},
        output={"orderId": 7, "lines": lines, "isAccepted": True, "price": 3 * lines, "isPaid": True},
    )


def waiting(seconds: int) -> Case:
    """An execution that waits."""
    return Case(
        definition={"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": seconds, "End": True}}},
        input={"orderId": 7, "customer": "Ada"},
    )


# --- what is asked --------------------------------------------------------------------------------------------------

CANNED = "moto's Lambda runs no code without Docker: its tasks get a canned answer"

WORKLOADS = (
    Workload(
        name="chain-100",
        title="Chain of 100 Pass states",
        build=chain,
        size=100,
        unit="state",
        executions=10,
        moto_executions=2,
        targets=(Target(at_most_per_unit=10e-6, text="100,000 states/s"),),
    ),
    Workload(
        name="chain-1000",
        title="Chain of 1,000 Pass states",
        build=chain,
        size=1_000,
        unit="state",
        targets=(
            Target(at_most_per_unit=10e-6, text="100,000 states/s"),
            Target(times=50, text="50x moto"),
        ),
    ),
    Workload(
        name="loop-1000",
        title="Choice loop, 1,000 rounds",
        build=loop,
        size=1_000,
        unit="round",
        moto_size=200,
        targets=(Target(times=50, text="50x moto"),),
    ),
    Workload(
        name="jsonata-loop-1000",
        title="Choice loop in JSONata, 1,000 rounds",
        build=jsonata_loop,
        size=1_000,
        unit="round",
        moto_reason="evaluates JSONata with a Java machine only",
        targets=(Target(at_most_per_unit=60e-6, text="60 ms"),),
    ),
    Workload(
        name="map-1000",
        title="Map over 1,000 items",
        build=map_over,
        size=1_000,
        unit="item",
        targets=(Target(times=30, text="30x moto"),),
    ),
    Workload(
        name="map-10000",
        title="Map over 10,000 items (Express)",
        build=map_over,
        size=10_000,
        unit="item",
        express=True,
        moto_size=2_000,
        targets=(
            Target(at_most_per_unit=3 / 10_000, text="seconds"),
            Target(times=30, text="30x moto"),
        ),
    ),
    Workload(
        name="parallel-10x5",
        title="Parallel 10x5",
        build=parallel,
        size=10,
        unit="branch",
        executions=10,
        moto_executions=2,
    ),
    Workload(
        name="tasks-200",
        title="200 tasks in a row, on threads",
        build=tasks,
        size=200,
        unit="task",
        moto_size=20,
        moto_note=CANNED,
    ),
    Workload(
        name="tasks-200-inline",
        title="200 tasks in a row, inline",
        build=tasks,
        size=200,
        unit="task",
        host="simulation",
        moto_reason="as above",
    ),
    Workload(
        name="at-once-500",
        title="500 executions at once",
        build=chain,
        size=5,
        unit="execution",
        executions=500,
        at_once=True,
        moto_executions=100,
    ),
    Workload(
        name="one-state",
        title="One state, start to end",
        build=chain,
        size=1,
        unit="execution",
        executions=200,
        moto_executions=20,
    ),
    Workload(
        name="one-state-inline",
        title="One state, in the simulation",
        build=chain,
        size=1,
        unit="execution",
        host="simulation",
        executions=200,
        moto_reason="as above",
    ),
)

DURABLE = (
    Workload(
        name="durable-5-pass",
        title="5 Pass states",
        build=chain,
        size=5,
        unit="execution",
        executions=2_000,
        at_once=True,
        targets=(
            Target(at_most_per_unit=1 / 2_000, text="2,000/s"),
            Target(times=50, text="50x DBOS"),
        ),
    ),
    Workload(
        name="durable-5-states",
        title="Pass, Task, Choice, Task, Succeed",
        build=order,
        size=5,
        unit="execution",
        executions=2_000,
        at_once=True,
        targets=(
            Target(at_most_per_unit=1 / 2_000, text="2,000/s"),
            Target(times=50, text="50x DBOS"),
        ),
    ),
    Workload(
        name="durable-5-tasks",
        title="5 Tasks in a row",
        build=tasks,
        size=5,
        unit="execution",
        executions=2_000,
        at_once=True,
    ),
)
"""Executions on disk, side by side; beside them DBOS runs its workflow of five steps."""


def units(workload: Workload, size: int, executions: int) -> int:
    """How many units a sample covers: executions where there are several, else what the size counts."""
    return executions if workload.unit == "execution" else size * executions
