"""Jobs that are waited for."""

import json

import pytest

from stepwell.adapters.hosts.simulation import simulate
from stepwell.adapters.tasks.aws import AwsTasks, Endpoints
from stepwell.definitions.resources import parse_resource
from stepwell.engine.effects import InvokeTask
from stepwell.engine.ports import Call, Pause, TaskCancelled
from support import Run, machine, parallel, scope, task, wait

OPTIMIZED = "arn:aws:states:::"


def glue(state, **more):
    return {"JobRun": {"Id": "run-1", "JobName": "j", "JobRunState": state, **more}}


def test_a_job_is_begun_asked_for_and_its_end_is_the_result(service, call):
    service.answers({"JobRunId": "run-1"}, glue("RUNNING"), glue("SUCCEEDED", StartedOn=1700000000.5))

    ran = call(f"{OPTIMIZED}glue:startJobRun.sync", {"JobName": "j"})

    assert service.asked == ["StartJobRun", "GetJobRun", "GetJobRun"]
    assert service.body == {"JobName": "j", "RunId": "run-1"}
    assert ran.types[2:6] == ["TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskSucceeded"]
    assert ran.details("TaskSubmitted")["resource"] == "startJobRun.sync"
    assert ran.output == {
        "Id": "run-1",
        "JobName": "j",
        "JobRunState": "SUCCEEDED",
        "StartedOn": 1700000000500,
    }


def test_a_job_that_fails_fails_the_task_with_all_that_is_told_of_it(service, call):
    service.answers({"JobRunId": "run-1"}, glue("FAILED", ErrorMessage="no disk"))

    ran = call(f"{OPTIMIZED}glue:startJobRun.sync", {"JobName": "j"})

    assert ran.error == "States.TaskFailed"
    assert json.loads(ran.cause) == {
        "ErrorMessage": "no disk",
        "Id": "run-1",
        "JobName": "j",
        "JobRunState": "FAILED",
    }


def test_a_job_is_asked_for_less_and_less_often(service, call):
    service.answers({"JobRunId": "run-1"}, *[glue("RUNNING")] * 6, glue("SUCCEEDED"))

    assert call(f"{OPTIMIZED}glue:startJobRun.sync", {"JobName": "j"}).clock == 1 + 2 + 4 + 8 + 16 + 16 + 16


def test_a_job_that_cannot_be_begun_fails_at_once(service, call):
    service.answers({"__type": "EntityNotFoundException", "message": "no such job"}, status=400)

    ran = call(f"{OPTIMIZED}glue:startJobRun.sync", {"JobName": "j"})

    assert ran.error == "Glue.EntityNotFoundException"
    assert service.asked == ["StartJobRun"]


def test_a_service_may_be_silent_for_a_while(service, call):
    throttled = (400, {"__type": "ThrottlingException", "message": "Rate exceeded"})
    service.answers({"JobRunId": "run-1"}, throttled, throttled, glue("SUCCEEDED"))

    assert call(f"{OPTIMIZED}glue:startJobRun.sync", {"JobName": "j"}).status == "SUCCEEDED"


def test_a_service_that_stays_silent_fails_the_task(service, call):
    service.answers({"JobRunId": "run-1"}, (400, {"__type": "ThrottlingException", "message": "Rate exceeded"}))

    assert call(f"{OPTIMIZED}glue:startJobRun.sync", {"JobName": "j"}).error == "Glue.ThrottlingException"


@pytest.mark.parametrize(
    ("action", "parameters", "answers", "output"),
    [
        (
            "athena:startQueryExecution",
            {"QueryString": "SELECT 1"},
            [{"QueryExecutionId": "q"}, {"QueryExecution": {"Status": {"State": "SUCCEEDED"}}}],
            {"QueryExecution": {"Status": {"State": "SUCCEEDED"}}},
        ),
        (
            "batch:submitJob",
            {"JobName": "j", "JobQueue": "q", "JobDefinition": "d"},
            [{"jobId": "1", "jobName": "j"}, {"jobs": [{"jobId": "1", "status": "SUCCEEDED", "startedAt": 7}]}],
            {"JobId": "1", "StartedAt": 7, "Status": "SUCCEEDED"},
        ),
        (
            "codebuild:startBuild",
            {"ProjectName": "p"},
            [{"build": {"id": "b"}}, {"builds": [{"id": "b", "buildStatus": "SUCCEEDED"}]}],
            {"Build": {"BuildStatus": "SUCCEEDED", "Id": "b"}},
        ),
        (
            "sagemaker:createTrainingJob",
            {"TrainingJobName": "t"},
            [{"TrainingJobArn": "a"}, {"TrainingJobName": "t", "TrainingJobStatus": "Completed"}],
            {"TrainingJobName": "t", "TrainingJobStatus": "Completed"},
        ),
    ],
    ids=["athena", "batch", "codebuild", "sagemaker"],
)
def test_every_service_tells_of_its_jobs_in_its_own_way(service, call, action, parameters, answers, output):
    if action.startswith("sagemaker"):
        parameters |= {"RoleArn": "r", "OutputDataConfig": {"S3OutputPath": "s"}}
        parameters |= {"ResourceConfig": {"VolumeSizeInGB": 1}, "StoppingCondition": {}}
        parameters |= {"AlgorithmSpecification": {"TrainingInputMode": "File"}}
    service.answers(*answers)

    assert call(f"{OPTIMIZED}{action}.sync", parameters).output == output


ECS = {"tasks": [{"taskArn": "a", "lastStatus": "PROVISIONING"}], "failures": []}


def ecs(exit_code, **more):
    return {"tasks": [{"taskArn": "a", "lastStatus": "STOPPED", "containers": [{"exitCode": exit_code}], **more}]}


@pytest.mark.parametrize(
    ("end", "status"),
    [
        (ecs(0, stopCode="EssentialContainerExited"), "SUCCEEDED"),
        (ecs(1, stopCode="EssentialContainerExited"), "FAILED"),
        (ecs(None, stopCode="TaskFailedToStart"), "FAILED"),
    ],
)
def test_an_ecs_task_succeeds_when_its_containers_do(service, call, end, status):
    service.answers(ECS, end)

    ran = call(f"{OPTIMIZED}ecs:runTask.sync", {"Cluster": "c", "TaskDefinition": "t"})

    assert ran.status == status
    assert json.loads(service.requests[0]["body"])["startedBy"] == "AWS Step Functions"
    assert service.body == {"cluster": "c", "tasks": ["a"]}


def test_a_job_whose_task_is_given_up_is_stopped(service, call):
    service.answers({"JobRunId": "run-1"}, glue("RUNNING"))

    ran = call(f"{OPTIMIZED}glue:startJobRun.sync", {"JobName": "j"}, TimeoutSeconds=10)

    assert ran.error == "States.Timeout"
    assert service.asked[-1] == "BatchStopJobRun"
    assert service.body == {"JobName": "j", "JobRunIds": ["run-1"]}


def test_a_job_is_stopped_when_a_sibling_fails(service):
    service.answers({"JobRunId": "run-1"}, glue("RUNNING"))
    job = task(f"{OPTIMIZED}glue:startJobRun.sync", Parameters={"JobName": "j"})
    failing = scope(Wait=wait(Seconds=4), Fail={"Type": "Fail", "Error": "Boom"})

    ran = Run(
        simulate(machine(Both=parallel(scope(Job=job), failing)), tasks=AwsTasks(Endpoints(everything=service.url))),
        [],
    )

    assert ran.error == "Boom"
    assert service.asked[-1] == "BatchStopJobRun"


def test_after_a_crash_a_job_is_not_begun_again(service):
    service.answers(glue("SUCCEEDED"))
    resumed = InvokeTask(
        token="t",
        execution_arn="arn:aws:states:us-east-1:123456789012:execution:m:e",
        state="S",
        resource=parse_resource(f"{OPTIMIZED}glue:startJobRun.sync"),
        input='{"JobName": "j"}',
        attempt=0,
        submitted='{"JobRunId": "run-1"}',
    )
    exchange = AwsTasks(Endpoints(everything=service.url))(resumed)

    assert isinstance(next(exchange), Pause)
    question = next(exchange)
    assert isinstance(question, Call)
    assert "SUCCEEDED" in exchange.send(question.function(*question.arguments)).output
    assert service.asked == ["GetJobRun"]


def test_what_is_given_up_before_it_has_begun_is_let_go(service):
    begun = InvokeTask(
        token="t",
        execution_arn="arn:aws:states:us-east-1:123456789012:execution:m:e",
        state="S",
        resource=parse_resource(f"{OPTIMIZED}glue:startJobRun.sync"),
        input='{"JobName": "j"}',
        attempt=0,
    )
    exchange = AwsTasks(Endpoints(everything=service.url))(begun)
    next(exchange)

    with pytest.raises(TaskCancelled):
        exchange.throw(TaskCancelled())
    assert not service.requests


@pytest.mark.parametrize("action", ["athena:stopQueryExecution.sync", "codebuild:retryBuildBatch.sync"])
def test_a_job_that_has_no_row_says_what_to_do(call, action):
    ran = call(f"{OPTIMIZED}{action}", {})

    assert ran.error == "Stepwell.TaskNotSupported"
    assert action in ran.cause
    assert "--mock-config" in ran.cause
