"""Scan of all contacts of a number, in pages, so that memory does not grow with them.

May raise StoreUnavailableError or ScriptError.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from gateway.core.contacts.contact import Contact
from gateway.store import keys
from gateway.store.planning.contacts import parse_contacts
from gateway.store.redis.client import Call, Store
from gateway.store.redis.key_scan import scan_keys

AT_ONCE = 200  # contacts that one script loads
MOST_STEPS = 20  # of a scan, for one page of contacts: 10,000 keys


def iter_contacts(store: Store, number: str, tag: str = "") -> Iterator[Contact]:
    """Yield each contact of a number, or those with a tag; a scan may find one twice."""
    start = f"{keys.number(number)}contact:"
    position, is_first = "", True
    while position or is_first:
        page = scan_keys(store, f"{start}*", position)
        names = [name.decode().removeprefix(start) for name in page.names]
        for name, contact in load_by_name(store, number, names).items():
            # Other names of a customer lead to the same contact.
            if contact.key == name and contact.version and (not tag or tag in contact.tags):
                yield contact
        position, is_first = page.position, False


@dataclass(frozen=True, slots=True)
class TaggedContacts:
    """Some contacts with a tag, and behind which place the next page begins, "" at the end."""

    contacts: Sequence[Contact]
    place: str


def read_tagged(store: Store, number: str, tag: str, place: str, most: int) -> TaggedContacts:
    """Return contacts with a tag from a place on; a page looks at so many keys only.

    So it may have few, or none, though others follow. The place names nobody.
    """
    start, found = f"{keys.number(number)}contact:", list[Contact]()
    position, _, behind = place.partition("|")
    for _ in range(MOST_STEPS):
        page = scan_keys(store, f"{start}*", position)
        names = [name.decode().removeprefix(start) for name in page.names]
        loaded = load_by_name(store, number, names)
        own = [one for name, one in loaded.items() if one.key == name and tag in one.tags]
        placed = sorted(
            ((_digest(one.key), one) for one in own if _digest(one.key) > behind),
            key=lambda each: each[0],
        )
        room = most - len(found)
        found += [one for _, one in placed[:room]]
        if len(placed) > room:
            return TaggedContacts(found, f"{position}|{placed[room - 1][0] if room else behind}")
        position, behind = page.position, ""
        if not position:
            return TaggedContacts(found, "")
    return TaggedContacts(found, f"{position}|")


def _digest(name: str) -> str:
    return sha256(name.encode()).hexdigest()[:16]


def load_by_name(store: Store, number: str, names: Sequence[str]) -> Mapping[str, Contact]:
    """Return contacts by name, read in one round trip; one that cannot be read is left out."""
    parts = [list(names[i : i + AT_ONCE]) for i in range(0, len(names), AT_ONCE)]
    calls = [Call("load", keys.number(number), [len(part), *part]) for part in parts]
    found: dict[str, Contact] = {}
    for part, reply in zip(parts, store.call_many(calls), strict=True):
        if isinstance(reply, Exception):
            raise reply
        found |= parse_contacts(part, reply[1])[0]
    return found


def list_variables(store: Store, number: str, tag: str = "") -> frozenset[str]:
    """Return the names of all variables of a number's contacts, or of those with a tag."""
    found: set[str] = set()
    for contact in iter_contacts(store, number, tag):
        found |= contact.vars.keys()
    return frozenset(found)
