"""News of a number from Meta's webhooks: throughput that Meta grants it, and its quality."""

import structlog

from gateway.accounts.account import OwnNumber
from gateway.core.events import Event, Notice
from gateway.core.planning.batch import PlanningResult
from gateway.core.webhook.notice_readers import noticed_phone, quality_flag, throughput_upgrade
from gateway.store.redis.client import ScriptError
from gateway.store.sending import pauses, quality
from tasks.context import WorkerContext

log = structlog.get_logger(__name__)


def apply_number_news(ctx: WorkerContext, account: str, result: PlanningResult) -> None:
    """Apply what an account's webhooks say of its numbers, before their commit.

    If the worker dies in between, the events come again, and a repetition changes nothing.
    """
    for event in (event for contact_plan in result.plans for event in contact_plan.events):
        if per_second := throughput_upgrade(event):
            _raise_pace(ctx, account, event, per_second)
        elif (is_flagged := quality_flag(event)) is not None:
            _note_flag(ctx, account, event, is_flagged=is_flagged)


def _raise_pace(ctx: WorkerContext, account: str, event: Event, per_second: int) -> None:
    """Raise the pace of the number that a notice names."""
    if found := _find_number(ctx, account, event):
        pauses.grant(ctx.store, found.id, per_second)
        log.info("pace_raised", number=found.id, per_second=per_second)


def _note_flag(ctx: WorkerContext, account: str, event: Event, *, is_flagged: bool) -> None:
    """Record that Meta has flagged the quality of the number that a notice names, or that not."""
    if found := _find_number(ctx, account, event):
        try:
            is_new = quality.note_flag(
                ctx.store, found.id, event.at, is_flagged=is_flagged, replayed=event.replayed
            )
        except ScriptError as error:  # damaged keys of such news stop no delivery
            log.error("quality_news_lost", number=found.id, error=str(error))
            return
        log.info("number_quality", number=found.id, is_flagged=is_flagged, is_new=is_new)


def _find_number(ctx: WorkerContext, account: str, event: Event) -> OwnNumber | None:
    """Return the number that a notice names, None if it cannot be told which one that is.

    A notice that came to one account says nothing about a number of another.
    """
    waba, accounts = event.waba if isinstance(event, Notice) else "", ctx.accounts.current()
    found = accounts.number_of_notice(waba, noticed_phone(event))
    if found is None or accounts.name_of(found.id) != account:
        is_pace = throughput_upgrade(event) is not None
        log.warning("pace_unassigned" if is_pace else "quality_unassigned", waba=waba)
        return None
    return found
