"""Store check before any work: once a process, at its start or once the store is available.

A store that was unavailable at the start may have been written by another release. This one would
read it from its beginning, and every event in it would have its effect again.
"""

import structlog

from gateway.config.settings import Settings
from gateway.store.redis.client import Store, StoreUnavailableError
from gateway.store.server.health import ServerHealth
from gateway.store.server.inspection import check_server
from gateway.store.server.ownership import claim_store

log = structlog.get_logger(__name__)

# No threading.Event: forked children would inherit its lock in the state of that moment.
_passed: list[bool] = []
# Ids of the store's owner that this process or its main process has seen.
_seen_ids: set[str] = set()


class UnfitStoreError(StoreUnavailableError):
    """The store is available, but this process must not touch it; the message says why."""


def look(store: Store, settings: Settings) -> ServerHealth:
    """Check the store, and let this process and its children work on it if it is fit.

    Raises StoreUnavailableError.
    """
    health = check_server(store, settings.gateway_store_bytes, settings.installation)
    for warning in health.warnings:
        log.warning("store_warns", reason=warning)
    if not health.fatal:
        _passed.append(True)
        _seen_ids.update({health.owner_id} - {""})
    return health


def refuse_unfit(store: Store, settings: Settings) -> None:
    """Check the store, unless it has passed already; return if this process may work on it.

    Raises UnfitStoreError, or StoreUnavailableError while that is unknown.
    """
    if _passed:
        return
    if fatal := look(store, settings).fatal:
        log.error("store_unfit", reason=" ".join(fatal))
        raise UnfitStoreError(" ".join(fatal))


def note_owner(store: Store, settings: Settings) -> None:
    """Claim a store that has lost its owner, and note in it that it was emptied meanwhile.

    Raises StoreUnavailableError or ScriptError.
    """
    row = claim_store(store, settings.installation, _seen_ids)
    if row.owner:
        _seen_ids.add(row.owner.id)
