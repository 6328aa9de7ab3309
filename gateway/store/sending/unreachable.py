"""Unreachable customers: those to whom Meta could deliver nothing within 30 days (code 131026).

All of it may raise StoreUnavailableError or ScriptError.
"""

from collections.abc import Iterator, Sequence

from gateway.core.contacts.contact import Contact
from gateway.core.storage.timestamps import datetime_from_ms
from gateway.store import keys
from gateway.store.lua.constants import UNREACHABLE_CODE
from gateway.store.redis.client import Call, Store

FAILURE = f'{{"code":{UNREACHABLE_CODE}}}'  # as it stands at one to whom nothing was posted for it
AT_ONCE = 200  # by one script


def find_unreachable(store: Store, number: str, contacts: Sequence[Contact]) -> frozenset[str]:
    """Return the keys of those contacts, as far as they have not written or called since."""
    prefix = keys.number(number)
    if not contacts or not store.run(lambda client: client.exists(f"{prefix}unreachable")):
        return frozenset()
    parts = [contacts[i : i + AT_ONCE] for i in range(0, len(contacts), AT_ONCE)]
    calls = [Call("find_unreachable", prefix, [one.key for one in part]) for part in parts]
    found: set[str] = set()
    for part, reply in zip(parts, store.call_many(calls), strict=True):
        if isinstance(reply, Exception):
            raise reply
        found |= set(_unreachable_keys(part, reply))
    return frozenset(found)


def _unreachable_keys(contacts: Sequence[Contact], reply: Sequence[int]) -> Iterator[str]:
    for contact, failed_s in zip(contacts, reply, strict=True):
        heard_at = contact.window_opened_at
        if failed_s and (heard_at is None or heard_at < datetime_from_ms(failed_s * 1000)):
            yield contact.key
