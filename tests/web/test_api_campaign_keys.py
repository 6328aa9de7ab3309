"""A request that makes a campaign may be repeated: with its key it makes one draft."""

import asyncio
from typing import Any

import httpx
import pytest

from gateway.store.campaigns import drafts
from gateway.store.campaigns.campaigns import ALL, list_campaigns
from gateway.store.redis.client import Store
from tests.support.store.campaigns import BODIES, SPRING
from tests.support.store.raw import raw

pytestmark = [pytest.mark.store, pytest.mark.anyio]


async def create(client: httpx.AsyncClient, key: str, **others: Any) -> httpx.Response:
    headers = {"idempotency-key": key}
    return await client.post("/v1/campaigns", json=SPRING | others, headers=headers)


async def test_a_repeated_request_answers_with_the_same_draft(
    client: httpx.AsyncClient, store: Store
) -> None:
    first, again, other = [await create(client, key) for key in ("k1", "k1", "k2")]

    assert [one.status_code for one in (first, again, other)] == [201, 201, 201], first.text
    assert first.json() == again.json()
    assert first.headers["location"] == again.headers["location"]
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    ids = {one.id for one in list_campaigns(store, BODIES)}
    assert ids == {first.json()["id"], other.json()["id"]}


async def test_requests_at_the_same_moment_make_one_draft(
    client: httpx.AsyncClient, store: Store
) -> None:
    answers = await asyncio.gather(*(create(client, "k1") for _ in range(5)))

    assert {one.status_code for one in answers} == {201}
    assert len({one.json()["id"] for one in answers}) == 1
    assert len(list_campaigns(store, BODIES)) == 1


async def test_another_body_with_the_same_key_is_refused(
    client: httpx.AsyncClient, store: Store
) -> None:
    bodies = [{"name": f"name {i}"} for i in range(4)]
    answers = await asyncio.gather(*(create(client, "k1", **body) for body in bodies))

    assert sorted(one.status_code for one in answers) == [201, 422, 422, 422]
    (made,) = [one.json() for one in answers if one.status_code == 201]
    refused = {one.json()["type"].split("/")[-1] for one in answers if one.status_code == 422}
    assert refused == {"key-reused"}
    assert [one.definition.name for one in list_campaigns(store, BODIES)] == [made["name"]]


async def test_a_repeated_request_is_answered_when_no_new_one_would_be(
    client: httpx.AsyncClient, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await create(client, "k1")
    monkeypatch.setattr(drafts, "MOST_CAMPAIGNS", 1)

    assert (await create(client, "k1")).json()["id"] == first.json()["id"]
    assert (await create(client, "k2")).status_code == 409


async def test_a_request_that_broke_off_before_its_row_was_there_is_repeated(
    client: httpx.AsyncClient, store: Store
) -> None:
    first = (await create(client, "k1")).json()["id"]
    for key in raw(store).keys(f"*campaign:{first}*"):
        store.redis.delete(key)
    # The name alone is left, of another number as well.
    store.redis.hset(ALL, first, "100000000000099")

    again = await create(client, "k1")

    assert (again.status_code, again.json()["id"]) == (201, first)


@pytest.mark.parametrize("key", ["", "two words", "x" * 256])
async def test_a_key_in_another_form_is_refused(
    client: httpx.AsyncClient, store: Store, key: str
) -> None:
    assert (await create(client, key)).status_code == 400
    assert list_campaigns(store, BODIES) == []
