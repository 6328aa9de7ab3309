"""What is looked at once, before a process starts to work with a server."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from redis.exceptions import RedisError

from gateway.store import keys
from gateway.store.redis.client import Store
from gateway.store.redis.cluster.client import Cluster
from gateway.store.server.health import Health, layout_name, worst


def check(store: Store, limit_bytes: int = 0) -> Health:
    """Judge the server, of a cluster each, and mark an empty store with our layout.

    Raises StoreUnavailableError where it does not answer.
    """
    infos = store.infos()
    there = [one for one in infos if not isinstance(one, RedisError)]
    if wrong := other_form(store, there):
        return Health(fatal=(wrong,))
    layout: Any = store.run(lambda client: client.get(keys.LAYOUT_KEY))
    health = worst(infos, layout.decode() if layout else "", limit_bytes)
    if not layout and not health.fatal:
        store.run(lambda client: client.set(keys.LAYOUT_KEY, layout_name(), nx=True))
    fewest = min(int(info.get("connected_slaves", 0)) for info in there)
    if fewest < store.replicas:
        told = f"Nothing counts before {store.replicas} replicas have it, and {fewest} are there."
        return replace(health, warnings=(*health.warnings, told))
    return health


def other_form(store: Store, infos: Sequence[Any]) -> str:
    """Say whether the address is of the other form than the servers are; "" where all is well."""
    is_cluster = all(int(info.get("cluster_enabled", 0)) for info in infos)
    match is_cluster, isinstance(store.redis, Cluster):
        case True, False:
            return "Redis is a server of a cluster: begin its address with redis-cluster://."
        case False, True:
            return "Redis is no cluster: begin its address with redis://."
        case _:
            return ""
