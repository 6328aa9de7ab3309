"""Requests wait until a stage changes, until their time is over, or until the process ends."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from gateway.store.api.waiting import stage_watch
from gateway.store.api.waiting.stage_watch import StageWatch
from gateway.store.redis.client import Store, connect_async
from tests.support.factories import NUMBER
from tests.support.servers import Server
from tests.support.store.sends import a_send, queue, take

pytestmark = [pytest.mark.store, pytest.mark.anyio]
SEND = a_send("first")


@asynccontextmanager
async def watching(server: Server) -> AsyncIterator[StageWatch]:
    client = connect_async(server.url)
    watch = StageWatch(client)
    try:
        yield watch
    finally:
        await watch.close()
        await client.aclose()


async def test_all_that_wait_for_a_send_go_on_with_its_next_stage(
    server: Server, store: Store
) -> None:
    queue(store, SEND)
    async with watching(server) as watch, asyncio.timeout(60):
        waiting = [asyncio.create_task(watch.wait(NUMBER, SEND.id, "queued", 60)) for _ in range(5)]
        await asyncio.to_thread(take, store)
        await asyncio.gather(*waiting)


async def test_a_wait_is_over_at_its_time(server: Server, store: Store) -> None:
    queue(store, SEND)
    async with watching(server) as watch, asyncio.timeout(60):
        await watch.wait(NUMBER, SEND.id, "queued", 0.05)


async def test_a_send_that_is_forgotten_is_not_waited_for(server: Server) -> None:
    async with watching(server) as watch, asyncio.timeout(60):
        await watch.wait(NUMBER, "nothing", "queued", 60)


async def test_at_the_end_all_that_wait_go_on_and_nothing_waits_any_more(
    server: Server, store: Store
) -> None:
    queue(store, SEND)
    async with watching(server) as watch, asyncio.timeout(60):
        waiting = asyncio.create_task(watch.wait(NUMBER, SEND.id, "queued", 60))
        await asyncio.sleep(0)
        watch.release()
        await waiting
        await watch.wait(NUMBER, SEND.id, "queued", 60)


async def test_no_more_wait_than_leave_room_for_other_requests(
    server: Server, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage_watch, "MOST_WAITING", 1)
    queue(store, SEND)
    async with watching(server) as watch, asyncio.timeout(60):
        waiting = asyncio.create_task(watch.wait(NUMBER, SEND.id, "queued", 60))
        await asyncio.sleep(0)

        await watch.wait(NUMBER, SEND.id, "queued", 60)

        assert not waiting.done()
        watch.release()
        await waiting
