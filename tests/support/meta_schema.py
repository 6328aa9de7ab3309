"""Meta's own description of outbound bodies, where it lies beside the checkout."""

import functools
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML

META = Path(__file__).parents[3] / "shared" / "meta"
OPENAPI = META / "openapi" / "business-messaging-api_v23.0.yaml"

needs_meta = pytest.mark.skipif(
    not OPENAPI.exists(), reason="Meta's OpenAPI description is not beside this checkout"
)


@functools.cache
def _schemas() -> Any:
    document = YAML(typ="safe").load(OPENAPI.read_text())
    schemas = document["components"]["schemas"]
    for schema in schemas.values():
        # "allOf" with a part that allows nothing but its own properties refuses everything, the
        # description's own examples included.
        for part in schema.get("allOf", []) if isinstance(schema, dict) else []:
            part.pop("additionalProperties", None)
    return schemas


def problems(body: dict[str, Any]) -> list[str]:
    """Return what Meta's schema says against a message body."""
    schemas = _schemas()
    name = schemas["Message"]["discriminator"]["mapping"][body["type"]].rpartition("/")[2]
    wrapped = {"$ref": f"#/components/schemas/{name}", "components": {"schemas": schemas}}
    found = jsonschema.Draft202012Validator(wrapped).iter_errors(body)
    return [f"{'.'.join(map(str, one.absolute_path))}: {one.message}" for one in found]
