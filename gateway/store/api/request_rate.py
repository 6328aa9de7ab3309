"""Request rate of API keys: one bucket for each in the store, shared by all web processes.

A process takes requests out of it a few at a time, so that most requests cost no round trip, and
no write to disk.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from gateway.core.api.keys import BURST_S, ApiKey
from gateway.store import keys
from gateway.store.redis.async_scripts import run_call
from gateway.store.redis.client import Call
from gateway.store.redis.driver import AsyncClient

# A process takes as many at once as the rate gives in a tenth of a second.
A_TENTH = 10


@dataclass(slots=True)
class _Share:
    """What a process may still use of a key's bucket, and until when it need not ask again."""

    taken: int = 0
    left: int = 0
    empty_until: float = 0.0
    refill: asyncio.Task[None] | None = None


@dataclass(frozen=True, slots=True)
class RateDecision:
    """Whether a request may be made; `remaining` requests may be made at once after it."""

    is_allowed: bool
    remaining: int
    retry_after_s: float = 0.0


@dataclass(slots=True)
class RequestRate:
    """Decides whether a key may make one more request."""

    client: AsyncClient
    clock: Callable[[], float] = time.monotonic
    _shares: dict[str, _Share] = field(default_factory=dict)

    async def take(self, key: ApiKey) -> RateDecision:
        """Take one request. Raises StoreUnavailableError or ScriptError."""
        share = self._shares.setdefault(key.id, _Share())
        while share.taken == 0 and self.clock() >= share.empty_until:
            # One for all requests that wait: each would hold a connection, of which there are few.
            if share.refill is None or share.refill.done():
                share.refill = asyncio.create_task(self._refill(key, share))
            await asyncio.shield(share.refill)
        if share.taken == 0:
            return RateDecision(False, 0, max(0.001, share.empty_until - self.clock()))
        share.taken -= 1
        return RateDecision(True, share.taken + share.left)

    async def _refill(self, key: ApiKey, share: _Share) -> None:
        wanted = max(1, key.rate // A_TENTH)
        args = [key.id, key.rate, burst(key), wanted]
        taken, left, wait_ms = await run_call(self.client, Call("take_requests", keys.API, args))
        share.taken += taken
        share.left = left
        if not taken:
            share.empty_until = self.clock() + wait_ms / 1000


def burst(key: ApiKey) -> int:
    """Return how many requests a key may make at once."""
    return max(1, key.rate * BURST_S)
