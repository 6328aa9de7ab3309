"""Numbers through the API: whether they send, held and released by keys that may."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from gateway.core.api.keys import ApiKey, hash_key
from gateway.store import number_list
from gateway.store.api.api_keys import add_key
from gateway.store.redis.client import Store
from gateway.store.sending import pauses
from tests.support.factories import NUMBER
from tests.support.servers import Server
from tests.support.store.sends import a_send, lanes, queue
from tests.support.web.web_app import a_web

pytestmark = [pytest.mark.store, pytest.mark.anyio]
GIVEN = "a-key-of-the-environment"
OTHER = "100000000000099"


@asynccontextmanager
async def api(url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with a_web(url, GATEWAY_API_KEYS=GIVEN) as web:
        web.api.headers["authorization"] = f"Bearer {GIVEN}"
        yield web.api


async def test_every_number_is_listed_with_its_pace_and_what_stops_it(
    server: Server, store: Store
) -> None:
    number_list.add_number(store, OTHER)
    pauses.pause(store, [OTHER], '{"code":190,"reason":"Token expired"}', 30_000)
    async with api(server.url) as client:
        listed = (await client.get("/v1/numbers")).json()["data"]

    second, first = listed
    assert (first["id"], first["pace"], first["sends"]) == (NUMBER, 80, True)
    assert (second["id"], second["sends"]) == (OTHER, False)
    assert second["paused"]["code"] == 190


async def test_a_number_is_held_and_released(server: Server, store: Store) -> None:
    queue(store, a_send("first"))
    async with api(server.url) as client:
        held = (await client.post(f"/v1/numbers/{NUMBER}/hold", json={"why": "a test"})).json()
        during = lanes(store).pump([], 9).attempts
        freed = (await client.post(f"/v1/numbers/{NUMBER}/release", json={})).json()

    assert (held["sends"], held["held"][0]["why"]) == (False, "a test")
    assert during == []
    assert (freed["sends"], freed["held"]) == (True, [])
    assert len(lanes(store).pump([], 9).attempts) == 1


async def test_one_rule_is_held_and_the_number_sends_on(server: Server, store: Store) -> None:
    asked = {"why": "wrong prices", "rule": "offers"}
    async with api(server.url) as client:
        held = (await client.post(f"/v1/numbers/{NUMBER}/hold", json=asked)).json()

    assert held["sends"] is True
    assert held["held"][0]["rule"] == "offers"


WRONG: dict[str, tuple[str, dict[str, Any], int]] = {
    "no reason": (NUMBER, {}, 422),
    "an unknown field": (NUMBER, {"why": "x", "until": "x"}, 422),
    "a long reason": (NUMBER, {"why": "x" * 201}, 422),
    "another's number": ("999", {"why": "x"}, 404),
}


@pytest.mark.parametrize(("number", "body", "status"), WRONG.values(), ids=WRONG)
async def test_what_cannot_be_held_is_a_problem(
    server: Server, store: Store, number: str, body: dict[str, Any], status: int
) -> None:
    async with api(server.url) as client:
        answer = await client.post(f"/v1/numbers/{number}/hold", json=body)

    assert answer.status_code == status
    assert pauses.pauses_by_number(store, [NUMBER])[NUMBER].holds == ()


async def test_a_key_without_admin_or_for_other_numbers_holds_nothing(
    server: Server, store: Store
) -> None:
    add_key(store, ApiKey("k1", hash_key("gwk_sends"), frozenset({"read", "send"})))
    add_key(store, ApiKey("k2", hash_key("gwk_bound"), numbers=(OTHER,)))
    async with api(server.url) as client:
        answers = [
            await client.post(
                f"/v1/numbers/{NUMBER}/hold",
                json={"why": "x"},
                headers={"authorization": f"Bearer {key}"},
            )
            for key in ("gwk_sends", "gwk_bound")
        ]
        seen = await client.get("/v1/numbers", headers={"authorization": "Bearer gwk_bound"})

    assert [answer.status_code for answer in answers] == [403, 404]
    assert seen.json()["data"] == []
