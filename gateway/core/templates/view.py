"""Templates as clients and operators see them: Meta's words untouched, and what follows."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from gateway.core.templates.parameters import read_parameters
from gateway.core.templates.sync_schedule import RegistryState
from gateway.core.templates.template import USABLE, MetaTemplate, split_key


def view_template(template: MetaTemplate) -> dict[str, Any]:
    """Return all that is known of a template."""
    return {
        "name": template.name,
        "language": template.language,
        "status": template.status or None,
        "usable": template.is_usable,
        "why_not": template.unusable_reason or None,
        "category": template.category or None,
        "former_category": template.former_category or None,
        "quality": template.quality or None,
        "params": [
            {
                "where": one.where,
                "key": one.key,
                "kind": one.kind,
                "example": one.example or None,
                "max": one.max,
                "required": one.is_required,
            }
            for one in read_parameters(template)
        ],
        "components": template.components,
        "outdated": template.is_outdated,
        "id": template.id or None,
        "seen_at": template.seen_at,
        "source": template.source,
    }


def view_list(state: RegistryState, now: datetime) -> dict[str, Any]:
    """Return how large and how old a list is, and why there is no newer one."""
    age = now - state.fetched_at if state.fetched_at else None
    return {
        "count": state.count,
        "fetched_at": state.fetched_at,
        "age_s": int(age.total_seconds()) if age is not None else None,
        "tried_at": state.tried_at,
        "error": state.error or None,
    }


def choose_keys(words: Mapping[str, str], status: str = "", query: str = "") -> list[str]:
    """Return the keys of templates in order, of one status and with a text in their names.

    The status is a word of Meta's, or `usable` or `unusable`.
    """
    wanted: Iterable[str] = sorted(words)
    if status in ("usable", "unusable"):
        wanted = (key for key in wanted if (words[key] in USABLE) == (status == "usable"))
    elif status:
        wanted = (key for key in wanted if words[key] == status.upper())
    return [key for key in wanted if query.lower() in split_key(key)[0]]
