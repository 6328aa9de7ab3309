"""Control of campaigns: started, paused, resumed and cancelled, by an operator or a client.

All of it may raise StoreUnavailableError or ScriptError, and may be repeated.
"""

from collections.abc import Iterator
from datetime import datetime

from gateway.core.campaigns.course import ACTIVE, ENDED, Phase, mark_at
from gateway.core.campaigns.definition import with_times
from gateway.core.campaigns.recipient_state import campaign_send_id
from gateway.core.campaigns.zone_groups import RowRange, ZoneGroup
from gateway.store.api import sent_messages
from gateway.store.campaigns.audience import prolong_audience, read_states
from gateway.store.campaigns.campaigns import Campaign, change_phase, pack_mark, stamp
from gateway.store.redis.client import Store
from gateway.store.sending import pauses

# Of the recipients that were queued last, so many may not be posted yet.
MOST_QUEUED = 10_000


def start(store: Store, campaign: Campaign, by: str, now: datetime) -> str:
    """Start a draft, now or at its time; return "" or the phase that forbids it."""
    prolong_audience(store, campaign)
    begins = max(now, campaign.definition.start_at or now)
    finish_by = stamp(with_times(campaign.definition, begins).finish_by)
    phase: Phase = "scheduled" if begins > now else "running"
    fields = {"finish_by": finish_by} | ({"started": stamp(now)} if phase == "running" else {})
    done, before = change_phase(store, campaign, ["draft"], phase, by, "started", **fields)
    # A repeated request finds it started.
    return "" if done or before in ("scheduled", "running") else before or "forgotten"


def pause(store: Store, campaign: Campaign, by: str, why: str) -> str:
    """Pause a campaign, with what is queued already; return "" or the phase that forbids it."""
    done, before = change_phase(store, campaign, ACTIVE, "paused", by, why)
    if done:
        pauses.hold(store, [campaign.number], campaign.rule, why)
    return "" if done else before or "forgotten"


def resume(store: Store, campaign: Campaign, by: str, now: datetime) -> str:
    """Let a paused campaign go on; return "" or the phase that forbids it.

    Its stop rules look at what comes from now on.
    """
    fields = {
        "mark": pack_mark(mark_at(campaign.funnel)),
        "started": stamp(campaign.started_at or now),
    }
    done, before = change_phase(
        store, campaign, ["paused", "running"], "running", by, "resumed", **fields
    )
    if done:
        pauses.release(store, [campaign.number], campaign.rule)
    return "" if done else before or "forgotten"


def cancel(store: Store, campaign: Campaign, by: str, why: str) -> str:
    """End a campaign: who was not written to never is. Return "" or the phase that forbids it."""
    within: frozenset[Phase] = ACTIVE | frozenset[Phase]({"draft", "cancelled"})
    done, before = change_phase(store, campaign, within, "cancelled", by, why)
    return "" if done else before or "forgotten"


def cancel_queued(store: Store, campaign: Campaign) -> int:
    """Cancel the sends that an ended campaign has queued; return how many."""
    if campaign.phase not in ENDED:
        return 0
    queued = [
        row
        for rows in _last_queued(campaign)
        for row, one in zip(rows, read_states(store, campaign, rows[0], len(rows)), strict=False)
        if one.cell == "queued"
    ]
    for row in queued:
        sent_messages.cancel(store, campaign.number, campaign_send_id(campaign.id, row))
    pauses.release(store, [campaign.number], campaign.rule)
    return len(queued)


def _last_queued(campaign: Campaign) -> Iterator[range]:
    """Yield the recipients that were queued or passed last, of each zone group."""
    rows = [RowRange(0, campaign.recipients)]
    groups = campaign.groups or [ZoneGroup((), rows, campaign.next_recipient)]
    for group in groups:
        yield from group.iter_last(MOST_QUEUED)
