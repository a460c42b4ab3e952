"""Tasks that start executions: the four patterns, their results and failures, and what a stop does to children."""

import pytest

from stepwell.definitions.json_text import loads
from stepwell.local import Engine, run
from support import MACHINE_ARN, catcher, fail, machine, parallel, pass_, retrier, scope, task, wait

CHILD_ARN = MACHINE_ARN.replace("tested", "child")
CHILD = machine(Answer=pass_(Parameters={"answer.$": "$.question"}))


def starting(pattern="", **parameters):
    fields = {"StateMachineArn": CHILD_ARN, **parameters}
    return task(f"arn:aws:states:::states:startExecution{pattern}", Parameters=fields)


def nested(pattern="", child=CHILD, **parameters):
    return run(machine(Start=starting(pattern, **parameters)), state_machines={"child": child})


def types(result):
    return [event["type"] for event in result.history]


def test_request_response_gives_what_start_execution_gives():
    result = nested(Name="mine", Input={"question": 1})

    assert list(result.output) == ["ExecutionArn", "SdkHttpMetadata", "SdkResponseMetadata", "StartDate"]
    assert result.output["ExecutionArn"] == CHILD_ARN.replace("stateMachine", "execution") + ":mine"
    assert result.output["SdkHttpMetadata"]["HttpStatusCode"] == 200
    assert types(result)[2:6] == ["TaskScheduled", "TaskStarted", "TaskSucceeded", "TaskStateExited"]


def test_sync_waits_and_gives_texts():
    result = nested(".sync", Name="mine", Input={"question": {"deep": 1.0}})

    assert list(result.output) == [
        "ExecutionArn",
        "Input",
        "InputDetails",
        "Name",
        "Output",
        "OutputDetails",
        "RedriveCount",
        "RedriveStatus",
        "RedriveStatusReason",
        "StartDate",
        "StateMachineArn",
        "Status",
        "StopDate",
    ]
    assert (result.output["Input"], result.output["Output"]) == (
        '{"question":{"deep":1.0}}',
        '{"answer":{"deep":1.0}}',
    )
    assert result.output["Status"] == "SUCCEEDED"
    assert types(result)[2:7] == ["TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskSucceeded", "TaskStateExited"]
    assert loads(result.history[4]["taskSubmittedEventDetails"]["output"]).keys() >= {"ExecutionArn", "StartDate"}


def test_sync_2_gives_values():
    output = nested(".sync:2", Input={"question": 1}).output

    assert (output["Input"], output["Output"]) == ({"question": 1}, {"answer": 1})


def test_input_may_be_text_or_nothing():
    echo = machine(Echo=pass_())

    assert nested(".sync:2", echo, Input='{"as": "text"}').output["Output"] == {"as": "text"}
    assert nested(".sync:2", echo).output["Output"] == {}


@pytest.mark.parametrize("pattern", [".sync", ".sync:2"])
def test_a_child_that_fails_fails_the_task(pattern):
    result = nested(pattern, machine(F=fail("Oops", "it broke")), Name="mine")

    assert result.error == "States.TaskFailed"
    about = loads(result.cause)
    assert (about["Error"], about["Cause"], about["Status"], about["Name"]) == ("Oops", "it broke", "FAILED", "mine")
    assert "Output" not in about
    assert list(about) == sorted(about)


def test_a_machine_that_is_not_there_fails_the_task():
    result = run(machine(Start=starting()))

    assert result.error == "StepFunctions.StateMachineDoesNotExistException"
    assert result.cause.startswith(
        f"State Machine Does Not Exist: '{CHILD_ARN}' (Service: AWSStepFunctions; Status Code: 400; "
        "Error Code: StateMachineDoesNotExist; Request ID: "
    )


def test_a_name_that_is_taken_fails_the_task():
    result = run(
        machine(First=starting(".sync", Name="same", Input={"question": 1}), Second=starting(".sync", Name="same")),
        state_machines={CHILD_ARN: CHILD},
    )

    assert result.error == "StepFunctions.ExecutionAlreadyExistsException"


def test_input_that_is_no_json_fails_the_task():
    assert nested(Input="{no json").error == "StepFunctions.InvalidExecutionInputException"


def test_a_retried_task_starts_another_child():
    definition = machine(
        Start={**starting(".sync"), "Retry": [retrier("States.ALL", MaxAttempts=2, IntervalSeconds=1)]}
    )
    result = run(definition, state_machines={"child": machine(F=fail("Oops"))}, fast_forward=True)

    arns = {
        loads(event["taskSubmittedEventDetails"]["output"])["ExecutionArn"]
        for event in result.history
        if event["type"] == "TaskSubmitted"
    }
    assert len(arns) == 3


def test_children_have_children():
    grandchild = machine(Leaf=pass_(Result="leaf"))
    child = machine(
        Inner=task(
            "arn:aws:states:::states:startExecution.sync:2",
            Parameters={"StateMachineArn": CHILD_ARN.replace("child", "grandchild")},
            ResultSelector={"found.$": "$.Output"},
        )
    )
    result = run(machine(S=starting(".sync:2")), state_machines={"child": child, "grandchild": grandchild})

    assert result.output["Output"] == {"found": "leaf"}


def test_a_callback_child_gets_the_token():
    child = machine(Tell=task())
    tokens = []
    with Engine(functions={"call": tokens.append}, state_machines={"child": child}) as engine:
        definition = machine(S=starting(".waitForTaskToken", Input={"token.$": "$$.Task.Token"}))
        arn = engine.start(definition)
        for event in engine.events(arn):
            if event["type"] == "TaskSubmitted":
                while not tokens:
                    pass
                engine.send_task_success(tokens[0]["token"], "told")

        assert engine.wait(arn, 10).output == "told"


def test_stopping_the_parent_stops_the_child():
    with Engine(state_machines={"child": machine(Sleep=wait(Seconds=1000))}) as engine:
        arn = engine.start(machine(S=starting(".sync", Name="mine")))
        for event in engine.events(arn):
            if event["type"] == "TaskSubmitted":
                engine.stop(arn, "Enough")
        child = engine.wait(CHILD_ARN.replace("stateMachine", "execution") + ":mine", 10)

        assert (engine.wait(arn).status, child.status) == ("ABORTED", "ABORTED")


def test_a_branch_that_fails_stops_the_child_of_its_sibling():
    children = {"child": machine(Sleep=wait(Seconds=1000))}
    with Engine(state_machines=children) as engine:
        both = parallel(scope(S=starting(".sync", Name="mine")), scope(W=wait(Seconds=1), F=fail("Oops")))
        arn = engine.start(machine(P={**both, "Catch": [catcher("States.ALL", next="Done")]}, Done=pass_()))
        child = engine.wait(CHILD_ARN.replace("stateMachine", "execution") + ":mine", 20)

        assert (engine.wait(arn, 10).status, child.status) == ("SUCCEEDED", "ABORTED")


def test_a_function_may_stand_for_a_task_that_starts_executions():
    result = run(machine(Start=starting(".sync:2")), functions={"Start": lambda parameters: {"Output": "by hand"}})

    assert result.output == {"Output": "by hand"}


def test_a_task_that_starts_executions_can_be_mocked():
    result = run(machine(Start=starting(".sync:2")), mocks={"Start": {"Return": {"Output": "mocked"}}})

    assert result.output == {"Output": "mocked"}


def test_mocks_are_those_of_the_parent_alone():
    child = machine(Ask=task())
    definition = machine(Ask=task(), Start={**starting(".sync:2"), "ResultSelector": {"of.$": "$.Output"}})
    result = run(
        definition,
        functions={"call": lambda value: "real"},
        mocks={"Ask": {"Return": {"question": 1}}},
        state_machines={"child": child},
    )

    assert result.output == {"of": "real"}


def test_a_child_that_cannot_be_run_fails_the_task():
    broken = {"StartAt": "Nowhere", "States": {"A": {"Type": "Pass", "End": True}}}
    result = run(machine(Start=starting()), state_machines={"child": broken})

    assert result.error == "StepFunctions.InvalidDefinitionException"
