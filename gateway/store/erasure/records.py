"""Plan records of a customer, and what was planned: found and erased.

May raise StoreUnavailableError or ScriptError.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from gateway.core.contacts.erasure import StagePage
from gateway.store import keys
from gateway.store.erasure.reports import erase_calls, erase_notifications, forget_alerts
from gateway.store.erasure.search import PersonSearch
from gateway.store.erasure.sends import erase_sends
from gateway.store.erasure.stream_pages import read_page
from gateway.store.redis.client import Store
from gateway.store.sending.lookup import read_each

AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class FoundRecord:
    """A record of the customer's, and the entry that lists it."""

    entry: str
    id: str
    contact: str = field(repr=False)
    plan: Mapping[str, Any] = field(repr=False)  # empty where it is no longer stored

    @property
    def sends(self) -> Sequence[str]:
        """Return the ids of the sends that were planned."""
        return [str(one) for one in self.plan.get("sends", ())]


@dataclass(frozen=True, slots=True)
class RecordPage:
    """The customer's records of one page, all of one number, and the next place."""

    number: str
    found: tuple[FoundRecord, ...]
    position: str


def find_records(search: PersonSearch, position: str) -> RecordPage:
    """Return the records of one page that are the customer's."""
    page = read_page(search.store, search.numbers(), _list_of, position, AT_ONCE)
    if page is None:
        return RecordPage("", (), "")
    listed = [(entry, *_one(fields)) for entry, fields in page.entries]
    own = [one for one in listed if search.person.is_named(one[2])]
    prefix = keys.number(page.owner)
    rows = read_each(search.store, [("GET", f"{prefix}record:{id_}") for _, id_, _ in own])
    found = tuple(FoundRecord(*one, _parse(row)) for one, row in zip(own, rows, strict=True))
    return RecordPage(page.owner, found, page.position)


def erase_records(search: PersonSearch, position: str, erasure: str) -> StagePage:
    """Erase the records of one page with the sends, notifications and calls that they planned.

    A record whose sends are being posted stays, so that the next pass finds them by it.
    """
    page = find_records(search, position)
    ids = [one for record in page.found for one in record.sends]
    prefix = keys.number(page.number)
    result = erase_sends(search.store, prefix, ids, erasure)
    over = [one for one in page.found if result.under_way.isdisjoint(one.sends)]
    notified = [str(one) for record in over for one in record.plan.get("notifications", ())]
    called = [str(one) for record in over for one in record.plan.get("calls", ())]
    counts = {
        "messages": result.erased,
        "notifications": erase_notifications(search.store, prefix, notified),
        "calls": erase_calls(search.store, prefix, called),
        "records": len([one for one in over if one.plan]),
    }
    texts = {str(one.get("text", "")) for record in over for one in record.plan.get("alerts", ())}
    forget_alerts(search.store, texts)
    _remove(search.store, prefix, over)
    return StagePage(page.position, counts, messages=len(result.under_way))


def _list_of(number: str) -> str:
    return f"{keys.number(number)}recorded"


def _one(fields: Mapping[bytes, bytes]) -> tuple[str, str]:
    """Return the id and the contact that an entry lists."""
    ((id_, contact),) = list(fields.items())[:1]
    return id_.decode(), contact.decode()


def _parse(row: bytes | None) -> Mapping[str, Any]:
    try:
        parsed = orjson.loads(row) if row else {}
    except orjson.JSONDecodeError:
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _remove(store: Store, prefix: str, records: Sequence[FoundRecord]) -> None:
    """Remove records; the entries last, since they are found by these."""

    def remove(client: Any) -> None:
        pipe = client.pipeline(transaction=True)
        for one in records:
            pipe.zrem(f"{prefix}records:{one.contact}", one.id)
            pipe.delete(f"{prefix}record:{one.id}")
        pipe.xdel(f"{prefix}recorded", *(one.entry for one in records))
        pipe.execute()

    if records:
        store.run(remove)
