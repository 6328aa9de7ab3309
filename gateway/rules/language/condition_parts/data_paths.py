"""Paths as keys under `data`: the tests of each kind of value, and the schema for editors."""

from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema

from gateway.core.paths.path import OPEN, ValueKind
from gateway.core.paths.table import PATHS

EQUALITY = ("equals", "any_of")
# The tests of each kind of value; a text has all of them.
TESTS_OF_KIND: dict[ValueKind, tuple[str, ...]] = {
    "number": (*EQUALITY, "at_least", "at_most", "present"),
    "yes or no": (*EQUALITY, "present"),
    "phone number": (*EQUALITY, "present"),
    "moment": ("present",),
}


@dataclass(frozen=True, slots=True)
class NamesPaths:
    """Mark of a mapping whose keys are paths, which an editor completes and explains."""

    def __get_pydantic_core_schema__(self, of: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return handler(of)

    def __get_pydantic_json_schema__(
        self, of: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        test = handler(of)["additionalProperties"]
        listed = [path for path in PATHS.values() if not path.name.endswith(OPEN)]
        short = "|".join(path.name for path in listed if "." not in path.name)
        return {
            "type": "object",
            "properties": {path.name: {"description": path.description} for path in listed},
            # Any name with dots, since answers of Flows and new types may have any.
            "patternProperties": {rf"^({short}|\w+\..+)$": test},
            "additionalProperties": False,
            "minProperties": 1,
        }
