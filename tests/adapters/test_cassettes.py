"""Cassettes: what was recorded plays back the same run, whoever had given the answers, and shows no secret."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepwell.adapters.command.main import invoke
from stepwell.adapters.hosts.simulation import simulate
from stepwell.adapters.tasks.cassettes import (
    InvalidCassette,
    ReplayedTasks,
    calls_of,
    read_cassette,
    write_cassette,
)
from stepwell.definitions.failure import Failure
from stepwell.definitions.json_text import dumps
from stepwell.engine.ports import Pause, Started, Submitted, Succeeded
from stepwell.local import run
from stepwell.world import World
from support import (
    ACTIVITY,
    CALL,
    CALLBACK,
    catcher,
    fails,
    machine,
    map_,
    parallel,
    pass_,
    retrier,
    returns,
    scope,
    task,
)

JOB = "arn:aws:states:::glue:startJobRun.sync"
PUT = "arn:aws:states:::dynamodb:putItem"
ITEM = {"TableName": "T", "Item": {"id": {"S": "1"}}}


def answers(*requests):
    def perform(_task):
        yield from requests

    return perform


def recorded(definition, handler, given="{}"):
    """A run, and the calls that are on its cassette."""
    ran = simulate(definition, given, tasks=handler)
    return ran, calls_of(ran.history, "machine")


def replayed(definition, calls, given="{}", **about):
    return simulate(definition, given, tasks=ReplayedTasks(calls, **about), seed=b"another")


def told(ran):
    """What a history tells, but for when it was."""
    return [{name: value for name, value in row.items() if name != "timestamp"} for row in ran.history]


CALLED = {"FunctionName": "call", "Payload": {}}

PLAYS = {
    "a function's ARN": (task(), returns({"price": 1.5, "tags": ["ä", None]})),
    "a failure": (task(), fails("Own", '{"errorMessage":"no"}')),
    "an optimized integration": (task(PUT, Parameters=ITEM), returns({"ok": True})),
    "a retry": (task(Retry=[retrier("Busy", MaxAttempts=3)]), fails("Busy", "wait", times=2, then=7)),
    "a catch": (task(Catch=[catcher("States.ALL", next="T2")]), fails("Own", None)),
    "a job": (task(JOB, Parameters={"JobName": "j"}), answers(Submitted('{"Id":1}'), Pause(60), Succeeded('{"Ok":1}'))),
    "a callback": (task(CALLBACK, Parameters={}), answers(Submitted("{}"), Succeeded('"said"'))),
    "a callback that comes never": (task(CALLBACK, Parameters={}, TimeoutSeconds=5), answers(Submitted("{}"))),
    "an activity": (task(ACTIVITY), answers(Started("worker"), Succeeded("1"))),
    "an activity without a worker": (task(ACTIVITY, TimeoutSeconds=5), answers()),
    "a failure without a name": (task(PUT, Parameters=ITEM), answers(Failure(None, None))),
}


@pytest.mark.parametrize(("state", "handler"), PLAYS.values(), ids=PLAYS)
def test_a_run_is_played_back_as_it_was(state, handler):
    definition = machine(T=state, T2=pass_())
    ran, calls = recorded(definition, handler)

    assert told(replayed(definition, calls)) == told(ran)


def test_branches_and_iterations_get_their_own_answers():
    each = map_(
        scope(Twice=task(PUT, Parameters={"TableName": "T", "Item": {"n.$": "$"}})),
        ItemsPath="$.items",
        ResultPath="$.out",
    )
    sides = parallel(scope(L=task(f"{CALL}-left")), scope(R=task(f"{CALL}-right")))
    definition = machine(M=each, P=sides)

    def perform(asked):
        yield Pause(
            0 if asked.state != "Twice" else 10 - json.loads(asked.input)["Item"]["n"]
        )  # the last item is done first
        yield Succeeded(dumps({"answer": asked.input, "to": asked.state}))

    ran, calls = recorded(definition, perform, '{"items":[1,2,3,4]}')

    assert replayed(definition, calls[::-1], '{"items":[1,2,3,4]}').output == ran.output


def test_inputs_that_differ_from_run_to_run_get_the_answers_in_their_order():
    definition = machine(
        A=task(PUT, Parameters={"TableName": "T", "Item": {"at.$": "$$.Execution.StartTime"}}),
        B=task(PUT, Parameters=ITEM),
    )
    ran, calls = recorded(definition, fails("Busy", times=0, then={"done": 1}))

    again = simulate(definition, "{}", tasks=ReplayedTasks(calls), at=1_900_000_000_000)

    assert again.output == ran.output


def test_a_call_that_was_not_recorded_fails_and_says_so():
    _, calls = recorded(machine(A=task(), B=task()), returns(1))

    other = replayed(machine(C=task()), calls)
    once_more = replayed(machine(M=map_(scope(A=task()))), calls, "[1, 2]")

    assert (other.error, once_more.error) == ("Stepwell.NotRecorded", "Stepwell.NotRecorded")
    assert "The state 'C' calls" in other.cause
    assert "all its calls of it were played" in once_more.cause


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(JSON, JSON)
def test_whatever_was_answered_is_answered_again(tmp_path_factory, given_input, answer):
    definition, path = machine(T=task()), tmp_path_factory.getbasetemp() / "tape.json"
    ran, calls = recorded(definition, returns(answer), dumps(given_input))
    write_cassette(path, calls)

    assert replayed(definition, read_cassette(path), dumps(given_input)).output == ran.output


# --- secrets ----------------------------------------------------------------------------------------------------------


def test_secrets_are_not_on_the_cassette(tmp_path):
    secret = "s3cr3t"
    answer = {
        "SecretString": secret,
        "Credentials": {"AccessKeyId": "A", "SecretAccessKey": secret, "SessionToken": secret},
        "Headers": {"Set-Cookie": [secret], "authorization": [secret]},
        "Body": json.dumps({"access_token": secret}),
    }
    definition = machine(
        A=task(Parameters={"Password": secret, "Headers": {"Authorization": secret}}, ResultPath=None),
        B=task(Catch=[catcher("States.ALL", next="B2")]),
        B2=pass_(),
    )

    def perform(asked):
        yield Failure("Own", json.dumps({"password": secret})) if asked.state == "B" else Succeeded(dumps(answer))

    _, calls = recorded(definition, perform)
    write_cassette(tmp_path / "tape.json", calls)

    text = (tmp_path / "tape.json").read_text()
    assert secret not in text
    assert text.count("***") == 9
    assert replayed(definition, read_cassette(tmp_path / "tape.json")).status == "SUCCEEDED"


def test_more_is_taken_out_where_it_is_asked_for(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("m.asl.json").write_text(json.dumps(machine(T=task())))
    Path("own.py").write_text("def call(event): return {'card': {'number': event['card']['number']}, 'ok': True}\n")
    given = ["run", "m.asl.json", "-i", '{"card": {"number": "4242"}}', "--ephemeral", "--redact", "$.card.number"]

    assert invoke([*given, "--functions", "own.py", "--record", "tape.json"]) == 0
    assert "4242" not in Path("tape.json").read_text()
    capsys.readouterr()
    assert invoke([*given, "--replay", "tape.json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"card": {"number": "***"}, "ok": True}


# --- runs of the command, and on AWS ----------------------------------------------------------------------------------


def test_what_the_aws_cli_prints_of_an_execution_is_played(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    definition = machine(A=task(PUT, Parameters=ITEM), B=task(Retry=[retrier("Busy", IntervalSeconds=60)]))
    Path("m.asl.json").write_text(json.dumps(definition))
    ran, _ = recorded(definition, fails("Busy", times=0, then={"done": 1}))
    Path("history.json").write_text(json.dumps({"events": ran.history[::-1]}, default=str))

    assert invoke(["run", "m.asl.json", "--replay", "history.json", "--ephemeral"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(ran.output)


def test_nested_executions_run_again_and_find_their_own_answers(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    child = {"StateMachineArn": "arn:aws:states:us-east-1:123456789012:stateMachine:child"}
    start = task("arn:aws:states:::states:startExecution.sync:2", Parameters=child, OutputPath="$.Output")
    Path("child.asl.json").write_text(json.dumps(machine(Same=task())))
    Path("parent.asl.json").write_text(json.dumps(machine(Same=task(ResultPath=None), Start=start)))
    Path("stepwell.toml").write_text('[state_machines]\nchild = "child.asl.json"\n')
    Path("own.py").write_text("count = [0]\ndef call(event):\n    count[0] += 1\n    return count[0]\n")

    assert invoke(["run", "parent.asl.json", "--functions", "own.py", "--record", "tape.json"]) == 0
    assert capsys.readouterr().out == "2\n"
    machines = [call["stateMachine"] for call in json.loads(Path("tape.json").read_text())["calls"]]
    assert machines == ["parent", "child"]

    assert invoke(["run", "parent.asl.json", "--replay", "tape.json"]) == 0
    assert capsys.readouterr().out == "2\n"
    Path("child.asl.json").write_text(json.dumps(machine(New=pass_(Result="new"))))
    assert invoke(["run", "parent.asl.json", "--replay", "tape.json"]) == 0
    assert capsys.readouterr().out == '"new"\n'


def test_a_run_that_failed_is_recorded_too(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("m.asl.json").write_text(json.dumps(machine(T=task())))
    Path("own.py").write_text("def call(event): raise ValueError('no')\n")

    assert invoke(["run", "m.asl.json", "--functions", "own.py", "--record", "tape.json"]) == 1
    first = capsys.readouterr().err.partition(": ")[2].partition(": ")[2]
    assert invoke(["run", "m.asl.json", "--replay", "tape.json"]) == 1
    assert capsys.readouterr().err.partition(": ")[2].partition(": ")[2] == first


def test_functions_go_before_the_cassette(tmp_path):
    tape = tmp_path / "tape.json"
    definition = machine(A=task(), B=task(f"{CALL}-other"))
    run(definition, functions={"call": lambda _: 1, "call-other": lambda _: 2}, record=tape)

    with World(replay=tape) as world:
        assert run(definition, functions={"call": lambda _: 10}, world=world).output == 2
        assert run(machine(A=task()), functions={"call": lambda _: 10}, world=world).output == 10


ENTERED = {"id": 1, "previousEventId": 0, "type": "TaskStateEntered", "stateEnteredEventDetails": {"name": "A"}}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is no JSON"),
        ("[]", "is no cassette: expected is what --record has written"),
        ('{"stepwell": 2, "calls": []}', "is a cassette of another version, 2"),
        ('{"stepwell": 1, "calls": [{"state": "A"}]}', "calls[0]: Object missing required field `resource`"),
        (
            '{"stepwell": 1, "calls": [{"state": 1, "resource": "r", "input": 1}]}',
            "calls[0]: Expected `str`, got `int`",
        ),
        (
            '{"stepwell": 1, "calls": [{"state": "A", "resource": "r", "input": 1, "outptu": 1}]}',
            "there is no 'outptu'",
        ),
        ('{"events": [7]}', "events[0]: is no event of an execution"),
        (
            '{"events": [{"id": 1, "previousEventId": 0, "type": "TaskScheduled"}]}',
            "event 1 belongs to no state: events are missing before it",
        ),
        (
            json.dumps({"events": [ENTERED, {**ENTERED, "id": 2, "previousEventId": 1, "type": "TaskScheduled"}]}),
            "an event has no 'parameters': print the history with --include-execution-data",
        ),
    ],
)
def test_a_file_that_is_no_cassette_is_one_clear_line(tmp_path, text, said):
    (tmp_path / "tape.json").write_text(text)

    with pytest.raises(InvalidCassette, match=re.escape(said)):
        read_cassette(tmp_path / "tape.json")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--replay", "none.json"], "none.json: cannot be read: No such file or directory"),
        (["--record", "none/tape.json"], "--record: there is no directory"),
        (["--redact", "$.a"], "--redact is for cassettes"),
        (["--record", "tape.json", "--redact", "$["], "--redact[0]: '$[' is no JSONPath"),
    ],
)
def test_options_that_are_of_no_use_are_told_before_anything_runs(tmp_path, monkeypatch, capsys, given, said):
    monkeypatch.chdir(tmp_path)
    Path("m.asl.json").write_text(json.dumps(machine(P=pass_())))

    assert invoke(["run", "m.asl.json", *given]) == 2
    assert said in capsys.readouterr().err
    assert not Path(".stepwell").exists()
