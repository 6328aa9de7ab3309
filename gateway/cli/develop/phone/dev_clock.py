"""Clock of the `gateway dev` that a sandbox belongs to, which moves together with the sandbox's."""

import asyncio
from contextlib import closing
from typing import Protocol

from gateway.cli.local import workspace
from gateway.store.redis.client import Store, StoreUnavailableError
from gateway.store.server.clock import AHEAD_MOST_MS, FixedClockError, set_ahead_ms

_FIXED = "This gateway dev uses the Redis of REDIS_URL, whose clock cannot be moved."


class ClockError(Exception):
    """The clock was not moved; the message is one sentence."""


class MovableClock(Protocol):
    """Clock of the bot."""

    async def move(self, ahead_s: float) -> None:
        """Move it to so many seconds ahead of the real time. Raises ClockError."""


class DevClock:
    """Clock of the store of the `gateway dev` in this folder; without one there is none to move."""

    def __init__(self, sandbox: str) -> None:
        """Move the clock of the gateway that this sandbox, by its address, belongs to."""
        self._sandbox = sandbox

    async def move(self, ahead_s: float) -> None:
        """Move it. Raises ClockError."""
        await asyncio.to_thread(self._move, round(ahead_s * 1000))

    def _move(self, ahead_ms: int) -> None:
        if not 0 <= ahead_ms <= AHEAD_MOST_MS:
            raise ClockError("The clock can be moved ahead by 400 days at most.")
        running = workspace.find_running(0)
        if running is None or running.sandbox != self._sandbox:
            return
        try:
            with closing(Store(running.redis_url)) as store:
                set_ahead_ms(store, ahead_ms)
        except FixedClockError as error:
            raise ClockError(_FIXED if "clock=" not in running.redis_url else str(error)) from None
        except StoreUnavailableError:
            raise ClockError("The store of this gateway dev is away.") from None
