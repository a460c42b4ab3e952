"""The service integrations that exist: services, actions, patterns, and what the parameters of each may be.

Rule 1: refused is only what is certain: an optimized integration that is not in the catalogue, a parameter that its API
does not know, an action that is barred. A service that `aws-sdk` integrations are not known to have may be a new one.
Rule 2: a parameter that is null is given. What the service makes of it is the service's affair.
Rule 3: whatever is no array, object, number or truth value where one belongs has an invalid format; every value is
good for a text.

Facts: AWS developer guide, "Integrating optimized services", "Unsupported API actions for supported services".
"""

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache

from msgspec import Struct

from stepwell.definitions import integration_parameters
from stepwell.definitions.expressions import Json
from stepwell.definitions.resources import Integration, Pattern

SDK = "aws-sdk:"

CALLBACK: Pattern = "waitForTaskToken"

_CALL: frozenset[Pattern] = frozenset({""})
_TOKEN: frozenset[Pattern] = frozenset({"", CALLBACK})
_JOB: frozenset[Pattern] = frozenset({"", "sync"})
_ANY: frozenset[Pattern] = frozenset({"", "sync", "sync:2", CALLBACK})


def _actions(patterns: frozenset[Pattern], *names: str) -> dict[str, frozenset[Pattern]]:
    return dict.fromkeys(names, patterns)


OPTIMIZED: Mapping[str, Mapping[str, frozenset[Pattern]]] = {
    "apigateway": _actions(_TOKEN, "invoke"),
    "athena": _actions(_JOB, "startQueryExecution")
    | _actions(_CALL, "stopQueryExecution", "getQueryExecution", "getQueryResults"),
    "batch": _actions(_JOB, "submitJob"),
    "bedrock": _actions(_TOKEN, "invokeModel") | _actions(_JOB, "createModelCustomizationJob"),
    "codebuild": _actions(_JOB, "startBuild", "startBuildBatch", "retryBuildBatch", "deleteBuildBatch")
    | _actions(_CALL, "stopBuild", "stopBuildBatch", "batchDeleteBuilds", "batchGetReports"),
    "databrew": _actions(_JOB, "startJobRun"),
    "dynamodb": _actions(_CALL, "getItem", "putItem", "updateItem", "deleteItem"),
    "ecs": _actions(_JOB | _TOKEN, "runTask"),
    "eks": _actions(_JOB, "createCluster", "deleteCluster", "createNodegroup", "deleteNodegroup")
    | _actions(_JOB, "createFargateProfile", "deleteFargateProfile", "runJob")
    | _actions(_TOKEN, "call"),
    "elasticmapreduce": _actions(_JOB, "createCluster", "terminateCluster", "addStep")
    | _actions(_CALL, "cancelStep", "setClusterTerminationProtection")
    | _actions(_CALL, "modifyInstanceFleetByName", "modifyInstanceGroupByName"),
    "emr-containers": _actions(_CALL, "createVirtualCluster") | _actions(_JOB, "deleteVirtualCluster", "startJobRun"),
    "emr-serverless": _actions(_JOB, "createApplication", "startApplication", "stopApplication", "deleteApplication")
    | _actions(_JOB, "startJobRun", "cancelJobRun"),
    "events": _actions(_TOKEN, "putEvents"),
    "glue": _actions(_JOB, "startJobRun"),
    "http": _actions(_CALL, "invoke"),
    "lambda": _actions(_TOKEN, "invoke"),
    "mediaconvert": _actions(_JOB, "createJob"),
    "sagemaker": _actions(_JOB, "createTrainingJob", "createTransformJob", "createProcessingJob")
    | _actions(_JOB, "createHyperParameterTuningJob", "createLabelingJob")
    | _actions(_CALL, "createModel", "createEndpoint", "createEndpointConfig", "updateEndpoint"),
    "sns": _actions(_TOKEN, "publish"),
    "sqs": _actions(_TOKEN, "sendMessage"),
    "states": _actions(_ANY, "startExecution"),
}
"""The optimized integrations: service, action, and the patterns it has."""

OPEN = frozenset({"bedrockagentcore"})
"""Optimized services that are there, and whose actions are not all known."""

BARRED: Mapping[str, frozenset[str]] = {
    "applicationdiscovery": frozenset({"describeExportConfigurations", "exportConfigurations"}),
    "codedeploy": frozenset(
        {
            *("batchGetDeploymentInstances", "getDeploymentInstance", "listDeploymentInstances"),
            "skipWaitTimeForInstanceTermination",
        }
    ),
    "comprehendmedical": frozenset({"detectEntities"}),
    "directconnect": frozenset(
        {
            *("allocateConnectionOnInterconnect", "describeConnectionLoa", "describeConnectionsOnInterconnect"),
            "describeInterconnectLoa",
        }
    ),
    "efs": frozenset({"createTags", "deleteTags", "describeTags"}),
    "elastictranscoder": frozenset({"testRole"}),
    "emr": frozenset({"describeJobFlows"}),
    "iot": frozenset(
        {"attachPrincipalPolicy", "detachPrincipalPolicy", "listPolicyPrincipals", "listPrincipalPolicies"}
    ),
    "iotdeviceadvisor": frozenset({"listTestCases"}),
    "kinesis": frozenset({"subscribeToShard"}),
    "lambda": frozenset({"invokeAsync"}),
    "lexruntimev2": frozenset({"startConversation"}),
    "mediapackage": frozenset({"rotateChannelCredentials"}),
    "rdsdata": frozenset({"executeSql"}),
    "s3": frozenset({"selectObjectContent"}),
    "s3control": frozenset({"selectObjectContent"}),
    "shield": frozenset({"deleteSubscription"}),
    "sts": frozenset({"assumeRole", "assumeRoleWithSAML", "assumeRoleWithWebIdentity"}),
}
"""Actions that `aws-sdk` integrations do not have, by service."""

MISNAMED = frozenset(
    {
        *("ce", "cur", "dms", "ds", "elb", "elbv2", "es", "events", "logs", "mgh", "sdb", "serverlessrepo", "states"),
        *("stepfunctions", "elasticmapreduce", "monitoring", "cognitoidp"),
    }
)
"""What services are called elsewhere (by the AWS CLI, in IAM policies) and never in a Resource, where they have another
name: `cloudwatchlogs`, `sfn`."""


def exists(called: Integration) -> bool:
    """Whether Step Functions has the integration, as far as that can be told."""
    if called.service.startswith(SDK):
        segment = called.service.removeprefix(SDK)
        is_named = segment.isalnum() and segment not in MISNAMED
        return is_named and called.pattern in _TOKEN and called.action not in BARRED.get(segment, ())
    if called.service in OPEN:
        return True
    return called.pattern in OPTIMIZED.get(called.service, {}).get(called.action, ())


# --- parameters -------------------------------------------------------------------------------------------------------

ENDPOINT = "ClusterName! CertificateAuthority! Endpoint!"
"""How the integrations that talk to a cluster of Kubernetes itself are told which."""

OWN_PARAMETERS: Mapping[str, str] = {
    "apigateway:invoke": (
        "ApiEndpoint! Method! Headers:h Stage Path QueryParameters:m RequestBody AllowNullValues:b AuthType"
    ),
    "bedrock:invokeModel": (
        "ModelId! Body Input:m Output:m ContentType Accept Trace GuardrailIdentifier GuardrailVersion "
        "PerformanceConfigLatency ServiceTier"
    ),
    "eks:call": f"{ENDPOINT} Method! Path! QueryParameters:m RequestBody",
    "eks:runJob": f"{ENDPOINT} Namespace Job! LogOptions:m",
    "elasticmapreduce:addStep": "ClusterId! Step!:m ExecutionRoleArn",
    "elasticmapreduce:cancelStep": "ClusterId! StepId! StepCancellationOption",
    "elasticmapreduce:modifyInstanceFleetByName": "ClusterId! InstanceFleetName! InstanceFleet!:m",
    "elasticmapreduce:modifyInstanceGroupByName": "ClusterId! InstanceGroupName! InstanceGroup!:m",
    "elasticmapreduce:setClusterTerminationProtection": "ClusterId! TerminationProtected!:b",
    "elasticmapreduce:terminateCluster": "ClusterId!",
    "http:invoke": (
        "ApiEndpoint! Method! Authentication:m InvocationConfig:m Headers QueryParameters RequestBody Transform:m"
    ),
    "states:startExecution": "StateMachineArn! Name Input TraceHeader",
}
"""Parameters that are Step Functions' own: written as `integration_parameters` is, and `:h` for an object of arrays.

Left out: `elasticmapreduce:createCluster`, which takes most of what another API takes."""


class Parameters(Struct, frozen=True, kw_only=True):
    """What an action takes."""

    names: frozenset[str]
    required: tuple[str, ...]
    checks: Mapping[str, Callable[[Json], bool]]
    """Those that not every value is good for."""


def parameter_faults(called: Integration, parameters: Json) -> list[str]:
    """What AWS says of parameters with which a task cannot be started; nothing where they are not known."""
    check = parameter_check(called)
    return check(parameters) if check is not None else []


def parameter_check(called: Integration) -> Callable[[Json], list[str]] | None:
    """`parameter_faults` of one integration, for who asks often; None where its parameters are not known."""
    accepted = parameters_of(called)
    if accepted is None:
        return None
    names, required, checks = accepted.names, frozenset(accepted.required), [*accepted.checks.items()]

    def check(parameters: Json) -> list[str]:
        if not isinstance(parameters, dict):
            return []
        if not required <= parameters.keys() <= names:
            return [*_faults(accepted, parameters)]
        for name, is_usable in checks:
            if name in parameters and not is_usable(parameters[name]):
                return [*_faults(accepted, parameters)]
        return []

    return check


def literal_faults(called: Integration, template: Json, *, has_paths: bool) -> Iterator[str]:
    """What AWS says of the names in a template of parameters. `has_paths`: a name may end in `.$`."""
    accepted = parameters_of(called)
    if accepted is None or not isinstance(template, dict):
        return
    given = [name.removesuffix(".$") if has_paths else name for name in template]
    yield from (_unsupported(name) for name in given if name not in accepted.names)
    yield from (_missing(name) for name in accepted.required if name not in given)


@lru_cache(maxsize=256)
def parameters_of(called: Integration) -> Parameters | None:
    """What the integration takes; None where that is not known."""
    key = f"{called.service}:{called.action}"
    row = OWN_PARAMETERS.get(key) or integration_parameters.PARAMETERS.get(key)
    if row is None:
        return None
    fields = [field.partition(":") for field in row.split()]
    return Parameters(
        names=frozenset(name.rstrip("!") for name, _, _ in fields),
        required=tuple(name.rstrip("!") for name, _, _ in fields if name.endswith("!")),
        checks={name.rstrip("!"): _KINDS[kind] for name, _, kind in fields if kind},
    )


def _faults(accepted: Parameters, parameters: dict[str, Json]) -> Iterator[str]:
    for name, value in parameters.items():
        if name not in accepted.names:
            yield _unsupported(name)
        elif name in accepted.checks and not accepted.checks[name](value):
            yield f"The value of the field '{name}' has an invalid format"
    yield from (_missing(name) for name in accepted.required if name not in parameters)


def _unsupported(name: str) -> str:
    return f"The field '{name}' is not supported by Step Functions"


def _missing(name: str) -> str:
    return f"The field '{name}' is required but was missing"


def _is_array(value: Json) -> bool:
    return value is None or isinstance(value, list)


def _is_object(value: Json) -> bool:
    return value is None or isinstance(value, dict)


def _has_arrays(value: Json) -> bool:
    return value is None or (isinstance(value, dict) and all(_is_array(member) for member in value.values()))


def _is_number(value: Json) -> bool:
    """Numbers may be given as texts, as to Java's reader of JSON."""
    if isinstance(value, str):
        try:
            float(value)
        except ValueError:
            return False
        return True
    return not isinstance(value, bool | list | dict)


def _is_truth(value: Json) -> bool:
    return value is None or isinstance(value, bool) or value in ("true", "false")


_KINDS: Mapping[str, Callable[[Json], bool]] = {
    "b": _is_truth,
    "h": _has_arrays,
    "l": _is_array,
    "m": _is_object,
    "n": _is_number,
}
