"""Poison: events that cannot be planned, or that kill the workers that touch them."""

from collections.abc import Sequence

import structlog

from gateway.core.events import Event, Message, Unreadable
from gateway.core.planning.batch import Failure
from gateway.core.planning.event import record_id
from gateway.core.storage.timestamps import datetime_from_ms
from gateway.core.webhook.event_keys import join
from gateway.store.body_codec import Bodies
from gateway.store.inbox.inbox import Inbox
from gateway.store.planning.commit import store_dead_letters
from gateway.store.redis.client import Store
from gateway.store.sending.unconfirmed import note_lost
from tasks.context import WorkerContext
from tasks.processes.child_watch import on_child_end

log = structlog.get_logger(__name__)

KILLED = "killed_worker"


@on_child_end
def report_death(store: Store, process: str) -> None:
    """Free what an ended process held, and make the next work on its events careful."""
    if Inbox(store, Bodies()).report_death(process):
        log.warning("worker_died_over_events", process=process)


def give_up_event(ctx: WorkerContext, event: Event) -> None:
    """Dead-letter an event over which workers died, unless it was committed meanwhile."""
    dead_letter_events(ctx, [Failure(event, KILLED, "")])


def give_up_delivery(ctx: WorkerContext, delivery: str) -> None:
    """Dead-letter a delivery that cannot even be opened; it stays in the inbox until trimmed."""
    received_ms = int(delivery.partition(":")[2].partition("-")[0])
    unreadable = Unreadable(
        key=join("killed", delivery),
        delivery=delivery,
        item=0,
        number="",
        contact="",
        at=datetime_from_ms(received_ms),
        raw=None,
        reason=KILLED,
    )
    give_up_event(ctx, unreadable)


def dead_letter_events(ctx: WorkerContext, failures: Sequence[Failure]) -> None:
    """Dead-letter events.

    An event that is no message may be the status that an unconfirmed send waits for, or hold it. So
    first it is noted that some are lost, or their absence would count as evidence.
    """
    if any(not isinstance(one.event, Message) for one in failures):
        note_lost(ctx.store)
    for number in {one.event.number for one in failures}:
        ctx.ensure_listed(number)
    store_dead_letters(ctx.store, failures)
    for one in failures:
        log.error("event_dead", event_id=record_id(one.event), error=one.error)
