"""What tests of the command are written with: processes, terminals, and executions that were left behind."""

import json
import os
import pty
import re
import select
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stepwell.adapters.command.settings import Settings
from stepwell.adapters.hosts.simulation import Simulation
from stepwell.adapters.stores.sqlite import FILE, SqliteReader, SqliteStore
from stepwell.definitions.check import parse
from stepwell.definitions.resources import Activity
from stepwell.engine import arns
from stepwell.engine.effects import InvokeTask
from stepwell.engine.errors import ExecutionDoesNotExist
from stepwell.engine.execution import Execution
from stepwell.engine.ports import Exchange, Pause, StoreFailed, Submitted, TaskHandler
from stepwell.engine.program import compile_program

COMMAND = [sys.executable, "-m", "stepwell"]
ESCAPES = re.compile(rb"\x1b\[[0-9;?]*[a-zA-Z]")
PATIENCE = 20
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:"
CALLBACK = "arn:aws:states:::aws-sdk:sqs:sendMessage.waitForTaskToken"


def environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "STEPWELL_DATA", "COLUMNS")}
    return {**kept, "TERM": "xterm-256color", "PYTHONIOENCODING": "utf-8", **more}


# --- definitions ------------------------------------------------------------------------------------------------------


def in_a_row(**states: dict[str, Any]) -> dict[str, Any]:
    """A machine of these states, each followed by the next."""
    names = list(states)
    following = [{"Next": name} for name in names[1:]] + [{"End": True}]
    return {
        "StartAt": names[0],
        "States": {name: {**state, **({} if state["Type"] in ("Choice", "Fail") else after)}
                   for (name, state), after in zip(states.items(), following, strict=True)},
    }  # fmt: skip


def task(function: str, **fields: Any) -> dict[str, Any]:
    return {"Type": "Task", "Resource": FUNCTION + function, **fields}


def callback(**fields: Any) -> dict[str, Any]:
    return {"Type": "Task", "Resource": CALLBACK, "Parameters": {"token.$": "$$.Task.Token"}, **fields}


def write_machine(folder: Path, name: str, definition: dict[str, Any]) -> None:
    (folder / f"{name}.asl.json").write_text(json.dumps(definition))


# --- processes --------------------------------------------------------------------------------------------------------


def run_process(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=folder, env=environment(), capture_output=True, text=True, timeout=PATIENCE, check=False
    )


def run_piped(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run_process([*COMMAND, *arguments], folder)


class Process:
    """A command that runs beside the test; killed at the end of it."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [*COMMAND, *arguments],
            cwd=folder,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate(timeout=PATIENCE)

    def finish(self) -> tuple[int, str, str]:
        """Exit code, stdout and stderr."""
        out, err = self._process.communicate(timeout=PATIENCE)
        return self._process.returncode, out, err

    def __enter__(self) -> "Process":
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()


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
    import termios

    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))


def screen_of(folder: Path, *arguments: str) -> str:
    """What a command that ends by itself shows on a terminal."""
    terminal = Terminal(folder, *arguments, columns=200)
    terminal.finish()
    return terminal.text


# --- what was kept ----------------------------------------------------------------------------------------------------


def kept(folder: Path) -> SqliteReader:
    reader = SqliteReader(folder / ".stepwell" / FILE)
    reader.close()  # it opens the file anew for every question
    return reader


def arn_of(machine: str, name: str) -> str:
    return f"arn:aws:states:us-east-1:123456789012:execution:{machine}:{name}"


def types_of(folder: Path, arn: str) -> list[str]:
    return [event.type for event in kept(folder).history(arn)]


def wait_until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.02)


def wait_for_event(folder: Path, arn: str, kind: str, times: int = 1) -> None:
    """Waits until the history of an execution that another process carries on has such an event."""

    def has_come() -> bool:
        try:
            return types_of(folder, arn).count(kind) >= times
        except (ExecutionDoesNotExist, StoreFailed):  # not yet
            return False

    wait_until(has_come)


def at_work(task: InvokeTask) -> Exchange:
    """A `TaskHandler` that is still at it when its process goes, or has handed the token on."""
    if isinstance(task.resource, Activity) or task.resource.arn.endswith(".waitForTaskToken"):
        if not isinstance(task.resource, Activity):
            yield Submitted("null")
        return
    yield Pause(10**6)


def left_behind(
    folder: Path,
    definition: dict[str, Any],
    *,
    name: str = "one",
    machine: str = "job",
    tasks: TaskHandler = at_work,
    settings: Settings | None = None,
    has_settings: bool = True,
    seconds: float = 0,
    input: str = "{}",
    at: int | None = None,
    started_by: str | None = None,
) -> Execution:
    """An execution whose process is gone, or has ended it, after so many seconds of its time."""
    store = SqliteStore(folder / ".stepwell" / FILE)
    host = Simulation(tasks, store=store, at=at or time.time_ns() // 1_000_000, seed=os.urandom(16))
    settings = settings or Settings(directory=str(folder))
    execution = host.start(
        compile_program(parse(definition)),
        json.dumps(definition),
        settings=settings.as_text() if has_settings else None,
        machine_arn=arns.state_machine_arn(machine),
        name=name,
        input=input,
        started_by=started_by,
    )
    host.work(until=host.clock.now() + round(seconds * 1000))
    host.worker.close()
    store.close()
    return execution
