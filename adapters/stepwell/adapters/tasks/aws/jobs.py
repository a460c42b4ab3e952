"""Jobs that are waited for: `.sync`. One exchange for all of them, one row for each.

A job is begun and asked for until it has ended. Its result is what the service then tells of it, with moments in
milliseconds since the epoch. A job that did not succeed fails the task with `States.TaskFailed`, and the same as cause.
One whose task is given up is stopped.
"""

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from stepwell.adapters.tasks.aws.answers import Answer, Caller, Request
from stepwell.adapters.tasks.aws.optimized import Members, Service
from stepwell.adapters.tasks.aws.shaping import epoch_moment
from stepwell.definitions.expressions import Json
from stepwell.definitions.failure import TASK_FAILED, Failure
from stepwell.definitions.json_text import dumps, loads
from stepwell.engine.effects import InvokeTask
from stepwell.engine.ports import Call, Exchange, Pause, Submitted, Succeeded, TaskCancelled

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 16.0

SILENCES = 5
"""So many times in a row a job may be asked for in vain."""


class Given(Struct, frozen=True):
    """A member of the task's parameters; without a name, all of them."""

    name: str = ""


class Begun(Struct, frozen=True):
    """What stands there in the answer that began the job."""

    path: tuple[str | int, ...]


class Told(Struct, frozen=True):
    """What stands there in the answer that tells of the job."""

    path: tuple[str | int, ...]


class Merged(Struct, frozen=True):
    """The members of several objects in one."""

    parts: tuple[Any, ...]


Template = Json | Given | Begun | Told | Merged | Mapping[str, Any] | list[Any]


def _stays(_told: Answer | Failure) -> bool:
    return False


def _is_not_found(told: Answer | Failure) -> bool:
    """Whether the service does not know it any more."""
    return isinstance(told, Failure) and (told.error or "").endswith(".ResourceNotFoundException")


class Job(Struct, frozen=True, kw_only=True):
    """How a job is asked for, when it has ended, and how it is stopped."""

    ask: str
    """The action that tells of it."""
    ask_with: Template
    state: Told
    succeeded: frozenset[str]
    failed: frozenset[str]
    result: Template
    stop: str | None = None
    """None for what cannot be undone."""
    stop_with: Template = None
    is_gone: Callable[[Answer | Failure], bool] = _stays
    """Whether an answer tells that it has been removed, which is then what was wanted."""
    has_succeeded: Callable[[Json], bool] = lambda _result: True
    """Whether one that came to its end has also done what it should."""


def _stops_well(task: Json) -> bool:
    """Whether the containers of an ECS task have ended, and none with another code than 0."""
    if not isinstance(task, dict) or task.get("StopCode", "EssentialContainerExited") != "EssentialContainerExited":
        return False
    containers = task.get("Containers")
    return isinstance(containers, list) and not any(
        container.get("ExitCode") for container in containers if isinstance(container, dict)
    )


def _sagemaker(kind: str, *, status: str | None = None, stop: str | None = None) -> Job:
    """A job of SageMaker: `CreateXJob`, `DescribeXJob`, `StopXJob`, `XJobName`, `XJobStatus`."""
    name = {f"{kind}JobName": Given(f"{kind}JobName")}
    return Job(
        ask=f"describe{kind}Job",
        ask_with=name,
        state=Told((status or f"{kind}JobStatus",)),
        succeeded=frozenset({"Completed"}),
        failed=frozenset({"Failed", "Stopped"}),
        result=Told(()),
        stop=stop or f"stop{kind}Job",
        stop_with=name,
    )


def _of_cluster(kind: str, *names: str, is_removed: bool = False) -> Job:
    """Something of Amazon EKS that is created or deleted: `DescribeX`, `X.Status`."""
    named = {name: Given(name) for name in names}
    return Job(
        ask=f"describe{kind}",
        ask_with=named,
        state=Told((kind, "Status")),
        succeeded=frozenset() if is_removed else frozenset({"ACTIVE"}),
        failed=frozenset({"FAILED", "CREATE_FAILED", "DELETE_FAILED"}),
        result=Told(()),
        stop=None if is_removed else f"delete{kind}",
        stop_with=named,
        is_gone=_is_not_found if is_removed else _stays,
    )


def _of_application(state: str, *, identified_by: Template, stop: str | None = None) -> Job:
    """A change of an application of EMR Serverless."""
    return Job(
        ask="getApplication",
        ask_with={"ApplicationId": identified_by},
        state=Told(("Application", "State")),
        succeeded=frozenset({state}),
        failed=frozenset({"TERMINATED"}) - {state},
        result=Told(()),
        stop=stop,
        stop_with={"ApplicationId": identified_by},
        is_gone=_is_not_found if state == "TERMINATED" else _stays,
    )


def _of_serverless_run(state: str, *, identified_by: Template, stop: str | None = None) -> Job:
    """A run of a job of EMR Serverless."""
    named = {"ApplicationId": Given("ApplicationId"), "JobRunId": identified_by}
    return Job(
        ask="getJobRun",
        ask_with=named,
        state=Told(("JobRun", "State")),
        succeeded=frozenset({state}),
        failed=frozenset({"SUCCESS", "FAILED", "CANCELLED"}) - {state},
        result=Told(()),
        stop=stop,
        stop_with=named,
    )


def _is_not_listed(told: Answer | Failure) -> bool:
    return isinstance(told, Answer) and bool(told.members.get("BuildBatchesNotFound"))


def _build_batch() -> Job:
    return Job(
        ask="batchGetBuildBatches",
        ask_with={"Ids": [Begun(("BuildBatch", "Id"))]},
        state=Told(("BuildBatches", 0, "BuildBatchStatus")),
        succeeded=frozenset({"SUCCEEDED"}),
        failed=frozenset({"FAILED", "FAULT", "STOPPED", "TIMED_OUT"}),
        result={"BuildBatch": Told(("BuildBatches", 0))},
        stop="stopBuildBatch",
        stop_with={"Id": Begun(("BuildBatch", "Id"))},
    )


JOBS: Mapping[tuple[str, str], Job] = {
    ("athena", "startQueryExecution"): Job(
        ask="getQueryExecution",
        ask_with={"QueryExecutionId": Begun(("QueryExecutionId",))},
        state=Told(("QueryExecution", "Status", "State")),
        succeeded=frozenset({"SUCCEEDED"}),
        failed=frozenset({"FAILED", "CANCELLED"}),
        result=Told(()),
        stop="stopQueryExecution",
        stop_with={"QueryExecutionId": Begun(("QueryExecutionId",))},
    ),
    ("batch", "submitJob"): Job(
        ask="describeJobs",
        ask_with={"Jobs": [Begun(("JobId",))]},
        state=Told(("Jobs", 0, "Status")),
        succeeded=frozenset({"SUCCEEDED"}),
        failed=frozenset({"FAILED"}),
        result=Told(("Jobs", 0)),
        stop="terminateJob",
        stop_with={"JobId": Begun(("JobId",)), "Reason": "Task was aborted by Step Functions"},
    ),
    ("bedrock", "createModelCustomizationJob"): Job(
        ask="getModelCustomizationJob",
        ask_with={"JobIdentifier": Begun(("JobArn",))},
        state=Told(("Status",)),
        succeeded=frozenset({"Completed"}),
        failed=frozenset({"Failed", "Stopped"}),
        result=Told(()),
        stop="stopModelCustomizationJob",
        stop_with={"JobIdentifier": Begun(("JobArn",))},
    ),
    ("codebuild", "startBuild"): Job(
        ask="batchGetBuilds",
        ask_with={"Ids": [Begun(("Build", "Id"))]},
        state=Told(("Builds", 0, "BuildStatus")),
        succeeded=frozenset({"SUCCEEDED"}),
        failed=frozenset({"FAILED", "FAULT", "STOPPED", "TIMED_OUT"}),
        result={"Build": Told(("Builds", 0))},
        stop="stopBuild",
        stop_with={"Id": Begun(("Build", "Id"))},
    ),
    ("codebuild", "deleteBuildBatch"): Job(
        ask="batchGetBuildBatches",
        ask_with={"Ids": [Given("Id")]},
        state=Told(("BuildBatches", 0, "BuildBatchStatus")),
        succeeded=frozenset(),
        failed=frozenset(),
        result=Begun(()),
        is_gone=_is_not_listed,
    ),
    ("codebuild", "retryBuildBatch"): _build_batch(),
    ("codebuild", "startBuildBatch"): _build_batch(),
    ("databrew", "startJobRun"): Job(
        ask="describeJobRun",
        ask_with={"Name": Given("Name"), "RunId": Begun(("RunId",))},
        state=Told(("State",)),
        succeeded=frozenset({"SUCCEEDED"}),
        failed=frozenset({"FAILED", "STOPPED", "TIMEOUT"}),
        result=Told(()),
        stop="stopJobRun",
        stop_with={"Name": Given("Name"), "RunId": Begun(("RunId",))},
    ),
    ("ecs", "runTask"): Job(
        ask="describeTasks",
        ask_with={"Cluster": Given("Cluster"), "Tasks": [Begun(("Tasks", 0, "TaskArn"))]},
        state=Told(("Tasks", 0, "LastStatus")),
        succeeded=frozenset({"STOPPED"}),
        failed=frozenset(),
        has_succeeded=_stops_well,
        result=Told(("Tasks", 0)),
        stop="stopTask",
        stop_with={
            "Cluster": Given("Cluster"),
            "Task": Begun(("Tasks", 0, "TaskArn")),
            "Reason": "Task was aborted by Step Functions",
        },
    ),
    ("eks", "createCluster"): _of_cluster("Cluster", "Name"),
    ("eks", "createFargateProfile"): _of_cluster("FargateProfile", "ClusterName", "FargateProfileName"),
    ("eks", "createNodegroup"): _of_cluster("Nodegroup", "ClusterName", "NodegroupName"),
    ("eks", "deleteCluster"): _of_cluster("Cluster", "Name", is_removed=True),
    ("eks", "deleteFargateProfile"): _of_cluster(
        "FargateProfile", "ClusterName", "FargateProfileName", is_removed=True
    ),
    ("eks", "deleteNodegroup"): _of_cluster("Nodegroup", "ClusterName", "NodegroupName", is_removed=True),
    ("elasticmapreduce", "addStep"): Job(
        ask="describeStep",
        ask_with={"ClusterId": Given("ClusterId"), "StepId": Begun(("StepId",))},
        state=Told(("Step", "Status", "State")),
        succeeded=frozenset({"COMPLETED"}),
        failed=frozenset({"CANCELLED", "FAILED", "INTERRUPTED"}),
        result=Told(()),
        stop="cancelSteps",
        stop_with={"ClusterId": Given("ClusterId"), "StepIds": [Begun(("StepId",))]},
    ),
    ("elasticmapreduce", "createCluster"): Job(
        ask="describeCluster",
        ask_with={"ClusterId": Begun(("ClusterId",))},
        state=Told(("Cluster", "Status", "State")),
        succeeded=frozenset({"WAITING"}),
        failed=frozenset({"TERMINATING", "TERMINATED", "TERMINATED_WITH_ERRORS"}),
        result=Merged(({"ClusterId": Begun(("ClusterId",))}, Told(()))),
        stop="terminateJobFlows",
        stop_with={"JobFlowIds": [Begun(("ClusterId",))]},
    ),
    ("elasticmapreduce", "terminateCluster"): Job(
        ask="describeCluster",
        ask_with={"ClusterId": Given("ClusterId")},
        state=Told(("Cluster", "Status", "State")),
        succeeded=frozenset({"TERMINATED", "TERMINATED_WITH_ERRORS"}),
        failed=frozenset(),
        result=Told(()),
    ),
    ("emr-containers", "deleteVirtualCluster"): Job(
        ask="describeVirtualCluster",
        ask_with={"Id": Given("Id")},
        state=Told(("VirtualCluster", "State")),
        succeeded=frozenset({"TERMINATED"}),
        failed=frozenset({"ARRESTED"}),
        result=Told(()),
        is_gone=_is_not_found,
    ),
    ("emr-containers", "startJobRun"): Job(
        ask="describeJobRun",
        ask_with={"Id": Begun(("Id",)), "VirtualClusterId": Given("VirtualClusterId")},
        state=Told(("JobRun", "State")),
        succeeded=frozenset({"COMPLETED"}),
        failed=frozenset({"CANCELLED", "FAILED"}),
        result=Told(()),
        stop="cancelJobRun",
        stop_with={"Id": Begun(("Id",)), "VirtualClusterId": Given("VirtualClusterId")},
    ),
    ("emr-serverless", "cancelJobRun"): _of_serverless_run("CANCELLED", identified_by=Given("JobRunId")),
    ("emr-serverless", "createApplication"): _of_application(
        "CREATED", identified_by=Begun(("ApplicationId",)), stop="deleteApplication"
    ),
    ("emr-serverless", "deleteApplication"): _of_application("TERMINATED", identified_by=Given("ApplicationId")),
    ("emr-serverless", "startApplication"): _of_application(
        "STARTED", identified_by=Given("ApplicationId"), stop="stopApplication"
    ),
    ("emr-serverless", "startJobRun"): _of_serverless_run(
        "SUCCESS", identified_by=Begun(("JobRunId",)), stop="cancelJobRun"
    ),
    ("emr-serverless", "stopApplication"): _of_application("STOPPED", identified_by=Given("ApplicationId")),
    ("glue", "startJobRun"): Job(
        ask="getJobRun",
        ask_with={"JobName": Given("JobName"), "RunId": Begun(("JobRunId",))},
        state=Told(("JobRun", "JobRunState")),
        succeeded=frozenset({"SUCCEEDED"}),
        failed=frozenset({"FAILED", "STOPPED", "TIMEOUT", "ERROR", "EXPIRED"}),
        result=Told(("JobRun",)),
        stop="batchStopJobRun",
        stop_with={"JobName": Given("JobName"), "JobRunIds": [Begun(("JobRunId",))]},
    ),
    ("mediaconvert", "createJob"): Job(
        ask="getJob",
        ask_with={"Id": Begun(("Job", "Id"))},
        state=Told(("Job", "Status")),
        succeeded=frozenset({"COMPLETE"}),
        failed=frozenset({"CANCELED", "ERROR"}),
        result=Told(()),
        stop="cancelJob",
        stop_with={"Id": Begun(("Job", "Id"))},
    ),
    ("sagemaker", "createHyperParameterTuningJob"): _sagemaker("HyperParameterTuning"),
    ("sagemaker", "createLabelingJob"): _sagemaker("Labeling", status="LabelingJobStatus"),
    ("sagemaker", "createProcessingJob"): _sagemaker("Processing"),
    ("sagemaker", "createTrainingJob"): _sagemaker("Training"),
    ("sagemaker", "createTransformJob"): _sagemaker("Transform"),
}
"""By the names in a Resource."""


def perform_job(
    caller: Caller,
    task: InvokeTask,
    service: Service,
    request: Request,
    job: Job,
    given: Members,
    judged: Callable[[Answer], Members | Failure],
) -> Exchange:
    """The exchange of a task that begins a job by a request and waits for it.

    `given` are the parameters of the task, `judged` makes the answer that begins the job what the task shows of it.
    """
    if task.submitted is None:
        answer: Answer | Failure = yield Call(caller, (request, task))
        begun: Json | Failure = answer if isinstance(answer, Failure) else judged(answer)
        if isinstance(begun, Failure):
            yield begun
            return
        yield Submitted(dumps(begun))
    else:
        begun = loads(task.submitted)

    def to(action: str, template: Template) -> Request:
        return replace(request, action=action, parameters=filled(template, given, begun))

    try:
        yield from _await(caller, task, service, to(job.ask, job.ask_with), job, given, begun)
    except TaskCancelled:
        if job.stop is not None:  # as well as it goes: nobody hears how it went
            yield Call(caller, (to(job.stop, job.stop_with), task))


def _await(
    caller: Caller, task: InvokeTask, service: Service, question: Request, job: Job, given: Members, begun: Json
) -> Exchange:
    dialect = replace(service.dialect, write_moment=epoch_moment)
    seconds, silences = FIRST_PAUSE_SECONDS, 0
    last = _without_metadata(begun)
    while True:
        yield Pause(seconds)
        seconds = min(seconds * 2, LONGEST_PAUSE_SECONDS)
        told: Answer | Failure = yield Call(caller, (question, task, dialect))
        if job.is_gone(told):
            yield Succeeded(dumps(filled(job.result, given, _without_metadata(begun), last)))
            return
        state = None if isinstance(told, Failure) else _at(told.members, job.state.path)
        if isinstance(told, Failure) or state is None:
            silences += 1
            if silences >= SILENCES:
                yield told if isinstance(told, Failure) else Failure(TASK_FAILED, dumps(told.members))
                return
            continue
        silences, last = 0, told.members
        if state in job.succeeded or state in job.failed:
            result = filled(job.result, given, begun, told.members)
            is_good = state in job.succeeded and job.has_succeeded(result)
            yield Succeeded(dumps(result)) if is_good else Failure(TASK_FAILED, dumps(result))
            return


def _without_metadata(begun: Json) -> Json:
    if not isinstance(begun, dict):
        return begun
    return {name: member for name, member in begun.items() if not name.startswith("Sdk")}


def filled(template: Template, given: Members, begun: Json = None, told: Json = None) -> Any:
    """The template with what it names."""
    match template:
        case Given(name):
            return given.get(name) if name else given
        case Begun(path):
            return _at(begun, path)
        case Told(path):
            return _at(told, path)
        case Merged(parts):
            return {name: value for part in parts for name, value in (filled(part, given, begun, told) or {}).items()}
        case dict():
            return {name: filled(member, given, begun, told) for name, member in template.items()}
        case list():
            return [filled(member, given, begun, told) for member in template]
        case _:
            return template


def _at(value: Json, path: tuple[str | int, ...]) -> Any:
    """What stands there, or None."""
    for step in path:
        if isinstance(step, int):
            value = value[step] if isinstance(value, list) and step < len(value) else None
        else:
            value = value.get(step) if isinstance(value, dict) else None
    return value
