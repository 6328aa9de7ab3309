"""The JSON Schema of a rules file, made from its models, by which editors complete and check."""

import json
from pathlib import Path
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from gateway.rules.language.rulefile import Book
from gateway.rules.language.taking import SCALAR

FILE = Path(__file__).parents[2] / "docs" / "rules.schema.json"


class _Generator(GenerateJsonSchema):
    """Say what may be written, which is more than what YAML makes of it."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        """Leave null out: what is not meant is not written."""
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """Leave the default out, which is a value of ours and not of the file."""
        return self.generate_inner(schema["schema"])

    def str_schema(self, schema: core_schema.StringSchema) -> JsonSchemaValue:
        """Take any word for a text."""
        return {"type": SCALAR}

    def bool_schema(self, schema: core_schema.BoolSchema) -> JsonSchemaValue:
        """Take yes and no too, which YAML of today takes for texts."""
        return {"enum": ["yes", "no", True, False]}

    def tuple_schema(self, schema: core_schema.TupleSchema) -> JsonSchemaValue:
        """Take one value for a list of one."""
        (one,) = schema["items_schema"]
        items = self.generate_inner(one)
        return {"anyOf": [items, {"type": "array", "items": items, "minItems": 1}]}

    def field_title_should_be_set(self, schema: Any) -> bool:
        """Leave titles out, which repeat the key."""
        return False


def schema() -> dict[str, Any]:
    """Return the schema of one file."""
    made = Book.model_json_schema(by_alias=True, schema_generator=_Generator)
    properties = made["properties"]
    # The rules alone are always a list, which may be empty.
    rules = {"type": "array", "items": properties["rules"]["anyOf"][0]}
    properties["rules"] = rules | {"description": properties["rules"]["description"]}
    return {"$schema": GenerateJsonSchema.schema_dialect, **made, "title": "Rules of the gateway"}


def written() -> str:
    """Return the schema as it stands in its file."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"
