"""JSONata in a state: values, errors with their texts and places, bounds. What AWS was measured to do, and the
official suite, are in tests/corpus."""

import copy
import json
import subprocess
import sys
import time
from types import MappingProxyType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepwell.definitions.expressions import Entropy
from stepwell.definitions.failure import QUERY_EVALUATION_ERROR, Failed
from stepwell.definitions.jsonata import (
    InvalidExpression,
    compile_expression,
    compile_value,
    expressions_in,
    is_expression,
)
from stepwell.definitions.jsonata.failures import NoValue
from stepwell.definitions.jsonata.jlens_evaluator import compile_program
from stepwell.definitions.jsonata.plain import compile_plain

AT = 1_700_000_000_123


class Environment:
    def __init__(self, variables=None, *, seed=b"seed", at=AT):
        self.variables = variables or {}
        self.entropy = Entropy(seed)
        self.at = at
        self.asked_for_context = 0

    @property
    def context(self):
        self.asked_for_context += 1
        return {"Execution": {"Id": "an:execution"}}


def states(value=None):
    return {"input": {} if value is None else value}


def evaluate(text, value=None, *, location="Output", **variables):
    return compile_expression(f"{{% {text} %}}", location)(states(value), Environment(variables))


def failure(text, value=None, **variables):
    with pytest.raises(Failed) as raised:
        evaluate(text, value, **variables)
    assert raised.value.failure.error == QUERY_EVALUATION_ERROR
    assert raised.value.prefixed
    assert raised.value.location == "Output"
    return raised.value.failure.cause


def rest(cause):
    return cause.partition(" specified for the field 'Output' ")[2]


# --- what an expression is


@pytest.mark.parametrize("value", ["{% 1 %}", "{%1%}", "{%%}", "{% a %} b %}"])
def test_an_expression_begins_and_ends_with_its_signs(value):
    assert is_expression(value)


@pytest.mark.parametrize("value", [" {% 1 %}", "{% 1 %} ", "{% 1", "1 %}", "{%}", "", 1, None, ["{% 1 %}"]])
def test_anything_else_is_a_literal(value):
    assert not is_expression(value)


@pytest.mark.parametrize(
    ("text", "message", "position"),
    [
        ("{% 1 + %}", "Unexpected end of expression", 3),
        ("{% %}", "Unexpected end of expression", 0),
        ("{% 'a %}", "String literal must be terminated by a matching quote", 2),
        ("{% [1 %}", 'Expected "]" before end of expression', 2),
        ("{% 1}) %}", 'Syntax error: "}"', 2),
        ("{% a.1 %}", "The literal value 1 cannot be used as a step within a path expression", 3),
    ],
)
def test_a_text_that_is_no_expression_is_refused_when_it_is_compiled(text, message, position):
    with pytest.raises(InvalidExpression) as raised:
        compile_expression(text, "Output")

    assert (raised.value.message, raised.value.position) == (message, position)


def test_half_a_surrogate_pair_in_an_expression_is_refused():
    with pytest.raises(InvalidExpression):
        compile_expression("{% '\ud800' & 'x' %}", "Output")


def test_nothing_breaks_out_of_an_expression():
    with pytest.raises(InvalidExpression):
        compile_expression('{% 1}; $x := (){"r": 2 %}', "Output")


# --- values


def test_what_only_picks_a_value_shares_it():
    order = {"id": 9_007_199_254_740_993, "rows": [[1], [2]], "price": 1.0}

    assert evaluate("$states.input.order", {"order": order}) is order
    assert evaluate("$order", order=order) is order
    assert evaluate("$order.id", order=order) == 9_007_199_254_740_993
    assert evaluate("$order.rows", order=order) is order["rows"]


def test_an_expression_that_reckons_rounds_to_a_double():
    assert evaluate("$id + 0", id=9_007_199_254_740_993) == 9_007_199_254_740_992


def test_null_is_a_value():
    assert evaluate("$states.input.a", {"a": None}) is None
    assert evaluate("$states.input.a ? 1 : null", {"a": 0}) is None
    assert evaluate("[$states.input.a]", {"a": None}) == [None]


@pytest.mark.parametrize(
    "text", ["$nope", "$states.input.nope", "$states.result", "$nope + 1", "$string()", "{}.a", "()"]
)
def test_undefined_is_a_failure(text):
    assert failure(text) == (
        f"The JSONata expression '{text}' specified for the field 'Output' returned nothing (undefined)."
    )


@pytest.mark.parametrize("text", ["$sum", "$fn := function($x){$x}", "/a/", "$uuid", "$exists($sum) ? $keys : 1"])
def test_a_function_is_no_result(text):
    assert rest(failure(text)) == "returned an unsupported result type."


def test_the_context_object_is_made_when_an_expression_asks_for_it():
    environment = Environment()
    for text in ("$states.input.a", "$states.input.a + 1", "$exists($states.input)"):
        compile_expression(f"{{% {text} %}}", "Output")(states({"a": 1}), environment)
    assert environment.asked_for_context == 0

    for text in ("$states.context.Execution.Id", "$lookup($states, 'context').Execution.Id & ''"):
        assert compile_expression(f"{{% {text} %}}", "Output")(states(), environment) == "an:execution"
    assert environment.asked_for_context == 2


def test_a_context_object_in_the_document_is_the_one():
    document = {"input": {}, "context": {"Execution": {"Id": "another"}}}
    for text in ("$states.context.Execution.Id", "$states.context.Execution.Id & ''"):
        assert compile_expression(f"{{% {text} %}}", "Output")(document, Environment()) == "another"


def test_a_variable_hides_the_function_of_its_name_once_it_is_assigned():
    expression = compile_expression("{% $type($sum) & '!' %}", "Output")

    assert expression(states(), Environment()) == "function!"
    assert expression(states(), Environment({"sum": [1]})) == "array!"
    assert expression(states(), Environment({"sum": None})) == "null!"
    assert evaluate("$range & $hash", range="a", hash="b") == "ab"


def test_an_assignment_is_local_to_its_expression():
    variables = {"x": 1}
    environment = Environment(variables)

    assert compile_expression("{% ($x := 2; $x + 1) %}", "Output")(states(), environment) == 3
    assert variables == {"x": 1}


def test_variables_may_be_any_mapping():
    environment = Environment(MappingProxyType({"x": 1}))

    assert compile_expression("{% $x + 1 %}", "Output")(states(), environment) == 2
    assert compile_expression("{% $x %}", "Output")(states(), environment) == 1


plain_values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["", "a", "0"]),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.sampled_from("ab"), below, max_size=2),
    max_leaves=8,
)
plain_steps = st.lists(st.sampled_from([".a", ".b", ".`a`", "[0]", "[1]", "[-1]"]), max_size=4)


@settings(max_examples=400, deadline=None)
@given(plain_values, plain_steps, st.sampled_from(["$states.input", "$v", "$states.context"]))
def test_a_plain_path_gives_what_the_engine_gives(value, steps, root):
    text = root + "".join(steps)
    document, environment = {"input": value, "context": value}, Environment({"v": value})
    engine = compile_program(text)
    plain = compile_plain(text, engine)
    before = copy.deepcopy(value)

    def outcome(expression):
        try:
            return json.dumps(expression(document, environment))
        except NoValue as error:
            return type(error)

    assert plain is not None
    assert outcome(plain) == outcome(engine)
    assert value == before


@pytest.mark.parametrize("text", ["'a'", '"a"', "1", "0", "-12", "true", "false", "null", "''"])
def test_a_literal_gives_what_the_engine_gives(text):
    plain = compile_plain(text, compile_program("0"))

    assert plain is not None
    value, other = plain({}, Environment()), compile_program(text)({}, Environment())
    assert (value, type(value)) == (other, type(other))


def test_the_engine_is_loaded_by_the_first_real_expression():
    code = """
import sys
from stepwell.definitions.jsonata import compile_value
value = {"a": "{% $states.input.a %}", "b": "{% 'x' %}", "c": ["{% $v[0] %}"]}
assert compile_value(value, "Output")({"input": {"a": 1}}, type("E", (), {"variables": {"v": [2]}})) \\
    == {"a": 1, "b": "x", "c": [2]}
assert "jlens" not in sys.modules
compile_value("{% 1 + 1 %}", "Output")
assert "jlens" in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


# --- values with expressions in them


def test_expressions_stand_anywhere_in_a_value_and_keys_keep_their_order():
    constant = {"deep": [1, {"x": None}]}
    value = {
        "z": "{% $states.input.n %}",
        "{% key %}": "text",
        "a": ["{% 1 + 1 %}", constant, "{% 'x' %}"],
        "k": constant,
    }

    result = compile_value(value, "Output")(states({"n": 7}), Environment())

    assert json.dumps(result) == json.dumps({"z": 7, "{% key %}": "text", "a": [2, constant, "x"], "k": constant})
    assert result["k"] is constant
    assert value["z"] == "{% $states.input.n %}"


def test_a_value_without_expressions_is_shared():
    value = {"a": [1, "2"]}

    assert compile_value(value, "Output")(states(), Environment()) is value


def test_the_location_grows_with_the_value():
    value = {"a": {"b": [0, "{% $nope %}"]}}
    with pytest.raises(Failed) as raised:
        compile_value(value, "Output")(states(), Environment())

    assert raised.value.location == "Output/a/b[1]"
    assert list(expressions_in(value, "Output")) == [("{% $nope %}", "Output/a/b[1]")]


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("1", "number", "1"),
        ("'string'", "string", '"string"'),
        ("{'foo': 'bar'}", "object", '{"foo":"bar"}'),
        ("true", "boolean", "true"),
        ("null", "null", "null"),
        ("1 + 1", "number", "2"),
    ],
)
def test_a_field_may_demand_a_type(text, kind, value):
    with pytest.raises(Failed) as raised:
        compile_expression(f"{{% {text} %}}", "Items", "array")(states(), Environment())

    assert raised.value.location == "Items"
    assert raised.value.failure.cause == (
        f"The JSONata expression '{text}' specified for the field 'Items' returned an unexpected result type. "
        f"Expected 'array', but was '{kind}' for value: {value}"
    )


def test_true_is_no_number():
    assert compile_expression("{% true %}", "Condition", "boolean")(states(), Environment()) is True
    with pytest.raises(Failed):
        compile_expression("{% true %}", "Seconds", "number")(states(), Environment())


# --- errors


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("$sqrt(-2)", "D3060: The sqrt function cannot be applied to a negative number: -2"),
        (
            "$formatBase(1, -2)",
            "D3100: The radix of the formatBase function must be between 2 and 36.  It was given -2",
        ),
        ("1 + 'a'", 'T2002: The right side of the "+" operator must evaluate to a number'),
        ("$error('boom')", "D3137: boom"),
        ("$fn()", "T1006: Attempted to invoke a non-function"),
        ("1/0 + 1", "D1001: Number out of range: null"),
        ("$big + 1", "D1001: Number out of range: null"),
    ],
)
def test_an_error_tells_its_code_and_text(text, told):
    assert rest(failure(text, big=10**400)) == f"threw an error during evaluation. {told}"


def test_a_range_beyond_all_bounds_has_the_text_of_jsonata():
    assert rest(failure("[1..1000000000]")) == (
        "threw an error during evaluation. D2014: The size of the sequence allocated by the range operator (..) must "
        "not exceed 1e6.  Attempted to allocate 1000000000."
    )


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("[0, 2].(1 / $)", ["Infinity", 0.5]),
        ("$map([1, 0, -1], function($v) {$v / 0})", ["Infinity", None, "-Infinity"]),
        ("{'a': 1/0, 'b': -1e308 * 1e10, 'c': 1e308 + 1e308}", {"a": "Infinity", "b": "-Infinity", "c": "Infinity"}),
    ],
)
def test_operations_that_leave_the_range_of_numbers_give_a_text(text, value):
    expression = compile_expression(f"{{% {text} %}}", "Output")

    assert expression(states(), Environment()) == value
    assert expression(states(), Environment()) == value


# --- functions of Step Functions


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$partition([1..5], 2)", [[1, 2], [3, 4], [5]]),
        ("$partition([1..3], 2.9)", [[1, 2], [3]]),
        ("$partition([], 2)", []),
        ("$range(5, 1, -2)", [5, 3, 1]),
        ("$hash('a', 'MD5')", "0cc175b9c0f1b6a831c399e269772661"),
        ("$parse('null')", None),
        ("$parse('[[1]]')", [[1]]),
        ("$parse('{\"a\": [1]}').a", [1]),
        ("$base64decode('YQ==') & $base64decode('YWI')", "aab"),
        ("$keys({'a': 1, 'b': 2})", ["a", "b"]),
        ("$keys({'a': 1})", "a"),
        ("$keys([{'a': 1}, 2, {'b': 2, 'a': 3}])", ["a", "b"]),
        ("$distinct([1, 2, 1])", [1, 2]),
        ("$count($distinct([1..20000].($ % 7)))", 7),
    ],
)
def test_a_function_gives_this_value(text, value):
    assert evaluate(text) == value


@pytest.mark.parametrize(
    "text", ["$range(5, 1, 1)", "$keys({})", "$keys('a')", "$hash($nope, 'MD5')", "$partition($nope, 1)"]
)
def test_a_function_gives_nothing(text):
    assert rest(failure(text)) == "returned nothing (undefined)."


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("$partition([1], 0)", ": $partition: the size must be 1 or more, not 0"),
        ("$range(1, 2, 0)", ": $range: the step must not be 0"),
        ("$range('a', 2, 1)", '. T0410: Argument 1 of function "range" does not match function signature'),
        ("$random('a')", '. T0410: Argument 1 of function "random" does not match function signature'),
    ],
)
def test_a_function_refuses_its_arguments(text, told):
    assert rest(failure(text)) == f"threw an error during evaluation{told}"


@pytest.mark.parametrize("text", ["$parse('{')", "$hash('a', 'MD4')"])
def test_a_function_tells_what_it_cannot_take(text):
    assert rest(failure(text)).startswith("threw an error during evaluation: $")


def test_time_and_chance_are_those_of_the_step():
    text = (
        "{% {'now': $now(), 'ms': $millis(), 'id': $uuid(), 'n': $random(), 's': $shuffle([1..50]), "
        "'t': $toMillis('10', '[H]')} %}"
    )
    expression = compile_expression(text, "Output")

    one, same, other = (
        expression(states(), Environment(seed=seed, at=at)) for seed, at in [(b"a", AT)] * 2 + [(b"b", 0)]
    )

    assert one == same
    assert (one["now"], one["ms"]) == ("2023-11-14T22:13:20.123Z", AT)
    assert (other["now"], other["ms"]) == ("1970-01-01T00:00:00.000Z", 0)
    assert all(one[key] != other[key] for key in one)
    assert 0 <= one["n"] < 1


# --- hostile expressions

MEMORY = (
    "threw an error during evaluation: Expression evaluation memory limit exceeded: Check for excessive memory usage"
)
TIME = "threw an error during evaluation: Expression evaluation timeout: Check for infinite loop"
STACK = (
    "threw an error during evaluation: Stack overflow error: Check for non-terminating recursive function. "
    "Consider rewriting as tail-recursive"
)
HOSTILE = {
    "endless recursion": ("($f := function($n) {1 + $f($n)}; $f(1))", STACK),
    "endless tail recursion": ("($f := function($n) {$f($n)}; $f(1))", TIME),
    "nested parentheses": ("(" * 5_000 + "1" + ")" * 5_000, STACK),
    "long chain": ("+".join(["1"] * 100_000), STACK),
    "catastrophic regular expression": (f"$contains('{'a' * 40}!', /^(a+)+$/)", TIME),
    "many ranges": ("$map([1..800000], function($x) {[1..1000]})", TIME),
    "long string": ("$length($pad('', 1000000000, 'x'))", MEMORY),
    "many distinct values": ("$distinct([1..800000])", TIME),
    "long list": ("$range(1, 1e18, 1)", MEMORY),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_expression_is_refused_within_its_bounds(kind):
    text, told = HOSTILE[kind]
    started = time.process_time()

    assert rest(failure(text)) == told
    assert time.process_time() - started < 10
    assert evaluate("1 + 1") == 2


def test_names_of_a_large_object_are_found_in_linear_time():
    many = {f"key{number}": number for number in range(50_000)}

    assert evaluate("$count($keys($many))", many=many) == 50_000
    assert evaluate("$count($keys([$many, $many]))", many=many) == 50_000
