"""Parameters with which an integration cannot be called: the execution ends before the task is scheduled."""

import pytest

from stepwell.definitions.problems import InvalidDefinition
from support import catcher, echoes, machine, parallel, pass_, run, scope, task

SEND = "arn:aws:states:::sqs:sendMessage"


def sending(**parameters):
    return task(SEND, Parameters=parameters)


def test_what_cannot_be_sent_ends_the_execution_before_the_task_is_scheduled():
    send = sending(**{"QueueUrl": "q", "MessageBody": "m", "DelaySeconds.$": "$.delay"})

    ran = run(machine(Send=send), {"delay": "soon"}, behaviour=echoes)

    assert ran.types == ["ExecutionStarted", "TaskStateEntered", "ExecutionFailed"]
    assert ran.error == "States.Runtime"
    assert ran.cause == (
        "An error occurred while executing the state 'Send' (entered at the event id #2). The Parameters "
        '\'{"QueueUrl":"q","MessageBody":"m","DelaySeconds":"soon"}\' could not be used to start the Task: '
        "[The value of the field 'DelaySeconds' has an invalid format]"
    )


def test_without_parameters_the_input_is_looked_at():
    ran = run(machine(Send=task(SEND)), {"QueueUrl": "q", "Colour": 1}, behaviour=echoes)

    assert (
        "[The field 'Colour' is not supported by Step Functions, The field 'MessageBody' is required but was missing]"
        in ran.cause
    )


def test_no_handler_takes_it():
    send = task(SEND, Catch=[catcher("States.ALL", next="Caught")])

    assert run(machine(Both=parallel(scope(Send=send, Caught=pass_()))), {}, behaviour=echoes).error == "States.Runtime"


def test_parameters_that_are_null_are_the_services_affair():
    send = sending(**{"QueueUrl.$": "$.url", "MessageBody": None})

    assert run(machine(Send=send), {"url": None}, behaviour=echoes).status == "SUCCEEDED"


def test_what_is_wrong_in_the_text_is_refused_before_anything_runs():
    with pytest.raises(InvalidDefinition, match="The field 'MessageBody' is required but was missing"):
        run(machine(Send=sending(QueueUrl="q")), behaviour=echoes)
