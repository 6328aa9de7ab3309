"""What Meta itself says that keeps messages from being sent, read from its answers.

https://developers.facebook.com/documentation/business-messaging/whatsapp/support/health-status
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.core.text import fit


@dataclass(frozen=True, slots=True)
class Health:
    """How one of those who take part in each message stands: a number, an account, an app."""

    what: str  # PHONE_NUMBER, WABA, BUSINESS or APP
    state: str  # AVAILABLE, LIMITED or BLOCKED
    why: str = ""  # in Meta's words


def health(found: Mapping[str, Any]) -> tuple[Health, ...]:
    """Read the field health_status; what is malformed in it is left out."""
    status = found.get("health_status")
    entities = status.get("entities") if isinstance(status, dict) else None
    rows = entities if isinstance(entities, list) else []
    return tuple(_entity(one) for one in rows if isinstance(one, dict))


def _entity(found: Mapping[str, Any]) -> Health:
    what, state = fit(found.get("entity_type")), fit(found.get("can_send_message"))
    errors, more = found.get("errors"), found.get("additional_info")
    rows = errors if isinstance(errors, list) else []
    told = [_error(one) for one in rows if isinstance(one, dict)]
    told += [fit(one) for one in more] if isinstance(more, list) else []
    return Health(what, state, " ".join(filter(None, told)))


def _error(found: Mapping[str, Any]) -> str:
    code = found.get("error_code")
    parts = (fit(found.get("error_description")), fit(found.get("possible_solution")))
    told = " ".join(filter(None, parts))
    return f"{told} (code {code})" if isinstance(code, int) else told
