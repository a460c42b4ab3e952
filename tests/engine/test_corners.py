"""Corners that a careful reader once found open."""

import pytest

from support import (
    CALL,
    CALLBACK,
    catcher,
    choice,
    fail,
    machine,
    map_,
    parallel,
    pass_,
    retrier,
    run,
    scope,
    succeed,
    takes,
    task,
    wait,
)


def test_a_state_that_was_never_entered_is_not_aborted():
    ran = run(machine(Both=parallel(scope(A=pass_(), Next=task()), scope(Bad=fail("E")))))

    assert ran.links[3:] == [
        "4<3 PassStateEntered",
        "5<4 PassStateExited",
        "6<3 FailStateEntered",
        "7<6 ParallelStateFailed",
        "8<7 ExecutionFailed",
    ]


def test_items_that_are_not_there_are_a_conflict_that_can_be_caught():
    each = map_(scope(One=pass_()), ItemsPath="$.a.items", Catch=[catcher("States.ALL", next="Caught")])

    ran = run(machine(Each=each, Caught=pass_()), {"a": {"b": 1}})

    assert ran.output == {
        "Error": "States.ReferencePathConflict",
        "Cause": "An error occurred while executing the state 'Each' (entered at the event id #2). "
        'Unable to apply step "items" to input {"b":1}',
    }
    assert "MapStateFailed" in ran.types


@pytest.mark.parametrize(("resource", "status"), [(CALL, "SUCCEEDED"), (CALLBACK, "FAILED")])
def test_only_a_task_that_can_send_heartbeats_misses_them(resource, status):
    ran = run(machine(Ask=task(resource, HeartbeatSeconds=3)), behaviour=takes(5, "done"))

    assert ran.status == status


@pytest.mark.parametrize(
    "state",
    [
        map_(scope(A=pass_()), ItemsPath="$.i", ItemSelector={"a.$": "States.Array($.x, $.x, $.x)"}),
        parallel(scope(A=pass_(OutputPath=None)), Parameters={"a.$": "States.Array($.x, $.x, $.x)"}),
    ],
    ids=["iteration", "branch"],
)
def test_what_a_child_gets_is_limited_too(state):
    ran = run(machine(Big=state), {"x": "y" * 100_000, "i": [1]})

    assert ran.error == "States.DataLimitExceeded"


def test_a_container_whose_result_is_too_large_has_one_ending_and_can_catch_it():
    each = map_(scope(A=pass_(Result="x" * 200_000)), Catch=[catcher("States.DataLimitExceeded", next="Caught")])

    ran = run(machine(Each=each, Caught=succeed()), [1, 2])

    assert ran.status == "SUCCEEDED"
    assert "MapStateSucceeded" not in ran.types
    assert "MapStateFailed" in ran.types


@pytest.mark.parametrize(
    ("given", "status"), [("2", "SUCCEEDED"), ("two", "FAILED"), (2**31, "FAILED"), (1.5, "FAILED")]
)
def test_a_concurrency_that_is_read(given, status):
    each = map_(scope(A=pass_()), ItemsPath="$.i", MaxConcurrencyPath="$.c")

    assert run(machine(Each=each), {"i": [1], "c": given}).status == status


def test_timestamps_have_ascii_digits():
    assert run(machine(Pause=wait(TimestampPath="$.at")), {"at": "٢٠26-01-01T00:00:00Z"}).error == "States.Runtime"


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        ("log-*.txt", "log-1.txt", True),
        ("log-*.txt", "log-.txt", True),
        ("log-*.txt", "log.txt", False),
        ("*a*b", "xxaxxb", True),
        ("*a*b", "xxbxxa", False),
        ("aba*aba", "aba", False),
        ("aba*aba", "abaaba", True),
        (r"a\*b", "a*b", True),
        (r"a\*b", "axb", False),
        (r"a\\*", "a\\x", True),
        ("*", "", True),
        ("", "", True),
        ("**", "x", True),
        ("*", 5, False),
    ],
)
def test_stars_match_any_characters(pattern, text, matches):
    which = choice({"Variable": "$.v", "StringMatches": pattern, "Next": "Yes"}, Default="No")

    ran = run(machine(Which=which, Yes=succeed(), No=succeed()), {"v": text})

    assert (ran.details("SucceedStateEntered")["name"] == "Yes") is matches


def test_many_stars_end():
    """A regular expression would try all ways, and be at it still."""
    which = choice({"Variable": "$.v", "StringMatches": "*a" * 50 + "b", "Next": "No"}, Default="Yes")

    assert run(machine(Which=which, Yes=succeed(), No=succeed()), {"v": "a" * 100_000}).status == "SUCCEEDED"


def test_numbers_are_compared_as_doubles():
    which = choice({"Variable": "$.v", "NumericEquals": 2**53 + 1, "Next": "Yes"}, Default="No")

    ran = run(machine(Which=which, Yes=succeed(), No=succeed()), {"v": 2**53})

    assert ran.details("SucceedStateEntered")["name"] == "Yes"


def test_a_value_that_grows_too_deep_fails_the_execution_in_words():
    again = choice({"Variable": "$.end", "IsPresent": True, "Next": "End"}, Default="Wrap")
    loop = machine(Wrap=pass_(Parameters={"a.$": "$"}), Again=again, End=succeed())

    ran = run(loop)

    assert ran.error == "States.Runtime"
    assert "levels" in ran.cause or "nested" in ran.cause


def test_a_role_that_is_no_text_fails_the_execution():
    assert run(machine(Ask=task(Credentials={"RoleArn.$": "$.r"})), {"r": 5}).error == "States.Runtime"


def test_a_container_is_retried_when_its_time_has_come_and_not_before():
    both = parallel(scope(Bad=fail("Boom")), Retry=[retrier("Boom", IntervalSeconds=10, MaxAttempts=2)])

    assert run(machine(Both=both)).clock == 30


def test_a_variable_that_grows_too_deep_fails_the_execution_in_words():
    again = choice({"Variable": "$.end", "IsPresent": True, "Next": "End"}, Default="Wrap")
    definition = machine(
        Begin=pass_(Assign={"v": 1}), Wrap=pass_(Assign={"v": {"a.$": "$v"}}), Again=again, End=succeed()
    )

    ran = run(definition)

    assert ran.error == "States.Runtime"
    assert ran.types[-2:] == ["PassStateEntered", "ExecutionFailed"]


def test_of_children_of_which_one_gets_too_much_none_is_made():
    each = map_(
        scope(A=pass_()),
        ItemsPath="$.i",
        ItemSelector={"v.$": "States.Array($$.Map.Item.Value, $$.Map.Item.Value)"},
        Catch=[catcher("States.DataLimitExceeded", next="Caught")],
    )

    ran = run(machine(Each=each, Caught=pass_(Result="caught")), {"i": ["small", "x" * 140_000]})

    assert ran.output == "caught"
    assert "MapIterationStarted" not in ran.types
