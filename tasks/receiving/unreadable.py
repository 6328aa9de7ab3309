"""Dead letters of events that could not be read: the operator has to see their bytes."""

from collections import Counter
from collections.abc import Callable, Sequence

import structlog

from gateway.core.dead_letters.deferred_delivery import DeferReason
from gateway.core.events import Event, Unreadable
from gateway.store.body_codec import Bodies
from gateway.store.dead_letters.unreadable import store_unreadable
from gateway.store.redis.client import StoreUnavailableError
from gateway.store.sending.unconfirmed import note_lost
from tasks.context import WorkerContext

log = structlog.get_logger(__name__)


def dead_letter_unreadable(
    ctx: WorkerContext, events: Sequence[Event], defer: Callable[[Event, DeferReason], None]
) -> Sequence[Event]:
    """Return the readable events, once the others are dead letters.

    An unreadable event may be the status that an unconfirmed send waits for: see
    tasks/receiving/poison.py. If the store refuses a dead letter, its delivery is deferred.
    """
    unreadable = [event for event in events if isinstance(event, Unreadable)]
    if not unreadable:
        return events
    note_lost(ctx.store)
    for number in {event.number for event in unreadable}:
        ctx.ensure_listed(number)
    bodies = Bodies(ctx.settings.encryption_keys)
    for event, error in zip(
        unreadable, store_unreadable(ctx.store, bodies, unreadable), strict=True
    ):
        if isinstance(error, StoreUnavailableError):
            raise error
        if error:
            defer(event, DeferReason("failed", str(error), event.number))
    reasons = Counter(event.reason for event in unreadable)
    log.error("events_unreadable", reasons=reasons, delivery=unreadable[0].delivery)
    return [event for event in events if not isinstance(event, Unreadable)]
