"""A short run of what `make fuzz` does for long."""

from fuzz.harness import Fuzz


def test_whatever_is_asked_is_answered_and_nothing_breaks(tmp_path):
    fuzz = Fuzz(tmp_path, "a run in the suite", requests=4_000)

    assert fuzz.run() == []
    assert fuzz.answers[""] > 500, "some of it must have been in order"
    assert {"ValidationException", "SerializationException", "InvalidArn", "InvalidDefinition"} <= fuzz.answers.keys()
