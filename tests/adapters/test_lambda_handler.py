"""A state machine behind a Lambda function: what an invocation returns, raises and leaves alone.

The package that `examples/lambda/build.py` builds is run as Lambda would run it, with nothing else to import from.
"""

import json
import os
import subprocess
import sys
import threading
import zipfile
from contextlib import contextmanager
from pathlib import Path

import pytest

from stepwell.adapters.lambda_ import ExecutionFailed, InvalidConfiguration, handler
from stepwell.adapters.server.app import Application
from stepwell.adapters.server.metrics import Metrics
from stepwell.adapters.server.serving import ServerThread
from stepwell.adapters.server.setup import Setup, opened
from stepwell.adapters.tasks.aws import Endpoints, MissingCredentials
from stepwell.adapters.tasks.aws.clients import Clients
from stepwell.adapters.tasks.functions import TaskError
from stepwell.definitions.problems import InvalidDefinition
from stepwell.engine.errors import InvalidExecutionInput
from stepwell.testing import client
from support import CALLBACK, fail, machine, parallel, pass_, retrier, scope, task, wait

EXAMPLE = Path(__file__).resolve().parents[2] / "examples/lambda"
REQUEST = "8f5c9b1e-3f0d-4f43-8ad5-0d7d1c7f9f00"
ROLE = "arn:aws:iam::123456789012:role/StepwellRole"
ORDER_ARN = "arn:aws:states:eu-central-1:123456789012:stateMachine:order"


class Invocation:
    """Lambda's context object."""

    def __init__(self, request=REQUEST, left=60_000):
        self.aws_request_id = request
        self._left = left

    def get_remaining_time_in_millis(self):
        return self._left


@pytest.fixture(autouse=True)
def an_environment_of_its_own(monkeypatch):
    for name in (
        "STEPWELL_LAMBDA_MODE",
        "STEPWELL_STATE_MACHINE_ARN",
        "AWS_ENDPOINT_URL",
        "AWS_ENDPOINT_URL_SFN",
        "AWS_PROFILE",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "000000000000")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "none")


# --- inside -----------------------------------------------------------------------------------------------------------


def test_the_event_is_the_input_and_the_output_is_returned_parsed():
    lambda_handler = handler(machine(Ask=task()), functions={"call": lambda event: {"got": event}})

    assert lambda_handler({"n": 1}, Invocation()) == {"got": {"n": 1}}
    assert lambda_handler([1, "é"], Invocation()) == {"got": [1, "é"]}
    assert lambda_handler(None, Invocation()) == {"got": None}


def test_the_definition_is_held_to_what_an_express_machine_may_say():
    with pytest.raises(InvalidDefinition):
        handler(machine(Ask=task(CALLBACK, Parameters={"QueueUrl": "q", "MessageBody.$": "$$.Task.Token"})))


def test_the_execution_is_named_after_the_request_and_belongs_to_the_machine_that_was_named():
    shown = pass_(Parameters={"name.$": "$$.Execution.Name", "id.$": "$$.Execution.Id", "of.$": "$$.StateMachine.Id"})
    lambda_handler = handler(machine(Show=shown), state_machine_arn=f"{ORDER_ARN}:live")

    output = lambda_handler({}, Invocation())

    assert output["name"] == REQUEST
    assert output["of"] == ORDER_ARN
    assert output["id"].startswith(f"arn:aws:states:eu-central-1:123456789012:express:order:{REQUEST}:")


def test_a_test_may_call_the_handler_without_a_context_object():
    assert handler(machine(A=pass_(Result=1)))({}, None) == 1


@pytest.mark.parametrize("error", ["PaymentDeclined", "States.Timeout", "Custom.Ünfall mit Leerzeichen", "a\0b\ud800"])
def test_a_failed_execution_is_an_exception_named_after_its_error(error):
    lambda_handler = handler(machine(Ask=task()), functions={"call": _raises(TaskError(error, "the cause"))})

    with pytest.raises(ExecutionFailed) as caught:
        lambda_handler({}, Invocation())

    assert type(caught.value).__name__ == error.replace("\0", "\ufffd").replace("\ud800", "?")
    assert str(caught.value) == "the cause"


def test_an_execution_that_fails_without_error_and_cause_is_just_failed():
    with pytest.raises(ExecutionFailed) as caught:
        handler(machine(Stop=fail()))({}, Invocation())

    assert type(caught.value) is ExecutionFailed
    assert (caught.value.error, caught.value.cause, str(caught.value)) == (None, None, "")


def test_what_a_function_raises_has_its_own_name_and_the_cause_that_lambda_gives():
    with pytest.raises(ExecutionFailed) as caught:
        handler(machine(Ask=task()), functions={"call": _raises(LookupError("nothing there"))})({}, Invocation())

    assert type(caught.value).__name__ == "LookupError"
    assert json.loads(str(caught.value))["errorMessage"] == "nothing there"


def test_a_time_of_its_own_ends_a_machine_as_on_aws():
    with pytest.raises(ExecutionFailed) as caught:
        handler(machine(Sleep=wait(Seconds=60), timeout=1))({}, Invocation())

    assert type(caught.value).__name__ == "States.Timeout"
    assert str(caught.value) == ""


@pytest.mark.parametrize(
    "state",
    [
        wait(Seconds=200),
        task(),
        task(Retry=[retrier("States.ALL")], Catch=[{"ErrorEquals": ["States.ALL"], "Next": "B"}]),
    ],
    ids=["waiting", "in a function", "whatever catches"],
)
def test_an_execution_is_stopped_before_its_invocation_ends_and_says_so(state):
    release = threading.Event()
    lambda_handler = handler(machine(A=state, B=pass_()), functions={"call": lambda _: release.wait()})

    with pytest.raises(ExecutionFailed) as caught:
        lambda_handler({}, Invocation(left=600))
    release.set()

    assert caught.value.error == type(caught.value).__name__ == "States.Timeout"
    assert str(caught.value) == "The execution was stopped 500 ms before the end of the invocation"


def test_an_invocation_without_time_begins_nothing():
    called = []
    lambda_handler = handler(machine(Ask=task()), functions={"call": called.append}, margin_millis=2000)

    with pytest.raises(ExecutionFailed, match="was not begun: it would have been stopped 2000 ms before"):
        lambda_handler({}, Invocation(left=2000))

    assert not called


def test_branches_call_functions_beside_each_other():
    meeting = threading.Barrier(2)
    lambda_handler = handler(
        machine(Both=parallel(scope(Ask=task()), scope(Too=task()))), functions={"call": lambda _: meeting.wait() >= 0}
    )

    assert lambda_handler({}, Invocation()) == [True, True]


def test_an_invocation_knows_nothing_of_the_one_before_it_even_of_the_same_request():
    lambda_handler = handler(machine(Ask=task()), functions={"call": lambda event: event})

    assert [lambda_handler(n, Invocation()) for n in range(3)] == [0, 1, 2]


def test_an_event_that_is_too_long_for_an_input_is_refused_as_on_aws():
    with pytest.raises(InvalidExecutionInput):
        handler(machine(A=pass_()))("x" * 262_144, Invocation())


def test_no_service_is_called_unless_that_was_asked_for():
    definition = machine(Put=task("arn:aws:states:::sqs:sendMessage", Parameters={"QueueUrl": "q", "MessageBody": "m"}))

    with pytest.raises(ExecutionFailed) as caught:
        handler(definition)({}, Invocation())

    assert type(caught.value).__name__ == "Stepwell.TaskNotBound"


def test_services_are_called_where_they_were_said_to_be():
    definition = machine(Start=task("arn:aws:states:::aws-sdk:sfn:listActivities", Parameters={}))
    with serving() as url:
        output = handler(definition, aws=Endpoints(of_services={"sfn": url}))({}, Invocation())

    assert output == {"Activities": []}


def test_as_the_function_aws_is_called_where_the_environment_gives_no_endpoint(monkeypatch):
    definition = machine(Start=task("arn:aws:states:::aws-sdk:sfn:listActivities", Parameters={}))
    with serving() as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SFN", url)
        assert handler(definition, aws=True)({}, Invocation()) == {"Activities": []}
        clients = Clients(Endpoints.real(os.environ))

    assert clients.connect("sfn", "eu-central-1").url == url
    assert clients.connect("dynamodb", "eu-central-1").url == "https://dynamodb.eu-central-1.amazonaws.com"


def test_calling_aws_as_the_function_takes_its_credentials(monkeypatch):
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

    with pytest.raises(MissingCredentials):
        handler(machine(A=pass_()), aws=True)


def _raises(error):
    def function(_event):
        raise error

    return function


# --- start and start-sync ---------------------------------------------------------------------------------------------


@contextmanager
def serving(**setup):
    metrics = Metrics()
    with opened(Setup(**setup), metrics) as api:
        application = Application(api, access=None, metrics=metrics)
        server = ServerThread(application)
        try:
            yield server.url
        finally:
            server.close()
            application.close()


@pytest.fixture(scope="module")
def server():
    with serving(functions={"call": lambda event: event["n"] * 2}, fast_forward=True) as url:
        yield url


@pytest.fixture
def created(server):
    """Makes state machines on the server."""
    sfn = client(server)

    def create(name, definition, kind="STANDARD"):
        made = sfn.create_state_machine(name=name, definition=json.dumps(definition), roleArn=ROLE, type=kind)
        return made["stateMachineArn"]

    yield create
    sfn.close()


def test_a_request_that_lambda_repeats_starts_one_execution(server, created, monkeypatch):
    arn = created("repeated", machine(Ask=task()))
    monkeypatch.setenv("STEPWELL_LAMBDA_MODE", "start")
    monkeypatch.setenv("STEPWELL_STATE_MACHINE_ARN", arn)
    monkeypatch.setenv("AWS_ENDPOINT_URL_SFN", server)
    lambda_handler = handler("order.asl.json")

    first = lambda_handler({"n": 4}, Invocation())
    with _closing(client(server)) as sfn:
        while (found := sfn.describe_execution(executionArn=first["executionArn"]))["status"] == "RUNNING":
            pass
    again = lambda_handler({"n": 4}, Invocation())

    assert first == again == {"executionArn": arn.replace(":stateMachine:", ":execution:") + f":{REQUEST}"}
    assert (found["input"], found["output"]) == ('{"n":4}', "8")
    assert lambda_handler({"n": 4}, None) != lambda_handler({"n": 4}, None)


def test_the_end_of_an_execution_elsewhere_is_the_end_of_the_invocation(server, created):
    doubles = created("doubles", machine(Ask=task()), "EXPRESS")
    sleeps = created("sleeps", machine(Sleep=wait(Seconds=60), timeout=30), "EXPRESS")
    fails = created("fails", machine(Stop=fail("Payment.Declined", "No card")), "EXPRESS")

    def lambda_handler(arn):
        return handler(mode="start-sync", state_machine_arn=arn, endpoint_url=server)

    assert lambda_handler(doubles)({"n": 21}, Invocation()) == 42
    with pytest.raises(ExecutionFailed) as caught:
        lambda_handler(fails)({}, Invocation())
    assert (type(caught.value).__name__, str(caught.value)) == ("Payment.Declined", "No card")
    with pytest.raises(ExecutionFailed) as caught:
        lambda_handler(sleeps)({}, Invocation())
    assert (type(caught.value).__name__, str(caught.value)) == ("States.Timeout", "")


def test_what_the_service_refuses_has_the_name_that_it_gives(server):
    lambda_handler = handler(mode="start", state_machine_arn=ORDER_ARN, endpoint_url=server)

    with pytest.raises(Exception, match="State Machine Does Not Exist") as caught:
        lambda_handler({}, Invocation())

    assert type(caught.value).__name__ == "StateMachineDoesNotExist"


@contextmanager
def _closing(sfn):
    try:
        yield sfn
    finally:
        sfn.close()


# --- configuration ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"mode": "beside"}, "there is no mode 'beside'; there are: inside, start, start-sync"),
        ({}, "to run a state machine inside takes its definition"),
        ({"mode": "start"}, "'start' takes the ARN of a state machine: set STEPWELL_STATE_MACHINE_ARN"),
    ],
    ids=["no such mode", "no definition", "no state machine"],
)
def test_what_is_missing_is_said_when_the_function_is_loaded(options, said):
    with pytest.raises(InvalidConfiguration, match=said):
        handler(**options)


# --- cold starts and the package --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "unwanted"),
    [
        ("'inside'", ("boto", "urllib3", "stepwell.adapters.tasks.aws", "stepwell.adapters.server", "jlens", "yaml")),
        (f"'start', state_machine_arn='{ORDER_ARN}'", ("stepwell.engine", "stepwell.definitions", "pydantic")),
    ],
    ids=["inside", "start"],
)
def test_a_cold_start_imports_only_what_its_mode_needs(options, unwanted):
    code = f"""
import sys
from stepwell.adapters.lambda_ import handler
handler({{"StartAt": "A", "States": {{"A": {{"Type": "Succeed"}}}}}}, mode={options})
print([name for name in sys.modules if name.startswith({unwanted!r})])
"""
    ran = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)

    assert ran.stdout.strip() == "[]"


AS_LAMBDA = """
import json, sys
sys.path[:] = [path for path in sys.path if "site-packages" not in path]
sys.path.insert(0, sys.argv[1])

import app

class Invocation:
    aws_request_id = "8f5c9b1e-3f0d-4f43-8ad5-0d7d1c7f9f00"

    def get_remaining_time_in_millis(self):
        return 60_000

try:
    answer = app.lambda_handler(json.loads(sys.argv[2]), Invocation())
except Exception as error:
    answer = {"errorType": type(error).__name__, "errorMessage": str(error)}
print(json.dumps(answer))
"""


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """What Lambda makes of the zip: a folder."""
    folder = tmp_path_factory.mktemp("lambda")
    build = [sys.executable, str(EXAMPLE / "build.py"), str(folder / "order.zip"), "--installed"]
    subprocess.run(build, check=True, capture_output=True)
    with zipfile.ZipFile(folder / "order.zip") as archive:
        archive.extractall(folder / "task")
    return folder


@pytest.fixture
def invoke(package):
    def invoke(event):
        command = [sys.executable, "-I", "-S", "-c", AS_LAMBDA, str(package / "task"), json.dumps(event)]
        ran = subprocess.run(command, check=True, capture_output=True, text=True, cwd=package / "task")
        return json.loads(ran.stdout)

    return invoke


ORDER = json.loads((EXAMPLE / "order.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("changed", "answer"),
    [
        ({}, {"orderId": "A-1042", "paid": 517, "paymentId": "P-517"}),
        ({"card": "tok_unknown"}, {"orderId": "A-1042", "paid": 517, "paymentId": "P-517"}),
        (
            {"card": "tok_declined"},
            {"errorType": "PaymentDeclined", "errorMessage": "Order A-1042 was refused"},
        ),
    ],
    ids=["paid", "paid the second time", "declined"],
)
def test_the_package_runs_with_nothing_but_itself(invoke, changed, answer):
    assert invoke(ORDER | changed) == answer


def test_the_package_holds_what_an_invocation_needs_and_fits(package):
    names = {path.name for path in (package / "task").iterdir()}

    assert {"app.py", "functions.py", "order.asl.json", "stepwell", "jlens", "yaml"} <= names
    assert not {"boto3", "botocore", "uvicorn", "uvloop", "starlette", "rich", "click", "prometheus_client"} & names
    assert not list((package / "task").rglob("tests"))
    assert (package / "order.zip").stat().st_size < 50 * 1024 * 1024
