"""Campaigns at work: the tick wakes a worker of the queue `bulk` for each that has to go on."""

from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from gateway.core.campaigns.course import ENDED, Standing, Step, decide_step, most_queued, next_look
from gateway.core.campaigns.reach import Reach
from gateway.core.campaigns.stop_rules import QualityFall, next_mark
from gateway.core.sending.send import BULK
from gateway.core.storage.timestamps import datetime_from_ms
from gateway.store import keys, number_list
from gateway.store.body_codec import UnknownRecordError
from gateway.store.campaigns import campaigns, control
from gateway.store.campaigns.campaigns import Campaign
from gateway.store.campaigns.expansion import expand
from gateway.store.campaigns.next_look import choose_due, leave_alone, look_again
from gateway.store.campaigns.obstacles import NOT_RESTING, RESTS, read_falls
from gateway.store.campaigns.reach import (
    ReachPromise,
    count_promised,
    end_promise,
    promise_reach,
    read_reach,
    refresh_limit,
)
from gateway.store.campaigns.row_fields import LED, pack_mark, stamp
from gateway.store.coordination.wakeups import clear_wakeup
from gateway.store.monitoring.alert_store import record_alert
from gateway.store.redis.client import ScriptError
from tasks.app import app
from tasks.campaigns.alerts import paused_alert, unreadable_alert
from tasks.campaigns.notices import give_notice
from tasks.context import StoreAccess, worker_context
from tasks.wakeup import ring_campaign, ring_number

log = structlog.get_logger(__name__)

# A pause that nobody asked for is an alert for so long; it is noted again while it lasts.
PAUSED_FOR = timedelta(minutes=5)
LED_EVERY = timedelta(seconds=30)
# Ends of which a notice is given: an operator who cancels a campaign knows it.
REPORTED = frozenset({"completed", "expired"})
BY_ITSELF = frozenset({"stop_rule", "missed_start", "outage"})


def wake_for_campaigns(ctx: StoreAccess) -> None:
    """Wake a worker for each campaign for which something may be due."""
    if active := campaigns.list_active(ctx.store):
        now = datetime_from_ms(campaigns.server_ms(ctx.store))
        for id_ in choose_due(ctx.store, active, now):
            ring_campaign(ctx.store, id_)


@app.task(name="tasks.process_broadcast_campaign", time_limit=60)
def process_broadcast_campaign(campaign_id: str) -> dict[str, int]:
    """Do what a campaign's course asks for now; return how many recipients were queued.

    May be called by name for any campaign, any number of times.
    """
    ctx = worker_context()
    clear_wakeup(ctx.store, keys.campaign_bell(campaign_id))
    try:
        return {"queued": _work(ctx, campaign_id)}
    except (UnknownRecordError, ScriptError) as error:
        _report_unreadable(ctx, campaign_id, error)
        return {"queued": 0}


@app.task(name="tasks.mark_campaign_complete", time_limit=60)
def mark_campaign_complete(campaign_id: str) -> dict[str, bool]:
    """Complete a campaign whose recipients have all been written to, and give notice of it.

    Return whether it is complete. May be called by name, any number of times.
    """
    ctx = worker_context()
    try:
        _work(ctx, campaign_id)
        _work(ctx, campaign_id)  # one step more: what follows its end
        campaign = campaigns.read_campaign(ctx.store, ctx.bodies, campaign_id)
    except (UnknownRecordError, ScriptError) as error:
        _report_unreadable(ctx, campaign_id, error)
        return {"completed": False}
    return {"completed": campaign is not None and campaign.phase == "completed"}


def _work(ctx: StoreAccess, campaign_id: str) -> int:
    """Take the next step of a campaign, if there is one of this id."""
    if campaign := campaigns.read_campaign(ctx.store, ctx.bodies, campaign_id):
        return _go_on(ctx, campaign)
    campaigns.forget_active(ctx.store, campaign_id)
    return 0


def _go_on(ctx: StoreAccess, campaign: Campaign) -> int:
    """Take the next step of a campaign; return how many recipients were queued."""
    now = datetime_from_ms(campaigns.server_ms(ctx.store))
    if campaign.phase in ENDED:
        _wind_up(ctx, campaign)
        return 0
    control.prolong(ctx.store, campaign, now)
    reach, falls = _read_reach(ctx, campaign), _read_falls(ctx, campaign)
    standing = replace(campaign.standing, reach=reach, falls=falls)
    step = decide_step(standing, now)
    if step.phase:
        _change_phase(ctx, campaign, step)
        return 0
    if campaign.phase == "paused" and campaign.by in BY_ITSELF:
        record_alert(ctx.store, paused_alert(campaign), PAUSED_FOR)
        give_notice(ctx, campaign)
    _note_progress(ctx, campaign, step, now)
    if not step.queues:
        _leave_alone(ctx, campaign, next_look(standing, step, now))
        return 0
    queued = _queue(ctx, standing, campaign, step.most)
    if queued:
        ring_number(ctx.store, campaign.number, BULK)
    return queued


def _queue(ctx: StoreAccess, standing: Standing, campaign: Campaign, most: int) -> int:
    """Queue the next recipients, no more than this campaign has a promise for; return how many."""
    if standing.reach is None or not standing.reach.is_limited:
        return expand(ctx.store, ctx.bodies, campaign, most)
    left = campaign.recipients - campaign.next_recipient
    wanted = min(most or left, left, most_queued(campaign.definition, campaign.funnel))
    promise = promise_reach(ctx.store, campaign, _siblings(ctx, campaign), wanted)
    if not promise.granted:
        return 0
    try:
        queued = expand(ctx.store, ctx.bodies, campaign, promise.granted, promise.till_ms)
    except (UnknownRecordError, ScriptError):  # or else one that stands still holds up others
        _end_promise(ctx, promise)
        raise
    _end_promise(ctx, promise)
    return queued


def _end_promise(ctx: StoreAccess, promise: ReachPromise) -> None:
    if promise.name:
        end_promise(ctx.store, promise)


def _siblings(ctx: StoreAccess, campaign: Campaign) -> list[str]:
    listed = number_list.numbers_at_meta(ctx.store)
    return ctx.accounts.current().limit_sharers(campaign.number, listed)


def _leave_alone(ctx: StoreAccess, campaign: Campaign, until: datetime | None) -> None:
    """Let the tick leave a campaign alone until then, unless it was changed meanwhile."""
    if until is None:
        return
    leave_alone(ctx.store, campaign.id, until)
    present = campaigns.read_campaign(ctx.store, ctx.bodies, campaign.id)
    if present is None or present.changed_at != campaign.changed_at:
        look_again(ctx.store, campaign.id)


def _read_reach(ctx: StoreAccess, campaign: Campaign) -> Reach | None:
    """Return how many customers a running campaign may reach, None where that is not known."""
    own = ctx.accounts.current().number(campaign.number)
    if campaign.phase != "running" or own is None or not campaign.definition.is_template:
        return None
    refresh_limit(ctx.store, ctx.settings.meta_graph_url, own)
    siblings = _siblings(ctx, campaign)
    reach = read_reach(ctx.store, own.id, siblings)
    if reach is None or not reach.is_limited:
        return reach
    return replace(reach, promised=count_promised(ctx.store, campaign.id, siblings))


def _read_falls(ctx: StoreAccess, campaign: Campaign) -> list[QualityFall]:
    """Return the falls of quality since a running campaign was started or resumed."""
    own = ctx.accounts.current().number(campaign.number)
    if campaign.phase != "running" or own is None:
        return []
    try:
        return read_falls(ctx.store, own, campaign.definition.body, campaign.changed_at)
    except ScriptError as error:  # damaged keys of such news stop no campaign
        log.error("campaign_quality_unreadable", campaign=campaign.id, error=str(error))
        return []


def _change_phase(ctx: StoreAccess, campaign: Campaign, step: Step) -> None:
    now = stamp(datetime_from_ms(campaigns.server_ms(ctx.store)))
    fields = {"started": now, LED: now} if step.phase == "running" else {}
    # Only from the phase that was looked at: an operator or another worker may have been faster.
    done, _ = campaigns.change_phase(
        ctx.store, campaign, [campaign.phase], step.phase, step.by, step.reason, **fields
    )
    if done:
        log.info("campaign_phase", campaign=campaign.id, phase=step.phase, by=step.by)


def _note_progress(ctx: StoreAccess, campaign: Campaign, step: Step, at: datetime) -> None:
    """Store that a worker came, how far the first batch is, and from where stop rules look on."""
    fields: dict[str, str] = {}
    if step.reason == "first_batch_posted":
        fields["first_done"] = stamp(at)
    if step.reason == "first_batch_over":
        fields["first_over"] = "1"
    if mark := next_mark(campaign.funnel, campaign.mark, campaign.definition.stop):
        fields |= pack_mark(mark)
    rests = stamp(step.until) if step.is_reach_used_up else NOT_RESTING
    if rests != campaign.rests:
        fields[RESTS] = rests
        log.info("campaign_reach", campaign=campaign.id, is_used_up=step.is_reach_used_up)
    if _is_led_long_ago(campaign, at):
        fields[LED] = stamp(at)
    if fields:
        campaigns.change_phase(ctx.store, campaign, ["running"], "", "", "", **fields)


def _is_led_long_ago(campaign: Campaign, now: datetime) -> bool:
    """Say whether it is to be noted that a worker came; twice a minute is enough."""
    return campaign.led_at is None or now - campaign.led_at > LED_EVERY


def _wind_up(ctx: StoreAccess, campaign: Campaign) -> None:
    """Withdraw what an ended campaign has queued; once nothing is, it is looked at no more."""
    control.withdraw_queued(ctx.store, campaign)
    if campaign.funnel.of("queued", "attempting"):
        return
    if campaign.phase in REPORTED:
        give_notice(ctx, campaign)
    log.info("campaign_ended", campaign=campaign.id, phase=campaign.phase, **campaign.funnel.cells)
    campaigns.forget_active(ctx.store, campaign.id)


def _report_unreadable(ctx: StoreAccess, campaign_id: str, error: Exception) -> None:
    """Report a campaign that stands still, since a part of it cannot be read."""
    log.error("campaign_unreadable", campaign=campaign_id, reason=str(error))
    number = campaigns.find_number(ctx.store, campaign_id)
    record_alert(ctx.store, unreadable_alert(campaign_id, number), PAUSED_FOR)
