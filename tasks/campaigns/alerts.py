"""Alerts of campaigns to the operator."""

from gateway.core.alerts import Alert, Cause
from gateway.store.campaigns.campaigns import Campaign


def unreadable_alert(campaign_id: str, number: str) -> Alert:
    """Return the alert that a campaign or its audience cannot be read."""
    return Alert(
        Cause("campaign_unreadable", campaign_id, number),
        "critical",
        f"The campaign {campaign_id} stands still: what is stored of it cannot be read.",
        "See campaign_unreadable in the workers' logs: give this gateway the encryption key with "
        "which it was made (GATEWAY_ENCRYPTION_KEYS), or mend the key in Redis.",
    )


def paused_alert(campaign: Campaign) -> Alert:
    """Return the alert that a campaign has paused by itself."""
    return Alert(
        Cause("campaign_paused", campaign.id, campaign.number),
        "warning",
        f"The campaign {campaign.definition.name} is paused: {campaign.why}.",
        f"Look at it (gateway campaigns show {campaign.id}), then resume or cancel it.",
    )


def completed_alert(campaign: Campaign) -> Alert:
    """Return the alert that a campaign has ended, which says so once."""
    funnel, name = campaign.funnel, campaign.definition.name
    return Alert(
        Cause("campaign_completed", campaign.id, campaign.number),
        "warning",
        f"The campaign {name} is {campaign.phase}: {funnel.written_count:,} written "
        f"to, {funnel.of('failed'):,} failed; {campaign.why}.",
        f"gateway campaigns export {campaign.id} says what became of each recipient.",
    )
