"""The operations of the API as a request brings them, over both stores: what they answer, and what they refuse."""

import json
import threading

import pytest

from stepwell.adapters.api.api import Api, Caller
from stepwell.adapters.operations import waited_for
from stepwell.adapters.runtime import Runtime
from stepwell.adapters.server.dispatch import respond
from stepwell.adapters.tasks.bindings import Bindings
from support import ACTIVITY, CALLBACK, MACHINE_ARN, fail, machine, pass_, task, wait

ROLE = "arn:aws:iam::123456789012:role/tested"
GROUP = [
    {
        "cloudWatchLogsLogGroup": {
            "logGroupArn": "arn:aws:logs:us-east-1:123456789012:log-group:/aws/vendedlogs/tested:*"
        }
    }
]
KEY = {"type": "CUSTOMER_MANAGED_KMS_KEY", "kmsKeyId": "alias/tested"}
LONG = 20.0
"""Seconds that nothing here takes."""

PASS = machine(A=pass_(Result={"ok": True}))
WAITING = machine(A=task(CALLBACK, Parameters={"MessageBody": {"token.$": "$$.Task.Token"}}))


class Caught:
    """A caller of the API, with the tokens of the tasks that wait for an answer."""

    def __init__(self, data, *, fast_forward=False):
        self.tokens = []
        self.outcomes = []
        self.groups = set()
        functions = {"call": self._flaky}
        self.runtime = Runtime(data, Bindings(functions), beside=self._left_open, fast_forward=fast_forward)
        self.api = Api(runtime=self.runtime, has_log_group=self.groups.__contains__)

    def _left_open(self, task):
        self.tokens.append(task.token)
        yield from ()

    def _flaky(self, event):
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def ask(self, operation, params, caller=None):
        headers = {"x-amz-target": f"AWSStepFunctions.{operation}"}
        status, body = respond(self.api, headers, caller or Caller(), json.dumps(params).encode())
        return status, json.loads(body)

    def __call__(self, operation, **params):
        """The response of a call that is met."""
        status, answer = self.ask(operation, params)
        assert status == 200, answer
        return answer

    def refused(self, operation, **params):
        """Code and text of a refusal."""
        status, answer = self.ask(operation, params)
        assert status == 400, answer
        return answer["__type"], answer["message"]

    def created(self, name="tested", definition=PASS, **params):
        params = {"roleArn": ROLE, "definition": json.dumps(definition), **params}
        return self("CreateStateMachine", name=name, **params)["stateMachineArn"]

    def started(self, arn=MACHINE_ARN, **params):
        return self("StartExecution", stateMachineArn=arn, **params)["executionArn"]

    def ended(self, *about, **params):
        """An execution that has ended."""
        arn = self.started(*about, **params)
        self.wait(arn)
        return arn

    def wait(self, arn):
        waited_for(self.runtime.ended(arn, bool, timeout=LONG, otherwise=lambda: pytest.fail("it goes on")))

    def settle(self):
        """Waits until the runtime's thread has done what was left for it, and what that has left."""
        done = threading.Event()
        self.runtime.host.post(lambda: self.runtime.host.post(done.set))
        assert done.wait(LONG)

    def token(self):
        """The token of a task that waits, once there is one."""
        self.settle()
        return self.tokens.pop()

    def pages(self, operation, member, **params):
        """The pages of a list."""
        answer = self(operation, **params)
        pages = [answer[member]]
        while "nextToken" in answer:
            answer = self(operation, **params, nextToken=answer["nextToken"])
            pages.append(answer[member])
        return pages


@pytest.fixture(params=["memory", "directory"])
def sfn(request, tmp_path):
    caught = Caught(None if request.param == "memory" else tmp_path)
    yield caught
    caught.runtime.close()


@pytest.fixture(params=["memory", "directory"])
def hasty(request, tmp_path):
    """One whose Wait states take no time."""
    caught = Caught(None if request.param == "memory" else tmp_path, fast_forward=True)
    yield caught
    caught.runtime.close()


# --- state machines ---------------------------------------------------------------------------------------------------


def test_a_state_machine_is_described_as_it_was_created(sfn):
    text = json.dumps(PASS, indent=4)
    sfn("CreateStateMachine", name="tested", definition=text, roleArn=ROLE)

    found = sfn("DescribeStateMachine", stateMachineArn=MACHINE_ARN)

    assert found.pop("creationDate") > 1_700_000_000
    assert found == {
        "stateMachineArn": MACHINE_ARN,
        "name": "tested",
        "status": "ACTIVE",
        "type": "STANDARD",
        "definition": text,
        "roleArn": ROLE,
        "loggingConfiguration": {"level": "OFF", "includeExecutionData": False},
        "tracingConfiguration": {"enabled": False},
        "encryptionConfiguration": {"type": "AWS_OWNED_KEY"},
    }


def test_creating_the_same_once_more_gives_the_first(sfn):
    first = sfn("CreateStateMachine", name="tested", definition=json.dumps(PASS), roleArn=ROLE, publish=True)

    again = sfn("CreateStateMachine", name="tested", definition=json.dumps(PASS), roleArn=f"{ROLE}2", publish=True)
    code, _ = sfn.refused("CreateStateMachine", name="tested", definition=json.dumps(WAITING), roleArn=ROLE)

    assert again == first
    assert first["stateMachineVersionArn"] == f"{MACHINE_ARN}:1"
    assert code == "StateMachineAlreadyExists"
    assert sfn("DescribeStateMachine", stateMachineArn=MACHINE_ARN)["roleArn"] == ROLE


def test_an_account_sees_its_own_state_machines_in_its_region(sfn):
    sfn.created()
    elsewhere = Caller("eu-west-1", "000000000000")

    sfn.ask("CreateStateMachine", {"name": "other", "definition": json.dumps(PASS), "roleArn": ROLE}, elsewhere)

    _, found = sfn.ask("ListStateMachines", {}, elsewhere)
    assert [each["stateMachineArn"] for each in found["stateMachines"]] == [
        "arn:aws:states:eu-west-1:000000000000:stateMachine:other"
    ]
    assert [each["name"] for each in sfn("ListStateMachines")["stateMachines"]] == ["tested"]


def test_a_definition_that_cannot_be_run_here_is_described_all_the_same(sfn):
    processor = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, **machine(B=pass_())}
    states = {"A": pass_(Assign={"n": 1}), "M": {"Type": "Map", "ItemsPath": "$n", "ItemProcessor": processor}}
    sfn.created(definition=machine(**states))

    found = sfn("DescribeStateMachine", stateMachineArn=MACHINE_ARN)

    assert found["variableReferences"] == {"M": ["n"]}


def test_what_is_encrypted_with_ones_own_key_need_not_be_shown(sfn):
    sfn.created(definition=machine(A=fail("Boom")), encryptionConfiguration=KEY)
    arn = sfn.ended(input='{"secret": 1}')

    shown = sfn("DescribeExecution", executionArn=arn)
    hidden = sfn("DescribeExecution", executionArn=arn, includedData="METADATA_ONLY")

    assert {"input", "error"} <= shown.keys()
    assert not {"input", "error"} & hidden.keys()
    assert hidden["inputDetails"] == {"included": False}
    assert hidden["status"] == "FAILED"
    for operation, of in (
        ("DescribeStateMachine", {"stateMachineArn": MACHINE_ARN}),
        ("DescribeStateMachineForExecution", {"executionArn": arn}),
    ):
        assert sfn(operation, **of, includedData="METADATA_ONLY")["definition"] == "{}"
        assert sfn(operation, **of, includedData="ALL_DATA")["definition"] == json.dumps(machine(A=fail("Boom")))


def test_what_is_not_encrypted_is_shown_whatever_is_asked_for(sfn):
    sfn.created()

    found = sfn("DescribeStateMachine", stateMachineArn=MACHINE_ARN, includedData="METADATA_ONLY")
    execution = sfn("DescribeExecution", executionArn=sfn.ended(), includedData="METADATA_ONLY")

    assert found["definition"] == json.dumps(PASS)
    assert execution["output"] == '{"ok":true}'


def test_a_state_machine_logs_where_there_is_a_log_group(sfn):
    configuration = {"level": "ALL", "includeExecutionData": True, "destinations": GROUP}
    request = {"name": "tested", "definition": json.dumps(PASS), "roleArn": ROLE}

    refused = sfn.refused("CreateStateMachine", **request, loggingConfiguration=configuration)
    sfn.groups.add("/aws/vendedlogs/tested")
    sfn("CreateStateMachine", **request, loggingConfiguration=configuration)

    assert refused == (
        "InvalidLoggingConfiguration",
        "Invalid Logging Configuration: Log Destination not found.",
    )
    assert sfn("DescribeStateMachine", stateMachineArn=MACHINE_ARN)["loggingConfiguration"] == configuration


# --- versions and aliases ---------------------------------------------------------------------------------------------


def test_an_execution_is_started_through_an_alias(sfn):
    sfn.created()
    version = sfn("PublishStateMachineVersion", stateMachineArn=MACHINE_ARN)["stateMachineVersionArn"]
    routing = [{"stateMachineVersionArn": version, "weight": 100}]
    alias = sfn("CreateStateMachineAlias", name="PROD", routingConfiguration=routing)["stateMachineAliasArn"]

    arn = sfn.ended(alias)

    found = sfn("DescribeExecution", executionArn=arn)
    assert found["stateMachineArn"] == MACHINE_ARN
    assert (found["stateMachineVersionArn"], found["stateMachineAliasArn"]) == (f"{MACHINE_ARN}:1", alias)
    for of in (MACHINE_ARN, version, alias):
        assert [each["executionArn"] for each in sfn("ListExecutions", stateMachineArn=of)["executions"]] == [arn]
    assert sfn("ListStateMachineAliases", stateMachineArn=version)["stateMachineAliases"][0][
        "stateMachineAliasArn"
    ] == (alias)


def test_an_alias_can_be_sent_elsewhere(sfn):
    sfn.created(publish=True)
    sfn("UpdateStateMachine", stateMachineArn=MACHINE_ARN, definition=json.dumps(WAITING), publish=True)
    old, new = ([{"stateMachineVersionArn": f"{MACHINE_ARN}:{number}", "weight": 100}] for number in (1, 2))
    alias = sfn("CreateStateMachineAlias", name="PROD", routingConfiguration=old)["stateMachineAliasArn"]

    code, _ = sfn.refused("DeleteStateMachineVersion", stateMachineVersionArn=f"{MACHINE_ARN}:1")
    sfn("UpdateStateMachineAlias", stateMachineAliasArn=alias, routingConfiguration=new, description="the new one")
    sfn("DeleteStateMachineVersion", stateMachineVersionArn=f"{MACHINE_ARN}:1")

    assert code == "ConflictException"
    found = sfn("DescribeStateMachineAlias", stateMachineAliasArn=alias)
    assert (found["routingConfiguration"], found["description"]) == (new, "the new one")
    versions = sfn("ListStateMachineVersions", stateMachineArn=MACHINE_ARN)["stateMachineVersions"]
    assert [each["stateMachineVersionArn"] for each in versions] == [f"{MACHINE_ARN}:2"]


# --- lists ------------------------------------------------------------------------------------------------------------


def test_executions_are_listed_the_newest_first_in_pages(sfn):
    sfn.created()
    started = [sfn.ended(name=f"run-{number}") for number in range(5)]

    pages = sfn.pages("ListExecutions", "executions", stateMachineArn=MACHINE_ARN, maxResults=2)

    assert [len(page) for page in pages] == [2, 2, 1]
    assert [each["executionArn"] for page in pages for each in page] == started[::-1]


def test_executions_are_listed_by_their_end(sfn):
    sfn.created(definition=machine(A=task()))
    sfn.outcomes += [1, LookupError("nothing there"), 2]
    for name in ("good", "bad", "better"):
        sfn.ended(name=name)

    def names(**of):
        return [each["name"] for each in sfn("ListExecutions", stateMachineArn=MACHINE_ARN, **of)["executions"]]

    assert names(statusFilter="SUCCEEDED") == ["better", "good"]
    assert names(statusFilter="FAILED") == ["bad"]
    assert names(statusFilter="RUNNING") == []
    assert names(redriveFilter="NOT_REDRIVEN") == ["better", "bad", "good"]
    assert names(redriveFilter="REDRIVEN") == []
    assert sfn.refused("ListExecutions", stateMachineArn=MACHINE_ARN, statusFilter="PENDING_REDRIVE")[0] == (
        "ValidationException"
    )


def test_the_token_of_a_page_is_good_for_its_list_alone(sfn):
    sfn.created()
    for name in ("a", "b"):
        sfn.ended(name=name)
    token = sfn("ListExecutions", stateMachineArn=MACHINE_ARN, maxResults=1)["nextToken"]

    for of in ({"statusFilter": "SUCCEEDED", "nextToken": token}, {"nextToken": "no token"}):
        refused = sfn.refused("ListExecutions", stateMachineArn=MACHINE_ARN, **of)
        assert refused == ("InvalidToken", "Invalid Token: 'Invalid token'")


def test_a_list_is_of_one_state_machine_or_of_one_map_run(sfn):
    sfn.created()
    run = MACHINE_ARN.replace("stateMachine", "mapRun") + "/label:1"

    assert sfn.refused("ListExecutions")[0] == "ValidationException"
    assert sfn.refused("ListExecutions", stateMachineArn=MACHINE_ARN, mapRunArn=run)[0] == "ValidationException"


@pytest.mark.parametrize(
    ("operation", "member", "made"),
    [
        ("ListStateMachines", "stateMachines", "CreateStateMachine"),
        ("ListActivities", "activities", "CreateActivity"),
    ],
)
def test_names_are_listed_in_their_order_in_pages(sfn, operation, member, made):
    about = {"definition": json.dumps(PASS), "roleArn": ROLE} if made == "CreateStateMachine" else {}
    for name in ("c", "a", "e", "b", "d"):
        sfn(made, name=name, **about)

    pages = sfn.pages(operation, member, maxResults=2)

    assert [[each["name"] for each in page] for page in pages] == [["a", "b"], ["c", "d"], ["e"]]


# --- histories --------------------------------------------------------------------------------------------------------


@pytest.fixture
def told(sfn):
    """An execution of some events, and its history."""
    sfn.created(definition=machine(A=pass_(), B=pass_(), C=pass_()))
    arn = sfn.ended(input='{"n": 1}')
    return arn, sfn("GetExecutionHistory", executionArn=arn)["events"]


@pytest.mark.parametrize("size", [1, 3, 8, 100])
def test_a_history_can_be_read_both_ways_in_pages(sfn, told, size):
    arn, events = told
    assert [event["id"] for event in events] == list(range(1, 9))

    forth = sfn.pages("GetExecutionHistory", "events", executionArn=arn, maxResults=size)
    back = sfn.pages("GetExecutionHistory", "events", executionArn=arn, maxResults=size, reverseOrder=True)

    assert [event for page in forth for event in page] == events
    assert [event for page in back for event in page] == events[::-1]
    assert {len(page) for page in [*forth[:-1], *back[:-1]]} <= {size}


def test_a_history_can_be_read_without_what_went_through(sfn, told):
    arn, _ = told

    events = sfn("GetExecutionHistory", executionArn=arn, includeExecutionData=False)["events"]

    assert events[0]["executionStartedEventDetails"] == {"roleArn": ROLE}
    assert events[1]["stateEnteredEventDetails"] == {"name": "A"}


# --- the life of an execution -----------------------------------------------------------------------------------------


def test_started_once_more_in_the_same_way_an_execution_is_the_same(sfn):
    sfn.created(definition=WAITING)
    request = {"stateMachineArn": MACHINE_ARN, "name": "once", "input": '{"n": 1}'}
    first = sfn("StartExecution", **request)
    while sfn.api.now() / 1000 == first["startDate"]:
        pass  # a millisecond at most

    assert sfn("StartExecution", **request) == first
    assert sfn.refused("StartExecution", **{**request, "input": '{"n":1}'}) == (
        "ExecutionAlreadyExists",
        f"Execution Already Exists: '{first['executionArn']}'",
    )
    sfn("StopExecution", executionArn=first["executionArn"])
    assert sfn.refused("StartExecution", **request)[0] == "ExecutionAlreadyExists"


def test_an_execution_that_is_stopped_tells_why(sfn):
    sfn.created(definition=WAITING)
    arn = sfn.started()

    stopped = sfn("StopExecution", executionArn=arn, error="Enough", cause="We have seen enough")
    again = sfn("StopExecution", executionArn=arn, error="More")

    found = sfn("DescribeExecution", executionArn=arn)
    assert (found["status"], found["error"], found["cause"]) == ("ABORTED", "Enough", "We have seen enough")
    assert stopped["stopDate"] == again["stopDate"] == found["stopDate"]
    assert found["redriveStatus"] == "REDRIVABLE"
    assert "redriveStatusReason" not in found


def test_an_execution_is_redriven_once_for_a_token(sfn):
    sfn.created(definition=machine(A=pass_(), B=task()))
    sfn.outcomes += [LookupError("nothing there"), "there"]
    arn = sfn.ended()

    first = sfn("RedriveExecution", executionArn=arn, clientToken="one")
    sfn.wait(arn)
    again = sfn("RedriveExecution", executionArn=arn, clientToken="one")

    found = sfn("DescribeExecution", executionArn=arn)
    assert first == again == {"redriveDate": found["redriveDate"]}
    assert (found["status"], found["redriveCount"], found["output"]) == ("SUCCEEDED", 1, '"there"')
    assert sfn.refused("RedriveExecution", executionArn=arn, clientToken="two") == (
        "ExecutionNotRedrivable",
        "Execution Not Redrivable: 'Execution is SUCCEEDED and cannot be redriven'",
    )
    listed = sfn("ListExecutions", stateMachineArn=MACHINE_ARN, redriveFilter="REDRIVEN")["executions"]
    assert [(each["executionArn"], each["redriveCount"]) for each in listed] == [(arn, 1)]


def test_a_state_machine_is_being_deleted_until_its_executions_are_aborted(sfn):
    sfn.created(definition=machine(A=task(), B=task(CALLBACK, Parameters={"MessageBody": "?"})), publish=True)
    sfn.outcomes += [LookupError("nothing there"), 1]
    failed, running = sfn.ended(), sfn.started()
    gate = threading.Event()
    sfn.runtime.host.post(gate.wait)  # what is to be done about the executions waits

    sfn("DeleteStateMachine", stateMachineArn=MACHINE_ARN)

    try:
        assert sfn("DescribeStateMachine", stateMachineArn=MACHINE_ARN)["status"] == "DELETING"
        assert sfn.refused("StartExecution", stateMachineArn=MACHINE_ARN)[0] == "StateMachineDeleting"
        assert sfn.refused("DescribeStateMachine", stateMachineArn=f"{MACHINE_ARN}:1")[0] == "StateMachineDoesNotExist"
        found = sfn("DescribeExecution", executionArn=failed)
        assert (found["redriveStatus"], found["redriveStatusReason"]) == (
            "NOT_REDRIVABLE",
            "State machine is in DELETING status",
        )
        assert sfn.refused("RedriveExecution", executionArn=failed) == (
            "ExecutionNotRedrivable",
            "Execution Not Redrivable: 'State machine is in DELETING status'",
        )
    finally:
        gate.set()
    sfn.wait(running)
    sfn.settle()
    assert sfn("DescribeExecution", executionArn=running)["status"] == "ABORTED"
    assert sfn.refused("DescribeStateMachine", stateMachineArn=MACHINE_ARN)[0] == "StateMachineDoesNotExist"
    assert sfn("DeleteStateMachine", stateMachineArn=MACHINE_ARN) == {}


def test_an_execution_keeps_the_state_machine_it_was_started_from(sfn):
    sfn.created()
    first = sfn.ended()
    second_text = json.dumps(machine(A=pass_(Assign={"n": 1}), B=pass_(Parameters={"n.$": "$n"})))
    updated = sfn("UpdateStateMachine", stateMachineArn=MACHINE_ARN, definition=second_text, roleArn=f"{ROLE}2")
    second = sfn.ended()

    of_first = sfn("DescribeStateMachineForExecution", executionArn=first)
    of_second = sfn("DescribeStateMachineForExecution", executionArn=second)

    assert (of_first["definition"], of_first["roleArn"]) == (json.dumps(PASS), ROLE)
    assert not {"revisionId", "variableReferences"} & of_first.keys()
    assert (of_second["definition"], of_second["roleArn"]) == (second_text, f"{ROLE}2")
    assert of_second["variableReferences"] == {"B": ["n"]}
    assert of_second["stateMachineArn"] == MACHINE_ARN
    assert updated["updateDate"] >= of_first["updateDate"]


def test_the_header_for_traces_goes_with_an_execution(sfn):
    sfn.created()
    header = "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1"

    arn = sfn.ended(traceHeader=header)

    assert sfn("DescribeExecution", executionArn=arn)["traceHeader"] == header


@pytest.mark.parametrize("text", ["", "not JSON", "{'a': 1}"])
def test_the_input_of_an_execution_is_json(sfn, text):
    sfn.created()

    code, message = sfn.refused("StartExecution", stateMachineArn=MACHINE_ARN, input=text)

    assert code == "InvalidExecutionInput"
    assert message.startswith("Invalid State Machine Execution Input: '")


# --- tasks ------------------------------------------------------------------------------------------------------------


def test_a_task_that_waits_is_answered_by_its_token(sfn):
    sfn.created(definition=WAITING)
    arn = sfn.started()
    token = sfn.token()

    assert sfn("SendTaskHeartbeat", taskToken=token) == {}
    assert sfn.refused("SendTaskSuccess", taskToken=token, output="no JSON")[0] == "InvalidOutput"
    assert sfn("SendTaskSuccess", taskToken=token, output='{"n": 1}') == {}

    sfn.wait(arn)
    assert sfn("DescribeExecution", executionArn=arn)["output"] == '{"n":1}'
    assert sfn.refused("SendTaskFailure", taskToken=token)[0] == "TaskTimedOut"
    assert sfn.refused("SendTaskSuccess", taskToken="no token", output="{}")[0] == "InvalidToken"


def test_a_worker_takes_the_tasks_of_an_activity(sfn):
    sfn("CreateActivity", name="work")
    sfn.created(definition=machine(A=task(ACTIVITY)))
    arn = sfn.started(input='{"n": 1}')

    found = sfn("GetActivityTask", activityArn=ACTIVITY, workerName="worker")
    sfn("SendTaskFailure", taskToken=found["taskToken"], error="Boom", cause="It broke")

    sfn.wait(arn)
    events = sfn("GetExecutionHistory", executionArn=arn)["events"]
    assert found["input"] == '{"n":1}'
    assert [event["type"] for event in events[2:5]] == ["ActivityScheduled", "ActivityStarted", "ActivityFailed"]
    assert events[3]["activityStartedEventDetails"] == {"workerName": "worker"}
    assert events[4]["activityFailedEventDetails"] == {"error": "Boom", "cause": "It broke"}


def test_an_activity_is_encrypted_once_and_for_all(sfn):
    created = sfn("CreateActivity", name="work", encryptionConfiguration=KEY)

    assert sfn("CreateActivity", name="work", encryptionConfiguration=KEY) == created
    assert sfn.refused("CreateActivity", name="work") == (
        "ActivityAlreadyExists",
        f"Activity Already Exists: '{ACTIVITY}'",
    )
    assert sfn("DescribeActivity", activityArn=ACTIVITY) == {
        **created,
        "name": "work",
        "encryptionConfiguration": {**KEY, "kmsDataKeyReusePeriodSeconds": 300},
    }
    sfn("DeleteActivity", activityArn=ACTIVITY)
    assert sfn.refused("GetActivityTask", activityArn=ACTIVITY) == (
        "ActivityDoesNotExist",
        f"Activity Does Not Exist: '{ACTIVITY}'",
    )


# --- tags -------------------------------------------------------------------------------------------------------------


def test_tags_are_added_and_taken_away(sfn):
    sfn.created(tags=[{"key": "team", "value": "a"}, {"key": "stage", "value": "test"}], publish=True)

    sfn("TagResource", resourceArn=MACHINE_ARN, tags=[{"key": "team", "value": "b"}, {"key": "empty"}])
    sfn("UntagResource", resourceArn=MACHINE_ARN, tagKeys=["stage", "unknown"])

    found = sfn("ListTagsForResource", resourceArn=MACHINE_ARN)["tags"]
    assert {tag["key"]: tag["value"] for tag in found} == {"team": "b", "empty": ""}
    assert sfn.refused("ListTagsForResource", resourceArn=f"{MACHINE_ARN}:1") == (
        "ResourceNotFound",
        f"Resource not found: '{MACHINE_ARN}:1'",
    )


# --- map runs ---------------------------------------------------------------------------------------------------------


def test_an_execution_without_a_distributed_map_has_no_map_runs(sfn):
    sfn.created()
    arn = sfn.ended()
    run = MACHINE_ARN.replace("stateMachine", "mapRun") + "/label:3f1c9d7a"

    assert sfn("ListMapRuns", executionArn=arn) == {"mapRuns": []}
    assert sfn.refused("ListMapRuns", executionArn=f"{arn}-unknown")[0] == "ExecutionDoesNotExist"
    for operation, more in (("DescribeMapRun", {}), ("UpdateMapRun", {"maxConcurrency": 1}), ("ListExecutions", {})):
        assert sfn.refused(operation, mapRunArn=run, **more) == ("ResourceNotFound", f"Resource not found: '{run}'")


# --- express ----------------------------------------------------------------------------------------------------------


def test_whoever_starts_an_express_execution_can_wait_for_its_end(sfn):
    sfn.created(type="EXPRESS")

    found = sfn("StartSyncExecution", stateMachineArn=MACHINE_ARN, name="now", input='{"n": 1}', traceHeader="Root=1")

    assert found["executionArn"].startswith(MACHINE_ARN.replace("stateMachine", "express") + ":now:")
    assert (found["name"], found["status"], found["output"]) == ("now", "SUCCEEDED", '{"ok":true}')
    assert (found["input"], found["stateMachineArn"], found["traceHeader"]) == ('{"n": 1}', MACHINE_ARN, "Root=1")
    assert found["inputDetails"] == found["outputDetails"] == {"included": True}
    assert found["startDate"] <= found["stopDate"]
    billed = found["billingDetails"]
    assert billed["billedMemoryUsedInMB"] == 64
    assert billed["billedDurationInMilliseconds"] >= 100
    assert billed["billedDurationInMilliseconds"] % 100 == 0


def test_a_failure_is_an_answer_too(sfn):
    sfn.created(type="EXPRESS", definition=machine(A=fail("Boom", "It broke")))

    found = sfn("StartSyncExecution", stateMachineArn=MACHINE_ARN)

    assert (found["status"], found["error"], found["cause"]) == ("FAILED", "Boom", "It broke")
    assert "output" not in found


def test_one_that_takes_too_long_is_billed_for_its_time(hasty):
    hasty.created(type="EXPRESS", definition=machine(A=wait(Seconds=60), timeout=3))

    found = hasty("StartSyncExecution", stateMachineArn=MACHINE_ARN)

    assert found["status"] == "TIMED_OUT"
    assert found["billingDetails"]["billedDurationInMilliseconds"] in range(3000, 60_000, 100)


def test_express_executions_are_not_told_of(sfn):
    sfn.created(type="EXPRESS")
    arn = sfn.started()

    for operation in ("DescribeExecution", "GetExecutionHistory", "StopExecution", "DescribeStateMachineForExecution"):
        assert sfn.refused(operation, executionArn=arn) == (
            "InvalidArn",
            "Invalid Arn: 'Resource type not valid in this context: express'",
        )
    assert sfn.refused("ListExecutions", stateMachineArn=MACHINE_ARN)[0] == "StateMachineTypeNotSupported"


def test_nobody_waits_for_a_standard_execution(sfn):
    sfn.created()

    assert sfn.refused("StartSyncExecution", stateMachineArn=MACHINE_ARN) == (
        "StateMachineTypeNotSupported",
        "This operation is not supported by this type of state machine",
    )
