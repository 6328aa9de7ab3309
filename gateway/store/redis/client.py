"""Access to Redis: no hidden retries, scripts by hash, and errors with one meaning."""

import ssl
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from redis.asyncio.retry import Retry as AsyncRetry
from redis.asyncio.sentinel import Sentinel as AsyncSentinel
from redis.backoff import NoBackoff
from redis.exceptions import (
    AskError,
    ClusterError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TryAgainError,
)
from redis.retry import Retry
from redis.sentinel import Sentinel

from gateway.config.redis_address import parse
from gateway.store.lua.scripts import sha, source
from gateway.store.redis.cluster.async_client import AsyncCluster
from gateway.store.redis.cluster.client import Cluster
from gateway.store.redis.driver import AsyncClient, Client, NotReplicatedError
from gateway.store.redis.fresh_pools import AsyncFreshSentinelPool, FreshSentinelPool
from gateway.store.redis.movable_clock import AsyncMovableClient, MovableClient

T = TypeVar("T")

TIMEOUT_S = 2.0
IDLE_S = 15  # a connection that was unused for longer is opened anew
_OPTIONS: dict[str, Any] = {
    "socket_timeout": TIMEOUT_S,
    "socket_connect_timeout": TIMEOUT_S,
    "health_check_interval": IDLE_S,
}
# Whatever was acknowledged, took effect or was posted must outlive the primary; the rest is redone.
_REPLICATED = frozenset(
    {"accept", "keep", "commit", "pump", "bury_event", "hold", "list_number", "note_news",
     "write_schedules"}
)  # fmt: skip
# Errors of a server that cannot serve for a time; any other error is a bug of ours. The driver
# has classes for some of these, and drops the first word of their messages. A slot that is being
# moved is unavailable: each side has some of its keys, and a script does not name those it touches.
_AWAY = (OutOfMemoryError, ReadOnlyError, ClusterError, TryAgainError, AskError)
_AWAY_WORDS = ("BUSY ", "MISCONF ", "NOREPLICAS ")
# Answers of a server that REDIS_URL should not name.
_WRONG_SERVER = {
    "DB index is out of range": "the server has no database of that number",
    "unknown command 'HELLO'": "the server knows no HELLO: Redis 6.2 or newer is needed",
}


class StoreUnavailableError(Exception):
    """The store did not do what was asked, or did not answer in time: leave everything waiting."""


class StoreFullError(StoreUnavailableError):
    """The store has no memory left for a write; what is in it can be read."""


class ScriptError(Exception):
    """A script of ours failed; running it again repairs what it may have left half-done."""


@dataclass(frozen=True, slots=True)
class Call:
    """One run of a script: `prefix` is its only key and decides the slot."""

    script: str
    prefix: str
    args: Sequence[Any]


def _first_of_each(calls: Sequence[Call]) -> Container[int]:
    """Return the position of the first call of each script on each prefix, which is one server."""
    first: dict[tuple[str, str], int] = {}
    for i, call in enumerate(calls):
        first.setdefault((call.script, call.prefix), i)
    return frozenset(first.values())


def _every_one(calls: Sequence[Call]) -> Container[int]:
    return range(len(calls))


def connect(url: str, **more: Any) -> Client:
    """Return a client that gives up after two seconds and never repeats a call by itself."""
    address, options = parse(url), _OPTIONS | {"retry": Retry(NoBackoff(), 0)} | more
    if address.nodes:
        return Cluster(address, options)
    if not address.sentinels:
        kind = MovableClient if address.has_movable_clock else Client
        return cast(Client, kind.from_url(address.url, **options))
    sentinel_class: Any = Sentinel
    sentinels = sentinel_class(
        address.sentinels, sentinel_kwargs=options, **options, **address.login
    )
    master = sentinels.master_for(
        address.primary, redis_class=Client, connection_pool_class=FreshSentinelPool
    )
    return cast(Client, master)


def connect_async(url: str) -> AsyncClient:
    """Return the same for an event loop."""
    address, options = parse(url), _OPTIONS | {"retry": AsyncRetry(NoBackoff(), 0)}
    client: AsyncClient
    if address.nodes:
        client = AsyncCluster(address, options)
    elif address.sentinels:
        sentinel_class: Any = AsyncSentinel
        sentinels = sentinel_class(
            address.sentinels, sentinel_kwargs=options, **options, **address.login
        )
        client = sentinels.master_for(
            address.primary, redis_class=AsyncClient, connection_pool_class=AsyncFreshSentinelPool
        )
    else:
        kind = AsyncMovableClient if address.has_movable_clock else AsyncClient
        client = cast(AsyncClient, kind.from_url(address.url, **options))
    client.replicas = address.replicas
    return client


def translate_error(error: RedisError) -> Exception:
    """Translate a driver's error: the store is unavailable, or a script is wrong."""
    message = _server_message(error)
    is_away = isinstance(error, _AWAY) or message.startswith(_AWAY_WORDS)
    if isinstance(error, NotReplicatedError):
        return StoreUnavailableError(str(error))
    for words, reason in _WRONG_SERVER.items():
        if words in message:
            return StoreUnavailableError(reason)
    if isinstance(error, OutOfMemoryError):
        return StoreFullError(type(error).__name__)
    if isinstance(error, ResponseError) and not is_away:
        return ScriptError(str(error))
    return StoreUnavailableError(f"{type(error).__name__}{_tls_reason(error)}")


def _tls_reason(error: BaseException | None) -> str:
    """Return what the library for TLS says, if it is the cause: the driver's message hides it."""
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return f": TLS: {getattr(error, 'verify_message', '') or error.reason}"
        error = error.__cause__ or error.__context__
    return ""


def _server_message(error: RedisError) -> str:
    """Return the server's message; the driver's pipelines put words of their own before it."""
    return str(error).rpartition(" of pipeline caused error: ")[2].lstrip("('\"")


def require_any_answer(infos: list[Any]) -> list[Any]:
    """Return the INFO of servers. Raises StoreUnavailableError where none answers."""
    if any(not isinstance(one, RedisError) for one in infos):
        return infos
    if not infos:
        raise StoreUnavailableError("no server has any slot")
    raise translate_error(infos[0]) from infos[0]


class Store:
    """Runs scripts and plain commands on Redis; threads can share it."""

    def __init__(self, url: str, **options: Any) -> None:
        """Store the address; the first call connects, with the driver's options."""
        self.redis = connect(url, **options)
        self.replicas = parse(url).replicas

    def call(self, script: str, prefix: str, *args: Any) -> Any:
        """Run one script. Raises StoreUnavailableError or ScriptError."""
        (result,) = self.call_many([Call(script, prefix, args)])
        if isinstance(result, Exception):
            raise result
        return result

    def call_many(self, calls: Sequence[Call]) -> list[Any]:
        """Run scripts in one round trip; a failed one has its error in place of its answer.

        Raises StoreUnavailableError where the server cannot be reached at all, or where too few
        replicas have a write that must outlive it; of a cluster, where no server can be reached.
        """
        if not calls:
            return []
        results = self._run(calls, by_text=())
        # A server that was restarted, or promoted, has no scripts; none of these ran. The text of
        # one call loads the script for those behind it, unless the server refuses that call.
        for choose in (_first_of_each, _every_one):
            lost = [i for i, result in enumerate(results) if isinstance(result, NoScriptError)]
            again = [calls[i] for i in lost]
            retried = self._run(again, by_text=choose(again)) if again else []
            for i, result in zip(lost, retried, strict=True):
                results[i] = result
        return [translate_error(r) if isinstance(r, RedisError) else r for r in results]

    def _run(self, calls: Sequence[Call], *, by_text: Container[int]) -> list[Any]:
        pipe = self.redis.pipeline(transaction=False)
        replicas = self.replicas if any(call.script in _REPLICATED for call in calls) else 0
        for i, call in enumerate(calls):
            if i in by_text:
                pipe.eval(source(call.script), 1, call.prefix, *call.args)
            else:
                pipe.evalsha(sha(call.script), 1, call.prefix, *call.args)
        try:
            return pipe.answers(replicas)
        except RedisError as error:
            raise translate_error(error) from error

    def mark(self, key: str, lifetime_ms: int) -> bool:
        """Set a key that expires; false where it is set already."""
        return bool(self.run(lambda client: client.set(key, 1, nx=True, px=lifetime_ms)))

    def mark_all(self, names: Sequence[str], lifetime_ms: int) -> list[bool]:
        """Set many keys as `mark` does, of any slots, in one round trip."""

        def set_marks(client: Client) -> list[Any]:
            pipe = client.pipeline(transaction=False)
            for name in names:
                pipe.set(name, 1, nx=True, px=lifetime_ms)
            return pipe.answers()

        return [one is True for one in self.run(set_marks)] if names else []

    def delete(self, *names: str) -> None:
        """Remove keys of one slot."""
        self.run(lambda client: client.delete(*names))

    def run(self, command: Callable[[Client], T]) -> T:
        """Run plain commands. Raises StoreUnavailableError or ScriptError."""
        try:
            return command(self.redis)
        except RedisError as error:
            raise translate_error(error) from error

    def infos(self) -> list[Any]:
        """Return the INFO of every server that writes; of a cluster, or a server's error.

        Raises StoreUnavailableError where none of them answers.
        """
        return require_any_answer(self.run(lambda client: client.infos()))

    def close(self) -> None:
        """Close the connections."""
        self.redis.close()
