"""Throughput that Meta grants, applied as soon as its webhook comes."""

import structlog

from gateway.core.events import Event, Notice
from gateway.core.planning.batch import PlanningResult
from gateway.core.webhook.notice_readers import granted_phone, throughput_upgrade
from gateway.store.sending import pauses
from tasks.context import WorkerContext

log = structlog.get_logger(__name__)


def apply_grants(ctx: WorkerContext, account: str, result: PlanningResult) -> None:
    """Raise the pace of an account's numbers as Meta granted, before the commit.

    A repetition changes nothing.
    """
    for event in (event for contact_plan in result.plans for event in contact_plan.events):
        if per_second := throughput_upgrade(event):
            raise_pace(ctx, account, event, per_second)


def raise_pace(ctx: WorkerContext, account: str, event: Event, per_second: int) -> None:
    """Raise the pace of the number that a notice names, if it can be told which one that is.

    A notice that came to one account says nothing about a number of another.
    """
    waba, accounts = event.waba if isinstance(event, Notice) else "", ctx.accounts.current()
    found = accounts.number_of_notice(waba, granted_phone(event))
    if found is None or accounts.name_of(found.id) != account:
        log.warning("pace_unassigned", waba=waba)
        return
    pauses.grant(ctx.store, found.id, per_second)
    log.info("pace_raised", number=found.id, per_second=per_second)
