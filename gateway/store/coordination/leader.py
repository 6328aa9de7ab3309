"""Leader lock: of several processes one does a job, for as long as it renews the lock."""

import secrets

from gateway.store.redis.client import Store


class LeaderLock:
    """Lock as one process holds it; it expires by itself, by the server's clock."""

    def __init__(self, store: Store, key: str, lifetime_ms: int) -> None:
        """Create the lock without acquiring it."""
        self._store = store
        self._key = key
        self._lifetime_ms = lifetime_ms
        # The same each time: a process whose answer was lost holds the lock all the same.
        self._name = secrets.token_hex(8)

    def acquire(self) -> bool:
        """Acquire the lock if it is free, or renew ours; return whether it is ours.

        Raises StoreUnavailableError; then the holder is unknown, and the caller should do nothing.
        """
        return bool(self._store.call("leader", self._key, self._name, self._lifetime_ms))

    def release(self) -> None:
        """Free the lock at once; another process's is left alone. Raises like `acquire`."""
        self._store.call("leader", self._key, self._name, 0)
