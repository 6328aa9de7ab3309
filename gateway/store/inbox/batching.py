"""Deliveries that wait in line to be kept: batch by batch, each answered by what became of it."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from redis.exceptions import RedisError

from gateway.store.redis.client import StoreUnavailableError, translate_error

MOST_DELIVERIES = 64
MOST_BYTES = 256 * 1024


@dataclass(slots=True)
class PendingDelivery:
    """One delivery between its last byte and its answer."""

    partition: int
    header: bytes
    record: bytes
    future: asyncio.Future[None]


class Batcher:
    """Hands on what waits, one batch at a time.

    Its task never dies: what goes wrong fails a batch with StoreUnavailableError, and the next
    batch is tried afresh. Where the server cannot be reached, or too few replicas have the batch,
    all that wait are told so at once, for each batch behind would wait as long again.
    """

    def __init__(self, keep: Callable[[Sequence[PendingDelivery]], Awaitable[None]]) -> None:
        """Take what keeps a batch and answers it."""
        self._keep = keep
        self._waiting: deque[PendingDelivery] = deque()
        self._wake = asyncio.Event()
        self._closing = False
        self._task: asyncio.Task[None] | None = None
        self.waiting_bytes = 0

    def add(self, delivery: PendingDelivery) -> None:
        """Let one more wait."""
        self._waiting.append(delivery)
        self.waiting_bytes += len(delivery.record)
        self._wake.set()

    def start(self) -> None:
        """Begin to hand on; call it inside the event loop."""
        self._task = asyncio.create_task(self._run(), name="line")

    async def close(self) -> None:
        """Hand on what still waits, then end."""
        self._closing = True
        self._wake.set()
        if self._task:
            await self._task

    async def _run(self) -> None:
        while True:
            if not self._waiting:
                if self._closing:
                    return
                self._wake.clear()
                await self._wake.wait()
                continue
            batch = self._next_batch()
            try:
                await self._keep(batch)
            except (RedisError, StoreUnavailableError) as error:
                while self._waiting:
                    batch += self._next_batch()
                fail(batch, error)
            except Exception as error:  # the line outlives any one batch
                fail(batch, error)

    def _next_batch(self) -> list[PendingDelivery]:
        """Take what waits, up to what a script may hold; a large body travels alone."""
        batch: list[PendingDelivery] = []
        size = 0
        while self._waiting and len(batch) < MOST_DELIVERIES:
            size += len(self._waiting[0].record)
            if batch and size > MOST_BYTES:
                break
            batch.append(self._waiting.popleft())
        self.waiting_bytes -= sum(len(one.record) for one in batch)
        return batch


def answer(group: Sequence[PendingDelivery], reply: object) -> None:
    """Tell deliveries of one partition what its server said."""
    if isinstance(reply, Exception):
        return fail(group, reply)
    for one in group:
        # A future that is done already belongs to somebody who no longer waits.
        if not one.future.done():
            one.future.set_result(None)
    return None


def fail(group: Sequence[PendingDelivery], error: Exception) -> None:
    """Tell deliveries that they are not kept."""
    translated = translate_error(error) if isinstance(error, RedisError) else error
    reason = (
        str(translated) if isinstance(translated, StoreUnavailableError) else type(error).__name__
    )
    for one in group:
        if not one.future.done():
            one.future.set_exception(StoreUnavailableError(reason))
