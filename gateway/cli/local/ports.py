"""Ports of this machine: finds a free one, or the reason that one is not available."""

import socket

HOST = "127.0.0.1"


def free_port() -> int:
    """Return a free port of loopback, chosen by the system."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def bind_error(port: int) -> str | None:
    """Return why a server could not listen on a port of loopback now, None if it could."""
    with socket.socket() as probe:
        # As servers do: a connection that closed a moment ago does not block the port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            return error.strerror
        except OverflowError:
            return "no port has this number"
    return None
