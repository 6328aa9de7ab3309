"""The inbox as one history: all that Meta posted and is still kept, in the order it was kept."""

import heapq
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

from gateway.core.events import Delivery
from gateway.core.sending.dead_letter import moment
from gateway.store import keys
from gateway.store.body_encryption import Bodies, UnknownRecordError
from gateway.store.inbox.lookup import KeptEvent, TracedInbox
from gateway.store.planning.commit import milliseconds
from gateway.store.redis.client import Store

# A delivery may have 3 MB, and so many of each partition are in memory at once.
STEP = 32
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_At = tuple[int, int]  # a millisecond, and which entry of it


class _Entry(NamedTuple):
    at_ms: int
    nth: int  # of that millisecond
    partition: int
    fields: dict[bytes, bytes]

    @property
    def id(self) -> str:
        return f"{self.at_ms}-{self.nth}"


class History:
    """Reads what was kept, bit by bit and without touching it."""

    def __init__(self, store: Store, bodies: Bodies) -> None:
        """Take the store and how bodies are opened."""
        self._store = store
        self._bodies = bodies
        self.unopened = 0  # deliveries of the last reading that this process cannot open
        self._lasts: list[_At] | None = None

    def count(self) -> int:
        """Return how many deliveries are kept, ours among them. Raises StoreUnavailableError."""
        return sum(self._length(index) for index in range(keys.PARTITIONS))

    def deliveries(
        self, since: datetime | None = None, until: datetime | None = None
    ) -> Iterator[Delivery]:
        """Give what was kept between two moments, and never what came after the first reading.

        What the gateway put back itself is left out: it follows from the rest. Raises
        StoreUnavailableError.
        """
        self.unopened = 0
        first = _stamp(since or _EPOCH)
        # By what is there and not by the clock: after one stepped back, entries are ahead of it.
        self._lasts = self._lasts or [self._last(index) for index in range(keys.PARTITIONS)]
        ends = [_end(last, until) for last in self._lasts]
        partitions = [self._entries(index, first, end) for index, end in enumerate(ends)]
        for entry in heapq.merge(*partitions, key=lambda one: one[:3]):
            origin, secret, account = entry.fields[b"h"].decode().split("|", 2)
            if origin == "internal":
                continue
            try:
                body = self._bodies.open(entry.fields[b"b"])
            except UnknownRecordError:
                self.unopened += 1
                continue
            place, at = f"{entry.partition}:{entry.id}", moment(entry.at_ms)
            yield Delivery(place, at, body, account, secret, origin)

    def _entries(self, index: int, first_ms: int, end: str) -> Iterator[_Entry]:
        name, start = f"{keys.partition(index)}inbox", f"{first_ms}"
        while found := self._range(name, start, end):
            for raw, fields in found:
                yield _Entry(*_at(raw), index, fields)
            start = f"({found[-1][0].decode()}"

    def _last(self, index: int) -> _At:
        name = f"{keys.partition(index)}inbox"
        found: Any = self._store.run(lambda client: client.xrevrange(name, count=1))
        return _at(found[0][0]) if found else (0, 0)

    def _length(self, index: int) -> int:
        length: Any = self._store.run(lambda client: client.xlen(f"{keys.partition(index)}inbox"))
        return int(length)

    def _range(self, name: str, first: str, last: str) -> Any:
        return self._store.run(lambda client: client.xrange(name, first, last, count=STEP))


def _at(raw: bytes) -> _At:
    at_ms, _, nth = raw.decode().partition("-")
    return int(at_ms), int(nth)


def _end(last: _At, until: datetime | None) -> str:
    """Return where to end: at the last entry, or with all of an earlier millisecond."""
    if until is not None and _stamp(until) < last[0]:
        return f"{_stamp(until)}"
    return f"{last[0]}-{last[1]}"


def _stamp(at: datetime) -> int:
    """Return a moment as entries of a stream bear it, which have none before 1970."""
    return max(0, milliseconds(at))


class Arrivals:
    """Follows the inbox from the moment it is made; every method raises StoreUnavailableError."""

    def __init__(self, store: Store, bodies: Bodies) -> None:
        """Begin after what is kept already."""
        self._inbox = TracedInbox(store, bodies)
        self._after = {index: self._inbox.newest(index) for index in range(keys.PARTITIONS)}

    def new(self) -> list[KeptEvent]:
        """Return the events kept since the last time, each once."""
        found: list[KeptEvent] = []
        for index, entry in self._after.items():
            for seen, events in self._inbox.after(index, entry):
                self._after[index] = seen
                found += events
        return sorted(found, key=lambda one: one.at)
