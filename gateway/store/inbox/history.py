"""Inbox history: every delivery that is still stored, in the order in which it was stored."""

import heapq
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

from gateway.core.events import Delivery
from gateway.core.storage.timestamps import ms_from_datetime
from gateway.store import keys
from gateway.store.body_codec import Bodies, UnknownRecordError
from gateway.store.inbox.lookup import KeptEvent, TracedInbox
from gateway.store.inbox.record import BODY, HEADER, is_internal, read_delivery
from gateway.store.redis.client import Store

# A delivery may have 3 MB, and this many of each partition are in memory at once.
STEP = 32
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EntryId = tuple[int, int]  # a millisecond, and the sequence number within it


class _Entry(NamedTuple):
    at_ms: int
    nth: int  # within that millisecond
    partition: int
    fields: dict[bytes, bytes]

    @property
    def id(self) -> str:
        return f"{self.at_ms}-{self.nth}"


class History:
    """Reads stored deliveries in pages, without changing them."""

    def __init__(self, store: Store, bodies: Bodies) -> None:
        """Take the store and how bodies are opened."""
        self._store = store
        self._bodies = bodies
        self.unopened = 0  # deliveries of the last reading that this process cannot open
        self._last_entries: list[_EntryId] | None = None

    def count(self) -> int:
        """Return how many deliveries are stored, ours too. Raises StoreUnavailableError."""
        return sum(self._count_entries(index) for index in range(keys.PARTITIONS))

    def deliveries(
        self, since: datetime | None = None, until: datetime | None = None
    ) -> Iterator[Delivery]:
        """Yield the deliveries stored between two moments, but none newer than the first reading.

        Internal deliveries are left out: they follow from the rest. Raises StoreUnavailableError.
        """
        self.unopened = 0
        first = _to_stream_ms(since or _EPOCH)
        # By the entries and not by the clock: after it stepped back, entries are ahead of it.
        self._last_entries = self._last_entries or [
            self._last_entry(index) for index in range(keys.PARTITIONS)
        ]
        ends = [_range_end(last, until) for last in self._last_entries]
        partitions = [self._iter_entries(index, first, end) for index, end in enumerate(ends)]
        for entry in heapq.merge(*partitions, key=lambda one: one[:3]):
            header, body = entry.fields[HEADER], entry.fields[BODY]
            if is_internal(header):
                continue
            try:
                yield read_delivery(f"{entry.partition}:{entry.id}", header, body, self._bodies)
            except UnknownRecordError:
                self.unopened += 1

    def _iter_entries(self, index: int, first_ms: int, end: str) -> Iterator[_Entry]:
        name, start = f"{keys.partition(index)}inbox", f"{first_ms}"
        while rows := self._read_range(name, start, end):
            for raw, fields in rows:
                yield _Entry(*_parse_entry_id(raw), index, fields)
            start = f"({rows[-1][0].decode()}"

    def _last_entry(self, index: int) -> _EntryId:
        name = f"{keys.partition(index)}inbox"
        rows: Any = self._store.run(lambda client: client.xrevrange(name, count=1))
        return _parse_entry_id(rows[0][0]) if rows else (0, 0)

    def _count_entries(self, index: int) -> int:
        length: Any = self._store.run(lambda client: client.xlen(f"{keys.partition(index)}inbox"))
        return int(length)

    def _read_range(self, name: str, first: str, last: str) -> Any:
        return self._store.run(lambda client: client.xrange(name, first, last, count=STEP))


def _parse_entry_id(raw: bytes) -> _EntryId:
    at_ms, _, nth = raw.decode().partition("-")
    return int(at_ms), int(nth)


def _range_end(last: _EntryId, until: datetime | None) -> str:
    """Return where to end: at the last entry, or after all of an earlier millisecond."""
    if until is not None and _to_stream_ms(until) < last[0]:
        return f"{_to_stream_ms(until)}"
    return f"{last[0]}-{last[1]}"


def _to_stream_ms(at: datetime) -> int:
    """Return a moment in the milliseconds of entry ids, which start at 1970."""
    return max(0, ms_from_datetime(at))


class Arrivals:
    """Follows the inbox from its creation on; every method raises StoreUnavailableError."""

    def __init__(self, store: Store, bodies: Bodies) -> None:
        """Begin after what is stored already."""
        self._inbox = TracedInbox(store, bodies)
        self._last_seen = {
            index: self._inbox.newest_entry(index) for index in range(keys.PARTITIONS)
        }

    def read_new(self) -> list[KeptEvent]:
        """Return the events stored since the last call, each once."""
        new_events: list[KeptEvent] = []
        for index, entry in self._last_seen.items():
            for seen, events in self._inbox.read_after(index, entry):
                self._last_seen[index] = seen
                new_events += events
        return sorted(new_events, key=lambda one: one.at)
