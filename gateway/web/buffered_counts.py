"""Counts that are kept in memory, and stored once a second beside the requests.

A stranger who sends unsigned requests must not cause a write to the store for each.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from gateway.store.redis.client import StoreUnavailableError

FLUSH_S = 1.0


Name = TypeVar("Name")


class BufferedCounts(Generic[Name]):
    """Counts by name, and adds the sums to the stored ones."""

    def __init__(self, store: Callable[[dict[Name, int]], Awaitable[None]]) -> None:
        """Take the function that adds to the stored counts, or raises StoreUnavailableError."""
        self._store = store
        self._waiting: Counter[Name] = Counter()
        self._flushing: asyncio.Future[None] | None = None

    def count(self, name: Name) -> None:
        """Count one more."""
        self._waiting[name] += 1

    async def flush(self) -> None:
        """Store the counts since the last time; they are kept while the store is unavailable.

        What a caller who was cancelled began to store is stored first, and is not lost.
        """
        if self._flushing and not self._flushing.done():
            await asyncio.shield(self._flushing)
        self._flushing = asyncio.ensure_future(self._flush())
        await asyncio.shield(self._flushing)

    async def _flush(self) -> None:
        counts, self._waiting = self._waiting, Counter()
        try:
            if counts:
                await self._store(dict(counts))
        except StoreUnavailableError:
            self._waiting.update(counts)

    async def run(self) -> None:
        """Flush until cancelled."""
        while True:
            await asyncio.sleep(FLUSH_S)
            await self.flush()
