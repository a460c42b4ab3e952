"""Keys in Java's order. What is expected here was printed by OpenJDK 17, or stands in AWS's recordings."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepwell.definitions.java_order import hash_map_order


@pytest.mark.parametrize(
    ("inserted", "expected"),
    [
        pytest.param("StateMachineArn Input Name", "Input StateMachineArn Name", id="nested execution (recorded)"),
        pytest.param(
            "simpleArray partitionedArray containsElement numberRange thirdElement arraySize uniqueValues",
            "uniqueValues simpleArray thirdElement partitionedArray arraySize containsElement numberRange",
            id="seven assignments (recorded)",
        ),
        pytest.param("mergedJson parsedJson stringifiedJson", "parsedJson mergedJson stringifiedJson", id="three"),
        pytest.param("a b d c", "a b c d", id="JsonMerge (recorded)"),
        pytest.param("Aa BB C#", "Aa BB C#", id="keys of one hash keep the order of insertion"),
        pytest.param("C# BB Aa", "C# BB Aa", id="keys of one hash, the other way round"),
        pytest.param("Aa BB C# é 😀 日本", "Aa BB C# 😀 é 日本", id="UTF-16 beyond the basic plane"),
        pytest.param("", "", id="nothing"),
    ],
)
def test_keys_come_by_their_buckets(inserted, expected):
    assert hash_map_order(inserted.split()) == expected.split()


@pytest.mark.parametrize(
    ("count", "first", "digest"),
    [
        pytest.param(12, "key5é", 1463175944, id="12 keys: the table still has 16 buckets"),
        pytest.param(13, "key5é", 281090185, id="13 keys: it has grown to 32"),
        pytest.param(25, "key6é", -1405995682, id="25 keys: 64"),
        pytest.param(100, "key6é", -770282590, id="100 keys"),
        pytest.param(1000, "key167é", -1563103660, id="1000 keys"),
        pytest.param(5000, "key2710é", 1456822244, id="5000 keys"),
    ],
)
def test_the_table_grows_as_javas_does(count, first, digest):
    keys = hash_map_order(f"key{number * 7919 % count}é" for number in range(count))

    assert keys[0] == first
    assert java_hash("".join(f"{key}," for key in keys)) == digest


def test_a_key_given_twice_counts_once():
    assert hash_map_order(["b", "a", "b"]) == ["a", "b"]


@given(st.lists(st.text(max_size=5), unique=True))
def test_no_key_is_lost_or_made_up(keys):
    assert sorted(hash_map_order(keys)) == sorted(keys)


def java_hash(text: str) -> int:
    code = 0
    for character in text:
        code = (31 * code + ord(character)) % (1 << 32)
    return code - (1 << 32) if code >> 31 else code
