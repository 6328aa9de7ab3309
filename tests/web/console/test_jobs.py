"""A job tells how far it is, also where each of its acts takes long."""

import asyncio

import pytest

from gateway.store.console.jobs import JobProgress, read_progress
from gateway.store.redis.client import Store
from gateway.web.console.desk import jobs
from gateway.web.console.desk.jobs import JobRunner

pytestmark = [pytest.mark.store, pytest.mark.anyio]


async def test_a_job_tells_how_far_it_is_where_its_acts_take_long(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "STORED_WITHIN_S", 0)
    began, over = asyncio.Event(), asyncio.Event()
    seen: list[JobProgress | None] = []
    job = ""

    async def act(item: str) -> str:
        await began.wait()
        seen.append(await asyncio.to_thread(read_progress, store, job))
        if item == "3":
            over.set()
        return "done"

    runner = JobRunner(store)
    job = await runner.start("redrive", "ana", ["1", "2", "3"], act)
    began.set()
    await asyncio.wait_for(over.wait(), 60)
    runner.end()

    assert [one.done_count for one in seen if one] == [0, 1, 2]
