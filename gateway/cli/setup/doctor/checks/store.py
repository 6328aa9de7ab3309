"""Checks of the store: whether it answers, loses nothing acknowledged, and has room; pure."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from gateway.cli.setup.doctor.findings import Check, Finding, Unseen, broken, fine, unseen, warning
from gateway.core.formats import pluralize
from gateway.core.storage.ownership import Installation, format_problem, stranger_problem
from gateway.store.keys import FORMAT
from gateway.store.monitoring.problems import find_memory_problems
from gateway.store.server.health import (
    EVICTS,
    NO_DISK,
    NO_FILE,
    ServerHealth,
    judge_server,
    layout_problem,
    version_problem,
)
from gateway.store.server.health import replica_problem as replica_error
from gateway.store.server.inspection import Inspection, Server
from gateway.store.server.ownership import find_emptied

MOST_AHEAD_S = 5.0
FSYNC = "always"
NO_LIMIT = (
    "Nobody set a limit, so it is half of the host's memory; in a container that may have less, "
    "Redis would be killed before deliveries are refused. Set maxmemory, or GATEWAY_STORE_BYTES."
)


@dataclass(frozen=True, slots=True)
class Redis:
    """State of the store, or why it could not be read."""

    away: str = ""
    examined: Inspection | None = None
    limit_bytes: int = 0
    mine: Installation = field(default_factory=Installation)

    def health(self, server: Server) -> ServerHealth:
        """Judge one server as `gateway status` and the alerts do."""
        return judge_server(server.info, "", self.limit_bytes)


def availability(redis: Redis) -> Iterator[Finding]:
    """Check that the store answers."""
    if redis.examined is None:
        yield broken(redis.away)
    elif redis.examined.unavailable:
        missing = pluralize(redis.examined.unavailable, "server")
        yield broken(f"{missing} of the cluster did not answer: what is theirs stands still.")
    else:
        yield fine(f"{pluralize(len(redis.examined.servers), 'server')} answered.")


def address(examined: Inspection) -> Iterator[Finding]:
    """Check that REDIS_URL names a server that can be written to."""
    problems = [examined.address_problem, *(replica_error(one.info) for one in examined.servers)]
    if problem := next(filter(None, problems), ""):
        yield broken(problem)
    else:
        yield fine("REDIS_URL leads to what can be written to.")


def version(examined: Inspection) -> Iterator[Finding]:
    """Check that every server has the features that our scripts need."""
    for server in examined.servers:
        if problem := version_problem(server.info):
            yield broken(problem)
            return
    info = examined.servers[0].info
    server_name = str(info.get("server_name", "redis")).capitalize()
    yield fine(f"{server_name} speaks as version {info['redis_version']}.")


def layout(examined: Inspection) -> Iterator[Finding]:
    """Check that the stored data has this release's layout."""
    problem = layout_problem(examined.layout)
    if problem:
        yield broken(problem)
    else:
        yield fine("What is stored is laid out as this version needs it.")


def owner(redis: Redis) -> Iterator[Finding]:
    """Check that the store is ours and was not emptied, and that this release may work on it."""
    row = redis.examined.ownership if redis.examined else None
    if row is None or row.owner is None:
        yield fine("Nobody owns it yet: the first process that starts will.")
    elif problem := stranger_problem(row.owner, redis.mine) or format_problem(row.owner, FORMAT):
        yield broken(problem)
    elif emptied := find_emptied(row.owner, row.now_ms):
        yield Finding.of_problem(emptied)
    else:
        yield fine(f"It belongs to this installation ({row.owner.installation}).")


def persistence(examined: Inspection) -> Iterator[Finding]:
    """Check that no acknowledged delivery is lost when the server stops."""
    for server in examined.servers:
        if not int(server.info.get("aof_enabled", 0)):
            yield broken(NO_FILE.text)
        elif server.fsync == "":
            yield unseen("Redis does not tell its appendfsync, which has to be always")
        elif server.fsync != FSYNC:
            yield warning(
                f"appendfsync is {server.fsync}: what was acknowledged in the last moment before "
                "a power cut is lost."
            )
        else:
            yield fine("Everything is on disk before it is acknowledged.")


def disk_writes(examined: Inspection) -> Iterator[Finding]:
    """Check that the server can write to its disk."""
    for server in examined.servers:
        if server.info.get("aof_last_write_status", "ok") != "ok":
            yield broken(NO_DISK.text)
        elif server.info.get("aof_last_bgrewrite_status", "ok") != "ok":
            yield warning("Redis could not rewrite its append-only file, which grows until it can.")
        elif server.info.get("rdb_last_bgsave_status", "ok") != "ok":
            yield warning("Redis could not write its last dump, and by default refuses all writes.")
        else:
            size = int(server.info.get("aof_current_size", 0))
            yield fine(f"The last write went well; the append-only file has {megabytes(size)}.")


def eviction(examined: Inspection) -> Iterator[Finding]:
    """Check that the server evicts nothing."""
    policies = {str(one.info.get("maxmemory_policy", "noeviction")) for one in examined.servers}
    if others := sorted(policies - {"noeviction"}):
        yield broken(replace(EVICTS, observed=f"maxmemory-policy {', '.join(others)}").sentence)
    else:
        yield fine("Nothing is evicted (maxmemory-policy noeviction).")


def memory(redis: Redis) -> Iterator[Finding]:
    """Check that memory is not so short that history is dropped or deliveries are refused."""
    for server in redis.examined.servers if redis.examined else ():
        health = redis.health(server)
        used = f"{megabytes(health.used_bytes)} of {megabytes(health.limit_bytes)}"
        if worst := next(find_memory_problems(health), None):
            yield Finding.of_problem(replace(worst, observed=used))
        elif not int(server.info.get("maxmemory", 0)) and not redis.limit_bytes:
            yield warning(f"{used} are used. {NO_LIMIT}")
        else:
            yield fine(f"{used} are used.")


def clock(examined: Inspection) -> Iterator[Finding]:
    """Check that the clock of the store, which all decisions use, agrees with ours."""
    for server in examined.servers:
        if abs(server.ahead_s) > MOST_AHEAD_S:
            side = "ahead of" if server.ahead_s > 0 else "behind"
            yield warning(f"The clock of Redis is {abs(server.ahead_s):,.0f} s {side} ours.")
        else:
            yield fine(f"The clocks are {abs(server.ahead_s):.1f} s apart.")


def replicas(examined: Inspection) -> Iterator[Finding]:
    """Check that there are enough replicas; with too few, no write counts."""
    there = min(int(one.info.get("connected_slaves", 0)) for one in examined.servers)
    if there < examined.replicas:
        needed = pluralize(examined.replicas, "replica")
        yield broken(f"REDIS_URL asks for {needed}, and Redis has {there}.")
    elif examined.replicas:
        yield fine(
            f"REDIS_URL asks for {pluralize(examined.replicas, 'replica')}; Redis has {there}."
        )
    else:
        yield fine("None are asked for.")


def megabytes(size: int) -> str:
    """Return a size in readable units."""
    if size >= 10 << 30:
        return f"{size / (1 << 30):,.1f} GB"
    return f"{size / (1 << 20):,.1f} MB"


def _redis(facts: Any) -> Redis | Unseen:
    redis: Redis | Unseen = facts.redis
    return redis


def _answering_redis(facts: Any) -> Redis | Unseen:
    redis = _redis(facts)
    return redis if isinstance(redis, Unseen) or redis.examined else Unseen("Redis does not answer")


def _examined_servers(facts: Any) -> Inspection | Unseen:
    redis = _answering_redis(facts)
    return redis if isinstance(redis, Unseen) else redis.examined or Unseen("Redis does not answer")


CHECKS: tuple[Check[Any], ...] = (
    Check(
        "store", "store", _redis, availability,
        "See whether Redis runs and whether REDIS_URL names it, with rediss:// where it speaks "
        "TLS; until then Meta delivers again.",
    ),
    Check(
        "store", "store address", _examined_servers, address,
        "Change REDIS_URL; docs/scale-out.md has the forms.",
    ),
    Check(
        "store", "store version", _examined_servers, version,
        "Install Valkey, or Redis 6.2 or newer.",
    ),
    Check(
        "store", "layout", _examined_servers, layout,
        "Run the release that wrote it, or point REDIS_URL to an empty server.",
    ),
    Check(
        "store", "owner", _answering_redis, owner,
        "Do what the line says; docs/operations.md has more under Owner.",
    ),
    Check(
        "store", "persistence", _examined_servers, persistence,
        "Set appendonly yes and appendfsync always.",
    ),
    Check(
        "store", "store disk", _examined_servers, disk_writes,
        "See in the log of Redis whether its disk is full, and make room.",
    ),
    Check(
        "store", "eviction", _examined_servers, eviction,
        "Set maxmemory-policy noeviction, and give Redis enough memory.",
    ),
    Check(
        "store", "memory", _answering_redis, memory,
        "Give Redis more memory, keep history for less time (GATEWAY_RETENTION), or start more "
        "workers if much waits.",
    ),
    Check(
        "store", "clock", _examined_servers, clock,
        "Let both machines follow a time server; date -u shows which is wrong.",
    ),
    Check(
        "store", "replicas", _examined_servers, replicas,
        "Start the replicas, or ask for fewer at the end of REDIS_URL (docs/scale-out.md).",
    ),
)  # fmt: skip
