"""Planning stop: releases that must not plan for a while."""

from collections.abc import Iterable
from typing import Any

from redis.exceptions import RedisError

from gateway.store import keys
from gateway.store.redis.client import Store, translate_error
from gateway.store.redis.driver import AsyncClient
from gateway.store.sending.lookup import run_commands

PLANNING_STOP_MS = 300_000


def stop_planning(store: Store, release: str) -> None:
    """Record that a release must not plan for five minutes; another release may."""
    store.run(lambda client: client.set(keys.STOPPED_RELEASE, release, px=PLANNING_STOP_MS))


def stop_rules(store: Store, release: str, stopped: Iterable[str] = ()) -> None:
    """Record the same where other accounts have other rules, with which planning goes on.

    `stopped` are the releases that have stopped already; they stay so for as long. Of two that stop
    at the same moment one may be lost: it stops again with its next events.
    """
    releases = "\n".join(sorted({*stopped, release}))
    store.run(lambda client: client.set(keys.STOPPED_RULES, releases, px=PLANNING_STOP_MS))


def stopped_releases(store: Store) -> frozenset[str]:
    """Return the releases that must not plan now: the code, each with some rules."""
    found = run_commands(store, ("GET", keys.STOPPED_RELEASE), ("GET", keys.STOPPED_RULES))
    return frozenset(line for one in found if one for line in one.decode().split("\n"))


async def read_stopped_rules(client: AsyncClient) -> str:
    """Return the releases stopped with the rules of some accounts, a line each.

    Raises StoreUnavailableError.
    """
    try:
        found: Any = await client.get(keys.STOPPED_RULES)
    except RedisError as error:
        raise translate_error(error) from error
    return found.decode() if found else ""
