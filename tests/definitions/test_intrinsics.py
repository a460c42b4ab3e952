"""Intrinsic functions: a text and a document in, a value or a failure out.

"Recorded" expectations stand in conformance/cases/intrinsic_functions; "Java" ones were printed by OpenJDK 17.
"""

import hashlib
import re
from base64 import b64encode
from contextlib import suppress

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from stepwell.definitions.expressions import Entropy
from stepwell.definitions.failure import INTRINSIC_FAILURE, Failed
from stepwell.definitions.intrinsics import (
    Call,
    InvalidIntrinsic,
    Literal,
    PathArgument,
    compile_intrinsic,
    is_string_valued,
    parse_intrinsic,
    paths_in,
)
from stepwell.definitions.intrinsics.functions import FUNCTIONS
from stepwell.definitions.jsonpath import InvalidPath, PathNotFound
from stepwell.definitions.jsonpath import compile_path as compile_json_path

numbers = st.integers(-(2**31), 2**31 - 1)
leaves = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8)
)
values = st.recursive(
    leaves, lambda below: st.lists(below, max_size=4) | st.dictionaries(st.text(max_size=4), below, max_size=4)
)


class Environment:
    """Context, variables and entropy for one evaluation."""

    def __init__(self, seed=b"seed"):
        self.context = {"Execution": {"Id": "an:execution"}}
        self.variables = {"greeting": "It's {}!"}
        self.entropy = Entropy(seed)


def path_expression(text):
    if text.startswith("$$"):
        read = compile_json_path(text[1:]).read
        return lambda document, environment: read(environment.context)
    if text[1:2] not in ("", ".", "["):
        name = text[1:]
        return lambda document, environment: environment.variables[name]
    read = compile_json_path(text).read
    return lambda document, environment: read(document)


def evaluate(text, document=None, *, seed=b"seed"):
    return compile_intrinsic(text, path_expression)(document, Environment(seed))


def call(name, *arguments):
    """The function applied to values that come from the document."""
    paths = ", ".join(f"$[{index}]" for index in range(len(arguments)))
    return evaluate(f"States.{name}({paths})", list(arguments))


def rejection(name, *arguments):
    with pytest.raises(Failed) as raised:
        call(name, *arguments)
    assert raised.value.failure.error == INTRINSIC_FAILURE
    assert raised.value.prefixed
    return raised.value.failure.cause.partition(" had the following error: ")[2]


def shown(value):
    """Tells what Python's == does not: 1, 1.0 and true apart."""
    return repr(value)


def nested_list(levels):
    value = []
    for _ in range(levels):
        value = [value]
    return value


# --- the grammar


def text(value):
    """A string without placeholders, as it is read."""
    return Literal(value, (value,))


@pytest.mark.parametrize(
    ("call", "arguments"),
    [
        pytest.param("States.Array()", (), id="nothing"),
        pytest.param("States.Array( )", (), id="a blank"),
        pytest.param("States.Array('a')", (text("a"),), id="string"),
        pytest.param("States.Array('')", (text(""),), id="empty string"),
        pytest.param("States.Array(1,-2,0.5,1e3,-0)", tuple(map(Literal, (1, -2, 0.5, 1e3, 0))), id="numbers"),
        pytest.param("States.Array(true,false,null)", tuple(map(Literal, (True, False, None))), id="constants"),
        pytest.param("States.Array($)", (PathArgument("$"),), id="root"),
        pytest.param("States.Array($.a.b[0])", (PathArgument("$.a.b[0]"),), id="path"),
        pytest.param("States.Array($$.Execution.Id)", (PathArgument("$$.Execution.Id"),), id="context path"),
        pytest.param("States.Array($order.id)", (PathArgument("$order.id"),), id="variable path"),
        pytest.param("States.Array($['a,b)'])", (PathArgument("$['a,b)']"),), id="comma and parenthesis in a name"),
        pytest.param(r"States.Array($['it\'s)'])", (PathArgument(r"$['it\'s)']"),), id="quote in a name"),
        pytest.param('States.Array($["a]"])', (PathArgument('$["a]"]'),), id="bracket in a name"),
        pytest.param(r"States.Array($.a\,b)", (PathArgument(r"$.a\,b"),), id="escaped comma"),
        pytest.param("States.Array($.a.length())", (PathArgument("$.a.length()"),), id="function in a path"),
        pytest.param(
            "States.Array($.a[?(@.b == 'x' && @.c in [1,2])].d, 1)",
            (PathArgument("$.a[?(@.b == 'x' && @.c in [1,2])].d"), Literal(1)),
            id="filter",
        ),
        pytest.param(
            "States.Array($.a[?(@.b =~ /it's [)]/)])",
            (PathArgument("$.a[?(@.b =~ /it's [)]/)]"),),
            id="regular expression",
        ),
        pytest.param(
            " States.Array( 'a' ,\n\t$.b , 1 ) \n",
            (text("a"), PathArgument("$.b"), Literal(1)),
            id="blanks and line breaks between the parts",
        ),
    ],
)
def test_arguments_are_read(call, arguments):
    assert parse_intrinsic(call).arguments == arguments


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (r"it\'s", "it's"),
        (r"\{\}", "{}"),
        (r"\\", "\\"),
        (r"\\\'", "\\'"),
        ('{"a":"b"}', '{"a":"b"}'),
        ("a\nb\tc", "a\nb\tc"),
        ("日本 😀", "日本 😀"),
        ("$.a, 1) States.UUID()", "$.a, 1) States.UUID()"),
    ],
)
def test_strings_know_four_escapes_and_hold_anything_else(raw, value):
    assert evaluate(f"States.ArrayGetItem(States.Array('{raw}'), 0)") == value


def test_a_call_knows_its_own_text_and_those_nested_in_it():
    assert parse_intrinsic(" States.Array( States.UUID(), 1 )") == Call(
        "States.Array", (Call("States.UUID", (), "States.UUID()"), Literal(1)), "States.Array( States.UUID(), 1 )"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("", "expected the name of a function and '(', but the text ends", id="nothing"),
        pytest.param("$.a", "expected the name of a function", id="a path"),
        pytest.param("not a call", "expected the name of a function", id="words"),
        pytest.param("States.UUID", "expected the name of a function", id="no parentheses"),
        pytest.param("States.UUID ()", "expected the name of a function", id="a blank before the parenthesis"),
        pytest.param("States.Array(States.UUID ())", "expected a text in single quotes", id="the same, nested"),
        pytest.param("States.UUID(", "but the text ends", id="unclosed"),
        pytest.param("States.JsonToString($", "expected ',' or ')'", id="unclosed after a path"),
        pytest.param("States.JsonToString($['a)", "expected ']'", id="unclosed bracket of a path"),
        pytest.param("States.JsonToString('a)", "expected a closing quote", id="unclosed string"),
        pytest.param(r"States.JsonToString('a\')", "expected a closing quote", id="escaped last quote"),
        pytest.param("States.UUID())", "expected nothing after the call", id="one parenthesis too many"),
        pytest.param("States.StringSplit('a','b')[0]", "expected nothing after the call", id="an index"),
        pytest.param("States.UUID() States.UUID()", "expected nothing after the call", id="two calls"),
        pytest.param("States.Array(1,)", "expected a text in single quotes", id="comma at the end"),
        pytest.param("States.Array(,1)", "expected a text in single quotes", id="comma at the start"),
        pytest.param("States.Array(1 2)", "expected ',' or ')'", id="no comma"),
        pytest.param("States.Array('a''b')", "expected ',' or ')'", id="two strings side by side"),
        pytest.param('States.Array("a")', "expected a text in single quotes", id="double quotes"),
        pytest.param("States.Array(True)", "expected a text in single quotes", id="a constant of another language"),
        pytest.param("States.Array({})", "expected a text in single quotes", id="an object"),
        pytest.param("States.Array(01)", "expected a number as JSON writes it", id="leading zero"),
        pytest.param("States.Array(1.)", "expected a number as JSON writes it", id="no digit after the point"),
        pytest.param("States.Array(1e999)", "expected a number as JSON writes it", id="beyond a double"),
        pytest.param("States.Array(1x)", "expected a number as JSON writes it", id="a letter in a number"),
        pytest.param("States.Array(+1)", "expected a text in single quotes", id="plus sign"),
        pytest.param(
            r"States.Array('say \"hi\"')", "expected one of the escapes", id="escaped double quote (recorded)"
        ),
        pytest.param(r"States.Array('a\nb')", "at character 16", id="escaped letter"),
        pytest.param("States.Xyz($.a)", "There is no intrinsic function 'States.Xyz'", id="unknown function"),
        pytest.param("states.format('a')", "There is no intrinsic function 'states.format'", id="lower case"),
        pytest.param("States.Array(Foo.Bar())", "There is no intrinsic function 'Foo.Bar'", id="unknown, nested"),
        pytest.param("States.UUID(1)", "States.UUID takes 0 arguments, not 1", id="one argument too many"),
        pytest.param("States.MathAdd(1)", "States.MathAdd takes 2 arguments, not 1", id="one argument too few"),
        pytest.param("States.JsonToString()", "States.JsonToString takes 1 argument, not 0", id="no argument"),
        pytest.param("States.Format()", "States.Format takes 1 argument or more, not 0", id="Format of nothing"),
        pytest.param("States.MathRandom(1)", "takes 2 to 3 arguments, not 1", id="optional seed"),
        pytest.param("States.MathAdd(1,'-1')", "Argument 2 of States.MathAdd must be a number", id="string as number"),
        pytest.param("States.MathAdd(true,1)", "Argument 1 of States.MathAdd must be a number", id="boolean as number"),
        pytest.param("States.ArrayLength(null)", "must be an array", id="null as array"),
        pytest.param("States.Format(1)", "must be a string", id="number as template"),
        pytest.param("States.JsonMerge($.a, $.b, 0)", "Argument 3 of States.JsonMerge must be true or false", id="0"),
    ],
)
def test_what_is_no_call_is_refused_with_its_place(text, message):
    with pytest.raises(InvalidIntrinsic, match=re.escape(message)):
        parse_intrinsic(text)


def test_ten_calls_may_be_nested_in_a_call_and_no_more():
    assert evaluate("States.Array(" * 11 + ")" * 11) == nested_list(10)

    with pytest.raises(InvalidIntrinsic, match="no more than 10 calls nested"):
        parse_intrinsic("States.Array(" * 12 + ")" * 12)


def test_calls_side_by_side_are_not_nested():
    uuids = evaluate(f"States.Array({', '.join(['States.UUID()'] * 20)})")

    assert len(set(uuids)) == 20


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("States.Array(" * 100_000, id="calls"),
        pytest.param("States.Array($" + "[" * 100_000, id="brackets"),
        pytest.param("States.Array($" + "[?(" * 100_000, id="filters"),
        pytest.param("States.Array($[" + "'\\" * 100_000, id="quotes and backslashes"),
        pytest.param("States.Array($[" + "=~ " * 100_000, id="regular expressions"),
        pytest.param("States.Array('" + "\\'" * 100_000, id="escapes"),
        pytest.param("States.Array(" + "9" * 100_000 + ")", id="digits"),
        pytest.param("States.Array(" + " " * 100_000, id="blanks"),
    ],
)
def test_hostile_text_is_refused_in_order(text):
    with pytest.raises(InvalidIntrinsic):
        parse_intrinsic(text)


@given(st.text(st.sampled_from("States.UUIDFormat()',$[]{}\\ 1-e\n\"=~/?@"), max_size=40))
def test_any_text_is_a_call_or_refused(text):
    for attempt in (text, f"States.Array({text})"):
        with suppress(InvalidIntrinsic):
            parse_intrinsic(attempt)


@given(st.text(max_size=20))
def test_every_string_can_be_written_as_a_literal(text):
    literal = re.sub(r"(['{}\\])", r"\\\1", text)

    assert evaluate(f"States.ArrayGetItem(States.Array('{literal}'), 0)") == text
    assert evaluate(f"States.Format('{literal}')") == text


def test_the_error_of_a_bad_path_is_the_path_compilers():
    with pytest.raises(InvalidPath):
        compile_intrinsic("States.JsonToString($.a[)])", path_expression)


def test_paths_are_found_in_all_depths():
    call = parse_intrinsic("States.Format($a, States.MathAdd($.n, States.ArrayLength($$.x)), 'no $.path', $.b)")

    assert list(paths_in(call)) == ["$a", "$.n", "$$.x", "$.b"]


def test_the_functions_of_error_path_are_awss():
    calls = {name: Call(name, (), f"{name}()") for name in FUNCTIONS}

    assert {name.removeprefix("States.") for name, call in calls.items() if is_string_valued(call)} == {
        "Format",
        "JsonToString",
        "ArrayGetItem",
        "Base64Encode",
        "Base64Decode",
        "Hash",
        "UUID",
    }


def test_there_are_eighteen_functions():
    assert len(FUNCTIONS) == 18


# --- evaluation


def test_calls_take_the_values_of_calls():
    text = "States.ArrayGetItem(States.StringSplit($$.Execution.Id, ':'), States.MathAdd(States.ArrayLength($.a), -1))"

    assert evaluate(text, {"a": [0, 0]}) == "execution"


def test_a_failure_names_the_call_the_argument_and_the_rule():
    with pytest.raises(Failed) as raised:
        evaluate("States.Array(States.ArrayGetItem($.a, 9))", {"a": [1, 2]})

    assert raised.value.failure.error == "States.IntrinsicFailure"
    assert raised.value.failure.cause == (
        "The function 'States.ArrayGetItem($.a, 9)' had the following error: "
        "Argument 2, the index, must be below 2, the length of the array, not 9"
    )


def test_the_failure_of_a_path_passes_through():
    with pytest.raises(PathNotFound):
        evaluate("States.Array(States.ArrayLength($.missing))", {})


def test_a_long_value_is_cut_in_a_message():
    assert len(rejection("ArrayLength", "x" * 100_000)) < 200
    assert len(rejection("ArrayLength", 10**900)) < 200


def test_half_a_surrogate_pair_is_described_too():
    assert rejection("ArrayLength", "a\ud800") == 'Argument 1 must be an array, not "a?"'


def test_documents_are_not_changed():
    document = {"a": [3, 1, 1], "b": {"x": 1}, "c": {"y": 2}}
    for text in ("States.ArrayUnique($.a)", "States.ArrayPartition($.a, 1)", "States.JsonMerge($.b, $.c, false)"):
        evaluate(text, document)

    assert document == {"a": [3, 1, 1], "b": {"x": 1}, "c": {"y": 2}}


# --- Format


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("", ""),
        (" ", " "),
        ("HelloWorld", "HelloWorld"),
        (None, "null"),
        (True, "true"),
        (False, "false"),
        (1, "1"),
        (1.1, "1.1"),
        (1.0, "1.0"),
        (10**30, "1" + "0" * 30),
        ('{"Arg1": 1, "Arg2": []}', '{"Arg1": 1, "Arg2": []}'),
        ({"Arg1": 1, "Arg2": []}, "{Arg1=1, Arg2=[]}"),
        (["a", None, {"b": {}}], "[a, null, {b={}}]"),
        ("{}", "{}"),
    ],
    ids=repr,
)
def test_format_prints_values_as_java_does(value, text):
    assert evaluate("States.Format('<{}>', $)", value) == f"<{text}>"
    assert call("Format", "<{}>", value) == f"<{text}>"


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("States.Format('plain')", "plain"),
        ("States.Format('')", ""),
        ("States.Format('{}{}', 'a', 'b')", "ab"),
        ("States.Format('{}', '{}')", "{}"),
        (r"States.Format('\{{}\}', 1)", "{1}"),
        (r"States.Format('\{\} {}', 1)", "{} 1"),
        (r"States.Format('\\{}', 1)", "\\1"),
        ('States.Format(\'{"a": "{}"}\', 1)', '{"a": "1"}'),
        ("States.Format('{ }{0}')", "{ }{0}"),
        (r"States.Format('it\'s {}', 1)", "it's 1"),
        ("States.Format('a\n{}', 1)", "a\n1"),
        ("States.Format($greeting, 'Pikachu')", "It's Pikachu!"),
        ("States.Format(States.Format('{}', '{}-{}'), 1, 2)", "1-2"),
    ],
)
def test_format_fills_every_unescaped_pair_of_braces(text, result):
    assert evaluate(text) == result


def test_a_backslash_in_a_template_from_data_is_a_backslash():
    assert call("Format", "\\{} \\\\", 1) == "\\1 \\\\"


@pytest.mark.parametrize("text", ["States.Format('{}')", "States.Format('{} {}', 1, 2, 3)", "States.Format('a', 1)"])
def test_format_wants_as_many_values_as_placeholders(text):
    with pytest.raises(Failed, match=r"Every \{\} of the template needs a value"):
        evaluate(text)


def test_format_says_how_many_values_are_missing():
    assert (
        rejection("Format", "{} {}", 1)
        == "Every {} of the template needs a value: it has 2 placeholders, and gets 1 value"
    )


def test_format_wants_a_string_as_template():
    assert rejection("Format", {"a": 1}) == "Argument 1 must be a string, not an object of 1 member"


# --- JSON texts


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        (" ", None),
        ("\n\t", None),
        ("null", None),
        ("-0", 0),
        ("1", 1),
        ("1.1", 1.1),
        ("1.0", 1.0),
        ("true", True),
        ('"HelloWorld"', "HelloWorld"),
        ('[1, 2, "HelloWorld"]', [1, 2, "HelloWorld"]),
        ('{"Arg1": 1, "Arg2": []}', {"Arg1": 1, "Arg2": []}),
        ("1" * 40, int("1" * 40)),
    ],
)
def test_string_to_json_reads_any_json(text, value):
    assert shown(call("StringToJson", text)) == shown(value)


@pytest.mark.parametrize("text", ["nope", "{'a':1}", "[1", "NaN", "1e999", "1 2", "[" * 5000 + "]" * 5000, "\ud800"])
def test_string_to_json_rejects_what_is_no_json(text):
    assert rejection("StringToJson", text).startswith("Argument 1 must be a JSON text, not ")


def test_string_to_json_takes_no_value_that_is_json_already():
    assert rejection("StringToJson", {"a": 1}) == "Argument 1 must be a string, not an object of 1 member"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (0, "0"),
        (1.1, "1.1"),
        (True, "true"),
        ("HelloWorld", '"HelloWorld"'),
        ([1, 2, "HelloWorld"], '[1,2,"HelloWorld"]'),
        ({"b": 1, "a": []}, '{"b":1,"a":[]}'),
        ("日\n", '"日\\n"'),
        (2**70, str(2**70)),
    ],
    ids=repr,
)
def test_json_to_string_writes_compact_json_in_the_given_order(value, text):
    assert call("JsonToString", value) == text


def test_json_to_string_of_what_is_too_deep_is_rejected():
    assert call("JsonToString", nested_list(500)) == "[" * 501 + "]" * 501
    assert rejection("JsonToString", nested_list(100_000)).startswith("Argument 1 must be a JSON value: ")


@given(values)
def test_string_to_json_undoes_json_to_string(value):
    text = "States.StringToJson(States.JsonToString($))"

    assert shown(evaluate(text, value)) == shown(evaluate(text, evaluate(text, value)))
    assert evaluate(text, value) == value


# --- strings


@pytest.mark.parametrize(
    ("text", "delimiters", "tokens"),
    [
        (" ", ",", [" "]),
        (" , ", ",", [" ", " "]),
        (", , ,", ",", [" ", " "]),
        (",,,,", ",", []),
        ("", ",", []),
        ("1,2,3,4,5", ",", ["1", "2", "3", "4", "5"]),
        ("This.is+a,test=string", ".+,=", ["This", "is", "a", "test", "string"]),
        ("split on T and \nnew line", "T\n", ["split on ", " and ", "new line"]),
        ("a::b", "::", ["a", "b"]),
        ("abc", "", ["abc"]),
        ("", "", []),
        ("😀a😁b", "😀", ["a😁b"]),
    ],
)
def test_string_split_drops_what_is_empty(text, delimiters, tokens):
    assert call("StringSplit", text, delimiters) == tokens


@given(st.text("abc,;", max_size=20), st.text(",;b", max_size=3))
def test_string_split_keeps_all_but_the_delimiters(text, delimiters):
    tokens = call("StringSplit", text, delimiters)

    assert "".join(tokens) == "".join(character for character in text if character not in delimiters)
    assert all(token and not set(token) & set(delimiters) for token in tokens)


@pytest.mark.parametrize("arguments", [(1, ","), ("a", 1), (None, ","), (["a"], ",")], ids=repr)
def test_string_split_takes_strings(arguments):
    assert "must be a string" in rejection("StringSplit", *arguments)


# --- Base64


@pytest.mark.parametrize(
    ("text", "encoded"), [("", ""), ("Data to encode", "RGF0YSB0byBlbmNvZGU="), ("é😀", "w6nwn5iA")]
)
def test_base64_is_that_of_utf_8(text, encoded):
    assert call("Base64Encode", text) == encoded
    assert call("Base64Decode", encoded) == text


@given(st.text(max_size=60))
def test_base64_decode_undoes_base64_encode(text):
    assert evaluate("States.Base64Decode(States.Base64Encode($))", text) == text


def test_long_base64_stays_on_one_line():
    assert call("Base64Encode", "x" * 100) == b64encode(b"x" * 100).decode()


@pytest.mark.parametrize("text", ["YQ", "YQ==", "YR==", "Y*Q==", "YQ==\n\n", " Y Q == ", "Y\r\nQ"])
def test_base64_decode_is_lenient_as_javas_mime_decoder(text):
    assert call("Base64Decode", text) == "a"


@pytest.mark.parametrize("text", ["Y", "YQ=", "YWJj=", "YQ==YQ==", "=", "==", "YQ==="])
def test_base64_decode_rejects_what_java_does(text):
    assert rejection("Base64Decode", text) == f'Argument 1 must be Base64 text, not "{text}"'


def test_bytes_that_are_no_text_are_replaced():
    assert call("Base64Decode", b64encode(b"a\xff").decode()) == "a\ufffd"


@pytest.mark.parametrize("name", ["Base64Encode", "Base64Decode", "Hash"])
def test_ten_thousand_characters_and_no_more(name):
    more = ["MD5"] if name == "Hash" else []

    assert call(name, "a" * 10_000, *more)
    assert call(name, "é" * 10_000, *more) is not None or name == "Base64Decode"
    assert rejection(name, "a" * 10_001, *more) == (
        "Argument 1 must have no more than 10000 characters, and it has 10001"
    )
    assert "it has 10002" in rejection(name, "😀" * 5_001, *more)


@pytest.mark.parametrize("name", ["Base64Encode", "Base64Decode"])
@pytest.mark.parametrize("value", [None, 1, True, [], {}], ids=repr)
def test_base64_takes_strings(name, value):
    assert "Argument 1 must be a string" in rejection(name, value)


# --- Hash


@pytest.mark.parametrize(
    ("algorithm", "digest"),
    [
        ("MD5", "812f45842bc6d66ee14572ce20db8e86"),
        ("SHA-1", "aaff4a450a104cd177d28d18d74485e8cae074b7"),
        ("SHA-256", "b4a697a057313163aee33cd8d40c66e9f0f177e00cac2de32475ffff6169c3e3"),
        ("SHA-384", "d28a7d5cf25a74f11a50a18452b75e04bb3d70c9dd0510d6123aa008c756511b87525bdc835ebb27e1fb9e9374a15562"),
        (
            "SHA-512",
            "6ce4adb348546d4f449c4d25aad9a7c9cb711d9e91982d3f0b29ca2f3f47d4ce"
            "2deba23bf2954f0f1d593fc50283731a533d30d425402d4f91316d871303aac4",
        ),
    ],
)
def test_hash_knows_five_algorithms(algorithm, digest):
    assert call("Hash", "input data", algorithm) == digest


@pytest.mark.parametrize(
    ("data", "text"), [(1, "1"), (True, "true"), (None, "null"), ({"b": [1, "é"]}, '{"b":[1,"é"]}')]
)
def test_hash_of_what_is_no_string_is_that_of_its_json_text(data, text):
    assert call("Hash", data, "SHA-256") == hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize("algorithm", ["md5", "SHA1", "SHA-224", "", None, 256, ["MD5"]], ids=repr)
def test_other_algorithms_are_rejected(algorithm):
    assert rejection("Hash", "a", algorithm).startswith(
        "Argument 2 must be one of the algorithms MD5, SHA-1, SHA-256, SHA-384, SHA-512, not "
    )


# --- arrays


def test_array_takes_any_number_of_values():
    assert evaluate("States.Array()") == []
    assert evaluate("States.Array(null, $.a, 'b', 1.5, true)", {"a": {"c": []}}) == [None, {"c": []}, "b", 1.5, True]


@pytest.mark.parametrize(
    ("array", "size", "parts"),
    [
        ([1, 2, 3, 4], 2, [[1, 2], [3, 4]]),
        ([1, 2, 3, 4, 5], 2, [[1, 2], [3, 4], [5]]),
        ([1, 2], 10**30, [[1, 2]]),
        ([], 3, []),
        ([1, 2, 3], 1.5, [[1, 2], [3]]),
        ([1, 2, 3], 0.5, [[1], [2], [3]]),
    ],
    ids=repr,
)
def test_array_partition_cuts_into_parts(array, size, parts):
    assert call("ArrayPartition", array, size) == parts


@pytest.mark.parametrize(("size", "named"), [(0, "0"), (-1, "-1"), (0.49, "0.49"), (-0.5, "-0.5")])
def test_a_part_has_one_item_at_least(size, named):
    assert rejection("ArrayPartition", [1], size) == f"Argument 2, the size of a part, must be 1 or more, not {named}"


@given(st.lists(leaves), st.integers(1, 10))
def test_the_parts_make_up_the_array(array, size):
    parts = call("ArrayPartition", array, size)

    assert [item for part in parts for item in part] == array
    assert all(len(part) == size for part in parts[:-1])


EQUAL = [
    (None, None),
    (True, True),
    ("a", "a"),
    (1, 1.0),
    ([1, 2, 3], [1, 2, 3]),
    ({"a": 1, "b": [None]}, {"b": [None], "a": 1}),
    ([], []),
    ({}, {}),
    ([[True]], [[True]]),
]
DIFFERENT = [
    (None, False),
    (None, 0),
    (None, ""),
    (None, []),
    (True, 1),
    (False, 0),
    (1, "1"),
    (True, "true"),
    ([], {}),
    ([1], [True]),
    ([[1], 2], [[1, 2]]),
    ([1, 2], [2, 1]),
    ({"a": 1}, {"a": 2}),
    ({"a": 1}, {"a": True}),
    ({"a": 1}, {"b": 1}),
    ({"a": ["b"]}, {"a": {"b": None}}),
    ([["array", 1]], [[["x"]]]),
]


@pytest.mark.parametrize(("one", "other"), EQUAL, ids=repr)
def test_values_of_equal_json_are_one(one, other):
    assert call("ArrayContains", ["x", one], other) is True
    assert call("ArrayContains", ["x", other], one) is True
    assert shown(call("ArrayUnique", [one, other])) == shown([one])


@pytest.mark.parametrize(("one", "other"), DIFFERENT, ids=repr)
def test_values_of_different_json_are_two(one, other):
    assert call("ArrayContains", ["x", one], other) is False
    assert call("ArrayContains", ["x", other], one) is False
    assert shown(call("ArrayUnique", [one, other])) == shown([one, other])


def test_array_unique_keeps_the_first_of_each():
    array = [None, None, True, True, False, 1, 1, 1.1, 0, "a", "a", [], [], [None], {"a": 1, "b": 2}, {"b": 2, "a": 1}]

    assert shown(call("ArrayUnique", array)) == shown([None, True, False, 1, 1.1, 0, "a", [], [None], {"a": 1, "b": 2}])


def test_depth_does_no_harm_to_comparisons():
    deep, same = nested_list(50_000), nested_list(50_000)

    assert call("ArrayContains", [1, deep], same) is True
    assert call("ArrayContains", [deep], nested_list(49_999)) is False
    assert len(call("ArrayUnique", [deep, same])) == 1
    assert evaluate("States.Format('{}', $)", deep) == "[" * 50_001 + "]" * 50_001


@given(st.lists(leaves | st.lists(leaves, max_size=2), max_size=8))
def test_array_unique_and_array_contains_agree(array):
    unique = call("ArrayUnique", array)

    assert call("ArrayUnique", unique) == unique
    assert all(call("ArrayContains", unique, item) for item in array)


@pytest.mark.parametrize(
    ("first", "last", "step", "numbers"),
    [
        (0, 9, 3, [0, 3, 6, 9]),
        (0, 10, 3, [0, 3, 6, 9]),
        (1, 9, 9, [1]),
        (1, 9, 2, [1, 3, 5, 7, 9]),
        (3, 1, -1, [3, 2, 1]),
        (5, 5, 1, [5]),
        (5, 5, -1, [5]),
        (1, 9, -1, []),
        (9, 1, 1, []),
        (0.5, 3.4, 1.2, [1, 2, 3]),
        (-1.5, 1, 1, [-1, 0, 1]),
        (10**30, 10**30 + 1, 1, [10**30, 10**30 + 1]),
    ],
)
def test_array_range_includes_both_ends(first, last, step, numbers):
    assert call("ArrayRange", first, last, step) == numbers


def test_a_range_has_a_thousand_items_and_no_more():
    assert call("ArrayRange", 1, 1000, 1) == list(range(1, 1001))
    assert rejection("ArrayRange", 0, 1000, 1) == "The range must have no more than 1000 items, and this one has 1001"
    assert "no more than 1000" in rejection("ArrayRange", 0, 1e308, 1)
    assert "no more than 1000" in rejection("ArrayRange", 0, -(10**500), -1)


@pytest.mark.parametrize(("step", "named"), [(0, "0"), (0.4, "0.4"), (-0.5, "-0.5")])
def test_a_range_takes_no_step_of_nought(step, named):
    assert rejection("ArrayRange", 1, 2, step) == f"Argument 3, the step, must not be 0, and {named} counts as 0"


@given(st.integers(), st.integers(0, 999), st.integers().filter(bool), st.integers(0))
def test_a_range_is_pythons_up_to_its_last_number(first, count, step, beyond):
    last = first + count * step + (beyond % abs(step)) * (1 if step > 0 else -1)

    assert call("ArrayRange", first, last, step) == [first + index * step for index in range(count + 1)]


@pytest.mark.parametrize(("index", "item"), [(0, "a"), (2, "c"), (1.0, "b")])
def test_array_get_item_counts_from_nought(index, item):
    assert call("ArrayGetItem", ["a", "b", "c"], index) == item


@pytest.mark.parametrize("index", [-1, 1.5, 1e999, True, "0", None], ids=repr)
def test_an_index_is_a_whole_number_from_nought_on(index):
    assert "the index, must be a whole number from 0 on, not " in rejection("ArrayGetItem", ["a", "b"], index)


@pytest.mark.parametrize("index", [2, 10**30, 1e300])
def test_an_index_is_below_the_length(index):
    assert "the index, must be below 2, the length of the array" in rejection("ArrayGetItem", ["a", "b"], index)


def test_nothing_can_be_got_from_an_empty_array():
    assert "must be below 0" in rejection("ArrayGetItem", [], 0)


@pytest.mark.parametrize(("array", "length"), [([], 0), ([1, 2, 3], 3), ([[1, 2]], 1)])
def test_array_length_counts_items(array, length):
    assert call("ArrayLength", array) == length


@pytest.mark.parametrize(
    ("name", "more"),
    [("ArrayPartition", [1]), ("ArrayContains", [1]), ("ArrayGetItem", [0]), ("ArrayLength", []), ("ArrayUnique", [])],
)
@pytest.mark.parametrize(
    ("value", "named"), [(None, "null"), ("ab", '"ab"'), ({"a": 1}, "an object of 1 member"), (1.5, "1.5")]
)
def test_array_functions_take_arrays(name, more, value, named):
    assert rejection(name, value, *more) == f"Argument 1 must be an array, not {named}"


# --- objects


def test_json_merge_lets_the_second_win_and_does_not_go_deep():
    first = {"a": {"a1": 1, "a2": 2}, "b": 2, "d": 3}
    second = {"a": {"a3": 1, "a4": 2}, "c": 3, "d": 4}

    assert list(call("JsonMerge", first, second, False).items()) == [
        ("a", {"a3": 1, "a4": 2}),
        ("b", 2),
        ("c", 3),
        ("d", 4),
    ]


def test_json_merge_gives_keys_in_the_order_of_a_hash_map():
    merged = call("JsonMerge", {"StateMachineArn": 1, "Name": 2}, {"Input": 3}, False)

    assert list(merged) == ["Input", "StateMachineArn", "Name"]


@given(st.dictionaries(st.text(max_size=3), leaves), st.dictionaries(st.text(max_size=3), leaves))
def test_json_merge_is_the_union(first, second):
    assert call("JsonMerge", first, second, False) == first | second


def test_deep_merging_is_not_supported():
    assert rejection("JsonMerge", {}, {}, True) == "Argument 3 must be false: only shallow merging is supported"


@pytest.mark.parametrize("deep", [0, None, "false"], ids=repr)
def test_the_third_argument_of_json_merge_is_a_boolean(deep):
    assert rejection("JsonMerge", {}, {}, deep).startswith("Argument 3 must be false, not ")


@pytest.mark.parametrize(("arguments", "position"), [(([], {}), 1), (({}, None), 2)])
def test_json_merge_takes_objects(arguments, position):
    assert rejection("JsonMerge", *arguments, False).startswith(f"Argument {position} must be an object, not ")


# --- numbers


@pytest.mark.parametrize(
    ("first", "second", "total"),
    [
        (-9, 3, -6),
        (1.49, 1.5, 3),
        (1.5, 1.51, 4),
        (-1.49, -1.5, -2),
        (-1.5, -1.51, -3),
        (1.49, -1.49, 0),
        (1.5, 0, 2),
        (-1.49, 0, -1),
        (-1.5, 0, -1),
        (-1.51, 0, -2),
        (0.5, 0, 1),
        (2.5, 0, 3),
        (-0.5, 0.5, 1),
        (-0.5, 0, 0),
        (-2.5, 0, -2),
        (-3.5, 0, -3),
        (59, 4.3, 63),
        (0.49999999999999994, 0, 0),
        (-0.49999999999999994, 0, 0),
        (-1e-300, 0, 0),
        (2147483647.4, 0, 2147483647),
        (-2147483648.5, 0, -2147483648),
        (2147483647, -2147483648, -1),
    ],
)
def test_math_add_rounds_each_number_half_up_and_then_adds(first, second, total):
    assert shown(call("MathAdd", first, second)) == shown(total)


@given(numbers, numbers)
@example(2**31 - 1, 0)
@example(-(2**31), 0)
def test_math_add_adds_whole_numbers_within_32_bits(first, second):
    assume(-(2**31) <= first + second < 2**31)

    assert call("MathAdd", first, second) == first + second


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        (2147483648, 0, "Argument 1 must be from -2147483648 to 2147483647, not 2147483648"),
        (2147483647.5, 0, "Argument 1 must be from -2147483648 to 2147483647, not 2147483648"),
        (0, -2147483649, "Argument 2 must be from -2147483648 to 2147483647, not -2147483649"),
        (2147483647, 1, "The sum must be from -2147483648 to 2147483647, and it is 2147483648"),
        (-2147483648, -1, "The sum must be from -2147483648 to 2147483647, and it is -2147483649"),
        ("1", 0, 'Argument 1 must be a number, not "1"'),
        (0, True, "Argument 2 must be a number, not true"),
        (None, 0, "Argument 1 must be a number, not null"),
        (float("nan"), 0, "Argument 1 must be a number, not nan"),
        (0, float("inf"), "Argument 2 must be a number, not inf"),
    ],
)
def test_math_add_rejects(first, second, message):
    assert rejection("MathAdd", first, second) == message


@pytest.mark.parametrize(
    ("seed", "numbers"),
    [
        (0, [0, 1, 0, 11, 60, 672, 784870680, 516548029, 1569741360]),
        (1, [0, 1, 5, 11, 85, 105, 784774492, 215764588, 1569548985]),
        (3, [0, 1, 4, 11, 34, 239, 784966867, 152454210, 1569933734]),
        (42, [0, 1, 0, 11, 30, 125, 781215565, 117392763, 1562431130]),
        (-7, [0, 0, 2, 4, 62, 175, 288967331, 577934662, 577934662]),
        (123456789012345, [0, 1, 4, 10, 74, 592, 718490087, 185864260, 1436980174]),
        (2**63 - 1, [0, 0, 3, 4, 13, 41, 288774956, 577549913, 577549913]),
        (-(2**63), [0, 1, 0, 11, 60, 672, 784870680, 516548029, 1569741360]),
        (2.5, [0, 1, 4, 11, 34, 239, 784966867, 152454210, 1569933734]),
    ],
)
def test_a_seed_gives_javas_number(seed, numbers):
    spans = [1, 2, 10, 16, 100, 999, 2**30, 2**30 + 1, 2**31 - 1]

    assert [call("MathRandom", 0, span, seed) for span in spans] == numbers
    assert [call("MathRandom", -5, span - 5, seed) for span in spans[:6]] == [number - 5 for number in numbers[:6]]


@pytest.mark.parametrize(("seed", "number"), [(0, -1155484576), (42, -1170105035), (-1, 1155099827)])
def test_a_seed_gives_javas_number_in_a_range_wider_than_an_int(seed, number):
    assert call("MathRandom", -1_500_000_000, 1_500_000_000, seed) == number


@given(numbers, numbers, st.none() | st.integers(), st.binary(min_size=1, max_size=8))
def test_a_random_number_is_from_the_start_to_below_the_end(start, end, seed, entropy):
    assume(start < end)
    more = "" if seed is None else f", {seed}"

    assert start <= evaluate(f"States.MathRandom($[0], $[1]{more})", [start, end], seed=entropy) < end


@given(st.integers(), st.binary(min_size=1, max_size=8), st.binary(min_size=1, max_size=8))
def test_the_same_seed_gives_the_same_number_whatever_the_entropy(seed, one, other):
    text = "States.MathRandom(0, 1000000, $)"

    assert evaluate(text, seed, seed=one) == evaluate(text, seed, seed=other)


def test_without_a_seed_the_step_decides():
    text = "States.Array(States.MathRandom(0, 1000000), States.MathRandom(0, 1000000))"

    assert evaluate(text, seed=b"one") == evaluate(text, seed=b"one") != evaluate(text, seed=b"two")
    assert len(set(evaluate(text))) == 2


def test_every_number_of_a_range_is_drawn():
    draws = evaluate(f"States.Array({', '.join(['States.MathRandom(1, 4)'] * 100)})")

    assert set(draws) == {1, 2, 3}


def test_bounds_of_a_random_number_are_rounded():
    assert call("MathRandom", 12.5, 13.51, 1) == 13
    assert 13 <= call("MathRandom", 12.5, 44.51, 1) < 45


@pytest.mark.parametrize(
    ("start", "end", "message"),
    [
        (5, 5, "Argument 2, the end, must be above argument 1, the start: they are 5 and 5, rounded to 5 and 5"),
        (9, 1, "Argument 2, the end, must be above"),
        (1.5, 2.4, "they are 1.5 and 2.4, rounded to 2 and 2"),
        (0, 2**31, "Argument 2 must be from -2147483648 to 2147483647, not 2147483648"),
        ("0", 1, 'Argument 1 must be a number, not "0"'),
        (False, 1, "Argument 1 must be a number, not false"),
    ],
)
def test_math_random_rejects(start, end, message):
    assert message in rejection("MathRandom", start, end)


@pytest.mark.parametrize("seed", [None, "3", True], ids=repr)
def test_a_seed_is_a_number(seed):
    assert "Argument 3 must be a number" in rejection("MathRandom", 0, 1, seed)


# --- UUID


def test_uuids_are_of_version_four_and_come_from_the_steps_entropy():
    one, two = evaluate("States.Array(States.UUID(), States.UUID())")

    for uuid in (one, two):
        assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", uuid)
    assert one != two
    assert one == evaluate("States.UUID()") != evaluate("States.UUID()", seed=b"another step")
