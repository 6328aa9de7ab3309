"""The event loop of the web's tests, and a client of the API that may do everything."""

from collections.abc import AsyncIterator

import httpx
import pytest

from gateway.store.redis.client import Store
from tests.support.servers import Server
from tests.support.web.web_app import a_web

GIVEN = "a-key-of-the-environment"


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def client(server: Server, store: Store) -> AsyncIterator[httpx.AsyncClient]:
    async with a_web(server.url, GATEWAY_API_KEYS=GIVEN) as web:
        web.api.headers["authorization"] = f"Bearer {GIVEN}"
        yield web.api
