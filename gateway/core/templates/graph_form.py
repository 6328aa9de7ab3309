"""Templates in Meta's JSON: rows of its list, and the form in which the store keeps them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson

from gateway.core.templates.template import MetaTemplate, normalize_language
from gateway.core.webhook.customers import list_field, object_field, text_field

# Of a row of Meta's list; all but the first three may be missing in a version of Graph.
GRAPH_FIELDS = (
    "name", "language", "status", "category", "components", "quality_score", "rejected_reason",
    "previous_category", "parameter_format",
)  # fmt: skip
MOST_NAME, MOST_LANGUAGE = 512, 32


def read_graph_row(row: Mapping[str, Any], seen_at: datetime | None) -> MetaTemplate | None:
    """Return the template of a row of Meta's list, None for a row without name or language.

    Every word is taken as it is, also one that this release has never seen.
    """
    name, language = text_field(row, "name"), text_field(row, "language")
    if not 0 < len(name) <= MOST_NAME or " " in name or not 0 < len(language) <= MOST_LANGUAGE:
        return None
    components = tuple(one for one in list_field(row, "components") if isinstance(one, dict))
    score = object_field(row, "quality_score")
    return MetaTemplate(
        name=name,
        language=normalize_language(language),
        status=text_field(row, "status"),
        category=text_field(row, "category"),
        components=components,
        id=_id(row.get("id")),
        quality=text_field(score, "score") or text_field(row, "quality_score"),
        former_category=text_field(row, "previous_category"),
        reason=text_field(row, "rejected_reason"),
        is_named=text_field(row, "parameter_format").upper() == "NAMED",
        seen_at=seen_at,
    )


def pack_template(template: MetaTemplate) -> bytes:
    """Return the form in which the store keeps a template as it was fetched."""
    fields = {
        "name": template.name,
        "language": template.language,
        "status": template.status,
        "category": template.category,
        "components": template.components,
        "id": template.id,
        "quality": template.quality,
        "former_category": template.former_category,
        "reason": template.reason,
        "named": template.is_named,
    }
    return orjson.dumps({name: value for name, value in fields.items() if value})


def unpack_template(row: bytes, seen_at: datetime | None) -> MetaTemplate:
    """Return a template that the store keeps; a field that is missing has its default.

    Raises ValueError, KeyError or TypeError for a damaged row.
    """
    fields = orjson.loads(row)
    return MetaTemplate(
        name=str(fields["name"]),
        language=str(fields["language"]),
        status=str(fields.get("status", "")),
        category=str(fields.get("category", "")),
        components=tuple(fields.get("components", ())),
        id=str(fields.get("id", "")),
        quality=str(fields.get("quality", "")),
        former_category=str(fields.get("former_category", "")),
        reason=str(fields.get("reason", "")),
        is_named=bool(fields.get("named", False)),
        seen_at=seen_at,
    )


def _id(value: object) -> str:
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
