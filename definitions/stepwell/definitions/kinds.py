"""What is known of definitions without their model: kinds, a bound, names. Who runs no definition yet needs no more."""

import re
from enum import StrEnum


class QueryLanguage(StrEnum):
    JSONPATH = "JSONPath"
    JSONATA = "JSONata"


class StateMachineType(StrEnum):
    STANDARD = "STANDARD"
    EXPRESS = "EXPRESS"


class JitterStrategy(StrEnum):
    FULL = "FULL"
    NONE = "NONE"


MAX_SECONDS = 99_999_999


def attribute_of(field: str) -> str:
    """The model's attribute for a field of a state: `seconds_path` for `SecondsPath`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", field).lower()
