"""The numbers on record, and what is counted of each."""

from typing import Any

from gateway.core.sending import canary
from gateway.store import keys
from gateway.store.redis.client import Store

# Whoever holds an app secret can name any number, and each that is listed is asked every second.
MOST_NUMBERS = 10_000


def add_number(store: Store, number: str) -> bool:
    """Make a number one that ticks and sweeps look at; done before its first commit.

    With replicas they have it too, so whoever has listed a number need not do so again. False where
    so many are listed that there is no room: each tick asks all of them.
    """
    return bool(store.call("list_number", keys.NUMBERS, number, MOST_NUMBERS))


def numbers(store: Store) -> list[str]:
    """Return every number that has ever had an event, "" among them."""
    members: Any = store.run(lambda client: client.smembers(keys.NUMBERS))
    return sorted(name.decode() for name in members)


def numbers_at_meta(store: Store) -> list[str]:
    """Return the same without the canary's, of which neither Meta nor a person stops anything."""
    return [name for name in numbers(store) if name != canary.NUMBER]


def increment_counter(store: Store, prefix: str, name: str, by: int = 1) -> None:
    """Add to a counter."""
    store.run(lambda client: client.hincrby(f"{prefix}count", name, by))
