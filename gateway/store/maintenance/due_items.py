"""Due items: those that a tick moves, and the queries by which the sweep finds stalled work."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.core.sending.send import PRIORITIES
from gateway.store import keys
from gateway.store.number_list import numbers
from gateway.store.redis.client import Call, Store
from gateway.store.sending.lanes import Damage, parse_damages

# In one script: while it runs the server answers nobody else, and a crowd may be due at once.
MOST_ITEMS = 200
MOST_SCRIPTS = 5


@dataclass(frozen=True, slots=True)
class TickResult:
    """Result of a tick for one number."""

    number: str
    moved_items: int
    timers: dict[str, bytes]  # id -> row of the event that comes back through the inbox
    overdue_ms: dict[str, int]  # rank -> how long its oldest ready lane has waited, -1 for none
    unconfirmed: int  # unconfirmed sends
    damaged: tuple[Damage, ...] = ()  # damaged items that rest
    notification_overdue_ms: int = -1  # how long the oldest due one has waited, -1 for none
    owed_results: int = 0  # results that can be written for Celery tasks
    due_schedules: int = 0
    forward_overdue_ms: int = -1  # how long a receiver of forwards has had something to do
    oldest_referred_ms: int | None = None  # when the oldest delivery was kept that one refers to
    templates: tuple[str, ...] = ()  # those for which sends wait, a hundred at most
    services: tuple[str, ...] = ()  # those that can be called now, a hundred at most
    crowded_calls: int = 0  # calls of services for which there was no room


def tick(store: Store, names: Sequence[str] | None = None) -> Iterator[TickResult]:
    """Move what is due of every number, or of those named; some 1,000 items of each at most.

    A number of which more is due has several results. One whose keys are damaged stops no other:
    its error is raised after all others were done.
    """
    names = numbers(store) if names is None else names
    return _iter_tick_results(store, names, _run_scripts(store, names))


def _run_scripts(store: Store, names: Sequence[str]) -> list[Any]:
    return store.call_many([Call("tick", keys.number(name), [MOST_ITEMS]) for name in names])


def _iter_tick_results(
    store: Store, names: Sequence[str], replies: Sequence[Any]
) -> Iterator[TickResult]:
    failed: Exception | None = None
    for turn in range(MOST_SCRIPTS):
        full = []
        for name, reply in zip(names, replies, strict=True):
            if isinstance(reply, Exception):
                failed = failed or reply
                continue
            yield (result := _parse_tick_result(name, reply))
            if result.moved_items >= MOST_ITEMS:
                full.append(name)
        if not full or turn == MOST_SCRIPTS - 1:
            break
        names, replies = full, _run_scripts(store, full)
    if failed:
        raise failed


def forget_timer(store: Store, number: str, timer: str) -> None:
    """Remove a timer that has arrived in the inbox."""
    prefix = keys.number(number)

    def remove(client: Any) -> None:
        pipe = client.pipeline(transaction=True)
        pipe.zrem(f"{prefix}timers", timer)
        pipe.hdel(f"{prefix}timer", timer)
        pipe.execute()

    store.run(remove)


def is_pump_active(store: Store, number: str, within_ms: int) -> bool:
    """Return whether some pump took sends of the number a moment ago."""
    prefix = keys.number(number)

    def fetch(client: Any) -> Any:
        pipe = client.pipeline(transaction=False)
        pipe.time()
        pipe.hget(f"{prefix}tokens", "took")
        return pipe.execute()

    (seconds, micros), took = store.run(fetch)
    # A moment in the future was recorded by a clock that stepped back since.
    return took is not None and 0 <= seconds * 1000 + micros // 1000 - int(took) < within_ms


def has_cursor_moved(store: Store, partition: int, cursor: str) -> bool:
    """Return whether a partition's cursor moved since the last call."""
    prefix = keys.partition(partition)
    before: Any = store.run(lambda client: client.getset(f"{prefix}swept", cursor))
    return before is not None and before.decode() != cursor


def _parse_tick_result(number: str, reply: Any) -> TickResult:
    moved_items, timers, overdue, doubts, damaged, notification_overdue_ms, *more = reply
    owed_results, due_schedules, templates, services, *more = more
    forward_overdue_ms, oldest_referred, crowded_calls = more
    return TickResult(
        number=number,
        moved_items=moved_items,
        timers={timers[i].decode(): timers[i + 1] for i in range(0, len(timers), 2)},
        overdue_ms=dict(zip(PRIORITIES, overdue, strict=True)),
        unconfirmed=doubts,
        damaged=parse_damages(damaged),
        notification_overdue_ms=notification_overdue_ms,
        owed_results=owed_results,
        due_schedules=due_schedules,
        forward_overdue_ms=forward_overdue_ms,
        oldest_referred_ms=int(float(oldest_referred)) if oldest_referred else None,
        templates=tuple(name.decode() for name in templates),
        services=tuple(name.decode() for name in services),
        crowded_calls=crowded_calls,
    )
