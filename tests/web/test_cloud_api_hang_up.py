"""A client that hangs up: its request goes on, and the same request joins it."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from gateway.store.redis.client import Store
from gateway.web.app import create_app
from tests.support.servers import Server
from tests.support.store.sends import lanes
from tests.support.web.web_app import settings
from tests.web.test_cloud_api import GIVEN, HELLO, PATH, settle, take

pytestmark = [pytest.mark.store, pytest.mark.anyio]


@asynccontextmanager
async def listening(url: str) -> AsyncIterator[str]:
    """Serve the second address for the length of a test; yield its address."""
    bound = socket.create_server(("127.0.0.1", 0))
    env = {"GATEWAY_API_KEYS": GIVEN, "GATEWAY_CLOUD_API_WAIT": "1h"}
    app = create_app(settings(url, **env), lambda: None, second_socket=bound)
    async with app.router.lifespan_context(app):
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"


async def post(url: str) -> httpx.Response:
    async with httpx.AsyncClient(headers={"x-api-key": GIVEN}, timeout=180) as client:
        return await client.post(url + PATH, json=HELLO)


async def test_a_request_whose_client_hung_up_is_joined_and_sends_nothing_twice(
    server: Server, store: Store
) -> None:
    async with listening(server.url) as url:
        asked = asyncio.create_task(post(url))
        (attempt,) = await take(store)
        asked.cancel()
        await asyncio.wait([asked])
        await settle(store, attempt, "accepted", wamid="wamid.real")
        again = await post(url)

    assert again.json()["messages"] == [{"id": "wamid.real"}]
    assert (await asyncio.to_thread(lanes(store).pump, [], 1_000)).attempts == []


async def test_a_request_that_was_answered_is_not_joined(server: Server, store: Store) -> None:
    async with listening(server.url) as url:
        for wamid in ("wamid.first", "wamid.second"):
            asked = asyncio.create_task(post(url))
            (attempt,) = await take(store)
            await settle(store, attempt, "accepted", wamid=wamid)
            assert (await asked).json()["messages"] == [{"id": wamid}]
