"""Redis clients that add to the driver's: each answer in its place, and WAIT where it counts."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import redis
import redis.asyncio
import redis.asyncio.client
import redis.client
from redis.exceptions import RedisError

from gateway.store.redis.fresh_pools import AsyncFreshPool, FreshPool

T = TypeVar("T")

# Well below the time after which the driver would give the connection up.
REPLICATED_WITHIN_MS = 1_000


class NotReplicatedError(RedisError):
    """Fewer replicas than were asked for have a write: it does not count."""

    def __init__(self) -> None:
        """Create the error with its message."""
        super().__init__("not replicated")


class Pipe(redis.client.Pipeline):
    """Commands that go to one server in one round trip, on one connection."""

    def answers(self, replicas: int = 0) -> list[Any]:
        """Run them; a failed one has its error as its answer.

        Raises RedisError where all outcomes are unknown, or where too few replicas have the writes.
        """
        return _require_replicated(self.in_place(replicas))

    def in_place(self, replicas: int) -> list[Any]:
        """Run them; too few replicas become the error of each command instead of being raised."""
        if replicas:
            # WAIT covers what its own connection wrote, so it goes with the commands.
            self.wait(replicas, REPLICATED_WITHIN_MS)
        return _check_replicas(list(self.execute(raise_on_error=False)), replicas)


class Client(redis.Redis):
    """A client of one server."""

    @classmethod
    def from_url(cls, url: str, **options: Any) -> Any:
        """Return a client whose pool drops connections that were idle for long."""
        return cls.from_pool(FreshPool.from_url(url, **options))

    def pipeline(self, transaction: Any = True, shard_hint: Any = None) -> Pipe:
        """Collect commands."""
        return Pipe(self.connection_pool, self.response_callbacks, transaction, shard_hint)

    def infos(self) -> list[Any]:
        """Return the INFO of every server that writes, or its error."""
        return [self.info()]

    def find_address_problem(self, infos: Sequence[Any]) -> str:
        """Return what is wrong if the address is of another form than the servers, else ""."""
        if all(int(info.get("cluster_enabled", 0)) for info in infos):
            return "Redis is a server of a cluster: begin its address with redis-cluster://."
        return ""

    def ask_each(self, ask: Callable[["Client"], T]) -> list[T | RedisError]:
        """Call `ask` with every server that writes; one that fails gives its error."""
        return [ask_server(self, ask)]


def ask_server(server: Client, ask: Callable[[Client], T]) -> T | RedisError:
    """Return the answer of one server, or its error."""
    try:
        return ask(server)
    except RedisError as error:
        return error


class AsyncPipe(redis.asyncio.client.Pipeline):
    """Commands to one server, for an event loop."""

    async def answers(self, replicas: int = 0) -> list[Any]:
        """Run them; a failed one has its error as its answer.

        Raises RedisError where all outcomes are unknown, or where too few replicas have the writes.
        """
        return _require_replicated(await self.in_place(replicas))

    async def in_place(self, replicas: int) -> list[Any]:
        """Run them; too few replicas become the error of each command instead of being raised."""
        if replicas:
            self.wait(replicas, REPLICATED_WITHIN_MS)
        return _check_replicas(list(await self.execute(raise_on_error=False)), replicas)


class InboxBell:
    """Wake-up mark: a key set after a pipe's writes; `ring` is called if it was not set yet."""

    def __init__(self, key: str, lifetime_ms: int, ring: Callable[[], None]) -> None:
        """Take the function that rings, which must return at once."""
        self._key = key
        self._lifetime_ms = lifetime_ms
        self._ring = ring
        self._is_first = False

    def add_to(self, pipe: AsyncPipe) -> None:
        """Set the key last: a worker that clears it and looks must find what it was set for."""
        pipe.set(self._key, 1, nx=True, px=self._lifetime_ms)

    def take_answer(self, answers: list[Any]) -> list[Any]:
        """Remove the answer of the mark, and return the others."""
        self._is_first |= answers.pop() is True
        return answers

    def ring(self) -> None:
        """Ring where the key was not set before."""
        is_first, self._is_first = self._is_first, False
        if is_first:
            self._ring()

    async def close(self) -> None:
        """Ring for the last request, then end."""


class AsyncClient(redis.asyncio.Redis):
    """A client for an event loop, with the number of replicas that must have a delivery."""

    replicas = 0

    @classmethod
    def from_url(cls, url: str, **options: Any) -> Any:  # type: ignore[override]
        """Return a client whose pool drops connections that were idle for long."""
        return cls.from_pool(AsyncFreshPool.from_url(url, **options))

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> AsyncPipe:
        """Collect commands."""
        return AsyncPipe(self.connection_pool, self.response_callbacks, transaction, shard_hint)

    def count_lines(self, keys: int) -> int:
        """Return the number of queues for writes to so many keys; none waits for another."""
        return 1

    def bell(self, key: str, lifetime_ms: int, ring: Callable[[], None]) -> InboxBell:
        """Return a wake-up mark for what is written with this client."""
        return InboxBell(key, lifetime_ms, ring)

    def is_partial(self, error: RedisError) -> bool:
        """Return whether other servers may still serve where one fails with this error."""
        return False

    async def infos(self) -> list[Any]:
        """Return the INFO of every server that writes, or its error."""
        return [await self.info()]


def _check_replicas(answers: list[Any], replicas: int) -> list[Any]:
    """Remove the answer of WAIT, and judge the commands that it covers."""
    if not replicas:
        return answers
    acknowledged = answers.pop()
    # Only a server that has become a replica refuses WAIT.
    if not isinstance(acknowledged, RedisError) and acknowledged >= replicas:
        return answers
    return [one if isinstance(one, RedisError) else NotReplicatedError() for one in answers]


def _require_replicated(answers: Sequence[Any]) -> list[Any]:
    for one in answers:
        if isinstance(one, NotReplicatedError):
            raise one
    return list(answers)
