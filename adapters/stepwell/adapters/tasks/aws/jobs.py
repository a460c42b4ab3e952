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
from stepwell.adapters.tasks.aws.optimized import OBJECTIONS, Members, Service
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
    """A member of the task's parameters."""

    name: str


class Begun(Struct, frozen=True):
    """What stands there in the answer that began the job."""

    path: tuple[str | int, ...]


class Told(Struct, frozen=True):
    """What stands there in the answer that tells of the job."""

    path: tuple[str | int, ...]


Template = Json | Given | Begun | Told | Mapping[str, Any] | list[Any]


class Job(Struct, frozen=True, kw_only=True):
    """How a job is asked for, when it has ended, and how it is stopped."""

    ask: str
    """The action that tells of it."""
    ask_with: Template
    state: Told
    succeeded: frozenset[str]
    failed: frozenset[str]
    result: Template
    stop: str
    stop_with: Template
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
    ("codebuild", "startBuildBatch"): Job(
        ask="batchGetBuildBatches",
        ask_with={"Ids": [Begun(("BuildBatch", "Id"))]},
        state=Told(("BuildBatches", 0, "BuildBatchStatus")),
        succeeded=frozenset({"SUCCEEDED"}),
        failed=frozenset({"FAILED", "FAULT", "STOPPED", "TIMED_OUT"}),
        result={"BuildBatch": Told(("BuildBatches", 0))},
        stop="stopBuildBatch",
        stop_with={"Id": Begun(("BuildBatch", "Id"))},
    ),
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


def perform_job(caller: Caller, task: InvokeTask, service: Service, request: Request, job: Job, name: str) -> Exchange:
    """The exchange of a task that begins a job and waits for it. `name` is that of the service in the Resource."""
    if task.submitted is None:
        answer: Answer | Failure = yield Call(caller, (request, task))
        if isinstance(answer, Failure):
            yield answer
            return
        objection = OBJECTIONS.get((name, request.action))
        failure = objection(answer.members) if objection else None
        if failure is not None:
            yield failure
            return
        begun: Json = dict(answer.with_metadata())
        yield Submitted(dumps(begun))
    else:
        begun = loads(task.submitted)

    def to(action: str, template: Template, told: Json = None) -> Request:
        members = _filled(template, request.parameters, begun, told)
        return replace(request, action=action, parameters=members)

    try:
        yield from _await(caller, task, service, to(job.ask, job.ask_with), job)
    except TaskCancelled:
        yield Call(caller, (to(job.stop, job.stop_with), task))  # as well as it goes: nobody hears how it went


def _await(caller: Caller, task: InvokeTask, service: Service, question: Request, job: Job) -> Exchange:
    dialect = replace(service.dialect, write_moment=epoch_moment)
    seconds, silences = FIRST_PAUSE_SECONDS, 0
    while True:
        yield Pause(seconds)
        seconds = min(seconds * 2, LONGEST_PAUSE_SECONDS)
        told: Answer | Failure = yield Call(caller, (question, task, dialect))
        state = None if isinstance(told, Failure) else _at(told.members, job.state.path)
        if isinstance(told, Failure) or state is None:
            silences += 1
            if silences >= SILENCES:
                yield told if isinstance(told, Failure) else Failure(TASK_FAILED, dumps(told.members))
                return
            continue
        silences = 0
        if state in job.succeeded or state in job.failed:
            result = _filled(job.result, question.parameters, None, told.members)
            is_good = state in job.succeeded and job.has_succeeded(result)
            yield Succeeded(dumps(result)) if is_good else Failure(TASK_FAILED, dumps(result))
            return


def _filled(template: Template, given: Members, begun: Json, told: Json) -> Any:
    """The template with what it names."""
    match template:
        case Given(name):
            return given.get(name)
        case Begun(path):
            return _at(begun, path)
        case Told(path):
            return _at(told, path)
        case dict():
            return {name: _filled(member, given, begun, told) for name, member in template.items()}
        case list():
            return [_filled(member, given, begun, told) for member in template]
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
