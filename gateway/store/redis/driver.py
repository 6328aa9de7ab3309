"""The driver's clients with what they lack: each answer in its place, and WAIT where it counts."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import redis
import redis.asyncio
import redis.asyncio.client
import redis.client
from redis.exceptions import RedisError

T = TypeVar("T")

# Well under the time after which the driver would give the connection up.
REPLICATED_WITHIN_MS = 1_000


class NotReplicatedError(RedisError):
    """Fewer replicas than were asked for have a write: it does not count."""

    def __init__(self) -> None:
        """Say so."""
        super().__init__("not replicated")


class Pipe(redis.client.Pipeline):
    """Commands that go to one server in one round trip, on one connection."""

    def answers(self, replicas: int = 0) -> list[Any]:
        """Run them; one that failed gives its error in its place.

        Raises RedisError where nothing can be said of any, or where too few replicas have them.
        """
        return _require_replicated(self.in_place(replicas))

    def in_place(self, replicas: int) -> list[Any]:
        """Do the same, and let only what was written tell of too few replicas."""
        if replicas:
            # It tells of what its own connection wrote, so it goes with the commands.
            self.wait(replicas, REPLICATED_WITHIN_MS)
        return _check_replicas(list(self.execute(raise_on_error=False)), replicas)


class Client(redis.Redis):
    """A client of one server."""

    def pipeline(self, transaction: Any = True, shard_hint: Any = None) -> Pipe:
        """Collect commands."""
        return Pipe(self.connection_pool, self.response_callbacks, transaction, shard_hint)

    def infos(self) -> list[Any]:
        """Return what every server that writes says of itself (INFO), or its error."""
        return [self.info()]

    def find_address_problem(self, infos: Sequence[Any]) -> str:
        """Say whether the address is of another form than the servers are; "" where all is well."""
        if all(int(info.get("cluster_enabled", 0)) for info in infos):
            return "Redis is a server of a cluster: begin its address with redis-cluster://."
        return ""

    def ask_each(self, ask: Callable[["Client"], T]) -> list[T | RedisError]:
        """Ask every server that writes something of itself; one that fails gives its error."""
        return [ask_server(self, ask)]


def ask_server(server: Client, ask: Callable[[Client], T]) -> T | RedisError:
    """Return what one server answers, or its error."""
    try:
        return ask(server)
    except RedisError as error:
        return error


class AsyncPipe(redis.asyncio.client.Pipeline):
    """The same for an event loop."""

    async def answers(self, replicas: int = 0) -> list[Any]:
        """Run them; one that failed gives its error in its place.

        Raises RedisError where nothing can be said of any, or where too few replicas have them.
        """
        return _require_replicated(await self.in_place(replicas))

    async def in_place(self, replicas: int) -> list[Any]:
        """Do the same, and let only what was written tell of too few replicas."""
        if replicas:
            self.wait(replicas, REPLICATED_WITHIN_MS)
        return _check_replicas(list(await self.execute(raise_on_error=False)), replicas)


class InboxBell:
    """A key that is set behind what a pipe writes; `ring` is called where it was not set yet."""

    def __init__(self, key: str, lifetime_ms: int, ring: Callable[[], None]) -> None:
        """Take what is called, which must return at once."""
        self._key = key
        self._lifetime_ms = lifetime_ms
        self._ring = ring
        self._is_first = False

    def add_to(self, pipe: AsyncPipe) -> None:
        """Set it last: a worker that clears it and looks must find what it was set for."""
        pipe.set(self._key, 1, nx=True, px=self._lifetime_ms)

    def take_answer(self, answers: list[Any]) -> list[Any]:
        """Take the bell's answer away, and return the others."""
        self._is_first |= answers.pop() is True
        return answers

    def ring(self) -> None:
        """Ring where the key was not set before."""
        is_first, self._is_first = self._is_first, False
        if is_first:
            self._ring()

    async def close(self) -> None:
        """Ring for what was asked for last, then end."""


class AsyncClient(redis.asyncio.Redis):
    """A client for an event loop, which knows how many replicas must have what is kept."""

    replicas = 0

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> AsyncPipe:
        """Collect commands."""
        return AsyncPipe(self.connection_pool, self.response_callbacks, transaction, shard_hint)

    def count_lines(self, keys: int) -> int:
        """Return in how many lines writes to so many keys go, none of which waits for another."""
        return 1

    def bell(self, key: str, lifetime_ms: int, ring: Callable[[], None]) -> InboxBell:
        """Return a bell for what is written with this client."""
        return InboxBell(key, lifetime_ms, ring)

    def is_partial(self, error: RedisError) -> bool:
        """Say whether others may still serve where one server fails like this."""
        return False

    async def infos(self) -> list[Any]:
        """Return what every server that writes says of itself (INFO), or its error."""
        return [await self.info()]


def _check_replicas(answers: list[Any], replicas: int) -> list[Any]:
    """Take the answer of WAIT away, and judge what it answers for."""
    if not replicas:
        return answers
    acknowledged = answers.pop()
    # Only a replica refuses to wait: it has become one.
    if not isinstance(acknowledged, RedisError) and acknowledged >= replicas:
        return answers
    return [one if isinstance(one, RedisError) else NotReplicatedError() for one in answers]


def _require_replicated(answers: Sequence[Any]) -> list[Any]:
    for one in answers:
        if isinstance(one, NotReplicatedError):
            raise one
    return list(answers)
