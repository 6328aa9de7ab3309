"""Connection limits: how much strangers may send, how long it may take, how many may connect.

The limits of one request belong to its route. Until the route is known the webhook's limits hold,
which are the strictest. The bounds on all connections of a process belong to no route.
"""

from dataclasses import dataclass

# Meta sends up to 3 MB (Webhooks overview, "payload size"); the margin is for its own growth.
MOST_BODY_BYTES = 3 * 1024 * 1024 + 256 * 1024


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Limits of one request of a route."""

    body_bytes: int
    head_bytes: int = 32 * 1024  # request line and headers
    headers: int = 100
    head_s: float = 10.0  # from the connection, and from the first byte of each head
    body_s: float = 20.0  # from the end of the head


@dataclass(frozen=True, slots=True)
class Bounds:
    """Bounds on what strangers may take of one web process."""

    webhook: ConnectionLimits = ConnectionLimits(body_bytes=MOST_BODY_BYTES)
    page: ConnectionLimits = ConnectionLimits(
        body_bytes=16 * 1024
    )  # no page reads a body; some clients send one
    connections: int = 2048
    ending: int = 256  # further connections that are closed already except for the last bytes
    pipelined: int = 16  # whole requests of one connection that wait for the one before them
    unverified_bytes: int = 16 * 1024 * 1024  # of requests that are not whole
    idle_s: float = 5.0  # between two requests of a connection
    stop_s: float = 1.0  # for the first request of a connection, when the process stops
    answer_s: float = 30.0  # for the application, and for a client that does not read
    end_s: float = 5.0  # for a client to take its last answer and to close
    sweep_s: float = 0.5

    def of(self, path: bytes) -> ConnectionLimits:
        """Return the limits of a route; each account's `/webhook/NAME` takes deliveries too."""
        is_webhook = path == b"/webhook" or path.startswith(b"/webhook/")
        return self.webhook if is_webhook else self.page
