"""Lists of messages: pages of the messages of several numbers, the newest first.

All of it may raise StoreUnavailableError or ScriptError.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from gateway.core.api.lists.cursor import ListPlace
from gateway.core.storage.timestamps import ms_from_datetime
from gateway.store import keys
from gateway.store.api.lists.contact_names import read_names
from gateway.store.api.lists.merged_lists import MergedLists
from gateway.store.api.lists.paging import NEWEST, Entry, Page, read_page
from gateway.store.api.sent_messages import SentMessage
from gateway.store.body_codec import Bodies
from gateway.store.redis.client import Call, Store
from gateway.store.sending import send_rows
from gateway.store.sending.lookup import TracedSend, trace_rows
from gateway.store.sending.send_rows import SendRow


def _all(_: TracedSend) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class MessageFilter:
    """Messages that are wanted; `recipient` is a name of a contact, "" for all."""

    recipient: str = field(default="", repr=False)
    reference: str = ""
    since: datetime | None = None
    until: datetime | None = None
    stages: frozenset[str] = frozenset()  # empty for all
    is_wanted: Callable[[TracedSend], bool] = _all  # beyond that
    are_due_later: bool = False  # only those that wait for their moment, the next one first


class MessageList:
    """Reads pages of the messages of some numbers, with one filter."""

    def __init__(
        self, store: Store, bodies: Bodies, numbers: Sequence[str], wanted: MessageFilter
    ) -> None:
        """Take the numbers whose messages are wanted."""
        self._store, self._bodies = store, bodies
        self._wanted = wanted
        self._numbers = numbers
        name = wanted.recipient
        self._names: Mapping[str, frozenset[str]] = read_names(store, numbers, name) if name else {}

    def read_page(self, after: ListPlace | None, limit: int) -> Page[SentMessage]:
        """Return up to `limit` messages behind a place; fewer where many rows are not wanted."""
        wanted = self._wanted
        if wanted.are_due_later:
            lists = MergedLists(self._store, self._numbers, after or NEWEST, _due_call)
        else:
            first = ListPlace(ms_from_datetime(wanted.until) + 1) if wanted.until else NEWEST
            lists = MergedLists(self._store, self._numbers, after or first, self._list_call)
        filtered = bool(wanted.stages or (wanted.recipient and wanted.reference))
        return read_page(lists, self._read, limit, filtered=filtered)

    def _list_call(self, number: str, ms: int, nth: int, most: int) -> Call:
        since_ms = ms_from_datetime(self._wanted.since) if self._wanted.since else 0
        args: list[Any] = [ms, nth, since_ms, most, *self._terms(number)]
        return Call("list_sends", keys.number(number), args)

    def _terms(self, number: str) -> list[str]:
        if self._wanted.reference:
            return [f"r{self._wanted.reference}"]
        return [f"c{name}" for name in sorted(self._names.get(number, ()))]

    def _read(self, entries: Sequence[Entry]) -> list[SentMessage | None]:
        """Return the message of each entry, None where it is not wanted, or forgotten."""
        ids: dict[str, list[str]] = {}
        for place, id_ in entries:
            ids.setdefault(place.number, []).append(id_)
        found = {
            (number, send.id): SentMessage(number, send)
            for number, some in ids.items()
            for send in self._read_wanted(number, list(dict.fromkeys(some)))
        }
        # One that is listed twice is shown once.
        return [found.pop((place.number, id_), None) for place, id_ in entries]

    def _read_wanted(self, number: str, ids: Sequence[str]) -> list[TracedSend]:
        rows = send_rows.read_rows(self._store, self._bodies, number, ids)
        some = [row for row in rows if self._may_be_wanted(number, row)]
        sends = trace_rows(self._store, number, some)
        return [self._with_reference(one) for one in sends if self._is_wanted(one)]

    def _may_be_wanted(self, number: str, row: SendRow) -> bool:
        stages, names = self._wanted.stages, self._names.get(number)
        if row.damage:
            return not stages
        if not row.fields or (stages and row.fields.get("stage") not in stages):
            return False
        return names is None or row.fields.get("lane") in names

    def _is_wanted(self, send: TracedSend) -> bool:
        if send.damage:
            return True
        return self._wanted.is_wanted(send) and self._is_in_time(send)

    def _is_in_time(self, send: TracedSend) -> bool:
        at, since, until = send.planned_at, self._wanted.since, self._wanted.until
        return at is None or not ((since and at < since) or (until and at > until))

    def _with_reference(self, send: TracedSend) -> TracedSend:
        # It is gone with the text, but the list knows it.
        return replace(send, reference=send.reference or self._wanted.reference)


def _due_call(number: str, ms: int, nth: int, most: int) -> Call:
    return Call("list_due", keys.number(number), [ms, nth, most])
