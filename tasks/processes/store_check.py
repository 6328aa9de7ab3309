"""Store check before any work: once a process, at its start or once the store is available.

A store that was unavailable at the start may have been written by another release. This one would
read it from its beginning, and every event in it would have its effect again.
"""

import structlog

from gateway.store.redis.client import Store, StoreUnavailableError
from gateway.store.server.health import ServerHealth
from gateway.store.server.inspection import check_server

log = structlog.get_logger(__name__)

# No threading.Event: forked children would inherit its lock in the state of that moment.
_passed: list[bool] = []


class UnfitStoreError(StoreUnavailableError):
    """The store is available, but this process must not touch it; the message says why."""


def look(store: Store, limit_bytes: int) -> ServerHealth:
    """Check the store, and let this process and its children work on it if it is fit.

    Raises StoreUnavailableError.
    """
    health = check_server(store, limit_bytes)
    for warning in health.warnings:
        log.warning("store_warns", reason=warning)
    if not health.fatal:
        _passed.append(True)
    return health


def refuse_unfit(store: Store, limit_bytes: int) -> None:
    """Check the store, unless it has passed already; return if this process may work on it.

    Raises UnfitStoreError, or StoreUnavailableError while that is unknown.
    """
    if _passed:
        return
    if fatal := look(store, limit_bytes).fatal:
        log.error("store_unfit", reason=" ".join(fatal))
        raise UnfitStoreError(" ".join(fatal))
