"""What a server says of itself and of its clock: everything that a person is told before a start.

Nothing is written, so that a look changes nothing.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from redis.exceptions import RedisError

from gateway.store import keys
from gateway.store.redis.client import Store, heard
from gateway.store.redis.cluster.client import Cluster
from gateway.store.redis.driver import Client
from gateway.store.server.health import ServerHealth, layout_name, worst

UNKNOWN = ""


@dataclass(frozen=True, slots=True)
class Server:
    """One server that writes: INFO, and what of its configuration it tells."""

    info: Mapping[str, Any]
    fsync: str = UNKNOWN
    folder: str = UNKNOWN
    ahead_s: float = 0.0  # of our clock


@dataclass(frozen=True, slots=True)
class Examined:
    """All servers of a store."""

    servers: tuple[Server, ...]  # those that answer
    away: int
    other_form: str  # "" where the address fits what is there
    layout: str
    replicas: int  # asked for


def examine(store: Store) -> Examined:
    """Ask every server. Raises StoreUnavailableError where none answers."""
    answers = heard(store.run(lambda client: client.of_each(_server)))
    servers = tuple(one for one in answers if isinstance(one, Server))
    wrong = other_form(store, [one.info for one in servers])
    layout: Any = None if wrong else store.run(lambda client: client.get(keys.LAYOUT_KEY))
    return Examined(
        servers=servers,
        away=len(answers) - len(servers),
        other_form=wrong,
        layout=layout.decode() if layout else "",
        replicas=store.replicas,
    )


def _server(client: Client) -> Server:
    info: Any = client.info()
    told = _config(client)
    return Server(
        info=info,
        fsync=told.get("appendfsync", UNKNOWN),
        folder=told.get("dir", UNKNOWN),
        ahead_s=_ahead_s(client),
    )


def _ahead_s(client: Client) -> float:
    began = time.time()
    asked: Any = client.time()
    seconds, micros = asked
    between = (began + time.time()) / 2  # nobody knows when on its way it was read
    return float(seconds + micros / 1e6 - between)


def _config(client: Client) -> Mapping[str, str]:
    """Return what the server tells of its configuration; hosted ones often refuse to."""
    found: dict[str, str] = {}
    for name in ("appendfsync", "dir"):
        try:
            asked: Any = client.config_get(name)
        except RedisError:
            continue
        found |= {str(key): str(value) for key, value in asked.items()}
    return found


def check(store: Store, limit_bytes: int = 0) -> ServerHealth:
    """Judge the server, of a cluster each, and mark an empty store with our layout.

    Raises StoreUnavailableError where it does not answer.
    """
    infos = store.infos()
    there = [one for one in infos if not isinstance(one, RedisError)]
    if wrong := other_form(store, there):
        return ServerHealth(fatal=(wrong,))
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
