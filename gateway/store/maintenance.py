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
from gateway.store.sending.lanes import Damage, damages
from gateway.store.server.health import RESULTS, ServerHealth, worst, yielding

MOST_ITEMS = 1_000
TICK_GUARD_MS = 900
STOPPED_MS = 300_000
FOUND_MS = 3_600_000
# Looks are two to four seconds apart, and a bell may be lost as the one before it was.
RINGS_EACH = 4
# Whoever holds an app secret can name any number, and each that is listed is asked every second.
MOST_NUMBERS = 10_000
MOST_FORGOTTEN = 1_000  # dead letters in one command
# A cleanup that is an hour late has not been rung for.
CLEANED_MS = 25 * 3_600_000


@dataclass(frozen=True, slots=True)
class Due:
    """What a tick found for one number."""

    number: str
    moved: int
    timers: dict[str, bytes]  # id -> what comes back through the inbox
    overdue_ms: dict[str, int]  # rank -> how long its oldest ready lane has waited, -1 for none
    doubts: int  # sends of which nobody knows whether Meta had them
    damaged: tuple[Damage, ...] = ()  # what rests because it cannot be worked on


def may_tick(store: Store) -> bool:
    """Say whether this tick is the first within 0.9 s; two beats at once do no harm."""
    first = store.mark(keys.TICKED, TICK_GUARD_MS)
    if first:
        ran(store, "tick")
    return first


def ran(store: Store, what: str, by: str = "1", lifetime_ms: int = keys.DAY_MS) -> None:
    """Note what ran by the clock, and by which release; the key's lifetime tells when it did."""
    store.run(lambda client: client.set(f"{keys.RAN}{what}", by, px=lifetime_ms))


def ago_s(store: Store, what: str) -> float | None:
    """Return how long ago something ran by the clock, None where it did not within a day."""
    left: Any = store.run(lambda client: client.pttl(f"{keys.RAN}{what}"))
    return (keys.DAY_MS - left) / 1000 if left > 0 else None


def list_number(store: Store, number: str) -> bool:
    """Make a number one that ticks and sweeps look at; done before its first commit.

    With replicas they have it too, so whoever has listed a number need not do so again. False where
    so many are listed that there is no room: each tick asks all of them.
    """
    return bool(store.call("list_number", keys.NUMBERS, number, MOST_NUMBERS))


@dataclass(frozen=True, slots=True)
class Clockwork:
    """How long ago what runs by the clock ran, in seconds; infinite where not within a day."""

    tick_s: float
    sweep_s: float
    watch_s: float
    cleaned: bool  # within 25 hours
    beat_leads: bool


def clockwork(store: Store) -> Clockwork:
    """Tell what ran by the clock and when, in one round trip."""

    def asked(client: Any) -> Any:
        pipe = client.pipeline(transaction=False)
        for what in ("tick", "sweep", "watch"):
            pipe.pttl(f"{keys.RAN}{what}")
        pipe.exists(f"{keys.RAN}cleanup")
        pipe.exists(keys.BEAT_TURN)
        return pipe.execute()

    *lives, cleaned, leads = store.run(asked)
    tick, sweep, watch = ((keys.DAY_MS - it) / 1000 if it > 0 else math.inf for it in lives)
    return Clockwork(tick, sweep, watch, cleaned=bool(cleaned), beat_leads=bool(leads))


def numbers(store: Store) -> list[str]:
    """Return every number that has ever had an event, "" among them."""
    found: Any = store.run(lambda client: client.smembers(keys.NUMBERS))
    return sorted(name.decode() for name in found)


def numbers_at_meta(store: Store) -> list[str]:
    """Return the same without the canary's, of which neither Meta nor a person stops anything."""
    return [name for name in numbers(store) if name != canary.NUMBER]


def tick(store: Store, names: Sequence[str] | None = None) -> Iterator[Due]:
    """Move what is due of every number, or of those named; at most 1,000 items each.

    So no script is long. A number whose keys are damaged stops no other: its error is raised after
    all that worked.
    """
    names = numbers(store) if names is None else names
    calls = [Call("tick", keys.number(name), [MOST_ITEMS]) for name in names]
    return _worked(names, store.call_many(calls))


def _worked(names: Sequence[str], replies: Sequence[Any]) -> Iterator[Due]:
    failed = next((reply for reply in replies if isinstance(reply, Exception)), None)
    for name, reply in zip(names, replies, strict=True):
        if not isinstance(reply, Exception):
            yield _due(name, reply)
    if failed:
        raise failed


def forget_timer(store: Store, number: str, timer: str) -> None:
    """Remove a timer that has arrived in the inbox."""
    prefix = keys.number(number)

    def removed(client: Any) -> None:
        pipe = client.pipeline(transaction=True)
        pipe.zrem(f"{prefix}timers", timer)
        pipe.hdel(f"{prefix}timer", timer)
        pipe.execute()

    store.run(removed)


def working(store: Store, number: str, within_ms: int) -> bool:
    """Say whether some pump took sends of the number a moment ago."""
    prefix = keys.number(number)

    def asked(client: Any) -> Any:
        pipe = client.pipeline(transaction=False)
        pipe.time()
        pipe.hget(f"{prefix}tokens", "took")
        return pipe.execute()

    (seconds, micros), took = store.run(asked)
    # A moment that is still to come was given by a clock that stepped back since.
    return took is not None and 0 <= seconds * 1000 + micros // 1000 - int(took) < within_ms


def moved(store: Store, partition: int, cursor: str) -> bool:
    """Say whether a partition's cursor moved since the last time this was asked."""
    prefix = keys.partition(partition)
    before: Any = store.run(lambda client: client.getset(f"{prefix}swept", cursor))
    return before is not None and before.decode() != cursor


def worth_ringing(store: Store, bell: str) -> bool:
    """Say whether to ring for what waits and is still: the 1st, 2nd, 4th, 8th, 12th … time.

    While no worker is there to hear, each finding would put one more message into the queue.
    """

    def counted(client: Any) -> Any:
        pipe = client.pipeline(transaction=False)
        pipe.incr(f"{bell}:found")
        pipe.pexpire(f"{bell}:found", FOUND_MS)
        return pipe.execute()

    times, _ = store.run(counted)
    return bool(times < 3 or times % RINGS_EACH == 0)


def heard(store: Store, bell: str) -> None:
    """Let the next who has work ring again; done before looking, so that none goes unheard."""
    store.delete(bell, f"{bell}:found")


def stop_planning(store: Store, release: str) -> None:
    """Note that a release must not plan for five minutes; another release may."""
    store.run(lambda client: client.set(keys.STOPPED, release, px=STOPPED_MS))


def planning_stopped(store: Store) -> str:
    """Return the release that must not plan now, "" for none."""
    release: Any = store.run(lambda client: client.get(keys.STOPPED))
    return release.decode() if release else ""


def trim(store: Store, retention: timedelta) -> int:
    """Drop worked-off deliveries that are older than `retention`; what waits is sacred."""
    lifetime = int(retention.total_seconds() * 1000)
    dropped = 0
    calls = [Call("trim", keys.partition(i), [lifetime, 1]) for i in range(keys.PARTITIONS)]
    while now := _dropped(store, calls):
        dropped += now
    return dropped


def prune(store: Store, retention: timedelta) -> int:
    """Drop what is left of finished sends and is older than it is to live; see compaction.py."""
    lives = [int(one.total_seconds() * 1000) for one in (retention, REPLIES_FOR, BULK_FOR)]
    dropped = 0
    calls = [Call("prune", prefix, [*lives, 1]) for prefix in _prefixes(store)]
    while now := _dropped(store, calls):
        dropped += now
    return dropped


def memory(store: Store, limit_bytes: int) -> ServerHealth:
    """Say how full the fullest server is.

    `limit_bytes` counts where the server has no limit of its own (0: half of its host).
    """
    return worst(store.infos(), "", limit_bytes)


def make_room(store: Store, limit_bytes: int, results: timedelta = RESULTS) -> int:
    """Drop the oldest of the history if a server is short of room; see `yielding`."""
    if not memory(store, limit_bytes).short:
        return 0
    return _dropped(store, yielding(numbers(store), results))


def _dropped(store: Store, calls: Sequence[Call]) -> int:
    return sum(_checked(reply) for reply in store.call_many(calls))


def forget_dead(store: Store, before: datetime) -> int:
    """Drop dead letters that are older than `before` from the lists."""
    oldest = int(before.timestamp() * 1000)
    for prefix in _prefixes(store):
        _forget_dead(store, f"{prefix}unreadable", oldest)
    return sum(_forget_dead(store, f"{prefix}dead", oldest) for prefix in _prefixes(store))


def _forget_dead(store: Store, key: str, before_ms: int) -> int:
    dropped = 0
    while True:
        found: Any = store.run(
            lambda client: client.zrangebyscore(
                key, "-inf", before_ms, start=0, num=MOST_FORGOTTEN, withscores=True
            )
        )
        if not found:
            return dropped
        # Not one by one, and none that died again meanwhile.
        last = math.ceil(found[-1][1])
        dropped += store.run(lambda client: client.zremrangebyscore(key, "-inf", last))  # noqa: B023


def count(store: Store, prefix: str, name: str, by: int = 1) -> None:
    """Add to a counter."""
    store.run(lambda client: client.hincrby(f"{prefix}count", name, by))


def _prefixes(store: Store) -> Iterator[str]:
    return (keys.number(name) for name in numbers(store))


def _due(number: str, reply: Any) -> Due:
    moved_items, timers, overdue, doubts, damaged = reply
    return Due(
        number=number,
        moved=moved_items,
        timers={timers[i].decode(): timers[i + 1] for i in range(0, len(timers), 2)},
        overdue_ms=dict(zip(("reply", "bulk"), overdue, strict=True)),
        doubts=doubts,
        damaged=damages(damaged),
    )


def _checked(reply: Any) -> Any:
    if isinstance(reply, Exception):
        raise reply
    return reply
