"""A customer's conversation as a trace sees it, under every key they ever had."""

from dataclasses import dataclass

from gateway.core.contacts.contact import Contact
from gateway.core.sending.send import BULK, REPLY
from gateway.core.text import fit
from gateway.store import keys
from gateway.store.planning.contacts import find
from gateway.store.redis.client import ScriptError, Store
from gateway.store.sending.lookup import ask


@dataclass(frozen=True, slots=True)
class Talk:
    """What one number has of a customer: the contact, ids of records and sends, what waits."""

    number: str
    contact: Contact
    names: frozenset[str]
    records: tuple[str, ...]  # the latest, oldest first
    waiting: tuple[str, ...]  # the first sends of each lane
    lanes: dict[str, int]  # rank -> how many wait
    unreadable: str = ""  # why what is stored of the contact cannot be read

    @property
    def found(self) -> bool:
        """Say whether anything is known."""
        return bool(self.contact.version or self.records or self.waiting or self.unreadable)


def conversation(store: Store, number: str, name: str, limit: int) -> Talk:
    """Look a customer up by any of their keys, and for the latest `limit` records.

    Raises StoreUnavailableError. What was planned under a former key stands where it was written.
    """
    unreadable = ""
    try:
        contact = find(store, number, name)
    except ScriptError as error:  # what was planned for it is told all the same
        contact, unreadable = Contact(name), fit(str(error))
    known = tuple(dict.fromkeys((name, contact.key, *contact.aliases)))
    lanes = {rank: _lane(store, number, rank, known, limit) for rank in (REPLY, BULK)}
    return Talk(
        number,
        contact,
        frozenset(known),
        _records(store, number, known, limit),
        tuple(send for _, first in lanes.values() for send in first),
        {rank: count for rank, (count, _) in lanes.items()},
        unreadable,
    )


def _records(store: Store, number: str, known: tuple[str, ...], limit: int) -> tuple[str, ...]:
    prefix = f"{keys.number(number)}records:"
    told = ask(store, *(("ZREVRANGE", prefix + one, 0, limit - 1, "WITHSCORES") for one in known))
    # Places are given out by the number, so they order the records of several names.
    placed = sorted((place, record) for each in told for record, place in each)
    return tuple(record.decode() for _, record in placed[-limit:])


def _lane(
    store: Store, number: str, rank: str, known: tuple[str, ...], limit: int
) -> tuple[int, list[str]]:
    """Count what waits in a customer's lanes of a rank, and return the first of it."""
    prefix = f"{keys.number(number)}lane:{rank}:"
    counts = ask(store, *(("ZCARD", prefix + one) for one in known))
    first = ask(store, *(("ZRANGE", prefix + one, 0, limit - 1) for one in known))
    return sum(counts), [send.decode() for each in first for send in each]
