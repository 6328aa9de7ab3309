"""Server inspection: what an operator is shown of each server and its clock before a start.

It writes nothing, so that a look changes nothing.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from redis.exceptions import RedisError

from gateway.core.storage.ownership import Installation, format_problem
from gateway.store import keys
from gateway.store.redis.client import Store, require_any_answer
from gateway.store.redis.driver import Client
from gateway.store.server.clock import clock_problem
from gateway.store.server.health import ServerHealth, judge_servers, layout_name
from gateway.store.server.ownership import OwnerRow, claim_store, judge_owner, read_owner
from gateway.store.server.rights import find_missing_rights, rights_problem

UNKNOWN = ""


@dataclass(frozen=True, slots=True)
class Server:
    """A server that writes: its INFO, and the configuration that it shows."""

    info: Mapping[str, Any]
    fsync: str = UNKNOWN
    folder: str = UNKNOWN
    ahead_s: float = 0.0  # of our clock


@dataclass(frozen=True, slots=True)
class Inspection:
    """All servers of a store."""

    servers: tuple[Server, ...]  # those that answer
    unavailable: int
    address_problem: str  # "" where the address fits what is there
    layout: str
    replicas: int  # asked for
    ownership: OwnerRow | None = None


def inspect_servers(store: Store) -> Inspection:
    """Inspect every server. Raises StoreUnavailableError where none answers."""
    answers = require_any_answer(store.run(lambda client: client.ask_each(_inspect_server)))
    servers = tuple(one for one in answers if isinstance(one, Server))
    problem = store.redis.find_address_problem([one.info for one in servers])
    layout: Any = None if problem else store.run(lambda client: client.get(keys.LAYOUT_KEY))
    return Inspection(
        servers=servers,
        unavailable=len(answers) - len(servers),
        address_problem=problem,
        layout=layout.decode() if layout else "",
        replicas=store.replicas,
        ownership=None if problem else read_owner(store),
    )


def _inspect_server(client: Client) -> Server:
    info: Any = client.info()
    config = _read_config(client)
    return Server(
        info=info,
        fsync=config.get("appendfsync", UNKNOWN),
        folder=config.get("dir", UNKNOWN),
        ahead_s=_ahead_s(client),
    )


def _ahead_s(client: Client) -> float:
    began = time.time()
    reply: Any = client.time()
    seconds, micros = reply
    between = (began + time.time()) / 2  # it is unknown when on its way the time was read
    return float(seconds + micros / 1e6 - between)


def _read_config(client: Client) -> Mapping[str, str]:
    """Return the configuration that the server shows; hosted ones often refuse to."""
    config: dict[str, str] = {}
    for name in ("appendfsync", "dir"):
        try:
            reply: Any = client.config_get(name)
        except RedisError:
            continue
        config |= {str(key): str(value) for key, value in reply.items()}
    return config


def check_server(
    store: Store, limit_bytes: int = 0, mine: Installation | None = None
) -> ServerHealth:
    """Judge the server, or each of a cluster, and mark an empty store with our layout.

    With `mine` a store without an owner becomes that installation's, and a store of another one,
    or of a newer release, is fatal. Raises StoreUnavailableError where the server does not answer.
    """
    if problem := rights_problem(find_missing_rights(store)):
        return ServerHealth(fatal=(problem,))
    infos = store.infos()
    answering = [one for one in infos if not isinstance(one, RedisError)]
    if problem := store.redis.find_address_problem(answering):
        return ServerHealth(fatal=(problem,))
    if problem := clock_problem(store):
        return ServerHealth(fatal=(problem,))
    layout: Any = store.run(lambda client: client.get(keys.LAYOUT_KEY))
    health = judge_servers(infos, layout.decode() if layout else "", limit_bytes)
    if mine and not health.fatal:
        health = _claim(store, health, mine)
    if not layout and not health.fatal:
        store.run(lambda client: client.set(keys.LAYOUT_KEY, layout_name(), nx=True))
    return _warn_of_replicas(store, health, answering)


def _claim(store: Store, health: ServerHealth, mine: Installation) -> ServerHealth:
    """Claim the store, unless a newer release has stored in it what this one would lose."""
    if newer := format_problem(read_owner(store).owner, keys.FORMAT):
        return replace(health, fatal=(newer,))
    return judge_owner(health, claim_store(store, mine), mine)


def _warn_of_replicas(
    store: Store, health: ServerHealth, answering: Sequence[Mapping[str, Any]]
) -> ServerHealth:
    fewest = min(int(info.get("connected_slaves", 0)) for info in answering)
    if fewest < store.replicas:
        warning = (
            f"Nothing counts before {store.replicas} replicas have it, and {fewest} are there."
        )
        return replace(health, warnings=(*health.warnings, warning))
    return health
