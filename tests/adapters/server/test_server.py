"""The server over HTTP: what boto3 finds there, what it answers to what is no request, and how it ends."""

import http.client
import json
import signal
import socket
import subprocess
import sys
import threading
from contextlib import ExitStack, closing, contextmanager

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from stepwell.adapters.server.app import Access, Application
from stepwell.adapters.server.metrics import Metrics
from stepwell.adapters.server.serving import LARGEST_HEAD, CannotListen, ServerThread, listen
from stepwell.adapters.server.setup import Setup, opened
from stepwell.adapters.server.sigv4 import Verifier
from stepwell.testing import client
from support import machine, pass_, succeed, task, wait

ROLE = "arn:aws:iam::123456789012:role/StepwellRole"
ONE_PASS = json.dumps(machine(A=pass_(Result={"ok": True})))


@contextmanager
def serving(access=None, **setup):
    metrics = Metrics()
    with opened(Setup(**setup), metrics) as api:
        application = Application(api, access=access, metrics=metrics)
        server = ServerThread(application)
        try:
            yield server
        finally:
            server.close()
            application.close()


@pytest.fixture(scope="module")
def server():
    with serving(functions={"double": lambda event: event["n"] * 2, "fails": _fails}, fast_forward=True) as it:
        yield it


def lambda_(name):
    return f"arn:aws:lambda:us-east-1:123456789012:function:{name}"


def _fails(event):
    raise LookupError("nothing there")


@pytest.fixture
def closed():
    """Makes clients of boto3 that are closed in the end."""
    with ExitStack() as undone:
        yield lambda *names, **about: undone.enter_context(closing(boto3.session.Session().client(*names, **about)))


@pytest.fixture
def calling():
    """Makes clients of ours that are closed in the end."""
    with ExitStack() as undone:
        yield lambda url, **about: undone.enter_context(closing(client(url, **about)))


@pytest.fixture
def sfn(server, calling):
    return calling(server.url)


def created(sfn, name, definition=ONE_PASS, **about):
    text = definition if isinstance(definition, str) else json.dumps(definition)
    return sfn.create_state_machine(name=name, definition=text, roleArn=ROLE, **about)["stateMachineArn"]


def ended(sfn, arn):
    while (found := sfn.describe_execution(executionArn=arn))["status"] == "RUNNING":
        pass
    return found


def ask(server, method="POST", path="/", body=b"{}", headers=()):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        connection.request(method, path, body, dict(headers))
        answer = connection.getresponse()
        return answer.status, answer.read(), dict(answer.getheaders())
    finally:
        connection.close()


def target(name):
    return {"X-Amz-Target": f"AWSStepFunctions.{name}"}


# --- boto3 ------------------------------------------------------------------------------------------------------------


def test_the_whole_life_of_a_machine_through_boto3(sfn):
    arn = created(sfn, "life", machine(A=task(lambda_("double"))))
    assert [each["name"] for each in sfn.list_state_machines()["stateMachines"]] == ["life"]
    version = sfn.publish_state_machine_version(stateMachineArn=arn)["stateMachineVersionArn"]
    alias = sfn.create_state_machine_alias(
        name="live", routingConfiguration=[{"stateMachineVersionArn": version, "weight": 100}]
    )["stateMachineAliasArn"]

    started = sfn.start_execution(stateMachineArn=alias, input='{"n": 21}', name="first")
    found = ended(sfn, started["executionArn"])

    assert (found["status"], found["output"]) == ("SUCCEEDED", "42")
    assert (found["stateMachineVersionArn"], found["stateMachineAliasArn"]) == (version, alias)
    assert found["startDate"] == started["startDate"]
    events = sfn.get_execution_history(executionArn=started["executionArn"])["events"]
    assert [events[0]["type"], events[-1]["type"]] == ["ExecutionStarted", "ExecutionSucceeded"]

    sfn.update_state_machine(stateMachineArn=arn, definition=json.dumps(machine(A=task(lambda_("fails")))))
    failed = ended(sfn, sfn.start_execution(stateMachineArn=arn)["executionArn"])
    assert (failed["status"], failed["error"], failed["redriveStatus"]) == ("FAILED", "LookupError", "REDRIVABLE")
    sfn.redrive_execution(executionArn=failed["executionArn"])
    assert ended(sfn, failed["executionArn"])["redriveCount"] == 1

    sfn.delete_state_machine(stateMachineArn=arn)
    with pytest.raises(sfn.exceptions.StateMachineDoesNotExist):
        sfn.describe_state_machine(stateMachineArn=arn)


def test_operations_that_wait_work_though_boto3_puts_sync_before_the_host(server, closed):
    plain = closed(
        "stepfunctions",
        endpoint_url=f"http://localhost:{server.port}",
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(inject_host_prefix=False),
    )
    arn = created(plain, "express", type="EXPRESS")

    answer = plain.start_sync_execution(stateMachineArn=arn, input="[1]")
    assert (answer["status"], answer["output"]) == ("SUCCEEDED", '{"ok":true}')
    assert answer["billingDetails"] == {"billedMemoryUsedInMB": 64, "billedDurationInMilliseconds": 100}

    status, _, _ = ask(
        server,
        body=json.dumps({"stateMachineArn": arn}),
        headers={**target("StartSyncExecution"), "Host": f"sync-localhost:{server.port}"},
    )
    assert status == 200


def test_errors_are_boto3_exceptions_with_the_texts_of_aws(sfn):
    with pytest.raises(sfn.exceptions.InvalidName) as refused:
        created(sfn, "no way")
    assert refused.value.response["Error"]["Message"] == "Invalid Name: 'no way'"

    with pytest.raises(sfn.exceptions.InvalidDefinition):
        created(sfn, "broken", "{}")
    with pytest.raises(ClientError) as refused:
        sfn.list_state_machines(maxResults=1001)
    assert refused.value.response["Error"]["Code"] == "ValidationException"


def test_the_caller_says_where_and_as_whom_things_are_made(server, calling):
    elsewhere = calling(server.url, region_name="eu-central-1", account_id="000000000000")

    arn = elsewhere.create_activity(name="there")["activityArn"]

    assert arn == "arn:aws:states:eu-central-1:000000000000:activity:there"
    assert calling(server.url).list_activities()["activities"] == []


def test_lists_come_in_pages(sfn):
    for number in range(5):
        sfn.create_activity(name=f"page-{number}")

    pages = sfn.get_paginator("list_activities").paginate(PaginationConfig={"PageSize": 2})

    assert [[each["name"] for each in page["activities"]] for page in pages] == [
        ["page-0", "page-1"],
        ["page-2", "page-3"],
        ["page-4"],
    ]


def test_a_worker_that_polls_is_given_the_task_as_soon_as_there_is_one(sfn, server, calling):
    activity = sfn.create_activity(name="work")["activityArn"]
    arn = created(sfn, "asks", machine(A={"Type": "Task", "Resource": activity}))
    given, other = [], calling(server.url)
    worker = threading.Thread(target=lambda: given.append(other.get_activity_task(activityArn=activity)))
    worker.start()

    started = sfn.start_execution(stateMachineArn=arn, input='{"page": 7}')
    worker.join(10)

    assert given[0]["input"] == '{"page": 7}' or json.loads(given[0]["input"]) == {"page": 7}
    sfn.send_task_heartbeat(taskToken=given[0]["taskToken"])
    sfn.send_task_success(taskToken=given[0]["taskToken"], output='"done"')
    assert ended(sfn, started["executionArn"])["output"] == '"done"'


def test_wait_states_can_be_told_to_take_a_part_of_their_time(calling):
    with serving(wait_scale=0.0) as hasty:
        sfn = calling(hasty.url)
        arn = created(sfn, "nap", machine(W=wait(Seconds=3600), A=succeed()))

        assert ended(sfn, sfn.start_execution(stateMachineArn=arn)["executionArn"])["status"] == "SUCCEEDED"


def test_the_header_of_xray_goes_before_the_member(server, sfn):
    arn = created(sfn, "traced")
    headers = {**target("StartExecution"), "X-Amzn-Trace-Id": "Root=1-header"}

    _, answer, _ = ask(
        server, body=json.dumps({"stateMachineArn": arn, "traceHeader": "Root=1-member"}), headers=headers
    )

    found = sfn.describe_execution(executionArn=json.loads(answer)["executionArn"])
    assert found["traceHeader"] == "Root=1-header"


# --- what is no request -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        pytest.param(b"{}", {}, 400, "UnknownOperationException", id="no-target"),
        pytest.param(
            b"{}",
            {"X-Amz-Target": "DynamoDB_20120810.ListTables"},
            400,
            "UnknownOperationException",
            id="another-service",
        ),
        pytest.param(b"{}", target("Nope"), 400, "UnknownOperationException", id="no-such-operation"),
        pytest.param(b"{", target("ListActivities"), 400, "SerializationException", id="no-json"),
        pytest.param(b"[]", target("ListActivities"), 400, "SerializationException", id="no-object"),
        pytest.param(b"{}", target("DescribeActivity"), 400, "ValidationException", id="missing"),
        pytest.param(b"{}", {**target("ListActivities"), "Host": "evil.example"}, 403, "ForbiddenException", id="host"),
    ],
)
def test_what_is_no_request_is_told_so(server, body, headers, status, code):
    found, answer, _ = ask(server, body=body, headers=headers)

    assert (found, json.loads(answer)["__type"]) == (status, code)


def test_a_request_has_a_largest_size(server):
    status, answer, _ = ask(server, body=b" " * (5 * 1024 * 1024), headers=target("ListActivities"))

    assert (status, json.loads(answer)["__type"]) == (413, "RequestEntityTooLargeException")


def test_who_sends_endless_headers_is_hung_up_on(server):
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\n")
        with pytest.raises(OSError):
            for number in range(LARGEST_HEAD):
                connection.sendall(b"X-%d: %s\r\n" % (number, b"x" * 4096))


def test_who_asks_much_and_leaves_breaks_nothing(server, caplog):
    head = f"POST / HTTP/1.1\r\nHost: localhost\r\nX-Amz-Target: {target('ListActivities')['X-Amz-Target']}\r\n"
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
            connection.sendall(f"{head}Content-Length: 2\r\n\r\n{{}}".encode() * 50)
            connection.recv(10)

    assert ask(server, headers=target("ListActivities"))[0] == 200
    assert "Traceback" not in caplog.text


def test_other_pages_are_not_found_and_other_methods_not_allowed(server):
    assert ask(server, "GET", "/../../etc/passwd")[0] == 404
    assert ask(server, "GET", "/")[0] == 405
    assert "access-control-allow-origin" not in {name.lower() for name in ask(server)[2]}


def test_health_and_figures(server, sfn):
    ended(sfn, sfn.start_execution(stateMachineArn=created(sfn, "counted"))["executionArn"])

    assert ask(server, "GET", "/health")[:2] == (200, b"ok\n")
    status, text, _ = ask(server, "GET", "/metrics")
    assert status == 200
    assert b'stepwell_requests_total{code="",operation="StartExecution"}' in text
    assert b'stepwell_executions_ended_total{status="SUCCEEDED",type="STANDARD"}' in text


# --- who may call -----------------------------------------------------------------------------------------------------


def test_with_keys_only_who_signs_with_one_is_answered(closed):
    with serving(Access(verifier=Verifier({"key": "secret"}))) as guarded:

        def as_whom(key, secret):
            return closed(
                "stepfunctions",
                endpoint_url=guarded.url,
                region_name="us-east-1",
                aws_access_key_id=key,
                aws_secret_access_key=secret,
            )

        assert as_whom("key", "secret").list_activities()["activities"] == []
        for key, secret, code in (
            ("key", "guess", "InvalidSignatureException"),
            ("other", "secret", "UnrecognizedClientException"),
        ):
            with pytest.raises(ClientError) as refused:
                as_whom(key, secret).list_activities()
            assert refused.value.response["Error"]["Code"] == code
        assert (
            json.loads(ask(guarded, headers=target("ListActivities"))[1])["__type"]
            == "MissingAuthenticationTokenException"
        )


# --- sockets and ends -------------------------------------------------------------------------------------------------


def test_a_port_that_is_taken_is_told_of(server):
    with pytest.raises(CannotListen, match=f"127.0.0.1:{server.port}: .*another process has it"):
        listen("127.0.0.1", server.port)


def served(calling, folder, *arguments):
    process = subprocess.Popen(
        [sys.executable, "-m", "stepwell", "serve", "--port", "0", "--data", str(folder), *arguments],
        stderr=subprocess.PIPE,
        text=True,
    )
    banner = process.stderr.readline()
    assert "serves AWS Step Functions at http://127.0.0.1:" in banner, banner
    return process, calling(banner.split(" at ")[1].split()[0])


def test_what_was_accepted_outlives_a_server_that_is_killed(tmp_path, calling):
    process, sfn = served(calling, tmp_path)
    with process:
        arn = created(sfn, "nap", machine(W=wait(Seconds=1), A=succeed()))
        started = sfn.start_execution(stateMachineArn=arn, input='{"kept": true}', name="one")["executionArn"]
        process.kill()

    process, sfn = served(calling, tmp_path)
    with process:
        assert ended(sfn, started)["output"] == '{"kept":true}'
        process.terminate()
        assert process.wait(10) == 0


def test_a_server_that_is_told_to_end_lets_pollers_go_and_ends(tmp_path, calling):
    process, sfn = served(calling, tmp_path)
    with process:
        activity = sfn.create_activity(name="idle")["activityArn"]
        given = []
        worker = threading.Thread(target=lambda: given.append(sfn.get_activity_task(activityArn=activity)))
        worker.start()
        while b"stepwell_activity_pollers 1.0" not in _metrics(sfn):
            pass
        process.send_signal(signal.SIGINT)

        assert process.wait(20) == 0
        worker.join(10)
        assert process.stderr.read() == ""


def test_what_takes_longer_than_the_grace_of_a_server_that_ends_is_told_so(tmp_path, calling):
    process, sfn = served(calling, tmp_path, "--grace", "1")
    with process:
        refused = []

        def wait_long():
            try:
                sfn.test_state(definition=json.dumps(wait(Seconds=250, End=True)), roleArn=ROLE)
            except ClientError as error:
                refused.append(error.response["Error"]["Code"])

        worker = threading.Thread(target=wait_long)
        worker.start()
        while b"stepwell_requests_running 1.0" not in _metrics(sfn):
            pass
        process.terminate()

        assert process.wait(20) == 0
        worker.join(10)
        assert refused == ["ServiceUnavailable"]
        assert "Traceback" not in process.stderr.read()


def _metrics(sfn):
    address = sfn.meta.endpoint_url.removeprefix("http://")
    with closing(http.client.HTTPConnection(address, timeout=10)) as connection:
        connection.request("GET", "/metrics")
        return connection.getresponse().read()
