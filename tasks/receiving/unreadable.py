"""What is done about events that could not be read: a person has to see their bytes."""

from collections import Counter
from collections.abc import Callable, Sequence

import structlog

from gateway.core.events import Event, Unreadable
from gateway.core.sending.dead_letter import DeferReason
from gateway.store.body_encryption import Bodies
from gateway.store.dead_letters.unreadable import bury
from gateway.store.redis.client import StoreUnavailableError
from gateway.store.sending.unconfirmed import note_lost
from tasks.context import WorkerContext

log = structlog.get_logger(__name__)


def readable(
    at_work: WorkerContext, events: Sequence[Event], set_aside: Callable[[Event, DeferReason], None]
) -> Sequence[Event]:
    """Return the events that could be read, once the others are set before a person.

    What could not be read may be the status that a doubt waits for: see
    tasks/receiving/poison.py. Where the store refuses a letter, its delivery is set aside.
    """
    unread = [event for event in events if isinstance(event, Unreadable)]
    if not unread:
        return events
    note_lost(at_work.store)
    for number in {event.number for event in unread}:
        at_work.list(number)
    bodies = Bodies(at_work.settings.encryption_keys)
    for event, error in zip(unread, bury(at_work.store, bodies, unread), strict=True):
        if isinstance(error, StoreUnavailableError):
            raise error
        if error:
            set_aside(event, DeferReason("failed", str(error), event.number))
    reasons = Counter(event.reason for event in unread)
    log.error("events_unreadable", reasons=reasons, delivery=unread[0].delivery)
    return [event for event in events if not isinstance(event, Unreadable)]
