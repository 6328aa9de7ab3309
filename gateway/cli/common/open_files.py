"""Limit of open files of a web process, which limits its connections."""

import resource

from gateway.web.request_limits import Bounds

# Redis, the broker, logs, and connections accepted while others are closing.
BESIDE = 256
FEWEST = 64


def connections() -> int:
    """Raise this process's limit of open files if needed; return how many connections fit."""
    needed = Bounds().connections + Bounds().ending + BESIDE
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else hard
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return max_connections(soft)


def max_connections(open_files: int) -> int:
    """Return how many connections fit into a limit of open files."""
    return max(FEWEST, min(Bounds().connections, open_files - Bounds().ending - BESIDE))
