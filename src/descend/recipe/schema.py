"""JSON Schema of a recipe: what editors complete and check, and what the reference is made from."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

DIALECT = "https://json-schema.org/draft/2020-12/schema"


class _Brief(GenerateJsonSchema):
    """Without titles that repeat a name, and without null: what is not given is left out."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        if schema.get("default", ...) is None:
            return self.generate_inner(schema["schema"])
        return super().default_schema(schema)


def schema_of(part: type[BaseModel]) -> dict[str, Any]:
    """The JSON Schema of `part` with those of the parts in it."""
    schema = part.model_json_schema(schema_generator=_Brief)
    return {"$schema": DIALECT, **schema}
