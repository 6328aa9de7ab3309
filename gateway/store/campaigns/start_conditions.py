"""Conditions of a start: a draft was looked at lately, as it is, and its time is not over."""

from datetime import datetime, timedelta

from gateway.accounts.account import Accounts
from gateway.core.templates.choice import read_use
from gateway.store.campaigns.campaigns import Campaign
from gateway.store.templates.judgement import TemplateJudge

# A start needs a check that is not older.
FRESH = timedelta(hours=1)
STALE_CHECK = (
    "The campaign was checked anew, or given another audience, since that check: look at it again."
)


def find_start_obstacle(
    campaign: Campaign, check_id: str, judge: TemplateJudge, accounts: Accounts, now: datetime
) -> str:
    """Return why a draft cannot start by a check, "" where it can.

    Raises StoreUnavailableError or ScriptError.
    """
    if not campaign.recipients:
        return "The campaign has no audience."
    begins, end = max(now, campaign.definition.start_at or now), campaign.definition.finish_by
    if end is not None and end <= begins:
        return f"Its finish_by, {end:%Y-%m-%d %H:%M} UTC, is over: make it anew with a later one."
    if check_id != campaign.check_id:
        return STALE_CHECK
    if campaign.checked_at is None or now - campaign.checked_at > FRESH:
        return "Check the campaign first; a check counts for an hour."
    checked = campaign.checked_template
    if checked and checked != read_template_digest(campaign, judge, accounts):
        return "Meta's template has changed since the check: check the campaign again."
    return ""


def read_template_digest(campaign: Campaign, judge: TemplateJudge, accounts: Accounts) -> str:
    """Return the digest of what is known of a campaign's template at Meta, "" for nothing."""
    own, use = accounts.number(campaign.number), read_use(campaign.definition.body, "#")
    template = judge.find(own, use)[0] if own and use else None
    return template.digest if template else ""
