"""A worker: a process that has a function loaded and performs one invocation after the other.

Rule 1: no shell. The process runs in the folder of the function, in a process group of its own, and is ended by its id,
together with what it has started.
Rule 2: what the handler writes to stdout and stderr is its log and nothing else; messages have pipes of their own.
Rule 3: a worker ends with its host, however that ends, and whatever its handler is doing.
"""

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from stepwell.adapters.tasks.lambda_functions.messages import receive, send
from stepwell.adapters.tasks.lambda_functions.sources import FunctionSource

BOOTSTRAPS = Path(__file__).parent

MOST_LINE_BYTES = 262_144
"""A longer line is several. Quota of CloudWatch Logs on an event."""

SECONDS_FOR_THE_LOG = 1.0
"""How long one waits for the rest of a log: who left the process group may hold its pipe."""

Log = Callable[[str, str], None]
"""Takes the name of a function and a line that it has written. Called from any thread."""


class CannotStart(Exception):
    """A function that cannot be run here. The text says which, why, and what to do."""


def log_to_stderr(name: str, line: str) -> None:
    """The log for people who look on."""
    with suppress(OSError, ValueError):  # nobody looks on any more
        sys.stderr.write(f"{name}: {line}\n")


class Worker:
    """A process that loads a function. `receive` gives what it says of that first."""

    def __init__(self, source: FunctionSource, folder: Path, variables: Mapping[str, str], log: Log) -> None:
        command = command_of(source, folder, variables)
        if not folder.is_dir():
            raise CannotStart(f"The function {source.name!r} has no folder: {folder}")
        try:
            self._start(command, source, folder, variables, log)
        except (OSError, ValueError, RuntimeError) as fault:  # of the command, the variables, and a system without room
            raise CannotStart(f"The function {source.name!r} cannot be run with {command[0]}: {fault}") from None

    def _start(
        self, command: list[str], source: FunctionSource, folder: Path, variables: Mapping[str, str], log: Log
    ) -> None:
        with ExitStack() as on_failure, ExitStack() as in_any_case:
            requests, self._requests = _pipe(in_any_case, on_failure)
            self._answers, answers = _pipe(on_failure, in_any_case)
            lifeline, self._lifeline = _pipe(in_any_case, on_failure)
            self._process = subprocess.Popen(
                [*command, str(requests), str(answers), str(lifeline)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env=dict(variables),
                pass_fds=(requests, answers, lifeline),
                start_new_session=True,
            )
            on_failure.callback(self._process.wait)
            on_failure.callback(self._kill)
            _end_with_host(lifeline, self._process.pid)
            os.set_blocking(self._requests, False)
            self._lock = threading.Lock()
            self._ended: str | None = None
            self._is_ours = True  # the id: once the process was waited for it may be anybody's
            self._reader = threading.Thread(
                target=_read_log,
                args=(self._process.stdout, source.name, log),
                name="stepwell-function-log",
                daemon=True,
            )
            self._reader.start()
            on_failure.pop_all()

    def send(self, head: dict[str, Any], body: bytes, deadline: float) -> None:
        """As `messages.send`."""
        send(self._requests, head, body, deadline)

    def receive(self, deadline: float) -> tuple[dict[str, Any], bytes]:
        """As `messages.receive`."""
        return receive(self._answers, deadline, self.has_ended)

    def has_ended(self) -> bool:
        """Whether the process has ended. Its id stays its own until `end`."""
        if sys.platform == "linux":
            return os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        return self._process.poll() is not None

    def kill(self) -> None:
        """Ends the process and all of its group; may be called from any thread."""
        with self._lock:
            if self._is_ours:
                self._kill()

    def end(self) -> str:
        """Ends the worker and what it started, and says how it ended, as Lambda does. For the one who has it."""
        if self._ended is None:
            with self._lock:
                self._kill()
                self._is_ours = False
            self._ended = _ending(self._process.wait())
            self._reader.join(SECONDS_FOR_THE_LOG)
            self._close_pipes()
        return self._ended

    def _kill(self) -> None:
        with suppress(ProcessLookupError, PermissionError):  # macOS does not let go of what has ended by itself
            os.killpg(self._process.pid, signal.SIGKILL)

    def _close_pipes(self) -> None:
        for pipe in (self._requests, self._answers, self._lifeline):
            os.close(pipe)


def _pipe(of_its_reader: ExitStack, of_its_writer: ExitStack) -> tuple[int, int]:
    """A new pipe, both ends of which are closed with what they belong to."""
    reader, writer = os.pipe()
    of_its_reader.callback(os.close, reader)
    of_its_writer.callback(os.close, writer)
    return reader, writer


def _ending(status: int) -> str:
    if status == 0:
        return "Runtime exited without providing a reason"
    if status > 0:
        return f"Runtime exited with error: exit status {status}"
    return f"Runtime exited with error: signal: {(signal.strsignal(-status) or str(-status)).lower()}"


def _end_with_host(lifeline: int, pid: int) -> None:
    """Has the system end the worker's process group when the host's end of the pipe is closed, by whatever.

    A worker that waits for a message sees by itself that its host has gone. One whose handler never returns does not.
    """
    if sys.platform == "linux":
        import fcntl  # here, not above: not every system has it

        fcntl.fcntl(lifeline, fcntl.F_SETOWN, -pid)
        fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | fcntl.FASYNC)


def _read_log(stream: Any, name: str, log: Log) -> None:
    """Hands the lines on as they come. A log that fails must not hold the handler up: it misses the line."""
    with stream:
        while line := stream.readline(MOST_LINE_BYTES):
            with suppress(Exception):
                log(name, line.decode("utf-8", "replace").rstrip("\r\n"))


def command_of(source: FunctionSource, folder: Path, variables: Mapping[str, str]) -> list[str]:
    """Interpreter and bootstrap of a function; raises CannotStart."""
    if os.name != "posix":
        raise CannotStart(f"The function {source.name!r} cannot be run from its source on this system")
    if not source.is_python:
        node = shutil.which("node", path=variables.get("PATH"))
        if node is None:
            raise CannotStart(
                f"The function {source.name!r} needs {source.runtime}, and there is no 'node' on the PATH"
            )
        return [node, str(BOOTSTRAPS / "bootstrap.mjs")]
    # -B: a compiled module counts as new when second and size are the same, and folders of users stay as they are
    return [_python(source, folder, variables), "-u", "-B", "-X", "utf8", str(BOOTSTRAPS / "bootstrap_python.py")]


def _python(source: FunctionSource, folder: Path, variables: Mapping[str, str]) -> str:
    """The interpreter that was named, that of the folder's virtual environment, or the one that runs this."""
    if source.python is None:
        own = folder / ".venv" / "bin" / "python"
        return str(own.absolute()) if own.exists() else sys.executable
    given = Path(source.python)
    if given.is_dir():
        given = given / "bin" / "python"
    found = shutil.which(str(given.absolute()) if "/" in str(given) else str(given), path=variables.get("PATH"))
    if found is None:
        raise CannotStart(
            f"The function {source.name!r} is to run with {source.python!r}, which is no interpreter and no virtual "
            f"environment; mend 'python' of [lambda.{source.name}]"
        )
    return found
