"""Connection pools that open a new connection in the place of one that was idle for long.

A proxy or a firewall on the way may have forgotten it without closing it: a command on it would
wait for the whole timeout, and fail. Idle means for longer than the driver's option
`health_check_interval`, after which the driver itself would ask whether the connection is alive,
and wait as long.
"""

import asyncio
import time
from typing import Any

import redis
import redis.asyncio
import redis.asyncio.sentinel
import redis.sentinel
from redis.connection import HiredisRespSerializer


class FreshPool(redis.ConnectionPool):
    """Pool of connections to one server."""

    def get_connection(self, *args: Any, **options: Any) -> Any:
        """Return a connection that was used lately, or a new one."""
        self._checkpid()  # after a fork the lock may be held for ever
        with self._lock:
            # The last one that was given back is the next one taken.
            for connection in self._available_connections[-1:]:
                if time.monotonic() > connection.next_health_check:
                    connection.disconnect()
        return super().get_connection(*args, **options)


class FreshSentinelPool(FreshPool, redis.sentinel.SentinelConnectionPool):
    """Pool of connections to the server that the sentinels name."""


class AsyncFreshPool(redis.asyncio.ConnectionPool):
    """Pool of connections to one server, for an event loop."""

    def make_connection(self) -> Any:
        """Return a new connection, which packs commands in C as those of threads do."""
        connection: Any = super().make_connection()  # type: ignore[no-untyped-call]
        connection.pack_command = HiredisRespSerializer().pack
        return connection

    async def ensure_connection(self, connection: Any) -> None:
        """Connect a connection that is taken, anew if it was not used lately."""
        is_stale = asyncio.get_running_loop().time() > connection.next_health_check
        if connection.is_connected and is_stale:
            await connection.disconnect(nowait=True)
        await super().ensure_connection(connection)


class AsyncFreshSentinelPool(AsyncFreshPool, redis.asyncio.sentinel.SentinelConnectionPool):
    """Pool of connections to the server that the sentinels name, for an event loop."""
