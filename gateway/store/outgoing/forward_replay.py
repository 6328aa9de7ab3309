"""Replay of forwards: events of a range of time go to a receiver once more, under the same ids.

May raise StoreUnavailableError or ScriptError.
"""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby, islice

import orjson

from gateway.core.events import Event
from gateway.core.forwards.forward import Forward, forward_id, plan_forwards
from gateway.core.forwards.receiver import Receiver
from gateway.core.planning.event import record_id
from gateway.core.storage.timestamps import datetime_from_ms
from gateway.core.webhook.parser import split
from gateway.rules.event_kinds import kind_of
from gateway.store import keys
from gateway.store.body_codec import Bodies
from gateway.store.inbox.history import History
from gateway.store.number_list import add_number
from gateway.store.outgoing.forwards import queue_forwards
from gateway.store.redis.client import Store
from gateway.store.sending.lookup import read_each

AT_ONCE = 200
FindReceiver = Callable[[str], Receiver | None]  # by the number of an event


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """How many events were meant for the receiver, and queued; others wait for it already."""

    found: int
    queued: int
    numbers: tuple[str, ...]
    unopened: int  # deliveries that this process cannot open
    next_at: datetime | None = None  # from when to go on, where time was over before the end


@dataclass(frozen=True, slots=True)
class ForwardReplay:
    """A range of time, by when deliveries were kept, and of which numbers."""

    store: Store
    bodies: Bodies
    find_receiver: FindReceiver
    since: datetime | None = None
    until: datetime | None = None
    number: str = ""  # "" for all

    def run(self, name: str, *, is_trial: bool = False, lasts_s: float = math.inf) -> ReplayResult:
        """Queue each event that was meant for the receiver of this name; a trial only counts.

        It stops after `lasts_s`; what is queued from its `next_at` on may have been queued once.
        """
        history, began = History(self.store, self.bodies), time.monotonic()
        found, queued, read, numbers = 0, 0, 0, dict[str, None]()
        events, next_at = self._events(history), None
        while batch := list(islice(events, AT_ONCE)):
            is_over = read > 0 and time.monotonic() - began > lasts_s
            if is_over and (next_at := self._later_moment(batch[0])):
                break
            read += len(batch)
            for number, group in groupby(self._wanted(name, batch), key=lambda pair: pair[0]):
                forwards = [forward for _, forward in group]
                found += len(forwards)
                numbers[number] = None
                if not is_trial:
                    add_number(self.store, number)
                    queued += queue_forwards(self.store, number, name, forwards)
        return ReplayResult(found, queued, tuple(numbers), history.unopened, next_at)

    def _later_moment(self, event: Event) -> datetime | None:
        """Return when the delivery of an event was kept; None if that is where it began."""
        _, _, entry = event.delivery.partition(":")
        kept_at = datetime_from_ms(int(entry.partition("-")[0]))
        return kept_at if self.since is None or kept_at > self.since else None

    def _events(self, history: History) -> Iterator[Event]:
        for delivery in history.deliveries(self.since, self.until):
            for event in split(delivery):
                if not self.number or event.number == self.number:
                    yield event

    def _wanted(self, name: str, events: list[Event]) -> Iterator[tuple[str, Forward]]:
        """Yield what the receiver's filter or a rule meant for it, in order for each number."""
        records = read_each(
            self.store,
            [("GET", f"{keys.number(one.number)}record:{record_id(one)}") for one in events],
        )
        pairs = sorted(zip(events, records, strict=True), key=lambda pair: pair[0].number)
        for event, record in pairs:
            receiver = self.find_receiver(event.number)
            if receiver and (
                receiver.wants(kind_of(event), event.number) or _was_named(event, name, record)
            ):
                (forward,) = plan_forwards(event, event.contact, [receiver])
                yield event.number, forward


def _was_named(event: Event, name: str, record: bytes | None) -> bool:
    """Say whether a rule handed the event on, as its record has it."""
    try:
        planned = orjson.loads(record) if record else {}
    except orjson.JSONDecodeError:
        return False
    return forward_id(event.key, name) in planned.get("forwards", ())
