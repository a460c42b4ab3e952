"""The command in real processes: on a terminal, with its output piped, and with Ctrl-C."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(os.name != "posix", reason="terminals and signals of POSIX")

COMMAND = [sys.executable, "-m", "stepwell"]
ESCAPES = re.compile(rb"\x1b\[[0-9;?]*[a-zA-Z]")
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:"
PATIENCE = 20

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


def environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "STEPWELL_DATA", "COLUMNS")}
    return {**kept, "TERM": "xterm-256color", "PYTHONIOENCODING": "utf-8", **more}


class Terminal:
    """A command on a terminal of its own: `shown` is everything that was written to it."""

    def __init__(self, folder: Path, *arguments: str, columns: int = 80, **more: str) -> None:
        self._ours, theirs = pty.openpty()
        set_size(theirs, columns)
        self.process = subprocess.Popen(
            [*COMMAND, *arguments],
            cwd=folder,
            env=environment(**more),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        self.shown = b""

    def read_until(self, text: str | None = None) -> None:
        """Reads until the text was shown, or to the end."""
        end = time.monotonic() + PATIENCE
        while text is None or text.encode() not in self.shown:
            if not select.select([self._ours], [], [], max(0, end - time.monotonic()))[0]:
                self.process.kill()
                raise AssertionError(f"{text!r} was not shown in time, but: {self.text}")
            try:
                data = os.read(self._ours, 65536)
            except OSError:  # how Linux tells the end of a terminal
                data = b""
            if not data:
                break
            self.shown += data

    def finish(self) -> int:
        self.read_until()
        os.close(self._ours)
        return self.process.wait(PATIENCE)

    @property
    def text(self) -> str:
        return ESCAPES.sub(b"", self.shown).decode().replace("\r\n", "\n")


def set_size(terminal: int, columns: int) -> None:
    import fcntl
    import struct
    import termios

    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))


def run_piped(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run_process([*COMMAND, *arguments], folder)


def run_process(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=folder, env=environment(), capture_output=True, text=True, timeout=PATIENCE, check=False
    )


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
    (kept,) = (folder / ".stepwell" / "executions").glob("one-*")
    assert json.loads(kept.read_text().splitlines()[-1])["type"] == "ExecutionAborted"


def test_ctrl_c_in_a_pipe_is_one_line_and_the_object_that_was_asked_for(folder):
    process = subprocess.Popen(
        [*COMMAND, "run", "hang.asl.json", "--functions", "functions.py", "--name", "one", "--json"],
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for(folder, "one-*", "LambdaFunctionStarted")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE)

    assert process.returncode == 1
    assert err == "stepwell: one: aborted by Ctrl-C\n"
    assert json.loads(out)["status"] == "ABORTED"


def test_a_killed_run_is_shown_as_gone(folder):
    process = subprocess.Popen(
        [*COMMAND, "run", "hang.asl.json", "--functions", "functions.py", "--name", "one"],
        cwd=folder,
        env=environment(),
    )
    wait_for(folder, "one-*", "LambdaFunctionStarted")
    process.kill()
    process.wait(PATIENCE)

    assert "GONE" in run_piped(folder, "list").stdout
    assert "LambdaFunctionStarted" in run_piped(folder, "history", "one").stdout


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


def test_a_pass_state_needs_no_library_of_the_other_commands(folder):
    script = (
        "import sys; from stepwell.adapters.command.main import invoke; invoke(['run', 'hello.asl.json']);"
        "print([name for name in ('rich', 'asyncio', 'boto3', 'uvicorn', 'transitions') if name in sys.modules])"
    )

    ran = run_process([sys.executable, "-c", script], folder)
    assert ran.stdout == "{}\n[]\n"


def wait_for(folder: Path, file: str, text: str) -> None:
    """Waits until the text is in a file of the executions."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        for path in (folder / ".stepwell" / "executions").glob(file):
            if text in path.read_text():
                return
        time.sleep(0.02)
    raise AssertionError(f"{text!r} did not show up in {file}")
