"""How many deliveries were refused, and why: counted here, written beside the requests.

A stranger who sends unsigned rubbish must not cause a write to the store for each.
"""

import asyncio
from collections import Counter
from typing import Protocol

from gateway.store.client import StoreUnavailableError

FLUSH_S = 1.0


class Counts(Protocol):
    """Where counters live."""

    async def add(self, counts: dict[str, int]) -> None:
        """Add to the counters of the web processes. Raises StoreUnavailableError."""


class Refusals:
    """Counts by reason, and hands the sums on once a second."""

    def __init__(self, counts: Counts) -> None:
        """Take where the sums go."""
        self._counts = counts
        self._waiting: Counter[str] = Counter()

    def add(self, reason: str) -> None:
        """Count one refused request."""
        self._waiting[f"refused.{reason}"] += 1

    async def flush(self) -> None:
        """Write what was counted since the last time; it is counted on while the store is away."""
        counted, self._waiting = self._waiting, Counter()
        try:
            if counted:
                await self._counts.add(dict(counted))
        except StoreUnavailableError:
            self._waiting.update(counted)

    async def run(self) -> None:
        """Flush again and again, until cancelled."""
        while True:
            await asyncio.sleep(FLUSH_S)
            await self.flush()
