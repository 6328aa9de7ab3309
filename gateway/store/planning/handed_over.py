"""Contacts that a person answers: listed for the operator, and given back to the rules.

May raise StoreUnavailableError or ScriptError.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, NamedTuple

from gateway.core.contacts.contact import Contact
from gateway.core.contacts.hand_over import HandOver
from gateway.core.planning.contact_changes import ContactChange, unmute_contact
from gateway.store import keys
from gateway.store.planning.changed_contact import change_contact, load_contacts
from gateway.store.redis.client import Store

PAGE = 250  # contacts that one call loads


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
        now, contacts, unreadable_here = load_contacts(store, number, page)
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
    made: list[ContactChange] = []

    def unmute(contact: Contact, now: datetime) -> Contact:
        made.append(unmute_contact(contact, now))
        return made[-1].contact

    return made[-1] if change_contact(store, number, name, unmute) else None
