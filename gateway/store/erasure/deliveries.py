"""Deliveries that name a customer: found, and erased once they have had their effect.

May raise StoreUnavailableError or ScriptError.
"""

from dataclasses import dataclass, field
from datetime import timedelta

from gateway.core.contacts.erasure import StagePage
from gateway.core.webhook.redaction import redact
from gateway.store import keys
from gateway.store.body_codec import UnknownRecordError
from gateway.store.erasure.search import PersonSearch
from gateway.store.erasure.stream_pages import Entry, read_page
from gateway.store.inbox.record import BODY, HEADER, mark_redacted
from gateway.store.redis.client import Call

AT_ONCE = 64  # deliveries of a page, each of which may have 3 MB
_PARTITIONS = [f"{index:02}" for index in range(keys.PARTITIONS)]


@dataclass(frozen=True, slots=True)
class FoundDelivery:
    """A delivery that names the customer, where it stands, and what is left of it for others."""

    partition: int
    entry: str
    header: bytes
    body: bytes = field(repr=False)
    left: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class DeliveryPage:
    """Deliveries found on one page, how many of it cannot be opened here, and the next place."""

    found: tuple[FoundDelivery, ...]
    unopened: int
    position: str


def find_deliveries(search: PersonSearch, position: str) -> DeliveryPage:
    """Return the deliveries of one page that name the customer."""
    page = read_page(search.store, _PARTITIONS, _inbox_of, position, AT_ONCE)
    if page is None:
        return DeliveryPage((), 0, "")
    found, unopened = [], 0
    for entry in page.entries:
        try:
            if one := _read(search, int(page.owner), entry):
                found.append(one)
        except UnknownRecordError:
            unopened += 1
    return DeliveryPage(tuple(found), unopened, page.position)


def erase_deliveries(search: PersonSearch, position: str, retention: timedelta) -> StagePage:
    """Erase the deliveries of one page, and keep what others need of them."""
    page = find_deliveries(search, position)
    lives_ms = max(1, int(retention.total_seconds() * 1000))
    calls = [_erase_call(search, one, lives_ms) for one in page.found]
    waiting, erased, redacted = 0, 0, 0
    for one, reply in zip(page.found, search.store.call_many(calls), strict=True):
        if isinstance(reply, Exception):
            raise reply
        waiting += not reply
        erased += bool(reply)
        redacted += bool(reply and one.left is not None)
    counts = {"deliveries": erased, "redacted_deliveries": redacted}
    return StagePage(page.position, counts, deliveries=waiting, unopened=page.unopened)


def _inbox_of(partition: str) -> str:
    return f"{keys.partition(int(partition))}inbox"


def _read(search: PersonSearch, partition: int, entry: Entry) -> FoundDelivery | None:
    name, fields = entry
    body = search.bodies.open(fields[BODY])
    redaction = redact(body, search.person.is_mentioned, search.scope)
    if not redaction.is_concerned:
        return None
    return FoundDelivery(partition, name, fields[HEADER], body, redaction.left)


def _erase_call(search: PersonSearch, one: FoundDelivery, lives_ms: int) -> Call:
    copy = b"" if one.left is None else search.bodies.pack(one.left)
    header = mark_redacted(one.header)
    args = [one.entry, header, copy, lives_ms]
    return Call("erase_delivery", keys.partition(one.partition), args)
