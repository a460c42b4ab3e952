"""A disk that fails as planned, and processes that suffer from it.

What fails is what SQLite stands on: the functions of the C library (disk.c). Neither SQLite nor the store is told.
"""

import json
import os
import platform
import shutil
import subprocess
import sys
from enum import IntEnum
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).parent


class Operation(IntEnum):
    WRITE = 0
    SYNC = 1
    READ = 2


class Outcome(IntEnum):
    NOTHING = 0
    FAIL = 1
    FAIL_FROM_NOW_ON = 2
    DIE = 3
    CUT_THE_POWER = 4


class Plan(NamedTuple):
    """At the n-th operation, from 1, the outcome."""

    operation: Operation
    at: int
    outcome: Outcome
    argument: int = 0
    """The error's number; how many bytes are still written before death; what chance begins with."""


NEVER = Plan(Operation.WRITE, 0, Outcome.NOTHING)


class Remains(NamedTuple):
    """What a victim leaves."""

    exit_code: int
    """Negative: the signal that it was killed by."""
    stdout: str
    stderr: str
    started: list[str]
    """The executions whose start was acknowledged, by ARN."""
    ended: list[str]
    """Those whose end was."""

    @property
    def told(self) -> dict[str, Any]:
        """How it went, in the victim's words."""
        return json.loads(self.stdout)


class CannotFail(Exception):
    """This machine cannot have a failing disk. The text says why."""


class FailingDisk:
    """Runs victims, one at a time, each in a process of its own."""

    def __init__(self, folder: Path) -> None:
        """Compiles into the folder. Raises CannotFail."""
        library = folder / "disk.so"
        compiler = shutil.which("cc") or shutil.which("gcc")
        if platform.libc_ver()[0] != "glibc" or compiler is None:
            raise CannotFail("a failing disk needs glibc and a C compiler")
        subprocess.run([compiler, "-shared", "-fPIC", "-o", library, HERE / "disk.c", "-ldl", "-lpthread"], check=True)
        self._victims = subprocess.Popen(
            [sys.executable, "-W", "error", HERE / "victim.py"],
            env={**os.environ, "LD_PRELOAD": str(library), "PYTHONPATH": str(HERE.parent)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, folder: Path, job: str, *arguments: str, plan: Plan = NEVER) -> Remains:
        """Has a victim do a job in a folder, whose `data` is on the failing disk."""
        assert self._victims.stdin and self._victims.stdout, "both are pipes"
        case = {"folder": str(folder), "job": job, "arguments": arguments, "plan": plan}
        print(json.dumps(case), file=self._victims.stdin, flush=True)
        exit_code = int(self._victims.stdout.readline())
        notes = [line.split() for line in (folder / "acknowledged").read_text().splitlines()]
        return Remains(
            exit_code,
            (folder / "stdout").read_text(),
            (folder / "stderr").read_text(),
            started=[arn for what, arn in notes if what == "started"],
            ended=[arn for what, arn in notes if what == "ended"],
        )

    def close(self) -> None:
        self._victims.communicate()
