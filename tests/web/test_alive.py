"""A web process says that it lives, and how long it could not keep."""

import asyncio
from datetime import timedelta

import pytest

from gateway.store.redis.client import StoreUnavailableError
from gateway.web.background import Heartbeat

pytestmark = pytest.mark.anyio


class Noted:
    """Notes gaps in seconds, or is away."""

    def __init__(self) -> None:
        self.gaps: list[float] = []
        self.away = False

    async def alive(self, gap: timedelta) -> None:
        if self.away:
            raise StoreUnavailableError("away")
        self.gaps.append(gap.total_seconds())


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


async def test_while_all_is_kept_there_is_no_gap() -> None:
    noted = Noted()

    await Heartbeat(noted).beat()

    assert noted.gaps == [0.0]


async def test_a_refusal_begins_a_gap_that_ends_with_the_next_beat() -> None:
    noted, clock = Noted(), Clock()
    alive = Heartbeat(noted, clock)
    alive.note_refusal()
    clock.now += 2
    alive.note_refusal()
    clock.now += 3

    await alive.beat()
    await alive.beat()

    assert noted.gaps == [5.0, 0.0]


async def test_a_store_that_is_away_is_a_gap_from_the_first_beat_it_missed() -> None:
    noted, clock = Noted(), Clock()
    alive = Heartbeat(noted, clock)
    noted.away = True
    await alive.beat()
    clock.now += 60
    await alive.beat()
    noted.away = False
    clock.now += 1

    await alive.beat()

    assert noted.gaps == [61.0]


async def test_a_refusal_is_a_gap_however_soon_the_beat_follows() -> None:
    noted = Noted()
    alive = Heartbeat(noted, Clock())
    alive.note_refusal()

    await alive.beat()

    assert noted.gaps[0] > 0


async def test_a_beat_that_is_cut_off_leaves_its_gap_to_the_last_one() -> None:
    class Hanging(Noted):
        hangs = True

        async def alive(self, gap: timedelta) -> None:
            if self.hangs:
                await asyncio.Event().wait()
            await super().alive(gap)

    noted, clock = Hanging(), Clock()
    alive = Heartbeat(noted, clock)
    alive.note_refusal()
    beat = asyncio.create_task(alive.beat())
    await asyncio.sleep(0)
    beat.cancel()
    await asyncio.wait([beat])
    noted.hangs, clock.now = False, clock.now + 4

    await alive.beat()

    assert noted.gaps == [4.0]
