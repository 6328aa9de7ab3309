"""Retention: old data is dropped, and more of it where memory is short."""

import math
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from gateway.core.storage.timestamps import ms_from_datetime
from gateway.store import keys
from gateway.store.number_list import numbers
from gateway.store.redis.client import Call, Store
from gateway.store.sending.compaction import BULK_FOR, REPLIES_FOR
from gateway.store.server.health import (
    RESULTS_RETENTION,
    ServerHealth,
    history_drop_calls,
    judge_servers,
)

DEAD_LETTERS_FOR = timedelta(days=30)
MOST_FORGOTTEN = 1_000  # dead letters in one command


def trim(store: Store, retention: timedelta) -> int:
    """Drop processed deliveries that are older than `retention`; never one that waits."""
    lifetime = int(retention.total_seconds() * 1000)
    dropped = 0
    calls = [Call("trim", keys.partition(i), [lifetime, 1]) for i in range(keys.PARTITIONS)]
    while newly_dropped := _sum_dropped(store, calls):
        dropped += newly_dropped
    return dropped


def prune(store: Store, retention: timedelta) -> int:
    """Drop records of finished sends that are older than their lifetime; see compaction.py."""
    lives = [int(one.total_seconds() * 1000) for one in (retention, REPLIES_FOR, BULK_FOR)]
    dropped = 0
    calls = [Call("prune", prefix, [*lives, 1]) for prefix in _prefixes(store)]
    while newly_dropped := _sum_dropped(store, calls):
        dropped += newly_dropped
    return dropped


def memory_health(store: Store, limit_bytes: int) -> ServerHealth:
    """Return how full the fullest server is.

    `limit_bytes` counts where the server has no limit of its own (0: half of its host).
    """
    return judge_servers(store.infos(), "", limit_bytes)


def make_room(store: Store, limit_bytes: int, results: timedelta = RESULTS_RETENTION) -> int:
    """Drop the oldest of the history if memory is short; see `history_drop_calls`."""
    if not memory_health(store, limit_bytes).is_short:
        return 0
    return _sum_dropped(store, history_drop_calls(numbers(store), results))


def _sum_dropped(store: Store, calls: Sequence[Call]) -> int:
    return sum(_unwrap_reply(reply) for reply in store.call_many(calls))


def forget_dead_letters(store: Store, before: datetime) -> int:
    """Remove dead letters that are older than `before` from the lists."""
    oldest = ms_from_datetime(before)
    for prefix in _prefixes(store):
        for name in ("unreadable", *_lists_of_dead_forwards(store, prefix)):
            _forget_listed(store, f"{prefix}{name}", oldest)
    return sum(_forget_listed(store, f"{prefix}dead", oldest) for prefix in _prefixes(store))


def _lists_of_dead_forwards(store: Store, prefix: str) -> list[str]:
    """Return the list that each receiver of a number has of its own dead letters."""
    receivers: Any = store.run(lambda client: client.zrange(f"{prefix}forwards", 0, -1))
    return [f"forwards:{one.decode()}:dead" for one in receivers]


def _forget_listed(store: Store, key: str, before_ms: int) -> int:
    dropped = 0
    while True:
        rows: Any = store.run(
            lambda client: client.zrangebyscore(
                key, "-inf", before_ms, start=0, num=MOST_FORGOTTEN, withscores=True
            )
        )
        if not rows:
            return dropped
        # All at once, and none that died again meanwhile.
        last = math.ceil(rows[-1][1])
        dropped += store.run(lambda client: client.zremrangebyscore(key, "-inf", last))  # noqa: B023


def _prefixes(store: Store) -> Iterator[str]:
    return (keys.number(name) for name in numbers(store))


def _unwrap_reply(reply: Any) -> Any:
    if isinstance(reply, Exception):
        raise reply
    return reply
