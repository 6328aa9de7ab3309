"""How much strangers may send, how long it may take, and how many there may be; pure.

What one request may be belongs to its route. Until the route is known the webhook's limits hold,
which are the strictest. What all connections of a process may take together belongs to nobody.
"""

from dataclasses import dataclass

from gateway.web.webhook import MOST_BODY_BYTES


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """What one request of a route may be."""

    body_bytes: int
    head_bytes: int = 32 * 1024  # request line and headers
    headers: int = 100
    head_s: float = 10.0  # from the connection, and from the first byte of each head
    body_s: float = 20.0  # from the end of the head


@dataclass(frozen=True, slots=True)
class Bounds:
    """What strangers may take of one web process."""

    webhook: ConnectionLimits = ConnectionLimits(body_bytes=MOST_BODY_BYTES)
    page: ConnectionLimits = ConnectionLimits(
        body_bytes=16 * 1024
    )  # no page reads a body; some clients send one
    connections: int = 2048
    ending: int = 256  # connections beside those, which are closed already but for the last bytes
    pipelined: int = 16  # whole requests of one connection that wait for the one before them
    unverified_bytes: int = 16 * 1024 * 1024  # of requests that are not whole
    idle_s: float = 5.0  # between two requests of a connection
    answer_s: float = 30.0  # for the application, and for a client that does not read
    end_s: float = 2.0  # for a client to take its last answer and to close
    sweep_s: float = 0.5

    def of(self, path: bytes) -> ConnectionLimits:
        """Return the limits of a route."""
        return self.webhook if path == b"/webhook" else self.page
