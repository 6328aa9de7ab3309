"""What clients and operators see of a stored campaign."""

from datetime import datetime
from typing import Any

from gateway.core.campaigns.view import view_definition, view_funnel, view_waiting
from gateway.store.campaigns.campaigns import Campaign


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
        "recipients": campaign.recipients,
        "waiting_for": view_waiting(campaign.standing, now),
        "funnel": view_funnel(campaign.funnel),
    }
