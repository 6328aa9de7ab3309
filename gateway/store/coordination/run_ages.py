"""Run ages: how long ago each scheduled job ran."""

import math
from dataclasses import dataclass
from typing import Any

from gateway.store import keys
from gateway.store.redis.client import Store

TICK_GUARD_MS = 900
# A cleanup that is an hour late was not scheduled.
CLEANUP_AGE_MS = 25 * 3_600_000


def may_tick(store: Store) -> bool:
    """Return whether this tick is the first within 0.9 s; two beats at once do no harm."""
    first = store.mark(keys.TICK_GUARD, TICK_GUARD_MS)
    if first:
        record_run(store, "tick")
    return first


def record_run(store: Store, job: str, release: str = "1", lifetime_ms: int = keys.DAY_MS) -> None:
    """Record that a job ran, and by which release; the key's remaining lifetime gives the time."""
    store.run(lambda client: client.set(f"{keys.LAST_RUN}{job}", release, px=lifetime_ms))


def seconds_since_run(store: Store, job: str) -> float | None:
    """Return how long ago a scheduled job ran, None where it did not within a day."""
    left: Any = store.run(lambda client: client.pttl(f"{keys.LAST_RUN}{job}"))
    return (keys.DAY_MS - left) / 1000 if left > 0 else None


@dataclass(frozen=True, slots=True)
class RunAges:
    """Seconds since each scheduled job ran; infinite where it did not within a day."""

    tick_s: float
    sweep_s: float
    watch_s: float
    is_cleaned_up: bool  # within 25 hours
    has_beat_leader: bool


def read_run_ages(store: Store) -> RunAges:
    """Read when each scheduled job ran, in one round trip."""

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
