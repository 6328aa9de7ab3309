"""Migration of a store from layout 1 to layout 2: once, forwards, and during operation.

Processes of layout 1 may run meanwhile. Their workers and senders find another value in place of
their leases and their pace, so they take no more work; what they had in hand is still committed and
settled. Deliveries that their web processes store stand where workers of layout 2 look.
Each step is repeatable, so an interrupted migration starts over. All of it may raise
StoreUnavailableError or ScriptError.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from redis.exceptions import RedisError

from gateway.store import keys, number_list
from gateway.store.coordination.leader import LeaderLock
from gateway.store.redis.client import Call, Store, translate_error
from gateway.store.redis.driver import Client
from gateway.store.server.health import LAYOUT_BEFORE, layout_name

OLD_PARTITIONS = 8
FENCE = "layout 2"
SENDS = f"{keys.SPACE}{{n*}}:send:*"
AT_ONCE = 500
LOCK_MS = 60_000
# A sender of layout 1 has 30 s for the sends it took, and settles them within 12 s more.
STRAGGLERS_S = 45.0


class MigrationError(Exception):
    """The store cannot be migrated; the message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Progress of a step; `sends` counts the sends that were found to be over."""

    step: str
    done: int
    total: int
    sends: int = 0


class Migration:
    """Migrates one store from layout 1 to layout 2."""

    def __init__(self, store: Store, wait: Callable[[float], None] = time.sleep) -> None:
        """Take the store, and the function that waits."""
        self._store = store
        self._wait = wait
        self._sends = 0
        self._lock = LeaderLock(store, keys.MIGRATION, LOCK_MS)

    def run(self, stragglers_s: float = STRAGGLERS_S) -> Iterator[Progress]:
        """Migrate step by step; yield nothing for a store that has layout 2 already.

        Raises MigrationError where the layout is neither, or another migration is running.
        """
        if not self._is_needed():
            return
        if not self._lock.acquire():
            raise MigrationError("Somebody else migrates this store now: wait for them.")
        yield from self._fence_partitions()
        yield from self._fence_numbers()
        self._store.run(lambda client: client.set(keys.LAYOUT_KEY, layout_name()))
        yield from self._register("sends")
        yield from self._wait_for_stragglers(stragglers_s)
        yield from self._fence_numbers()
        yield from self._register("sends of the last seconds")
        self._store.run(lambda client: client.delete(keys.MIGRATED))
        self._lock.release()

    def _is_needed(self) -> bool:
        """Return whether anything is left to do; a mark stays until all of it is done."""
        layout: Any = self._store.run(lambda client: client.get(keys.LAYOUT_KEY))
        stored_layout = layout.decode() if layout else layout_name()
        if stored_layout == layout_name():
            return bool(self._store.run(lambda client: client.exists(keys.MIGRATED)))
        if stored_layout != LAYOUT_BEFORE:
            raise MigrationError(
                f"The store has layout {stored_layout}: this version cannot migrate it."
            )
        self._store.run(lambda client: client.set(keys.MIGRATED, LAYOUT_BEFORE))
        return True

    def _fence_partitions(self) -> Iterator[Progress]:
        for index in range(OLD_PARTITIONS):
            prefix = keys.partition(index)
            self._store.call("fence_partition", prefix, FENCE)
            for entries in self._iter_pages(f"{prefix}aside"):
                self._store.call("order_aside", prefix, *entries)
            self._lock.acquire()
            yield Progress("partitions", index + 1, OLD_PARTITIONS)

    def _fence_numbers(self) -> Iterator[Progress]:
        names = number_list.numbers(self._store)
        for start in range(0, len(names), AT_ONCE):
            batch = names[start : start + AT_ONCE]
            calls = [Call("fence_number", keys.number(name), [FENCE]) for name in batch]
            self._call_all(calls)
            self._lock.acquire()
            yield Progress("numbers", start + len(batch), len(names))

    def _register(self, step: str) -> Iterator[Progress]:
        """Register all finished sends for compaction; they are found by a scan of all keys."""
        servers: Any = self._store.run(lambda client: client.ask_each(lambda one: one))
        for server in servers:
            if isinstance(server, RedisError):
                raise translate_error(server) from server
            yield from self._register_on(server, step)

    def _register_on(self, server: Client, step: str) -> Iterator[Progress]:
        total, seen, cursor = _run_on_server(server.dbsize), 0, 0
        while True:
            cursor, names = _run_on_server(partial(server.scan, cursor, SENDS, AT_ONCE))
            self._sends += sum(self._call_all(_register_calls(names)))
            self._lock.acquire()
            seen += AT_ONCE  # roughly how many keys a step of a scan looks at
            yield Progress(step, total if cursor == 0 else min(seen, total), total, self._sends)
            if cursor == 0:
                return

    def _wait_for_stragglers(self, seconds: float) -> Iterator[Progress]:
        for second in range(int(seconds)):
            self._wait(1.0)
            self._lock.acquire()
            yield Progress("senders of before", second + 1, int(seconds))

    def _iter_pages(self, key: str) -> Iterator[list[bytes]]:
        cursor = 0
        while True:
            reply: Any = self._store.run(partial(_zscan, key, cursor))
            cursor, members = reply
            if members:
                yield [entry for entry, _ in members]
            if cursor == 0:
                return

    def _call_all(self, calls: Sequence[Call]) -> list[int]:
        replies = self._store.call_many(calls)
        for reply in replies:
            if isinstance(reply, Exception):
                raise reply
        return replies


def _zscan(key: str, cursor: int, client: Client) -> Any:
    return client.zscan(key, cursor)


def _register_calls(names: Sequence[bytes]) -> list[Call]:
    """Return a call for each number that has some of these rows."""
    sends: dict[str, list[bytes]] = {}
    for name in names:
        prefix, _, send = name.partition(b"send:")
        sends.setdefault(prefix.decode(), []).append(send)
    return [Call("register", prefix, ids) for prefix, ids in sends.items()]


def _run_on_server(command: Callable[[], Any]) -> Any:
    try:
        return command()
    except RedisError as error:
        raise translate_error(error) from error
