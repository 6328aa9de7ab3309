"""Scan of all contacts of a number, in pages, so that memory does not grow with them.

May raise StoreUnavailableError or ScriptError.
"""

from collections.abc import Iterator, Mapping, Sequence

from gateway.core.contacts.contact import Contact
from gateway.store import keys
from gateway.store.planning.contacts import parse_contacts
from gateway.store.redis.client import Store
from gateway.store.redis.key_scan import scan_keys

AT_ONCE = 200  # contacts that one script loads


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


def load_by_name(store: Store, number: str, names: Sequence[str]) -> Mapping[str, Contact]:
    """Return contacts by name; one that cannot be read is left out."""
    found: dict[str, Contact] = {}
    for start in range(0, len(names), AT_ONCE):
        part = list(names[start : start + AT_ONCE])
        _, rows, _ = store.call("load", keys.number(number), len(part), *part)
        found |= parse_contacts(part, rows)[0]
    return found


def list_variables(store: Store, number: str, tag: str = "") -> frozenset[str]:
    """Return the names of all variables of a number's contacts, or of those with a tag."""
    found: set[str] = set()
    for contact in iter_contacts(store, number, tag):
        found |= contact.vars.keys()
    return frozenset(found)
