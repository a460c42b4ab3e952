"""What AWS says about JSONata expressions when a machine is created, and the variables they read."""

import pytest

from stepwell.definitions.check import diagnose, parse
from stepwell.definitions.jsonata.rules import faults, variables_read
from stepwell.definitions.problems import Severity
from stepwell.definitions.variables import variable_references

INVALID, UNSUPPORTED = "INVALID_JSONATA_EXPRESSION", "UNSUPPORTED_JSONATA_EXPRESSION"


def refused(text, **options):
    return [(fault.code, fault.message) for fault in faults(text, **options) if fault.severity is Severity.ERROR]


def not_supported(*names):
    return [(UNSUPPORTED, f"Reference to '{name}' at the top level is not supported.") for name in names]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("phone", ["phone"]),
        ("phone.number & phone & fax", ["phone", "fax"]),
        ("$", ["$"]),
        ("$string($)", ["$"]),
        ("$states.input.a[$$.b = 1]", ["$$"]),
        ("`a b`[0]", ["a b"]),
        ("'a'.b", ["a"]),
        ("{'a': b}", ["b"]),
        ("$map($x, function($v) { $v & name })", ["name"]),
        ("[a, b].c", ["a", "b"]),
        ("unknown(1)", ["unknown"]),
    ],
)
def test_there_is_no_root_to_refer_to(text, names):
    assert refused(text) == not_supported(*names)


@pytest.mark.parametrize(
    "text",
    [
        "$x.phone",
        "$x[type = 'a'].number",
        "$x[$ > 1]",
        "$x.($ & name)",
        "$x.{'a': b}",
        "$x{a: $sum(b)}",
        "$x^(>price, name)",
        "$x ~> |a.b|{'c': d}, ['e']|",
        "$x.$map(items, function($v) { $v & name })",
        "$x.'a'.b",
        "'a' & 'b'",
        "function($v) { $v }($x)",
    ],
)
def test_where_there_is_a_context_names_refer_to_it(text):
    assert faults(text) == []


def test_a_text_that_is_no_expression_has_that_fault_only():
    assert refused("phone +") == [(INVALID, "Unexpected end of expression")]


@pytest.mark.parametrize("text", ["$a ?? 1", "$a ?: 1"])
def test_operators_later_than_2_0_6_are_refused(text):
    ((code, message),) = refused(text)

    assert (code, message.partition(" ")[0]) == (INVALID, "The")


def test_members_of_states_are_refused_where_the_field_has_them_not():
    text = "$states.input & $states.context.Execution.Id & $states.result[0].x & $states.'errorOutput'.Cause"

    assert refused(text) == [
        (UNSUPPORTED, "Reference to '$states.result' is not supported in this field."),
        (UNSUPPORTED, "Reference to '$states.errorOutput' is not supported in this field."),
    ]
    assert refused(text, allowed={"input", "context", "result", "errorOutput"}) == []


def test_a_local_variable_named_states_is_no_affair_of_aws():
    assert faults("($states := {'result': 1}; $states.result)") == []


@pytest.mark.parametrize("text", ["$eval('1')", "'1' ~> $eval", "$states.nothing"])
def test_what_only_fails_when_evaluated_is_a_warning(text):
    assert [fault.severity for fault in faults(text)] == [Severity.WARNING]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("$a + $b.c[$d = 1] + $a", ["a", "b", "d"]),
        ("$states.input.x", []),
        ("$sum($items) ~> $string", ["items"]),
        ("($x := $y; $x)", ["y"]),
        ("($n := $n + 1; $n)", ["n"]),
        ("(($x := 1); $x)", ["x"]),
        ("$map($a, function($v, $i) { $v + $i + $k })", ["a", "k"]),
        ("($f := function($n) { $n < 2 ? 1 : $n * $f($n - 1) }; $f($k))", ["k"]),
        ("($even := λ($n) { $odd($n) }; $odd := λ($n) { $even($n) }; $even(3))", []),
        ("$a@$x.b#$i[$i > 1].{'x': $x}", ["a"]),
        ("$unknown(1)", ["unknown"]),
        ("$count", []),
        ("$partition([1], 2) & $uuid() & $hash('a', 'MD5')", []),
        ("$a +", []),
    ],
)
def test_the_variables_read_are_those_of_the_machine(text, names):
    assert variables_read(text) == names


def test_an_assigned_variable_with_the_name_of_a_function_is_read_unless_it_is_called():
    assert variables_read("$count + $sum($x) + $length($y)", assigned={"count", "sum"}) == ["count", "x", "y"]


# --- in a definition -------------------------------------------------------------------------------------------------


def machine(*states, **fields):
    names = [f"S{number}" for number in range(1, len(states) + 1)]
    return {
        "QueryLanguage": "JSONata",
        "StartAt": "S1",
        "States": {
            name: state if "Type" in state else {"Type": "Pass", **state, "Next": following}
            for name, following, state in zip(names, [*names[1:], "End"], states, strict=True)
        }
        | {"End": {"Type": "Succeed"}},
        **fields,
    }


def told(definition):
    return [(problem.location, problem.code, problem.severity) for problem in diagnose(definition)]


WORK = {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:f", "Next": "End"}


def test_every_expression_of_a_state_is_looked_at():
    state = {
        **WORK,
        "Arguments": {"a": ["{% ( %}", "{% 1 %}", "plain ("]},
        "TimeoutSeconds": "{% x %}",
        "Credentials": {"RoleArn": "{% y %}"},
        "Catch": [{"ErrorEquals": ["States.ALL"], "Output": "{% $states.result %}", "Next": "End"}],
        "Output": {"v": "{% phone %}"},
    }

    assert [(location, code) for location, code, _ in told(machine(state))] == [
        ("/States/S1/Arguments/a[0]", INVALID),
        ("/States/S1/TimeoutSeconds", UNSUPPORTED),
        ("/States/S1/Credentials/RoleArn", UNSUPPORTED),
        ("/States/S1/Catch[0]/Output", UNSUPPORTED),
        ("/States/S1/Output/v", UNSUPPORTED),
    ]


def test_the_problem_reads_as_on_aws():
    (problem,) = diagnose(machine({"Output": {"v": "{% phone %}"}}))

    assert str(problem) == (
        "UNSUPPORTED_JSONATA_EXPRESSION: Reference to 'phone' at the top level is not supported. at /States/S1/Output/v"
    )


def test_the_result_is_there_after_the_work_and_the_error_in_a_catcher():
    caught = {
        "ErrorEquals": ["States.ALL"],
        "Output": "{% $states.errorOutput %}",
        "Assign": {"e": "{% $states.errorOutput.Error %}"},
        "Next": "End",
    }
    task = {**WORK, "Output": "{% $states.result %}", "Assign": {"r": "{% $states.result %}"}, "Catch": [caught]}

    assert told(machine(task)) == []


@pytest.mark.parametrize("member", ["result", "errorOutput"])
def test_a_pass_state_has_neither(member):
    assert told(machine({"Output": f"{{% $states.{member} %}}"})) == [("/States/S1/Output", UNSUPPORTED, "ERROR")]


def test_conditions_and_their_rules_are_looked_at():
    rule = {"Condition": "{% a %}", "Output": "{% $ok %}", "Assign": {"ok": "{% ) %}"}, "Next": "End"}

    assert [(location, code) for location, code, _ in told(machine({"Type": "Choice", "Choices": [rule]}))] == [
        ("/States/S1/Choices[0]/Condition", UNSUPPORTED),
        ("/States/S1/Choices[0]/Assign/ok", INVALID),
    ]


def test_a_variable_that_no_state_assigns_is_a_warning():
    problems = told(machine({"Assign": {"known": 1}}, {"Output": "{% $known + $unknown %}"}))

    assert problems == [("/States/S2/Output", "VARIABLE_NEVER_ASSIGNED", "WARNING")]


def mapped(**config):
    inner = {"StartAt": "In", "States": {"In": {"Type": "Pass", "Output": "{% $outer %}", "End": True}}}
    return machine({"Assign": {"outer": 1}}, {"Type": "Map", "ItemProcessor": {**config, **inner}, "Next": "End"})


def test_a_map_reads_the_variables_around_it_unless_it_is_distributed():
    distributed = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}}

    assert told(mapped()) == []
    assert [code for _, code, _ in told(mapped(**distributed))] == ["VARIABLE_NEVER_ASSIGNED"]


def test_expressions_of_jsonpath_states_are_plain_text():
    state = {"Type": "Pass", "Parameters": {"a": "{% ( %}"}, "End": True}

    assert diagnose({"StartAt": "A", "States": {"A": state}}) == []


def test_references_are_told_by_state():
    definition = machine(
        {"Assign": {"a": 1, "count": 2}},
        {"Output": {"x": "{% $a + $count($states.input) %}"}},
        {
            "Type": "Choice",
            "Choices": [{"Condition": "{% $count > 1 %}", "Output": "{% $a %}", "Next": "End"}],
            "Default": "End",
        },
    )

    assert variable_references(parse(definition)) == {"S2": ["a"], "S3": ["a", "count"]}
