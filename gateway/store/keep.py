"""The way in: deliveries that wait at the same moment are kept together, and only then answered.

Each delivery has a future of its own. One task takes all that wait, appends them in one round trip
(one script call a partition, one fsync on the server) and answers each by its own partition's
reply. The task never dies: what goes wrong fails a batch with StoreUnavailableError, and the next
batch is tried afresh. Where the server cannot be reached, or too few replicas have the batch, all
that wait are told so at once, for each batch behind would wait as long again.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import redis.asyncio
from redis.exceptions import NoScriptError, RedisError

from gateway.store import keys
from gateway.store.body import Bodies
from gateway.store.client import (
    REPLICATED_WITHIN_MS,
    StoreUnavailableError,
    must_have,
    replicas_of,
    sha,
    source,
)
from gateway.store.inbox import partition_of

MOST_DELIVERIES = 64
MOST_BYTES = 256 * 1024
WAITING_BYTES = 64 * 1024 * 1024
LARGE_BODY = 64 * 1024


@dataclass(slots=True)
class _Waiting:
    """One delivery between its last byte and its answer."""

    partition: int
    header: bytes
    record: bytes
    kept: asyncio.Future[None]


class Keeper:
    """Keeps deliveries in the inbox, as many at once as wait."""

    def __init__(
        self, client: redis.asyncio.Redis, bodies: Bodies, ring: Callable[[], None]
    ) -> None:
        """Take the client to use; `ring` is called, and must return at once, when work begins."""
        self._redis = client
        self._replicas = replicas_of(client)
        self._bodies = bodies
        self._ring = ring
        self._waiting: deque[_Waiting] = deque()
        self._bytes = 0
        self._wake = asyncio.Event()
        self._closing = False
        self._task: asyncio.Task[None] | None = None

    async def keep(self, body: bytes, *, secret: str = "", origin: str = "meta") -> None:
        """Return once `body` is on disk. Raises StoreUnavailableError, and then it is not."""
        if self._bytes > WAITING_BYTES:
            raise StoreUnavailableError("too much waits to be kept")
        record = await self._packed(body)
        if self._closing:
            raise StoreUnavailableError("closing")
        kept = asyncio.get_running_loop().create_future()
        partition = partition_of(body)
        self._waiting.append(_Waiting(partition, f"{origin}|{secret}|".encode(), record, kept))
        self._bytes += len(record)
        self._wake.set()
        # Somebody who hangs up after the last byte is kept all the same: only the answer is lost.
        await asyncio.shield(kept)

    async def _packed(self, body: bytes) -> bytes:
        if len(body) <= LARGE_BODY:
            return self._bodies.pack(body)
        self._bytes += len(body)  # Many may wait for a thread, and none of them is small.
        try:
            return await asyncio.to_thread(self._bodies.pack, body)
        finally:
            self._bytes -= len(body)

    def start(self) -> None:
        """Begin to keep; call it inside the event loop."""
        self._task = asyncio.create_task(self._run(), name="keeper")

    async def close(self) -> None:
        """Keep what still waits, then end."""
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
            batch = self._batch()
            try:
                await self._keep(batch)
            except (RedisError, StoreUnavailableError) as error:
                while self._waiting:
                    batch += self._batch()
                _fail(batch, error)
            except Exception as error:  # the keeper outlives any one batch
                _fail(batch, error)

    def _batch(self) -> list[_Waiting]:
        """Take what waits, up to what a script may hold; a large body travels alone."""
        batch: list[_Waiting] = []
        size = 0
        while self._waiting and len(batch) < MOST_DELIVERIES:
            size += len(self._waiting[0].record)
            if batch and size > MOST_BYTES:
                break
            batch.append(self._waiting.popleft())
        self._bytes -= sum(len(one.record) for one in batch)
        return batch

    async def _keep(self, batch: list[_Waiting]) -> None:
        groups: dict[int, list[_Waiting]] = {}
        for one in batch:
            groups.setdefault(one.partition, []).append(one)
        *replies, rung = await self._append(list(groups.items()))
        for (partition, group), reply in zip(list(groups.items()), replies, strict=True):
            if isinstance(reply, NoScriptError):
                # Nothing of it ran: the server was restarted and has forgotten its scripts.
                await self._redis.script_load(source("keep"))
                reply, again = await self._append([(partition, group)])
                rung = rung or again
            _answer(group, reply)
        if rung is True:
            self._ring()

    async def _append(self, groups: list[tuple[int, list[_Waiting]]]) -> list[object]:
        """Append each group to its partition, then set the bell: true if it was not set yet.

        The bell comes last: a worker that clears it and looks must find what it was set for.
        """
        pipe = self._redis.pipeline(transaction=False)
        for partition, group in groups:
            pairs = [part for one in group for part in (one.header, one.record)]
            pipe.evalsha(sha("keep"), 1, keys.partition(partition), *pairs)
        pipe.set(keys.INBOX_BELL, 1, nx=True, px=keys.BELL_MS)
        if self._replicas:
            pipe.wait(self._replicas, REPLICATED_WITHIN_MS)
        replies: list[object] = await pipe.execute(raise_on_error=False)
        if self._replicas:
            must_have(self._replicas, replies.pop())
        return replies


def _answer(group: list[_Waiting], reply: object) -> None:
    if isinstance(reply, Exception):
        return _fail(group, reply)
    for one in group:
        # A future that is done already belongs to somebody who no longer waits.
        if not one.kept.done():
            one.kept.set_result(None)
    return None


def _fail(group: list[_Waiting], error: Exception) -> None:
    reason = str(error) if isinstance(error, StoreUnavailableError) else type(error).__name__
    for one in group:
        if not one.kept.done():
            one.kept.set_exception(StoreUnavailableError(reason))
