"""The processes that are killed, each forked from one that has everything imported.

    python -m chaos.victim < requests > answers

A request is one line of JSON: `["spawn", orders]` gives a process id, `["kill", pid, signal]` sends a signal, `["wait",
pid, seconds]` gives the exit code (negative: the signal) or null, and reaps. Nobody else sends signals or reaps, so an
id is never that of another process. At the end of stdin all victims that are left are killed.

A victim opens the engine on the directory, starts what it is ordered to, answers tasks and works for activities, all at
once, until it is killed or gets SIGTERM. What was acknowledged to it, it notes.
"""

import faulthandler
import json
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from random import Random
from typing import Any

from chaos import sabotage
from chaos.machines import machine_of
from chaos.notes import Notes
from chaos.work import WORKER, Answer, Functions, Given, given_in, result_of
from stepwell.adapters.stores.sqlite import SqliteReader, SqliteRegistry  # noqa: F401 - before the fork, not in each
from stepwell.definitions import jsonata  # noqa: F401 - likewise
from stepwell.definitions.failure import Failure
from stepwell.definitions.json_text import loads
from stepwell.definitions.resources import Integration
from stepwell.engine.errors import (
    ExecutionAlreadyExists,
    ExecutionDoesNotExist,
    ExecutionNotRedrivable,
    InvalidToken,
    TaskTimedOut,
)
from stepwell.local import Engine, EngineClosed
from support import ACTIVITY

GRACE_SECONDS = 2.0
NOWHERE = ACTIVITY.replace(":activity:", ":execution:nothing:")
"""The ARN of an execution that is not there."""


class Victim:
    """One life. `orders`: see `Orders` in harness.py."""

    def __init__(self, orders: dict[str, Any]) -> None:
        self._orders = orders
        self._notes = Notes(orders["notes"], orders["victim"])
        self._chance = Random(f"{orders['seed']} victim {orders['victim']}")
        self._engine: Future[Engine] = Future()
        self._ending = threading.Event()

    def live(self) -> None:
        self._notes.add("opening")
        functions = Functions(self).bindings
        engine = Engine(self._orders["data"], functions=functions, grace=GRACE_SECONDS)
        self._engine.set_result(engine)
        with suppress(ExecutionDoesNotExist):
            engine.stop(NOWHERE)  # is answered after everything that was left was adopted
        self._notes.add("recovered")
        starts = list(self._orders["starts"])
        for job in (
            *(lambda: self._start(engine, starts) for _ in range(2)),
            lambda: self._stop(engine),
            lambda: self._redrive(engine),
            lambda: self._answer(engine),
            lambda: self._work(engine),
        ):
            self._do_beside(job)
        signal.sigwait({signal.SIGTERM})
        self._ending.set()
        engine.close()
        self._notes.add("closed")

    # --- threads ------------------------------------------------------------------------------------------------------

    def _do_beside(self, job: Callable[[], None]) -> None:
        def run() -> None:
            try:
                job()
            except EngineClosed:
                if not self._ending.is_set():
                    self._broken()
            except BaseException:  # noqa: BLE001 - whatever it is, somebody must hear of it
                self._broken()

        threading.Thread(target=run, daemon=True).start()

    def _broken(self) -> None:
        self._notes.add("broken", text=traceback.format_exc())

    def _start(self, engine: Engine, starts: list[dict[str, Any]]) -> None:
        while not self._ending.is_set():
            try:
                order = starts.pop(0)
            except IndexError:
                return
            machine = machine_of(self._orders["seed"], order["machine"])
            created = {**machine.children, **({machine.name: machine.definition} if order["is_created"] else {})}
            for name, definition in created.items():
                self._notes.add("created", arn=engine.create_state_machine(definition, name=name))
            try:
                arn = engine.start(
                    machine.arn if order["is_created"] else machine.definition, order["input"], name=order["name"]
                )
            except ExecutionAlreadyExists:
                self._notes.add("existed", name=order["name"])
                continue
            self._notes.add("started", name=order["name"], arn=arn)
            self._do_beside(lambda arn=arn: self._await(engine, arn))
            self._ending.wait(self._chance.random() * 0.03)

    def _await(self, engine: Engine, arn: str) -> None:
        self._notes.add("ended", arn=arn, status=engine.wait(arn).status.value)

    def _stop(self, engine: Engine) -> None:
        for arn in self._orders["stops"]:
            self._ending.wait(self._chance.random() * 0.1)
            engine.stop(arn, "Chaos", "had enough")
            self._notes.add("stopped", arn=arn)

    def _redrive(self, engine: Engine) -> None:
        for arn in self._orders["redrives"]:
            self._ending.wait(self._chance.random() * 0.1)
            with suppress(ExecutionNotRedrivable):  # it was, and nobody could say so
                engine.redrive(arn)
                self._notes.add("redriven", arn=arn)

    def _answer(self, engine: Engine) -> None:
        """Answers what waits for somebody in the victims' process."""
        while not self._ending.wait(0.002 + self._chance.random() * 0.03):
            for found in engine.open_tasks():
                resource = found.task.resource
                is_callback = isinstance(resource, Integration) and resource.pattern == "waitForTaskToken"
                if not (found.is_left_open and is_callback):
                    continue
                given = given_in(found.task)
                if given["plan"]["by"] == "victim":
                    self.answer(found.task.token, result_of(given))

    def _work(self, engine: Engine) -> None:
        """Works for the activity."""
        self._notes.add("created", arn=engine.create_activity("work"))
        while not self._ending.is_set():
            found = engine.get_activity_task(ACTIVITY, WORKER, timeout=0.2)
            if found is not None:
                self._notes.add("taken", token=found.token)
                self._ending.wait(self._chance.random() * 0.03)
                self.answer(found.token, result_of(loads(found.input)))

    # --- what functions report ----------------------------------------------------------------------------------------

    def performs(self, given: Given, tail: str) -> None:
        plan = given["plan"]
        self._notes.add(
            "performed", arn=given["execution"], state=plan["state"], tail=tail, seconds=plan.get("seconds", 0)
        )

    def answer(self, token: str, answer: Answer) -> None:
        engine = self._engine.result()
        try:
            if isinstance(answer, Failure):
                engine.send_task_failure(token, answer.error, answer.cause)
            else:
                engine.send_task_success(token, answer)
        except (TaskTimedOut, InvalidToken) as refusal:
            self._notes.add("refused", token=token, by=type(refusal).__name__)
        except EngineClosed:
            if not self._ending.is_set():
                raise
        else:
            self._notes.add("answered", token=token)


# --- processes --------------------------------------------------------------------------------------------------------


def serve() -> None:
    """Does what is asked for on stdin, and forks."""
    victims: set[int] = set()
    sabotage.arrange(os.environ.get(sabotage.VARIABLE))
    for line in sys.stdin:
        match json.loads(line):
            case ["spawn", orders]:
                child = os.fork()
                if child == 0:
                    suffer(orders)
                victims.add(child)
                print(child, flush=True)
            case ["kill", pid, number]:
                assert pid in victims, "only victims are killed"
                os.kill(pid, number)
                print("null", flush=True)
            case ["wait", pid, seconds]:
                assert pid in victims, "only victims are waited for"
                code = exit_code(pid, seconds)
                if code is not None:
                    victims.remove(pid)
                print(json.dumps(code), flush=True)
    for pid in victims:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def exit_code(pid: int, seconds: float) -> int | None:
    """The exit code of a process that ends within this time."""
    until = time.monotonic() + seconds
    while True:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > until:
            return None
        time.sleep(0.001)


def suffer(orders: dict[str, Any]) -> None:
    """Is a victim, and does not return."""
    for stream, name, mode in ((0, os.devnull, os.O_RDONLY), (1, orders["stderr"], os.O_WRONLY | os.O_APPEND)):
        os.dup2(os.open(name, mode | os.O_CREAT, 0o666), stream)
    os.dup2(1, 2)
    code = 1
    try:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})  # in all threads to come: it is waited for
        faulthandler.register(signal.SIGUSR1)
        Victim(orders).live()
        code = 0
    except BaseException:  # noqa: BLE001 - likewise
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    serve()
