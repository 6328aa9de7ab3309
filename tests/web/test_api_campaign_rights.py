"""Campaigns through the API: who may start one, and what is refused with the place."""

from typing import Any

import pytest

from gateway.core.api.keys import ApiKey, hash_key
from gateway.store.api.api_keys import add_key
from gateway.store.redis.client import Store
from tests.support.servers import Server
from tests.support.store.campaigns import a_campaign, read
from tests.web.test_api_messages import api

pytestmark = [pytest.mark.store, pytest.mark.anyio]
OTHER = "100000000000099"
# What some address or other wants, so that none is refused for another reason.
ANY_BODY = {"to": "+351912345678", "why": "no", "scope": "failed", "check_id": "x", "tag": "vip"}
SPRING: dict[str, Any] = {"name": "spring", "text": "Hello {{ first }}"}


async def test_whoever_prepares_a_campaign_need_not_be_able_to_start_it(
    server: Server, store: Store
) -> None:
    add_key(store, ApiKey("k1", hash_key("author"), frozenset({"read", "send"})))
    campaign = a_campaign(store, 2)
    address = f"/v1/campaigns/{campaign.id}"
    async with api(server.url) as client:
        author = {"authorization": "Bearer author"}
        checked = await client.post(f"{address}/check", headers=author)
        refused = await client.post(f"{address}/start", headers=author)
        check = {"check_id": checked.json()["check_id"]}
        started = await client.post(f"{address}/start", json=check)
        paused = await client.post(f"{address}/pause", json={"why": "a typo"}, headers=author)

    assert (checked.status_code, refused.status_code) == (200, 403)
    told = started.json()
    assert told["phase"] == "running"
    assert told["first"] == {"size": 0, "wait": 900}
    usual = {"failed": 10, "unconfirmed": 1, "over": 500, "opted_out": 3}
    usual |= {"quality": True, "codes": True}
    assert told["stop"] == usual
    assert (told["when_closed"], told["marketing"]) == ("fail", True)
    assert paused.json()["phase"] == "paused"


async def test_a_key_that_is_bound_sees_only_campaigns_of_its_numbers(
    server: Server, store: Store
) -> None:
    add_key(store, ApiKey("k1", hash_key("other"), numbers=(OTHER,)))
    campaign = a_campaign(store, 1)
    async with api(server.url) as client:
        client.headers["authorization"] = "Bearer other"
        listed = await client.get("/v1/campaigns")
        described = (await client.get("/v1/openapi.json")).json()["paths"]
        tried = {
            (method, path): await client.request(method, path.format(id=campaign.id), json=ANY_BODY)
            for path, methods in described.items()
            if path.startswith("/v1/campaigns/{id}")
            for method in methods
        }

    assert listed.json()["data"] == []
    assert len(tried) >= 13
    assert {one: answer.status_code for one, answer in tried.items()} == dict.fromkeys(tried, 404)
    assert read(store, campaign) == campaign


async def test_everything_that_is_wrong_with_a_campaign_is_told_at_once(server: Server) -> None:
    wrong = {"name": "", "text": "{{ a", "pace": 0, "finish_by": "never", "from": OTHER, "to": "x"}
    async with api(server.url) as client:
        answer = await client.post("/v1/campaigns", json=wrong)
        unknown = await client.post("/v1/campaigns", json=SPRING | {"from": OTHER})
        late = await client.post("/v1/campaigns", json=SPRING | {"start_at": "2099-01-01T00:00Z"})

    places = {one["pointer"] for one in answer.json()["errors"]}
    assert {"#/pace", "#/finish_by", "#/to"} <= places
    assert [one["pointer"] for one in unknown.json()["errors"]] == ["#/from"]
    assert [one["pointer"] for one in late.json()["errors"]] == ["#/start_at"]
