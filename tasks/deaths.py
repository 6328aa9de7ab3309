"""What is done about events that cannot be planned, or that may kill whoever touches them."""

from collections.abc import Iterator, Sequence

import structlog

from gateway.core.envelope import split
from gateway.core.events import Delivery, Event, Message, Unreadable
from gateway.core.follows import record_id
from gateway.core.keys import of_bytes
from gateway.core.plan import Failure
from gateway.store.commit import bury
from gateway.store.stream import note_lost
from tasks.worker import Worker

log = structlog.get_logger(__name__)

MOST_DEATHS = 2
KILLED = "killed_worker"


def one_by_one(at_work: Worker, delivery: Delivery) -> Iterator[Event]:
    """Give the events of a delivery, each written down before it is touched.

    Whoever held it before has died. What two of those who came after died over as well is set
    before a person: three deaths at most, and the partition goes on.
    """
    if at_work.inbox.suspect(delivery.id) > MOST_DEATHS:
        _give_up(at_work, _whole(delivery))
        return
    events = split(delivery)
    before = delivery.id
    for event in events:
        place = f"{delivery.id}/{event.item}"
        if at_work.inbox.suspect(place, before) > MOST_DEATHS:
            _give_up(at_work, event)
        else:
            yield event
        before = place
    log.warning("delivery_drained_carefully", delivery=delivery.id, events=len(events))


def _whole(delivery: Delivery) -> Event:
    """Return a delivery that cannot even be split as one event."""
    return Unreadable(
        key=of_bytes("killed", delivery.body),
        delivery=delivery.id,
        item=0,
        number="",
        contact="",
        at=delivery.received_at,
        raw=None,
        reason=KILLED,
    )


def _give_up(at_work: Worker, event: Event) -> None:
    set_before_a_person(at_work, [Failure(event, KILLED, "")])


def set_before_a_person(at_work: Worker, failures: Sequence[Failure]) -> None:
    """Set events before a person.

    What is no message may be the status that a doubt waits for, or hold it. So first it is noted
    that some are lost, or their silence would be taken for evidence.
    """
    if any(not isinstance(one.event, Message) for one in failures):
        note_lost(at_work.store)
    for number in {one.event.number for one in failures}:
        at_work.list(number)
    bury(at_work.store, failures)
    for one in failures:
        log.error("event_dead", event_id=record_id(one.event), error=one.error)
