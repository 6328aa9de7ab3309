"""Throughput that Meta grants, applied as soon as its webhook comes."""

import structlog

from gateway.core.planning.batch import PlanningResult
from gateway.core.webhook.notice_readers import throughput_upgrade
from gateway.store.sending import pauses
from tasks.context import WorkerContext

log = structlog.get_logger(__name__)


def apply_grants(ctx: WorkerContext, result: PlanningResult) -> None:
    """Raise the pace as Meta granted; before the commit, since a repetition changes nothing."""
    for event in (event for contact_plan in result.plans for event in contact_plan.events):
        if per_second := throughput_upgrade(event):
            number = ctx.settings.meta_phone_number_id
            pauses.grant(ctx.store, number, per_second)
            log.info("pace_raised", number=number, per_second=per_second)
