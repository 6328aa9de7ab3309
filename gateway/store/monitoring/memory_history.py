"""How much memory was used hour by hour, so that it can be told when there is none left.

All of it may raise StoreUnavailableError.
"""

from collections.abc import Mapping
from typing import Any

from gateway.core.storage.forecast import HOUR_MS, MOST_MS
from gateway.store import keys
from gateway.store.redis.client import Store


def note(store: Store, now_ms: int, used_bytes: int) -> None:
    """Note what is used once an hour, by the hour, and forget what is older than two days."""
    hour = now_ms // HOUR_MS * HOUR_MS
    row = f"{now_ms}:{used_bytes}"
    if not store.run(lambda client: client.hsetnx(keys.ROOM, str(hour), row)):
        return
    found: Any = store.run(lambda client: client.hkeys(keys.ROOM))
    if old := [name for name in found if not 0 <= hour - int(name) <= 2 * MOST_MS]:
        store.run(lambda client: client.hdel(keys.ROOM, *old))


def samples(raw: Mapping[bytes, bytes]) -> dict[int, int]:
    """Return how many bytes were used, by moment, from what the store holds of it."""
    told = (value.split(b":") for value in raw.values())
    return {int(at): int(used) for at, used in told}
