"""The command in real processes: on a terminal, with its output piped, and with Ctrl-C."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from commands import (
    COMMAND,
    FUNCTION,
    PATIENCE,
    Process,
    Terminal,
    arn_of,
    environment,
    run_piped,
    run_process,
    types_of,
    wait_for_event,
)

pytestmark = pytest.mark.skipif(os.name != "posix", reason="terminals and signals of POSIX")

ENOUGH = {"Variable": "$.n", "NumericEquals": 50, "Next": "Work"}
FLAKY = {
    "StartAt": "Count",
    "States": {
        "Count": {"Type": "Pass", "Result": 0, "ResultPath": "$.n", "Next": "More?"},
        "More?": {"Type": "Choice", "Choices": [ENOUGH], "Default": "Add"},
        "Add": {"Type": "Pass", "Parameters": {"n.$": "States.MathAdd($.n, 1)", "items.$": "$.items"}, "Next": "More?"},
        "Work": {
            "Type": "Parallel",
            "Branches": [
                {
                    "StartAt": "Charge",
                    "States": {
                        "Charge": {
                            "Type": "Task",
                            "Resource": FUNCTION + "charge",
                            "Retry": [{"ErrorEquals": ["CardDeclined"], "IntervalSeconds": 1}],
                            "End": True,
                        }
                    },
                },
                {
                    "StartAt": "Items",
                    "States": {
                        "Items": {
                            "Type": "Map",
                            "ItemsPath": "$.items",
                            "ItemProcessor": {"StartAt": "Pack", "States": {"Pack": {"Type": "Pass", "End": True}}},
                            "End": True,
                        }
                    },
                },
            ],
            "End": True,
        },
    },
}  # fmt: skip
FUNCTIONS = """
import time

tries = []

class CardDeclined(Exception):
    pass

def charge(event):
    tries.append(event)
    print("charging")
    if len(tries) < 3:
        raise CardDeclined("not enough money")
    return "paid"

def hang(event):
    import threading
    threading.Thread(target=time.sleep, args=(600,), daemon=False).start()
    time.sleep(600)
"""
HANG = {"StartAt": "Hang", "States": {"Hang": {"Type": "Task", "Resource": FUNCTION + "hang", "End": True}}}


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "flaky.asl.json").write_text(json.dumps(FLAKY))
    (tmp_path / "hang.asl.json").write_text(json.dumps(HANG))
    hang = {**HANG["States"]["Hang"], "TimeoutSeconds": 1}
    (tmp_path / "timeout.asl.json").write_text(json.dumps({"StartAt": "Hang", "States": {"Hang": hang}}))
    (tmp_path / "hello.asl.json").write_text('{"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}')
    (tmp_path / "functions.py").write_text(FUNCTIONS)
    (tmp_path / "items.json").write_text(json.dumps({"items": list(range(300))}))
    return tmp_path


RUN_HANG = ("run", "hang.asl.json", "--functions", "functions.py", "--name", "one")
RUN_FLAKY = ("run", "flaky.asl.json", "-i", "@items.json", "--functions", "functions.py", "--fast-forward")


def test_a_terminal_sees_the_tree_of_the_run(folder):
    terminal = Terminal(folder, *RUN_FLAKY)
    assert terminal.finish() == 0

    final = terminal.text[terminal.text.rindex("✓ Count") :]
    assert "✓ More? · ×51" in final
    assert "✓ Work · 2 of 2 branches" in final
    assert "  #0 ✓ Charge · 3 attempts" in final
    assert "CardDeclined: not enough money · again in 1 s" in final
    assert "CardDeclined: not enough money · again in 2 s" in final
    assert "  #1 ✓ Items · 300 of 300 items" in final
    assert "Pack" not in final
    assert "SUCCEEDED in 3." in final
    assert '  "paid",\n' in final  # laid out, for it is a terminal
    assert b"\x1b[32m" in terminal.shown


@pytest.mark.parametrize("columns", [60, 20])
def test_no_line_is_wider_than_a_narrow_terminal(folder, columns):
    terminal = Terminal(folder, *RUN_FLAKY, "--ephemeral", columns=columns)
    assert terminal.finish() == 0

    tree = terminal.text[terminal.text.rindex("✓ Count") :].partition("SUCCEEDED")[0]
    assert max(map(len, tree.splitlines())) < columns


def test_no_color_is_respected(folder):
    terminal = Terminal(folder, *RUN_FLAKY, "--ephemeral", NO_COLOR="1")
    assert terminal.finish() == 0

    assert not re.search(rb"\x1b\[[0-9;]*3[0-9]m", terminal.shown)


def test_a_pipe_sees_the_output_alone(folder):
    ran = run_piped(folder, *RUN_FLAKY, "--ephemeral")

    assert ran.returncode == 0
    assert json.loads(ran.stdout)[0] == "paid"
    assert ran.stdout.count("\n") == 1
    assert ran.stderr == "charging\n" * 3  # what functions print, and not a word of ours


def test_problems_are_drawn_with_a_caret(folder):
    (folder / "bad.asl.json").write_text('{"StartAt": "A", "States": {\n  "A": {"Type": "Pass", "Next": "Gone"}}}')

    terminal = Terminal(folder, "validate", "bad.asl.json")
    assert terminal.finish() == 1
    assert '\n    "A": {"Type": "Pass", "Next": "Gone"}}}\n' + " " * 26 + "^\n" in terminal.text


def test_ctrl_c_aborts_the_execution_and_its_history_says_so(folder):
    terminal = Terminal(folder, "run", "hang.asl.json", "--functions", "functions.py", "--name", "one")
    terminal.read_until("Hang")
    terminal.process.send_signal(signal.SIGINT)

    assert terminal.finish() == 1
    assert "■ Hang" in terminal.text
    assert "stepwell: one: aborted by Ctrl-C\n" in terminal.text
    assert "Traceback" not in terminal.text
    assert types_of(folder, arn_of("hang", "one"))[-1] == "ExecutionAborted"


def test_ctrl_c_in_a_pipe_is_one_line_and_the_object_that_was_asked_for(folder):
    with Process(folder, *RUN_HANG, "--json") as process:
        wait_for_event(folder, arn_of("hang", "one"), "LambdaFunctionStarted")
        process.signal(signal.SIGINT)
        code, out, err = process.finish()

    assert code == 1
    assert err == "stepwell: one: aborted by Ctrl-C\n"
    assert json.loads(out)["status"] == "ABORTED"


def test_a_terminal_tells_of_what_is_gone_and_what_to_do(folder):
    with Process(folder, *RUN_HANG) as process:
        wait_for_event(folder, arn_of("hang", "one"), "LambdaFunctionStarted")
        process.kill()

    terminal = Terminal(folder, "list")
    assert terminal.finish() == 0
    assert "GONE" in terminal.text
    assert "`stepwell resume NAME`" in terminal.text


def test_a_function_that_hangs_does_not_keep_the_process(folder):
    ran = run_piped(folder, "run", "timeout.asl.json", "--functions", "functions.py", "--name", "one")

    assert ran.returncode == 1
    assert ran.stderr == "stepwell: one: FAILED: States.Timeout\n"


def test_a_reader_that_leaves_is_no_traceback(folder):
    process = subprocess.Popen(
        [*COMMAND, "run", "hello.asl.json"],
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    err = process.stderr.read()
    process.stderr.close()

    assert process.wait(PATIENCE) == 0
    assert err == b""


@pytest.mark.parametrize("option", ["", "--ephemeral"])
def test_a_pass_state_needs_no_library_of_the_other_commands(folder, option):
    unwanted = ["rich", "asyncio", "boto3", "uvicorn", "transitions", *(["sqlite3"] if option else [])]
    script = (
        "import sys; from stepwell.adapters.command.main import invoke;"
        f"invoke(['run', 'hello.asl.json', *{option.split()!r}]);"
        f"print([name for name in {unwanted!r} if name in sys.modules])"
    )

    ran = run_process([sys.executable, "-c", script], folder)
    assert ran.stdout == "{}\n[]\n"
