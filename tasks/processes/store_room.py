"""Room in the store, for a process that stores many small things: looked at once a second."""

import time

from gateway.store.maintenance.retention import memory_health
from gateway.store.redis.client import Store

EVERY_S = 1.0


class StoreRoom:
    """Knowledge of whether the store is so full that nothing new may be stored."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._next_look_s = 0.0
        self._is_full = False

    def is_full(self, store: Store, limit_bytes: int) -> bool:
        """Return whether the store is full, as of the last second. Raises StoreUnavailableError."""
        if time.monotonic() >= self._next_look_s:
            self._is_full = memory_health(store, limit_bytes).is_full
            self._next_look_s = time.monotonic() + EVERY_S
        return self._is_full
