"""Throughput that Meta grants, applied as soon as its webhook comes."""

import structlog

from gateway.core.events import Event, Notice
from gateway.core.planning.batch import PlanningResult
from gateway.core.webhook.notice_readers import granted_phone, throughput_upgrade
from gateway.store.sending import pauses
from tasks.context import WorkerContext

log = structlog.get_logger(__name__)


def apply_grants(ctx: WorkerContext, result: PlanningResult) -> None:
    """Raise the pace as Meta granted; before the commit, since a repetition changes nothing."""
    for event in (event for contact_plan in result.plans for event in contact_plan.events):
        if per_second := throughput_upgrade(event):
            raise_pace(ctx, event, per_second)


def raise_pace(ctx: WorkerContext, event: Event, per_second: int) -> None:
    """Raise the pace of the number that a notice names, if it can be told which one that is."""
    waba = event.waba if isinstance(event, Notice) else ""
    found = ctx.accounts.current().number_of_notice(waba, granted_phone(event))
    if found is None:
        log.warning("pace_unassigned", waba=waba)
        return
    pauses.grant(ctx.store, found.id, per_second)
    log.info("pace_raised", number=found.id, per_second=per_second)
