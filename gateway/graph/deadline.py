"""A transport that ends every operation of a request at one moment.

A timeout of httpx bounds one operation, so a server that drips a byte a second, in its headers too,
holds a thread for as long as it likes. Here the timeouts `connect`, `read` and `write` of a request
are moments of the monotonic clock, turned into the time that is left whenever a socket is used;
`pool` stays a duration. Two things are out of reach: the resolver has no timeout, and each address
of a host has the connect timeout for itself.
"""

import ssl
import time
from collections.abc import Iterable
from typing import Any

import httpcore
import httpx

# A connection that the server closes while we write is an attempt of unknown outcome, so an idle
# one is given up before Meta would do so.
IDLE_S = 2.0


def limits(total_s: float) -> httpx.Timeout:
    """Return the timeouts, for `DeadlineTransport`, of a request that starts now.

    Half of the time is for getting a connection, so that enough is left to read the answer.
    """
    now = time.monotonic()
    end = now + total_s
    return httpx.Timeout(connect=now + total_s / 2, read=end, write=end, pool=total_s / 2)


class DeadlineTransport(httpx.HTTPTransport):
    """One HTTP/1.1 connection at a time, without proxy, retries or a look at the environment."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        """Open nothing yet; `context`, which takes long to make, may be shared."""
        context = context or httpx.create_ssl_context(trust_env=False)
        super().__init__(verify=context)
        # httpx passes no network backend on; its own pool has not been used yet.
        self._pool = httpcore.ConnectionPool(
            ssl_context=context,
            max_connections=1,
            keepalive_expiry=IDLE_S,
            network_backend=_Backend(),
        )


class _Backend(httpcore.SyncBackend):
    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        left_s = _left(timeout, httpcore.ConnectTimeout)
        try:
            return _Stream(super().connect_tcp(host, port, left_s, local_address, socket_options))
        except (UnicodeError, OverflowError) as error:
            # No resolver was asked: the host or the port cannot be one.
            raise httpcore.ConnectError("the address is malformed") from error


class _Stream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        left_s = _left(timeout, httpcore.ConnectTimeout)
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, left_s))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _left(moment: float | None, late: type[httpcore.TimeoutException]) -> float:
    """Return the seconds until `moment`; raises `late` once it has passed."""
    left_s = (moment or 0.0) - time.monotonic()
    if left_s <= 0:
        raise late("the deadline has passed")
    return left_s
