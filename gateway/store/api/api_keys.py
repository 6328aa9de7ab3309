"""Stored API keys: written by the operator, read by web processes, and when each was last used."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from gateway.core.api.keys import ApiKey, pack_key, unpack_key
from gateway.core.storage.timestamps import datetime_from_ms
from gateway.store import keys
from gateway.store.redis.client import Store

MOST_KEYS = 1_000
ROWS, USED = f"{keys.API}keys", f"{keys.API}used"


class TooManyKeysError(Exception):
    """There is no room for another key: each request is compared with all of them."""


def add_key(store: Store, key: ApiKey) -> None:
    """Store a key. Raises TooManyKeysError or StoreUnavailableError."""
    count: Any = store.run(lambda client: client.hlen(ROWS))
    if count >= MOST_KEYS:
        raise TooManyKeysError
    store.run(lambda client: client.hset(ROWS, key.id, pack_key(key)))


def remove_key(store: Store, id_: str) -> bool:
    """Remove a key; false where there is none of this id. Raises StoreUnavailableError."""
    removed: Any = store.run(lambda client: client.hdel(ROWS, id_))
    store.run(lambda client: client.hdel(USED, id_))
    return bool(removed)


def read_keys(store: Store) -> list[ApiKey]:
    """Return all stored keys, by name. Raises StoreUnavailableError."""
    rows: Any = store.run(lambda client: client.hgetall(ROWS))
    return sorted(parse_keys(rows), key=lambda key: (key.name, key.id))


def read_last_uses(store: Store) -> dict[str, datetime]:
    """Return when each key was last used, to about a second. Raises StoreUnavailableError."""
    rows: Any = store.run(lambda client: client.hgetall(USED))
    return {id_.decode(): datetime_from_ms(at) for id_, at in rows.items()}


def parse_keys(rows: Mapping[bytes, bytes]) -> list[ApiKey]:
    """Return the keys that can be read; one that cannot opens nothing."""
    found = []
    for id_, row in rows.items():
        try:
            found.append(unpack_key(id_.decode(), row))
        except (ValueError, KeyError, TypeError):
            continue
    return found
