"""Events through the API: listed without texts, and traced one by one."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx
import jsonschema
import orjson
import pytest

from gateway.core.api.keys import ApiKey, hash_key
from gateway.core.planning.batch import plan
from gateway.core.planning.event import record_id
from gateway.store import keys, number_list
from gateway.store.api.api_keys import add_key
from gateway.store.planning.commit import commit
from gateway.store.planning.contacts import load
from gateway.store.redis.client import Store
from tests.support.factories import ANA, NUMBER, a_message
from tests.support.servers import Server
from tests.support.store.plans import Greeter
from tests.support.store.raw import raw
from tests.support.store.sends import PREFIX, WEEK
from tests.support.web.web_app import a_web

pytestmark = [pytest.mark.store, pytest.mark.anyio]
GIVEN, BOUND = "a-key-of-the-environment", "a-bound-key"
OTHER, BEA = "100000000000099", "351900000002"
SECRET = "my very secret text"


@asynccontextmanager
async def api(url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with a_web(url, GATEWAY_API_KEYS=GIVEN) as web:
        web.api.headers["authorization"] = f"Bearer {GIVEN}"
        yield web.api


def receive(store: Store, wamid: str, contact: str = ANA, number: str = NUMBER) -> str:
    """Plan and commit a message; return the id of its event."""
    number_list.add_number(store, number)
    event = a_message(wamid, contact, text=SECRET)
    event = replace(event, number=number, key=f"message|{number}|{wamid}")
    (view,) = load(store, {number: [event]})
    assert commit(store, list(plan(view, [event], Greeter()).plans), WEEK) == [True]
    return record_id(event)


async def page(client: httpx.AsyncClient, **query: Any) -> list[str]:
    """Return the ids of one page."""
    answer = await client.get("/v1/events", params=query)
    assert answer.status_code == 200, answer.text
    return [one["id"] for one in answer.json()["data"]]


async def test_events_are_listed_the_newest_first_with_what_was_decided(
    server: Server, store: Store
) -> None:
    ids = [receive(store, f"wamid.{n}") for n in range(3)]
    async with api(server.url) as client:
        answer = await client.get("/v1/events?limit=2")
        second = await client.get(answer.links["next"]["url"])

    newest = answer.json()["data"]
    assert [one["id"] for one in newest] == ids[:0:-1]
    assert [one["id"] for one in second.json()["data"]] == ids[:1]
    assert second.json()["next_cursor"] is None
    about = {"kind": "message", "wamid": "wamid.2", "number": NUMBER, "customer": "…0001"}
    about["delivery"] = "0:1-0"
    assert newest[0].items() >= about.items()
    assert newest[0]["plan"]["rules"] == [{"rule": "again", "why": "always"}]
    assert len(newest[0]["sends"]) == 1
    assert SECRET not in answer.text
    assert ANA not in answer.text


async def test_events_are_filtered_by_person_number_kind_and_time(
    server: Server, store: Store
) -> None:
    ana, bea = receive(store, "wamid.1"), receive(store, "wamid.2", BEA)
    other = receive(store, "wamid.3", number=OTHER)
    async with api(server.url) as client:
        # Those of two numbers may have one moment.
        assert set(await page(client, contact=f"+{ANA}")) == {other, ana}
        assert await page(client, contact=BEA) == [bea]
        assert await page(client, number=OTHER) == [other]
        assert await page(client, kind="message", number=NUMBER) == [bea, ana]
        assert await page(client, kind="status") == []
        assert await page(client, since="2020-01-01T00:00:00Z", number=OTHER) == [other]
        assert await page(client, until="2020-01-01T00:00:00Z") == []
        assert await page(client, contact=ANA, until="2020-01-01T00:00:00Z") == []


async def test_the_events_of_a_person_have_pages_of_their_own(server: Server, store: Store) -> None:
    ids = [receive(store, f"wamid.{n}") for n in range(5)]
    async with api(server.url) as client:
        found, answer = [], await client.get(f"/v1/events?contact={ANA}&limit=2")
        while True:
            found.append([one["id"] for one in answer.json()["data"]])
            if "next" not in answer.links:
                break
            answer = await client.get(answer.links["next"]["url"])

    assert found == [ids[:2:-1], ids[2:0:-1], ids[:1]]


async def test_an_event_is_traced_by_its_id_and_by_its_wamid(server: Server, store: Store) -> None:
    id_ = receive(store, "wamid.1")
    async with api(server.url) as client:
        by_id = await client.get(f"/v1/events/{id_}")
        by_wamid = await client.get("/v1/events/wamid.1")
        unknown = [(await client.get(f"/v1/events/{one}")).status_code for one in ("x", "0" * 32)]

    told = by_id.json()
    assert by_wamid.json() == told
    assert (told["state"], told["kind"], told["wamid"]) == ("planned", "message", "wamid.1")
    assert [one["stage"] for one in told["sends"]] == ["queued"]
    assert SECRET not in by_id.text
    assert ANA not in by_id.text
    assert unknown == [404, 404]


async def test_a_bound_key_sees_events_of_its_numbers_only(server: Server, store: Store) -> None:
    ours, other = receive(store, "wamid.1"), receive(store, "wamid.2", number=OTHER)
    add_key(store, ApiKey("k1", hash_key(BOUND), numbers=(OTHER,)))
    async with api(server.url) as client:
        cursor = (await client.get("/v1/events?limit=1")).json()["next_cursor"]
        client.headers["authorization"] = f"Bearer {BOUND}"
        seen = await page(client)
        hidden = [(await client.get(f"/v1/events/{one}")).status_code for one in (ours, "wamid.1")]
        mismatch = await client.get(f"/v1/events?cursor={cursor}")

    assert seen == [other]
    assert hidden == [404, 404]
    assert mismatch.json()["type"] == "/v1/problems/cursor-mismatch"


async def test_a_cursor_of_messages_does_not_fit_events(server: Server, store: Store) -> None:
    for wamid in ("wamid.1", "wamid.2"):
        receive(store, wamid)
    async with api(server.url) as client:
        cursor = (await client.get("/v1/messages?limit=1")).json()["next_cursor"]
        answer = await client.get(f"/v1/events?cursor={cursor}")

    assert cursor
    assert answer.json()["type"] == "/v1/problems/cursor-mismatch"


async def test_everything_that_is_wrong_with_a_query_is_named_at_once(server: Server) -> None:
    wrong = {"contact": "hello", "kind": "gone", "number": "x" * 65, "until": "soon", "page": "2"}
    async with api(server.url) as client:
        answer = await client.get("/v1/events", params=wrong)

    assert {one["pointer"] for one in answer.json()["errors"]} == {f"#/{name}" for name in wrong}


DAMAGE: Mapping[str, bytes] = {
    "no JSON": b"x",
    "no object": b"[]",
    "no content": b"{}",
    "a key that is none": orjson.dumps(
        {"key": 1, "rulebook": "v1", "first_contact": True, "fired": [], "sends": []}
    ),
    "other types": orjson.dumps({"key": 1, "rulebook": 2, "fired": 3}),
}


@pytest.mark.parametrize("row", DAMAGE.values(), ids=DAMAGE)
async def test_a_damaged_record_says_so_and_hides_no_other(
    server: Server, store: Store, row: bytes
) -> None:
    odd, well = receive(store, "wamid.1"), receive(store, "wamid.2")
    raw(store).set(f"{PREFIX}record:{odd}", row)
    async with api(server.url) as client:
        told = (await client.get("/v1/events")).json()["data"]
        of_person = await page(client, contact=ANA)
        alone = await client.get(f"/v1/events/{odd}")

    assert [one["id"] for one in told] == [well, odd]
    assert told[1] == {"id": odd, "number": NUMBER, "damaged": True}
    assert of_person == [well, odd]
    assert (alone.status_code, "damaged" in alone.json()["detail"]) == (404, True)


async def test_an_event_whose_record_is_gone_is_passed(server: Server, store: Store) -> None:
    gone, well = receive(store, "wamid.1"), receive(store, "wamid.2")
    raw(store).delete(f"{keys.number(NUMBER)}record:{gone}")
    async with api(server.url) as client:
        assert await page(client) == [well]
        assert await page(client, contact=ANA) == [well]


async def test_pages_have_the_form_that_the_document_says(server: Server, store: Store) -> None:
    odd, _ = receive(store, "wamid.1"), receive(store, "wamid.2")
    raw(store).set(f"{PREFIX}record:{odd}", b"x")
    async with api(server.url) as client:
        document = (await client.get("/v1/openapi.json")).json()
        answer = (await client.get("/v1/events")).json()

    schema = {"$ref": "#/components/schemas/EventsOut", "components": document["components"]}
    assert len(answer["data"]) == 2
    jsonschema.validate(answer, schema)
