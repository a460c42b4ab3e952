"""Tasks that invoke Lambda functions whose source is here: by a function's ARN as Resource, and by lambda:invoke.

A function goes by its name, or by its logical id in a template; region, account and qualifier of an ARN are told to it
and choose nothing: there is one version of it, the one on disk. What runs when its task is given up runs on, as on AWS.

Differs from AWS: memory is not limited; an asynchronous invocation that fails is not tried again, and one that runs
when the host ends is ended with it.
"""

import os
import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from msgspec import Struct

from stepwell.adapters.tasks.bindings import UNBOUND, unbound
from stepwell.adapters.tasks.functions import function_failure, function_name, lambda_response, payload_of
from stepwell.adapters.tasks.lambda_functions.pool import Answer, WorkerPool
from stepwell.adapters.tasks.lambda_functions.processes import CannotStart, Log, log_to_stderr
from stepwell.adapters.tasks.lambda_functions.sources import FunctionSource
from stepwell.definitions.expressions import Json
from stepwell.definitions.failure import Failure
from stepwell.definitions.json_text import InvalidJson, dumps, loads
from stepwell.definitions.resources import Integration, LambdaFunction
from stepwell.engine.effects import InvokeTask
from stepwell.engine.ports import Call, Exchange, Submitted, Succeeded, TaskHandler

ACCEPTED: Mapping[str, int] = {"Event": 202, "DryRun": 204}
"""Kinds of invocation that give no payload, with the status they give."""


MOST_WORKERS = 40
"""Of one function, if nothing else is said: as many as iterations of a Map run at a time."""


class _Invocation(Struct, frozen=True, kw_only=True):
    pool: WorkerPool
    arn: str
    event: bytes
    kind: str = "RequestResponse"


class LambdaFunctions:
    """A `TaskHandler` for these functions; every other task is left to `beside`.

    `log` takes what the functions write, line by line, from any thread. A function has at most `most_workers`
    processes; without it as many as there are processors, and up to 40 where those are busy for long. They inherit
    `environment`, that of this process without it. `close` ends them all; they end with this process in any case.
    """

    def __init__(
        self,
        sources: Iterable[FunctionSource],
        beside: TaskHandler = unbound,
        *,
        log: Log = log_to_stderr,
        most_workers: int | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._beside = beside
        usual = most_workers or os.cpu_count() or 1
        most = most_workers or max(usual, MOST_WORKERS)
        inherited = dict(os.environ if environment is None else environment)
        self._pools: dict[str, WorkerPool] = {}
        for source in sources:
            pool = WorkerPool(source, usual=usual, most=most, log=log, environment=inherited)
            for name in (source.other_name, source.name):
                if name is not None:
                    self._pools[name] = pool

    def __call__(self, task: InvokeTask) -> Exchange:
        match task.resource:
            case LambdaFunction() as function if function.name in self._pools:
                yield from _perform_function(self._pools[function.name], task)
            case Integration(is_lambda_invoke=True) as called if (found := self._invocation(task)) is not None:
                if not (called.pattern and task.submitted is not None):  # it was invoked, and is answered by its token
                    yield from _perform_invoke(found, called)
            case _:
                yield from self._beside(task)

    def close(self) -> None:
        """Ends all workers. What runs is lost."""
        for pool in set(self._pools.values()):
            pool.close()

    def _invocation(self, task: InvokeTask) -> _Invocation | None:
        """What a lambda:invoke asks for; None where it is not of one of these functions."""
        parameters = loads(task.input)
        given = parameters.get("FunctionName") if isinstance(parameters, dict) else None
        if not isinstance(parameters, dict) or not isinstance(given, str):
            return None
        pool = self._pools.get(function_name(given))
        if pool is None:
            return None
        kind = parameters.get("InvocationType")
        return _Invocation(
            pool=pool,
            arn=_arn(given, parameters.get("Qualifier"), task),
            event=dumps(payload_of(parameters.get("Payload"))).encode(),
            kind=kind if isinstance(kind, str) else "RequestResponse",
        )


def _arn(given: str, qualifier: Json, task: InvokeTask) -> str:
    """The ARN that an invocation by this name has: where none is said, in region and account of the execution."""
    name = function_name(given)
    _, _, said = given.rpartition(f"{name}:")
    if given.startswith("arn:"):
        arn = given
    else:
        parts = task.execution_arn.split(":")
        arn = ":".join([*parts[:2], "lambda", *parts[3:5], "function", name])
        arn += f":{said}" if said != given else ""
    return f"{arn}:{qualifier}" if isinstance(qualifier, str) and arn.endswith(f":{name}") else arn


def _perform_function(pool: WorkerPool, task: InvokeTask) -> Exchange:
    try:
        answer: Answer = yield Call(pool.invoke, (task.resource.arn, task.input.encode()))
    except CannotStart as fault:
        yield Failure(UNBOUND, str(fault))
        return
    text = answer.payload.decode("utf-8", "replace")
    yield function_failure(text) if answer.is_error else Succeeded(dumps(_value(text)))


def _perform_invoke(invocation: _Invocation, called: Integration) -> Exchange:
    try:
        response: Any = yield Call(_respond, (invocation,))
    except CannotStart as fault:
        yield Failure(UNBOUND, str(fault))
        return
    if isinstance(response, Failure):
        yield response
        return
    output = dumps(response)
    if called.pattern:
        yield Submitted(output)
    else:
        yield Succeeded(output)


def _respond(invocation: _Invocation) -> dict[str, Any] | Failure:
    if invocation.kind in ACCEPTED:
        if invocation.kind == "Event":
            threading.Thread(target=_invoke_unheard, args=(invocation,), name="stepwell-event", daemon=True).start()
        return lambda_response(None, ACCEPTED[invocation.kind])
    answer = invocation.pool.invoke(invocation.arn, invocation.event)
    value = _value(answer.payload.decode("utf-8", "replace"))
    return function_failure(value) if answer.is_error else lambda_response(value)


def _invoke_unheard(invocation: _Invocation) -> None:
    with suppress(CannotStart):
        invocation.pool.invoke(invocation.arn, invocation.event)


def _value(text: str) -> Json:
    """A payload: what is no JSON is a text."""
    try:
        return loads(text)
    except InvalidJson:
        return text
