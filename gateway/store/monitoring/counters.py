"""Everything that is counted: in the store, so that it survives restarts and covers everyone."""

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from redis.exceptions import RedisError

from gateway.core.sending import canary
from gateway.store import keys
from gateway.store.lua.scripts import source
from gateway.store.monitoring.canary import NONE_YET, Canary
from gateway.store.monitoring.canary import read as read_canary
from gateway.store.redis.client import translate_error
from gateway.store.redis.driver import AsyncClient
from gateway.store.sending.unconfirmed import stream_call


@dataclass(frozen=True, slots=True)
class PartitionFigures:
    """How one inbox partition stands."""

    index: int
    kept: int
    waiting: int
    deferred: int
    oldest_s: float
    given_up: int = 0


@dataclass(frozen=True, slots=True)
class Figures:
    """All figures at one moment."""

    web: dict[str, int]
    numbers: Counter[str]  # summed over all numbers
    partitions: list[PartitionFigures]
    ready: dict[str, int] = field(default_factory=dict)  # rank -> lanes that wait
    oldest_ready_s: dict[str, float] = field(default_factory=dict)
    dead: int = 0
    unconfirmed: int = 0
    canary: Canary = NONE_YET


class Counters:
    """Reads and writes counters from an event loop."""

    def __init__(self, client: AsyncClient) -> None:
        """Take the client to use."""
        self._redis = client

    async def add(self, counts: dict[str, int]) -> None:
        """Add to the counters of the web processes. Raises StoreUnavailableError."""
        pipe = self._redis.pipeline(transaction=False)
        for name, by in counts.items():
            pipe.hincrby(keys.WEB_COUNT, name, by)
        await _execute(pipe)

    async def alive(self, gap: timedelta) -> None:
        """Say that a web process is alive, and how long until now it could not keep."""
        call = stream_call(gap, alive=True)
        pipe = self._redis.pipeline(transaction=False)
        pipe.eval(source(call.script), 1, call.prefix, *call.args)
        await _execute(pipe)

    async def read(self) -> Figures:
        """Read everything, in two round trips. Raises StoreUnavailableError."""
        pipe = self._redis.pipeline(transaction=False)
        pipe.hgetall(keys.WEB_COUNT)
        pipe.smembers(keys.NUMBERS)
        pipe.hgetall(keys.CANARY)
        for index in range(keys.PARTITIONS):
            pipe.eval(source("inspect"), 1, keys.partition(index))
        web, numbers, canary_row, *inspections = await _execute(pipe)
        # The canary's own number has nobody's messages.
        names = [name.decode() for name in numbers if name.decode() != canary.NUMBER]
        figures = await self._read_numbers(
            [keys.number(name) for name in names],
            _counts(web),
            [_parse_partition(i, look) for i, look in enumerate(inspections)],
        )
        return replace(figures, canary=read_canary(canary_row, inspections[0][0]))

    async def _read_numbers(
        self, prefixes: list[str], web: dict[str, int], partitions: list[PartitionFigures]
    ) -> Figures:
        pipe = self._redis.pipeline(transaction=False)
        pipe.time()
        for prefix in prefixes:
            pipe.hgetall(f"{prefix}count")
            pipe.zcard(f"{prefix}dead")
            pipe.zcard(f"{prefix}unconfirmed")
            for priority in ("reply", "bulk"):
                pipe.zcard(f"{prefix}ready:{priority}")
                pipe.zrange(f"{prefix}ready:{priority}", 0, 0, withscores=True)
        (seconds, _), *rows = await _execute(pipe)
        figures = Figures(web, Counter(), partitions, {"reply": 0, "bulk": 0})
        dead = unconfirmed = 0
        for start in range(0, len(rows), 7):
            counts, buried, unknown, *lanes = rows[start : start + 7]
            figures.numbers.update(_counts(counts))
            dead, unconfirmed = dead + buried, unconfirmed + unknown
            for priority, size, head in (("reply", *lanes[:2]), ("bulk", *lanes[2:])):
                figures.ready[priority] += size
                if head:
                    waited = max(0.0, seconds - float(head[0][1]) / 1000)
                    before = figures.oldest_ready_s.get(priority, 0.0)
                    figures.oldest_ready_s[priority] = max(before, waited)
        return Figures(
            figures.web, figures.numbers, partitions, figures.ready, figures.oldest_ready_s,
            dead, unconfirmed,
        )  # fmt: skip


async def _execute(pipe: Any) -> list[Any]:
    try:
        return list(await pipe.execute())
    except RedisError as error:
        raise translate_error(error) from error


def _counts(raw: dict[bytes, bytes]) -> dict[str, int]:
    return {name.decode(): int(value) for name, value in raw.items()}


def _parse_partition(index: int, inspection: list[Any]) -> PartitionFigures:
    now, _, _, oldest, kept, passed, deferred, _, given_up = inspection
    waited = (now - int(oldest)) / 1000 if int(oldest) else 0.0
    waiting = int(kept) - int(passed) + deferred
    return PartitionFigures(index, int(kept), waiting, deferred, waited, int(given_up))
