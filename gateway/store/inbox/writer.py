"""Inbox writer: stores deliveries that wait at the same moment together, then answers them.

Each delivery has a future of its own. All that wait are appended in one round trip (one script call
a partition, one fsync on the server) and each is answered by its own partition's reply.
"""

import asyncio
from collections.abc import Callable, Sequence

from redis.exceptions import NoScriptError

from gateway.store import keys
from gateway.store.body_codec import Bodies
from gateway.store.inbox.batching import Batcher, PendingDelivery, answer
from gateway.store.inbox.partitions import partition_of
from gateway.store.inbox.record import pack_header
from gateway.store.lua.scripts import sha, source
from gateway.store.redis.client import StoreUnavailableError
from gateway.store.redis.driver import AsyncClient

WAITING_BYTES = 64 * 1024 * 1024
LARGE_BODY = 64 * 1024


class InboxWriter:
    """Stores deliveries in the inbox, all that wait at once."""

    def __init__(self, client: AsyncClient, bodies: Bodies, ring: Callable[[], None]) -> None:
        """Take the client to use; `ring` is called when work begins, and must return at once."""
        self._redis = client
        self._bodies = bodies
        self._packing = 0  # bytes
        self._closing = False
        self._bell = client.bell(keys.INBOX_BELL, keys.BELL_MS, ring)
        self._batchers = [
            Batcher[PendingDelivery](self._keep) for _ in range(client.count_lines(keys.PARTITIONS))
        ]

    async def keep(
        self, body: bytes, *, secret: str = "", account: str = "", origin: str = "meta"
    ) -> None:
        """Return once `body` is on disk. Raises StoreUnavailableError, and then it is not."""
        if self._packing + sum(line.waiting_bytes for line in self._batchers) > WAITING_BYTES:
            raise StoreUnavailableError("too much waits to be kept")
        record = await self._pack(body)
        if self._closing:
            raise StoreUnavailableError("closing")
        future = asyncio.get_running_loop().create_future()
        partition = partition_of(body)
        batcher = self._batchers[partition % len(self._batchers)]
        header = pack_header(origin, secret, account)
        batcher.add(PendingDelivery(partition, header, record, future))
        # A client that hangs up after the last byte loses only the answer: its delivery is stored.
        await asyncio.shield(future)

    async def _pack(self, body: bytes) -> bytes:
        if len(body) <= LARGE_BODY:
            return self._bodies.pack(body)
        self._packing += len(body)  # Many bodies may wait for a thread, and each is large.
        try:
            return await asyncio.to_thread(self._bodies.pack, body)
        finally:
            self._packing -= len(body)

    def start(self) -> None:
        """Start to store deliveries; call it inside the event loop."""
        for line in self._batchers:
            line.start()

    async def close(self) -> None:
        """Store what still waits, then end."""
        self._closing = True
        await asyncio.gather(*(line.close() for line in self._batchers))
        await self._bell.close()

    async def _keep(self, batch: Sequence[PendingDelivery]) -> None:
        groups: dict[int, list[PendingDelivery]] = {}
        for one in batch:
            groups.setdefault(one.partition, []).append(one)
        replies = await self._append(groups, by_hash=True)
        lost = [i for i, reply in replies.items() if isinstance(reply, NoScriptError)]
        if lost:
            # None of these calls ran: a server was restarted and has lost its scripts.
            replies |= await self._append({i: groups[i] for i in lost}, by_hash=False)
        for partition, reply in replies.items():
            answer(groups[partition], reply)
        self._bell.ring()

    async def _append(
        self, groups: dict[int, list[PendingDelivery]], *, by_hash: bool
    ) -> dict[int, object]:
        """Append each group to its partition, and set the wake-up."""
        pipe = self._redis.pipeline(transaction=False)
        for partition, group in groups.items():
            pairs = [part for one in group for part in (one.header, one.record)]
            if by_hash:
                pipe.evalsha(sha("keep"), 1, keys.partition(partition), *pairs)
            else:
                pipe.eval(source("keep"), 1, keys.partition(partition), *pairs)
        self._bell.add_to(pipe)
        replies = self._bell.take_answer(await pipe.answers(self._redis.replicas))
        return dict(zip(groups, replies, strict=True))
