"""Lists of messages: pages of the messages of several numbers, the newest first.

All of it may raise StoreUnavailableError or ScriptError.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from gateway.core.api.cursor import ListPlace
from gateway.core.storage.timestamps import ms_from_datetime
from gateway.store import keys
from gateway.store.api.lists.merged_lists import Entry, MergedLists
from gateway.store.api.sent_messages import SentMessage
from gateway.store.body_codec import Bodies
from gateway.store.planning.contacts import parse_contacts
from gateway.store.redis.client import Call, ScriptError, Store
from gateway.store.sending import send_rows
from gateway.store.sending.lookup import TracedSend, trace_rows
from gateway.store.sending.send_rows import SendRow

MOST_EXAMINED = 1_000  # rows that one page reads
MOST_ROUNDS = 100  # looks at the lists of numbers
AT_ONCE = 200  # rows in a look, where not all are wanted
_NEWEST = ListPlace(1 << 47)  # after every moment


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


@dataclass(frozen=True, slots=True)
class MessagePage:
    """Messages of a page, and where the next one begins; None at the end."""

    messages: Sequence[SentMessage]
    end: ListPlace | None


class MessageList:
    """Reads pages of the messages of some numbers, with one filter."""

    def __init__(
        self, store: Store, bodies: Bodies, numbers: Sequence[str], wanted: MessageFilter
    ) -> None:
        """Take the numbers whose messages are wanted."""
        self._store, self._bodies = store, bodies
        self._wanted = wanted
        self._numbers = numbers
        self._names = self._read_names() if wanted.recipient else {}

    def read_page(self, after: ListPlace | None, limit: int) -> MessagePage:
        """Return up to `limit` messages behind a place; fewer where many rows are not wanted."""
        wanted = self._wanted
        since_ms = ms_from_datetime(wanted.since) if wanted.since else 0
        lists = MergedLists(
            self._store, self._numbers, after or self._first(), since_ms, self._terms
        )
        found, examined = list[SentMessage](), 0
        for _ in range(MOST_ROUNDS):
            room = limit - len(found)
            most = AT_ONCE if wanted.stages or (wanted.recipient and wanted.reference) else room
            entries = lists.read(min(most, MOST_EXAMINED - examined))
            examined += len(entries)
            for (place, _), message in zip(entries, self._read(entries), strict=True):
                found += [message] if message else []
                if len(found) == limit:
                    is_last = place == entries[-1][0] and lists.rest is None
                    return MessagePage(found, None if is_last else place)
            if lists.rest is None or examined >= MOST_EXAMINED:
                break
        return MessagePage(found, lists.rest)

    def _first(self) -> ListPlace:
        until = self._wanted.until
        return ListPlace(ms_from_datetime(until) + 1) if until else _NEWEST

    def _read_names(self) -> Mapping[str, frozenset[str]]:
        """Return by number the names under which the recipient's sends may be."""
        name = self._wanted.recipient
        calls = [Call("load", keys.number(one), [1, name]) for one in self._numbers]
        return {
            number: _names_of(name, reply)
            for number, reply in zip(self._numbers, self._store.call_many(calls), strict=True)
        }

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
        return bool(send.damage) or self._wanted.is_wanted(send)

    def _with_reference(self, send: TracedSend) -> TracedSend:
        # It is gone with the text, but the list knows it.
        return replace(send, reference=send.reference or self._wanted.reference)


def _names_of(name: str, reply: Any) -> frozenset[str]:
    if isinstance(reply, ScriptError):
        return frozenset({name})
    if isinstance(reply, Exception):
        raise reply
    contacts, _ = parse_contacts([name], reply[1])
    contact = contacts.get(name)
    return frozenset({name, *((contact.key, *contact.aliases) if contact else ())})
