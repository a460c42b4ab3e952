"""What a person watching sees of an execution, and where in it each event belongs; without a terminal."""

import json
from itertools import count

import pytest

from stepwell.adapters.command.tree import Mark, Row, Tree
from stepwell.adapters.hosts.simulation import Simulation
from stepwell.adapters.whereabouts import Whereabouts
from stepwell.definitions.check import parse
from stepwell.definitions.failure import Failure
from stepwell.engine import arns
from stepwell.engine.execution import AwaitingTask, AwaitingTimer
from stepwell.engine.operations.executions import redrive_execution
from stepwell.engine.ports import Succeeded
from stepwell.engine.program import compile_program

FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:f"


def task(**fields) -> dict:
    return {"Type": "Task", "Resource": FUNCTION, "End": True, **fields}


def wait(seconds: int = 1, **fields) -> dict:
    return {"Type": "Wait", "Seconds": seconds, **(fields or {"End": True})}


def scope(start: str, **states) -> dict:
    return {"StartAt": start, "States": {name.replace("_", " "): state for name, state in states.items()}}


def parallel(*branches, **fields) -> dict:
    return {"Type": "Parallel", "Branches": list(branches), "End": True, **fields}


def each(processor: dict, **fields) -> dict:
    return {"Type": "Map", "ItemProcessor": processor, "End": True, **fields}


def watched(definition: dict, given="{}", *, fails=(), until: int | None = None, check=None) -> Tree:
    """The tree of a simulated execution. The calls of tasks whose numbers (from 0) are in `fails` fail."""
    numbers = count()
    tree = Tree({"Stop": "Out: of stock"})

    def tasks(invoked):
        yield Failure("Boom", f"call {number}") if (number := next(numbers)) in fails else Succeeded("1")

    def observe(execution, step):
        tree.take(step.history, step.effects)
        if check:
            check(execution, step)

    host = Simulation(tasks, observe=observe)
    text = given if isinstance(given, str) else json.dumps(given)
    host.start(compile_program(parse(definition)), input=text, machine_arn=arns.state_machine_arn("m"))
    host.work(until=None if until is None else host.clock.now() + until * 1000)
    return tree


def row(tree: Tree, name: str, *path: int) -> Row:
    line = tree.root
    for index in path:
        assert line.current is not None and line.current.children is not None
        line = line.current.children.lines[index]
    return line.rows[name]


# --- rows -------------------------------------------------------------------------------------------------------------


def test_states_stand_in_the_order_in_which_they_were_entered():
    tree = watched(scope("A", A={"Type": "Pass", "Next": "B"}, B=wait(5)))

    assert list(tree.root.rows) == ["A", "B"]
    assert row(tree, "B").mark is Mark.DONE
    assert row(tree, "B").spent == 5000


def test_a_loop_counts_its_rounds_on_its_rows():
    enough = {"Variable": "$.n", "NumericEquals": 99, "Next": "Done"}

    tree = watched(
        scope(
            "Check",
            Check={"Type": "Choice", "Choices": [enough], "Default": "Add"},
            Add={"Type": "Pass", "Parameters": {"n.$": "States.MathAdd($.n, 1)"}, "Next": "Check"},
            Done={"Type": "Succeed"},
        ),
        {"n": 0},
    )  # fmt: skip

    assert {name: row.visits for name, row in tree.root.rows.items()} == {"Check": 100, "Add": 99, "Done": 1}


def test_a_wait_knows_when_it_ends():
    tree = watched(scope("A", A=wait(60)), until=10)

    assert row(tree, "A").mark is Mark.WAITING
    assert row(tree, "A").due - row(tree, "A").entered_at == 60_000


def test_a_retry_tells_the_error_and_the_delay():
    retry = [{"ErrorEquals": ["Boom"], "IntervalSeconds": 2}]
    definition = scope("A", A=task(Retry=retry))

    tree = watched(definition, fails={0, 1}, until=3)
    assert row(tree, "A").mark is Mark.RETRYING
    assert row(tree, "A").notes == ["Boom: call 0 · again in 2 s", "Boom: call 1 · again in 4 s"]

    tree = watched(definition, fails={0, 1})
    assert (row(tree, "A").mark, row(tree, "A").attempts, row(tree, "A").error) == (Mark.DONE, 3, "")


def test_of_many_retries_the_latest_are_kept():
    tree = watched(scope("A", A=task(Retry=[{"ErrorEquals": ["Boom"], "MaxAttempts": 9}])), fails=range(9))

    assert row(tree, "A").notes_left_out == 6
    assert [note[:12] for note in row(tree, "A").notes] == ["Boom: call 6", "Boom: call 7", "Boom: call 8"]


def test_an_error_that_was_caught_is_told_apart_from_one_that_was_not():
    caught = scope("A", A=task(Catch=[{"ErrorEquals": ["Boom"], "Next": "B"}]), B=wait(1))

    assert row(watched(caught, fails={0}), "A").mark is Mark.CAUGHT
    assert row(watched(scope("A", A=task()), fails={0}), "A").mark is Mark.FAILED


def test_a_fail_state_tells_its_failure():
    stop = {"Type": "Fail", "Error": "Out", "Cause": "of stock"}

    tree = watched(scope("P", P=parallel(scope("A", A=wait(1, Next="Stop"), Stop=stop), scope("W", W=wait(9)))))

    assert row(tree, "P").mark is Mark.FAILED
    assert (row(tree, "Stop", 0).mark, row(tree, "Stop", 0).error) == (Mark.FAILED, "Out: of stock")
    assert row(tree, "W", 1).mark is Mark.ABORTED


def test_a_runtime_error_is_told_at_the_state_it_names():
    tree = watched(scope("P", P=parallel(scope("A", A={"Type": "Pass", "InputPath": "$.no", "End": True}))))

    assert row(tree, "A", 0).mark is Mark.FAILED
    assert "$.no" in row(tree, "A", 0).error


def test_a_task_that_waits_for_its_token_says_so():
    callback = "arn:aws:states:::aws-sdk:sqs:sendMessage.waitForTaskToken"
    tree = Tree()

    def tasks(invoked):
        from stepwell.engine.ports import Submitted

        yield Submitted("{}")

    host = Simulation(tasks, observe=lambda execution, step: tree.take(step.history, step.effects))
    definition = scope("A", A=task(Resource=callback, Parameters={"QueueUrl": "q", "MessageBody.$": "$$.Task.Token"}))
    host.start(compile_program(parse(definition)), machine_arn=arns.state_machine_arn("m"))
    host.work(until=host.clock.now() + 1000)

    assert row(tree, "A").awaits == "its token"


# --- children ---------------------------------------------------------------------------------------------------------


def test_few_children_are_kept_and_many_are_a_number():
    definition = scope("M", M=each(scope("A", A=wait(1))))

    few = row(watched(definition, [1, 2, 3]), "M").children
    assert (few.done, sorted(few.lines)) == (3, [0, 1, 2])

    many = row(watched(definition, list(range(2000))), "M").children
    assert (many.done, many.running, many.lines) == (2000, 0, {})


def test_of_many_children_the_ones_that_run_and_the_one_that_failed_are_kept():
    definition = scope("M", M=each(scope("A", A=wait(1, Next="B"), B=task()), MaxConcurrency=5))

    running = row(watched(definition, list(range(50)), until=3), "M").children
    assert (running.done, running.running) == (15, 5)
    assert sorted(running.lines) == [15, 16, 17, 18, 19]

    failed = row(watched(definition, list(range(50)), fails={7}), "M").children
    assert failed.failed == 1
    assert {index: line.has_failed for index, line in failed.lines.items()} == {7: True}


def test_branches_are_counted_by_their_last_states():
    definition = scope("P", P=parallel(scope("A", A=wait(1)), scope("B", B=wait(5))))

    assert row(watched(definition, until=2), "P").children.finished == 1
    assert row(watched(definition), "P").children.finished == 2


def test_a_container_that_is_tried_again_begins_anew():
    definition = scope("P", P=parallel(scope("A", A=task()), scope("B", B=task()), Retry=[{"ErrorEquals": ["Boom"]}]))

    tree = watched(definition, fails={1})

    assert (row(tree, "P").attempts, row(tree, "P").mark) == (2, Mark.DONE)
    assert row(tree, "P").notes == ["Boom: call 1 · again in 1 s"]
    assert row(tree, "P").children.finished == 2


# --- whereabouts ------------------------------------------------------------------------------------------------------

DEEP = scope(
    "Outer",
    Outer=parallel(
        scope("Left", Left=wait(2, Next="Left 2"), **{"Left 2": task(Retry=[{"ErrorEquals": ["Boom"]}])}),
        scope(
            "Middle",
            Middle=each(
                scope(
                    "Fork", Fork=parallel(scope("X", X=wait(1)), scope("Y", Y=wait(2, Next="Y 2"), **{"Y 2": task()}))
                ),
                ItemsPath="$.items",
                MaxConcurrency=2,
                Retry=[{"ErrorEquals": ["Boom"], "MaxAttempts": 9}],
            ),
        ),
        Retry=[{"ErrorEquals": ["Boom"]}],
        Next="After",
        End=False,
    ),
    After=wait(1),
)
del DEEP["States"]["Outer"]["End"]


@pytest.mark.parametrize("fails", [(), {0}, {1}, {2, 3}, {0, 1, 4, 5}, set(range(8))], ids=str)
def test_every_line_of_control_is_where_the_engine_has_it(fails):
    whereabouts = Whereabouts()
    rests = 0

    def check(execution, step):
        nonlocal rests
        for event in step.history:
            whereabouts.path_of(event)
        for path, frame in execution.frames.items():
            has_gone_on = frame.previous > step.history[-1].id
            if isinstance(frame.rest, AwaitingTask | AwaitingTimer) and not has_gone_on:
                rests += 1
                assert whereabouts.path_of_id(frame.previous) == path

    tree = watched(DEEP, {"items": [1, 2, 3, 4, 5]}, fails=fails, check=check)

    assert rests > 20
    assert row(tree, "After").mark is Mark.DONE


def then(following: str, state: dict) -> dict:
    return {**{name: value for name, value in state.items() if name != "End"}, "Next": following}


STOPS = scope(
    "P",
    P=parallel(
        scope("T", T=then("U", task()), U=task()),
        scope("M", M=each(scope("I", I=then("J", task()), J=wait(3)), ItemsPath="$.items", MaxConcurrency=2)),
        scope("W", W=wait(5)),
    ),
)


@pytest.mark.parametrize("fails", [{0}, {1}, {2}, {3}, {4}], ids=str)
def test_after_a_redrive_every_line_of_control_is_where_the_engine_has_it(fails):
    numbers, whereabouts, tree = count(), Whereabouts(), Tree()
    rests = redriven = 0

    def tasks(invoked):
        yield Failure("Boom") if next(numbers) in fails else Succeeded("1")

    def observe(execution, step):
        nonlocal rests, redriven
        tree.take(step.history, step.effects)
        for event in step.history:
            whereabouts.path_of(event)
            redriven = event.id if event.type == "ExecutionRedriven" else redriven
        for path, frame in execution.frames.items():
            if isinstance(frame.rest, AwaitingTask | AwaitingTimer) and redriven < frame.previous <= event.id:
                rests += bool(redriven)
                assert whereabouts.path_of_id(frame.previous) == path

    host = Simulation(tasks, observe=observe, compile=lambda definition, kind: program)
    program = compile_program(parse(STOPS))
    execution = host.start(program, input='{"items": [1, 2, 3]}', machine_arn=arns.state_machine_arn("m"))
    host.work()
    assert execution.status == "FAILED"
    assert row(tree, "P").mark is Mark.FAILED

    redrive_execution(host.worker, host.store, execution.arn, host.clock.now(), lambda change: None)
    host.work()

    assert host.store.describe(execution.arn).status == "SUCCEEDED"
    assert rests >= 2
    assert row(tree, "P").mark is Mark.DONE
    assert row(tree, "P").children.finished == 3
    assert row(tree, "M", 1).children.finished == 3


def test_what_is_torn_down_with_a_parallel_is_told_by_its_iterations():
    definition = scope(
        "P",
        P=parallel(
            scope("F", F=wait(1, Next="G"), G=task()), scope("M", M=each(scope("W", W=wait(9)), ItemsPath="$.x"))
        ),
    )
    whereabouts, places = Whereabouts(), []

    def check(execution, step):
        places.extend((event.type, whereabouts.path_of(event)) for event in step.history)

    watched(definition, {"x": [1, 2]}, fails={0}, check=check)

    torn_down = places[places.index(("LambdaFunctionFailed", "/0")) + 1 :]
    assert torn_down == [
        ("TaskStateAborted", ""),
        ("MapIterationAborted", "/1/0"),
        ("WaitStateAborted", "/1/0"),
        ("MapIterationAborted", "/1/1"),
        ("WaitStateAborted", "/1/1"),
        ("MapStateAborted", "/1"),
        ("ParallelStateFailed", ""),
        ("ExecutionFailed", ""),
    ]
