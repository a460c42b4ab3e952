"""The checker: one definition for every rule, the whole text of what is said about it, and nothing else."""

import copy
import json
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stepwell.definitions.check import MAX_LEVELS, diagnose, examine, load, parse
from stepwell.definitions.kinds import StateMachineType
from stepwell.definitions.problems import InvalidDefinition, Severity
from stepwell.definitions.source import read_source

ARN = "arn:aws:lambda:us-east-1:123456789012:function:work"
END = {"Type": "Pass", "End": True}
RULE = {"Variable": "$.a", "IsPresent": True}


def machine(first=None, /, *, top=None, **states):
    """A machine whose first state is S (or the states by name), with more fields at its top."""
    states = {"S": first, **states} if first is not None else states
    return {"StartAt": next(iter(states)), "States": states, **(top or {})}


def pass_(**fields):
    return {"Type": "Pass", "End": True, **fields}


def task(**fields):
    return {"Type": "Task", "Resource": ARN, "End": True, **fields}


def wait(**fields):
    return {"Type": "Wait", "End": True, **fields}


def choice(*rules, **fields):
    return machine({"Type": "Choice", "Choices": list(rules), **fields}, A=END)


def scope(**states):
    return {"StartAt": next(iter(states)), "States": states}


def map_(processor=None, **fields):
    return {"Type": "Map", "ItemProcessor": processor or scope(I=END), "End": True, **fields}


def distributed(**config):
    return {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD", **config}, **scope(I=END)}


def jsonata(state):
    return {**state, "QueryLanguage": "JSONata"}


def without(value, name):
    return {key: inner for key, inner in value.items() if key != name}


def told(definition, **options):
    return [f"{problem.message} at {problem.location}" for problem in diagnose(definition, **options)]


TYPE = "The field 'Type' should have one of these values: [Task, Wait, Pass, Succeed, Fail, Choice, Parallel, Map]"


def only_for(field, language, other):
    return (
        f"The QueryLanguage is set to '{language}', but field '{field}' is only supported "
        f"for the '{other}' QueryLanguage"
    )


def not_recognized(arn):
    return (
        f"The resource provided {arn} is not recognized. The value is not a valid resource ARN, "
        "or the resource is not available in this region."
    )


ONE_FAULT = [
    # shapes
    pytest.param([], "Definition must be a valid JSON object at None", id="no object"),
    pytest.param({}, "These fields are required: [States, StartAt] at /", id="nothing"),
    pytest.param({"States": {"S": END}}, "These fields are required: [StartAt] at /", id="no start"),
    pytest.param({"StartAt": "S"}, "These fields are required: [States] at /", id="no states"),
    pytest.param({"StartAt": "S", "States": {}}, "Value cannot be empty at /States", id="empty states"),
    pytest.param(machine(END, top={"Foo": 1}), "Field 'Foo' is not supported at /", id="unknown at the top"),
    pytest.param(machine(pass_(Foo=1)), "Field 'Foo' is not supported at /States/S", id="unknown in a state"),
    pytest.param(machine(pass_(foo=1)), "Field 'foo' is not supported at /States/S", id="unknown, in lower case"),
    pytest.param(machine(pass_(Retry=[])), "Field 'Retry' is not supported at /States/S", id="misplaced"),
    pytest.param(
        machine(map_({**scope(I=END), "QueryLanguage": "JSONata"})),
        "Field 'QueryLanguage' is not supported at /States/S/ItemProcessor",
        id="a language for a scope",
    ),
    pytest.param(machine({"End": True}), f"{TYPE} at /States/S/Type", id="no Type"),
    pytest.param(machine({"Type": "Tsk", "End": True}), f"{TYPE} at /States/S/Type", id="wrong Type"),
    pytest.param(machine({"Type": {}, "End": True}), f"{TYPE} at /States/S/Type", id="Type of the wrong type"),
    pytest.param(
        machine({"Type": "Pass", "Next": "T"}, T=None),
        "Expected value of type Object at /States/T",
        id="null for a state",
    ),
    pytest.param(
        machine(without(task(), "Resource")),
        "The field 'Resource' is required but was missing at /States/S",
        id="missing in a state",
    ),
    pytest.param(
        machine({"Type": "Parallel", "Branches": [], "End": True}),
        "Value cannot be empty at /States/S/Branches",
        id="empty array",
    ),
    pytest.param(
        machine({"Type": "Parallel", "Branches": [{}], "End": True}),
        "These fields are required: [States, StartAt] at /States/S/Branches[0]",
        id="empty branch",
    ),
    pytest.param(
        machine(task(TimeoutSeconds=0)), "Value is not greater than 0 at /States/S/TimeoutSeconds", id="out of range"
    ),
    pytest.param(
        machine(task(TimeoutSeconds=100_000_000)),
        "Value is not less than or equal to 99999999 at /States/S/TimeoutSeconds",
        id="out of range above",
    ),
    pytest.param(
        machine(task(Retry=[{"ErrorEquals": ["A"], "MaxAttempts": -1}])),
        "Value is not greater than or equal to 0 at /States/S/Retry[0]/MaxAttempts",
        id="out of range in an array",
    ),
    pytest.param(
        machine(task(Retry=[{"ErrorEquals": ["A"], "JitterStrategy": "HALF"}])),
        "The field 'JitterStrategy' should have one of these values: [FULL, NONE] at /States/S/Retry[0]/JitterStrategy",
        id="none of the values",
    ),
    pytest.param(
        machine(task(HeartbeatSeconds=True)),
        "Expected value of type Integer at /States/S/HeartbeatSeconds",
        id="a union's members are one fault",
    ),
    pytest.param(machine(pass_(ResultPath=1)), "Expected value of type String at /States/S/ResultPath", id="a number"),
    pytest.param(
        machine(END, top={"QueryLanguage": "XPath"}),
        "The field 'QueryLanguage' should have one of these values: [JSONPath, JSONata] at /QueryLanguage",
        id="no query language",
    ),
    pytest.param(
        machine(States={"Type": "Task", "Resource": ARN, "TimeoutSeconds": 0, "End": True}),
        "Value is not greater than 0 at /States/States/TimeoutSeconds",
        id="a state named States",
    ),
    # query languages
    pytest.param(
        machine(pass_(Output=1)),
        only_for("Output", "JSONPath", "JSONata") + " at /States/S/Output",
        id="JSONata's field",
    ),
    pytest.param(
        machine(jsonata(pass_(InputPath=None))),
        only_for("InputPath", "JSONata", "JSONPath") + " at /States/S/InputPath",
        id="JSONPath's field, null",
    ),
    pytest.param(
        machine(jsonata(pass_(ResultPath=5))),
        only_for("ResultPath", "JSONata", "JSONPath") + " at /States/S/ResultPath",
        id="JSONPath's field of the wrong type is told once",
    ),
    pytest.param(
        machine({**END, "QueryLanguage": "JSONPath"}, top={"QueryLanguage": "JSONata"}),
        "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine at /States/S",
        id="JSONPath under JSONata",
    ),
    pytest.param(
        machine(wait(Seconds="{% 1 %}")),
        "Expected value of type Integer at /States/S/Seconds",
        id="an expression for a JSONPath number",
    ),
    pytest.param(
        machine(jsonata(wait(Seconds="1"))),
        "Value is not a JSONata expression: it must begin with '{%' and end with '%}' at /States/S/Seconds",
        id="a text for a JSONata number",
    ),
    pytest.param(
        machine(jsonata(pass_(Output={"a": [0, "{% 1"]}))),
        "Value is not a JSONata expression: it must begin with '{%' and end with '%}' at /States/S/Output/a[1]",
        id="half an expression",
    ),
    pytest.param(
        machine(jsonata(map_(Items="LIST"))),
        "Value is not a JSONata expression: it must begin with '{%' and end with '%}' at /States/S/Items",
        id="items that are a text",
    ),
    # texts
    pytest.param(
        machine(pass_(InputPath="order")),
        "Value is not a Path: A path must begin with '$' at /States/S/InputPath",
        id="no path",
    ),
    pytest.param(
        machine(wait(SecondsPath="$.a[*]")),
        "Value is not a Reference Path: '$.a[*]' does not name one place at /States/S/SecondsPath",
        id="no reference path",
    ),
    pytest.param(
        machine(pass_(Parameters={"a": [{"x.$": "name"}]})),
        "The value for the field 'x.$' must be a valid JSONPath or a valid intrinsic function call "
        "at /States/S/Parameters",
        id="template",
    ),
    pytest.param(
        machine({"Type": "Fail", "CausePath": "States.ArrayLength($.a)"}),
        "The value for the field 'CausePath' must be a valid JSONPath or a valid intrinsic function call "
        "at /States/S/CausePath",
        id="a call that gives no text",
    ),
    pytest.param(
        machine(wait(Timestamp="2026-02-30T00:00:00Z")),
        "String does not match RFC3339 timestamp at /States/S/Timestamp",
        id="timestamp",
    ),
    pytest.param(
        choice({"Variable": "$.a", "TimestampEquals": "today", "Next": "A"}),
        "String does not match RFC3339 timestamp at /States/S/Choices[0]/TimestampEquals",
        id="timestamp to compare with",
    ),
    # resources
    pytest.param(
        machine(task(Resource="${Function}")),
        not_recognized("${Function}") + " at /States/S/Resource",
        id="placeholder",
    ),
    pytest.param(
        machine(task(Resource="arn:aws:states:::dynamodb:scan")),
        not_recognized("arn:aws:states:::dynamodb:scan") + " at /States/S/Resource",
        id="an action that is not optimized",
    ),
    pytest.param(
        machine(task(Resource="arn:aws:states:::aws-sdk:glue:startJobRun.sync")),
        not_recognized("arn:aws:states:::aws-sdk:glue:startJobRun.sync") + " at /States/S/Resource",
        id="a pattern that the SDK does not have",
    ),
    pytest.param(
        machine(task(Credentials={})),
        "The field 'RoleArn' is required but was missing at /States/S/Credentials",
        id="no role",
    ),
    # fields that go together
    pytest.param(
        machine({"Type": "Choice", "Choices": [{**RULE, "Next": "A"}], "Default": "B"}, A=END, B={"Type": "Pass"}),
        "Exactly one of these fields is required: [Next, End] at /States/B",
        id="neither Next nor End",
    ),
    pytest.param(
        machine(pass_(Next="A"), A=END), "Only one of these fields is allowed: [Next, End] at /States/S", id="Next, End"
    ),
    pytest.param(
        machine(wait()),
        "Exactly one of these fields is required: [Seconds, SecondsPath, Timestamp, TimestampPath] at /States/S",
        id="a wait for nothing",
    ),
    pytest.param(
        machine(jsonata(wait())),
        "Exactly one of these fields is required: [Seconds, Timestamp] at /States/S",
        id="a wait for nothing, JSONata",
    ),
    pytest.param(
        machine({"Type": "Fail", "Error": "E", "ErrorPath": "$.e"}),
        "Only one of these fields is allowed: [Error, ErrorPath] at /States/S",
        id="Error, ErrorPath",
    ),
    pytest.param(
        machine(task(TimeoutSeconds=1, TimeoutSecondsPath="$.t")),
        "Only one of these fields is allowed: [TimeoutSeconds, TimeoutSecondsPath] at /States/S",
        id="TimeoutSeconds, TimeoutSecondsPath",
    ),
    pytest.param(
        machine(map_(ToleratedFailureCount=0, ToleratedFailureCountPath="$.n")),
        "Only one of these fields is allowed: [ToleratedFailureCount, ToleratedFailureCountPath] at /States/S",
        id="zero is given, too",
    ),
    pytest.param(
        machine(task(HeartbeatSeconds=9, TimeoutSeconds=5)),
        "Value is not less than 'TimeoutSeconds' at /States/S/HeartbeatSeconds",
        id="a heartbeat after the timeout",
    ),
    pytest.param(
        machine(task(Retry=[{"ErrorEquals": ["A"], "IntervalSeconds": 5, "MaxDelaySeconds": 2}])),
        "Value is not greater than 'IntervalSeconds' at /States/S/Retry[0]/MaxDelaySeconds",
        id="the longest delay is shorter than the first",
    ),
    pytest.param(
        machine(task(Retry=[{"ErrorEquals": ["States.ALL", "A"]}])),
        "'States.ALL' must appear alone at /States/S/Retry[0]/ErrorEquals",
        id="States.ALL in company",
    ),
    pytest.param(
        machine(task(Catch=[{"ErrorEquals": ["States.ALL"], "Next": "A"}, {"ErrorEquals": ["B"], "Next": "A"}]), A=END),
        "'States.ALL' must appear in the last element of 'Catch' at /States/S/Catch[0]/ErrorEquals",
        id="States.ALL before others",
    ),
    # Choice
    pytest.param(
        choice({"StringEquals": "x", "Next": "A"}),
        "The field 'Variable' is required but was missing at /States/S/Choices[0]",
        id="no variable",
    ),
    pytest.param(
        choice({"Variable": "$.a", "Next": "A"}),
        "A comparison operator, or one of these fields is required: [And, Or, Not] at /States/S/Choices[0]",
        id="no operator",
    ),
    pytest.param(
        choice({**RULE, "IsNull": True, "Next": "A"}),
        "Only one of these fields is allowed: [IsPresent, IsNull] at /States/S/Choices[0]",
        id="two operators",
    ),
    pytest.param(
        choice({"Variable": "$.a", "StringEqual": "x", "Next": "A"}),
        "Field 'StringEqual' is not supported at /States/S/Choices[0]",
        id="an unknown operator is told once",
    ),
    pytest.param(
        choice({"Not": {**RULE, "Next": "A"}, "Next": "A"}),
        "Field 'Next' is not supported at /States/S/Choices[0]/Not",
        id="a nested rule with Next",
    ),
    pytest.param(
        choice({"IsNull": True, "Next": "A"}, QueryLanguage="JSONata"),
        only_for("IsNull", "JSONata", "JSONPath") + " at /States/S/Choices[0]/IsNull",
        id="an operator in place of the condition is told once",
    ),
    pytest.param(
        choice({"Next": "A"}, QueryLanguage="JSONata"),
        "The field 'Condition' is required but was missing at /States/S/Choices[0]",
        id="no condition",
    ),
    pytest.param(
        choice({"Condition": "yes", "Next": "A"}, QueryLanguage="JSONata"),
        "Value is not a JSONata expression: it must begin with '{%' and end with '%}' "
        "at /States/S/Choices[0]/Condition",
        id="a condition that is a text",
    ),
    # Map
    pytest.param(
        machine({"Type": "Map", "End": True}),
        "Exactly one of these fields is required: [ItemProcessor, Iterator] at /States/S",
        id="no processor",
    ),
    pytest.param(
        machine(map_(Iterator=scope(J=END))),
        "Only one of these fields is allowed: [ItemProcessor, Iterator] at /States/S",
        id="two processors",
    ),
    pytest.param(
        machine(map_({"ProcessorConfig": {"Mode": "DISTRIBUTED"}, **scope(I=END)})),
        "The field 'ExecutionType' is required but was missing at /States/S/ItemProcessor/ProcessorConfig",
        id="distributed without ExecutionType",
    ),
    pytest.param(
        machine(map_(distributed(), ItemBatcher={})),
        "At least one of these fields is required: [MaxItemsPerBatch, MaxInputBytesPerBatch] at /States/S/ItemBatcher",
        id="batches of no size",
    ),
    pytest.param(
        machine(map_(distributed(), Label="a b")),
        "Label contains characters that are not allowed at /States/S/Label",
        id="label with a space",
    ),
    pytest.param(
        machine(map_(distributed(), Label="x" * 41)),
        "Label must have from 1 to 40 characters at /States/S/Label",
        id="long label",
    ),
    pytest.param(
        machine(map_(distributed(), ResultWriter={})),
        "At least one of these fields is required: [Resource, WriterConfig] at /States/S/ResultWriter",
        id="a writer of nothing",
    ),
    # names
    pytest.param(
        machine(**{"x" * 81: END}),
        f"State name cannot be longer than 80 characters at /States/{'x' * 81}",
        id="long name",
    ),
    pytest.param(
        machine(pass_(Assign={"a b": 1})),
        "Variable name 'a b' is not a valid identifier at /States/S/Assign",
        id="no identifier",
    ),
    pytest.param(
        machine(pass_(Assign={"states.$": "$"})),
        "Variable name 'states' is reserved at /States/S/Assign",
        id="reserved",
    ),
    pytest.param(
        machine(map_(scope(I=pass_(Assign={"a": 1})), Assign={"a": 2})),
        "Variable 'a' is already assigned in an outer scope at /States/S/ItemProcessor/States/I/Assign",
        id="a variable of an outer scope",
    ),
    pytest.param(
        machine(map_(scope(S=END))), "Duplicate state name: S at /States/S/ItemProcessor/States/S", id="a name twice"
    ),
    # transitions
    pytest.param(
        machine({"Type": "Choice", "Choices": [{**RULE, "Next": "NOPE"}], "Default": "A"}, A=END),
        "Missing 'Next' target: NOPE at /States/S/Choices[0]/Next",
        id="a choice that leads nowhere",
    ),
    pytest.param(
        choice({**RULE, "Next": "A"}, Default="NOPE"),
        "Missing 'Next' target: NOPE at /States/S/Default",
        id="a default that leads nowhere",
    ),
    pytest.param(
        machine(task(Catch=[{"ErrorEquals": ["A"], "Next": "NOPE"}])),
        "Missing 'Next' target: NOPE at /States/S/Catch[0]/Next",
        id="a catcher that leads nowhere",
    ),
    pytest.param(
        {"StartAt": "NOPE", "States": {"S": END}},
        "Missing 'StartAt' target: NOPE at /StartAt",
        id="a start that is nowhere",
    ),
    pytest.param(machine(END, C=END), 'State "C" is not reachable. at /States/C', id="unreachable"),
    pytest.param(
        machine({"Type": "Pass", "Next": "B"}, B={"Type": "Pass", "Next": "S"}, C={"Type": "Pass", "Next": "S"}),
        "Workflow has no terminal state at None",
        id="no end, and no word about what is unreachable",
    ),
]


@pytest.mark.parametrize(("definition", "problem"), ONE_FAULT)
def test_a_fault_is_told_once_with_its_place(definition, problem):
    assert told(definition) == [problem]


def test_a_transition_stays_in_its_scope():
    branch = scope(I={"Type": "Pass", "Next": "A"}, J=END)
    definition = machine({"Type": "Parallel", "Branches": [branch], "Next": "A"}, A=END)

    assert told(definition) == [
        "Missing 'Next' target: A at /States/S/Branches[0]/States/I/Next",
        'State "J" is not reachable. at /States/S/Branches[0]/States/J',
    ]


def test_a_scope_without_an_end_tells_its_missing_targets_first():
    problems = diagnose(machine({"Type": "Pass", "Next": "NOPE"}))

    assert [problem.code for problem in problems] == ["MISSING_TRANSITION_TARGET", "MISSING_END_STATE"]
    assert str(problems[1]) == "MISSING_END_STATE: Workflow has no terminal state at null"


def test_ten_mistakes_are_ten_problems_in_the_order_of_the_text():
    definition = {
        "StartAt": "Load",
        "Version": 1,
        "States": {
            "Load": {
                "Type": "Task",
                "Resource": "arn:aws:states:::dynamodb:scan",
                "TimeoutSeconds": 0,
                "Retry": [{"ErrorEquals": []}],
                "Output": "{% 1 %}",
                "Nxt": "Wait",
                "Next": "Wait",
            },
            "Wait": {"Type": "Wait", "Timestamp": "tomorrow", "Next": "Nowhere"},
            "Done": {"Type": "Succeed", "InputPath": "done"},
        },
    }

    assert told(definition) == [
        "Expected value of type String at /Version",
        "Field 'Nxt' is not supported at /States/Load",
        not_recognized("arn:aws:states:::dynamodb:scan") + " at /States/Load/Resource",
        "Value is not greater than 0 at /States/Load/TimeoutSeconds",
        "Value cannot be empty at /States/Load/Retry[0]/ErrorEquals",
        only_for("Output", "JSONPath", "JSONata") + " at /States/Load/Output",
        "String does not match RFC3339 timestamp at /States/Wait/Timestamp",
        "Missing 'Next' target: Nowhere at /States/Wait/Next",
        'State "Done" is not reachable. at /States/Done',
        "Value is not a Path: A path must begin with '$' at /States/Done/InputPath",
    ]


# --- Express ----------------------------------------------------------------------------------------------------------

EXPRESS = [
    pytest.param(
        task(Resource="arn:aws:states:us-east-1:123456789012:activity:work"),
        "Express state machine does not support Activity ARN at /States/S/Resource",
        id="activity",
    ),
    pytest.param(
        task(Resource="arn:aws:states:::ecs:runTask.sync"),
        "Express state machine does not support '.sync' service integration at /States/S/Resource",
        id="sync",
    ),
    pytest.param(
        task(Resource="arn:aws:states:::sqs:sendMessage.waitForTaskToken"),
        "Express state machine does not support '.waitForTaskToken' service integration  at /States/S/Resource",
        id="callback",
    ),
    pytest.param(
        map_(distributed()),
        "Express state machine does not support Map of mode 'DISTRIBUTED' "
        "at /States/S/ItemProcessor/ProcessorConfig/Mode",
        id="distributed map",
    ),
]


@pytest.mark.parametrize(("state", "problem"), EXPRESS)
def test_an_express_machine_has_less(state, problem):
    assert told(machine(state)) == []
    assert told(machine(state), type=StateMachineType.EXPRESS) == [problem]


def test_the_children_of_a_distributed_map_are_of_the_type_it_names():
    callback = task(Resource="arn:aws:states:::sqs:sendMessage.waitForTaskToken")
    children = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"}, **scope(I=callback)}

    (problem,) = diagnose(machine(map_(children)))

    assert problem.location == "/States/S/ItemProcessor/States/I/Resource"


# --- what is accepted -------------------------------------------------------------------------------------------------

ACCEPTED = [
    pytest.param(machine(pass_(InputPath="$.[0].a-b")), id="a dot before a bracket, a name with a hyphen"),
    pytest.param(machine(pass_(Parameters={"x.$": "$.items[?(@.n > 1)].name"})), id="a filter"),
    pytest.param(machine(pass_(Parameters=[1, {"x.$": "$.a"}])), id="a template that is an array"),
    pytest.param(machine(pass_(InputPath=None, ResultPath=None, OutputPath=None)), id="paths that are null"),
    pytest.param(machine(pass_(Result={"x.$": "no path"})), id="a Result is literal"),
    pytest.param(machine(pass_(Assign={"größe.$": "$.a"})), id="a variable of any alphabet"),
    pytest.param(machine(task(Retry=[], Catch=[])), id="no handlers at all"),
    pytest.param(machine(task(Retry=[{"ErrorEquals": ["States.Mine"]}])), id="an error of one's own named States"),
    pytest.param(machine(task(Resource="python:shop.payments:charge")), id="a Python function"),
    pytest.param(machine(task(Resource="arn:aws:states:::aws-sdk:newservice:doIt")), id="a service not known here"),
    pytest.param(machine(task(Resource="arn:aws:lambda:region:account:function:f")), id="an account in words"),
    pytest.param(machine({"Type": "Fail", "ErrorPath": "States.UUID()", "CausePath": "$$.State.Name"}), id="Fail"),
    pytest.param(machine({"Type": "Fail"}), id="an empty Fail"),
    pytest.param(machine(map_(ToleratedFailureCount=1)), id="a tolerance of an inline Map"),
    pytest.param(machine(jsonata(pass_(Output=[" {% a %} ", "$states.input", None]))), id="no expressions"),
    pytest.param(machine(jsonata(wait(Seconds="{% $states.input.n %}"))), id="an expression for a number"),
    pytest.param(choice({"Condition": True, "Next": "A"}, QueryLanguage="JSONata"), id="a condition that is constant"),
    pytest.param(
        machine(map_({**distributed(), **scope(I=pass_(Assign={"a": 1}))}, Assign={"a": 2})),
        id="children of a distributed Map have variables of their own",
    ),
    pytest.param(
        machine({**map_(scope(I={**END, "QueryLanguage": "JSONPath"})), "QueryLanguage": "JSONata"}),
        id="a Map's language is not its children's",
    ),
]


@pytest.mark.parametrize("definition", ACCEPTED)
def test_what_aws_accepts_is_accepted(definition):
    assert told(definition) == []


@pytest.mark.parametrize(
    "state",
    [
        pytest.param(task(HeartbeatSeconds=5, TimeoutSeconds=5), id="heartbeat and timeout are equal"),
        pytest.param(map_(ItemBatcher={"MaxItemsPerBatch": 2}), id="batches of an inline Map"),
        pytest.param(
            task(Retry=[{"ErrorEquals": ["A"], "IntervalSeconds": 5, "MaxDelaySeconds": 5}]), id="delays are equal"
        ),
    ],
)
def test_what_aws_may_accept_is_only_warned_of(state):
    assert [problem.severity for problem in diagnose(machine(state))] == [Severity.WARNING]
    assert parse(machine(state)).start_at == "S"


# --- doors ------------------------------------------------------------------------------------------------------------


def test_parse_raises_all_errors_and_no_warnings():
    with pytest.raises(InvalidDefinition) as raised:
        parse(machine(task(HeartbeatSeconds=5, TimeoutSeconds=5, InputPath="a"), B=END))

    assert [problem.location for problem in raised.value.problems] == ["/States/S/InputPath", "/States/B"]
    assert str(raised.value).startswith("Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: Value is not")


def test_a_text_gives_line_and_column():
    text = """{
  "StartAt": "S",
  "States": {
    "S": {"Type": "Pass", "InputPath": "a", "End": true}
  }
}"""

    with pytest.raises(InvalidDefinition) as raised:
        load(read_source(text, name="s.asl.json"))

    (problem,) = raised.value.problems
    assert (problem.line, problem.column) == (4, 27)
    assert raised.value.source == "s.asl.json"
    assert examine(read_source(text)) == [problem]


def test_a_problem_without_a_place_has_no_line():
    (problem,) = examine(read_source("[1]"))

    assert (problem.location, problem.line) == (None, None)


# --- anything at all --------------------------------------------------------------------------------------------------


def nested(levels, inner=None):
    value = inner
    for _ in range(levels):
        value = {"a": [value]}
    return value


@pytest.mark.parametrize("levels", [MAX_LEVELS // 2, 1_000, 100_000])
def test_too_deep_a_nesting_is_one_problem(levels):
    (problem,) = diagnose(machine(pass_(Parameters=nested(levels))))

    assert problem.message == f"Definition is nested more than {MAX_LEVELS} levels deep"


def test_the_deepest_nesting_that_is_allowed_can_be_checked():
    state = END
    for level in range(MAX_LEVELS // 4 - 1):
        state = {"Type": "Parallel", "Branches": [scope(**{f"S{level}": state})], "End": True}

    assert diagnose(machine(state)) == []


def test_texts_that_no_encoding_can_write_are_told_readably():
    lone = chr(0xD800)

    problems = diagnose(machine(END, **{lone: END, "T": {"Type": lone}, "U": pass_(Next=lone, **{lone: 1})}))

    assert problems
    for problem in problems:
        str(problem).encode("utf-8")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)

NAMES = st.sampled_from(
    re.findall(
        r"\w+",
        """
        StartAt States Type End Next Choices Catch Retry ErrorEquals Branches ItemProcessor ProcessorConfig Mode Not And
        Variable Assign QueryLanguage Parameters Arguments Output Resource Credentials ItemReader Label Seconds S
        """,
    )
)
WORDS = st.sampled_from(
    [
        "Pass",
        "Task",
        "Map",
        "Choice",
        "Parallel",
        "S",
        "JSONata",
        "JSONPath",
        "$.a",
        "{% x",
        "DISTRIBUTED",
        "States.ALL",
    ]
)

ALMOST = st.recursive(
    JSON | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=6),
    max_leaves=30,
)


@given(JSON | ALMOST)
def test_no_json_makes_it_fail(definition):
    problems = diagnose(definition)

    assert len(set(problems)) == len(problems)


@given(state=ALMOST)
def test_no_state_makes_it_fail(state):
    diagnose({"StartAt": "S", "States": {"S": state, "T": END}})


WHOLE = machine(
    {
        "Type": "Choice",
        "Choices": [{"And": [{"Variable": "$.a", "NumericEqualsPath": "$.b"}, {"Not": RULE}], "Next": "T"}],
        "Default": "M",
    },
    T=task(
        Next="P",
        Parameters={"x.$": "States.Format('{}', $.a)"},
        Credentials={"RoleArn.$": "$.role"},
        Retry=[{"ErrorEquals": ["A"], "MaxDelaySeconds": 9, "IntervalSeconds": 2}],
        Catch=[{"ErrorEquals": ["States.ALL"], "Assign": {"e.$": "$.Error"}, "Next": "P"}],
    )
    | {"End": None},
    M=map_(
        distributed(),
        Label="Items",
        ItemReader={
            "Resource": "arn:aws:states:::s3:getObject",
            "Parameters": {"Bucket": "b", "Key.$": "$.key"},
            "ReaderConfig": {"InputType": "CSV", "CSVHeaderLocation": "GIVEN", "CSVHeaders": ["a"], "MaxItems": 9},
        },
        ItemBatcher={"MaxItemsPerBatch": 3, "BatchInput": {"x.$": "$.x"}},
        ResultWriter={"WriterConfig": {"Transformation": "COMPACT"}},
    ),
    P={"Type": "Parallel", "Branches": [scope(B=jsonata(wait(Timestamp="{% $now() %}")))], "Next": "F"},
    F={"Type": "Fail", "Cause": "over"},
)


def places(value, path=()):
    yield path
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, inner in members:
        yield from places(inner, (*path, step))


def replaced(value, path, new):
    if not path:
        return new
    changed = copy.copy(value)
    changed[path[0]] = replaced(value[path[0]], path[1:], new)
    return changed


def test_the_definition_that_is_mutated_is_sound():
    assert diagnose(WHOLE) == []


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(path=st.sampled_from(list(places(WHOLE))), new=ALMOST)
def test_no_mutation_of_a_sound_definition_makes_it_fail(path, new):
    mutant = replaced(WHOLE, path, new)
    before = json.dumps(mutant)

    errors = [problem for problem in diagnose(mutant) if problem.severity is Severity.ERROR]

    assert json.dumps(mutant) == before
    if errors:
        with pytest.raises(InvalidDefinition):
            parse(mutant)
    else:
        parse(mutant)


def test_a_fault_in_an_expression_has_its_own_column():
    text = '{"QueryLanguage": "JSONata", "StartAt": "A", "States": {"A": {"Type": "Pass", "Output": %s, "End": true}}}'
    output = r'{"v": "{% \"\u00e4\" & phone %}"}'
    source = read_source(text % output, name="a.json")

    (problem,) = examine(source)

    assert problem.location == "/States/A/Output/v"
    assert source.text[: problem.column].endswith("phone")
