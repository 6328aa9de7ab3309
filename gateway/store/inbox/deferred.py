"""Deferred deliveries: found, tried again at once, and given up by an operator.

They are found without being opened, so it does not matter which keys this process has. All of it
may raise StoreUnavailableError.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from redis import Redis

from gateway.core.dead_letters.deferred_delivery import DeferredDelivery, read_deferred
from gateway.core.dead_letters.filter import DeadLetterFilter
from gateway.core.storage.timestamps import ms_from_datetime
from gateway.store import keys
from gateway.store.redis.client import Store

AT_ONCE = 200
_ID = re.compile(r"[0-9]{1,2}:[0-9]{1,20}-[0-9]{1,20}", re.ASCII)


def deliveries(store: Store, wanted: DeadLetterFilter) -> list[DeferredDelivery]:
    """Return the wanted deliveries, newest first."""
    candidates = (one for index in range(keys.PARTITIONS) for one in _iter_partition(store, index))
    chosen = (one for one in candidates if _is_in_scope(one, wanted) and wanted.matches(one))
    return sorted(chosen, key=lambda one: one.died_ms, reverse=True)


def find(store: Store, delivery_id: str) -> DeferredDelivery | None:
    """Return the delivery of an id, None where it is not deferred."""
    if not _ID.fullmatch(delivery_id):
        return None
    index, _, entry = delivery_id.partition(":")
    if int(index) >= keys.PARTITIONS:
        return None
    return next(_read(store, int(index), [entry.encode()]), None)


def try_now(store: Store, delivery: DeferredDelivery, now: datetime) -> bool:
    """Make a delivery due now; false where it is no longer deferred."""
    prefix, entry = _prefix_and_entry(delivery)
    moment = ms_from_datetime(now)

    def ask(client: Redis) -> Any:
        client.zadd(f"{prefix}aside", {entry: moment}, xx=True)
        return client.zscore(f"{prefix}aside", entry)

    return store.run(ask) is not None


def give_up(store: Store, delivery: DeferredDelivery) -> bool:
    """Give a delivery up, without its effect; false where it is no longer deferred."""
    prefix, entry = _prefix_and_entry(delivery)
    return bool(store.call("give_up", prefix, entry))


def _prefix_and_entry(delivery: DeferredDelivery) -> tuple[str, str]:
    index, _, entry = delivery.id.partition(":")
    return keys.partition(int(index)), entry


def _is_in_scope(delivery: DeferredDelivery, wanted: DeadLetterFilter) -> bool:
    if not wanted.has_number(delivery.number):
        return False
    since, until = wanted.since, wanted.until
    return (since is None or delivery.at >= since) and (until is None or delivery.at <= until)


def _iter_partition(store: Store, index: int) -> Iterator[DeferredDelivery]:
    """Read them in pages; deliveries that are deferred or come back meanwhile may be missed."""
    key, cursor = f"{keys.partition(index)}aside", 0
    seen: set[bytes] = set()
    while True:
        cursor, members = _scan(store, key, cursor)
        entries = [entry for entry, _ in members if entry not in seen]
        seen.update(entries)  # a scan may return one twice
        for start in range(0, len(entries), AT_ONCE):
            yield from _read(store, index, entries[start : start + AT_ONCE])
        if cursor == 0:
            return


def _scan(store: Store, key: str, cursor: int) -> tuple[int, list[tuple[bytes, float]]]:
    reply: Any = store.run(lambda client: client.zscan(key, cursor, count=AT_ONCE))
    return int(reply[0]), reply[1]


def _read(store: Store, index: int, entries: Sequence[bytes]) -> Iterator[DeferredDelivery]:
    """Read the state of deliveries of one partition; leave out those no longer deferred."""
    key = f"{keys.partition(index)}aside"
    notes = [entry + field for entry in entries for field in (b":first", b":last")]

    def ask(client: Redis) -> list[Any]:
        pipe = client.pipeline(transaction=False)
        for entry in entries:
            pipe.zscore(key, entry)
        pipe.hmget(f"{key}:tries", entries)
        pipe.hmget(f"{key}:why", notes)
        return list(pipe.execute())

    *due, tries, why = store.run(ask)
    for n, entry in enumerate(entries):
        if due[n] is not None:
            first, last = ((text or b"").decode() for text in why[2 * n : 2 * n + 2])
            yield read_deferred(
                f"{index}:{entry.decode()}", int(tries[n] or 0), due[n], first, last
            )
