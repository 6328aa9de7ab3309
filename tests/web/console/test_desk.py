"""Desk of the console: panels that are given up leave nothing behind."""

import asyncio
import inspect

import pytest

from gateway.accounts.loader import load_accounts
from gateway.web.console.console import Console
from tests.support.web.web_app import nowhere, settings

pytestmark = pytest.mark.anyio


async def test_panels_that_nobody_waits_for_any_more_are_closed() -> None:
    begun: list[str] = []

    async def read(name: str) -> str:
        begun.append(name)
        return name

    given = settings(nowhere())
    console = Console.build(given, lambda: load_accounts(given))
    readings = {name: read(name) for name in ("one", "two")}
    task = asyncio.create_task(console.desk.panels(**readings))
    asyncio.get_running_loop().call_soon(task.cancel)
    with pytest.raises(asyncio.CancelledError):
        await task
    console.desk.close()

    assert begun == []
    states = {inspect.getcoroutinestate(one) for one in readings.values()}
    assert states == {inspect.CORO_CLOSED}
