"""JSONPath, rule by rule. The whole table of Jayway's behaviour is run by `corpus/test_jsonpath_facts.py`."""

import copy
from typing import Any

import jsonpath_ng
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepwell.definitions.jsonpath import (
    FunctionFailed,
    InvalidPath,
    PathNotApplicable,
    PathNotFound,
    compile_path,
)

BOATS = [
    {"name": "Ada", "sails": 2, "crew": ["Kim", "Lou"], "port": None},
    {"name": "Bee", "sails": 3, "crew": [], "home": {"quay": 7}},
    {"name": "Cox", "sails": 4.0, "tags": ["old", "red"]},
]
HARBOUR = {"title": "North", "depth": 3, "open": True, "none": None, "boats": BOATS, "dash-name": 1, "dot.name": 2}


def read(text: str, document: Any = HARBOUR) -> Any:
    return compile_path(text).read(document)


def why(text: str, document: Any = HARBOUR) -> str:
    """The message of reading a path that leads nowhere."""
    with pytest.raises(PathNotFound) as raised:
        read(text, document)
    return str(raised.value)


def fault(text: str) -> str:
    """The message of compiling a text that is no path."""
    with pytest.raises(InvalidPath) as raised:
        compile_path(text)
    return str(raised.value)


def names(condition: str) -> str:
    """The initials of the boats that a condition accepts."""
    return "".join(name[0] for name in read(f"$.boats[?({condition})].name"))


# --- reading ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$.title", "North"),
        ("$['title']", "North"),
        ('$["title"]', "North"),
        ("$.['title']", "North"),
        ("$.boats[0].name", "Ada"),
        ("$.boats.[0].name", "Ada"),
        ("$.boats[-1].name", "Cox"),
        ("$.boats[0]['crew'][1]", "Lou"),
        ("$.dash-name", 1),
        ("$['dot.name']", 2),
        ("$.none", None),
        ("title", "North"),
        ("@.title", "North"),
        ("$.title ", "North"),
        ("$['title','depth','no']", {"title": "North", "depth": 3}),
    ],
)
def test_a_definite_path_gives_one_value(text: str, value: Any) -> None:
    assert read(text) == value
    assert compile_path(text).definite


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("$.boats[*].name", ["Ada", "Bee", "Cox"]),
        ("$.boats.*.sails", [2, 3, 4.0]),
        ("$.boats[0,2].name", ["Ada", "Cox"]),
        ("$.boats[2,0,9].name", ["Cox", "Ada"]),
        ("$.boats[1:].name", ["Bee", "Cox"]),
        ("$.boats[:-1].name", ["Ada", "Bee"]),
        ("$.boats[0:9:2].name", ["Ada", "Bee", "Cox"]),
        ("$.boats[*].crew[0]", ["Kim"]),
        ("$.boats[*]['name','port']", [{"name": "Ada", "port": None}, {"name": "Bee"}, {"name": "Cox"}]),
        ("$.boats[0]['crew','tags'][0]", ["Kim"]),
        ("$..name", ["Ada", "Bee", "Cox"]),
        ("$..crew[1]", ["Lou"]),
        ("$..['name','home']", [{"name": "Bee", "home": {"quay": 7}}]),
        ("$..home..quay", [7]),
        ("$.title.*", []),
        ("$.boats[9][*]", []),
    ],
)
def test_an_indefinite_path_gives_a_list(text: str, values: list[Any]) -> None:
    assert read(text) == values
    assert not compile_path(text).definite


def test_a_slice_that_starts_before_the_array_repeats_it() -> None:
    assert read("$[-5:2]", [1, 2, 3]) == [2, 3, 1, 2]


def test_a_deep_scan_visits_what_is_outside_before_what_is_inside() -> None:
    document = {"a": {"a": 1, "b": [{"a": 2}]}, "c": [{"a": 3}]}

    assert read("$..a", document) == [{"a": 1, "b": [{"a": 2}]}, 1, 2, 3]


def test_the_root_is_the_document_itself() -> None:
    assert read("$") is HARBOUR


def test_values_are_shared_with_the_document() -> None:
    assert read("$.boats") is HARBOUR["boats"]
    assert read("$.boats[?(@.sails > 2)]")[0] is BOATS[1]


def test_a_path_is_compiled_once_and_cannot_be_changed() -> None:
    path = compile_path("$.boats[0]")

    assert compile_path("$.boats[0]") is path
    with pytest.raises(AttributeError):
        path.text = "$"  # type: ignore[misc]


# --- what is missing -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("$.no", "No results for path: $['no']"),
        ('$["no"]', 'No results for path: $["no"]'),
        ("$.boats[0].no", "No results for path: $['boats'][0]['no']"),
        ("$.boats[9]", "No results for path: $['boats'][9]"),
        ("$.boats[-4].name", "No results for path: $['boats'][-4]['name']"),
        ("$.no.deeper", "Missing property in path $['no']"),
        ("$.no[*]", "Missing property in path $['no']"),
        ("$.no..deeper", "Missing property in path $['no']"),
        ("$.none[0]", "The path $['none'] is null"),
        ("$.depth[0]", "Filter: [0] can only be applied to arrays. Current context is: 3"),
        ("$.title[0]", "Filter: [0] can only be applied to arrays. Current context is: North"),
        ("$.title[0:1].x", "Filter: [0:1]['x'] can only be applied to arrays. Current context is: North"),
        (
            "$.boats[2][0]",
            "Filter: [0] can only be applied to arrays. Current context is: {name=Cox, sails=4.0, tags=[old, red]}",
        ),
    ],
)
def test_a_missing_value_is_explained(text: str, message: str) -> None:
    assert why(text) == message


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("text", "java.lang.String"),
        (True, "java.lang.Boolean"),
        (1, "java.lang.Integer"),
        (1 << 31, "java.lang.Long"),
        (1 << 63, "java.math.BigInteger"),
        (1.5, "java.lang.Double"),
        ([], "java.util.ArrayList"),
        (None, "null"),
    ],
)
def test_a_name_asked_of_no_object_names_the_java_class(value: Any, kind: str) -> None:
    assert why("$.v.x", {"v": value}) == (
        f"Expected to find an object with property ['x'] in path $['v'] but found '{kind}'. This is not a json object "
        "according to the JsonProvider: 'com.jayway.jsonpath.spi.json.JacksonJsonProvider'."
    )


@pytest.mark.parametrize(
    ("number", "text"),
    [(1e7, "1.0E7"), (123456.0, "123456.0"), (2.5e-5, "2.5E-5"), (-1.25e20, "-1.25E20"), (0.001, "0.001")],
)
def test_numbers_in_messages_are_written_as_java_writes_them(number: float, text: str) -> None:
    assert why("$[0]", number) == f"Filter: [0] can only be applied to arrays. Current context is: {text}"


# --- texts that are no path ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "json can not be null or empty"),
        ("$.", "Path must not end with a '.' or '..'"),
        ("$..a..", "Path must not end with a '.' or '..'"),
        ("$...a", "Character '.' on position 3 is not valid."),
        ("$a", "Illegal character at position 1 expected '.' or '['"),
        ("$.two words", "Use bracket notion ['my prop'] if your property contains blank characters. position: 2"),
        ("$. a", "Could not parse token starting at position 2"),
        ("$.a[b]", "Could not parse token starting at position 3. Expected ?, ', 0-9, * "),
        ("$.a[1.5]", "Could not parse token starting at position 3. Expected ?, ', 0-9, * "),
        ("$[1 2]", "Failed to parse token in ArrayIndexOperation: 1 2"),
        ("$[99999999999]", "Failed to parse token in ArrayIndexOperation: 99999999999"),
        ("$[:]", "Failed to parse SliceOperation: :"),
        ("$[1-2:3]", 'java.lang.NumberFormatException: For input string: "1-2"'),
        ("$[*", "Expected wildcard token to end with ']' on position 3"),
        ("$[", "java.lang.StringIndexOutOfBoundsException: String index out of range: 2"),
        ("$['a", "Property has not been closed - missing closing '"),
        ("$['a',]", "Found empty property at index 6"),
        (
            "$['a' 'b']",
            "Property must be separated by comma or Property must be terminated close square bracket at index 4",
        ),
        ("$[?]", "Not enough predicates supplied for filter [?] at position 1"),
        ("$[?(@.a == b)]", "Failed to parse filter: [?(@.a == b)], error on position: 10, char: b"),
        ("$[?(@.a == 'b)]", "Could not find matching close quote for ' when parsing : $[?(@.a == 'b)]"),
        ("$[?(@.a like 'b')]", "Expected character: )"),
        ("$[?(5)]", "Expected path node"),
        ("$[?(@.a =~ /(/)]", "Failed to parse filter: [?(@.a =~ /(/)], error on position: 13, char: )"),
        ("$.sum(1", "Arguments to function: 'sum' are not closed properly."),
    ],
)
def test_a_text_that_is_no_path_is_refused_with_jayways_message(text: str, message: str) -> None:
    assert fault(text) == message


@pytest.mark.parametrize(
    "text",
    [
        "$" + ".a" * 40_000,
        "$" + ".*" * 1_001,
        "$[?(" + "(" * 5_000 + "@" + ")" * 5_001 + "]",
        "$[?(" + "!" * 5_000 + "(@))]",
        "$" + "[?(@" * 2_000 + ")]" * 2_000,
        "$[?(@ in " + "[" * 5_000 + "]" * 5_000 + ")]",
        "$.sum(" + '{"a":' * 2_000 + "1" + "}" * 2_000 + ")",
        "$[?(@ =~ /" + "(" * 5_000 + ")" * 5_000 + "/)]",
    ],
    ids=["long", "steps", "parentheses", "exclamations", "filters", "json", "argument", "regex"],
)
def test_a_path_beyond_the_limits_is_invalid_and_nothing_worse(text: str) -> None:
    assert fault(text)


def test_a_deep_scan_goes_as_deep_as_the_document() -> None:
    document: Any = {"leaf": 1}
    for _ in range(5_000):
        document = {"inner": [document]}

    assert read("$..leaf", document) == [1]
    assert len(read("$..inner", document)) == 5_000
    assert why("$[0]", document).startswith("Filter: [0] can only be applied to arrays. Current context is: {inner=[{")


def test_a_last_character_left_over_is_ignored() -> None:
    assert read("$.title[") == "North"
    assert read("$.boats[0]x") is BOATS[0]


# --- Reference Paths -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("$", ()),
        ("$.a.b", ("a", "b")),
        ("$['a']['b c']", ("a", "b c")),
        ("$.a[0][15].b", ("a", 0, 15, "b")),
        ("$.[0]", (0,)),
        ("$.my-name", ("my-name",)),
        (r"$.foo\.bar", ("foo.bar",)),
        (r"$.foo\@bar.baz\[\[.\?pretty", ("foo@bar", "baz[[", "?pretty")),
    ],
)
def test_a_reference_path_gives_its_keys(text: str, keys: tuple[str | int, ...]) -> None:
    path = compile_path(text)

    assert path.is_reference
    assert path.keys == keys


@pytest.mark.parametrize(
    "text",
    [
        "$.*",
        "$[*]",
        "$..a",
        "$[0,1]",
        "$[0:1]",
        "$[-1]",
        "$[?(@.a)]",
        "$['a','b']",
        "$.a.length()",
        "@.a",
        "a",
        "$.@a",
        "$.a:b",
        "$.a[",
    ],
)
def test_other_paths_are_no_reference_paths(text: str) -> None:
    path = compile_path(text)

    assert not path.is_reference
    assert path.keys is None


def test_a_backslash_takes_the_next_character_of_a_bare_name_literally() -> None:
    assert read(r"$.dot\.name") == 2
    assert why(r"$.no\.where") == "No results for path: $['no.where']"


def test_escapes_in_quoted_names_are_resolved() -> None:
    assert read(r"$['it\'s']['\u00e9']", {"it's": {"é": 1}}) == 1


# --- filters ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("condition", "accepted"),
    [
        ("@.port", "A"),
        ("!@.port", "BC"),
        ("!(@.port)", "BC"),
        ("@.home.quay", "B"),
        ("@.sails == 3", "B"),
        ("@.sails == '3'", "B"),
        ("@.sails === '3'", ""),
        ("@.sails == 4", "C"),
        ("@.sails != 3", "AC"),
        ("@.sails !== 3", "AC"),
        ("@.none != 3", "ABC"),
        ("@.none == null", ""),
        ("@.port == null", "A"),
        ("@.sails < 3", "A"),
        ("@.sails >= 3", "BC"),
        ("@.sails > '1'", ""),
        ("@.name > 'Adz'", "BC"),
        ("@.sails >= $.depth", "BC"),
        ("@.crew[0] == 'Kim'", "A"),
        ("@.crew == []", "B"),
        ('@.home == {"quay": 7}', "B"),
        ("@.sails == 2 || @.home", "AB"),
        ("@.sails > 2 && @.tags", "C"),
        ("@.sails == 2 || @.sails == 3 && @.tags", "A"),
        ("(@.sails == 2 || @.sails == 4) && @.tags", "C"),
        ("@.name =~ /.d./", "A"),
        ("@.name =~ /a.*/i", "A"),
        ("@.name =~ /d/", ""),
        ("@.tags =~ /r.d/", "C"),
        (r"@.name =~ /\p{Upper}\w{2}/", "ABC"),
        ("@.name in ['Ada', \"Cox\"]", "AC"),
        ("@.name NIN ['Ada']", "BC"),
        ("'red' in @.tags", "C"),
        ("@.crew contains 'Lou'", "A"),
        ("@.name contains 'o'", "C"),
        ("@.crew size 2", "A"),
        ("@.name size 3", "ABC"),
        ("@.crew empty true", "B"),
        ("@.crew subsetof ['Kim','Lou','Max']", "AB"),
        ("@.crew anyof ['Lou']", "A"),
        ("@.crew noneof ['Lou']", "B"),
        ("!(@.crew noneof ['Lou'])", "A"),
        ("@.crew.length() > 1", "A"),
        ("@['name'] == 'Ada'", "A"),
        ("'Ada' == @.name", "A"),
        ("@.crew[?(@ == 'Lou')] size 1", "A"),
    ],
)
def test_a_filter_accepts_elements(condition: str, accepted: str) -> None:
    assert names(condition) == accepted


def test_a_filter_takes_an_object_as_a_whole() -> None:
    assert read("$.boats[1].home[?(@.quay == 7)]") == [{"quay": 7}]
    assert read("$.boats[1][?(@.quay == 7)]") == []


def test_whether_a_path_exists_is_asked_of_the_element_even_from_the_root() -> None:
    assert names("$.port") == "A"
    assert names("$.title") == ""


def test_an_indefinite_path_exists_where_no_name_in_it_is_missing() -> None:
    documents = [{"a": [{"b": 1}, {"b": 2}]}, {"a": [{"b": 1}, {}]}, {"a": []}, {}]

    assert read("$[?(@.a[*].b)]", documents) == [documents[0], documents[2]]


def test_an_operator_that_wants_a_list_makes_the_whole_filter_false() -> None:
    assert names("!('red' in @.name)") == ""
    assert names("@.name contains 'A' || 'red' in @.name") == "A"


def test_an_index_after_a_filter_applies_to_each_match() -> None:
    assert read("$.boats[?(@.crew)][0].name") == []


def test_a_filter_of_a_plain_value_is_an_error_of_its_own_kind() -> None:
    with pytest.raises(PathNotApplicable, match=r"^Filter: \[\?\] can not be applied to primitives\."):
        read("$.title[?(@)]")


def test_a_list_that_holds_lists_cannot_be_searched() -> None:
    with pytest.raises(FunctionFailed, match=r"^Could not determine value type$"):
        read("$[?(@.a contains 1)]", [{"a": [[1]]}])


def test_numbers_inside_lists_are_compared_with_their_kind() -> None:
    assert read("$[?(@.a == [1])].a", [{"a": [1]}, {"a": [1.0]}]) == [[1]]


# --- functions -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$.length()", 4),
        ("$.size()", 4),
        ("$.min()", 1.0),
        ("$.max()", 4.0),
        ("$.sum()", 10.0),
        ("$.avg()", 2.5),
        ("$.stddev()", 1.118033988749895),
        ("$.first()", 4),
        ("$.last()", 3),
        ("$.index(1)", 1),
        ("$.append(5)", [4, 1, 2, 3, 5]),
        ("$.append(5).sum()", 15.0),
        ("$.sum(10, $[0])", 24.0),
        ('$.concat("a", $[0])', "a4"),
        ("$..length()", 4),
    ],
)
def test_functions_work_on_the_value_before_them(text: str, value: Any) -> None:
    document = [4, 1, 2, 3]

    assert read(text, document) == value
    assert document == [4, 1, 2, 3]


def test_keys_are_those_of_an_object() -> None:
    assert read("$.boats[1].home.keys()") == ["quay"]
    assert read("$.title.keys()") is None


def test_a_text_has_no_length() -> None:
    assert read("$.title.length()") is None


def test_numbers_of_nothing_cannot_be_aggregated() -> None:
    with pytest.raises(FunctionFailed, match=r"^Aggregation function attempted to calculate value using empty array$"):
        read("$.boats[1].crew.max()")


def test_an_unknown_function_is_found_out_when_the_path_is_read() -> None:
    assert why("$.boats.shuffle()") == "Function with name: shuffle does not exist."


# --- against another implementation ----------------------------------------------------------------------------------

NAMES = st.sampled_from(["a", "b", "c"])
# No strings: jsonpath-ng and Jayway part on what may be asked of them.
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=20,
)
NAME_STEPS = NAMES.map(lambda name: f".{name}") | NAMES.map(lambda name: f"['{name}']")
# Jayway repeats elements for a slice that starts before the array; a negative start is given no end here.
SLICES = st.one_of(
    st.builds("[{}:{}]".format, st.integers(0, 4), st.integers(-4, 5)),
    st.integers(-4, 4).map("[{}:]".format),
    st.integers(-4, 4).map("[:{}]".format),
)
STEPS = st.one_of(
    NAME_STEPS,
    st.integers(-4, 4).map("[{}]".format),
    SLICES,
    st.sampled_from([".*", "[*]"]),
    NAMES.map("..{}".format),
    st.just("..[*]"),
    st.integers(-4, 4).map("..[{}]".format),
)
PATHS = st.lists(STEPS, max_size=5).map(lambda steps: "$" + "".join(steps))


@given(DOCUMENTS, PATHS)
def test_plain_paths_select_what_jsonpath_ng_selects(document: Any, text: str) -> None:
    before = copy.deepcopy(document)
    path = compile_path(text)
    try:
        selected = [path.read(document)] if path.definite else path.read(document)
    except PathNotFound:
        selected = []

    assert selected == [match.value for match in jsonpath_ng.parse(text).find(document)]
    assert document == before
