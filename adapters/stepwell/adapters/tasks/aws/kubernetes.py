"""eks:call and eks:runJob: requests to the API of a cluster's Kubernetes, at the `Endpoint` that the task gives.

Who asks is told by a token of Amazon EKS: a signed request to STS, which the cluster has sent to learn who it is. An
Endpoint on loopback is always asked, any other only where its host is allowed or AWS itself is called.

Inferred: the shape of the result (that of an API of API Gateway), the errors (`EKS.<status>`), the shape of `logs`.
"""

import base64
import binascii
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from msgspec import Struct

from stepwell.adapters.tasks.aws.endpoints import Endpoints
from stepwell.adapters.tasks.aws.gateway import outcome_of, pairs
from stepwell.adapters.tasks.web import NoAnswer, Outgoing, host_of, may_be_asked, send
from stepwell.definitions.expressions import Json
from stepwell.definitions.failure import RUNTIME, TASK_FAILED, Failure
from stepwell.definitions.json_text import InvalidJson, dumps, loads
from stepwell.engine.effects import InvokeTask
from stepwell.engine.ports import Call, Exchange, Pause, Submitted, Succeeded, TaskCancelled

NOT_ALLOWED = "Stepwell.HostNotAllowed"

PAUSE_SECONDS = 5.0
"""How long between two questions after a job."""

Members = dict[str, Json]


class Cluster(Struct, frozen=True, kw_only=True):
    """Where a cluster is asked, and in whose name."""

    url: str
    name: str
    certificate_authority: str
    endpoints: Endpoints
    region: str


def call_cluster(
    endpoints: Endpoints, allowed_hosts: tuple[str, ...], task: InvokeTask, *, waits_for_token: bool
) -> Exchange:
    """eks:call: any request to the cluster."""
    if task.submitted is not None:
        return
    given = _members(task)
    cluster = _cluster(given, endpoints, allowed_hosts, task)
    if isinstance(cluster, Failure):
        yield cluster
        return
    path = "/" + quote(str(given.get("Path")).lstrip("/"), safe="/%-._~!$&'()*+,;=:@")
    query = urlencode([*pairs(given.get("QueryParameters"))])
    asked = (cluster, str(given.get("Method")), f"{path}?{query}" if query else path, given.get("RequestBody"))
    outcome: str | Failure = yield Call(_ask, asked)
    if isinstance(outcome, Failure):
        yield outcome
    else:
        yield Submitted(outcome) if waits_for_token else Succeeded(outcome)


def run_job(endpoints: Endpoints, allowed_hosts: tuple[str, ...], task: InvokeTask, *, is_waited_for: bool) -> Exchange:
    """eks:runJob: a Job of Kubernetes is created and, where it is waited for, asked for until it has ended."""
    given = _members(task)
    cluster = _cluster(given, endpoints, allowed_hosts, task)
    if isinstance(cluster, Failure):
        yield cluster
        return
    jobs = f"/apis/batch/v1/namespaces/{quote(str(given.get('Namespace') or 'default'))}/jobs"
    if task.submitted is None:
        begun: str | Failure = yield Call(_ask, (cluster, "POST", jobs, given.get("Job")))
        if isinstance(begun, Failure):
            yield begun
            return
        if not is_waited_for:
            yield Succeeded(begun)
            return
        yield Submitted(begun)
    else:
        begun = task.submitted
    name = _at(loads(begun), "ResponseBody", "metadata", "name")
    job = f"{jobs}/{quote(str(name))}"
    try:
        yield from _await(cluster, given, job)
    except TaskCancelled:
        yield Call(_ask, (cluster, "DELETE", f"{job}?propagationPolicy=Background", None))


def _await(cluster: Cluster, given: Members, job: str) -> Exchange:
    while True:
        yield Pause(PAUSE_SECONDS)
        told: str | Failure = yield Call(_ask, (cluster, "GET", job, None))
        if isinstance(told, Failure):
            yield told
            return
        result = loads(told)
        conditions = _at(result, "ResponseBody", "status", "conditions") or []
        ended = {condition["type"] for condition in conditions if condition.get("status") == "True"}
        if not ended & {"Complete", "Failed"}:
            continue
        options = given.get("LogOptions")
        if isinstance(options, dict) and options.get("RetrieveLogs") in (True, "true"):
            result["logs"] = yield Call(_logs, (cluster, job, options))
        yield Failure(TASK_FAILED, dumps(result)) if "Failed" in ended else Succeeded(dumps(result))
        return


def _logs(cluster: Cluster, job: str, options: Mapping[str, Json]) -> Json:
    """The logs of a job's containers, as JSON where they are that and are not wanted raw."""
    jobs, _, name = job.rpartition("/")
    pods = jobs.removesuffix("/jobs").replace("/apis/batch/v1/", "/api/v1/") + "/pods"
    listed = _ask(cluster, "GET", f"{pods}?{urlencode({'labelSelector': f'job-name={name}'})}", None)
    items = [] if isinstance(listed, Failure) else _at(loads(listed), "ResponseBody", "items") or []
    is_raw = options.get("RawLogs") in (True, "true")
    told: Members = {}
    for pod in items:
        containers: Members = {}
        for container in _at(pod, "spec", "containers") or []:
            query = urlencode([("container", container["name"]), *pairs(options.get("LogParameters"))])
            read = _ask(cluster, "GET", f"{pods}/{quote(pod['metadata']['name'])}/log?{query}", None)
            text = "" if isinstance(read, Failure) else _at(loads(read), "ResponseBody")
            containers[container["name"]] = {"log": text if is_raw else _json_or_text(text)}
        told[pod["metadata"]["name"]] = {"containers": containers}
    return {"pods": told}


def _json_or_text(value: Json) -> Json:
    try:
        return loads(value) if isinstance(value, str) else value
    except InvalidJson:
        return value


# --- the cluster ------------------------------------------------------------------------------------------------------


def _members(task: InvokeTask) -> Members:
    parameters = loads(task.input)
    return parameters if isinstance(parameters, dict) else {}


def _cluster(
    given: Members, endpoints: Endpoints, allowed_hosts: tuple[str, ...], task: InvokeTask
) -> Cluster | Failure:
    url = str(given.get("Endpoint"))
    host = host_of(url)
    try:
        authority = base64.b64decode(str(given.get("CertificateAuthority")), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        authority = ""
    if host is None or not authority:
        field = "Endpoint" if host is None else "CertificateAuthority"
        fault = f"The value of the field '{field}' has an invalid format"
        return Failure(RUNTIME, f"The Parameters '{task.input}' could not be used to start the Task: [{fault}]")
    if not (endpoints.is_real("eks") or may_be_asked(host, allowed_hosts)):
        return Failure(NOT_ALLOWED, f"The host {host!r} of the cluster is not allowed to be asked (allowed_hosts).")
    return Cluster(
        url=url.rstrip("/"),
        name=str(given.get("ClusterName")),
        certificate_authority=authority,
        endpoints=endpoints,
        region=endpoints.region or task.execution_arn.split(":")[3] or "us-east-1",
    )


def _ask(cluster: Cluster, method: str, path: str, body: Json) -> str | Failure:
    """The result as JSON text; blocks."""
    from botocore.exceptions import BotoCoreError  # here, not above: who asks no cluster pays nothing for botocore

    try:
        token = _token(cluster)
    except BotoCoreError as fault:
        return Failure("EKS.SdkClientException", str(fault))
    headers = [("Authorization", f"Bearer {token}"), ("Accept", "application/json, */*")]
    if body is not None:
        headers.append(("Content-Type", "application/json"))
    answer = send(
        Outgoing(
            method=method,
            url=cluster.url + path,
            headers=headers,
            body=None if body is None else dumps(body).encode(),
            certificate_authority=cluster.certificate_authority if cluster.url.startswith("https:") else None,
        )
    )
    if isinstance(answer, NoAnswer):
        return Failure("EKS.SdkClientException", f"Unable to execute HTTP request: {answer.reason}")
    return outcome_of(answer, "EKS", "eks")


TOKEN_PREFIX = "k8s-aws-v1."
TOKEN_SECONDS = 60


def _token(cluster: Cluster) -> str:
    """A signed request GetCallerIdentity, as the authenticator of Amazon EKS reads it."""
    from botocore.auth import SigV4QueryAuth
    from botocore.awsrequest import AWSRequest

    from stepwell.adapters.tasks.aws.clients import signer

    request: Any = AWSRequest(
        "GET",
        f"https://sts.{cluster.region}.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15",
        headers={"x-k8s-aws-id": cluster.name},
    )
    caller = signer(cluster.endpoints.credentials_for("eks"))
    SigV4QueryAuth(caller, "sts", cluster.region, expires=TOKEN_SECONDS).add_auth(request)
    return TOKEN_PREFIX + base64.urlsafe_b64encode(request.url.encode()).decode().rstrip("=")


def _at(value: Json, *path: str) -> Any:
    """What stands there, or None."""
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    return value
