"""Ports of this machine: a free one, or why one cannot be had."""

import socket

HOST = "127.0.0.1"


def free_port() -> int:
    """Ask the system for a port of loopback that nobody uses now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def bind_error(port: int) -> str | None:
    """Return why nobody could listen on a port of loopback now, None where one could."""
    with socket.socket() as probe:
        # As servers do: a connection that was closed a moment ago is no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            return error.strerror
    return None
