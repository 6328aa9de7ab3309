"""Redis Cluster client for an event loop; see `client.py`."""

import asyncio
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from redis.exceptions import ConnectionError, RedisError, ResponseError, TimeoutError

from gateway.config.redis_address import Address
from gateway.store.redis.cluster.bell import ClusterBell
from gateway.store.redis.cluster.client import single_node_slots
from gateway.store.redis.cluster.slot_map import Command, Node, NodeGroup, Slots, Spread
from gateway.store.redis.driver import AsyncClient, AsyncPipe, InboxBell


class AsyncCluster(AsyncClient):
    """A client of all servers of a cluster."""

    def __init__(self, address: Address, options: Mapping[str, Any]) -> None:
        """Store the servers' addresses; the first command connects."""
        self._address = address
        self._options = options
        self._clients: dict[Node, AsyncClient] = {}
        self._slots = Slots(address.nodes)
        self._refresh_lock = asyncio.Lock()
        super().__init__(connection_pool=self.node(address.nodes[0]).connection_pool)

    def node(self, node: Node) -> AsyncClient:
        """Return the client of one server."""
        if node not in self._clients:
            client = AsyncClient.from_url(self._address.url_of(node), **self._options)
            self._clients[node] = cast(AsyncClient, client)
        return self._clients[node]

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """Run one command. Raises RedisError."""
        (answer,) = await self.answers([(args, options)])
        if isinstance(answer, Exception):
            raise answer
        return answer

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> AsyncPipe:
        """Collect commands of any keys; those of a transaction are of one slot."""
        return _AsyncClusterPipe(self, transaction=transaction)

    async def answers(
        self, commands: Sequence[Command], replicas: int = 0, *, transaction: bool = False
    ) -> list[Any]:
        """Run commands, one pipeline for each server; a failed one has its error as its answer.

        Raises RedisError where no server can be asked for the slot map.
        """
        await self._refresh_slots()
        spread = Spread(self._slots, commands)
        while groups := spread.groups():
            runs = (self._run(group, replicas, transaction=transaction) for group in groups)
            for group, answers in zip(groups, await asyncio.gather(*runs), strict=True):
                spread.take(group, answers)
        return spread.answers

    def pubsub(self, **options: Any) -> Any:
        """Return a subscriber at one of the servers: each passes on what is published at any."""
        return self.node(secrets.choice(self._slots.known)).pubsub(**options)

    def count_lines(self, keys: int) -> int:
        """Return one for each key, so that an unavailable server holds up no other."""
        return keys

    def bell(self, key: str, lifetime_ms: int, ring: Callable[[], None]) -> InboxBell:
        """Return a wake-up mark for what is written with this client."""
        return ClusterBell(self, key, lifetime_ms, ring)

    def is_partial(self, error: RedisError) -> bool:
        """Return whether other servers may still serve where one fails with this error."""
        return isinstance(error, (ConnectionError, TimeoutError))

    async def infos(self) -> list[Any]:
        """Return the INFO of every server that writes, or its error."""
        await self._refresh_slots()
        return await asyncio.gather(*map(self._info, self._slots.primaries))

    async def aclose(self, close_connection_pool: bool | None = None) -> None:
        """Close all connections."""
        for client in self._clients.values():
            await client.aclose(close_connection_pool)

    async def _run(self, group: NodeGroup, replicas: int, *, transaction: bool) -> list[Any]:
        pipe: Any = self.node(group.node).pipeline(transaction)
        pipe.command_stack = list(group.commands)
        try:
            answers: list[Any] = await pipe.in_place(replicas)
        except RedisError as error:
            return [error] * len(group.commands)
        return answers

    async def _info(self, node: Node) -> Any:
        try:
            return await self.node(node).info()
        except RedisError as error:
            return error

    async def _refresh_slots(self) -> None:
        """Ask for the slot map where that is due."""
        if not self._slots.is_refresh_due():
            return
        async with self._refresh_lock:
            failed: RedisError | None = None
            for node in self._slots.known if self._slots.is_refresh_due() else ():
                try:
                    self._slots.read(await self._map(node), node)
                except RedisError as error:
                    failed = error
                else:
                    return
            if failed:
                self._slots.keep_old(failed)

    async def _map(self, node: Node) -> Any:
        try:
            ask: Any = self.node(node)
            return await ask.execute_command("CLUSTER SLOTS")
        except ResponseError as error:
            return single_node_slots(error, node)


class _AsyncClusterPipe(AsyncPipe):
    def __init__(self, cluster: AsyncCluster, *, transaction: bool) -> None:
        super().__init__(
            cluster.connection_pool, cluster.response_callbacks, transaction, shard_hint=None
        )
        self._cluster = cluster

    async def answers(self, replicas: int = 0) -> list[Any]:
        """Run them; one that failed, or that too few replicas have, has its error as its answer."""
        return await self.in_place(replicas)

    async def in_place(self, replicas: int) -> list[Any]:
        """Run them, as `answers` does."""
        commands, self.command_stack = self.command_stack, []
        if not commands:
            return []
        return await self._cluster.answers(commands, replicas, transaction=self.is_transaction)

    async def execute(self, raise_on_error: bool = True) -> list[Any]:
        """Run them. Raises the first error."""
        answers = await self.answers()
        for one in answers if raise_on_error else ():
            if isinstance(one, Exception):
                raise one
        return answers
