"""Lists of events that have a record, of several numbers, the newest first.

All of it may raise StoreUnavailableError or ScriptError.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from redis.exceptions import RedisError

from gateway.core.api.lists.cursor import ListPlace
from gateway.core.storage.timestamps import ms_from_datetime
from gateway.store import keys
from gateway.store.api.lists.contact_names import read_names
from gateway.store.api.lists.merged_lists import MergedLists
from gateway.store.api.lists.paging import NEWEST, Entry, EntrySource, Page, read_page
from gateway.store.redis.client import Call, Store, StoreUnavailableError, translate_error
from gateway.store.tracing import records
from gateway.store.tracing.records import DamagedRecord, PlanRecord

# Of one contact a number lists so many (commit.lua).
MOST_OF_CONTACT = 100
# Parts of a place of a number, which has fractions where one commit has several.
PARTS = 4_096


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Events that are wanted; `contact` is a name of one, "" for all."""

    contact: str = field(default="", repr=False)
    kind: str = ""
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class ListedEvent:
    """An event by the id of its record, with what was planned for it."""

    number: str
    id: str
    contact: str = field(repr=False)
    record: PlanRecord | DamagedRecord


class EventList:
    """Reads pages of the events of some numbers, with one filter."""

    def __init__(self, store: Store, numbers: Sequence[str], wanted: EventFilter) -> None:
        """Take the numbers whose events are wanted."""
        self._store, self._numbers, self._wanted = store, numbers, wanted

    def read_page(self, after: ListPlace | None, limit: int) -> Page[ListedEvent]:
        """Return up to `limit` events behind a place; fewer where many are not of the kind."""
        until = self._wanted.until
        first = ListPlace(ms_from_datetime(until) + 1) if until else NEWEST
        source = self._source(after or first)
        return read_page(source, self._read, limit, filtered=bool(self._wanted.kind))

    def _source(self, after: ListPlace) -> EntrySource:
        since_ms = ms_from_datetime(self._wanted.since) if self._wanted.since else 0
        if self._wanted.contact:
            names = read_names(self._store, self._numbers, self._wanted.contact)
            return _ContactRecords(self._store, names, after, since_ms)

        def list_call(number: str, ms: int, nth: int, most: int) -> Call:
            return Call("list_records", keys.number(number), [ms, nth, since_ms, most])

        return MergedLists(self._store, self._numbers, after, list_call)

    def _read(self, entries: Sequence[Entry]) -> list[ListedEvent | None]:
        """Return the event of each entry, None where it is not wanted, or its record is gone."""
        by_number: dict[str, list[str]] = {}
        for place, text in entries:
            by_number.setdefault(place.number, []).append(text)
        found: dict[tuple[str, str], ListedEvent] = {}
        for number, texts in by_number.items():
            ids = [text.partition(" ")[0] for text in texts]
            rows = records.read_records(self._store, number, ids)
            for text, id_, row in zip(texts, ids, rows, strict=True):
                if row and self._is_wanted(row):
                    contact = text.partition(" ")[2]
                    found[number, text] = ListedEvent(number, id_, contact, row)
        # One that is listed twice is shown once.
        return [found.pop((place.number, text), None) for place, text in entries]

    def _is_wanted(self, record: PlanRecord | DamagedRecord) -> bool:
        kind = self._wanted.kind
        return not kind or (isinstance(record, PlanRecord) and record.kind == kind)


class _ContactRecords:
    """The records of one contact at all numbers: few, so they are read at once."""

    def __init__(
        self, store: Store, names: Mapping[str, frozenset[str]], after: ListPlace, since_ms: int
    ) -> None:
        listed = sorted(_read_entries(store, names), reverse=True)
        self._left = [one for one in listed if one[0] < after and one[0].ms >= since_ms]
        self._last: ListPlace | None = None

    @property
    def rest(self) -> ListPlace | None:
        return self._last if self._left else None

    def read(self, most: int) -> Sequence[Entry]:
        entries, self._left = self._left[:most], self._left[most:]
        self._last = entries[-1][0] if entries else self._last
        return entries


def _read_entries(store: Store, names: Mapping[str, frozenset[str]]) -> list[Entry]:
    """Return place, id and contact of the latest records under all names."""
    asked = [(number, name) for number, some in names.items() for name in sorted(some)]

    def ask(client: Any) -> list[Any]:
        pipe = client.pipeline(transaction=False)
        for number, name in asked:
            key = f"{keys.number(number)}records:{name}"
            pipe.zrevrange(key, 0, MOST_OF_CONTACT - 1, withscores=True)
        return list(pipe.answers())

    entries: list[Entry] = []
    replies = store.run(ask) if asked else []
    for (number, name), reply in zip(asked, replies, strict=True):
        if isinstance(reply, RedisError):
            if isinstance(error := translate_error(reply), StoreUnavailableError):
                raise error
            continue  # a damaged list hides no other
        ids = [id_.decode() for id_, _ in reply]
        rows = records.read_records(store, number, ids)
        for (_, position), id_, row in zip(reply, ids, rows, strict=True):
            at = row.planned_at if isinstance(row, PlanRecord) else None
            if row is not None:
                ms = ms_from_datetime(at) if at else 0
                place = ListPlace(ms, int(position * PARTS), number)
                entries.append((place, f"{id_} {name}"))
    return entries
