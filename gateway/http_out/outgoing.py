"""The client for calls and forwards: requests to servers that operators name, bounded in all."""

import contextlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import httpx

from gateway import __version__
from gateway.core.web_address import find_address_problem
from gateway.http_out.admission import (
    UnusableAddressError,
    admit_any,
    admit_operators,
    admit_public,
    parse_address,
)
from gateway.http_out.connection_pool import Connections
from gateway.http_out.exchange import Exchange, describe_failure, read_answer
from gateway.http_out.transport import DeadlineTransport, create_context, limits

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_OWN_HEADERS = {
    "User-Agent": f"whatsapp-gateway/{__version__}",
    # An uncompressed answer cannot grow when it is unpacked.
    "Accept-Encoding": "identity",
}
_ERRORS = (httpx.HTTPError, httpx.InvalidURL, UnicodeError)


@dataclass(frozen=True, slots=True)
class OutgoingRequest:
    """A request to a server whose host an operator wrote.

    `total_s` bounds everything from the lookup of the name to the last byte of the answer.
    `redirects` is how many a GET follows: none where the request carries a secret, in its address
    too.
    """

    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    total_s: float = 15.0
    redirects: int = 0


class OutgoingClient:
    """Keeps connections to each server; may be shared by threads, and created before a fork."""

    def __init__(self) -> None:
        """Open no connection yet."""
        self._tls = create_context()
        self._servers: dict[httpx.URL, Connections] = {}

    def send(self, request: OutgoingRequest) -> Exchange:
        """Make a request once and return what was observed of it, whatever the server does.

        A redirect is followed without the headers of the request, and to another server only if
        everybody can reach that.
        """
        deadline = time.monotonic() + request.total_s
        try:
            built = _build(request, deadline)
            exchange = self._send_to_operator(built)
            if request.method == "GET" and request.redirects:
                exchange = self._follow(built.url, exchange, request.redirects, deadline)
        except _ERRORS as error:
            return describe_failure(error)
        return exchange

    def close(self) -> None:
        """Close this process's connections; the next request opens new ones."""
        for connections in list(self._servers.values()):
            connections.close()

    def _send_to_operator(self, request: httpx.Request) -> Exchange:
        with self._connections(request.url).lend() as transport:
            return _exchange(transport, request)

    def _connections(self, url: httpx.URL) -> Connections:
        """Return the connections to a server, one of the few that operators named."""
        server = _origin(url)
        if server not in self._servers:
            # Who writes an address means it; a name may change whom it leads to.
            admits = admit_any if parse_address(server.host) else admit_operators
            self._servers.setdefault(server, Connections(str(server), self._tls, admits))
        return self._servers[server]

    def _follow(
        self, operators: httpx.URL, exchange: Exchange, redirects: int, deadline: float
    ) -> Exchange:
        url = operators
        for _ in range(redirects):
            if exchange.status not in _REDIRECTS or not exchange.location:
                break
            url = _redirect_target(url, exchange.location)
            request = _build(OutgoingRequest("GET", str(url)), deadline)
            if _origin(url) == _origin(operators):
                exchange = self._send_to_operator(request)
            else:
                exchange = self._send_to_public(request)
        return exchange

    def _send_to_public(self, request: httpx.Request) -> Exchange:
        url = request.url
        if url.port is not None:  # httpx drops the port that the scheme implies
            raise UnusableAddressError(
                "the redirect leads to a port that its scheme does not imply"
            )
        with contextlib.closing(DeadlineTransport(str(url), self._tls, admit_public)) as transport:
            return _exchange(transport, request)


def _origin(url: httpx.URL) -> httpx.URL:
    return httpx.URL(scheme=url.scheme, host=url.host, port=url.port)


def _redirect_target(url: httpx.URL, location: str) -> httpx.URL:
    """Return where a redirect leads. Raises InvalidURL."""
    target = url.join(location)
    if url.scheme == "https" and target.scheme != "https":
        raise UnusableAddressError("the redirect leads out of TLS")
    return target


def _build(request: OutgoingRequest, deadline: float) -> httpx.Request:
    if problem := find_address_problem(request.url):
        raise UnusableAddressError(f"the address {problem}")
    return httpx.Request(
        request.method,
        request.url,
        headers={**_OWN_HEADERS, **request.headers},
        content=request.body,
        extensions={"timeout": limits(deadline - time.monotonic()).as_dict()},
    )


def _exchange(transport: DeadlineTransport, request: httpx.Request) -> Exchange:
    # Straight to the transport: a client would add cookies, and follow redirects with secrets.
    with contextlib.closing(transport.handle_request(request)) as response:
        return read_answer(response)
