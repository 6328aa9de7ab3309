"""Work beside the requests: the heartbeat, and accounts that are taken up once they change.

The heartbeat notes once a second that statuses can be kept, and later how long they could not.
Whether an unconfirmed send may be repeated depends on it: see
`gateway/core/sending/resend_policy.py`.
"""

import asyncio
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Protocol

import structlog

from gateway.accounts.source import LOOK_EVERY_S, AccountsSource
from gateway.store.redis.client import StoreUnavailableError

log = structlog.get_logger(__name__)

BEAT_S = 1.0
LEAST_GAP_S = 0.001


class StatusStreamClock(Protocol):
    """Store of heartbeats and gaps."""

    async def alive(self, gap: timedelta) -> None:
        """Note that a web process is alive after a gap. Raises StoreUnavailableError."""


class Heartbeat:
    """Notes that this process keeps deliveries, and each period in which it could not."""

    def __init__(
        self, stream: StatusStreamClock, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Take the clock that stores it."""
        self._stream = stream
        self._clock = clock
        self._refusing_since: float | None = None

    def note_refusal(self) -> None:
        """Note that a delivery could not be kept now; Meta delivers it again later."""
        if self._refusing_since is None:
            self._refusing_since = self._clock()

    async def beat(self) -> None:
        """Note that this process is alive; if that fails, the next gap includes the time."""
        since, self._refusing_since = self._refusing_since, None
        # A refusal is a gap however soon the beat follows; one without length would be none.
        gap = max(self._clock() - since, LEAST_GAP_S) if since is not None else 0.0
        try:
            await self._stream.alive(timedelta(seconds=gap))
        except StoreUnavailableError:
            self._refusing_since = self._clock() if since is None else since
        except asyncio.CancelledError:  # at the end of the process; the last beat includes it
            self._refusing_since = self._refusing_since if since is None else since
            raise

    async def run(self) -> None:
        """Beat until cancelled."""
        while True:
            await self.beat()
            await asyncio.sleep(BEAT_S)


async def reload_accounts(accounts: AccountsSource) -> None:
    """Take up changed accounts until cancelled; beside the loop, since to read them takes time."""
    while True:
        await asyncio.sleep(LOOK_EVERY_S)
        try:
            await asyncio.to_thread(accounts.reload_if_changed)
        except Exception:
            log.exception("accounts_look_failed")  # the accounts from before stay in force
