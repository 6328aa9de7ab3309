"""Reference of the accounts file: its schema for editors, and the tables of docs/accounts.md.

`python -m gateway.accounts.reference` writes both; tests compare them with the models.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from gateway.accounts.file_shape import AccountModel, AccountsModel, NumberModel, WabaModel
from gateway.rules.language.types import Model
from gateway.rules.reference import SchemaGenerator

FILE = Path(__file__).parents[2] / "docs" / "accounts.schema.json"
PAGE = FILE.with_name("accounts.md")
MARKED = re.compile(r"(<!-- keys of (\S+) -->\n)[^<]*(<!-- end -->)")

MODELS: Mapping[str, type[Model]] = {
    "file": AccountsModel, "account": AccountModel, "waba": WabaModel, "number": NumberModel,
}  # fmt: skip


def schema() -> dict[str, Any]:
    """Return the schema of the file."""
    generated = AccountsModel.model_json_schema(by_alias=True, schema_generator=SchemaGenerator)
    return {
        "$schema": GenerateJsonSchema.schema_dialect,
        **generated,
        "title": "Accounts of the gateway",
    }


def schema_json() -> str:
    """Return the schema as its file holds it."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def render_page(text: str) -> str:
    """Return the page with its tables regenerated."""
    return MARKED.sub(lambda found: f"{found[1]}\n{_table(MODELS[found[2]])}\n{found[3]}", text)


def _table(model: type[Model]) -> str:
    rows = [("Key", "What it says"), ("---", "---"), *_keys(model)]
    return "".join(f"| {key} | {says} |\n" for key, says in rows)


def _keys(model: type[Model]) -> Iterator[tuple[str, str]]:
    for name, field in model.model_fields.items():
        needed = " Needed." if field.is_required() else ""
        yield f"`{field.alias or name}`", f"{field.description}{needed}"


if __name__ == "__main__":
    FILE.write_text(schema_json())
    PAGE.write_text(render_page(PAGE.read_text()))
