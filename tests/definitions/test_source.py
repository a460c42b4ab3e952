"""Sources: the value of a text, and where in it each part stands."""

import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from stepwell.definitions.problems import InvalidSource, Severity
from stepwell.definitions.source import read_source

JSON_TEXT = """{
  "StartAt": "A/b [0]",
  "States": {
    "A/b [0]": {"Type": "Task", "Retry": [
        {"ErrorEquals": ["Boom"]}], "Next": "Ende 😀"},
    "A": {"b [0]": {"deep": 1}},
    "Ende 😀": {"Type": "Succeed"}
  }
}"""

keys = st.text(min_size=1, max_size=4) | st.sampled_from(["a", "a/b", "a[0]", "[0]", "a b", "ü", 'q"', "\\", "x.$"])
documents = st.dictionaries(
    keys,
    st.recursive(
        st.integers() | st.text(max_size=3),
        lambda below: st.lists(below, max_size=3) | st.dictionaries(keys, below, max_size=3),
    ),
    max_size=4,
)


def members(value, location=""):
    """Every member's location and key."""
    if isinstance(value, dict):
        for key, below in value.items():
            yield f"{location}/{key}", key
            yield from members(below, f"{location}/{key}")
    elif isinstance(value, list):
        for number, below in enumerate(value):
            yield from members(below, f"{location}[{number}]")


def refused(text, **how):
    with pytest.raises(InvalidSource) as caught:
        read_source(text, **how)
    (problem,) = caught.value.problems
    return problem


@given(documents, st.booleans(), st.sampled_from([None, 1]))
def test_a_location_points_at_the_key(value, ascii_only, indent):
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    source = read_source(text, format="json")
    lines = text.split("\n")
    found = list(members(value))

    assert source.value == value
    for location, key in found:
        # Two members may share one location ("/a/b"): then one of them is found.
        line, column = source.locate(location)
        alike = [other for at, other in found if at.rstrip("/") == location.rstrip("/")]
        if location.rstrip("/") == location:
            assert any(
                lines[line - 1][column - 1 :].startswith(json.dumps(k, ensure_ascii=ascii_only)) for k in alike
            ), key


@pytest.mark.parametrize(
    ("location", "place"),
    [
        ("/", (1, 1)),
        ("/States", (3, 3)),
        ("/States/A/b [0]", (4, 5)),
        ("/States/A/b [0]/Retry[0]", (5, 9)),
        ("/States/A/b [0]/Retry[0]/ErrorEquals", (5, 10)),
        ("/States/A/b [0]/Retry[0]/ErrorEquals[0]", (5, 26)),
        ("/States/A/b [0]/deep", (6, 21)),
        ("/States/Ende 😀/Type", (7, 16)),
        ("/States/A/b [0]/Retry[7]/x", (4, 33)),
        ("/States/Nowhere/Next", (3, 3)),
        ("/nowhere", (1, 1)),
        (None, None),
        ("[Source: (String)", None),
    ],
)
def test_locations_are_found_or_their_surroundings(location, place):
    assert read_source(JSON_TEXT).locate(location) == place


def test_line_ends_of_all_systems_count():
    source = read_source('{\r\n"a": 1,\r"b": 2,\n"c": 3}')

    assert [source.locate(f"/{key}") for key in "abc"] == [(2, 1), (3, 1), (4, 1)]


def test_repeated_keys_are_warnings_and_the_last_counts():
    source = read_source('{"a": {"b": 1,\n "b": 2}}')

    assert source.value == {"a": {"b": 2}}
    (problem,) = source.duplicates
    assert (problem.location, problem.code, problem.severity) == ("/a/b", "DUPLICATE_KEY", Severity.WARNING)
    assert (problem.line, problem.column) == source.locate("/a/b") == (2, 2)


def test_broken_json_is_refused_as_aws_refuses_it():
    problem = refused("not a definition", format="json")

    assert problem.code == "INVALID_JSON_DESCRIPTION"
    assert problem.location == '[Source: (String)"not a definition"; line: 1, column: 4]'
    assert problem.message == (
        "Unrecognized token 'not': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or "
        f"'false')\n at {problem.location}"
    )
    assert (problem.line, problem.column) == (1, 4)


@pytest.mark.parametrize("text", ['{"a": 1, // no\n"b": 2}', '{"a": 1,}', '{/* no */ "a": 1}'])
def test_comments_and_trailing_commas_are_refused(text):
    assert refused(text).code == "INVALID_JSON_DESCRIPTION"


@pytest.mark.parametrize("text", ["", " \n ", "# only a comment\n"])
def test_an_empty_text_is_no_definition(text):
    problem = refused(text)

    assert str(problem) == "SCHEMA_VALIDATION_FAILED: Definition must be a valid JSON object at null"


@pytest.mark.parametrize(
    ("text", "name", "format"),
    [
        ("{}", None, "json"),
        (" [1]", None, "json"),
        ("StartAt: A", None, "yaml"),
        ("{}", "m.asl.yaml", "yaml"),
        ("{}", "m.YML", "yaml"),
        ("{}", "m.asl", "json"),
        ("{}", "m.txt", "json"),
    ],
)
def test_the_format_is_guessed_by_name_then_by_the_first_character(text, name, format):
    assert read_source(text, name=name).format == format


YAML_TEXT = """\
StartAt: A
States:
  A:
    Type: Task
    Resource: !GetAtt Fn.Arn
    Comment: 2026-01-01
    Seconds: [1, 0x10, 1.5, true, null, ~, "1"]
    Retry: &retry
      - ErrorEquals: [States.ALL]
    Catch: *retry
  "B [0]":
    <<: {Type: Pass, End: true}
    End: false
"""


def test_yaml_gives_the_types_of_json_and_nothing_else():
    states = read_source(YAML_TEXT).value["States"]

    assert states == {
        "A": {
            "Type": "Task",
            "Resource": {"Fn::GetAtt": ["Fn", "Arn"]},
            "Comment": "2026-01-01",
            "Seconds": [1, 16, 1.5, True, None, None, "1"],
            "Retry": [{"ErrorEquals": ["States.ALL"]}],
            "Catch": [{"ErrorEquals": ["States.ALL"]}],
        },
        "B [0]": {"Type": "Pass", "End": False},
    }


@pytest.mark.parametrize(
    ("location", "place"),
    [
        ("/States/A/Resource", (5, 5)),
        ("/States/A/Retry[0]", (9, 9)),
        ("/States/A/Retry[0]/ErrorEquals[0]", (9, 23)),
        ("/States/A/Catch", (10, 5)),
        ("/States/B [0]/End", (13, 5)),
        ("/States/B [0]/Type", (11, 3)),
    ],
)
def test_yaml_has_places_too(location, place):
    assert read_source(YAML_TEXT).locate(location) == place


@given(documents)
def test_yaml_written_by_others_reads_the_same(value):
    assert read_source(yaml.safe_dump(value), format="yaml").value == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("!Ref A", {"Ref": "A"}),
        ('!Sub "${A}-x"', {"Fn::Sub": "${A}-x"}),
        ('!Sub ["${A}", {A: !Ref B}]', {"Fn::Sub": ["${A}", {"A": {"Ref": "B"}}]}),
        ("!Join ['', [a, !GetAtt B.C.D]]", {"Fn::Join": ["", ["a", {"Fn::GetAtt": ["B", "C.D"]}]]}),
        ("!If [Prod, 1, 2]", {"Fn::If": ["Prod", 1, 2]}),
        ("!Condition Prod", {"Condition": "Prod"}),
    ],
)
def test_short_tags_of_cloudformation_become_the_long_form(text, value):
    assert read_source(f"a: {text}").value == {"a": value}


@pytest.mark.parametrize(
    ("text", "said", "line"),
    [
        ("a: b: c", "mapping values are not allowed", 1),
        ("a: 1\nb: [1", "while parsing a flow sequence", 3),
        ("a: 1\n2: x", "the key '2' is no text: put it in quotes", 2),
        ("a: 1\ntrue: x", "the key 'true' is no text", 2),
        ("? [a]\n: b", "a key is expected to be text", 1),
        ("a: *b", "the alias *b names no value", 1),
        ("a: &a [*a]", "the alias *a names no value", 1),
        ("a: !Foo x", "the tag !Foo is known neither", 1),
        ("a: !!python/object/apply:os.system [x]", "is known neither", 1),
        ("a: .inf", "a finite number is expected", 1),
        ("---\na: 1\n---\nb: 2", "only one document is expected", 3),
        ("a:\n  <<: 3", "<< is expected to name a mapping", 2),
        ("a: !!int x", "cannot be read as !!int", 1),
    ],
)
def test_yaml_that_cannot_be_json_is_refused_in_one_line(text, said, line):
    problem = refused(text, format="yaml")

    assert said in problem.message
    assert "\n" not in problem.message
    assert problem.line == line


def test_aliases_cannot_grow_without_bound():
    lines = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
    for before, after in zip("abcdefgh", "bcdefghi", strict=True):
        lines.append(f"{after}: &{after} [{', '.join([f'*{before}'] * 10)}]")

    assert "aliases may repeat no more than" in refused("\n".join(lines)).message


@pytest.mark.parametrize("text", ["- " * 100_000 + "x", "[" * 100_000, "{a: " * 100_000, "? " * 3_000], ids=len)
def test_deep_yaml_is_refused_without_exhausting_the_stack(text):
    refused(text, format="yaml")


@pytest.mark.parametrize("format", ["json", "yaml"])
def test_half_a_surrogate_pair_is_refused(format):
    refused('{"a": "\ud800"}', format=format)


def test_a_part_keeps_its_place_in_the_whole():
    whole = read_source('{"Resources":\n {"M": {"Definition":\n {"StartAt": "A",\n "States": {"A": 1, "A": 2}}}}}')
    part = whole.within("Resources", "M", "Definition")

    assert part.value["StartAt"] == "A"
    assert part.locate("/StartAt") == (3, 3)
    assert [problem.location for problem in part.duplicates] == ["/States/A"]


def test_a_large_definition_has_all_its_places():
    states = {f"S{n}": {"Type": "Pass", "Result": [{"n": n}] * 10, "Next": f"S{n + 1}"} for n in range(8_000)}
    source = read_source(json.dumps({"States": states}, indent=0))

    line, _ = source.locate("/States/S7999/Result[9]/n") or (0, 0)
    assert source.text.split("\n")[line - 1] == '"n": 7999'
