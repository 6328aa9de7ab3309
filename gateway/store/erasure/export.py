"""Export: all that is stored of one customer, as JSON values, page by page.

It is found as an erasure finds it. May raise StoreUnavailableError or ScriptError.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import orjson

from gateway.core.contacts.grouping import contact_keys
from gateway.core.events import Event
from gateway.core.webhook.parser import split
from gateway.store import keys
from gateway.store.body_codec import Bodies
from gateway.store.erasure.audiences import iter_recipients
from gateway.store.erasure.deliveries import FoundDelivery, find_deliveries
from gateway.store.erasure.records import find_records
from gateway.store.erasure.remains import find_remains
from gateway.store.erasure.rows import FoundRow, find_rows
from gateway.store.erasure.search import PersonSearch
from gateway.store.inbox.record import read_delivery
from gateway.store.sending.lookup import TracedSend, read_sends

AT_ONCE = 100  # messages that are read at once


def iter_deliveries(search: PersonSearch) -> Iterator[dict[str, Any]]:
    """Yield what Meta delivered of the customer: of each delivery only their own items."""
    position, is_first = "", True
    while position or is_first:
        page = find_deliveries(search, position)
        for one in page.found:
            yield from _own_items(search, one)
        position, is_first = page.position, False


def iter_records(search: PersonSearch) -> Iterator[dict[str, Any]]:
    """Yield why something was planned for the customer, or nothing was."""
    position, is_first = "", True
    while position or is_first:
        page = find_records(search, position)
        yield from ({"number": page.number, **one.plan} for one in page.found if one.plan)
        position, is_first = page.position, False


def iter_messages(search: PersonSearch) -> Iterator[tuple[str, TracedSend]]:
    """Yield messages to the customer with the number that sends them, each once."""
    seen: set[tuple[str, str]] = set()
    for number, ids in _iter_sends(search):
        new = [one for one in dict.fromkeys(ids) if (number, one) not in seen]
        seen.update((number, one) for one in new)
        for start in range(0, len(new), AT_ONCE):
            part = new[start : start + AT_ONCE]
            for send in read_sends(search.store, search.bodies, number, part):
                if send.stage:
                    yield number, send


def iter_rows(search: PersonSearch) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield all else with its kind: dead letters, notifications, schedules, and more."""
    for one in iter_recipients(search):
        content = {"campaign": one.campaign, "phone": one.phone, "values": one.values}
        yield "campaigns", {"number": one.number, "content": content}
    for row in _iter_found_rows(search):
        if row.kind in _SECTIONS:
            section, read = _SECTIONS[row.kind]
            yield section, {"number": _number_of(search, row.prefix), **read(search.bodies, row)}


def _own_items(search: PersonSearch, one: FoundDelivery) -> Iterator[dict[str, Any]]:
    name = f"{one.partition}:{one.entry}"
    delivery = read_delivery(name, one.header, search.bodies.pack(one.body), search.bodies)
    own = [event for event in split(delivery) if _is_own(search, event)]
    if own:
        items = [event.raw for event in own]
        yield {"delivery": name, "received_at": delivery.received_at, "items": items}


def _is_own(search: PersonSearch, event: Event) -> bool:
    is_named = not search.person.names.isdisjoint(contact_keys(event))
    return is_named or search.person.has(event.raw)


def _iter_sends(search: PersonSearch) -> Iterator[tuple[str, Sequence[str]]]:
    for row in _iter_found_rows(search):
        if row.kind == "send:":
            yield _number_of(search, row.prefix), [str(row.name)]
    position, is_first = "", True
    while position or is_first:
        page = find_remains(search, position)
        yield page.number, page.ids
        position, is_first = page.position, False


def _iter_found_rows(search: PersonSearch) -> Iterator[FoundRow]:
    position, is_first = "", True
    while position or is_first:
        page = find_rows(search, position)
        yield from page.found
        position, is_first = page.position, False


def _number_of(search: PersonSearch, prefix: str) -> str:
    """Return the number whose keys have a prefix; an odd one is known by its digest only."""
    plain = prefix.removeprefix(f"{keys.SPACE}{{n").removesuffix("}:")
    return next((one for one in search.numbers() if keys.number(one) == prefix), plain)


def _read_json(_: Bodies, row: FoundRow) -> dict[str, Any]:
    return {"content": orjson.loads(row.value)}


def _read_bytes(bodies: Bodies, row: FoundRow) -> dict[str, Any]:
    return {"content": bodies.open(row.value).decode(errors="replace")}


def _read_copy(bodies: Bodies, row: FoundRow) -> dict[str, Any]:
    """Return what a receiver would get; one that waits refers to a delivery, which has it."""
    _, copy = row.value
    return {"content": orjson.loads(bodies.open(copy)) if copy else None}


def _read_packed(bodies: Bodies, row: FoundRow) -> dict[str, Any]:
    return {"content": orjson.loads(bodies.open(row.value))}


_SECTIONS: dict[str, tuple[str, Callable[[Bodies, FoundRow], dict[str, Any]]]] = {
    "dead:event:": ("dead_letters", _read_json),
    "unreadable:event:": ("dead_letters", _read_bytes),
    "notification:": ("notifications", _read_json),
    "call:": ("calls", _read_json),
    "schedule:": ("schedules", _read_packed),
    "forward:": ("forwards", _read_copy),
    "timer": ("timers", _read_json),
}
