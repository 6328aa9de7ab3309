"""Redis Cluster with the methods of one server: each command goes to the server of its key.

A command is only repeated if a server said that it did not run it. An unavailable server gives its
error to the commands that were for it, and to no others. All keys of a script or of a transaction
are in one slot; no command here names keys of several.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar, cast

from redis.exceptions import RedisError, ResponseError

from gateway.config.redis_address import Address
from gateway.store.redis.cluster.slot_map import Command, Node, NodeGroup, Slots, Spread
from gateway.store.redis.driver import Client, Pipe, ask_server

T = TypeVar("T")

# How many servers are waited for at once, over all threads of a process.
AT_ONCE = 16
_NO_CLUSTER = "cluster support disabled"


class Cluster(Client):
    """A client of all servers of a cluster; threads can share it."""

    def __init__(self, address: Address, options: Mapping[str, Any]) -> None:
        """Store the servers' addresses; the first command connects."""
        self._address = address
        self._options = options
        self._clients: dict[Node, Client] = {}
        self._slots = Slots(address.nodes)
        self._refresh_lock = threading.Lock()
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="node")
        super().__init__(connection_pool=self.node(address.nodes[0]).connection_pool)

    def node(self, node: Node) -> Client:
        """Return the client of one server."""
        if node not in self._clients:
            client = Client.from_url(self._address.url_of(node), **self._options)
            self._clients.setdefault(node, cast(Client, client))
        return self._clients[node]

    def execute_command(self, *args: Any, **options: Any) -> Any:
        """Run one command. Raises RedisError."""
        (answer,) = self.answers([(args, options)])
        if isinstance(answer, Exception):
            raise answer
        return answer

    def pipeline(self, transaction: Any = True, shard_hint: Any = None) -> Pipe:
        """Collect commands of any keys; those of a transaction are of one slot."""
        return _ClusterPipe(self, transaction=bool(transaction))

    def answers(
        self, commands: Sequence[Command], replicas: int = 0, *, transaction: bool = False
    ) -> list[Any]:
        """Run commands, one pipeline for each server; a failed one has its error as its answer.

        Raises RedisError where no server can be asked for the slot map.
        """
        self._refresh_slots()
        spread = Spread(self._slots, commands)

        def run(group: NodeGroup) -> list[Any]:
            return self._run(group, replicas, transaction=transaction)

        while groups := spread.groups():
            # Most calls are for one server, and need no thread.
            done = self._threads.map(run, groups) if len(groups) > 1 else map(run, groups)
            for group, answers in zip(groups, done, strict=True):
                spread.take(group, answers)
        return spread.answers

    def infos(self) -> list[Any]:
        """Return the INFO of every server that writes, or its error."""
        return self.ask_each(lambda server: server.info())

    def find_address_problem(self, infos: Sequence[Any]) -> str:
        """Return what is wrong if the servers are not those of a cluster; "" where they are."""
        if all(int(info.get("cluster_enabled", 0)) for info in infos):
            return ""
        return "Redis is no cluster: begin its address with redis://."

    def ask_each(self, ask: Callable[[Client], T]) -> list[T | RedisError]:
        """Call `ask` with every server that writes; one that fails gives its error."""
        self._refresh_slots()
        servers = [self.node(node) for node in self._slots.primaries]
        return list(self._threads.map(lambda server: ask_server(server, ask), servers))

    def close(self) -> None:
        """Close all connections."""
        self._threads.shutdown(wait=False)
        for client in self._clients.values():
            client.close()

    def _run(self, group: NodeGroup, replicas: int, *, transaction: bool) -> list[Any]:
        pipe = self.node(group.node).pipeline(transaction)
        pipe.command_stack = list(group.commands)
        try:
            return pipe.in_place(replicas)
        except RedisError as error:
            return [error] * len(group.commands)

    def _refresh_slots(self) -> None:
        """Ask for the slot map where that is due."""
        if not self._slots.is_refresh_due():
            return
        with self._refresh_lock:
            failed: RedisError | None = None
            for node in self._slots.known if self._slots.is_refresh_due() else ():
                try:
                    self._slots.read(self._map(node), node)
                except RedisError as error:
                    failed = error
                else:
                    return
            if failed:
                self._slots.keep_old(failed)

    def _map(self, node: Node) -> Any:
        try:
            ask: Any = self.node(node)
            return ask.execute_command("CLUSTER SLOTS")
        except ResponseError as error:
            return single_node_slots(error, node)


class _ClusterPipe(Pipe):
    def __init__(self, cluster: Cluster, *, transaction: bool) -> None:
        super().__init__(
            cluster.connection_pool, cluster.response_callbacks, transaction, shard_hint=None
        )
        self._cluster = cluster

    def answers(self, replicas: int = 0) -> list[Any]:
        """Run them; one that failed, or that too few replicas have, has its error as its answer."""
        return self.in_place(replicas)

    def in_place(self, replicas: int) -> list[Any]:
        """Run them, as `answers` does."""
        commands, self.command_stack = self.command_stack, []
        if not commands:
            return []
        return self._cluster.answers(commands, replicas, transaction=bool(self.transaction))

    def execute(self, raise_on_error: bool = True) -> list[Any]:
        """Run them. Raises the first error."""
        answers = self.answers()
        for one in answers if raise_on_error else ():
            if isinstance(one, Exception):
                raise one
        return answers


def single_node_slots(error: ResponseError, node: Node) -> Any:
    """Map all slots to a server that is in no cluster; its INFO shows that later."""
    if _NO_CLUSTER not in str(error):
        raise error
    return [[0, 16383, list(node)]]
