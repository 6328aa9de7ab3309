"""Control of campaigns: started, paused, resumed and cancelled, by an operator or a client.

All of it may raise StoreUnavailableError or ScriptError, and may be repeated.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from gateway.core.campaigns.course import ACTIVE, ENDED, Phase
from gateway.core.campaigns.definition import choose_end
from gateway.core.campaigns.recipient_state import campaign_send_id, find_recipients
from gateway.core.campaigns.stop_rules import mark_at
from gateway.core.planning.campaign_answers import WAYS
from gateway.core.storage.timestamps import datetime_from_ms
from gateway.store.api import sent_messages
from gateway.store.campaigns.audience import prolong_audience, read_packed_states
from gateway.store.campaigns.campaigns import (
    END_GIVEN,
    LIVES_MS,
    Campaign,
    campaign_key,
    change_phase,
)
from gateway.store.campaigns.row_fields import LED, pack_mark, stamp
from gateway.store.redis.client import Store
from gateway.store.sending import pauses
from gateway.store.sending.lookup import run_commands

PROLONGED_EVERY = timedelta(days=7)
STATES_AT_ONCE = 50_000


def start(store: Store, campaign: Campaign, by: str, now: datetime) -> str:
    """Start a draft with the audience and by the check that were looked at, now or at its time.

    Return "", or the phase that forbids it.
    """
    prolong_audience(store, campaign)
    begins = max(now, campaign.definition.start_at or now)
    finish_by = stamp(choose_end(campaign.definition, begins, campaign.takes))
    phase: Phase = "scheduled" if begins > now else "running"
    fields = {"finish_by": finish_by}
    if phase == "running":
        fields |= {"started": stamp(now), LED: stamp(now)}
    seen = campaign.audience, stamp(campaign.checked_at)
    done, before = change_phase(store, campaign, ["draft"], phase, by, "started", *seen, **fields)
    if before == "draft" and not done:
        return "a draft that was checked or given another audience meanwhile: look at it again"
    # A repeated request finds it started.
    return "" if done or before in ("scheduled", "running") else before or "forgotten"


def pause(store: Store, campaign: Campaign, by: str, why: str) -> str:
    """Pause a campaign, with what is queued already; return "" or the phase that forbids it."""
    done, before = change_phase(store, campaign, ACTIVE, "paused", by, why)
    return "" if done else before or "forgotten"


def find_resume_obstacle(campaign: Campaign, now: datetime, finish_by: datetime | None) -> str:
    """Return why a paused campaign cannot go on until then, or its own end, "" where it can."""
    if campaign.phase != "paused":
        return ""
    if finish_by is not None:
        is_ahead = finish_by > max(now, _begin(campaign, now))
        return "" if is_ahead else "That finish_by is not after its start, or is over already."
    end = campaign.definition.finish_by
    if end is None or end > now or not campaign.is_end_given:
        return ""
    return f"Its finish_by, {end:%Y-%m-%d %H:%M} UTC, is over: resume it with another finish_by."


def resume(
    store: Store, campaign: Campaign, by: str, now: datetime, finish_by: datetime | None = None
) -> str:
    """Let a paused campaign go on; return "" or the phase that forbids it.

    Its stop rules look at what comes from now on. One that was paused before its start waits for
    that again. `finish_by` is its new end; one that was computed is computed anew.
    """
    prolong_audience(store, campaign)  # a pause may have lasted for most of its life
    begins = _begin(campaign, now)
    phase: Phase = "scheduled" if begins > now else "running"
    funnel, opted_out = campaign.funnel, campaign.answers.opted_out
    fields = dict(pack_mark(mark_at(funnel, funnel.reached, opted_out)))
    if phase == "running":
        fields["started"] = stamp(campaign.started_at or now)
    if finish_by is not None:
        fields |= {"finish_by": stamp(finish_by), END_GIVEN: "1"}
    elif not campaign.is_end_given:
        computed = replace(campaign.definition, finish_by=None)
        fields["finish_by"] = stamp(choose_end(computed, begins, campaign.takes))
    if "finish_by" in fields and campaign.phase == "paused":
        _prolong_queued(store, campaign, int(fields["finish_by"]))
    done, before = change_phase(store, campaign, ["paused"], phase, by, "resumed", **fields)
    # A repeated request finds it resumed, and moves no mark of the stop rules.
    return "" if done or before == phase else before or "forgotten"


def _begin(campaign: Campaign, now: datetime) -> datetime:
    """Return when a campaign that is resumed goes on: at its time, if that is still ahead."""
    start_at = campaign.definition.start_at
    return max(now, start_at) if start_at and campaign.started_at is None else now


def _prolong_queued(store: Store, campaign: Campaign, until_ms: int) -> None:
    """Let what is queued already not expire before the new end."""
    until = datetime_from_ms(until_ms)
    sent_messages.prolong_all(store, campaign.number, _queued_sends(store, campaign), until)


def cancel(store: Store, campaign: Campaign, by: str, why: str) -> str:
    """End a campaign: who was not written to never is. Return "" or the phase that forbids it."""
    within: frozenset[Phase] = ACTIVE | frozenset[Phase]({"draft", "cancelled"})
    done, before = change_phase(store, campaign, within, "cancelled", by, why)
    return "" if done else before or "forgotten"


def prolong(store: Store, campaign: Campaign, now: datetime) -> None:
    """Let an active campaign live on, once a week: it may last for longer than its keys live."""
    since = max(campaign.changed_at, campaign.prolonged_at or campaign.changed_at)
    if now - since < PROLONGED_EVERY:
        return
    prolong_audience(store, campaign)
    key = campaign_key(campaign.number, campaign.id)
    # The row last: what counts recipients would write it anew, without an end.
    names = [*(f"{key}:{part}" for part in ("log", "recipients", *WAYS)), key]
    run_commands(store, *(("PEXPIRE", name, LIVES_MS) for name in names))
    change_phase(store, campaign, ACTIVE, "", "", "", prolonged=stamp(now))


def withdraw_queued(store: Store, campaign: Campaign) -> int:
    """Withdraw the sends that a campaign which ended early has queued; return how many.

    Their recipients end as those whose turn never came: cancelled or expired. One that is to be
    repeated, since Meta failed it after its acceptance, goes out.
    """
    if campaign.phase not in ENDED or campaign.phase == "completed":
        return 0
    has_expired = campaign.phase == "expired"
    end_all = sent_messages.expire_all if has_expired else sent_messages.withdraw_all
    withdrawn = end_all(store, campaign.number, _queued_sends(store, campaign))
    if not campaign.funnel.of("attempting"):  # what is in hand may be queued again
        pauses.release(store, [campaign.number], campaign.rule)
    return withdrawn


def _queued_sends(store: Store, campaign: Campaign) -> Iterator[str]:
    """Yield the sends that are queued, the last first: nearly always those are the ones."""
    left = campaign.funnel.of("queued")
    for end in range(campaign.recipients, 0, -STATES_AT_ONCE):
        if left <= 0:
            return
        first = max(0, end - STATES_AT_ONCE)
        packed = read_packed_states(store, campaign, first, end - first)
        rows = [first + place for place, _ in find_recipients(packed, {"queued"})]
        left -= len(rows)
        yield from (campaign_send_id(campaign.id, row) for row in reversed(rows))
