"""Contact lookup for traces: a customer at one number, under every key they ever had."""

from dataclasses import dataclass

from gateway.core.contacts.contact import Contact
from gateway.core.sending.send import PRIORITIES
from gateway.core.text import sanitize
from gateway.store import keys
from gateway.store.planning.contacts import find_contact
from gateway.store.redis.client import ScriptError, Store
from gateway.store.sending.lookup import run_commands


@dataclass(frozen=True, slots=True)
class ContactLookup:
    """Data that one number has of a customer: the contact, ids of records and sends, lanes."""

    number: str
    contact: Contact
    names: frozenset[str]
    records: tuple[str, ...]  # the latest, oldest first
    waiting: tuple[str, ...]  # the first sends of each lane
    lanes: dict[str, int]  # priority -> how many wait
    unreadable: str = ""  # why the stored contact cannot be read
    has_more: bool = False  # older records

    @property
    def is_known(self) -> bool:
        """Return whether anything is known."""
        return bool(self.contact.version or self.records or self.waiting or self.unreadable)


def look_up_contact(store: Store, number: str, name: str, limit: int) -> ContactLookup:
    """Look a customer up by any of their keys, with the latest `limit` records.

    Raises StoreUnavailableError. Records planned under a former key stay where they were written.
    """
    unreadable = ""
    try:
        contact = find_contact(store, number, name)
    except ScriptError as error:  # the records planned for it are shown all the same
        contact, unreadable = Contact(name), sanitize(str(error))
    all_names = tuple(dict.fromkeys((name, contact.key, *contact.aliases)))
    record_ids = _read_record_ids(store, number, all_names, limit + 1)
    lanes = {rank: _read_lanes(store, number, rank, all_names, limit) for rank in PRIORITIES}
    return ContactLookup(
        number,
        contact,
        frozenset(all_names),
        record_ids[-limit:],
        tuple(send for _, first in lanes.values() for send in first),
        {rank: count for rank, (count, _) in lanes.items()},
        unreadable,
        has_more=len(record_ids) > limit,
    )


def _read_record_ids(
    store: Store, number: str, all_names: tuple[str, ...], limit: int
) -> tuple[str, ...]:
    prefix = f"{keys.number(number)}records:"
    replies = run_commands(
        store, *(("ZREVRANGE", prefix + one, 0, limit - 1, "WITHSCORES") for one in all_names)
    )
    # The number assigns the places, so they order the records of several names.
    ordered = sorted((position, record) for each in replies for record, position in each)
    return tuple(record.decode() for _, record in ordered[-limit:])


def _read_lanes(
    store: Store, number: str, priority: str, all_names: tuple[str, ...], limit: int
) -> tuple[int, list[str]]:
    """Count what waits in a customer's lanes of a priority, and return the first of it."""
    prefix = f"{keys.number(number)}lane:{priority}:"
    counts = run_commands(store, *(("ZCARD", prefix + one) for one in all_names))
    first = run_commands(store, *(("ZRANGE", prefix + one, 0, limit - 1) for one in all_names))
    return sum(counts), [send.decode() for each in first for send in each]
