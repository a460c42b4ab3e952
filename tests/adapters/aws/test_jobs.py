"""Jobs that are waited for."""

import json

import pytest

from stepwell.adapters.hosts.simulation import simulate
from stepwell.adapters.tasks.aws import AwsTasks, Endpoints
from stepwell.adapters.tasks.aws.jobs import JOBS
from stepwell.definitions.integrations import OPTIMIZED as CATALOGUE
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


@pytest.mark.parametrize(
    ("service_name", "action"),
    [
        (name, action)
        for name, actions in CATALOGUE.items()
        for action, patterns in actions.items()
        if "sync" in patterns and name != "states" and (name, action) != ("eks", "runJob")
    ],
)
def test_every_job_there_is_has_its_row(service_name, action):
    assert (service_name, action) in JOBS


REMOVED = (404, {"message": "no such thing"})
NOT_FOUND = {"Content-Type": "application/json", "x-amzn-ErrorType": "ResourceNotFoundException"}


@pytest.mark.parametrize(
    ("action", "parameters", "answers", "output"),
    [
        (
            "eks:createCluster",
            {"Name": "c", "RoleArn": "r", "ResourcesVpcConfig": {}},
            [{"cluster": {"name": "c", "status": "CREATING"}}, {"cluster": {"name": "c", "status": "ACTIVE"}}],
            {"Cluster": {"Name": "c", "Status": "ACTIVE"}},
        ),
        (
            "eks:deleteNodegroup",
            {"ClusterName": "c", "NodegroupName": "n"},
            [{"nodegroup": {"status": "DELETING"}}, {"nodegroup": {"status": "DELETING", "diskSize": 1}}, REMOVED],
            {"Nodegroup": {"Status": "DELETING", "DiskSize": 1}},
        ),
        (
            "eks:deleteCluster",
            {"Name": "c"},
            [{"cluster": {"status": "DELETING"}}, REMOVED],
            {"Cluster": {"Status": "DELETING"}},
        ),
        (
            "emr-serverless:startJobRun",
            {"ApplicationId": "a", "ExecutionRoleArn": "r"},
            [{"jobRunId": "j"}, {"jobRun": {"state": "RUNNING"}}, {"jobRun": {"state": "SUCCESS"}}],
            {"JobRun": {"State": "SUCCESS"}},
        ),
        (
            "emr-serverless:stopApplication",
            {"ApplicationId": "a"},
            [{}, {"application": {"state": "STOPPING"}}, {"application": {"state": "STOPPED"}}],
            {"Application": {"State": "STOPPED"}},
        ),
        (
            "emr-containers:startJobRun",
            {"VirtualClusterId": "v"},
            [{"id": "j"}, {"jobRun": {"id": "j", "state": "COMPLETED"}}],
            {"JobRun": {"Id": "j", "State": "COMPLETED"}},
        ),
        (
            "bedrock:createModelCustomizationJob",
            {
                **dict.fromkeys(("JobName", "CustomModelName", "RoleArn", "BaseModelIdentifier"), "x"),
                "TrainingDataConfig": {},
                "OutputDataConfig": {"S3Uri": "s3://b/k"},
            },
            [{"jobArn": "a"}, {"jobArn": "a", "status": "Completed"}],
            {"JobArn": "a", "Status": "Completed"},
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_what_is_made_or_removed_is_waited_for(service, call, action, parameters, answers, output):
    service.answers(*answers, headers=NOT_FOUND)

    ran = call(f"{OPTIMIZED}{action}.sync", parameters)

    assert ran.output == output, ran.cause


def test_a_cluster_that_is_not_made_fails_the_task(service, call):
    service.answers({"cluster": {"status": "CREATING"}}, {"cluster": {"status": "FAILED"}})

    ran = call(f"{OPTIMIZED}eks:createCluster.sync", {"Name": "c", "RoleArn": "r", "ResourcesVpcConfig": {}})

    assert (ran.error, json.loads(ran.cause)) == ("States.TaskFailed", {"Cluster": {"Status": "FAILED"}})


def test_what_cannot_be_undone_is_left_when_its_task_is_given_up(service, call):
    service.answers({"cluster": {"status": "DELETING"}})

    ran = call(f"{OPTIMIZED}eks:deleteCluster.sync", {"Name": "c"}, TimeoutSeconds=3)

    assert ran.error == "States.Timeout"
    assert {request["method"] for request in service.requests[1:]} == {"GET"}


def test_a_batch_of_builds_is_waited_for_until_it_is_not_listed(service, call):
    service.answers(
        {"statusCode": "OK", "buildsDeleted": ["b"]},
        {"buildBatches": [{"id": "x", "buildBatchStatus": "SUCCEEDED"}]},
        {"buildBatches": [], "buildBatchesNotFound": ["x"]},
    )

    ran = call(f"{OPTIMIZED}codebuild:deleteBuildBatch.sync", {"Id": "x"})

    assert ran.output == {"BuildsDeleted": ["b"], "StatusCode": "OK"}
    assert service.asked == ["DeleteBuildBatch", "BatchGetBuildBatches", "BatchGetBuildBatches"]


# --- Amazon EMR -------------------------------------------------------------------------------------------------------


def test_a_cluster_of_emr_is_made_under_its_own_names(service, call):
    ready = {"Cluster": {"Id": "j-1", "Status": {"State": "WAITING"}}}
    service.answers({"JobFlowId": "j-1"}, {"Cluster": {"Status": {"State": "STARTING"}}}, ready)

    ran = call(f"{OPTIMIZED}elasticmapreduce:createCluster.sync", {"Name": "c", "Instances": {}})

    assert service.asked == ["RunJobFlow", "DescribeCluster", "DescribeCluster"]
    assert service.body == {"ClusterId": "j-1"}
    assert json.loads(ran.details("TaskSubmitted")["output"])["ClusterId"] == "j-1"
    assert ran.output == {"ClusterId": "j-1", **ready}


def test_a_step_is_added_and_cancelled_with_its_task(service, call):
    service.answers({"StepIds": ["s-1"]}, {"Step": {"Status": {"State": "RUNNING"}}})
    step = {"Name": "s", "HadoopJarStep": {"Jar": "command-runner.jar", "Args": ["a"]}}

    ran = call(f"{OPTIMIZED}elasticmapreduce:addStep.sync", {"ClusterId": "j-1", "Step": step}, TimeoutSeconds=5)

    assert ran.error == "States.Timeout"
    assert json.loads(service.requests[0]["body"]) == {"JobFlowId": "j-1", "Steps": [step]}
    assert service.asked[-1] == "CancelSteps"
    assert service.body == {"ClusterId": "j-1", "StepIds": ["s-1"]}


@pytest.mark.parametrize(
    ("action", "parameters", "operation", "sent"),
    [
        ("terminateCluster", {"ClusterId": "j"}, "TerminateJobFlows", {"JobFlowIds": ["j"]}),
        (
            "setClusterTerminationProtection",
            {"ClusterId": "j", "TerminationProtected": True},
            "SetTerminationProtection",
            {"JobFlowIds": ["j"], "TerminationProtected": True},
        ),
        ("cancelStep", {"ClusterId": "j", "StepId": "s"}, "CancelSteps", {"ClusterId": "j", "StepIds": ["s"]}),
    ],
)
def test_an_action_of_emr_stands_for_one_of_the_api(service, call, action, parameters, operation, sent):
    assert call(f"{OPTIMIZED}elasticmapreduce:{action}", parameters).status == "SUCCEEDED"

    assert service.asked == [operation]
    assert service.body == sent


def test_an_instance_fleet_is_found_by_its_name(service, call):
    service.answers(
        {"InstanceFleets": [{"Id": "f-0", "Name": "other"}], "Marker": "m"},
        {"InstanceFleets": [{"Id": "f-1", "Name": "fleet"}]},
        {},
    )
    change = {"TargetOnDemandCapacity": 2}
    parameters = {"ClusterId": "j", "InstanceFleetName": "fleet", "InstanceFleet": change}

    ran = call(f"{OPTIMIZED}elasticmapreduce:modifyInstanceFleetByName", parameters)

    assert ran.status == "SUCCEEDED", ran.cause
    assert service.asked == ["ListInstanceFleets", "ListInstanceFleets", "ModifyInstanceFleet"]
    assert service.body == {"ClusterId": "j", "InstanceFleet": {**change, "InstanceFleetId": "f-1"}}


def test_an_instance_group_that_is_not_there_fails_the_task(service, call):
    service.answers({"InstanceGroups": []})
    parameters = {"ClusterId": "j", "InstanceGroupName": "g", "InstanceGroup": {}}

    ran = call(f"{OPTIMIZED}elasticmapreduce:modifyInstanceGroupByName", parameters)

    assert ran.error == "ElasticMapReduce.InvalidRequestException"
