"""The APIs of AWS, as far as mocked results are held against them: botocore's models.

    fault_of(integration, result, FieldValidationMode.STRICT)  ->  "Field 'StartDate' must be a string", or None

Rule 1: botocore is imported where it is asked something; whoever has no mock does not pay for it.
Rule 2: what is not known is not refused: an API that botocore does not have, and integrations whose answer is of their
own making (HTTP, API Gateway, `eks:call`, most of Amazon EMR).
Rule 3: names are those that Step Functions shows: optimized integrations capitalise the API's, `aws-sdk` ones write
them as the AWS SDK for Java 2 does.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from stepwell.adapters.tasks.aws.names import capitalized, client_name, sdk_member
from stepwell.definitions.expressions import Json
from stepwell.definitions.resources import Integration
from stepwell.engine.operations.test_state import FieldValidationMode

if TYPE_CHECKING:
    from botocore.model import Shape

SDK: Final = "aws-sdk:"

OPTIMIZED: Final = frozenset(
    {
        *("athena", "batch", "bedrock", "codebuild", "databrew", "dynamodb", "ecs", "eks", "emr-containers"),
        *("emr-serverless", "events", "glue", "lambda", "mediaconvert", "sagemaker", "sns", "sqs", "states"),
    }
)
"""The services whose integrations answer with what the API answers: named as botocore names them, but for `states`."""

OPERATIONS: Final = {("bedrock", "invokeModel"): ("bedrock-runtime", "InvokeModel")}
"""Integrations that call an API of another service than their name says."""

POLLED: Final[Mapping[tuple[str, str], tuple[str, ...]]] = {
    ("athena", "startQueryExecution"): ("GetQueryExecution",),
    ("batch", "submitJob"): ("DescribeJobs", "jobs"),
    ("bedrock", "createModelCustomizationJob"): ("GetModelCustomizationJob",),
    ("codebuild", "startBuild"): ("StartBuild",),
    ("codebuild", "startBuildBatch"): ("StartBuildBatch",),
    ("codebuild", "retryBuildBatch"): ("RetryBuildBatch",),
    ("codebuild", "deleteBuildBatch"): ("DeleteBuildBatch",),
    ("databrew", "startJobRun"): ("DescribeJobRun",),
    ("ecs", "runTask"): ("DescribeTasks", "tasks"),
    ("eks", "createCluster"): ("DescribeCluster",),
    ("eks", "createFargateProfile"): ("DescribeFargateProfile",),
    ("eks", "createNodegroup"): ("DescribeNodegroup",),
    ("eks", "deleteCluster"): ("DescribeCluster",),
    ("eks", "deleteFargateProfile"): ("DescribeFargateProfile",),
    ("eks", "deleteNodegroup"): ("DescribeNodegroup",),
    ("emr-containers", "deleteVirtualCluster"): ("DescribeVirtualCluster",),
    ("emr-containers", "startJobRun"): ("DescribeJobRun",),
    ("emr-serverless", "cancelJobRun"): ("GetJobRun",),
    ("emr-serverless", "createApplication"): ("GetApplication",),
    ("emr-serverless", "deleteApplication"): ("GetApplication",),
    ("emr-serverless", "startApplication"): ("GetApplication",),
    ("emr-serverless", "startJobRun"): ("GetJobRun",),
    ("emr-serverless", "stopApplication"): ("GetApplication",),
    ("glue", "startJobRun"): ("GetJobRun", "JobRun"),
    ("mediaconvert", "createJob"): ("GetJob",),
    ("sagemaker", "createHyperParameterTuningJob"): ("DescribeHyperParameterTuningJob",),
    ("sagemaker", "createLabelingJob"): ("DescribeLabelingJob",),
    ("sagemaker", "createProcessingJob"): ("DescribeProcessingJob",),
    ("sagemaker", "createTrainingJob"): ("DescribeTrainingJob",),
    ("sagemaker", "createTransformJob"): ("DescribeTransformJob",),
    ("states", "startExecution"): ("DescribeExecution",),
}
"""What tells the result of a `.sync` task: an operation, and the member of its answer that is the result (of an array,
an element). A job that the service describes within its own answer keeps the shape of that answer."""

ANY_JSON: Final[Mapping[tuple[str, str], frozenset[str]]] = {
    ("bedrock", "invokeModel"): frozenset({"Body"}),
    ("lambda", "invoke"): frozenset({"Payload"}),
    ("states", "startExecution.sync:2"): frozenset({"Input", "Output"}),
}
"""Members that are texts in the API, and JSON of any kind in the result of the task: by service and label."""


MEASURED: Final[Mapping[str, Mapping[str, Mapping[str, int]]]] = {"lambda": {"MemorySize": {"max": 10_240}}}
"""Limits that TestState was seen to hold results to, by service and shape, where the API's model has other ones now."""


def fault_of(called: Integration, result: Json, mode: FieldValidationMode) -> str | None:
    """What is wrong with the mocked result of an integration, in AWS's words; None where nothing is.

    STRICT: required members must be there. In both modes members that are there must conform; unknown ones are passed
    over, and so is `null`. A task that waits for its token may be answered with anything.
    """
    if mode is FieldValidationMode.NONE or called.pattern == "waitForTaskToken":
        return None
    shape = result_shape(called)
    if shape is None:
        return None
    named = naming_of(called)
    free = ANY_JSON.get((called.service, called.label), frozenset())
    return next(_faults("", result, shape, named, mode is FieldValidationMode.STRICT, free), None)


# --- shapes -----------------------------------------------------------------------------------------------------------


def result_shape(called: Integration) -> "Shape | None":
    """The shape of the task's result; None where it is not known."""
    if not called.pattern or called.service.startswith(SDK):
        return None if called.pattern == "waitForTaskToken" else answer_shape(called)
    operation, *members = POLLED.get((called.service, called.action), ("",))
    shape = _shape(_api_of(called.service), operation, "output_shape")
    for member in members:
        shape = None if shape is None else shape.members[member]
    return getattr(shape, "member", shape)  # of an array, its element


def answer_shape(called: Integration) -> "Shape | None":
    """The shape of what the API answers at once; None where it is not known."""
    return _shape(*_operation_of(called), "output_shape")


def parameters_shape(called: Integration) -> "Shape | None":
    """The shape of the task's parameters; None where it is not known."""
    return _shape(*_operation_of(called), "input_shape")


def naming_of(called: Integration) -> "Naming":
    """How an integration spells the members of shapes."""
    return sdk_member if called.service.startswith(SDK) else capitalized


def _operation_of(called: Integration) -> tuple[str, str]:
    if called.service.startswith(SDK):
        return called.service.removeprefix(SDK), called.action
    return OPERATIONS.get((called.service, called.action), (_api_of(called.service), called.action))


def _api_of(service: str) -> str:
    """The name of the API that an optimized integration calls; empty where its answer is of its own making."""
    return "" if service not in OPTIMIZED else "sfn" if service == "states" else service


def _shape(service: str, operation: str, part: str) -> "Shape | None":
    """The input or output of an API's operation, whose name may begin with a small letter; None for an unknown one."""
    model = _service_model(service)
    if model is None or not operation:
        return None
    wanted = operation.lower()
    found = next((name for name in model.operation_names if name.lower() == wanted), None)
    return None if found is None else getattr(model.operation_model(found), part)


@lru_cache(maxsize=32)
def _service_model(service: str) -> Any:
    """botocore's model of a service, by its name or its segment; None where it has none."""
    # Imported here: it takes a tenth of a second, and most tests need none of it.
    from botocore.loaders import Loader
    from botocore.model import ServiceModel

    loader = Loader()
    name = client_name(service, loader.list_available_services("service-2"))
    if name is None:
        return None
    description = loader.load_service_model(name, "service-2")
    for shape, limits in MEASURED.get(name, {}).items():
        description["shapes"][shape].update(limits)
    return ServiceModel(description, name)


# --- faults -----------------------------------------------------------------------------------------------------------


Naming = Callable[[str], str]

KINDS: Final[Mapping[str, tuple[str, Callable[[Json], bool]]]] = {
    "blob": ("a string", lambda value: isinstance(value, str)),
    "boolean": ("a boolean", lambda value: isinstance(value, bool)),
    "list": ("an array", lambda value: isinstance(value, list)),
    "map": ("an object", lambda value: isinstance(value, dict)),
    "number": ("a number", lambda value: isinstance(value, int | float) and not isinstance(value, bool)),
    "string": ("a string", lambda value: isinstance(value, str)),
    "structure": ("an object", lambda value: isinstance(value, dict)),
    "timestamp": ("a string", lambda value: isinstance(value, str)),
}
"""What a value must be, by the type of its shape. The texts for booleans and objects are not recorded."""

NUMBERS: Final = frozenset({"bigdecimal", "biginteger", "double", "float", "integer", "long", "short", "byte"})


def _faults(
    name: str, value: Json, shape: "Shape", named: Naming, is_strict: bool, free: frozenset[str]
) -> Iterator[str]:
    """The faults of a value that stands in the member of this name; elements of arrays and maps have its name."""
    type_name = "number" if shape.type_name in NUMBERS else shape.type_name
    if value is None or getattr(shape, "is_document_type", False) or type_name not in KINDS:
        return
    kind, is_one = KINDS[type_name]
    if not is_one(value):
        yield f"{_field(name)} must be {kind}"
        return
    if type_name == "structure":
        yield from _faults_of_members(value, shape, named, is_strict, free)
        return
    yield from _faults_of_limits(name, value, shape)
    if type_name in ("list", "map"):
        inner = shape.member if type_name == "list" else shape.value
        for element in value if type_name == "list" else value.values():
            yield from _faults(name, element, inner, named, is_strict, frozenset())


def _faults_of_members(
    value: Mapping[str, Json], shape: "Shape", named: Naming, is_strict: bool, free: frozenset[str]
) -> Iterator[str]:
    members = {named(name): (name, member) for name, member in shape.members.items()}
    required = shape.required_members if is_strict else ()
    for shown, (name, _) in members.items():
        if name in required and value.get(shown) is None:
            yield f"Required field '{shown}' is missing"
    for shown, inner in value.items():
        if shown in members and shown not in free:
            yield from _faults(shown, inner, members[shown][1], named, is_strict, frozenset())


def _faults_of_limits(name: str, value: Json, shape: "Shape") -> Iterator[str]:
    """The text for what is too long is inferred from the other three."""
    if shape.type_name == "string" and shape.enum and value not in shape.enum:
        yield f"{_field(name)} is not an expected value"
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if isinstance(value, str | list | dict):
        if least is not None and len(value) < least:
            yield f"{_field(name)} is smaller than the minimum length"
        if most is not None and len(value) > most:
            yield f"{_field(name)} exceeds the maximum length"
    else:
        if least is not None and value < least:
            yield f"{_field(name)} is less than the minimum value"
        if most is not None and value > most:
            yield f"{_field(name)} exceeds the maximum value"


def _field(name: str) -> str:
    return f"Field '{name}'" if name else "Result"
