"""Names of a person at several numbers: each number may know them by others."""

from collections.abc import Mapping, Sequence
from typing import Any

from gateway.store import keys
from gateway.store.planning.contacts import parse_contacts
from gateway.store.redis.client import Call, ScriptError, Store


def read_names(store: Store, numbers: Sequence[str], name: str) -> Mapping[str, frozenset[str]]:
    """Return by number the names under which a person may be filed.

    Raises StoreUnavailableError.
    """
    calls = [Call("load", keys.number(one), [1, name]) for one in numbers]
    replies = store.call_many(calls)
    return {number: _names_of(name, reply) for number, reply in zip(numbers, replies, strict=True)}


def _names_of(name: str, reply: Any) -> frozenset[str]:
    if isinstance(reply, ScriptError):  # a contact that cannot be read has the name asked for
        return frozenset({name})
    if isinstance(reply, Exception):
        raise reply
    contacts, _ = parse_contacts([name], reply[1])
    contact = contacts.get(name)
    return frozenset({name, *((contact.key, *contact.aliases) if contact else ())})
