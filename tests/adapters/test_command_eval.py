"""`stepwell eval`, and the function behind it: the value of an expression as it would be in a state."""

import io
import json
import sys

import pytest

from stepwell.adapters.command.main import invoke
from stepwell.adapters.trial import Failed, InvalidExpression, default_context, evaluate, guess_language

ORDER = '{"items": [{"price": 3}, {"price": 4}], "name": "Ada"}'
REFUSED = "stepwell: AWS refuses this when the state machine is created: "
NO_CALL = "The value for the field 'value.$' must be a valid JSONPath or a valid intrinsic function call"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "order.json").write_text(ORDER)
    return tmp_path


@pytest.fixture
def tell(capsys):
    """Runs the command: its exit code, what stands on stdout and the lines on stderr."""

    def run(*arguments):
        code = invoke(["eval", *arguments])
        out, err = capsys.readouterr()
        return code, out, err.splitlines()

    return run


# --- languages --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "output"),
    [
        pytest.param("{% $sum($states.input.items.price) %}", "7", id="JSONata"),
        pytest.param("$sum($states.input.items.price)", "7", id="bare JSONata"),
        pytest.param("{'n': $count($states.input.items)}", '{"n":2}', id="object of JSONata"),
        pytest.param("[1..3]", "[1,2,3]", id="array of JSONata"),
        pytest.param('"{% $states.input.name & \\"!\\" %}"', '"Ada!"', id="JSONata in the quotes of a definition"),
        pytest.param("$.items[1].price", "4", id="path"),
        pytest.param("$['name']", '"Ada"', id="path in brackets"),
        pytest.param("$", ORDER.replace(": ", ":").replace(", ", ","), id="whole input"),
        pytest.param("$$.StateMachine.Name", '"Trial"', id="path into the context"),
        pytest.param("States.Format('Hi {}', $.name)", '"Hi Ada"', id="intrinsic"),
        pytest.param('{"b.$": "$.name", "a": ["{x}", {"c.$": "$.items[0]"}]}', None, id="template"),
        pytest.param(
            '{"b": "{% $states.input.name %}", "a": [1, "{% 1 + 1 %}"]}', '{"b":"Ada","a":[1,2]}', id="Output"
        ),
        pytest.param('{"a": [1.0, null]}', '{"a":[1.0,null]}', id="nothing to evaluate"),
        pytest.param("null", "null", id="null"),
    ],
)
def test_the_language_is_known_by_the_form(tell, expression, output):
    wanted = '{"a":["{x}",{"c":{"price":3}}],"b":"Ada"}' if output is None else output

    assert tell(expression, "-i", "@order.json") == (0, f"{wanted}\n", [])


@pytest.mark.parametrize(
    ("expression", "language"),
    [
        ("$var.x", "jsonata"),
        ("$states.input", "jsonata"),
        ("$uuid()", "jsonata"),
        ("1 + 1", "jsonata"),
        ("$", "jsonpath"),
        ("$[0]", "jsonpath"),
        ("$$", "jsonpath"),
        ("States.UUID()", "jsonpath"),
        ({"a.$": "$.b", "c": "{% 1 %}"}, "jsonata"),
        (["a"], "jsonpath"),
    ],
    ids=str,
)
def test_what_the_form_says(expression, language):
    assert guess_language(expression) == language


def test_a_language_that_is_given_counts(tell):
    assert tell("$items[?(@.n > 1)]", "--language", "jsonpath", "--var", 'items=[{"n": 1}, {"n": 2}]') == (
        0,
        '[{"n":2}]\n',
        [],
    )
    assert tell('{"a": "{% 1 %}"}', "--language", "jsonpath") == (0, '{"a":"{% 1 %}"}\n', [])


def test_an_expression_may_stand_in_a_file(tell, folder):
    (folder / "sum.jsonata").write_text("(\n  $a := $states.input.a;\n  $a + 1\n)\n")
    (folder / "template.json").write_text('{"x.$": "$.a"}')

    assert tell("@sum.jsonata", "-i", '{"a": 1}')[1] == "2\n"
    assert tell("@template.json", "-i", '{"a": 1}')[1] == '{"x":1}\n'


# --- what an expression sees ------------------------------------------------------------------------------------------


def test_the_input_may_come_from_stdin(tell, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"[1, 2]")))

    assert tell("$[1]", "-i", "-") == (0, "2\n", [])


def test_integers_that_are_only_moved_stay_exact(tell):
    assert tell("$states.input", "-i", "9007199254740993")[1] == "9007199254740993\n"


@pytest.mark.parametrize("member", ["result", "error-output"])
def test_a_result_is_what_a_path_starts_from(tell, member):
    assert tell("$.Error", "-i", '{"Error": 1}', f"--{member}", '{"Error": 2}')[1] == "2\n"


@pytest.mark.parametrize(("member", "option"), [("result", "--result"), ("errorOutput", "--error-output")])
def test_states_has_a_member_only_where_it_is_given(tell, member, option):
    assert tell(f"$states.{member}.x", option, '{"x": null}') == (0, "null\n", [])

    code, out, lines = tell(f"$states.{member}.x")
    assert (code, out) == (1, "")
    assert lines[0] == (
        f"{REFUSED}UNSUPPORTED_JSONATA_EXPRESSION: Reference to '$states.{member}' is not supported in this field."
    )
    assert lines[1:3] == [f"    $states.{member}.x", " " * 12 + "^" * len(member)]
    assert lines[3] == f"    where a field has $states.{member}, give it: {option} JSON"


def test_the_context_object_has_awss_shape():
    context = default_context({"a": 1}, 0, b"seed")

    name = context["Execution"]["Name"]
    assert context == {
        "Execution": {
            "Id": f"arn:aws:states:us-east-1:123456789012:execution:Trial:{name}",
            "Input": {"a": 1},
            "StartTime": "1970-01-01T00:00:00Z",
            "Name": name,
            "RoleArn": "arn:aws:iam::123456789012:role/StepwellRole",
            "RedriveCount": 0,
        },
        "StateMachine": {"Id": "arn:aws:states:us-east-1:123456789012:stateMachine:Trial", "Name": "Trial"},
        "State": {"Name": "Trial", "EnteredTime": "1970-01-01T00:00:00Z", "RetryCount": 0},
    }


@pytest.mark.parametrize("root", ["$$", "$states.context"])
def test_members_of_the_context_object_can_be_given(root):
    context = {"Execution": {"Name": "mine"}, "Map": {"Item": {"Index": 2}}}

    seen = evaluate(f"{root}.Execution" if root == "$$" else f"{{% {root}.Execution %}}", {}, context=context, at=0)
    assert (seen["Name"], seen["StartTime"]) == ("mine", "1970-01-01T00:00:00Z")
    assert evaluate(f"{root}.Map.Item.Index", {}, context=context) == 2


def test_whoever_misses_an_item_of_a_map_is_told_where_it_comes_from(tell):
    assert tell("$$.Map.Item.Value")[2][1] == (
        "    the context object has no Map unless it is given: --context '{\"Map\": ...}'"
    )


def test_variables_are_given_singly_or_together(tell, folder):
    (folder / "vars.json").write_text('{"a": 1, "b": 2}')

    assert tell("[$a, $b, $c.d]", "--variables", "@vars.json", "--var", "b=3", "--var", 'c={"d": "x=y"}') == (
        0,
        '[1,3,"x=y"]\n',
        [],
    )


def test_a_variable_that_was_not_given_is_pointed_out(tell):
    missing = "no variable $b was given: --var b=JSON"

    assert tell("$a & $b & $string($c)", "--var", "a=1", "--var", "c=2") == (0, '"12"\n', [f"stepwell: {missing}"])
    assert tell("$b")[2][1] == f"    {missing}"
    assert tell("States.Array($b.x)")[2][1] == f"    {missing}"


def test_time_and_chance_can_be_given():
    given = {"at": 1_700_000_000_000, "entropy": b"seed"}

    assert evaluate("$now()", {}, **given) == "2023-11-14T22:13:20.000Z"
    assert evaluate("[$uuid(), $random()]", {}, **given) == evaluate("[$uuid(), $random()]", {}, **given)
    assert evaluate("States.UUID()", {}, **given) == evaluate("States.UUID()", {}, **given)
    assert evaluate("$uuid()", {}) != evaluate("$uuid()", {})


# --- what fails -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "error", "cause"),
    [
        (
            "$.a.b",
            "States.Runtime",
            "The JSONPath '$.a.b' specified for the field 'value.$' could not be found in the input '{}'",
        ),
        (
            '{"x": {"y.$": "$.a"}}',
            "States.Runtime",
            "The JSONPath '$.a' specified for the field 'y.$' could not be found in the input '{}'",
        ),
        (
            "{%  $states.input.a %}",
            "States.QueryEvaluationError",
            "The JSONata expression '$states.input.a' specified for the field 'Output' returned nothing (undefined).",
        ),
        (
            '{"x": [1, "{% $states.input.a %}"]}',
            "States.QueryEvaluationError",
            "The JSONata expression '$states.input.a' specified for the field 'Output/x[1]' returned nothing "
            "(undefined).",
        ),
        (
            "$abs('x')",
            "States.QueryEvaluationError",
            "The JSONata expression '$abs('x')' specified for the field 'Output' threw an error during evaluation. "
            'T0410: Argument 1 of function "abs" does not match function signature',
        ),
    ],
)
def test_a_failure_has_awss_error_and_cause(tell, expression, error, cause):
    assert tell(expression) == (1, "", [f"stepwell: {error}: {cause}"])

    code, out, lines = tell(expression, "--json")
    assert (code, lines) == (1, [])
    assert json.loads(out) == {"status": "FAILED", "error": error, "cause": cause}


def test_json_of_a_value(tell):
    assert tell("$.a", "-i", '{"a": null}', "--json") == (0, '{"status":"SUCCEEDED","output":null}\n', [])


def test_python_gets_the_failure_itself():
    with pytest.raises(Failed) as caught:
        evaluate("States.MathAdd($.a, 1)", {"a": "x"})

    assert caught.value.failure.error == "States.IntrinsicFailure"


# --- what AWS refuses -------------------------------------------------------------------------------------------------


def test_a_syntax_error_has_a_caret_under_its_place(tell):
    assert tell("{% 1 + 2 ) %}") == (
        1,
        "",
        [
            f'{REFUSED}INVALID_JSONATA_EXPRESSION: Syntax error: ")"',
            "    1 + 2 )",
            "          ^",
        ],
    )


def test_a_fault_in_a_text_of_many_lines_is_shown_with_its_line(tell):
    assert tell("(\n  $a := 1;\n  $a + price\n)")[2] == [
        f"{REFUSED}UNSUPPORTED_JSONATA_EXPRESSION: Reference to 'price' at the top level is not supported.",
        "    $a + price",
        "         ^^^^^",
        "    in JSONata the state's input is $states.input",
    ]


def test_all_that_is_refused_is_told_at_once():
    with pytest.raises(InvalidExpression) as caught:
        evaluate({"a": "{% x %}", "b": ["{% 1", "{% $$ %}"]}, {})

    assert [(refusal.location, refusal.position) for refusal in caught.value.refusals] == [
        ("Output/a", 1),
        ("Output/b[0]", None),
        ("Output/b[1]", 2),
    ]


def test_json_of_what_is_refused(tell):
    code, out, lines = tell("a + b", "--json")

    assert (code, lines) == (1, [])
    assert json.loads(out) == {
        "status": "FAILED",
        "error": "UNSUPPORTED_JSONATA_EXPRESSION",
        "cause": "Reference to 'a' at the top level is not supported.\n"
        "Reference to 'b' at the top level is not supported.",
    }


@pytest.mark.parametrize(
    ("expression", "more"),
    [
        (
            "States.Format('a', b)",
            [
                "    States.Format('a', b)",
                "                       ^",
                "    No intrinsic function call: expected a text in single quotes, a number, true, false, null, a path "
                "or a call, but found 'b)' at character 20",
            ],
        ),
        (
            "States.UUID(",
            [
                "    States.UUID(",
                "                ^",
                "    No intrinsic function call: expected a text in single quotes, a number, true, false, null, a path "
                "or a call, but the text ends",
            ],
        ),
        ("States.UUID(1)", ["    States.UUID takes 0 arguments, not 1: 'States.UUID(1)'"]),
        ("$.a..", ["    Path must not end with a '.' or '..'"]),
        (
            "$.a + 1",
            [
                "    Use bracket notion ['my prop'] if your property contains blank characters. position: 2",
                "    read as JSONPath by its form; --language jsonata reads it as JSONata",
            ],
        ),
    ],
)
def test_what_aws_leaves_out_about_a_path_is_told(tell, expression, more):
    assert tell(expression) == (1, "", [f"{REFUSED}SCHEMA_VALIDATION_FAILED: {NO_CALL}", *more])


def test_a_value_nested_too_deep_is_refused(tell):
    code, _, lines = tell("[" * 900 + "]" * 900)

    assert (code, lines) == (1, [f"{REFUSED}SCHEMA_VALIDATION_FAILED: Value has more than 200 levels"])


# --- what cannot be done ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["1", "-i", "{"], "--input:1:2: the input is no JSON"),
        (["1", "-i", "order.json"], "is it a file? Then write @order.json"),
        (["1", "--var", "x=Ada"], "is it a text? Then write '\"Ada\"'"),
        (["1", "--result", "@none.json"], "the result none.json cannot be read: No such file"),
        (["@none.json"], "the expression none.json cannot be read: No such file"),
        (['{"a.$": "$.b",}'], "EXPRESSION:1:15: the expression is no JSON"),
        (["{'a': 1}", "--language", "jsonpath"], "EXPRESSION:1:2: the expression is no JSON"),
        (["1", "--var", "x"], "--var needs NAME=JSON"),
        (["1", "--var", "states=1"], "the variable name 'states' is reserved"),
        (["1", "--variables", '{"a-b": 1}'], "the variable name 'a-b' is none"),
        (["1", "--context", "[]"], "--context needs a JSON object"),
        (["1", "--result", "1", "--error-output", "1"], "--result and --error-output exclude each other"),
        (["1", "--language", "perl"], "'perl' is not one of"),
        ([], "Missing argument"),
    ],
)
def test_what_a_person_may_do_wrong_is_one_line(tell, arguments, said):
    code, out, (line,) = tell(*arguments)

    assert (code, out) == (2, "")
    assert said in line
