"""The look at the store before any work: once a process, at its start or once the store is there.

A store that was away at the start may turn out to be one that another release wrote. This one would
read it from its beginning, and every event in it would have its effect again.
"""

import structlog

from gateway.store.redis.client import Store, StoreUnavailableError
from gateway.store.server.health import ServerHealth
from gateway.store.server.inspection import check_server

log = structlog.get_logger(__name__)

# No event of threading: what a main process forks would inherit its lock as it is at that moment.
_passed: list[bool] = []


class UnfitStoreError(StoreUnavailableError):
    """The store is there, and nothing in it may be touched; the message says why."""


def look(store: Store, limit_bytes: int) -> ServerHealth:
    """Judge the store, and let this process and its children work on it if it is fit.

    Raises StoreUnavailableError.
    """
    health = check_server(store, limit_bytes)
    for warning in health.warnings:
        log.warning("store_warns", reason=warning)
    if not health.fatal:
        _passed.append(True)
    return health


def refuse_unfit(store: Store, limit_bytes: int) -> None:
    """Return where this process may work on the store, which is asked until it may.

    Raises UnfitStoreError, or StoreUnavailableError while nobody can say.
    """
    if _passed:
        return
    if fatal := look(store, limit_bytes).fatal:
        log.error("store_unfit", reason=" ".join(fatal))
        raise UnfitStoreError(" ".join(fatal))
