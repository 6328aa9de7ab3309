"""Forwards that wait with copies of their own, so that nothing holds back trimming.

May raise StoreUnavailableError or ScriptError.
"""

from collections.abc import Mapping

from gateway.store import keys
from gateway.store.outgoing.forwards import WaitingForward
from gateway.store.redis.client import Store
from gateway.store.sending.lookup import run_commands


def list_referring(
    store: Store, number: str, receiver: str, most: int
) -> tuple[WaitingForward, ...]:
    """Return the forwards of a receiver that refer to the oldest deliveries."""
    prefix = keys.number(number)
    kept = f"{prefix}forwards:{receiver}:kept"
    (found,) = run_commands(store, ("ZRANGE", kept, 0, most - 1))
    ids = [one.decode() for one in found]
    places = run_commands(store, *(("HGET", f"{prefix}forward:{one}", "place") for one in ids))
    return tuple(
        WaitingForward(id_, place.decode()) for id_, place in zip(ids, places, strict=True) if place
    )


def detach_forwards(store: Store, number: str, receiver: str, copies: Mapping[str, bytes]) -> int:
    """Let forwards wait with these copies, by their ids; return how many referred until now."""
    args = [part for pair in copies.items() for part in pair]
    return int(store.call("control_forwards", keys.number(number), "detach", receiver, *args))
