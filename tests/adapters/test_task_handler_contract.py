"""The contract of task handlers, for each of them, on hosts over each store. A new handler is one more line."""

import json
from io import BytesIO
from pathlib import Path

import pytest
from botocore.awsrequest import AWSResponse

from stepwell.adapters.hosts.simulation import Simulation
from stepwell.adapters.stores.memory import MemoryStore
from stepwell.adapters.stores.sqlite import SqliteStore
from stepwell.adapters.tasks.aws import AwsTasks, Endpoints
from stepwell.adapters.tasks.bindings import Bindings, BoundTasks
from stepwell.adapters.tasks.cassettes import RecordedCall, ReplayedTasks
from stepwell.adapters.tasks.executions import NestedExecutions
from stepwell.adapters.tasks.lambda_functions import FunctionSource, LambdaFunctions
from stepwell.adapters.tasks.mocks import MockedTasks, read_mocks
from stepwell.definitions.check import parse
from stepwell.definitions.json_text import loads
from stepwell.engine.errors import StateMachineDoesNotExist
from stepwell.engine.events import ExecutionStopped, TaskSucceeded
from stepwell.engine.operations.executions import new_execution, start_execution
from stepwell.engine.ports import Call, Failure, Pause, Succeeded, TaskCancelled
from stepwell.engine.program import compile_program
from support import ACTIVITY, CALL, CALLBACK, MACHINE_ARN, catcher, machine, pass_, task, wait

START = "arn:aws:states:::states:startExecution"


def good(value):
    return {"got": value}


async def good_later(value):
    return {"got": value}


def bad(value):
    raise ValueError("no good")


def polls(task_):
    """Begins a job, asks for it every second, cancels it when it is given up."""
    job = yield Call(lambda: "job 1")
    try:
        for _ in range(3):
            yield Pause(1)
    except TaskCancelled:
        yield Call(CANCELLED.append, (job,))
        return
    yield Succeeded(task_.input)


CANCELLED = []


def answers(status, body):
    """A service that answers every call so, without a network."""

    def answering(request, **about):
        raw = BytesIO(json.dumps(body).encode())
        raw.stream = lambda *args, **kwargs: iter([raw.read()])
        return AWSResponse(request.url, status, {"x-amzn-requestid": "r"}, raw)

    return AwsTasks(Endpoints(everything="http://127.0.0.1:1"), answering=answering)


def from_source(body):
    code = f"def handler(event, context):\n    {body}\n"
    about = {"handler": "index.handler", "runtime": "python3.12", "folder": Path(), "inline_code": code}
    return LambdaFunctions([FunctionSource(name="call", **about)], log=lambda name, line: None)


def plays(**outcome):
    call = RecordedCall(state="T", resource=CALL, input={}, **outcome)
    return lambda task_: ReplayedTasks([call])(task_)


HANDLERS = {
    "service": (
        answers(200, {"Item": {}}),
        answers(400, {"__type": "ResourceNotFoundException", "message": "no table"}),
        task("arn:aws:states:::dynamodb:getItem", Parameters={"TableName": "t", "Key": {"id": {"S": "1"}}}),
    ),
    "function from its source": (from_source("return event"), from_source("raise ValueError('no good')"), task()),
    "cassette": (plays(output={"got": 1}), plays(error="ValueError", cause="no good"), task()),
    "function": (BoundTasks(Bindings({"call": good})), BoundTasks(Bindings({"call": bad})), task()),
    "coroutine function": (BoundTasks(Bindings({"call": good_later})), BoundTasks(Bindings({"call": bad})), task()),
    "function of an activity": (
        BoundTasks(Bindings({"work": good})),
        BoundTasks(Bindings({"work": bad})),
        task(ACTIVITY),
    ),
    "mock": (
        lambda task_: mocked({"Return": {"got": loads(task_.input)}})(task_),
        lambda task_: mocked({"Throw": {"Error": "ValueError", "Cause": "no good"}})(task_),
        task(),
    ),
    "nested execution": (
        NestedExecutions(BoundTasks(Bindings())),
        NestedExecutions(BoundTasks(Bindings())),
        task(f"{START}.sync:2", Parameters={"StateMachineArn.$": "$.machine", "Input": {}}),
    ),
    "poll": (polls, lambda task_: iter_of(Failure("ValueError", "no good")), task()),
}


def mocked(response):
    definition = parse(machine(T=task()))
    return MockedTasks(read_mocks({"T": response}, None, definition), BoundTasks(Bindings()))


def iter_of(report):
    yield report


CHILDREN = {
    "good": compile_program(parse(machine(A=pass_()))),
    "slow": compile_program(parse(machine(W=wait(Seconds=9)))),
}


@pytest.fixture(params=["memory", "sqlite"])
def store(request, tmp_path):
    store = MemoryStore() if request.param == "memory" else SqliteStore(tmp_path / "stepwell.db")
    yield store
    store.close()


@pytest.fixture(params=HANDLERS)
def handler(request):
    CANCELLED.clear()
    return HANDLERS[request.param]


def host_of(store, handler):
    def launch(task_, request):
        if request.state_machine_arn not in CHILDREN:
            raise StateMachineDoesNotExist(request.state_machine_arn)
        program = CHILDREN[request.state_machine_arn]
        arn = MACHINE_ARN.replace("tested", request.state_machine_arn)
        child = new_execution(
            at=host.clock.now(),
            entropy=b"",
            input=request.input,
            name=request.name,
            machine_arn=arn,
            started_by=task_.token,
        )
        return start_execution(host.worker, store, program, child, "{}")

    host = Simulation(handler, store=store, launch=launch)
    return host


def run(store, handler, state, input="good", **fields):
    host = host_of(store, handler)
    program = compile_program(parse(machine(T={**state, **fields}, Caught=pass_())))
    execution = host.start(program, "{}", input=f'{{"machine":"{input}"}}', name="one", machine_arn=MACHINE_ARN)
    return host, execution


def kinds(store, execution):
    return [event.type for event in store.history(execution.arn)]


def test_it_answers_once(store, handler):
    host, execution = run(store, handler[0], handler[2])
    host.work()

    assert execution.status == "SUCCEEDED"
    assert sum(kind.endswith("Succeeded") for kind in kinds(store, execution)) == 2  # the task and the execution
    assert store.open_tasks() == []


def test_it_fails_with_an_error_that_handlers_can_name(store, handler):
    host, execution = run(store, handler[1], handler[2], "nothing", Catch=[catcher("States.ALL", next="Caught")])
    host.work()

    assert execution.status == "SUCCEEDED"
    failed = next(event for event in store.history(execution.arn) if event.type.endswith("Failed"))
    assert failed.details["error"] and failed.details["cause"]


def test_given_up_it_says_no_more(store, handler):
    host, execution = run(store, handler[0], handler[2], "slow")
    host.worker._take_in()
    host.worker._lay_down()  # asked for, not yet begun
    host.worker.send(execution.arn, ExecutionStopped)
    host.work()

    assert execution.status == "ABORTED"
    assert kinds(store, execution)[-1] == "ExecutionAborted"
    assert store.open_tasks() == []


def test_closed_with_its_host_it_leaves_the_task_as_it_was(store, handler):
    host, execution = run(store, handler[0], handler[2], "slow")
    host.worker.drain()
    host.worker.work()
    host.worker.close()

    (left,) = store.open_tasks(execution.arn)
    assert (left.task.state, left.is_left_open) == ("T", False)


def test_performed_again_it_answers_the_same_task(store, handler):
    """As after a crash: another worker performs what the first one was asked for."""
    host, execution = run(store, handler[0], handler[2])
    host.worker.drain()
    host.worker.work()

    again = host_of(store, handler[0])
    again.worker._compile = lambda text, kind: compile_program(parse(machine(T=handler[2], Caught=pass_())))
    again.worker.take_over(found_by(store, execution))
    again.work()

    assert store.describe(execution.arn).status == "SUCCEEDED"


def found_by(store, execution):
    from msgspec.structs import replace

    found = store.claim(execution.arn)
    return found if found.tasks else replace(found, tasks=store.open_tasks(execution.arn))


# --- what single handlers promise -------------------------------------------------------------------------------------


def test_a_job_is_cancelled_with_its_task(store):
    CANCELLED.clear()
    host, execution = run(store, polls, task())
    host.work(until=execution.started_at + 1500)
    host.worker.send(execution.arn, ExecutionStopped)
    host.work()

    assert CANCELLED == ["job 1"]
    assert execution.status == "ABORTED"


def test_a_job_goes_on_when_its_host_ends(store):
    CANCELLED.clear()
    host, execution = run(store, polls, task())
    host.work(until=execution.started_at + 1500)
    host.worker.close()

    assert CANCELLED == []


def test_an_answer_by_token_ends_the_exchange_and_cancels_nothing(store):
    CANCELLED.clear()
    host, execution = run(store, polls, task())
    host.work(until=execution.started_at + 1500)
    (left,) = store.open_tasks()
    host.worker.answer(left.task.token, TaskSucceeded, output='"by token"')
    host.work()

    assert (execution.status, CANCELLED) == ("SUCCEEDED", [])
    assert store.describe(execution.arn).output == '"by token"'


def test_a_child_that_was_started_before_a_crash_is_found_again(store):
    state = HANDLERS["nested execution"][2]
    host, execution = run(store, HANDLERS["nested execution"][0], state, "slow")
    host.work(until=execution.started_at + 1)
    children = [each.arn for each in store.executions() if each.arn != execution.arn]
    host.worker.close()

    again = host_of(store, HANDLERS["nested execution"][0])
    programs = iter([compile_program(parse(machine(T=state, Caught=pass_()))), CHILDREN["slow"]])
    again.worker._compile = lambda text, kind: next(programs)
    again.worker.take_over(found_by(store, execution))
    again.worker.work()

    assert [each.arn for each in store.executions() if each.arn != execution.arn] == children
    assert len(children) == 1


def test_a_callback_is_left_open_with_its_first_answer(store):
    host, execution = run(store, BoundTasks(Bindings({CALLBACK: good})), task(CALLBACK))
    host.work(until=execution.started_at + 1)
    (left,) = store.open_tasks()

    assert (left.is_left_open, left.task.submitted) == (True, '{"got":{"machine":"good"}}')
