"""The JSON Schema of the States Language, for editors and for tools that are not written in Python.

It says what the models say: fields, types and ranges. What a schema cannot say (a path that does not parse, a target
that does not exist) only `check` finds.
"""

from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaWarningKind

from stepwell.definitions.model import StateMachine

DIALECT = "https://json-schema.org/draft/2020-12/schema"


class _Generator(GenerateJsonSchema):
    def render_warning_message(self, kind: JsonSchemaWarningKind, detail: str) -> str | None:
        # A scope holds states which hold scopes: where that circle closes pydantic leaves out OpenAPI's
        # `discriminator`, which JSON Schema does not know, and would warn.
        return None if kind == "skipped-discriminator" else super().render_warning_message(kind, detail)


def json_schema() -> dict[str, Any]:
    """The schema of a whole definition, with the specification's names. A new dict at each call."""
    schema = StateMachine.model_json_schema(by_alias=True, schema_generator=_Generator)
    return {"$schema": DIALECT, **schema, "title": "Amazon States Language"}
