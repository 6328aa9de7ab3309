"""Planning stop: a release that must not plan for a while."""

from typing import Any

from gateway.store import keys
from gateway.store.redis.client import Store

PLANNING_STOP_MS = 300_000


def stop_planning(store: Store, release: str) -> None:
    """Record that a release must not plan for five minutes; another release may."""
    store.run(lambda client: client.set(keys.STOPPED_RELEASE, release, px=PLANNING_STOP_MS))


def stopped_release(store: Store) -> str:
    """Return the release that must not plan now, "" for none."""
    release: Any = store.run(lambda client: client.get(keys.STOPPED_RELEASE))
    return release.decode() if release else ""
