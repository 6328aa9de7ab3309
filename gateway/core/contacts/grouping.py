"""Events grouped by customer, whatever name each event uses."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from gateway.core.contacts.contact import Contact
from gateway.core.events import Event


class PersonGroup(NamedTuple):
    """Events of one customer in their order, and the contact, with the contacts joined to it."""

    contact: Contact
    others: tuple[Contact, ...]  # contacts that other names of the customer led to until now
    events: Sequence[Event]


def contact_keys(event: Event) -> tuple[str, ...]:
    """Return all keys by which an event names its customer, the first one first."""
    return (event.contact, *event.also) if event.contact else ()


def group_by_person(known: Mapping[str, Contact], events: Iterable[Event]) -> list[PersonGroup]:
    """Group events by customer, in order; an event without a customer is a group of its own.

    Two names belong to one customer if an event has both, or the store knows both as one contact.
    """
    listed = list(events)
    resolve = _name_resolver(known, listed)
    by_person: dict[str, list[Event]] = {}
    for event in listed:
        key = resolve(event.contact) if event.contact else f"\0{event.key}"
        by_person.setdefault(key, []).append(event)
    return [_group(known, one) for one in by_person.values()]


def _name_resolver(known: Mapping[str, Contact], events: Sequence[Event]) -> Callable[[str], str]:
    """Return a function from each name to the one that represents its customer in these events."""
    same: dict[str, str] = {}

    def resolve(name: str) -> str:
        key = known[name].key if name in known else name
        while key in same:
            key = same[key]
        return key

    for event in events:
        for name in event.also:
            one, other = resolve(event.contact), resolve(name)
            if one != other:
                same[other] = one
    return resolve


def _group(known: Mapping[str, Contact], events: Sequence[Event]) -> PersonGroup:
    contacts: dict[str, Contact] = {}
    for event in events:
        for name in contact_keys(event):
            contact = known.get(name) or Contact(name)
            contacts.setdefault(contact.key, contact)
    if len(contacts) < 2:
        return PersonGroup(next(iter(contacts.values()), Contact("")), (), events)
    # A key in use stays, because lanes and records have it; otherwise a phone number is preferred.
    chosen = min(contacts.values(), key=lambda one: (not one.version, not one.key.isdecimal()))
    del contacts[chosen.key]
    others = tuple(contacts.values())
    return PersonGroup(_merge_contacts(chosen, others, events), others, events)


def _merge_contacts(
    contact: Contact, others: Iterable[Contact], events: Iterable[Event]
) -> Contact:
    for other in others:
        contact = contact.merged_with(other)
    for event in events:
        contact = contact.with_names(event)
    return contact
