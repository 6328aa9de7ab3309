"""Counters: kept in the store, so that they survive restarts and cover all processes."""

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from redis.exceptions import RedisError

from gateway.core.sending import canary
from gateway.store import keys
from gateway.store.inbox.inbox import PartitionState, parse_partition_state
from gateway.store.lua.scripts import source
from gateway.store.monitoring.canary import NONE_YET, Canary
from gateway.store.monitoring.canary import read as read_canary
from gateway.store.monitoring.number_state import (
    LaneFigures,
    NumberState,
    parse_counts,
    parse_numbers,
    queue_number_commands,
)
from gateway.store.redis.client import translate_error
from gateway.store.redis.driver import AsyncClient
from gateway.store.sending.unconfirmed import stream_call


@dataclass(frozen=True, slots=True)
class Figures:
    """All figures at one moment."""

    web: dict[str, int]
    numbers: tuple[NumberState, ...]
    partitions: list[PartitionState]
    canary: Canary = NONE_YET

    @property
    def counts(self) -> dict[str, int]:
        """Return every counter, summed over all numbers."""
        counts: Counter[str] = Counter()
        for one in self.numbers:
            counts.update(one.counts)
        return counts

    def lanes(self, priority: str) -> LaneFigures:
        """Return how many lanes of a priority wait, and how long the oldest is overdue."""
        every = [one.lanes[priority] for one in self.numbers]
        overdue_s = max((one.overdue_s for one in every), default=0.0)
        return LaneFigures(sum(one.ready for one in every), overdue_s)


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
        """Record that a web process is alive, and how long until now it could not store."""
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
        # The canary's own number has no customer messages.
        names = [name.decode() for name in numbers if name.decode() != canary.NUMBER]
        now_ms = inspections[0][0]
        return Figures(
            web=parse_counts(web),
            numbers=await self._read_numbers(names),
            partitions=[
                parse_partition_state(i, reply, now_ms) for i, reply in enumerate(inspections)
            ],
            canary=read_canary(canary_row, now_ms),
        )

    async def _read_numbers(self, names: list[str]) -> tuple[NumberState, ...]:
        pipe = self._redis.pipeline(transaction=False)
        queue_number_commands(pipe, names)
        try:
            return parse_numbers(names, await pipe.answers())
        except RedisError as error:
            raise translate_error(error) from error


async def _execute(pipe: Any) -> list[Any]:
    try:
        return list(await pipe.execute())
    except RedisError as error:
        raise translate_error(error) from error
