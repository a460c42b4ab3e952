"""Cassettes: what was recorded plays back the same run, whoever had given the answers, and shows no secret."""

import json
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from commands import left_behind
from stepwell.adapters.command.main import invoke
from stepwell.adapters.command.settings import Settings
from stepwell.adapters.hosts.simulation import simulate
from stepwell.adapters.stores.sqlite import FILE, SqliteStore
from stepwell.adapters.tasks.cassettes import (
    InvalidCassette,
    ReplayedTasks,
    calls_of,
    read_cassette,
    write_cassette,
)
from stepwell.definitions.failure import Failure
from stepwell.definitions.json_text import dumps
from stepwell.engine.history import render
from stepwell.engine.ports import Pause, Started, Submitted, Succeeded
from stepwell.local import run
from stepwell.world import World
from stepwise import Play
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


def answers_what_was_asked(asked):
    yield Succeeded(dumps(asked.input))


def answers_number(asked):
    yield Succeeded(dumps(json.loads(asked.input)["n"]))


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
    assert "it was recorded once only" in once_more.cause


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


def test_values_of_other_types_are_other_inputs():
    definition = machine(M=map_(scope(A=task()), ItemsPath="$.items", MaxConcurrency=1))
    _, calls = recorded(definition, answers_what_was_asked, '{"items":[true,1,"1",null]}')

    assert json.loads(replayed(definition, calls, '{"items":[1,null,true,"1"]}').output) == ["1", "null", "true", '"1"']


def test_what_was_taken_out_of_an_input_is_the_same_as_anything():
    definition = machine(M=map_(scope(A=task()), ItemsPath="$.items", MaxConcurrency=1))
    items = [{"n": n, "password": f"p{n}", "body": json.dumps({"token_of": n, "api_key": "k"})} for n in (1, 2)]
    ran, calls = recorded(definition, answers_number, json.dumps({"items": items}))

    turned = replayed(definition, calls, json.dumps({"items": items[::-1]}))

    assert (json.loads(ran.output), json.loads(turned.output)) == ([1, 2], [2, 1])


def test_the_cassette_of_another_machine_is_left_to_who_comes_after():
    _, calls = recorded(machine(A=task()), returns(1))
    calls[0].state_machine = "other"

    assert replayed(machine(A=task()), calls, beside=returns("beside")).output == '"beside"'


def test_a_cause_that_is_empty_is_not_none():
    _, calls = recorded(machine(A=task()), fails("Own", ""))

    assert replayed(machine(A=task()), calls).cause == ""


def test_many_threads_share_a_cassette():
    _, calls = recorded(machine(M=map_(scope(A=task()))), answers_what_was_asked, json.dumps(list(range(200))))
    tasks = ReplayedTasks(calls)

    def ran(number):
        return simulate(machine(A=task()), str(number), tasks=tasks, seed=str(number).encode()).output

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(ran, range(200))) == [json.dumps(str(number)) for number in range(200)]


# --- executions that go on ------------------------------------------------------------------------------------------


def once_open_then(failing):
    """Branches that do not answer at first, but for the one that fails."""
    asked = Counter()

    def perform(task_):
        asked[task_.state] += 1
        if asked[task_.state] > 1:
            yield Succeeded(dumps(task_.state))
        elif task_.state == failing:
            yield Failure("Boom", None)

    return perform


def test_what_a_redrive_called_belongs_to_the_states_it_resumed():
    branches = parallel(*(scope(**{name: task()}) for name in "ABC"))
    play = Play(machine(P=branches), once_open_then("B")).work()
    play.redrive()

    calls = calls_of(render(play.events))

    assert [(call.state, call.output) for call in calls if call.is_ended] == [
        ("B", UNSET),
        ("A", "A"),
        ("B", "B"),
        ("C", "C"),
    ]


def test_an_execution_that_was_stopped_and_redriven_is_recorded():
    play = Play(machine(A=task()), once_open_then("none")).work(1).stop()
    play.redrive()

    assert [(call.state, call.output) for call in calls_of(render(play.events))] == [("A", UNSET), ("A", "A")]


def test_an_execution_that_goes_on_gets_the_answers_that_it_has_not_had(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("m.asl.json").write_text(json.dumps(machine(T=task())))
    boom, ok = [{"state": "T", "resource": CALL, "input": {}} for _ in range(2)]
    calls = [{**boom, "error": "Boom"}, {**ok, "output": "ok"}]
    Path("tape.json").write_text(json.dumps({"stepwell": 1, "calls": calls}))

    assert invoke(["run", "m.asl.json", "--replay", "tape.json"]) == 1
    assert invoke(["redrive", "@last"]) == 0
    assert capsys.readouterr().out == '"ok"\n'


@pytest.mark.parametrize("seconds", [1, 700], ids=["while it waits to try again", "while it is performed again"])
def test_a_run_whose_process_is_gone_gets_the_answers_that_it_has_not_had(tmp_path, monkeypatch, capsys, seconds):
    monkeypatch.chdir(tmp_path)
    definition = machine(T=task(Retry=[retrier("Busy", IntervalSeconds=600, MaxAttempts=3)]))
    call = {"state": "T", "resource": CALL, "input": {}}
    calls = [{**call, "error": "Busy"}, {**call, "error": "Busy"}, {**call, "output": "third"}]
    Path("tape.json").write_text(json.dumps({"stepwell": 1, "calls": calls}))
    asked = Counter()

    def perform(task_):
        asked[task_.state] += 1
        if asked[task_.state] == 1:
            yield Failure("Busy", None)
        else:
            yield Pause(3600)

    settings = Settings(directory=str(tmp_path), replay=str(tmp_path / "tape.json"), fast_forward=True)
    execution = left_behind(tmp_path, definition, tasks=perform, settings=settings, seconds=seconds)

    assert invoke(["resume", execution.name]) == 0
    assert capsys.readouterr().out == '"third"\n'
    history = SqliteStore(tmp_path / ".stepwell" / FILE).history(execution.arn)
    assert [event.type for event in history].count("LambdaFunctionScheduled") == 3


def test_a_cassette_that_was_mended_before_a_redrive_is_played_from_its_beginning(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("m.asl.json").write_text(json.dumps(machine(T=task())))
    call = {"state": "T", "resource": CALL, "input": {}}
    Path("tape.json").write_text(json.dumps({"stepwell": 1, "calls": [{**call, "error": "Boom"}]}))
    assert invoke(["run", "m.asl.json", "--replay", "tape.json"]) == 1

    Path("tape.json").write_text(json.dumps({"stepwell": 1, "calls": [{**call, "output": "ok"}]}))
    assert invoke(["redrive", "@last"]) == 0
    assert capsys.readouterr().out == '"ok"\n'


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


SDK = "arn:aws:states:::aws-sdk"

SENSITIVE = {
    "ssm": (f"{SDK}:ssm:getParameter", {"Name": "n", "WithDecryption": True}, {"Parameter": {"Value": "s3cr3t"}}),
    "kms": (f"{SDK}:kms:decrypt", {"CiphertextBlob": "c"}, {"Plaintext": "s3cr3t"}),
    "ec2": (f"{SDK}:ec2:createKeyPair", {"KeyName": "k"}, {"KeyMaterial": "s3cr3t"}),
    "s3": (f"{SDK}:s3:getObject", {"Bucket": "b", "Key": "k", "SseCustomerKey": "s3cr3t"}, {}),
    "ecs": (
        "arn:aws:states:::ecs:runTask",
        {"TaskDefinition": "t", "Overrides": {"ContainerOverrides": [{"Environment": [{"Value": "s3cr3t"}]}]}},
        {},
    ),
}


@pytest.mark.parametrize(("resource", "asked", "answer"), SENSITIVE.values(), ids=SENSITIVE)
def test_what_a_model_of_aws_marks_as_sensitive_is_not_on_the_cassette(tmp_path, resource, asked, answer):
    _, calls = recorded(machine(T=task(resource, Parameters=asked)), returns(answer))
    write_cassette(tmp_path / "tape.json", calls)

    assert "***" in (tmp_path / "tape.json").read_text()
    assert "s3cr3t" not in (tmp_path / "tape.json").read_text()


def test_what_a_function_was_asked_and_has_answered_is_on_the_cassette():
    asked, answer = {"order": 7, "db-password": "p"}, {"StatusCode": 200, "Payload": {"price": 1, "apiKey": "k"}}
    invoke_ = task("arn:aws:states:::lambda:invoke", Parameters={"FunctionName": "f", "Payload": asked})

    _, [call] = recorded(machine(T=invoke_), returns(answer))

    assert call.input == {"FunctionName": "f", "Payload": {"order": 7, "db-password": "***"}}
    assert call.output == {"StatusCode": 200, "Payload": {"price": 1, "apiKey": "***"}}


@pytest.mark.parametrize(
    "name", ["DB_PASSWORD", "X-Amz-Security-Token", "apiKey", "secretString", "Proxy-Authorization"]
)
def test_names_of_secrets_are_written_in_many_ways(name):
    _, [call] = recorded(machine(T=task()), returns({name: "s3cr3t", "NextToken": "n", "hasPassword": True}))

    assert call.output == {name: "***", "NextToken": "n", "hasPassword": True}


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


def test_calls_of_step_functions_are_played_too(tmp_path):
    listed = machine(T=task("arn:aws:states:::aws-sdk:sfn:listStateMachines", Parameters={}))
    recorded_output = run(listed, state_machines={"child": machine(P=pass_())}, record=tmp_path / "tape.json").output

    with World(replay=tmp_path / "tape.json") as world:
        assert run(listed, world=world).output == recorded_output


def test_functions_go_before_the_cassette(tmp_path):
    tape = tmp_path / "tape.json"
    definition = machine(A=task(), B=task(f"{CALL}-other"))
    run(definition, functions={"call": lambda _: 1, "call-other": lambda _: 2}, record=tape)

    with World(replay=tape) as world:
        assert run(definition, functions={"call": lambda _: 10}, world=world).output == 2
        assert run(machine(A=task()), functions={"call": lambda _: 10}, world=world).output == 10


ENTERED = {"id": 1, "previousEventId": 0, "type": "TaskStateEntered", "stateEnteredEventDetails": {"name": "A"}}
SCHEDULED = {
    "id": 2,
    "previousEventId": 1,
    "type": "TaskScheduled",
    "taskScheduledEventDetails": {"resourceType": "sqs", "resource": "sendMessage", "parameters": "{}"},
}
FAILED = {"id": 3, "previousEventId": 2, "type": "TaskFailed"}
CUT = {
    **FAILED,
    "type": "TaskSucceeded",
    "taskSucceededEventDetails": {"output": "1234", "outputDetails": {"truncated": True}},
}


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
            json.dumps({"events": [{**SCHEDULED, "id": 1, "previousEventId": 1}]}),
            "event 1 belongs to no state: events are missing before it",
        ),
        (json.dumps({"events": [{**ENTERED, "type": ""}]}), "events[0]: is no event of an execution"),
        (
            json.dumps({"events": [{**ENTERED, "stateEnteredEventDetails": {}}]}),
            "event 1, TaskStateEntered, has no 'name'",
        ),
        (json.dumps({"events": [ENTERED], "NextToken": "n"}), "is one page of a history"),
        (
            json.dumps({"events": [ENTERED, SCHEDULED, {**FAILED, "taskFailedEventDetails": {"cause": 7}}]}),
            "event 3, TaskFailed, has no 'cause'",
        ),
        (
            json.dumps({"events": [ENTERED, SCHEDULED, CUT]}),
            "the 'output' of event 3 was cut",
        ),
        ('{"stepwell": 1, "calls": {}}', "'calls' must be an array"),
        (
            '{"stepwell": 1, "calls": [{"state": "A", "resource": "r", "input": 1, "output": 1, "error": "E"}]}',
            "calls[0]: has an 'output' and an 'error' or a 'cause'",
        ),
        (
            json.dumps({"events": [ENTERED, {**SCHEDULED, "taskScheduledEventDetails": {"resource": "r"}}]}),
            "event 2 has no 'parameters': print the history with --include-execution-data",
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
