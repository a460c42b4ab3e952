"""An execution can be laid down after any step and taken up again, and nobody can tell."""

from typing import Any

import pytest

from stepwell.adapters.hosts.simulation import Simulation
from stepwell.adapters.stores.memory import MemoryStore
from stepwell.definitions.check import parse
from stepwell.engine.execution import restore, snapshot
from stepwell.engine.history import render
from stepwell.engine.program import compile_program
from support import (
    ACTIVITY,
    CALLBACK,
    MACHINE_ARN,
    beats,
    catcher,
    choice,
    echoes,
    fail,
    fails,
    machine,
    map_,
    parallel,
    pass_,
    retrier,
    scope,
    submits,
    succeed,
    takes,
    task,
    wait,
)

MACHINES: dict[str, tuple[dict[str, Any], Any]] = {
    "pass and wait": (machine(A=pass_(Assign={"v": 1}), W=wait(Seconds=5), B=pass_(Parameters={"v.$": "$v"})), echoes),
    "retried task": (machine(T=task(Retry=[retrier("Boom")], TimeoutSeconds=9)), fails("Boom", times=2, then=1)),
    "heartbeats": (machine(T=task(ACTIVITY, HeartbeatSeconds=10)), beats(9, 3, "x")),
    "callback": (machine(T=task(CALLBACK)), submits({"id": 1}, "x")),
    "parallel": (machine(P=parallel(scope(A=wait(Seconds=1)), scope(B=task())), C=pass_()), takes(3, "x")),
    "map": (machine(M=map_(scope(W=wait(Seconds=1), T=task()), MaxConcurrency=2, ItemsPath="$.items")), takes(1, "x")),
    "caught failure": (
        machine(
            M=map_(
                scope(T=task()),
                ItemsPath="$.items",
                Retry=[retrier("Boom", MaxAttempts=1)],
                Catch=[catcher("Boom", next="C")],
            ),
            C=succeed(),
        ),
        fails("Boom"),
    ),
    "loop": (
        machine(
            N=pass_(Parameters={"n.$": "States.MathAdd($.n, 1)"}),
            W=wait(Seconds=1),
            C=choice({"Variable": "$.n", "NumericLessThan": 5, "Next": "N"}, Default="F"),
            F=fail("Done"),
        ),
        echoes,
    ),
}


class ForgetfulStore(MemoryStore):
    """Keeps executions as text, as a database does."""

    def load(self, arn: str) -> Any:
        self._executions[arn] = restore(snapshot(super().load(arn)))
        return self._executions[arn]


@pytest.mark.parametrize("name", MACHINES)
def test_laid_down_after_every_step_an_execution_has_the_history_it_would_have_had(name):
    definition, behaviour = MACHINES[name]
    program = compile_program(parse(definition))

    def history(store: MemoryStore) -> list[dict[str, Any]]:
        host = Simulation(behaviour if name not in FRESH else FRESH[name](), store=store)
        execution = host.start(program, input='{"n": 0, "items": [1, 2, 3]}', machine_arn=MACHINE_ARN)
        host.work()
        return render(store.history(execution.arn))

    kept, forgotten = history(MemoryStore()), history(ForgetfulStore())

    assert kept == forgotten
    assert kept[-1]["type"] in ("ExecutionSucceeded", "ExecutionFailed")


FRESH = {"retried task": lambda: fails("Boom", times=2, then=1)}
"""Behaviours that count must begin anew for each run."""
