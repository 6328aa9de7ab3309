"""Batching of what waits to be stored; each item is answered with its own result."""

import asyncio
import concurrent.futures
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from redis.exceptions import RedisError

from gateway.store.redis.client import StoreUnavailableError, translate_error

MOST_DELIVERIES = 64
MOST_BYTES = 256 * 1024


class Pending(Protocol):
    """An item that waits to be stored; its future gets the result."""

    @property
    def future(self) -> asyncio.Future[Any] | concurrent.futures.Future[Any]:
        """Return the future, which the batch answers."""

    @property
    def size(self) -> int:
        """Return its bytes."""


P = TypeVar("P", bound=Pending)


@dataclass(slots=True)
class PendingDelivery:
    """A delivery between its last byte and its answer."""

    partition: int
    header: bytes
    record: bytes
    future: asyncio.Future[None]

    @property
    def size(self) -> int:
        """Return the bytes of its record."""
        return len(self.record)


class Batcher(Generic[P]):
    """Passes waiting items on, one batch at a time.

    Its task never ends: an error fails its batch with StoreUnavailableError, and the next batch is
    tried afresh. Where the server cannot be reached, or too few replicas have the batch, all that
    wait fail at once, since each batch behind would wait as long again.
    """

    def __init__(self, keep: Callable[[Sequence[P]], Awaitable[None]]) -> None:
        """Take the function that stores a batch and answers it."""
        self._keep = keep
        self._waiting: deque[P] = deque()
        self._wake = asyncio.Event()
        self._closing = False
        self._task: asyncio.Task[None] | None = None
        self.waiting_bytes = 0

    def add(self, item: P) -> None:
        """Add an item to those that wait."""
        self._waiting.append(item)
        self.waiting_bytes += item.size
        self._wake.set()

    def start(self) -> None:
        """Start the task; call it inside the event loop."""
        self._task = asyncio.create_task(self._run(), name="line")

    async def close(self) -> None:
        """Pass on what still waits, then end."""
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
            except Exception as error:  # the task outlives any failed batch
                fail(batch, error)

    def _next_batch(self) -> list[P]:
        """Take waiting items, up to the limit of a script call; a large one is sent alone."""
        batch: list[P] = []
        size = 0
        while self._waiting and len(batch) < MOST_DELIVERIES:
            size += self._waiting[0].size
            if batch and size > MOST_BYTES:
                break
            batch.append(self._waiting.popleft())
        self.waiting_bytes -= sum(one.size for one in batch)
        return batch


def answer(group: Sequence[PendingDelivery], reply: object) -> None:
    """Answer deliveries of one partition with the reply of its server."""
    if isinstance(reply, Exception):
        return fail(group, reply)
    for one in group:
        # A future that is done already belongs to a request that no longer waits.
        if not one.future.done():
            one.future.set_result(None)
    return None


def fail(group: Sequence[Pending], error: Exception) -> None:
    """Answer items that could not be stored."""
    translated = translate_error(error) if isinstance(error, RedisError) else error
    reason = (
        str(translated) if isinstance(translated, StoreUnavailableError) else type(error).__name__
    )
    for one in group:
        if not one.future.done():
            one.future.set_exception(StoreUnavailableError(reason))
