"""The server itself, for what tests look at or change behind the store's back."""

from typing import Any

from gateway.store.redis.client import Store


def raw(store: Store) -> Any:
    """Return the client without its types, which cover every server and mode there is."""
    return store.redis


def now_ms(store: Store) -> int:
    """Return the server's time."""
    seconds, micros = raw(store).time()
    return int(seconds * 1000 + micros // 1000)
