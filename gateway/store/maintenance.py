"""What runs by the clock: what is due, what waits and does not move, and what is old."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from gateway.core.sending import canary
from gateway.store import keys
from gateway.store.redis.client import Call, Store
from gateway.store.sending.compaction import BULK_FOR, REPLIES_FOR
from gateway.store.sending.lanes import Damage, parse_damages
from gateway.store.server.health import (
    RESULTS_RETENTION,
    ServerHealth,
    history_drop_calls,
    judge_servers,
)

MOST_ITEMS = 1_000
TICK_GUARD_MS = 900
PLANNING_STOP_MS = 300_000
WAKEUP_COUNT_MS = 3_600_000
# Looks are two to four seconds apart, and a bell may be lost as the one before it was.
RINGS_EACH = 4
# Whoever holds an app secret can name any number, and each that is listed is asked every second.
MOST_NUMBERS = 10_000
MOST_FORGOTTEN = 1_000  # dead letters in one command
# A cleanup that is an hour late has not been rung for.
CLEANUP_AGE_MS = 25 * 3_600_000


@dataclass(frozen=True, slots=True)
class TickResult:
    """What a tick found for one number."""

    number: str
    moved_items: int
    timers: dict[str, bytes]  # id -> what comes back through the inbox
    overdue_ms: dict[str, int]  # rank -> how long its oldest ready lane has waited, -1 for none
    unconfirmed: int  # sends of which nobody knows whether Meta had them
    damaged: tuple[Damage, ...] = ()  # what rests because it cannot be worked on


def may_tick(store: Store) -> bool:
    """Say whether this tick is the first within 0.9 s; two beats at once do no harm."""
    first = store.mark(keys.TICK_GUARD, TICK_GUARD_MS)
    if first:
        record_run(store, "tick")
    return first


def record_run(store: Store, job: str, release: str = "1", lifetime_ms: int = keys.DAY_MS) -> None:
    """Note what ran by the clock, and by which release; the key's lifetime tells when it did."""
    store.run(lambda client: client.set(f"{keys.LAST_RUN}{job}", release, px=lifetime_ms))


def seconds_since_run(store: Store, job: str) -> float | None:
    """Return how long ago something ran by the clock, None where it did not within a day."""
    left: Any = store.run(lambda client: client.pttl(f"{keys.LAST_RUN}{job}"))
    return (keys.DAY_MS - left) / 1000 if left > 0 else None


def add_number(store: Store, number: str) -> bool:
    """Make a number one that ticks and sweeps look at; done before its first commit.

    With replicas they have it too, so whoever has listed a number need not do so again. False where
    so many are listed that there is no room: each tick asks all of them.
    """
    return bool(store.call("list_number", keys.NUMBERS, number, MOST_NUMBERS))


@dataclass(frozen=True, slots=True)
class RunAges:
    """How long ago what runs by the clock ran, in seconds; infinite where not within a day."""

    tick_s: float
    sweep_s: float
    watch_s: float
    is_cleaned_up: bool  # within 25 hours
    has_beat_leader: bool


def read_run_ages(store: Store) -> RunAges:
    """Tell what ran by the clock and when, in one round trip."""

    def fetch(client: Any) -> Any:
        pipe = client.pipeline(transaction=False)
        for what in ("tick", "sweep", "watch"):
            pipe.pttl(f"{keys.LAST_RUN}{what}")
        pipe.exists(f"{keys.LAST_RUN}cleanup")
        pipe.exists(keys.BEAT_LOCK)
        return pipe.execute()

    *lives, cleaned, leads = store.run(fetch)
    tick, sweep, watch = ((keys.DAY_MS - it) / 1000 if it > 0 else math.inf for it in lives)
    return RunAges(tick, sweep, watch, is_cleaned_up=bool(cleaned), has_beat_leader=bool(leads))


def numbers(store: Store) -> list[str]:
    """Return every number that has ever had an event, "" among them."""
    members: Any = store.run(lambda client: client.smembers(keys.NUMBERS))
    return sorted(name.decode() for name in members)


def numbers_at_meta(store: Store) -> list[str]:
    """Return the same without the canary's, of which neither Meta nor a person stops anything."""
    return [name for name in numbers(store) if name != canary.NUMBER]


def tick(store: Store, names: Sequence[str] | None = None) -> Iterator[TickResult]:
    """Move what is due of every number, or of those named; at most 1,000 items each.

    So no script is long. A number whose keys are damaged stops no other: its error is raised after
    all that worked.
    """
    names = numbers(store) if names is None else names
    calls = [Call("tick", keys.number(name), [MOST_ITEMS]) for name in names]
    return _iter_tick_results(names, store.call_many(calls))


def _iter_tick_results(names: Sequence[str], replies: Sequence[Any]) -> Iterator[TickResult]:
    failed = next((reply for reply in replies if isinstance(reply, Exception)), None)
    for name, reply in zip(names, replies, strict=True):
        if not isinstance(reply, Exception):
            yield _parse_tick_result(name, reply)
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
    """Say whether some pump took sends of the number a moment ago."""
    prefix = keys.number(number)

    def fetch(client: Any) -> Any:
        pipe = client.pipeline(transaction=False)
        pipe.time()
        pipe.hget(f"{prefix}tokens", "took")
        return pipe.execute()

    (seconds, micros), took = store.run(fetch)
    # A moment that is still to come was given by a clock that stepped back since.
    return took is not None and 0 <= seconds * 1000 + micros // 1000 - int(took) < within_ms


def has_cursor_moved(store: Store, partition: int, cursor: str) -> bool:
    """Say whether a partition's cursor moved since the last time this was asked."""
    prefix = keys.partition(partition)
    before: Any = store.run(lambda client: client.getset(f"{prefix}swept", cursor))
    return before is not None and before.decode() != cursor


def should_wake_again(store: Store, bell: str) -> bool:
    """Say whether to ring for what waits and is still: the 1st, 2nd, 4th, 8th, 12th … time.

    While no worker is there to hear, each finding would put one more message into the queue.
    """

    def increment(client: Any) -> Any:
        pipe = client.pipeline(transaction=False)
        pipe.incr(f"{bell}:found")
        pipe.pexpire(f"{bell}:found", WAKEUP_COUNT_MS)
        return pipe.execute()

    times, _ = store.run(increment)
    return bool(times < 3 or times % RINGS_EACH == 0)


def clear_wakeup(store: Store, bell: str) -> None:
    """Let the next who has work ring again; done before looking, so that none goes unheard."""
    store.delete(bell, f"{bell}:found")


def stop_planning(store: Store, release: str) -> None:
    """Note that a release must not plan for five minutes; another release may."""
    store.run(lambda client: client.set(keys.STOPPED_RELEASE, release, px=PLANNING_STOP_MS))


def stopped_release(store: Store) -> str:
    """Return the release that must not plan now, "" for none."""
    release: Any = store.run(lambda client: client.get(keys.STOPPED_RELEASE))
    return release.decode() if release else ""


def trim(store: Store, retention: timedelta) -> int:
    """Drop worked-off deliveries that are older than `retention`; what waits is sacred."""
    lifetime = int(retention.total_seconds() * 1000)
    dropped = 0
    calls = [Call("trim", keys.partition(i), [lifetime, 1]) for i in range(keys.PARTITIONS)]
    while newly_dropped := _sum_dropped(store, calls):
        dropped += newly_dropped
    return dropped


def prune(store: Store, retention: timedelta) -> int:
    """Drop what is left of finished sends and is older than it is to live; see compaction.py."""
    lives = [int(one.total_seconds() * 1000) for one in (retention, REPLIES_FOR, BULK_FOR)]
    dropped = 0
    calls = [Call("prune", prefix, [*lives, 1]) for prefix in _prefixes(store)]
    while newly_dropped := _sum_dropped(store, calls):
        dropped += newly_dropped
    return dropped


def memory_health(store: Store, limit_bytes: int) -> ServerHealth:
    """Say how full the fullest server is.

    `limit_bytes` counts where the server has no limit of its own (0: half of its host).
    """
    return judge_servers(store.infos(), "", limit_bytes)


def make_room(store: Store, limit_bytes: int, results: timedelta = RESULTS_RETENTION) -> int:
    """Drop the oldest of the history if a server is short of room; see `yielding`."""
    if not memory_health(store, limit_bytes).is_short:
        return 0
    return _sum_dropped(store, history_drop_calls(numbers(store), results))


def _sum_dropped(store: Store, calls: Sequence[Call]) -> int:
    return sum(_unwrap_reply(reply) for reply in store.call_many(calls))


def forget_dead_letters(store: Store, before: datetime) -> int:
    """Drop dead letters that are older than `before` from the lists."""
    oldest = int(before.timestamp() * 1000)
    for prefix in _prefixes(store):
        _forget_listed(store, f"{prefix}unreadable", oldest)
    return sum(_forget_listed(store, f"{prefix}dead", oldest) for prefix in _prefixes(store))


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
        # Not one by one, and none that died again meanwhile.
        last = math.ceil(rows[-1][1])
        dropped += store.run(lambda client: client.zremrangebyscore(key, "-inf", last))  # noqa: B023


def increment_counter(store: Store, prefix: str, name: str, by: int = 1) -> None:
    """Add to a counter."""
    store.run(lambda client: client.hincrby(f"{prefix}count", name, by))


def _prefixes(store: Store) -> Iterator[str]:
    return (keys.number(name) for name in numbers(store))


def _parse_tick_result(number: str, reply: Any) -> TickResult:
    moved_items, timers, overdue, doubts, damaged = reply
    return TickResult(
        number=number,
        moved_items=moved_items,
        timers={timers[i].decode(): timers[i + 1] for i in range(0, len(timers), 2)},
        overdue_ms=dict(zip(("reply", "bulk"), overdue, strict=True)),
        unconfirmed=doubts,
        damaged=parse_damages(damaged),
    )


def _unwrap_reply(reply: Any) -> Any:
    if isinstance(reply, Exception):
        raise reply
    return reply
