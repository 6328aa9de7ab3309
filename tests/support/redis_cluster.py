"""A real Redis Cluster on loopback: servers that know each other, each with a part of the slots."""

from pathlib import Path
from typing import Any

import redis
from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot

from tests.support.servers import Server, free_port, wait_until

OPTIONS = {
    "cluster-enabled": "yes",
    "cluster-node-timeout": "3000",
    "cluster-require-full-coverage": "no",  # a server that is away takes only its own slots along
    "repl-diskless-sync-delay": "0",
}


class ClusterOf:
    """Primaries with equal shares of the slots, each with so many replicas."""

    def __init__(self, folder: Path, primaries: int = 3, replicas: int = 0) -> None:
        self.primaries = [self._server(folder / f"primary{i}") for i in range(primaries)]
        self.replicas = [
            self._server(folder / f"replica{i}") for i in range(primaries * replicas)
        ]  # the first of each primary, then the second of each
        self._moved: dict[int, Server] = {}
        try:
            self._join()
        except BaseException:
            self.close()  # whoever asked has nothing to close
            raise

    def _join(self) -> None:
        """Let the servers see each other, and replicas follow."""
        self._share()
        for one in self.servers[1:]:
            meet = f"CLUSTER MEET 127.0.0.1 {self.servers[0].port}"
            ask(one, *meet.split(), self.servers[0].options["cluster-port"])
        self.settle()
        for i, one in enumerate(self.replicas):
            primary = self.primaries[i % len(self.primaries)]
            ask(one, "CLUSTER", "REPLICATE", ask(primary, "CLUSTER", "MYID"))
        wait_until(lambda: all(map(_in_step, self.replicas)), "the replicas follow")
        self.settle()

    @property
    def servers(self) -> list[Server]:
        return [*self.primaries, *self.replicas]

    @property
    def url(self) -> str:
        hosts = ",".join(f"127.0.0.1:{one.port}" for one in self.primaries)
        return f"redis-cluster://{hosts}"

    def settle(self) -> None:
        """Wait until every server that runs sees all of them, and all slots at their place."""
        running = [one for one in self.servers if one.process]
        wait_until(lambda: all(self._settled(one) for one in running), "the cluster is settled")

    def owner(self, key: str) -> Server:
        """Return the primary that has a key."""
        slot = key_slot(key.encode())
        return self._moved.get(slot) or self.primaries[slot * len(self.primaries) // _SLOTS]

    def begin_to_move(self, key: str, to: Server) -> None:
        """Let a slot be on its way: both sides know, and what it holds has not left yet."""
        begin, slot = self.owner(key), key_slot(key.encode())
        ask(to, "CLUSTER", "SETSLOT", slot, "IMPORTING", ask(begin, "CLUSTER", "MYID"))
        ask(begin, "CLUSTER", "SETSLOT", slot, "MIGRATING", ask(to, "CLUSTER", "MYID"))

    def move(self, key: str, to: Server) -> None:
        """Move a slot and what it holds; other servers hear of it later, by themselves."""
        self.begin_to_move(key, to)
        begin, slot = self.owner(key), key_slot(key.encode())
        for held in ask(begin, "CLUSTER", "GETKEYSINSLOT", slot, 1_000):
            ask(begin, "MIGRATE", "127.0.0.1", to.port, held, 0, 5_000)
        for one in (to, begin):
            ask(one, "CLUSTER", "SETSLOT", slot, "NODE", ask(to, "CLUSTER", "MYID"))
        self._moved[slot] = to

    def close(self) -> None:
        for one in self.servers:
            one.kill()

    def _server(self, folder: Path) -> Server:
        return Server(folder, **OPTIONS, **{"cluster-port": str(free_port())}).start()

    def _share(self) -> None:
        shares: dict[int, list[int]] = {}
        for slot in range(_SLOTS):
            shares.setdefault(slot * len(self.primaries) // _SLOTS, []).append(slot)
        for i, slots in shares.items():
            ask(self.primaries[i], "CLUSTER", "SET-CONFIG-EPOCH", i + 1)
            ask(self.primaries[i], "CLUSTER", "ADDSLOTSRANGE", slots[0], slots[-1])

    def _settled(self, server: Server) -> bool:
        told = ask(server, "CLUSTER", "INFO")
        known = str(len(self.servers))
        return (told["cluster_state"], told["cluster_known_nodes"]) == ("ok", known)


_SLOTS = REDIS_CLUSTER_HASH_SLOTS


def ask(server: Server, *words: Any) -> Any:
    """Ask one server itself."""
    with redis.Redis(port=server.port) as client:
        if words[0] == "CLUSTER":  # the driver knows its commands by both words
            words = (f"{words[0]} {words[1]}", *words[2:])
        return client.execute_command(*words)


def _in_step(replica: Server) -> bool:
    with redis.Redis(port=replica.port) as client:
        return bool(client.info("replication").get("master_link_status") == "up")
