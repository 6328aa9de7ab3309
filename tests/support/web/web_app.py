"""The web application in the test's own process, before a real store."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from starlette.applications import Starlette

from gateway.config.settings import Settings
from gateway.store import keys
from gateway.store.body_codec import Bodies
from gateway.store.redis.client import Store
from gateway.web.app import create_app
from tests.support.factories import NUMBER, delivery_body, message_item
from tests.support.servers import free_port
from tests.support.stack import signed

NEW, OLD = "the new app secret", "the old app secret"
VERIFY = "a verify token"
BODY = delivery_body(message_item("wamid.web1"))
HEADER = "x-hub-signature-256"


@dataclass(frozen=True)
class Web:
    """What a test does with the application."""

    app: Starlette
    client: httpx.AsyncClient
    api: httpx.AsyncClient  # of the second address

    async def deliver(
        self, body: bytes = BODY, secret: str = NEW, path: str = "/webhook"
    ) -> httpx.Response:
        return await self.client.post(path, content=body, headers={HEADER: signed(body, secret)})

    async def post(self, body: Any, *headers: tuple[bytes, bytes]) -> httpx.Response:
        """Post with headers exactly as given, which may come twice or be no text."""
        return await self.client.post("/webhook", content=body, headers=list(headers))


def settings(url: str, **env: str) -> Settings:
    given = {
        "REDIS_URL": url,
        "META_APP_SECRET": f"{NEW},{OLD}",
        "META_VERIFY_TOKEN": VERIFY,
        "META_ACCESS_TOKEN": "EAAtesttoken",
        "META_PHONE_NUMBER_ID": NUMBER,
    }
    if "GATEWAY_ACCOUNTS" in env:
        given = {"REDIS_URL": url}
    return Settings.from_env(given | env)


@asynccontextmanager
async def a_web(
    url: str, ring: Callable[[], None] = lambda: None, **env: str
) -> AsyncIterator[Web]:
    """Run the application for the length of a test."""
    app = create_app(settings(url, **env), ring)
    # What a bug raises goes to the server's log; strangers see what the application answers.
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    second = httpx.ASGITransport(app.state.api, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://gateway.test") as client,
        httpx.AsyncClient(transport=second, base_url="http://api.test") as api,
    ):
        yield Web(app, client, api)


def nowhere() -> str:
    """Return the address of a store that is not there."""
    return f"redis://127.0.0.1:{free_port()}/0"


def kept(store: Store) -> list[tuple[str, bytes]]:
    """Return what the inbox holds, as (origin and secret, body)."""
    found = []
    for index in range(keys.PARTITIONS):
        entries: Any = store.redis.xrange(f"{keys.partition(index)}inbox")
        for _, entry in entries:
            found.append((entry[b"h"].decode(), Bodies().open(entry[b"b"])))
    return found
