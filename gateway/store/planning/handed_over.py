"""Contacts that a person answers: listed for the operator, and given back to the rules.

May raise StoreUnavailableError or ScriptError.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from gateway.core.contacts.contact import Contact
from gateway.core.contacts.hand_over import HandOver
from gateway.core.planning.batch import Plan
from gateway.core.planning.contact_changes import ContactChange, unmute_contact
from gateway.core.storage.timestamps import datetime_from_ms
from gateway.store import keys
from gateway.store.planning.commit import commit
from gateway.store.planning.contacts import parse_contacts
from gateway.store.redis.client import ScriptError, Store

MOST_TRIES = 5
PAGE = 250  # contacts that one call loads
# No record is written, so the lifetime of records has no meaning here.
_NO_RECORDS = timedelta(seconds=1)


class HandedOverContact(NamedTuple):
    """A contact by its key, and the time for which a person answers it."""

    key: str
    hand_over: HandOver


class HandedOver(NamedTuple):
    """Contacts of a number that a person answers now, those that wait longest first."""

    contacts: tuple[HandedOverContact, ...]
    unreadable: int  # contacts whose state cannot be read


def find_handed_over(store: Store, number: str, most: int) -> HandedOver:
    """Find the contacts of a number that a person answers, the `most` that wait longest.

    The list has at most 10,000, and another order, so all of it is read.
    """
    listed: Any = store.run(
        lambda client: client.zrange(f"{keys.number(number)}handed_over", 0, -1)
    )
    names = [name.decode() for name in listed]
    # Some were given back, and two names may lead to one contact.
    waiting, unreadable = dict[str, HandedOverContact](), 0
    for start in range(0, len(names), PAGE):
        page = names[start : start + PAGE]
        now, contacts, unreadable_here = _load_contacts(store, number, page)
        waiting |= {one.key: one for one in _iter_handed_over(contacts, now)}
        unreadable += unreadable_here
    ordered = sorted(waiting.values(), key=lambda one: (one.hand_over.since, one.key))
    return HandedOver(tuple(ordered[:most]), unreadable)


def _iter_handed_over(contacts: Iterable[Contact], now: datetime) -> Iterator[HandedOverContact]:
    for one in contacts:
        if one.hand_over and one.hand_over.until > now:
            yield HandedOverContact(one.key, one.hand_over)


def give_back(store: Store, number: str, name: str) -> ContactChange | None:
    """Let rules answer a contact again; None if the number knows no contact of this name."""
    for _ in range(MOST_TRIES):
        now, contacts, unreadable = _load_contacts(store, number, [name])
        if unreadable:
            raise ScriptError("the contact cannot be read")
        if not contacts[0].version:
            return None
        after = unmute_contact(contacts[0], now)
        if after.contact is contacts[0]:
            return after
        plan = Plan(number, after.contact, changed=True, events=())
        (done,) = commit(store, [plan], _NO_RECORDS)
        if isinstance(done, Exception):
            raise done
        if done:
            return after
    raise ScriptError("the contact changes all the time")


def _load_contacts(
    store: Store, number: str, names: Sequence[str]
) -> tuple[datetime, list[Contact], int]:
    """Load contacts by name; return the server's time, them, and how many cannot be read."""
    now, rows, _ = store.call("load", keys.number(number), len(names), *names)
    parsed, unreadable = parse_contacts(list(names), rows)
    return datetime_from_ms(now), list(parsed.values()), len(unreadable)
