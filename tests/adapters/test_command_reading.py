"""`stepwell validate`, `history` and `list`, as they are when their output is piped."""

import json

import pytest

from stepwell.adapters.command.main import invoke
from stepwell.adapters.command.problems import excerpt
from stepwell.adapters.command.wording import delay, duration, failure

TREE = {
    "StartAt": "Both",
    "States": {
        "Both": {
            "Type": "Parallel",
            "End": True,
            "Branches": [
                {"StartAt": "Left", "States": {"Left": {"Type": "Pass", "End": True}}},
                {
                    "StartAt": "Each",
                    "States": {
                        "Each": {
                            "Type": "Map",
                            "End": True,
                            "ItemProcessor": {"StartAt": "Item", "States": {"Item": {"Type": "Pass", "End": True}}},
                        }
                    },
                },
            ],
        }
    },
}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("STEPWELL_DATA", raising=False)
    (tmp_path / "tree.asl.json").write_text(json.dumps(TREE))
    (tmp_path / "bad.asl.json").write_text('{"StartAt": "A",\n "States": {"A": {"Type": "Pass",\n  "Next": "Gone"}}}')
    (tmp_path / "broken.asl.json").write_text('{"StartAt": }')
    return tmp_path


@pytest.fixture
def two_runs(folder, capsys):
    (folder / "fail.asl.json").write_text(
        json.dumps({"StartAt": "No", "States": {"No": {"Type": "Fail", "Error": "Out", "Cause": "of stock"}}})
    )
    invoke(["run", "tree.asl.json", "-i", "[1, 2]", "--name", "first"])
    invoke(["run", "fail.asl.json", "--name", "second"])
    capsys.readouterr()


# --- validate ---------------------------------------------------------------------------------------------------------


def test_nothing_is_said_of_a_good_definition(capsys):
    assert invoke(["validate", "tree.asl.json"]) == 0
    assert capsys.readouterr().out == ""


def test_problems_have_file_line_and_column(capsys):
    assert invoke(["validate", "tree.asl.json", "bad.asl.json", "broken.asl.json"]) == 1

    lines = capsys.readouterr().out.splitlines()
    assert "bad.asl.json:3:3: ERROR MISSING_TRANSITION_TARGET Missing 'Next' target: Gone (/States/A/Next)" in lines
    assert any(line.startswith("broken.asl.json:1:13: ERROR INVALID_JSON_DESCRIPTION Unexpected") for line in lines)


def test_json_has_awss_shape(capsys):
    assert invoke(["validate", "bad.asl.json", "--json"]) == 1

    told = json.loads(capsys.readouterr().out)
    assert told["result"] == "FAIL"
    assert {
        "severity": "ERROR",
        "code": "MISSING_TRANSITION_TARGET",
        "message": "Missing 'Next' target: Gone",
        "location": "/States/A/Next",
        "file": "bad.asl.json",
        "line": 3,
        "column": 3,
    } in told["diagnostics"]


def test_json_of_a_good_definition(capsys):
    assert invoke(["validate", "tree.asl.json", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"result": "OK", "diagnostics": []}


def test_a_warning_is_no_error(capsys, folder):
    (folder / "twice.asl.json").write_text(
        '{"StartAt": "A", "States": {"A": {"Type": "Pass", "Comment": "x", "Comment": "y", "End": true}}}'
    )

    assert invoke(["validate", "twice.asl.json"]) == 0
    assert "twice.asl.json:1:67: WARNING DUPLICATE_KEY" in capsys.readouterr().out


def test_a_file_that_cannot_be_read_does_not_hide_the_others(capsys):
    assert invoke(["validate", "none.asl.json", "bad.asl.json"]) == 2

    out = capsys.readouterr().out
    assert out.startswith("none.asl.json: ERROR UNREADABLE_DEFINITION there is no such file")
    assert "bad.asl.json:3:3" in out


@pytest.mark.parametrize(
    ("line", "column", "width", "shown"),
    [
        ('    "Next": "Gone"', 5, 40, ('"Next": "Gone"', "^")),
        ('\t"A": 1, "B": 2', 10, 40, ('"A": 1, "B": 2', "        ^")),
        ("x" * 50 + "HERE" + "y" * 50, 51, 30, ("…" + "x" * 19 + "HERE" + "y" * 6, " " * 20 + "^")),
        ("short", 99, 40, ("short", "     ^")),
    ],
)
def test_the_caret_stands_below_the_fault(line, column, width, shown):
    assert excerpt(line, column, width) == shown


# --- history and list -------------------------------------------------------------------------------------------------


def test_the_history_is_a_table_with_the_place_of_each_event(capsys, two_runs):
    assert invoke(["history", "first"]) == 0

    rows = [line.split(maxsplit=4) for line in capsys.readouterr().out.splitlines()]
    assert rows[0] == ["id", "seconds", "in", "event"]
    places = {tuple(row[2:4]) for row in rows}
    assert ("0", "PassStateEntered") in places
    assert ("1/1", "PassStateEntered") in places
    assert ("1", "MapStateExited") in places
    assert ("ParallelStateExited", "Both") in places


def test_the_history_as_json_is_that_of_the_api(capsys, two_runs):
    assert invoke(["history", "first", "--json"]) == 0

    events = json.loads(capsys.readouterr().out)["events"]
    assert [event["id"] for event in events] == list(range(1, len(events) + 1))
    assert events[0]["type"] == "ExecutionStarted"
    assert events[0]["executionStartedEventDetails"]["input"] == "[1, 2]"
    assert events[0]["timestamp"].endswith("Z")


@pytest.mark.parametrize("arguments", [[], ["@last"], ["seco"]])
def test_the_last_execution_is_a_word_away(capsys, two_runs, arguments):
    assert invoke(["history", *arguments]) == 0
    assert "Out: of stock" in capsys.readouterr().out


def test_executions_are_listed_newest_first(capsys, two_runs):
    assert invoke(["list"]) == 0

    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert rows[0] == ["started", "took", "status", "machine", "name"]
    assert [row[-3:] for row in rows[1:]] == [["FAILED", "fail", "second"], ["SUCCEEDED", "tree", "first"]]


def test_the_list_as_json_is_that_of_the_api(capsys, two_runs):
    assert invoke(["list", "--json"]) == 0

    newest, oldest = json.loads(capsys.readouterr().out)["executions"]
    assert newest.keys() == {"executionArn", "stateMachineArn", "name", "status", "startDate", "stopDate"}
    assert oldest["executionArn"] == "arn:aws:states:us-east-1:123456789012:execution:tree:first"


def test_an_empty_list_is_empty(capsys):
    assert invoke(["list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"executions": []}


# --- wording ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("milliseconds", "said"),
    [
        (0, "0 ms"),
        (999, "999 ms"),
        (1000, "1.0 s"),
        (59_949, "59.9 s"),
        (59_950, "1 m 00 s"),
        (3_599_000, "59 m 59 s"),
        (3_600_000, "1 h 00 m"),
        (86_399_000, "23 h 59 m"),
        (90_000_000, "1 d 01 h"),
        (10**12, "11574 d 01 h"),
    ],
)
def test_durations_are_short(milliseconds, said):
    assert duration(milliseconds) == said


def test_a_delay_has_no_decimal_that_says_nothing():
    assert [delay(2000), delay(1500), delay(-5)] == ["2 s", "1.5 s", "0 ms"]


@pytest.mark.parametrize(
    ("error", "cause", "said"),
    [
        ("E", '{"errorMessage": "no money", "errorType": "E", "stackTrace": []}', "E: no money"),
        ("E", '{"a": 1}', 'E: {"a": 1}'),
        ("E", "{no json", "E: {no json"),
        ("E", None, "E"),
        (None, "why", "why"),
        (None, None, "no error name and no cause were given"),
    ],
)
def test_a_cause_is_told_by_its_message(error, cause, said):
    assert failure(error, cause) == said
