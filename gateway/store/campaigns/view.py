"""What clients and operators see of a stored campaign."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from gateway.core.campaigns.view import (
    is_settling,
    view_answers,
    view_definition,
    view_funnel,
    view_waiting,
)
from gateway.core.storage.timestamps import datetime_from_ms
from gateway.store.campaigns.campaigns import Campaign, campaign_key
from gateway.store.redis.client import Store


def view_campaign(campaign: Campaign, now: datetime) -> dict[str, Any]:
    """Return a campaign with its funnel; no text and no recipient."""
    return {
        "id": campaign.id,
        "from": campaign.number,
        "phase": campaign.phase,
        "by": campaign.by or None,
        "why": campaign.why or None,
        **view_definition(campaign.definition),
        "created_at": campaign.created_at,
        "changed_at": campaign.changed_at,
        "started_at": campaign.started_at,
        "checked_at": campaign.checked_at,
        "check_id": campaign.check_id or None,
        "recipients": campaign.recipients,
        "settling": is_settling(campaign.phase, campaign.changed_at, campaign.funnel, now),
        "waiting_for": view_waiting(campaign.standing, now),
        "funnel": view_funnel(campaign.funnel),
        "answers": view_answers(campaign.answers),
    }


def read_log(store: Store, campaign: Campaign) -> list[Mapping[str, Any]]:
    """Return the phases through which a campaign went, with when, by whom and why.

    Raises StoreUnavailableError or ScriptError.
    """
    key = f"{campaign_key(campaign.number, campaign.id)}:log"
    rows: Any = store.run(lambda client: client.lrange(key, 0, -1))
    split = [row.decode(errors="replace").split("|", 3) for row in rows]
    return [
        {"at": datetime_from_ms(at), "phase": phase, "by": by, "why": why}
        for at, phase, by, why in split
    ]
