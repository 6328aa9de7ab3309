"""Counts of the web process: what was counted is stored, whoever ends meanwhile."""

import asyncio

import pytest

from gateway.store.redis.client import StoreUnavailableError
from gateway.web.buffered_counts import BufferedCounts

pytestmark = pytest.mark.anyio


async def test_what_is_being_stored_when_its_task_ends_is_neither_lost_nor_counted_twice() -> None:
    stored: list[dict[str, int]] = []
    begun, goes_on = asyncio.Event(), asyncio.Event()

    async def store(counts: dict[str, int]) -> None:
        begun.set()
        await goes_on.wait()
        stored.append(counts)

    counts = BufferedCounts[str](store)
    counts.count("refused")
    task = asyncio.create_task(counts.flush())
    await begun.wait()
    task.cancel()
    counts.count("late")
    last = asyncio.create_task(counts.flush())
    goes_on.set()
    await last

    assert task.cancelled()
    assert stored == [{"refused": 1}, {"late": 1}]


async def test_counts_wait_for_a_store_that_is_away() -> None:
    stored: list[dict[str, int]] = []
    is_away = True

    async def store(counts: dict[str, int]) -> None:
        if is_away:
            raise StoreUnavailableError
        stored.append(counts)

    counts = BufferedCounts[str](store)
    counts.count("refused")
    await counts.flush()
    is_away = False
    counts.count("refused")
    await counts.flush()

    assert stored == [{"refused": 2}]
