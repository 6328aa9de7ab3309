"""Notices of campaigns: one for each end, and for each pause that nobody asked for."""

from collections.abc import Sequence
from datetime import timedelta

import structlog

from gateway.core.api.field_errors import FieldError
from gateway.core.api.message_request import MessageRequest, read_request
from gateway.core.campaigns.course import PHASES
from gateway.core.campaigns.notices.notice import CampaignNotice
from gateway.store.api.accept_now import accept_now
from gateway.store.api.pending_send import RequestRefusedError, idempotency_of_notice
from gateway.store.campaigns.campaigns import Campaign, change_phase
from gateway.store.monitoring.alert_store import record_alert
from gateway.store.outgoing.forwards import queue_copy
from gateway.store.outgoing.notifications import plan
from tasks.campaigns.alerts import completed_alert
from tasks.context import StoreAccess
from tasks.wakeup import ring_forwards, ring_number, ring_outgoing

log = structlog.get_logger(__name__)

COMPLETED_FOR = timedelta(minutes=5)


def give_notice(ctx: StoreAccess, campaign: Campaign) -> None:
    """Report the phase of a campaign wherever its definition says, each time with the same id.

    Whoever dies in between is followed by a worker that gives it again: the notification, the
    forward and the send are known by its id, and the last write says that all was done.
    """
    notice = _build_notice(campaign)
    if campaign.noticed == notice.id:
        return
    form = campaign.definition.notice
    if form.alerts and campaign.phase != "paused":
        record_alert(ctx.store, completed_alert(campaign), COMPLETED_FOR)
    account = ctx.accounts.current().name_of(campaign.number)
    if form.posts:
        plan(ctx.store, campaign.number, notice.as_notification(account))
        ring_outgoing(ctx.store, campaign.number)
    if form.forward:
        _forward(ctx, campaign, *notice.as_forward(form.forward, account))
    if form.to:
        _send_to_phone(ctx, campaign, notice)
    change_phase(ctx.store, campaign, PHASES, "", "", "", noticed=notice.id)
    log.info("campaign_notice", campaign=campaign.id, notice=notice.id, phase=campaign.phase)


def _forward(ctx: StoreAccess, campaign: Campaign, forward: str, body: bytes) -> None:
    receiver, copy = campaign.definition.notice.forward, ctx.bodies.pack(body)
    queue_copy(ctx.store, campaign.number, receiver, forward, copy)
    ring_forwards(ctx.store, campaign.number)


def _build_notice(campaign: Campaign) -> CampaignNotice:
    return CampaignNotice(
        campaign=campaign.id,
        number=campaign.number,
        name=campaign.definition.name,
        phase=campaign.phase,
        by=campaign.by,
        why=campaign.why,
        at=campaign.changed_at,
        funnel=campaign.funnel,
    )


def _places(errors: Sequence[FieldError]) -> list[str]:
    return [one.pointer for one in errors]


def _send_to_phone(ctx: StoreAccess, campaign: Campaign, notice: CampaignNotice) -> None:
    request = read_request(notice.as_request(campaign.definition.notice))
    if not isinstance(request, MessageRequest):
        # No repetition would make it fit; the log and the alert say what became of the campaign.
        log.error("campaign_notice_refused", campaign=campaign.id, fields=_places(request))
        return
    known = idempotency_of_notice(notice.id)
    try:
        _, priority = accept_now(ctx.store, campaign.number, request, known)
    except RequestRefusedError as error:
        log.error("campaign_notice_refused", campaign=campaign.id, fields=_places(error.errors))
        return
    if priority:
        ring_number(ctx.store, campaign.number, priority)
