"""References of forwards to deliveries, which trimming respects.

A row that waits is its own reference: nothing is counted, so nothing can be counted wrong. Each
tick reads how far each partition is done, then the oldest delivery to which a row refers, and only
then lets trimming pass what is before both. A delivery that is done later was not done then, and
its references are found by the next tick. May raise StoreUnavailableError.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.store import keys
from gateway.store.redis.client import Store
from gateway.store.sending.lookup import read_each, run_commands


@dataclass(frozen=True, slots=True)
class PartitionBound:
    """How far a partition was done, and how far it may be trimmed by now."""

    done: str  # the last entry before which all is done, and nothing deferred
    unreferred: str


@dataclass(slots=True)
class OldestReferred:
    """When the oldest delivery was kept to which a forward refers, of the numbers seen so far."""

    at_ms: int | None = None
    seen: set[str] = field(default_factory=set)

    def note(self, number: str, at_ms: int | None) -> None:
        """Note the oldest of one number, None if none of its forwards waits."""
        self.seen.add(number)
        if at_ms is not None:
            self.at_ms = at_ms if self.at_ms is None else min(self.at_ms, at_ms)


def read_unseen(store: Store, numbers: Iterable[str], oldest: OldestReferred) -> None:
    """Note the oldest of the numbers that were not seen: their tick failed, or one before it.

    Forwards whose keys are damaged are never posted, so they hold nothing back.
    """
    names = [one for one in numbers if one not in oldest.seen]
    listed = read_each(store, [("ZRANGE", f"{keys.number(name)}forwards", 0, -1) for name in names])
    for name, receivers in zip(names, listed, strict=True):
        queues = [f"{keys.number(name)}forwards:{one.decode()}" for one in receivers or ()]
        found: Any = read_each(
            store, [("ZRANGE", f"{one}:kept", 0, 0, "WITHSCORES") for one in queues]
        )
        moments = [int(first[0][1]) for first in found if first]
        oldest.note(name, min(moments, default=None))


def read_bounds(store: Store) -> Sequence[PartitionBound | None]:
    """Return how far each partition is done; None for one that cannot be read."""
    prefixes = [keys.partition(index) for index in range(keys.PARTITIONS)]
    replies = read_each(
        store,
        [
            command
            for prefix in prefixes
            for command in (
                ("HMGET", f"{prefix}cursor", "at", "unreferred"),
                ("ZRANGE", f"{prefix}aside:oldest", 0, 0),
            )
        ],
    )
    return [_parse(*pair) for pair in zip(replies[::2], replies[1::2], strict=True)]


def note_unreferred(
    store: Store, bounds: Sequence[PartitionBound | None], oldest_referred_ms: int | None
) -> None:
    """Let trimming pass what was done when the bounds were read, and is before the oldest."""
    commands = []
    for index, bound in enumerate(bounds):
        if bound is None:
            continue
        limit = bound.done
        if oldest_referred_ms is not None:
            limit = min(limit, f"{oldest_referred_ms}-0", key=_order)
        if limit != bound.unreferred:
            commands.append(("HSET", f"{keys.partition(index)}cursor", "unreferred", limit))
    run_commands(store, *commands)


def _parse(cursor: list[bytes | None] | None, aside: list[bytes] | None) -> PartitionBound | None:
    if cursor is None or aside is None or cursor[0] is None:
        return None
    done = cursor[0].decode()
    if aside:
        # Its order, then the entry (`ordered` in lib/prelude.lua).
        done = min(done, aside[0].decode()[3:], key=_order)
    return PartitionBound(done, (cursor[1] or b"").decode())


def _order(entry: str) -> tuple[int, int]:
    at_ms, _, nth = entry.partition("-")
    return int(at_ms), int(nth)
