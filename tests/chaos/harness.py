"""The run: victims are spawned on one directory, and killed, paused or closed at random moments; then it is judged.

After each death the file is read and compared with what was noted: nothing that was acknowledged may be missing,
nothing may have been done that was not laid down before, nothing that was laid down may be done again.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any, TypedDict

from chaos import sabotage
from chaos.judge import Judge
from chaos.machines import Machine, machine_of
from chaos.notes import Notes, Reading
from chaos.work import WORKER, Answer, given_in, result_of
from stepwell.adapters.stores.sqlite import FILE, SqliteReader, SqliteStore
from stepwell.definitions.failure import Failure
from stepwell.definitions.json_text import dumps
from stepwell.definitions.resources import Activity, Integration
from stepwell.engine import tokens
from stepwell.engine.events import ExecutionStopped, TaskFailed, TaskHeartbeat, TaskStarted, TaskSucceeded
from stepwell.engine.lifecycles import ExecutionStatus
from stepwell.engine.ports import OpenTask
from support import ACTIVITY

TESTS = Path(__file__).resolve().parents[1]

OUTSIDE = 0
"""The number of the harness itself among the victims."""

LONGEST_CLOSE_SECONDS = 30.0
LONGEST_SILENCE_SECONDS = 60.0
"""Without a step of any execution, at the end: then something hangs."""


class Start(TypedDict):
    """An execution to be started. `is_created`: its state machine is created first, and started by its ARN."""

    name: str
    machine: int
    input: dict[str, Any]
    is_created: bool


class Orders(TypedDict):
    """What a victim is told when it is spawned."""

    victim: int
    seed: str
    data: str
    notes: str
    stderr: str
    starts: list[Start]
    stops: list[str]
    redrives: list[str]


class Victims:
    """The process that forks victims, signals and reaps them."""

    def __init__(self, way_of_sabotage: str | None = None) -> None:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), *filter(None, sys.path)])}
        environment.pop(sabotage.VARIABLE, None)
        if way_of_sabotage:
            environment[sabotage.VARIABLE] = way_of_sabotage
        self._process = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "chaos.victim"],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def spawn(self, orders: Orders) -> int:
        return int(self._ask("spawn", orders))

    def kill(self, pid: int, number: int) -> None:
        self._ask("kill", pid, number)

    def wait(self, pid: int, seconds: float) -> int | None:
        """The exit code, negative for the signal that killed it; None where it does not end."""
        code: int | None = self._ask("wait", pid, seconds)
        return code

    def close(self) -> None:
        self._process.communicate()

    def _ask(self, *request: Any) -> Any:
        assert self._process.stdin and self._process.stdout, "both are pipes"
        try:
            print(json.dumps(request), file=self._process.stdin, flush=True)
            return json.loads(self._process.stdout.readline())
        except (BrokenPipeError, json.JSONDecodeError) as fault:
            raise RuntimeError(f"what forks the victims has itself ended, with {self._process.wait()}") from fault


class Chaos:
    """One run. `seed` gives machines, orders and moments; what happens in between is up to the system."""

    def __init__(self, folder: Path, seed: str, *, kills: int, way_of_sabotage: str | None = None) -> None:
        self._folder = folder
        self._seed = seed
        self._kills = kills
        self._chance = Random(f"{seed} harness")
        self._data = folder / "data"
        self._notes = Notes(folder / "notes", OUTSIDE)
        self._reading = Reading(folder / "notes")
        self._victims = Victims(way_of_sabotage)
        self._living: dict[int, int] = {}
        """Process ids, by the victims' numbers."""
        self._spawned = 0
        self._machines = 0
        self._starts: dict[str, Start] = {}
        self._answered: set[str] = set()
        """The tokens that the harness itself has answered."""
        self.judge = Judge(self._data / FILE, folder / "notes", self._machine_of)
        self.counts: Counter[str] = Counter()

    def run(self) -> list[str]:
        """The whole run; returns the violations."""
        try:
            while self.counts["kills"] < self._kills and not self.judge.violations:
                self._go_on()
            if not self.judge.violations:
                self._come_to_an_end()
        finally:
            self._victims.close()
            self._notes.close()
        return self.judge.violations

    @property
    def summary(self) -> dict[str, int]:
        return {**self.counts, **self.judge.counts}

    # --- one thing after the other ------------------------------------------------------------------------------------

    def _go_on(self) -> None:
        if not self._living or (len(self._living) == 1 and self._chance.random() < 0.3):
            self._spawn(new=self._chance.choice((0, 1, 1, 2, 8)))
        self._let_pass()
        victim = self._chance.choice(list(self._living))
        deed = self._chance.choices((self._kill, self._pause, self._close), (80, 10, 10))[0]
        deed(victim)

    def _spawn(self, new: int = 0) -> None:
        for _ in range(new):
            self._plan_start()
        self._spawned += 1
        orders: Orders = {
            "victim": self._spawned,
            "seed": self._seed,
            "data": str(self._data),
            "notes": str(self._folder / "notes"),
            "stderr": str(self._folder / "stderr"),
            "starts": [start for name, start in self._starts.items() if name not in self.judge.started],
            "stops": [arn for arn in self.judge.to_be_stopped() if self._chance.random() < 0.3],
            "redrives": [arn for arn in self.judge.to_be_redriven() if self._chance.random() < 0.3],
        }
        self._living[self._spawned] = self._victims.spawn(orders)
        self.judge.spawned(self._spawned)

    def _plan_start(self) -> None:
        if self._machines == 0 or self._chance.random() < 0.7:
            self._machines += 1
        number = self._chance.randint(max(1, self._machines - 5), self._machines)
        name = f"m{number}-{len(self._starts)}"
        self._starts[name] = {
            "name": name,
            "machine": number,
            "input": {"n": self._chance.randint(0, 600)},
            "is_created": self._chance.random() < 0.5,
        }

    def _machine_of(self, number: int) -> Machine:
        return machine_of(self._seed, number)

    def _let_pass(self) -> None:
        """Lets the victims live for a moment, while somebody else may use the directory too."""
        seconds = self._chance.choice((self._chance.uniform(0.005, 0.05), self._chance.uniform(0.005, 0.3)))
        until = time.monotonic() + seconds
        if self._chance.random() < 0.2:  # until something is acknowledged, and not a moment longer
            size = self._reading.size()
            while time.monotonic() < until and self._reading.size() == size:
                time.sleep(0.0005)
            return
        if self._chance.random() < 0.5:
            self._help(until)
        time.sleep(max(0.0, until - time.monotonic()))

    # --- deaths -------------------------------------------------------------------------------------------------------

    def _kill(self, victim: int) -> None:
        pid = self._living.pop(victim)
        self.judge.dies(victim, is_killed=True)
        self._victims.kill(pid, signal.SIGKILL)
        code = self._victims.wait(pid, LONGEST_CLOSE_SECONDS)
        if code != -signal.SIGKILL:
            self.judge.violations.append(f"victim {victim} was to be killed and ended with {code}: {self._stderr()}")
        self.counts["kills"] += 1
        self.judge.look()

    def _pause(self, victim: int) -> None:
        """Stops a victim for a while: slow, but not dead. One that is just opening the file may keep others out."""
        self.judge.look()
        self._victims.kill(self._living[victim], signal.SIGSTOP)
        if len(self._living) == 1 and self._chance.random() < 0.5:
            self._spawn()
        time.sleep(self._chance.uniform(0.05, 0.5))
        if self.judge.has_recovered(victim):
            self.judge.look()
        self._victims.kill(self._living[victim], signal.SIGCONT)
        self.counts["pauses"] += 1

    def _close(self, victim: int) -> None:
        pid = self._living.pop(victim)
        self._victims.kill(pid, signal.SIGTERM)
        code = self._victims.wait(pid, LONGEST_CLOSE_SECONDS)
        if code is None:
            self._victims.kill(pid, signal.SIGUSR1)  # it tells on stderr what its threads are doing
            self._victims.wait(pid, 1)
            self._victims.kill(pid, signal.SIGKILL)
            self._victims.wait(pid, LONGEST_CLOSE_SECONDS)
        if code not in (0, -signal.SIGTERM):  # the latter where it was not even set up
            self.judge.violations.append(f"victim {victim} was to close and ended with {code}: {self._stderr()}")
        self.judge.dies(victim, is_killed=False)
        self.counts["closes"] += 1
        self.judge.look()

    def _stderr(self) -> str:
        return (self._folder / "stderr").read_text()[-4000:]

    # --- from outside -------------------------------------------------------------------------------------------------

    def _help(self, until: float) -> None:
        """Answers, stops and takes tasks as commands do, whoever carries the executions on."""
        if not (self._data / FILE).exists():
            return
        with closing(SqliteStore(self._data / FILE)) as store:
            while time.monotonic() < until:
                for found in store.open_tasks():
                    is_mine = found.task.token not in self._answered and self._chance.random() < 0.5
                    if is_mine and time.monotonic() < until:
                        self._help_with(store, found)
                for arn in self.judge.to_be_stopped():
                    if self._chance.random() < 0.05:
                        self._stop(store, arn)
                time.sleep(0.005)

    def _help_with(self, store: SqliteStore, found: OpenTask) -> None:
        task = found.task
        if isinstance(task.resource, Activity):
            if self.judge.was_taken(task.token):
                self._answer(store, task.token, result_of(given_in(task)))
            elif self._chance.random() < 0.2:
                self._take(store)
        elif isinstance(task.resource, Integration) and found.is_left_open:
            plan = given_in(task)["plan"]
            if plan.get("by") == "outside":
                for _ in range(plan["beats"]):
                    store.post(task.execution_arn, TaskHeartbeat(token=task.token, **self._moment()))
                    self._notes.add("beaten", token=task.token)
                self._answer(store, task.token, result_of(given_in(task)))

    def _take(self, store: SqliteStore) -> None:
        found = store.take_activity_task(
            ACTIVITY, lambda token: TaskStarted(token=token, worker_name=WORKER, **self._moment())
        )
        if found is not None:
            self._notes.add("taken", token=found[0])

    def _answer(self, store: SqliteStore, token: str, answer: Answer) -> None:
        arn = tokens.address(token)[0]
        if store.open_task(token) is None:
            return
        self._answered.add(token)
        if isinstance(answer, Failure):
            store.post(arn, TaskFailed(token=token, failure=answer, **self._moment()))
        else:
            store.post(arn, TaskSucceeded(token=token, output=dumps(answer), **self._moment()))
        self._notes.add("answered", token=token)

    def _stop(self, store: SqliteStore, arn: str) -> None:
        if store.describe(arn).status is ExecutionStatus.RUNNING:
            store.post(arn, ExecutionStopped(failure=Failure("Chaos", "had enough"), **self._moment()))
            self._notes.add("stopped", arn=arn)

    def _moment(self) -> dict[str, Any]:
        return {"at": time.time_ns() // 1_000_000, "entropy": os.urandom(16)}

    # --- the end ------------------------------------------------------------------------------------------------------

    def _come_to_an_end(self) -> None:
        """Lets everything come to its end, and judges it."""
        while len(self._living) < 2:
            self._spawn()
        steps, since = -1, time.monotonic()
        while not self._is_over():
            self._help(time.monotonic() + 0.1)
            self.judge.look()
            if self.judge.violations:
                return
            if self.judge.steps != steps:
                steps, since = self.judge.steps, time.monotonic()
            elif time.monotonic() - since > LONGEST_SILENCE_SECONDS:
                self.judge.violations.append(f"nothing happens any more: {self.judge.running} do not end")
                return
        for victim in list(self._living):
            self._close(victim)
        self.judge.conclude(self._stderr() if (self._folder / "stderr").exists() else "")

    def _is_over(self) -> bool:
        if any(name not in self.judge.started for name in self._starts):
            return False
        for arn in self.judge.to_be_stopped():
            with closing(SqliteStore(self._data / FILE)) as store:
                self._stop(store, arn)
        with closing(SqliteReader(self._data / FILE)) as reader:
            return not reader.executions(status=ExecutionStatus.RUNNING)
