"""Replaying for real: deliveries put into the inbox, to have the effect that is still due."""

import time
from collections.abc import Iterator

from gateway.cli.common.output import a_bar
from gateway.cli.replay.pacing import Pace
from gateway.cli.replay.selection import Chosen
from gateway.store import keys
from gateway.store.inbox.inbox import Inbox
from gateway.store.redis.client import Store
from gateway.store.server.inspection import check
from tasks.wakeup import ring_inbox

# No more of them, and no more bytes, go into one script: it blocks the server for everybody.
MOST_DELIVERIES = 64
MOST_BYTES = 256 * 1024


class FullError(Exception):
    """The store is as full as it may be: what was kept has to be worked off first."""


class Sending:
    """Puts deliveries into the inbox, and counts those that are there."""

    def __init__(self, store: Store, inbox: Inbox, limit_bytes: int, *, rings: bool) -> None:
        """`limit_bytes` is how much the store may hold where Redis itself has no limit."""
        self._store = store
        self._inbox = inbox
        self._limit_bytes = limit_bytes
        self._rings = rings
        self.put = 0

    def all(self, chosen: Chosen, count: int, pace: Pace, *, silent: bool) -> None:
        """Put them there in their order. Raises StoreUnavailableError or FullError."""
        batches = _batches(chosen, pace)
        with a_bar(silent=silent) as progress:
            task = progress.add_task("Replaying", total=count)
            for batch in batches:
                if check(self._store, self._limit_bytes).full:
                    raise FullError
                self._inbox.replay(batch)
                self.put += len(batch)
                progress.advance(task, len(batch))
                if self._rings and self._store.mark(keys.INBOX_BELL, keys.BELL_MS):
                    ring_inbox()


def _batches(chosen: Chosen, pace: Pace) -> Iterator[list[bytes]]:
    """Give what is due together; nothing waits for what is due later."""
    began = time.monotonic()
    batch: list[bytes] = []
    for item in chosen:
        wait_s = began + pace.due_s(item.delivery.received_at) - time.monotonic()
        if batch and wait_s > 0:
            yield batch
            batch = []
        time.sleep(max(0.0, wait_s))
        body = chosen.made(item).delivery.body
        if batch and _is_full(batch, body):
            yield batch
            batch = []
        batch.append(body)
    if batch:
        yield batch


def _is_full(batch: list[bytes], body: bytes) -> bool:
    return len(batch) == MOST_DELIVERIES or sum(map(len, batch)) + len(body) > MOST_BYTES
