"""The list of our numbers, and the counters of each."""

from typing import Any

from gateway.core.sending import canary
from gateway.store import keys
from gateway.store.redis.client import Call, Store

# Any holder of an app secret can name any number, and each listed one is read every second.
MOST_NUMBERS = 10_000


def add_number(store: Store, number: str) -> bool:
    """List a number, so that ticks and sweeps read it; done before its first commit.

    Replicas have it too, so a caller need not list a number twice. False where the list is full: it
    is limited, since each tick reads all of it.
    """
    call = list_call(number)
    return bool(store.call(call.script, call.prefix, *call.args))


def list_call(number: str) -> Call:
    """Return the script call that lists a number; its answer is 0 where the list is full."""
    return Call("list_number", keys.NUMBERS, [number, MOST_NUMBERS])


def numbers(store: Store) -> list[str]:
    """Return every number that has ever had an event, "" among them."""
    members: Any = store.run(lambda client: client.smembers(keys.NUMBERS))
    return sorted(name.decode() for name in members)


def numbers_at_meta(store: Store) -> list[str]:
    """Return the same without the canary's number, which neither Meta nor an operator stops."""
    return [name for name in numbers(store) if name != canary.NUMBER]


def increment_counter(store: Store, prefix: str, name: str, by: int = 1) -> None:
    """Add to a counter."""
    store.run(lambda client: client.hincrby(f"{prefix}count", name, by))
