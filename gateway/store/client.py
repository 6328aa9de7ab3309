"""One way to Redis: no hidden retries, scripts by hash, and errors with one meaning."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.exceptions import (
    ClusterError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TryAgainError,
)
from redis.retry import Retry

T = TypeVar("T")

TIMEOUT_S = 2.0
# What a server says while it cannot serve for a time; anything else it says is a bug of ours. The
# driver has classes for some of it, and takes the first word away from those.
_AWAY = (OutOfMemoryError, ReadOnlyError, ClusterError, TryAgainError)
_AWAY_WORDS = ("BUSY ", "MISCONF ", "NOREPLICAS ")


class StoreUnavailableError(Exception):
    """The store did not do what was asked, or did not say so in time: leave everything waiting."""


class ScriptError(Exception):
    """A script of ours failed; running it again heals what it may have left half-done."""


@dataclass(frozen=True, slots=True)
class Call:
    """One run of a script: `prefix` is its only key and decides the slot."""

    script: str
    prefix: str
    args: Sequence[Any]


def connect(url: str) -> redis.Redis:
    """Return a client that gives up after two seconds and never repeats a call by itself."""
    return redis.Redis.from_url(
        url,
        socket_timeout=TIMEOUT_S,
        socket_connect_timeout=TIMEOUT_S,
        retry=Retry(NoBackoff(), 0),
        health_check_interval=15,
    )


def connect_async(url: str) -> redis.asyncio.Redis:
    """Return the same for an event loop."""
    return redis.asyncio.Redis.from_url(
        url,
        socket_timeout=TIMEOUT_S,
        socket_connect_timeout=TIMEOUT_S,
        retry=AsyncRetry(NoBackoff(), 0),
        health_check_interval=15,
    )


@cache
def source(script: str) -> str:
    """Return the text of a script with the prelude before it."""
    folder = Path(__file__).with_name("lua")
    return f"{(folder / 'prelude.lua').read_text()}\n{(folder / f'{script}.lua').read_text()}"


@cache
def sha(script: str) -> str:
    """Return the name under which a server knows a script once it was loaded."""
    return hashlib.sha1(source(script).encode(), usedforsecurity=False).hexdigest()


def meaning(error: RedisError) -> Exception:
    """Translate a driver's error: the store is away, or a script is wrong."""
    is_away = isinstance(error, _AWAY) or str(error).startswith(_AWAY_WORDS)
    if isinstance(error, ResponseError) and not is_away:
        return ScriptError(str(error))
    return StoreUnavailableError(type(error).__name__)


class Store:
    """Runs scripts and plain commands on one Redis; safe to share between threads."""

    def __init__(self, url: str) -> None:
        """Remember where the server is; the first call connects."""
        self.redis = connect(url)

    def call(self, script: str, prefix: str, *args: Any) -> Any:
        """Run one script. Raises StoreUnavailableError or ScriptError."""
        (result,) = self.call_many([Call(script, prefix, args)])
        if isinstance(result, Exception):
            raise result
        return result

    def call_many(self, calls: Sequence[Call]) -> list[Any]:
        """Run scripts in one round trip; a failed one gives its error in its place.

        Raises StoreUnavailableError where the server cannot be reached at all.
        """
        if not calls:
            return []
        results = self._run(calls, by_hash=True)
        lost = [i for i, result in enumerate(results) if isinstance(result, NoScriptError)]
        if lost:
            # A server that was restarted, or promoted, knows no scripts; none of these ran.
            again = self._run([calls[i] for i in lost], by_hash=False)
            for i, result in zip(lost, again, strict=True):
                results[i] = result
        return [meaning(r) if isinstance(r, RedisError) else r for r in results]

    def _run(self, calls: Sequence[Call], *, by_hash: bool) -> list[Any]:
        pipe = self.redis.pipeline(transaction=False)
        for call in calls:
            if by_hash:
                pipe.evalsha(sha(call.script), 1, call.prefix, *call.args)
            else:
                pipe.eval(source(call.script), 1, call.prefix, *call.args)
        try:
            return list(pipe.execute(raise_on_error=False))
        except RedisError as error:
            raise meaning(error) from error

    def mark(self, key: str, lifetime_ms: int) -> bool:
        """Set a key that vanishes by itself; false where it is set already."""
        return bool(self.run(lambda client: client.set(key, 1, nx=True, px=lifetime_ms)))

    def delete(self, *names: str) -> None:
        """Remove keys."""
        self.run(lambda client: client.delete(*names))

    def run(self, command: Callable[[redis.Redis], T]) -> T:
        """Run plain commands. Raises StoreUnavailableError or ScriptError."""
        try:
            return command(self.redis)
        except RedisError as error:
            raise meaning(error) from error

    def close(self) -> None:
        """Give the connections back."""
        self.redis.close()
