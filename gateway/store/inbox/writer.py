"""The way in: deliveries that wait at the same moment are kept together, and only then answered.

Each delivery has a future of its own. All that wait are appended in one round trip (one script call
a partition, one fsync on the server) and each is answered by its own partition's reply. On a
cluster each partition has a line of its own, so that a server that is away holds up nobody else.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress

from redis.exceptions import NoScriptError, RedisError

from gateway.store import keys
from gateway.store.body_encryption import Bodies
from gateway.store.inbox.batching import Batcher, PendingDelivery, answer
from gateway.store.inbox.partitions import partition_of
from gateway.store.lua.scripts import sha, source
from gateway.store.redis.client import StoreUnavailableError
from gateway.store.redis.driver import AsyncClient

WAITING_BYTES = 64 * 1024 * 1024
LARGE_BODY = 64 * 1024


class InboxWriter:
    """Keeps deliveries in the inbox, as many at once as wait."""

    def __init__(self, client: AsyncClient, bodies: Bodies, ring: Callable[[], None]) -> None:
        """Take the client to use; `ring` is called, and must return at once, when work begins."""
        self._redis = client
        self._bodies = bodies
        self._ring = ring
        self._packing = 0  # bytes
        self._closing = False
        self._bell = _Bell(client, ring) if client.is_cluster else None
        self._batchers = [Batcher(self._keep) for _ in range(keys.PARTITIONS if self._bell else 1)]

    async def keep(self, body: bytes, *, secret: str = "", origin: str = "meta") -> None:
        """Return once `body` is on disk. Raises StoreUnavailableError, and then it is not."""
        if self._packing + sum(line.waiting_bytes for line in self._batchers) > WAITING_BYTES:
            raise StoreUnavailableError("too much waits to be kept")
        record = await self._pack(body)
        if self._closing:
            raise StoreUnavailableError("closing")
        future = asyncio.get_running_loop().create_future()
        partition = partition_of(body)
        batcher = self._batchers[partition % len(self._batchers)]
        batcher.add(PendingDelivery(partition, f"{origin}|{secret}|".encode(), record, future))
        # Somebody who hangs up after the last byte is kept all the same: only the answer is lost.
        await asyncio.shield(future)

    async def _pack(self, body: bytes) -> bytes:
        if len(body) <= LARGE_BODY:
            return self._bodies.pack(body)
        self._packing += len(body)  # Many may wait for a thread, and none of them is small.
        try:
            return await asyncio.to_thread(self._bodies.pack, body)
        finally:
            self._packing -= len(body)

    def start(self) -> None:
        """Begin to keep; call it inside the event loop."""
        for line in self._batchers:
            line.start()
        if self._bell:
            self._bell.start()

    async def close(self) -> None:
        """Keep what still waits, then end."""
        self._closing = True
        await asyncio.gather(*(line.close() for line in self._batchers))
        if self._bell:
            await self._bell.close()

    async def _keep(self, batch: Sequence[PendingDelivery]) -> None:
        groups: dict[int, list[PendingDelivery]] = {}
        for one in batch:
            groups.setdefault(one.partition, []).append(one)
        replies, bell_reply = await self._append(groups, by_hash=True)
        lost = [i for i, reply in replies.items() if isinstance(reply, NoScriptError)]
        if lost:
            # Nothing of these ran: a server was restarted and has forgotten its scripts.
            retried, second_bell_reply = await self._append(
                {i: groups[i] for i in lost}, by_hash=False
            )
            replies, bell_reply = replies | retried, bell_reply or second_bell_reply
        for partition, reply in replies.items():
            answer(groups[partition], reply)
        if self._bell:
            self._bell.request()
        elif bell_reply is True:
            self._ring()

    async def _append(
        self, groups: dict[int, list[PendingDelivery]], *, by_hash: bool
    ) -> tuple[dict[int, object], object]:
        """Append each group to its partition, then set the bell: true if it was not set yet.

        The bell comes last: a worker that clears it and looks must find what it was set for. On a
        cluster it is on some other server, so it waits until the answers are in.
        """
        pipe = self._redis.pipeline(transaction=False)
        for partition, group in groups.items():
            pairs = [part for one in group for part in (one.header, one.record)]
            if by_hash:
                pipe.evalsha(sha("keep"), 1, keys.partition(partition), *pairs)
            else:
                pipe.eval(source("keep"), 1, keys.partition(partition), *pairs)
        if not self._bell:
            pipe.set(keys.INBOX_BELL, 1, nx=True, px=keys.BELL_MS)
        replies = await pipe.answers(self._redis.replicas)
        bell_reply = None if self._bell else replies.pop()
        return dict(zip(groups, replies, strict=True)), bell_reply


class _Bell:
    """Sets the bell beside the answers, once for all who asked meanwhile."""

    def __init__(self, client: AsyncClient, ring: Callable[[], None]) -> None:
        self._redis = client
        self._ring = ring
        self._requested = asyncio.Event()
        self._closing = False
        self._task: asyncio.Task[None] | None = None

    def request(self) -> None:
        self._requested.set()

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="bell")

    async def close(self) -> None:
        """Ring for what was asked for last, then end."""
        self._closing = True
        self._requested.set()
        if self._task:
            await self._task

    async def _run(self) -> None:
        closing = False
        while not closing:
            await self._requested.wait()
            self._requested.clear()
            # Looked at before the bell, so that what was asked for before the end is rung for.
            closing = self._closing
            await self._notify()

    async def _notify(self) -> None:
        try:
            first = await self._redis.set(keys.INBOX_BELL, 1, nx=True, px=keys.BELL_MS)
        except RedisError:
            first = True  # nobody can say, and a bell too many does no harm
        with suppress(Exception):  # the sweep rings for what is not rung for
            if first:
                self._ring()
