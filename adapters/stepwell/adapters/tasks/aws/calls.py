"""Tasks that call AWS services at given endpoints: LocalStack, moto's server, `sam local start-lambda`.

Performed are the ARNs of Lambda functions, the optimized integrations that are calls of an API, and `aws-sdk` calls of
any API that botocore has. A task whose service has no endpoint is left to another handler.

Differs from AWS: a message goes to the endpoint of SQS wherever its QueueUrl points; a function is called by its name,
and the account in its ARN counts for nothing.
"""

from threading import Lock

from msgspec.structs import replace

from stepwell.adapters.tasks.aws import optimized
from stepwell.adapters.tasks.aws.answers import NOT_SUPPORTED, Answer, Caller, Request
from stepwell.adapters.tasks.aws.endpoints import Endpoints
from stepwell.adapters.tasks.aws.jobs import JOBS, perform_job
from stepwell.adapters.tasks.aws.optimized import SERVICES, Members, Service
from stepwell.adapters.tasks.aws.shaping import Dialect
from stepwell.adapters.tasks.bindings import how_to_bind, unbound
from stepwell.definitions.expressions import Json
from stepwell.definitions.failure import Failure
from stepwell.definitions.json_text import InvalidJson, dumps, loads
from stepwell.definitions.resources import Integration, LambdaFunction
from stepwell.engine.effects import InvokeTask
from stepwell.engine.ports import Call, Exchange, Submitted, Succeeded, TaskHandler

SDK = "aws-sdk:"


class AwsTasks:
    """A `TaskHandler` that calls the services that have an endpoint, and leaves every other task to `beside`."""

    def __init__(self, endpoints: Endpoints, beside: TaskHandler = unbound) -> None:
        self._endpoints = endpoints
        self._caller = _LateCaller(endpoints)
        self._beside = beside

    def __call__(self, task: InvokeTask) -> Exchange:
        segment = segment_of(task)
        if segment is None or self._endpoints.url(segment) is None:
            return self._beside(task)
        match task.resource:
            case LambdaFunction() as function:
                return _perform_function(self._caller, task, function)
            case Integration() as called if called.service.startswith(SDK):
                return _perform_sdk_call(self._caller, task, called, segment)
            case Integration() as called:
                return _perform_optimized(self._caller, task, called, SERVICES[called.service])
            case _:
                return self._beside(task)


class _LateCaller:
    """Calls services, and imports botocore for it no sooner than it must."""

    def __init__(self, endpoints: Endpoints) -> None:
        self._endpoints = endpoints
        self._lock = Lock()
        self._call: Caller | None = None

    def __call__(self, request: Request, task: InvokeTask, of_result: Dialect | None = None, /) -> Answer | Failure:
        with self._lock:
            if self._call is None:
                from stepwell.adapters.tasks.aws.caller import ApiCaller

                self._call = ApiCaller(self._endpoints)
        return self._call(request, task, of_result)


def segment_of(task: InvokeTask) -> str | None:
    """The service that a task calls, as `aws-sdk` integrations name it; None where it calls none that has a row."""
    match task.resource:
        case LambdaFunction():
            return "lambda"
        case Integration(service=service) if service.startswith(SDK):
            return service.removeprefix(SDK)
        case Integration(service=service) if service in SERVICES:
            return SERVICES[service].segment
        case _:
            return None


def _perform_function(caller: Caller, task: InvokeTask, function: LambdaFunction) -> Exchange:
    """The ARN of a function: its event is the input, and what it returns the result, without anything about it."""
    name, qualifier = optimized.split_function_name(function.arn)
    parameters: Members = {"FunctionName": name, "Payload": task.input, "Qualifier": qualifier}
    service = SERVICES["lambda"]
    request = Request(
        segment=service.segment,
        action="invoke",
        parameters=parameters,
        service=service,
        region=function.arn.split(":")[3] or None,
    )
    as_it_came = replace(service.dialect, read_bytes=lambda data: data.decode("utf-8", "replace"))
    answer: Answer | Failure = yield Call(caller, (request, task, as_it_came))
    if isinstance(answer, Failure):
        yield answer
        return
    payload = answer.members.get("Payload")
    yield optimized.function_failure(answer.members) or Succeeded(_json(str(payload or "")))


def _json(text: str) -> str:
    """A payload as JSON: what is none becomes a string."""
    try:
        return dumps(loads(text))
    except InvalidJson:
        return dumps(text)


def _perform_sdk_call(caller: Caller, task: InvokeTask, called: Integration, segment: str) -> Exchange:
    if task.submitted is not None:  # it was called, and is answered by its token
        return
    request = Request(segment=segment, action=called.action, parameters=_members(task.input))
    answer: Answer | Failure = yield Call(caller, (request, task))
    yield from _reported(answer if isinstance(answer, Failure) else answer.members, called)


def _perform_optimized(caller: Caller, task: InvokeTask, called: Integration, service: Service) -> Exchange:
    job = JOBS.get((called.service, called.action))
    is_waited_for = called.pattern in ("sync", "sync:2")
    if called.action not in service.actions or (is_waited_for and job is None):
        yield _not_supported(task)
        return
    prepare = optimized.PREPARATIONS.get((called.service, called.action))
    parameters = _members(task.input)
    request = Request(
        segment=service.segment,
        action=called.action,
        parameters=prepare(parameters, task) if prepare else parameters,
        service=service,
    )
    if is_waited_for and job is not None:
        yield from perform_job(caller, task, service, request, job, called.service)
        return
    if task.submitted is not None:
        return
    answer: Answer | Failure = yield Call(caller, (request, task))
    yield from _reported(answer if isinstance(answer, Failure) else _judged(answer, called, service), called)


def _judged(answer: Answer, called: Integration, service: Service) -> Members | Failure:
    """The result of an optimized integration, or the failure that its answer is."""
    result = answer.with_metadata() if service.has_metadata else answer.members
    objection = optimized.OBJECTIONS.get((called.service, called.action))
    return (objection(result) if objection else None) or result


def _reported(result: Members | Failure, called: Integration) -> Exchange:
    if isinstance(result, Failure):
        yield result
    elif called.pattern == "waitForTaskToken":
        yield Submitted(dumps(result))  # the final answer comes by the token
    else:
        yield Succeeded(dumps(result))


def _members(text: str) -> Members:
    parameters: Json = loads(text)
    return parameters if isinstance(parameters, dict) else {}


def _not_supported(task: InvokeTask) -> Failure:
    return Failure(NOT_SUPPORTED, f"Stepwell has no way to perform {task.resource.arn}. {how_to_bind(task)}")
