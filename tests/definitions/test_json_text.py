"""JSON text: what is read and written exactly, and what is refused in AWS's words."""

import datetime
import enum
import json
import uuid

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stepwell.definitions.json_text import InvalidJson, NotJson, dumps, dumps_checked, exceeds, loads, size

TOKENS = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')"

leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
values = st.recursive(
    leaves, lambda below: st.lists(below, max_size=4) | st.dictionaries(st.text(max_size=6), below, max_size=4)
)


def nested(levels: int) -> object:
    value: object = 0
    for level in range(levels):
        value = [value] if level % 2 else {"a": value}
    return value


@given(values)
@example({"big": [2**64, -(2**63) - 1, 10**30], "one": 1.0, "none": None})
def test_what_is_written_reads_back_the_same(value):
    read = loads(dumps(value))

    assert read == value
    assert dumps(read) == dumps(value) == dumps_checked(value)


@given(values)
def test_reading_agrees_with_the_standard_library(value):
    text = json.dumps(value)

    assert loads(text) == loads(text.encode()) == json.loads(text)


@given(st.text(alphabet='{}[],:"\\ntfNI+-01.eE/ \n\té😀'))
def test_any_text_is_read_or_refused_with_a_place(text):
    try:
        loads(text)
    except InvalidJson as error:
        assert 1 <= error.line <= text.count("\n") + 1
        assert error.column >= 1
        assert error.message
        assert error.expected


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, "1.0"),
        (0.0, "0.0"),
        (2**70, "1180591620717411303424"),
        ({"b": 1, "a": [None, True]}, '{"b":1,"a":[null,true]}'),
        ("é\u2028/😀", '"é\u2028/😀"'),
        ((1, 2), "[1,2]"),
        ({"deep": (2**64, {"x": 1e300})}, '{"deep":[18446744073709551616,{"x":1e+300}]}'),
    ],
)
def test_values_are_written_compactly_and_exactly(value, text):
    assert dumps(value) == text


def test_integers_beyond_64_bits_stay_exact():
    text = '[18446744073709551616,-9223372036854775809,"12345678901234567890",1.5]'

    assert loads(text) == [18446744073709551616, -9223372036854775809, "12345678901234567890", 1.5]
    assert dumps(loads(text)) == text


def test_of_a_repeated_key_the_last_counts():
    assert loads('{"a":1,"a":2}') == {"a": 2}


def test_a_byte_order_mark_opens_bytes_but_no_text():
    assert loads(b"\xef\xbb\xbf{}") == {}
    with pytest.raises(InvalidJson, match="65279"):
        loads("\ufeff{}")


@pytest.mark.parametrize("levels", [254, 255, 999, 1000])
def test_a_thousand_levels_are_read_and_written(levels):
    text = dumps(nested(levels))

    assert dumps(loads(text)) == text


def test_a_big_integer_below_a_thousand_levels_is_read():
    text = "[" * 1000 + str(10**30) + "]" * 1000

    assert dumps(loads(text)) == text


@pytest.mark.parametrize("text", ["[" * 1001 + "]" * 1001, "[" * 100_000, '{"a":' * 100_000], ids=len)
def test_more_levels_are_refused_without_exhausting_the_stack(text):
    with pytest.raises(InvalidJson, match="nesting depth"):
        loads(text)


def test_a_value_that_contains_itself_is_refused():
    value: list[object] = []
    value.append(value)

    with pytest.raises(NotJson, match="1,000 levels"):
        dumps(value)
    with pytest.raises(NotJson, match="1,000 levels"):
        dumps(nested(1001))


# All of these are Jackson's own answers.
@pytest.mark.parametrize(
    ("text", "message", "line", "column"),
    [
        ("not a definition", f"Unrecognized token 'not': was expecting {TOKENS}", 1, 4),
        ("{'a':1}", "Unexpected character (''' (code 39)): was expecting double-quote to start field name", 1, 2),
        ('{"a":1,}', "Unexpected character ('}' (code 125)): was expecting double-quote to start field name", 1, 8),
        ("[1,]", f"Unexpected character (']' (code 93)): expected a valid value {TOKENS}", 1, 4),
        (
            '{"a" 1}',
            "Unexpected character ('1' (code 49)): was expecting a colon to separate field name and value",
            1,
            6,
        ),
        (
            '{"a":1 "b":2}',
            "Unexpected character ('\"' (code 34)): was expecting comma to separate Object entries",
            1,
            8,
        ),
        ('{"a":', "Unexpected end-of-input within/between Object entries", 1, 6),
        ('"abc', "Unexpected end-of-input: was expecting closing quote for a string value", 1, 5),
        ("01", "Invalid numeric value: Leading zeroes not allowed", 1, 2),
        ("NaN", "Non-standard token 'NaN': enable `JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS` to allow", 1, 4),
        (' \n\n  {"a": tru}', f"Unrecognized token 'tru': was expecting {TOKENS}", 3, 12),
        ("\r\n{\r\nx", "Unexpected character ('x' (code 120)): was expecting double-quote to start field name", 3, 1),
        ("[😀]", f"Unexpected character ('?' (code 55357 / 0xd83d)): expected a valid value {TOKENS}", 1, 2),
        ('["😀" x]', "Unexpected character ('x' (code 120)): was expecting comma to separate Array entries", 1, 7),
        ('"\\x"', "Unrecognized character escape 'x' (code 120)", 1, 3),
        (
            '"a\nb"',
            "Illegal unquoted character ((CTRL-CHAR, code 10)): has to be escaped using backslash to be included in "
            "string value",
            1,
            3,
        ),
        (
            '{"a":1 // why\n}',
            "Unexpected character ('/' (code 47)): maybe a (non-standard) comment? (not recognized as one since "
            "Feature 'ALLOW_COMMENTS' not enabled for parser)",
            1,
            8,
        ),
        (
            "[",
            "Unexpected end-of-input: expected close marker for Array "
            '(start marker at [Source: (String)"["; line: 1, column: 1])',
            1,
            2,
        ),
        (
            "[}",
            "Unexpected close marker '}': expected ']' "
            '(for Array starting at [Source: (String)"[}"; line: 1, column: 1])',
            1,
            2,
        ),
    ],
)
def test_refusals_are_in_jacksons_words(text, message, line, column):
    with pytest.raises(InvalidJson) as caught:
        loads(text)

    assert (caught.value.message, caught.value.line, caught.value.column) == (message, line, column)
    assert caught.value.place.endswith(f"; line: {line}, column: {column}]")


def test_the_place_shows_no_more_than_500_characters():
    with pytest.raises(InvalidJson) as caught:
        loads('"' + "x" * 600)

    assert caught.value.place == f'[Source: (String)""{"x" * 499}"[truncated 101 chars]; line: 1, column: 602]'


def test_a_refusal_says_plainly_what_was_expected():
    with pytest.raises(InvalidJson, match="no comma after the last entry"):
        loads('{"a":1,}')
    with pytest.raises(InvalidJson, match="JSON has none"):
        loads("{} // end")


@pytest.mark.parametrize(
    "text",
    ["1e400", "-1e400", "Infinity", "-Infinity", "[NaN]", '"\\ud800"', '"\ud800"', "", "  ", "{} {}", "1" * 1001],
    ids=repr,
)
def test_what_has_no_value_is_refused(text):
    with pytest.raises(InvalidJson):
        loads(text)


def test_bytes_that_are_no_utf_8_are_refused():
    with pytest.raises(InvalidJson, match="0xff"):
        loads(b'{"a": "\xff"}')


class Colour(enum.Enum):
    RED = "red"


class Text(str):
    pass


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"when": datetime.datetime(2026, 1, 1)}, "/when: datetime.datetime is no JSON value"),
        ({"a": [{1, 2}]}, "/a[0]: set is no JSON value"),
        (b"x", "bytes is no JSON value"),
        ({"a": {1: 2}}, "/a: the key 1 is a int: keys of a JSON object are strings"),
        ({"a": Text("x")}, "Text is no JSON value"),
        ("\ud800", "half a surrogate pair"),
        (10**5000, "too many digits"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_no_json_is_refused_by_name_and_place(value, said):
    with pytest.raises(NotJson) as caught:
        dumps(value)

    assert said in str(caught.value)


@pytest.mark.parametrize(
    "value", [Colour.RED, uuid.UUID(int=1), {"a": [Colour.RED]}, float("nan"), {"a": [None, float("-inf")]}], ids=str
)
def test_values_from_outside_are_looked_at_more_closely(value):
    with pytest.raises(NotJson, match="is no JSON"):
        dumps_checked(value)


@given(st.text(), st.integers(0, 80))
def test_size_counts_bytes(text, limit):
    assert size(text) == len(text.encode())
    assert exceeds(text, limit) == (size(text) > limit)
