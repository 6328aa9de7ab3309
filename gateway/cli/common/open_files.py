"""Limit of open files of a web process, which limits its connections."""

from gateway.config.open_files import raise_limit
from gateway.web.api.server.listener import MOST_CONNECTIONS
from gateway.web.request_limits import Bounds

# The second address, Redis, the broker, logs, and connections accepted while others are closing.
BESIDE = MOST_CONNECTIONS + 256
FEWEST = 64


def connections() -> int:
    """Raise this process's limit of open files if needed; return how many connections fit."""
    return max_connections(raise_limit(Bounds().connections + Bounds().ending + BESIDE))


def max_connections(open_files: int) -> int:
    """Return how many connections fit into a limit of open files."""
    return max(FEWEST, min(Bounds().connections, open_files - Bounds().ending - BESIDE))
