"""Functions as tasks: by which names they are invoked, what Step Functions makes of the answers, and how many run."""

import json
import os

import pytest

from stepwell.adapters.tasks.lambda_functions import FunctionSource, LambdaFunctions
from stepwell.definitions.failure import Failure
from support import CALL, machine, map_, parallel, scope, task

INVOKE = "arn:aws:states:::lambda:invoke"
ECHO = "def handler(event, context): return [event, context.invoked_function_arn]"
FAILS = "def handler(event, context): raise ValueError('no good')"


def invoke(name="call", resource=INVOKE, **parameters):
    return task(resource, Parameters={"FunctionName": name, **parameters})


@pytest.mark.parametrize("arn", [CALL, f"{CALL}:live", CALL.replace("123456789012", "000000000000")])
def test_an_arn_as_resource_gives_the_bare_result(functions, arn):
    ran = functions.run(functions.python(ECHO), {"a": 1}, task(arn))

    assert ran.output == [{"a": 1}, arn]
    assert ran.types[2:5] == ["LambdaFunctionScheduled", "LambdaFunctionStarted", "LambdaFunctionSucceeded"]


@pytest.mark.parametrize(
    ("name", "qualifier", "arn"),
    [
        ("call", None, CALL),
        ("call:7", None, f"{CALL}:7"),
        ("call", "live", f"{CALL}:live"),
        (CALL, None, CALL),
        (f"{CALL}:7", None, f"{CALL}:7"),
        (CALL, "7", f"{CALL}:7"),
        ("123456789012:function:call", None, CALL),
        ("123456789012:function:call:live", None, f"{CALL}:live"),
    ],
)
def test_lambda_invoke_takes_any_form_of_a_name(functions, name, qualifier, arn):
    state = invoke(name, Payload={"b": 2}, **({"Qualifier": qualifier} if qualifier else {}))

    ran = functions.run(functions.python(ECHO), {}, state)

    assert ran.output["Payload"] == [{"b": 2}, arn]
    assert list(ran.output) == ["ExecutedVersion", "Payload", "SdkHttpMetadata", "SdkResponseMetadata", "StatusCode"]


def test_without_a_payload_the_event_is_an_empty_object(functions):
    assert functions.run(functions.python(ECHO), {"a": 1}, invoke()).output["Payload"][0] == {}


def test_a_failure_has_the_payload_as_its_cause(functions):
    handler = functions.python(FAILS)

    direct, called = functions.run(handler), functions.run(handler, {}, invoke())

    assert direct.error == called.error == "ValueError"
    assert '", "errorType": "' in direct.cause
    assert '","errorType":"' in called.cause
    assert list(json.loads(called.cause)) == ["errorMessage", "errorType", "requestId", "stackTrace"]


def test_a_callback_succeeds_when_its_token_is_answered(functions):
    ran = functions.run(
        functions.python(ECHO), {}, {**invoke(resource=f"{INVOKE}.waitForTaskToken"), "TimeoutSeconds": 5}
    )

    assert ran.types[-3:] == ["TaskSubmitted", "TaskTimedOut", "ExecutionFailed"]
    assert json.loads(ran.details("TaskSubmitted")["output"])["StatusCode"] == 200


@pytest.mark.parametrize(("kind", "status"), [("Event", 202), ("DryRun", 204)])
def test_an_invocation_that_nobody_waits_for_has_no_payload(functions, kind, status):
    output = functions.run(functions.python(FAILS), {}, invoke(InvocationType=kind)).output

    assert (output["StatusCode"], output["Payload"], "ExecutedVersion" in output) == (status, "", False)


def test_an_asynchronous_invocation_is_performed(functions, tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    handler = functions.python(f"def handler(event, context): open({str(fifo)!r}, 'w').write(event['said'])")

    functions.run(handler, {}, invoke(InvocationType="Event", Payload={"said": "heard"}))

    assert fifo.read_text() == "heard"


@pytest.mark.parametrize(
    "state",
    [
        task(CALL.replace("call", "other")),
        invoke("other"),
        task("arn:aws:states:::sqs:sendMessage", Parameters={"QueueUrl": "q", "MessageBody": "m"}),
    ],
    ids=["another ARN", "another name", "another service"],
)
def test_other_tasks_are_left_to_who_stands_beside(functions, state):
    def beside(_task):
        yield Failure("Beside", "here")

    assert functions.run(LambdaFunctions([], beside), {}, state).error == "Beside"


def test_a_function_goes_by_its_logical_id_too(functions):
    handler = functions.python(ECHO, name="shop-call-dev", other_name="call")

    assert functions.run(handler).output[1] == CALL


def test_several_functions_stand_side_by_side(functions):
    functions.file("one.py", "def handler(event, context): return context.function_name")
    sources = [
        FunctionSource(name=name, handler="one.handler", runtime="python3.12", folder=functions.folder)
        for name in ("one", "two")
    ]
    handler = functions.handler(sources)

    names = [
        functions.run(handler, {}, task(CALL.replace(":call", f":{name}"))).output for name in ("one", "two", "one")
    ]

    assert names == ["one", "two", "one"]


MEETS = """
    import os, time
    def handler(event, context):
        open(event["mine"], "w").close()
        while not os.path.exists(event["other"]): time.sleep(0.001)
        return "met"
"""


def test_invocations_at_the_same_time_have_workers_of_their_own(functions, tmp_path):
    places = [str(tmp_path / name) for name in ("left", "right")]
    branches = [
        scope(**{f"T{n}": task(Parameters={"mine": mine, "other": other})})
        for n, (mine, other) in enumerate((places, places[::-1]))
    ]

    output = functions.run_on_threads(machine(P=parallel(*branches)), functions.python(MEETS, most_workers=2))

    assert output == ["met", "met"]


def test_there_are_never_more_workers_than_allowed(functions):
    handler = functions.python("import os\ndef handler(event, context): return os.getpid()", most_workers=1)

    output = functions.run_on_threads(machine(M=map_(scope(T=task()))), handler, list(range(20)))

    assert (len(output), len(set(output))) == (20, 1)


def test_a_retry_invokes_again(functions):
    handler = functions.python("""
        calls = []
        def handler(event, context):
            calls.append(context.aws_request_id)
            if len(calls) < 3: raise ConnectionError()
            return len(set(calls))
    """)

    state = task(Retry=[{"ErrorEquals": ["ConnectionError"], "MaxAttempts": 5}])

    assert functions.run(handler, {}, state).output == 3
