"""Reference of the rules: the tables of docs/rules.md and the schema, made from the models.

`python -m gateway.rules.reference` writes both; tests compare them with the models.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from gateway.core.messages.filters import FILTERS
from gateway.core.paths.path import OPEN, MetaPath
from gateway.core.paths.table import PATHS, describe_scopes
from gateway.rules.language.call_action import VERBS, CallForm
from gateway.rules.language.condition_parts.answered_campaign import AnsweredCampaign
from gateway.rules.language.conditions import Age, DataTest, Referral, TextTest, When
from gateway.rules.language.contact_actions import ALONE
from gateway.rules.language.outgoing.forwarding import ForwardModel
from gateway.rules.language.outgoing.notify_action import NotificationForm, StaffTemplate
from gateway.rules.language.outgoing.services import Service
from gateway.rules.language.rulefile import Book, Defaults, RuleModel
from gateway.rules.language.send_actions import RowText
from gateway.rules.language.short_forms.content import Card, Place
from gateway.rules.language.types import SCALAR, Model
from gateway.rules.matching.placeholder_values import NAME_PATTERNS, NAMES

FILE = Path(__file__).parents[2] / "docs" / "rules.schema.json"


class SchemaGenerator(GenerateJsonSchema):
    """Schema generator for what authors may write, which is more than the models' own types."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        """Leave null out: an author omits the key instead."""
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """Leave the default out, which is our value and not written in the file."""
        return self.generate_inner(schema["schema"])

    def str_schema(self, schema: core_schema.StringSchema) -> JsonSchemaValue:
        """Accept any scalar as a text."""
        return {"type": SCALAR}

    def bool_schema(self, schema: core_schema.BoolSchema) -> JsonSchemaValue:
        """Accept yes and no too, which YAML 1.2 reads as texts."""
        return {"enum": ["yes", "no", True, False]}

    def tuple_schema(self, schema: core_schema.TupleSchema) -> JsonSchemaValue:
        """Accept one value as a list of one."""
        (one,) = schema["items_schema"]
        items = self.generate_inner(one)
        return {"anyOf": [items, {"type": "array", "items": items, "minItems": 1}]}

    def field_title_should_be_set(self, schema: Any) -> bool:
        """Leave titles out, which repeat the key."""
        return False


def schema() -> dict[str, Any]:
    """Return the schema of one file."""
    generated = Book.model_json_schema(by_alias=True, schema_generator=SchemaGenerator)
    properties = generated["properties"]
    # The rules alone are always a list, which may be empty.
    rules = {"type": "array", "items": properties["rules"]["anyOf"][0]}
    properties["rules"] = rules | {"description": properties["rules"]["description"]}
    return {
        "$schema": GenerateJsonSchema.schema_dialect,
        **generated,
        "title": "Rules of the gateway",
    }


def schema_json() -> str:
    """Return the schema as its file holds it."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


PAGE = FILE.with_name("rules.md")
MARKED = re.compile(r"(<!-- keys of (\S+) -->\n)[^<]*(<!-- end -->)")

MODELS: Mapping[str, type[Model]] = {
    "file": Book, "defaults": Defaults, "rule": RuleModel, "text": TextTest, "referral": Referral,
    "campaign": AnsweredCampaign, "data": DataTest, "age": Age, "row": RowText, "place": Place,
    "card": Card,
    "notification": NotificationForm, "staff_template": StaffTemplate,
    "forwarded": ForwardModel, "service": Service, "call_form": CallForm, **VERBS,
}  # fmt: skip


def render_page(text: str) -> str:
    """Return the page with its tables regenerated."""
    return MARKED.sub(lambda found: f"{found[1]}\n{_table(found[2])}\n{found[3]}", text)


def tables() -> dict[str, list[tuple[str, str]]]:
    """Return the rows of each table: a key, and what it means."""
    models = {name: list(_keys(model)) for name, model in MODELS.items()}
    return models | {
        "when": sorted(_keys(When), key=lambda row: row[0] != "`event`"),
        "alone": [(f"`{verb}`", says) for verb, says in ALONE.items()],
        "names": [
            *((f"`{name}`", placeholder.description) for name, placeholder in NAMES.items()),
            *(
                (f"`{name}`" if "." in name or name == "now" else name, says)
                for name, says in NAME_PATTERNS.items()
            ),
        ],
        "paths": list(map(_path_row, PATHS.values())),
        "filters": [
            (f"`{name}{each.example}`", each.description) for name, each in FILTERS.items()
        ],
    }


def _path_row(path: MetaPath) -> tuple[str, str]:
    kind = f"{path.kind}s" if path.is_list and path.kind != "yes or no" else path.kind
    events = describe_scopes(path.scopes, most=len(path.scopes))
    return f"`{path.name.replace(OPEN, '.NAME')}`", f"{path.description} ({kind}; {events})"


def _keys(model: type[Model]) -> Iterator[tuple[str, str]]:
    first = {getattr(model, "verb", "")}
    for name, field in sorted(model.model_fields.items(), key=lambda one: one[0] not in first):
        needed = " Needed." if field.is_required() else ""
        yield f"`{field.alias or name}`", f"{field.description}{needed}"


def _table(name: str) -> str:
    rows: Iterable[tuple[str, str]] = tables()[name]
    return "".join(
        f"| {key} | {says} |\n" for key, says in [("Key", "What it says"), ("---", "---"), *rows]
    )


if __name__ == "__main__":
    FILE.write_text(schema_json())
    PAGE.write_text(render_page(PAGE.read_text()))
