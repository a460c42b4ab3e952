"""Tasks that call AWS services at given endpoints: LocalStack, moto's server, `sam local start-lambda`.

Performed are the ARNs of Lambda functions, the optimized integrations that are calls of an API, and `aws-sdk` calls of
any API that botocore has. A task whose service has no endpoint is left to another handler.

Differs from AWS: a message goes to the endpoint of SQS wherever its QueueUrl points; a function is called by its name,
and the account in its ARN counts for nothing.
"""

from collections.abc import Callable, Generator
from threading import Lock
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from stepwell.adapters.tasks.aws import gateway, optimized
from stepwell.adapters.tasks.aws.answers import NOT_SUPPORTED, Answer, Caller, Request
from stepwell.adapters.tasks.aws.endpoints import Endpoints
from stepwell.adapters.tasks.aws.gateway import invoke_api
from stepwell.adapters.tasks.aws.jobs import JOBS, filled, perform_job
from stepwell.adapters.tasks.aws.kubernetes import call_cluster, run_job
from stepwell.adapters.tasks.aws.models import invoke_model
from stepwell.adapters.tasks.aws.optimized import SEGMENTS, SERVICES, Members, Service
from stepwell.adapters.tasks.aws.shaping import Dialect
from stepwell.adapters.tasks.aws.wrappers import WRAPPERS, Wrapper
from stepwell.adapters.tasks.bindings import how_to_bind, unbound
from stepwell.definitions.expressions import Json
from stepwell.definitions.failure import Failure
from stepwell.definitions.json_text import InvalidJson, dumps, loads
from stepwell.definitions.resources import Integration, LambdaFunction
from stepwell.engine.effects import InvokeTask
from stepwell.engine.ports import Call, Exchange, Submitted, Succeeded, TaskHandler

if TYPE_CHECKING:
    from stepwell.adapters.tasks.aws.caller import ApiCaller

SDK = "aws-sdk:"

Answering = Callable[..., Any]
"""Takes a request of botocore's (its event `before-send`), and gives the response."""


class AwsTasks:
    """A `TaskHandler` that calls the services that `endpoints` reach, and leaves every other task to `beside`."""

    def __init__(
        self,
        endpoints: Endpoints,
        beside: TaskHandler = unbound,
        *,
        allowed_hosts: tuple[str, ...] = (),
        answering: Answering | None = None,
    ) -> None:
        """`answering` answers every request itself, in the place of a network."""
        self._endpoints = endpoints
        self._allowed_hosts = allowed_hosts
        self._caller = LateCaller(endpoints, answering)
        self._beside = beside

    def close(self) -> None:
        """Lets go of its connections."""
        self._caller.close()

    def __call__(self, task: InvokeTask) -> Exchange:
        segment = segment_of(task)
        if segment is None or not self._endpoints.reaches(segment):
            return self._beside(task)
        match task.resource:
            case LambdaFunction() as function:
                return _perform_function(self._caller, task, function)
            case Integration() as called if called.service.startswith(SDK):
                return _perform_sdk_call(self._caller, task, called, segment)
            case Integration() as called:
                return self._perform_optimized(task, called)
            case _:
                return self._beside(task)

    def _perform_optimized(self, task: InvokeTask, called: Integration) -> Exchange:
        waits_for_token = called.pattern == "waitForTaskToken"
        match called.service, called.action:
            case "apigateway", "invoke":
                return invoke_api(self._endpoints, task, waits_for_token=waits_for_token)
            case "eks", "call":
                return call_cluster(self._endpoints, self._allowed_hosts, task, waits_for_token=waits_for_token)
            case "eks", "runJob":
                is_waited_for = called.pattern == "sync"
                return run_job(self._endpoints, self._allowed_hosts, task, is_waited_for=is_waited_for)
            case _:
                return _perform_optimized(self._caller, self._endpoints, task, called, SERVICES[called.service])


class LateCaller:
    """Calls services, and imports botocore for it no sooner than it must."""

    def __init__(self, endpoints: Endpoints, answering: Answering | None = None) -> None:
        self._endpoints = endpoints
        self._answering = answering
        self._lock = Lock()
        self._call: ApiCaller | None = None

    def __call__(self, request: Request, task: InvokeTask, of_result: Dialect | None = None, /) -> Answer | Failure:
        with self._lock:
            if self._call is None:
                from stepwell.adapters.tasks.aws.caller import ApiCaller

                self._call = ApiCaller(self._endpoints, self._answering)
        return self._call(request, task, of_result)

    def close(self) -> None:
        with self._lock:
            if self._call is not None:
                self._call.close()


def segment_of(task: InvokeTask) -> str | None:
    """The service that a task calls, as `aws-sdk` integrations name it; None where it calls none that has a row."""
    match task.resource:
        case LambdaFunction():
            return "lambda"
        case Integration(service=service) if service.startswith(SDK):
            return service.removeprefix(SDK)
        case Integration(service="apigateway"):
            return gateway.SEGMENT
        case Integration(service=service, action=action) if service in SERVICES:
            return SEGMENTS.get((service, action), SERVICES[service].segment)
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


def _perform_optimized(
    caller: Caller, endpoints: Endpoints, task: InvokeTask, called: Integration, service: Service
) -> Exchange:
    key = called.service, called.action
    job = JOBS.get(key)
    is_waited_for = called.pattern in ("sync", "sync:2")
    if called.action not in service.actions or (is_waited_for and job is None):
        yield _not_supported(task)
        return
    prepare = optimized.PREPARATIONS.get(key)
    given = _members(task.input)
    parameters = prepare(given, task) if prepare else given
    segment = SEGMENTS.get(key, service.segment)
    request = Request(segment=segment, action=called.action, parameters=parameters, service=service)
    if task.submitted is not None and not is_waited_for:
        return
    if key == ("bedrock", "invokeModel"):
        waits_for_token = called.pattern == "waitForTaskToken"
        yield from invoke_model(caller, endpoints, task, request, waits_for_token=waits_for_token)
        return
    wrapper = WRAPPERS.get(key)
    if wrapper is not None:
        wanted: Json | Failure = (yield from _wanted(caller, task, request, wrapper)) if wrapper.wanted else None
        if isinstance(wanted, Failure):
            yield wanted
            return
        api_parameters = filled(wrapper.parameters, parameters, None, wanted)
        request = replace(request, action=wrapper.action, parameters=api_parameters)

    def judged(answer: Answer) -> Members | Failure:
        """The result of the integration, or the failure that its answer is."""
        shown = answer if wrapper is None else replace(answer, members=_wrapped(wrapper, answer))
        result = shown.with_metadata() if service.has_metadata else shown.members
        objection = optimized.OBJECTIONS.get(key)
        return (objection(result) if objection else None) or result

    if is_waited_for and job is not None:
        yield from perform_job(caller, task, service, request, job, parameters, judged)
        return
    answer: Answer | Failure = yield Call(caller, (request, task))
    yield from _reported(answer if isinstance(answer, Failure) else judged(answer), called)


def _wrapped(wrapper: Wrapper, answer: Answer) -> Members:
    result: Members | None = filled(wrapper.result, {}, answer.members)
    return result or {}


def _wanted(
    caller: Caller, task: InvokeTask, request: Request, wrapper: Wrapper
) -> Generator[Call, Any, Json | Failure]:
    """What the task gives by its name, as the API lists it."""
    wanted = wrapper.wanted
    assert wanted is not None, "asked for only where something is wanted"
    cluster, name = request.parameters.get("ClusterId"), request.parameters.get(wanted.named)
    parameters: Members = {"ClusterId": cluster}
    while True:
        listed: Answer | Failure = yield Call(
            caller, (replace(request, action=wanted.ask, parameters=parameters), task)
        )
        if isinstance(listed, Failure):
            return listed
        for each in listed.members.get(wanted.listed) or ():
            if each.get("Name") == name:
                return each
        if not listed.members.get("Marker"):
            break
        parameters = {"ClusterId": cluster, "Marker": listed.members["Marker"]}
    return Failure(
        "ElasticMapReduce.InvalidRequestException", f"{wanted.named} {name!r} is not found in cluster {cluster!r}."
    )


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
