"""Leased partition: the deliveries that were read from it, and how far each of them is done."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from types import MappingProxyType

from gateway.core.dead_letters.deferred_delivery import DeferReason, retry_delay_ms
from gateway.core.events import Delivery, Event
from gateway.core.webhook.parser import split
from gateway.store.body_codec import Bodies, UnknownRecordError
from gateway.store.inbox.record import read_delivery

Deferred = Mapping[str, DeferReason]  # deliveries that cannot be committed now, and why
# This much of one partition is a batch of its own: 256 statuses of one delivery have 8 KB.
MANY_DELIVERIES, MANY_BYTES = 64, 8 * 1024
NONE_DEFERRED: Deferred = MappingProxyType({})
UNCHANGED = ("", "")  # progress of the delivery after the cursor


@dataclass(slots=True)
class HeldDelivery:
    """A delivery as it was read; it is opened when its turn comes."""

    id: str
    header: bytes
    record: bytes
    tries: int  # how often it was deferred before, 0 where it stands after the cursor
    deaths: int = 0  # workers that died when they were about to open it
    resume: tuple[int, str] = (0, "")  # events done before, and their seal
    delivery: Delivery | None = None
    events: Sequence[Event] | None = None
    open_error: str = ""
    done: int = 0  # events that are passed
    batch_end: int = 0  # events that will be passed with the batch in hand
    is_deferred: bool = False  # deferred meanwhile
    defer_reason: DeferReason | None = None

    @property
    def entry(self) -> str:
        """Return its id within the partition."""
        return self.id.partition(":")[2]

    @property
    def is_done(self) -> bool:
        """Return whether nothing of it is left once the batch in hand is passed."""
        return self.events is not None and self.batch_end >= len(self.events)

    def read(self, bodies: Bodies) -> Sequence[Event]:
        """Return all its events, none where it cannot be opened; then `open_error` says why."""
        if self.events is None:
            try:
                self.events = self._split(bodies)
            except UnknownRecordError as error:
                self.open_error, self.events = str(error), ()
            except Exception as error:  # a bug costs only this delivery, which waits for a fix
                self.open_error, self.events = f"reading it raised {type(error).__name__}", ()
        return self.events

    def reuse_reading(self, before: "HeldDelivery") -> None:
        """Reuse the events that were read from the same delivery before."""
        if before.record == self.record and before.events:
            self.delivery, self.events = before.delivery, before.events
            self._resume(before.events)

    def give_up(self) -> None:
        """Count it as done without opening it."""
        self.events = ()

    def _split(self, bodies: Bodies) -> Sequence[Event]:
        self.delivery = read_delivery(self.id, self.header, self.record, bodies)
        events = split(self.delivery)
        self._resume(events)
        return events

    def _resume(self, events: Sequence[Event]) -> None:
        """Continue after the events that were done before.

        Another release may split the delivery differently. Then it starts over: events that were
        committed are known.
        """
        count, before = self.resume
        if 0 < count < len(events) and seal(events[:count]) == before:
            self.done = self.batch_end = count


@dataclass(slots=True)
class HeldPartition:
    """A leased partition."""

    index: int
    fence: int
    is_careful: bool = False  # a worker died over deliveries read from it
    deliveries: deque[HeldDelivery] = field(default_factory=deque)

    @property
    def is_full(self) -> bool:
        """Return whether so much was read that another worker should help."""
        size = sum(len(one.record) for one in self.deliveries)
        return len(self.deliveries) >= MANY_DELIVERIES or size >= MANY_BYTES

    @property
    def unfinished(self) -> dict[str, HeldDelivery]:
        """Return the deliveries that were begun and are not done, by their place."""
        begun = (one for one in self.deliveries if one.events)
        return {one.id: one for one in begun if one.done < len(one.events or ())}

    @property
    def in_hand(self) -> int:
        """Return how many of its events the batch in hand has."""
        return sum(one.batch_end - one.done for one in self.deliveries)

    def mark_batch(self, most: int, bodies: Bodies) -> list[HeldDelivery]:
        """Mark up to `most` events, in order, for the batch in hand; return their deliveries."""
        deliveries = []
        for one in self.deliveries:
            if most <= 0:
                break
            count = min(most, len(one.read(bodies)) - one.done)
            one.batch_end = one.done + count
            most -= count
            deliveries.append(one)
        return deliveries

    def pass_batch(self, deferred: Deferred) -> list[object]:
        """Forget what is done; return the script's arguments for it.

        These are the cursor to move to, how many deliveries that passes, how far the next one is
        done, how many events are passed, and which deliveries are deferred or come back from there.
        """
        cursor, count, events = "", 0, 0
        progress: tuple[object, str] = UNCHANGED
        deferrals: list[object] = []
        returned: list[object] = []
        for one in list(self.deliveries):
            deferrals += self._defer(one, deferred)
            if one.tries == 0:
                events += one.batch_end - one.done
            one.done = one.batch_end
            if one.is_done:
                self.deliveries.remove(one)
            if one.is_done and one.tries and not one.is_deferred:
                returned.append(one.entry)
            if one.tries == 0 and one.is_done:
                cursor, count, progress = one.entry, count + 1, (0, "")
            elif one.tries == 0 and one.events is not None:
                progress = (one.done, seal(one.events[: one.done]))
        return [cursor, count, *progress, events, len(deferrals) // 4, *deferrals, *returned]

    def _defer(self, delivery: HeldDelivery, deferred: Deferred) -> list[object]:
        """Defer a delivery at once where the cursor leaves it, else when it is done."""
        delivery.defer_reason = delivery.defer_reason or deferred.get(delivery.id)
        if (
            not delivery.defer_reason
            or delivery.is_deferred
            or (delivery.tries and not delivery.is_done)
        ):
            return []
        delivery.is_deferred = True
        delay_ms = retry_delay_ms(delivery.tries)
        return [delivery.entry, delay_ms, delivery.defer_reason.pack(), int(delivery.tries > 0)]


def fill_batch(
    partitions: Sequence[HeldPartition], most: int, each: int, bodies: Bodies
) -> dict[int, list[HeldDelivery]]:
    """Mark up to `most` events for the batch in hand; return their deliveries.

    Every partition gives `each` first, in turn; the remaining room is for those that have more.
    """
    marked: dict[int, list[HeldDelivery]] = {}
    for limit in (each, most):
        for held in partitions:
            room = most - sum(one.in_hand for one in partitions) + held.in_hand
            marked[held.index] = held.mark_batch(min(limit, room), bodies)
    return marked


def seal(events: Sequence[Event]) -> str:
    """Return a digest that identifies these events by their keys; "" for none."""
    joined = "\n".join(event.key for event in events)
    return sha256(joined.encode()).hexdigest()[:16] if events else ""
