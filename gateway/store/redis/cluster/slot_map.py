"""Slot map of a Redis Cluster, and the answers of a call that spans several servers.

No I/O: the clients of `client.py` and `async_client.py` ask the servers, and pass answers on.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot
from redis.exceptions import (
    AskError,
    ClusterDownError,
    ClusterError,
    ConnectionError,
    MovedError,
    RedisError,
    TimeoutError,
)

from gateway.store.redis.driver import NotReplicatedError

Node = tuple[str, int]
Command = tuple[Sequence[Any], Mapping[str, Any]]  # its words, and how the driver reads the answer

_KEYLESS = frozenset({"INFO", "TIME", "PING", "ECHO"})
# After these errors the slots may have moved.
_DOUBTFUL = (AskError, ClusterError, ConnectionError, TimeoutError, NotReplicatedError)


class Slots:
    """The slot map, as of the last time that a server was asked for it."""

    PAUSE_S = 0.2  # between two requests while servers are unavailable

    def __init__(self, seeds: Iterable[Node]) -> None:
        """Start with only the servers to ask first."""
        self._seeds = tuple(seeds)
        self._known = list(self._seeds)
        self._owners: list[Node | None] = []
        self._is_doubted = False
        self._read_at = 0.0

    def is_refresh_due(self) -> bool:
        """Return whether a server has to be asked; while the map is doubted, now and then."""
        paused = time.monotonic() - self._read_at < self.PAUSE_S
        return not self._owners or (self._is_doubted and not paused)

    @property
    def known(self) -> list[Node]:
        """Return the servers to ask for the map, the one that answered last first."""
        return list(self._known)

    @property
    def primaries(self) -> list[Node]:
        """Return the servers that hold slots."""
        return sorted({one for one in self._owners if one})

    def read(self, rows: Any, source: Node) -> None:
        """Read the answer of `source` to CLUSTER SLOTS."""
        owners: list[Node | None] = [None] * REDIS_CLUSTER_HASH_SLOTS
        nodes_seen = [source]
        for first, last, *nodes in rows:
            named = [_parse_node(one, source) for one in nodes]
            owners[first : last + 1] = named[:1] * (last + 1 - first)
            nodes_seen += named
        self._known = list(dict.fromkeys([*nodes_seen, *self._seeds]))
        self._owners, self._is_doubted, self._read_at = owners, False, time.monotonic()

    def keep_old(self, error: RedisError) -> None:
        """Keep the old map where no server could be asked. Raises `error` without one."""
        if not self._owners:
            raise error
        self._read_at = time.monotonic()

    def owner(self, command: Command) -> Node | None:
        """Return the server of a command's key; without a key, the one that answered last."""
        key = key_of(command)
        if key is None:
            return self._known[0]
        return self._owners[key_slot(key.encode() if isinstance(key, str) else key)]

    def learn(self, answer: Any) -> None:
        """Learn from an answer where a slot is, or that the map may be wrong."""
        if isinstance(answer, MovedError) and answer.host:
            self._owners[answer.slot_id] = (answer.host, answer.port)
        self._is_doubted = self._is_doubted or isinstance(answer, _DOUBTFUL)


@dataclass(frozen=True, slots=True)
class NodeGroup:
    """Commands of one server, and their places among all."""

    node: Node
    positions: Sequence[int]
    commands: Sequence[Command]


class Spread:
    """Distribution of commands to the servers of their keys; the answers keep the given order."""

    def __init__(self, slots: Slots, commands: Sequence[Command]) -> None:
        """Take the commands; one without a key goes with the first that has one."""
        self._slots = slots
        self._commands = commands
        self._leading = next((one for one in commands if key_of(one) is not None), None)
        self._pending: Sequence[int] = range(len(commands))
        self._rounds = 2
        self.answers: list[Any] = [None] * len(commands)

    def groups(self) -> list[NodeGroup]:
        """Return the commands to run: at first all, then once more those whose slot has moved.

        Those did not run. Any other failed command may have run, so it is not repeated.
        """
        self._rounds -= 1
        if self._rounds < 0:
            return []
        positions: dict[Node, list[int]] = {}
        for position in self._pending:
            if node := self._node(self._commands[position]):
                positions.setdefault(node, []).append(position)
            else:
                self.answers[position] = ClusterDownError("no server has its slot")
        return [
            NodeGroup(node, theirs, [self._commands[i] for i in theirs])
            for node, theirs in positions.items()
        ]

    def take(self, group: NodeGroup, answers: Sequence[Any]) -> None:
        """Take the answers of one server."""
        for position, answer in zip(group.positions, answers, strict=True):
            self.answers[position] = answer
            self._slots.learn(answer)
        self._pending = [i for i, one in enumerate(self.answers) if isinstance(one, MovedError)]

    def _node(self, command: Command) -> Node | None:
        keyed = self._leading if self._leading and key_of(command) is None else command
        return self._slots.owner(keyed)


def key_of(command: Command) -> Any:
    """Return the key that decides where a command goes, None where it has none."""
    words = command[0]
    if words[0] in ("EVAL", "EVALSHA"):
        return words[3]
    return None if words[0] in _KEYLESS or len(words) < 2 else words[1]


def _parse_node(endpoint: Any, source: Node) -> Node:
    """Read a server's host and port; without a host it is the one of the server that was asked."""
    host = endpoint[0].decode() if isinstance(endpoint[0], bytes) else endpoint[0]
    return (source[0] if host in (None, "", "?") else host, int(endpoint[1]))
