"""Forward: one event that one receiver gets; it refers to the delivery that holds the event."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta

import orjson

from gateway.core.events import Event
from gateway.core.forwards.receiver import Receiver
from gateway.core.webhook.event_keys import digest

FORWARD = "forward"  # the verb of rules
# A forward that nobody received for so long becomes a dead letter.
LASTS = timedelta(days=3)
# A receiver's forwards may hold back so large a part of the store; beyond it the oldest die.
MOST_OF_STORE = 0.10
ALERT_FROM = 0.75  # of either bound
# What a row and its places take in the store, beside the event itself.
ROW_BYTES = 900


@dataclass(frozen=True, slots=True)
class Forward:
    """What is to be handed on: the event's place, and a lane whose forwards stay in order."""

    id: str
    receiver: str
    place: str  # "<delivery>/<item>"
    contact: str = field(default="", repr=False)
    lane: str = field(default="", repr=False)  # "" where it waits for no other
    size: int = ROW_BYTES  # what waiting for it costs the store, in bytes

    @property
    def delivery(self) -> str:
        """Return the delivery that it refers to."""
        return self.place.rpartition("/")[0]

    @property
    def item(self) -> int:
        """Return the position of its event in that delivery."""
        return int(self.place.rpartition("/")[2])


def forward_id(event_key: str, receiver: str) -> str:
    """Return the id of an event's forward to a receiver, which each attempt and replay has."""
    return f"{digest(event_key).hex()}-{receiver}"


def receiver_of(forward: str) -> str:
    """Return the receiver's name in an id."""
    return forward.partition("-")[2]


def plan_forwards(event: Event, contact: str, receivers: Iterable[Receiver]) -> tuple[Forward, ...]:
    """Plan an event's forwards, one for each receiver, in their order.

    `contact` is the key of the customer, "" if there is none.
    """
    by_name = {one.name: one for one in receivers}
    if not by_name:
        return ()
    size = ROW_BYTES + len(orjson.dumps(event.raw, default=str))
    return tuple(
        Forward(
            id=forward_id(event.key, one.name),
            receiver=one.name,
            place=f"{event.delivery}/{event.item}",
            contact=contact,
            lane=contact if one.is_ordered else "",
            size=size,
        )
        for one in by_name.values()
    )
