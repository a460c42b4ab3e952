"""The corpus: state machines and validation cases that other people wrote, and how to make a definition runnable.

The data lies beside the project (`../shared/corpus`); STEPWELL_CORPUS names another directory of the same format.
"""

import json
import os
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
DIRECTORY = Path(os.environ.get("STEPWELL_CORPUS") or ROOT.parent / "shared" / "corpus")

needs_definitions = pytest.mark.skipif(
    not (DIRECTORY / "definitions").is_dir(), reason=f"no corpus of definitions in {DIRECTORY} (STEPWELL_CORPUS)"
)
needs_validation_cases = pytest.mark.skipif(
    not (DIRECTORY / "validation").is_dir(), reason=f"no validation cases in {DIRECTORY} (STEPWELL_CORPUS)"
)

KNOWN = {"AWS::Partition": "aws", "AWS::Region": "us-east-1", "AWS::AccountId": "123456789012"}
SUBSTITUTION = re.compile(r"[$#]\{([^${}]*)\}")

PARTITION = re.compile(r"^arn:[$#]\{[^${}]*\}:")

NUMERIC = re.compile(
    r"(Timeout|Heartbeat|Interval|MaxDelay)?Seconds|MaxAttempts|BackoffRate|MaxConcurrency|MaxItems(PerBatch)?"
    r"|MaxInputBytesPerBatch|ToleratedFailure(Count|Percentage)|Numeric\w+(?<!Path)"
)
"""Fields whose value is a number."""


@cache
def definitions() -> tuple[dict[str, Any], ...]:
    """Every definition with what the corpus knows of it, in the order of the files; none without the corpus."""
    files = sorted((DIRECTORY / "definitions").glob("*.json"))
    return tuple(json.loads(file.read_text("utf-8")) for file in files if file.name != "index.json")


@cache
def validation_cases() -> tuple[dict[str, Any], ...]:
    """Every validation case of every tool; none without the corpus."""
    files = sorted((DIRECTORY / "validation").glob("*.json"))
    return tuple(case for file in files for case in json.loads(file.read_text("utf-8")))


def resolve(definition: Any) -> Any:
    """The definition with its `${...}` resolved as the corpus's README says.

    `${AWS::Region}` and its like get values, a Task's Resource that is one `${Name}` becomes a Lambda function's ARN, a
    number that is one becomes 1, and the rest becomes its own name: but `aws` where an ARN has its partition, for which
    some templates have a name of their own.
    """
    return _resolved(definition, "")


def _resolved(value: Any, field: str) -> Any:
    if isinstance(value, dict):
        return {_text(name): _resolved(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [_resolved(inner, "") for inner in value]
    if not isinstance(value, str):
        return value
    whole = SUBSTITUTION.fullmatch(value)
    if whole and whole[1] not in KNOWN:
        if field == "Resource":
            return f"arn:aws:lambda:us-east-1:123456789012:function:{_name(whole[1])}"
        if NUMERIC.fullmatch(field):
            return 1
    return _text(value)


def _text(text: str) -> str:
    text = PARTITION.sub("arn:aws:", text)
    quote = '"' if text.startswith("{%") else ""  # in an expression, a bare name would be a reference
    return SUBSTITUTION.sub(lambda found: KNOWN.get(found[1]) or f"{quote}{_name(found[1])}{quote}", text)


def _name(text: str) -> str:
    return re.sub(r"\W+", "_", text)
