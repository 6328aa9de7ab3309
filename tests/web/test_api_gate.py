"""The gate of the API: key, scope, size and rate are decided before a body is read."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from gateway.core.api.keys import ApiKey, hash_key
from gateway.store.api import key_table
from gateway.store.api.api_keys import ROWS, add_key, read_last_uses, remove_key
from gateway.store.redis.client import Store
from gateway.web.api.server import gate
from tests.support.servers import Server
from tests.support.store.raw import raw
from tests.support.web.web_app import a_web, nowhere

pytestmark = [pytest.mark.store, pytest.mark.anyio]
GIVEN = "a-key-of-the-environment"
STORED = "gwk_a-stored-key"
KEY = ApiKey(
    "k1", hash_key(STORED), frozenset({"read", "send"}), "shop", created_at=datetime.now(UTC)
)


@asynccontextmanager
async def api(url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with a_web(url, GATEWAY_API_KEYS=GIVEN) as web:
        yield web.api


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch, store: Store) -> None:
    """Let each request see the keys as they are."""
    monkeypatch.setattr(key_table, "FRESH_S", 0.0)


REFUSED: dict[str, tuple[Mapping[str, str], str]] = {
    "no key": ({}, "The request names no key."),
    "an unknown key": (bearer("gwk_unknown"), "This key is unknown, expired or revoked."),
    "another scheme": ({"authorization": f"Basic {GIVEN}"}, "The request names no key."),
    "an empty key": (bearer(" "), "The request names no key."),
}


@pytest.mark.parametrize(("headers", "detail"), REFUSED.values(), ids=REFUSED)
async def test_without_a_key_nothing_is_answered(
    server: Server, headers: Mapping[str, str], detail: str
) -> None:
    async with api(server.url) as client:
        answer = await client.get("/v1/messages/x", headers=headers)

    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json()["detail"] == detail


@pytest.mark.parametrize("headers", [bearer(GIVEN), {"x-api-key": GIVEN}, bearer(STORED)])
async def test_a_key_opens_the_way(
    server: Server, store: Store, headers: Mapping[str, str]
) -> None:
    add_key(store, KEY)
    async with api(server.url) as client:
        answer = await client.get("/v1/nothing", headers=headers)

    assert answer.status_code == 404
    assert answer.json()["type"] == "/v1/problems/not-found"
    assert "ratelimit" in answer.headers


async def test_a_revoked_and_an_expired_key_open_nothing(server: Server, store: Store) -> None:
    add_key(store, KEY)
    async with api(server.url) as client:
        assert (await client.get("/v1/x", headers=bearer(STORED))).status_code == 404
        remove_key(store, KEY.id)
        assert (await client.get("/v1/x", headers=bearer(STORED))).status_code == 401
        add_key(store, replace(KEY, expires_at=datetime.now(UTC) - timedelta(seconds=1)))
        assert (await client.get("/v1/x", headers=bearer(STORED))).status_code == 401


async def test_a_key_without_the_scope_is_told_which_one_it_lacks(
    server: Server, store: Store
) -> None:
    add_key(store, replace(KEY, scopes=frozenset({"read"})))
    async with api(server.url) as client:
        answer = await client.post("/v1/messages", headers=bearer(STORED), json={})

    assert answer.status_code == 403
    assert answer.json()["detail"] == "The key lacks the scope send."


async def test_a_large_body_is_refused_by_its_declared_length_and_by_its_bytes(
    server: Server,
) -> None:
    async def stream() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b"x" * 10_000

    async with api(server.url) as client:
        declared = await client.post("/v1/x", headers=bearer(GIVEN), content=b"x" * 300_000)
        streamed = await client.post("/v1/x", headers=bearer(GIVEN), content=stream())

    assert declared.status_code == streamed.status_code == 413


async def test_only_an_upload_of_an_audience_may_be_larger_than_memory(server: Server) -> None:
    large = bearer(GIVEN) | {"content-length": "1000000"}
    async with api(server.url) as client:
        answer = await client.post("/v1/campaigns/x/audience", headers=large, content=b"x")

    assert answer.status_code == 413


async def test_a_slow_body_is_not_waited_for(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "BODY_WITHIN_S", 0.05)

    async def never() -> AsyncIterator[bytes]:
        yield b"x"
        await asyncio.Event().wait()

    async with api(server.url) as client:
        answer = await client.post("/v1/x", headers=bearer(GIVEN), content=never())

    assert answer.status_code == 408


async def test_a_rate_is_shared_by_all_web_processes(server: Server, store: Store) -> None:
    add_key(store, replace(KEY, rate=1))
    async with api(server.url) as one, api(server.url) as other:
        answers = [await client.get("/v1/x", headers=bearer(STORED)) for client in (one, other) * 4]

    refused = [answer for answer in answers if answer.status_code == 429]
    assert [answer.status_code for answer in answers[:5]] == [404] * 5
    assert refused
    assert int(refused[0].headers["retry-after"]) >= 1
    assert refused[0].headers["ratelimit-policy"] == '"key";q=5;w=5'
    assert refused[0].json()["type"] == "/v1/problems/rate"


async def test_the_last_use_of_a_stored_key_is_noted_and_a_revoked_one_leaves_nothing(
    server: Server, store: Store
) -> None:
    add_key(store, KEY)
    async with api(server.url) as client:
        await client.get("/v1/x", headers=bearer(STORED))
        await client.get("/v1/x", headers=bearer(GIVEN))

    assert set(read_last_uses(store)) == {KEY.id}
    assert remove_key(store, KEY.id)
    assert read_last_uses(store) == {}


async def test_a_row_that_cannot_be_read_opens_nothing_and_stops_no_other(
    server: Server, store: Store
) -> None:
    add_key(store, KEY)
    store.redis.hset(ROWS, "odd", b"{}")
    async with api(server.url) as client:
        assert (await client.get("/v1/x", headers=bearer(STORED))).status_code == 404


async def test_a_store_that_is_away_is_a_503_that_says_when_to_come_again() -> None:
    async with api(nowhere()) as client:
        answer = await client.get("/v1/x", headers=bearer(STORED))

    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"


async def test_every_kind_of_problem_has_a_page(server: Server) -> None:
    async with api(server.url) as client:
        refused: Any = (await client.get("/v1/x")).json()
        page = await client.get(refused["type"])
        unknown = await client.get("/v1/problems/unknown")

    assert page.status_code == 200
    assert "Authorization: Bearer" in page.text
    assert unknown.status_code == 404


async def test_a_full_store_lets_what_is_in_it_be_read_and_nothing_else(
    server: Server, store: Store
) -> None:
    raw(store).config_set("maxmemory", 1)
    try:
        async with api(server.url) as client:
            read = await client.get("/v1/numbers", headers=bearer(GIVEN))
            hello = {"to": "+351912345678", "text": "Hello"}
            sent = await client.post("/v1/messages", headers=bearer(GIVEN), json=hello)
    finally:
        raw(store).config_set("maxmemory", 0)

    assert (read.status_code, sent.status_code) == (200, 503)
    assert "ratelimit" in read.headers
