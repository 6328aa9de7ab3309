"""A turn: of all who could do something, one does it, for as long as it goes on asking."""

import secrets

from gateway.store.redis.client import Store


class LeaderLock:
    """What one process asks for; it runs out by itself, by the server's clock."""

    def __init__(self, store: Store, key: str, lifetime_ms: int) -> None:
        """Ask for nothing yet."""
        self._store = store
        self._key = key
        self._lifetime_ms = lifetime_ms
        # The same each time: whoever did not hear that it has the turn has it all the same.
        self._name = secrets.token_hex(8)

    def acquire(self) -> bool:
        """Take the turn where it is free, keep it where it is ours.

        Raises StoreUnavailableError; then nobody knows, and nothing should be done.
        """
        return bool(self._store.call("leader", self._key, self._name, self._lifetime_ms))

    def release(self) -> None:
        """Let the next one have it at once; another's is left alone. Raises like `mine`."""
        self._store.call("leader", self._key, self._name, 0)
