"""Transport of HTTP requests that end at a deadline, whatever the server does meanwhile."""

import ssl
import time
from collections.abc import Iterable
from typing import Any

import httpcore
import httpx

from gateway.http_out.admission import (
    Admits,
    ForbiddenAddressError,
    admit_any,
    admit_public,
    parse_address,
)
from gateway.http_out.name_lookup import find_addresses
from gateway.http_out.proxy import find_proxy

# A post on a connection that the server closes meanwhile has an unknown outcome, so an idle
# connection is dropped before Meta would close it.
IDLE_S = 2.0


def limits(total_s: float) -> httpx.Timeout:
    """Return the timeouts, for `DeadlineTransport`, of a request that starts now.

    Half of the time is for connecting, so that enough is left to read the answer.
    """
    now = time.monotonic()
    end = now + total_s
    return httpx.Timeout(connect=now + total_s / 2, read=end, write=end, pool=total_s / 2)


class DeadlineTransport(httpx.HTTPTransport):
    """Transport with one HTTP/1.1 connection at a time to one server; no retries."""

    def __init__(
        self, url: str, context: ssl.SSLContext | None = None, admits: Admits = admit_any
    ) -> None:
        """Open no connection yet; `context`, which is slow to create, may be shared.

        The environment may name a proxy for the server at `url` (`find_proxy`). Each address is
        asked of `admits` when it is connected to, so a name cannot lead elsewhere in between.
        """
        context = context or create_context()
        super().__init__(verify=context)
        # httpx does not pass a network backend on; its own pool has not been used yet.
        self._pool = _open_pool(url, context, admits)


def _open_pool(url: str, context: ssl.SSLContext, admits: Admits) -> httpcore.ConnectionPool:
    options: dict[str, Any] = {
        "ssl_context": context,
        "max_connections": 1,
        "keepalive_expiry": IDLE_S,
        "network_backend": _Backend(admits),
    }
    try:
        proxy = find_proxy(url)
    except (ValueError, httpx.InvalidURL):
        refused = httpcore.UnsupportedProtocol("the proxy speaks no HTTP")
        return httpcore.ConnectionPool(**options | {"network_backend": _NoBackend(refused)})
    if proxy is None:
        return httpcore.ConnectionPool(**options)
    if admits is admit_public:
        unseen = ForbiddenAddressError("a proxy would connect, to an address that nobody checked")
        return httpcore.ConnectionPool(**options | {"network_backend": _NoBackend(unseen)})
    # The operator wrote the proxy's address, and the proxy looks the server's name up.
    options["network_backend"] = _Backend(admit_any)
    if proxy.url.scheme == "https":
        options["proxy_ssl_context"] = context
    return httpcore.HTTPProxy(str(proxy.url), proxy_auth=proxy.raw_auth, **options)


def create_context() -> ssl.SSLContext:
    """Trust the authorities of `SSL_CERT_FILE` or `SSL_CERT_DIR`, or else those of certifi."""
    return httpx.create_ssl_context(trust_env=True)


class _NoBackend(httpcore.SyncBackend):
    """Refuses every connection, since going past the proxy would be wrong as well."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def connect_tcp(self, *_: Any, **__: Any) -> httpcore.NetworkStream:
        raise self._error


class _Backend(httpcore.SyncBackend):
    def __init__(self, admits: Admits) -> None:
        self._admits = admits

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        try:
            addresses = self._find_admitted(host, timeout)
            return self._connect_first(addresses, port, timeout, local_address, socket_options)
        except (UnicodeError, OverflowError) as error:
            # Raised before any connection: the host or the port is malformed.
            raise httpcore.ConnectError("the address is malformed") from error

    def _find_admitted(self, host: str, deadline: float | None) -> list[str]:
        found = find_addresses(host, _remaining_s(deadline, httpcore.ConnectTimeout))
        admitted = [text for text in found if self._is_admitted(text)]
        if not admitted:
            raise ForbiddenAddressError("the host leads to no address that may be called")
        return admitted

    def _is_admitted(self, text: str) -> bool:
        address = parse_address(text)
        return address is not None and self._admits(address)

    def _connect_first(
        self, addresses: list[str], port: int, deadline: float | None, *options: Any
    ) -> httpcore.NetworkStream:
        """Connect to the first address that answers; each has its share of the time that is left.

        The address itself is connected to: a second lookup of the name could find another one.
        """
        errors: list[Exception] = []
        for left in range(len(addresses), 0, -1):
            share_s = _remaining_s(deadline, httpcore.ConnectTimeout) / left
            try:
                return _Stream(super().connect_tcp(addresses[-left], port, share_s, *options))
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                errors.append(error)
        raise errors[-1]


class _Stream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _remaining_s(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _remaining_s(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        left_s = _remaining_s(timeout, httpcore.ConnectTimeout)
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, left_s))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _remaining_s(deadline: float | None, timeout_error: type[httpcore.TimeoutException]) -> float:
    """Return the seconds until `deadline`; raises `timeout_error` once it has passed."""
    left_s = (deadline or 0.0) - time.monotonic()
    if left_s <= 0:
        raise timeout_error("the deadline has passed")
    return left_s
