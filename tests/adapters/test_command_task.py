"""`stepwell task`: the tasks that wait for an answer, and answers from another process."""

import json
from pathlib import Path

import pytest

from commands import Process, arn_of, callback, in_a_row, kept, left_behind, screen_of, task, wait_until, write_machine
from stepwell.adapters.command.main import invoke
from stepwell.engine.ports import Submitted

ASK = in_a_row(Ask=callback(TimeoutSeconds=900), After={"Type": "Pass"})
ACTIVITY = "arn:aws:states:us-east-1:123456789012:activity:pack"
BRANCHES = {
    "StartAt": "Both",
    "States": {
        "Both": {
            "Type": "Parallel",
            "End": True,
            "Branches": [
                {"StartAt": "Left", "States": {"Left": {**callback(), "End": True}}},
                {"StartAt": "Right", "States": {"Right": {**callback(), "End": True}}},
            ],
        }
    },
}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("STEPWELL_DATA", raising=False)
    write_machine(tmp_path, "ask", ASK)
    (tmp_path / "functions.py").write_text("def ask(event):\n    pass\n")
    return tmp_path


def token_of(folder: Path, state: str = "Ask") -> str:
    (token,) = [each.task.token for each in kept(folder).open_tasks() if each.task.state == state]
    return token


def refused(capsys, *arguments: str) -> str:
    assert invoke(["task", *arguments]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    (line,) = shown.err.splitlines()
    return line.removeprefix("stepwell: ")


def waiting(folder: Path) -> Process:
    """A run that waits for an answer."""
    process = Process(folder, "run", "ask.asl.json", "--functions", "functions.py", "--name", "one")
    wait_until(lambda: (folder / ".stepwell" / "stepwell.db").exists() and has_asked(folder))
    return process


def has_asked(folder: Path) -> bool:
    from stepwell.engine.ports import StoreFailed

    try:
        return any(each.is_left_open for each in kept(folder).open_tasks())
    except StoreFailed:  # the file is being made
        return False


# --- answers ----------------------------------------------------------------------------------------------------------


def test_another_process_answers_a_run_that_waits(capsys, folder):
    with waiting(folder) as process:
        assert invoke(["task", "succeed", token_of(folder), "--output", '{"big": 12345678901234567890}']) == 0
        assert process.finish() == (0, '{"big":12345678901234567890}\n', "")

    assert capsys.readouterr().out == "one: Ask has succeeded\n"


def test_a_failure_is_an_answer_too(capsys, folder):
    with waiting(folder) as process:
        assert invoke(["task", "fail", "one", "--error", "Refused", "--cause", "too expensive"]) == 0
        assert process.finish() == (1, "", "stepwell: one: FAILED: Refused: too expensive\n")

    assert capsys.readouterr().out == "one: Ask has failed\n"


def test_a_heartbeat_lets_the_time_begin_anew(capsys, folder):
    write_machine(folder, "ask", in_a_row(Ask=callback(HeartbeatSeconds=600)))
    with waiting(folder):
        due = heartbeat_due(folder)
        assert invoke(["task", "heartbeat", "one"]) == 0
        wait_until(lambda: heartbeat_due(folder) > due)

    assert capsys.readouterr().out == "one: Ask is being worked on\n"


def heartbeat_due(folder: Path) -> int:
    frames, _ = kept(folder).standing(arn_of("ask", "one"))
    return frames[""].rest.heartbeat_due


@pytest.mark.parametrize(
    "shortened", [lambda token: "one", lambda token: token[:-4], lambda token: token[-12:], lambda token: "@last"]
)
def test_a_task_may_be_named_in_short(capsys, folder, shortened):
    left_behind(folder, ASK)

    assert invoke(["task", "succeed", shortened(token_of(folder))]) == 0
    assert capsys.readouterr().out == "one: Ask has succeeded\n"


def test_the_output_comes_from_a_file(capsys, folder):
    left_behind(folder, ASK)
    (folder / "answer.json").write_text('{"n": 1}')

    assert invoke(["task", "succeed", "one", "--output", "@answer.json"]) == 0
    assert invoke(["resume"]) == 0
    assert capsys.readouterr().out.endswith('{"n":1}\n')


# --- what cannot be answered ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["succeed", "garbage!"], "Invalid Token: 'Invalid token'; nor is 'garbage!' the one execution whose task is"),
        (["fail", "nobody"], "`stepwell task list` shows what waits"),
        (["succeed", "one", "--output", "{no"], "--output:1:2: the output is no JSON"),
        (["succeed", "one", "--output", "@none.json"], "the output none.json cannot be read"),
        (["succeed", "one", "--output", '"' + "x" * 300_000 + '"'], "Invalid Output: 'The output is longer than"),
        (["succeed"], "Missing argument 'TOKEN|EXECUTION' (see `stepwell task succeed --help`)"),
        (["answer", "one"], "No such command 'answer' (see `stepwell task --help`)"),
    ],
)  # fmt: skip
def test_what_is_no_answer_is_one_clear_line(capsys, folder, arguments, said):
    left_behind(folder, ASK)

    assert said in refused(capsys, *arguments)


def test_a_token_that_nobody_waits_with_any_more_is_refused_in_aws_words(capsys, folder):
    left_behind(folder, ASK)
    token = token_of(folder)
    assert invoke(["stop", "one"]) == 0
    capsys.readouterr()

    assert refused(capsys, "succeed", token) == "Task Timed Out: 'Provided task does not exist anymore'"
    assert refused(capsys, "succeed", "one") == "one: no task of it waits for an answer; it has ended, ABORTED"


def test_a_task_that_a_function_performs_is_not_meant_by_the_name(capsys, folder):
    left_behind(folder, in_a_row(Work=task("work")))

    assert refused(capsys, "succeed", "one") == "one: no task of it waits for an answer"


def test_one_of_several_tasks_is_named_by_its_token(capsys, folder):
    left_behind(folder, BRANCHES)

    assert refused(capsys, "succeed", "one") == (
        "one: 2 tasks of it wait for an answer (Left, Right): name one by its token; `stepwell task list one` shows "
        "them"
    )
    assert refused(capsys, "succeed", token_of(folder, "Left")[:20]).startswith("Invalid Token: 'Invalid token'; nor")
    assert invoke(["task", "succeed", token_of(folder, "Right")]) == 0
    assert capsys.readouterr().out == "one: Right has succeeded\n"


# --- the list ---------------------------------------------------------------------------------------------------------


def test_the_list_tells_who_waits_for_what_since_when(capsys, folder):
    left_behind(folder, ASK, name="ask")
    left_behind(folder, in_a_row(Pack={"Type": "Task", "Resource": ACTIVITY}), name="pack", input='{"n": 1}')
    left_behind(folder, in_a_row(Work=task("work")), name="work")

    assert invoke(["task", "list", "--json"]) == 0

    asked, packed = json.loads(capsys.readouterr().out)["tasks"]
    assert asked["taskToken"] == token_of(folder)
    assert asked["executionArn"] == arn_of("job", "ask")
    assert json.loads(asked["input"]) == {"token": asked["taskToken"]}
    assert asked["since"].endswith("Z")
    assert (packed["stateName"], packed["resource"], packed["input"]) == ("Pack", ACTIVITY, '{"n":1}')


def test_the_list_is_a_table_where_nobody_looks(capsys, folder):
    left_behind(folder, ASK)
    left_behind(folder, ASK, name="two")

    assert invoke(["task", "list", "one"]) == 0

    titles, row = capsys.readouterr().out.splitlines()
    assert titles.split() == ["since", "execution", "state", "resource", "token", "input"]
    assert row.split()[2:4] == ["one", "Ask"]


def test_what_functions_perform_can_be_listed_too(capsys, folder):
    left_behind(folder, in_a_row(Work=task("work")))

    assert invoke(["task", "list", "--all"]) == 0
    assert "Work" in capsys.readouterr().out


def test_a_callback_that_its_function_has_not_handed_on_yet_waits_for_an_answer(capsys, folder):
    def submits(asked):
        yield Submitted("{}")

    left_behind(folder, ASK, tasks=submits)

    assert invoke(["task", "list", "@last"]) == 0
    assert "Ask" in capsys.readouterr().out


def test_a_terminal_shows_each_task_with_its_whole_token(folder):
    left_behind(folder, ASK)

    shown = screen_of(folder, "task", "list")
    assert "one · Ask · for " in shown
    assert f"  token  {token_of(folder)}\n" in shown


def test_an_empty_list_is_empty(capsys, folder):
    assert invoke(["task", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"tasks": []}
    assert "holds no executions yet" in screen_of(folder, "task", "list")

    left_behind(folder, in_a_row(Ok={"Type": "Pass"}))
    assert screen_of(folder, "task", "list") == "no task waits for an answer\n"
    assert refused(capsys, "list", "none-such").startswith("Execution Does Not Exist: 'none-such'")


@pytest.mark.parametrize("name", ["list", "succeed", "fail", "heartbeat"])
def test_every_subcommand_has_a_help_with_an_example(capsys, name):
    assert invoke(["task", name, "--help"]) == 0
    assert f"  stepwell task {name}" in capsys.readouterr().out
