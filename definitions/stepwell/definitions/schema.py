"""The JSON Schema of the States Language, for editors and for tools that are not written in Python.

It says what the models say: fields, types and ranges. What a schema cannot say (a path that does not parse, a target
that does not exist) only `check` finds.
"""

from typing import Any

from stepwell.definitions.model import StateMachine

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> dict[str, Any]:
    """The schema of a whole definition, with the specification's names. A new dict at each call."""
    schema = StateMachine.model_json_schema(by_alias=True)
    return {"$schema": DIALECT, **schema, "title": "Amazon States Language"}
