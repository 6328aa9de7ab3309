"""Canary state in the store: when one arrived, and since when one is missing."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from gateway.store import keys
from gateway.store.redis.client import Store


@dataclass(frozen=True, slots=True)
class Canary:
    """State of the last canary; None where there was none yet."""

    took_s: float | None = None
    age_s: float | None = None
    missing_s: float = 0.0  # since the first stored canary of which none has arrived


NONE_YET = Canary()


def record_departure(store: Store) -> int:
    """Record that a canary departs, and return the server's time in ms."""
    seconds, micros = store.run(lambda client: client.time())
    now_ms: int = seconds * 1000 + micros // 1000
    # If an earlier one has not arrived, one is missing since then.
    store.run(lambda client: client.hsetnx(keys.CANARY, "missing", now_ms))
    return now_ms


def record_arrival(store: Store, at_ms: int, took: timedelta) -> None:
    """Record that a canary has gone the whole way."""
    took_ms = max(0, int(took.total_seconds() * 1000))

    def write(client: Any) -> None:
        pipe = client.pipeline(transaction=True)
        pipe.hset(keys.CANARY, mapping={"arrived": at_ms, "took": took_ms})
        pipe.hdel(keys.CANARY, "missing")
        pipe.execute()

    store.run(write)


def read(row: Mapping[bytes, bytes], now_ms: int) -> Canary:
    """Return the canary state of a stored row at `now_ms`."""
    arrived_ms, took_ms, missing_ms = (row.get(name) for name in (b"arrived", b"took", b"missing"))
    return Canary(
        took_s=int(took_ms) / 1000 if took_ms else None,
        age_s=max(0, now_ms - int(arrived_ms)) / 1000 if arrived_ms else None,
        missing_s=max(0, now_ms - int(missing_ms)) / 1000 if missing_ms else 0.0,
    )
