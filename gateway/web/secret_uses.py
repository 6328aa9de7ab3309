"""Uses of app secrets, counted in memory, and stored once a second beside the requests."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping

from gateway.store.monitoring.secret_uses import UsedSecret
from gateway.store.redis.client import StoreUnavailableError

FLUSH_S = 1.0


class SecretUseCounter:
    """Counts which secrets have matched: one that matches nothing any more is safe to remove."""

    def __init__(self, store: Callable[[Mapping[UsedSecret, int]], Awaitable[None]]) -> None:
        """Take the function that adds to the stored counts, or raises StoreUnavailableError."""
        self._store = store
        self._waiting: Counter[UsedSecret] = Counter()

    def add(self, account: str, secret: str) -> None:
        """Count that a secret of an account, by its id, has matched a signature."""
        self._waiting[UsedSecret(account, secret)] += 1

    async def flush(self) -> None:
        """Store the counts since the last time; they are kept while the store is unavailable."""
        counts, self._waiting = self._waiting, Counter()
        try:
            if counts:
                await self._store(counts)
        except StoreUnavailableError:
            self._waiting.update(counts)

    async def run(self) -> None:
        """Flush until cancelled."""
        while True:
            await asyncio.sleep(FLUSH_S)
            await self.flush()
