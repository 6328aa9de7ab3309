"""The tables of docs/rules.md and the schema beside it, made from the models.

`python -m gateway.rules.reference` writes both; tests hold them against the models.
"""

import re
from collections.abc import Iterable, Iterator, Mapping

from gateway.core.rendering.filters import FILTERS
from gateway.rules import schema
from gateway.rules.language.actions import VERBS
from gateway.rules.language.choices import RowText
from gateway.rules.language.conditions import Age, Referral, TextTest, When
from gateway.rules.language.contact_actions import ALONE
from gateway.rules.language.rulefile import Book, Defaults, Rule
from gateway.rules.language.shape import Model
from gateway.rules.matching.placeholder_values import NAMES, PATTERNED

PAGE = schema.FILE.with_name("rules.md")
MARKED = re.compile(r"(<!-- keys of (\S+) -->\n)[^<]*(<!-- end -->)")

MODELS: Mapping[str, type[Model]] = {
    "file": Book, "defaults": Defaults, "rule": Rule, "text": TextTest, "referral": Referral,
    "age": Age, "row": RowText, **VERBS,
}  # fmt: skip


def page(text: str) -> str:
    """Return the page with its tables made anew."""
    return MARKED.sub(lambda found: f"{found[1]}\n{_table(found[2])}\n{found[3]}", text)


def tables() -> dict[str, list[tuple[str, str]]]:
    """Return the rows of each table: a key, and what it means."""
    models = {name: list(_keys(model)) for name, model in MODELS.items()}
    return models | {
        "when": sorted(_keys(When), key=lambda row: row[0] != "`event`"),
        "alone": [(f"`{verb}`", says) for verb, says in ALONE.items()],
        "names": [
            *((f"`{name}`", found.says) for name, found in NAMES.items()),
            *(
                (f"`{name}`" if "." in name or name == "now" else name, says)
                for name, says in PATTERNED.items()
            ),
        ],
        "filters": [(f"`{name}{each.example}`", each.says) for name, each in FILTERS.items()],
    }


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
    schema.FILE.write_text(schema.written())
    PAGE.write_text(page(PAGE.read_text()))
