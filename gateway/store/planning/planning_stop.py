"""Planning stop: releases that must not plan for a while."""

from typing import Any

from gateway.store import keys
from gateway.store.redis.client import Store

PLANNING_STOP_MS = 300_000


def stop_planning(store: Store, release: str) -> None:
    """Record that a release must not plan for five minutes; another release may.

    A release that has stopped already, with the rules of another account, stays stopped for as
    long. Of two that stop at the same moment one may be lost: it stops again with its next events.
    """
    releases = "\n".join({**dict.fromkeys(stopped_releases(store)), release: None})
    store.run(lambda client: client.set(keys.STOPPED_RELEASE, releases, px=PLANNING_STOP_MS))


def stopped_releases(store: Store) -> frozenset[str]:
    """Return the releases that must not plan now: the code, each with some rules."""
    releases: Any = store.run(lambda client: client.get(keys.STOPPED_RELEASE))
    return frozenset(releases.decode().split("\n")) if releases else frozenset()
