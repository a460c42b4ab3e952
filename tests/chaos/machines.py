"""Random state machines whose executions can go one way only, however often their process dies.

That takes some care. Every state's outcome depends on its input and attempt alone. Timeouts are so short that they
always end what they are for, or so long that they never do. Where a Parallel or Map fails, one of its children fails
and no other can, so that what the others have done by then is all that is left to chance.

Every scope takes an object with a number `n` and passes one on.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from chaos.work import COROUTINE, FUNCTION, HANGING_SECONDS, INVOKE, JOB
from stepwell.engine.arns import state_machine_arn
from support import (
    ACTIVITY,
    CALLBACK,
    catcher,
    choice,
    fail,
    in_a_row,
    map_,
    parallel,
    pass_,
    retrier,
    scope,
    succeed,
    wait,
)
from support import task as task_

States = dict[str, dict[str, Any]]
Definition = dict[str, Any]

FOR_EVER = 86_400
"""Seconds: no run lasts that long."""

TOKEN = {"token.$": "$$.Task.Token"}

SECONDS_OF_WAITING = 3
"""How long the waits, retries and timeouts of one machine may take together."""

ENDINGS = ("by itself", "by itself", "by itself", "by itself", "stopped", "timed out")
SECONDS_TO_TIME_OUT = 2


@dataclass(frozen=True, kw_only=True)
class Machine:
    """A state machine and those that its tasks start. `ending`: how its executions end."""

    name: str
    definition: Definition
    ending: str
    children: dict[str, Definition] = field(default_factory=dict)

    @property
    def arn(self) -> str:
        return state_machine_arn(self.name)


def machine_of(seed: str, number: int) -> Machine:
    """The machine of this number in the run with this seed."""
    chance = Random(f"{seed} machine {number}")
    name = f"m{number}"
    children: dict[str, Definition] = {}
    well, badly = [], []
    for index in range(chance.randint(0, 2)):
        child = f"{name}-child{index}"
        author = Author(chance, patience=1, well=list(well), badly=[])
        fails = chance.random() < 0.3
        children[child] = author.definition(chance.randint(1, 3), 1, fail("Spoilt", "a child's own") if fails else None)
        (badly if fails else well).append(child)
    author = Author(chance, patience=SECONDS_OF_WAITING, well=well, badly=badly)
    ending = chance.choice(ENDINGS)
    last = author.for_ever() if ending != "by itself" else author.end()
    definition = author.definition(chance.randint(1, 4), 2, last)
    if ending == "timed out":
        definition["TimeoutSeconds"] = SECONDS_TO_TIME_OUT
    return Machine(name=name, definition=definition, ending=ending, children=children)


class Author:
    """Writes one definition, brick by brick: a brick is a few states in a row, and may hold scopes of bricks."""

    def __init__(self, chance: Random, *, patience: float, well: list[str], badly: list[str]) -> None:
        """`patience`: how many seconds its states may wait; `well`, `badly`: machines to start, by how they end."""
        self._chance = chance
        self._patience = patience
        self._well = well
        self._badly = badly
        self._count = 0
        self._times = 1
        """How often, one after the other, what is written now is run through."""
        self._is_entered_once = True

    def definition(self, length: int, depth: int, last: States | Definition | None) -> Definition:
        """So many bricks, scopes to this depth, and a last one."""
        states = self._bricks(length, depth)
        if last is not None:
            states |= {self._name("Last"): last} if "Type" in last else last
        return {"StartAt": next(iter(states)), "States": in_a_row(states)}

    def _bricks(self, length: int, depth: int) -> States:
        states: States = {}
        for _ in range(length):
            states |= self._brick(depth)
        return states

    def _brick(self, depth: int) -> States:
        bricks: list[Callable[[], States]] = [
            self._pass,
            self._choice,
            self._wait,
            self._work,
            self._work,
            self._work,
            self._trouble,
            self._trouble,
            self._hanging,
            self._callback,
            self._callback,
            self._activity,
            self._loop,
        ]
        if self._well:
            bricks += [self._nested, self._nested]
        if self._badly:
            bricks += [self._nested_failure]
        if depth:
            bricks += [brick for brick in self._containers(depth) for _ in range(2)]
        return self._chance.choice(bricks)()

    def _name(self, kind: str) -> str:
        self._count += 1
        return f"{kind}{self._count}"

    def _is_likely(self, probability: float) -> bool:
        return self._chance.random() < probability

    def _may_take(self, seconds: float) -> bool:
        """Whether there is patience for so long a wait; it is gone then."""
        if seconds * self._times > self._patience:
            return False
        self._patience -= seconds * self._times
        return True

    # --- data and time ------------------------------------------------------------------------------------------------

    def _pass(self) -> States:
        name = self._name("Pass")
        forms = [
            pass_(Parameters={"n.$": "States.MathAdd($.n, 1)"}),
            pass_(Result={"k": 1}, ResultPath="$.r"),
            pass_(Assign={name: {"n.$": "$.n"}}),
            pass_(
                QueryLanguage="JSONata",
                Output="{% $merge([$states.input, {'n': $states.input.n + 1}]) %}",
                Assign={name: "{% $states.input.n %}"},
            ),
        ]
        return {name: self._chance.choice(forms)}

    def _wait(self) -> States:
        forms = [
            wait(Seconds=0),
            wait(Timestamp="2020-01-01T00:00:00Z"),
            wait(QueryLanguage="JSONata", Seconds="{% 0 * $states.input.n %}"),
        ]
        if self._may_take(1):
            forms = [wait(Seconds=1)]
        return {self._name("Wait"): self._chance.choice(forms)}

    def _choice(self) -> States:
        choose, less, more, join = (self._name(kind) for kind in ("Choose", "Less", "More", "Join"))
        return {
            choose: choice({"Variable": "$.n", "NumericLessThan": 300, "Next": less}, Default=more),
            less: pass_(Result="less", ResultPath="$.way", Next=join),
            more: pass_(Result="more", ResultPath="$.way"),
            join: pass_(),
        }

    def _loop(self) -> States:
        begin, count, again, after = (self._name(kind) for kind in ("Begin", "Count", "Again", "After"))
        self._times *= 2
        was_entered_once, self._is_entered_once = self._is_entered_once, False
        body = self._brick(0)
        self._times //= 2
        self._is_entered_once = was_entered_once
        return {
            begin: pass_(Assign={begin: 0}),
            **body,
            count: pass_(Assign={begin + ".$": f"States.MathAdd(${begin}, 1)"}),
            again: choice({"Variable": f"${begin}", "NumericLessThan": 2, "Next": next(iter(body))}, Default=after),
            after: pass_(),
        }

    # --- tasks --------------------------------------------------------------------------------------------------------

    def _given(self, name: str, **plan: Any) -> dict[str, Any]:
        return {
            "plan": {"state": name, **plan},
            "n.$": "$.n",
            "attempt.$": "$$.State.RetryCount",
            "execution.$": "$$.Execution.Id",
        }

    def _performed(self, name: str, fields: dict[str, Any], **plan: Any) -> dict[str, Any]:
        """A Task that a function performs, in one of the ways in which it may be called."""
        given = self._given(name, **plan)
        kind = self._chance.choice(("function", "coroutine", "invoke", "job", "jsonata"))
        if kind == "invoke":
            parameters = {"FunctionName": "do-work", "Payload": given}
            selected = {"n.$": "$.Payload"}
            return task_(INVOKE, Parameters=parameters, ResultSelector=selected, ResultPath="$.r", **fields)
        if kind == "jsonata":
            arguments = {
                "plan": given["plan"],
                "n": "{% $states.input.n %}",
                "attempt": "{% $states.context.State.RetryCount %}",
                "execution": "{% $states.context.Execution.Id %}",
            }
            fields = {**fields, "Output": "{% $merge([$states.input, {'n': $states.result}]) %}"}
            if "Catch" in fields:
                caught = "{% $merge([$states.input, {'error': $states.errorOutput}]) %}"
                fields["Catch"] = [{**_without(each, "ResultPath"), "Output": caught} for each in fields["Catch"]]
            return task_(FUNCTION, QueryLanguage="JSONata", Arguments=arguments, **fields)
        if kind == "job":
            return task_(JOB, Parameters={"JobName": "do-work", "Arguments": given}, ResultPath="$.n", **fields)
        resource = {"function": FUNCTION, "coroutine": COROUTINE}[kind]
        return task_(resource, Parameters=given, ResultPath="$.n", **fields)

    def _work(self) -> States:
        name = self._name("Work")
        seconds = self._chance.choice((0, 0, 0.005, 0.05))
        return {name: self._performed(name, {}, seconds=seconds)}

    def _trouble(self) -> States:
        """A task that fails a few times: it is tried again, or its failure is caught, or the one after the other."""
        name = self._name("Trouble")
        fails = self._chance.randint(1, 2)
        retries = self._chance.randint(0, 2)
        error = self._chance.choice(("Odd", "ValueError"))
        if not self._may_take(retries):
            retries = 0
        fields: dict[str, Any] = {}
        if retries:
            jitter = {"JitterStrategy": "FULL"} if self._is_likely(0.5) else {}
            fields["Retry"] = [retrier(error, MaxAttempts=retries, IntervalSeconds=1, BackoffRate=1, **jitter)]
        plan = {"fails": fails, "error": error}
        if fails <= retries:
            return {name: self._performed(name, fields, **plan)}
        return self._caught(name, lambda catch: self._performed(name, {**fields, **catch}, **plan))

    def _caught(
        self, name: str, state: Callable[[dict[str, Any]], dict[str, Any]], error: str = "States.ALL"
    ) -> States:
        """A state that fails, what takes the failure, and where both ways meet."""
        handle, join = self._name("Handle"), self._name("Join")
        if self._is_likely(0.3):
            return {
                name: {**state({"Catch": [catcher(error, next=handle, ResultPath="$.error")]}), "Next": join},
                handle: pass_(Parameters={"n.$": "$.n", "error.$": "$.error.Error"}),
                join: pass_(),
            }
        return {
            name: {**state({"Catch": [catcher(error, next=handle, ResultPath="$.error")]}), "Next": handle},
            handle: pass_(Parameters={"n.$": "$.n"}),
        }

    def _hanging(self) -> States:
        """A task that takes too long, or that nobody answers."""
        name = self._name("Hanging")
        if not self._may_take(1):
            return self._work()
        limit = {"TimeoutSeconds": 1}
        if self._is_likely(0.5):
            return self._caught(
                name,
                lambda catch: self._performed(name, {**limit, **catch}, seconds=HANGING_SECONDS),
                "States.Timeout",
            )
        limit = self._chance.choice((limit, {"HeartbeatSeconds": 1, "TimeoutSeconds": FOR_EVER}))
        return self._caught(name, lambda catch: self._handed_over(name, {**limit, **catch}, by="nobody"))

    def _handed_over(self, name: str, fields: dict[str, Any], **plan: Any) -> dict[str, Any]:
        return task_(CALLBACK, Parameters={**self._given(name, **plan), **TOKEN}, ResultPath="$.n", **fields)

    def _callback(self) -> States:
        name = self._name("Callback")
        by = self._chance.choice(("outside", "outside", "victim", "itself"))
        fields = {"HeartbeatSeconds": 3600} if self._is_likely(0.5) else {}
        plan = {"by": by, "beats": self._chance.randint(0, 2) if by == "outside" else 0}
        if self._is_likely(0.7):
            return {name: self._handed_over(name, fields, **plan)}
        plan |= {"fails": 1, "error": "Refused"}
        return self._caught(name, lambda catch: self._handed_over(name, {**fields, **catch}, **plan))

    def _activity(self) -> States:
        name = self._name("Activity")
        return {name: task_(ACTIVITY, Parameters=self._given(name), ResultPath="$.n", TimeoutSeconds=FOR_EVER)}

    # --- nested executions --------------------------------------------------------------------------------------------

    def _starting(
        self, name: str, pattern: str, child: str, given: dict[str, Any] | None = None, **fields: Any
    ) -> dict[str, Any]:
        parameters = {"StateMachineArn": state_machine_arn(child), "Input": given or {"n.$": "$.n"}}
        if self._is_entered_once and self._is_likely(0.5):
            parameters["Name.$"] = f"States.Format('{{}}-{name}', $$.Execution.Name)"
        return task_(f"arn:aws:states:::states:startExecution{pattern}", Parameters=parameters, **fields)

    def _nested(self) -> States:
        name = self._name("Nested")
        child = self._chance.choice(self._well)
        if self._is_likely(0.25):
            given = {**self._given(name, by=self._chance.choice(("outside", "victim")), beats=0), **TOKEN}
            return {name: self._starting(name, ".waitForTaskToken", child, given, ResultPath="$.n")}
        pattern, selector = self._chance.choice(
            (("", None), (".sync", {"text.$": "$.Output"}), (".sync:2", {"n.$": "$.Output.n"}))
        )
        fields = {"ResultPath": "$.r"} if selector is None else {"ResultPath": "$.r", "ResultSelector": selector}
        return {name: self._starting(name, pattern, child, **fields)}

    def _nested_failure(self) -> States:
        name = self._name("Nested")
        child, pattern = self._chance.choice(self._badly), self._chance.choice((".sync", ".sync:2"))
        retry = {}
        if self._may_take(1):
            retry = {"Retry": [retrier("States.TaskFailed", MaxAttempts=1, IntervalSeconds=1)]}
        was_entered_once, self._is_entered_once = self._is_entered_once, self._is_entered_once and not retry
        states = self._caught(name, lambda catch: self._starting(name, pattern, child, **retry, **catch))
        self._is_entered_once = was_entered_once
        return states

    # --- scopes -------------------------------------------------------------------------------------------------------

    def _containers(self, depth: int) -> list[Callable[[], States]]:
        return [
            lambda: self._parallel(depth - 1),
            lambda: self._map(depth - 1),
            lambda: self._failing(depth - 1),
        ]

    def _scope(self, length: int, depth: int, last: States | None = None) -> Definition:
        """What is in a scope may be entered several times, and at the same time."""
        was_entered_once, self._is_entered_once = self._is_entered_once, False
        states = self._bricks(length, depth)
        self._is_entered_once = was_entered_once
        return scope(**states, **(last or {}))

    def _parallel(self, depth: int) -> States:
        branches = [self._scope(self._chance.randint(1, 2), depth) for _ in range(self._chance.randint(1, 3))]
        fields: dict[str, Any] = {"ResultPath": "$.r"}
        if self._is_likely(0.7):
            fields["ResultSelector"] = {"ns.$": "$[*].n"}
        return {self._name("Parallel"): parallel(*branches, **fields)}

    def _map(self, depth: int) -> States:
        items, name = self._name("Items"), self._name("Map")
        count, limit = self._chance.randint(0, 4), self._chance.randint(0, 3)
        self._times *= max(count, 1)
        states = self._scope(self._chance.randint(1, 2), depth)
        self._times //= max(count, 1)
        return {
            items: self._items(count),
            name: map_(
                states,
                ItemsPath="$.items",
                ItemSelector={"n.$": "$$.Map.Item.Value", "whole.$": "$.n"},
                MaxConcurrency=limit,
                ResultSelector={"count.$": "States.ArrayLength($)"},
                ResultPath="$.r",
            ),
        }

    def _failing(self, depth: int) -> States:
        """A Parallel or Map that fails, and is caught, perhaps after it was tried again."""
        name = self._name("Failing")
        retry = {}
        if self._may_take(1):
            retry = {"Retry": [retrier("Broken", MaxAttempts=1, IntervalSeconds=1)]}
        count = self._chance.randint(1, 3)
        return {
            self._name("Items"): self._items(count),
            **self._caught(name, lambda catch: self._broken(depth, count, **retry, **catch)),
        }

    def _items(self, count: int) -> dict[str, Any]:
        return pass_(Parameters={"n.$": "$.n", "items": [self._chance.randint(0, 600) for _ in range(count)]})

    def _broken(self, depth: int, count: int, **fields: Any) -> dict[str, Any]:
        """A state that fails, for so many items."""
        if self._is_likely(0.5):
            branches = [
                self._scope(self._chance.randint(0, 1), depth, {self._name("Fail"): fail("Broken", "as planned")}),
                *(self._sibling(depth) for _ in range(self._chance.randint(1, 2))),
            ]
            self._chance.shuffle(branches)
            return parallel(*branches, **fields)
        choose, broken = self._name("Choose"), self._name("Fail")
        bad = self._chance.randrange(count)
        sibling = self._sibling(depth)
        states = {
            choose: choice(
                {"Variable": "$.index", "NumericEquals": bad, "Next": broken},
                Default=sibling["StartAt"],
            ),
            broken: fail("Broken", "as planned"),
            **sibling["States"],
        }
        return map_(
            scope(**states),
            ItemsPath="$.items",
            ItemSelector={"n.$": "$$.Map.Item.Value", "index.$": "$$.Map.Item.Index"},
            MaxConcurrency=self._chance.choice((0, bad + 1)),  # it has its turn, however long the others take
            **fields,
        )

    def _sibling(self, depth: int) -> Definition:
        """What is given up where it stands."""
        patience, self._patience = self._patience, 0.0
        sibling = self._scope(1, depth, self.for_ever() if self._is_likely(0.6) else None)
        self._patience = patience
        return sibling

    # --- ends ---------------------------------------------------------------------------------------------------------

    def for_ever(self) -> States:
        """States that come to no end."""
        name = self._name("Forever")
        forms: list[Callable[[], dict[str, Any]]] = [
            lambda: wait(Seconds=FOR_EVER),
            lambda: self._handed_over(name, {}, by="nobody"),
            lambda: self._performed(name, {"TimeoutSeconds": FOR_EVER}, seconds=HANGING_SECONDS * 100),
        ]
        return {name: self._chance.choice(forms)()}

    def end(self) -> States | None:
        """How an execution ends by itself."""
        name = self._name("Last")
        forms: list[Callable[[], States | None]] = [
            lambda: None,
            lambda: None,
            lambda: {name: succeed()},
            lambda: {name: fail("Spoilt", "as planned")},
            lambda: {self._name("Items"): self._items(2), name: self._broken(1, 2)},
            lambda: {name: pass_(InputPath="$.nowhere")},
        ]
        return self._chance.choice(forms)()


def _without(fields: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if key != name}
