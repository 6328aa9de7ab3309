"""The canary's way as the store knows it: when one arrived, and since when one is missing."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from gateway.store import keys
from gateway.store.redis.client import Store


@dataclass(frozen=True, slots=True)
class Canary:
    """How the last one did; None where there was none yet."""

    took_s: float | None = None
    age_s: float | None = None
    missing_s: float = 0.0  # since the first was kept of which none has arrived


NONE_YET = Canary()


def record_departure(store: Store) -> int:
    """Note that a canary sets off, and return the server's time in ms."""
    seconds, micros = store.run(lambda client: client.time())
    now_ms: int = seconds * 1000 + micros // 1000
    # An earlier one that has not arrived is missed for longer.
    store.run(lambda client: client.hsetnx(keys.CANARY, "missing", now_ms))
    return now_ms


def record_arrival(store: Store, at_ms: int, took: timedelta) -> None:
    """Note that one has gone the whole way."""
    took_ms = max(0, int(took.total_seconds() * 1000))

    def write(client: Any) -> None:
        pipe = client.pipeline(transaction=True)
        pipe.hset(keys.CANARY, mapping={"arrived": at_ms, "took": took_ms})
        pipe.hdel(keys.CANARY, "missing")
        pipe.execute()

    store.run(write)


def read(row: Mapping[bytes, bytes], now_ms: int) -> Canary:
    """Return what a stored row says at `now_ms`."""
    arrived_ms, took_ms, missing_ms = (row.get(name) for name in (b"arrived", b"took", b"missing"))
    return Canary(
        took_s=int(took_ms) / 1000 if took_ms else None,
        age_s=max(0, now_ms - int(arrived_ms)) / 1000 if arrived_ms else None,
        missing_s=max(0, now_ms - int(missing_ms)) / 1000 if missing_ms else 0.0,
    )
