"""Lists of messages: by time, person, reference and status, in pages whose cursors are signed."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import httpx
import jsonschema
import pytest

from gateway.core.api.keys import ApiKey, hash_key
from gateway.core.sending.outcome import Outcome
from gateway.store import keys, number_list
from gateway.store.api.api_keys import add_key
from gateway.store.redis.client import Store
from gateway.web.api.messages import damage_log
from tests.support.factories import NUMBER
from tests.support.servers import Server
from tests.support.store.compacted_sends import compact
from tests.support.store.raw import raw
from tests.support.store.sends import PREFIX, lanes
from tests.support.web.web_app import a_web

pytestmark = [pytest.mark.store, pytest.mark.anyio]
GIVEN, BOUND = "a-key-of-the-environment", "a-bound-key"
OTHER = "100000000000099"
ANA, BEA = "+351912345678", "+351912345679"


@asynccontextmanager
async def api(url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with a_web(url, GATEWAY_API_KEYS=GIVEN) as web:
        web.api.headers["authorization"] = f"Bearer {GIVEN}"
        yield web.api


async def send(client: httpx.AsyncClient, to: str = ANA, **others: Any) -> str:
    answer = await client.post("/v1/messages", json={"to": to, "text": "Hello"} | others)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


async def listed(client: httpx.AsyncClient, **query: Any) -> list[str]:
    """Return the ids of one page."""
    answer = await client.get("/v1/messages", params=query)
    assert answer.status_code == 200, answer.text
    return [one["id"] for one in answer.json()["data"]]


async def all_pages(client: httpx.AsyncClient, **query: Any) -> list[list[str]]:
    """Return the ids of all pages, by the links that lead from each to the next."""
    pages, answer = [], await client.get("/v1/messages", params=query)
    while True:
        pages.append([one["id"] for one in answer.json()["data"]])
        if (cursor := answer.json()["next_cursor"]) is None:
            assert "next" not in answer.links
            return pages
        answer = await client.get(answer.links["next"]["url"])
        assert cursor in str(answer.url)


async def test_messages_are_listed_the_newest_first_in_pages(server: Server, store: Store) -> None:
    async with api(server.url) as client:
        ids = [await send(client, f"+35191234{n:04}") for n in range(7)]
        pages = await all_pages(client, limit=3)
        alone = (await client.get(f"/v1/messages/{ids[0]}")).json()
        last = (await client.get("/v1/messages")).json()["data"][-1]

    newest = ids[::-1]
    assert pages == [newest[:3], newest[3:6], newest[6:]]
    assert last == alone


async def test_what_comes_while_pages_are_read_is_on_none_of_the_later_ones(
    server: Server, store: Store
) -> None:
    async with api(server.url) as client:
        ids = [await send(client) for _ in range(4)]
        first = await client.get("/v1/messages?limit=2")
        await send(client)
        second = await client.get(first.links["next"]["url"])

    assert [one["id"] for one in second.json()["data"]] == ids[1::-1]


async def test_messages_of_a_person_are_found_by_number_and_by_user_id(
    server: Server, store: Store
) -> None:
    async with api(server.url) as client:
        ana, bea = await send(client), await send(client, BEA)
        by_id = await send(client, to={"user_id": "PT.123"})  # type: ignore[arg-type]

        assert await listed(client, to="+351 912 345 678") == [ana]
        assert await listed(client, to=BEA) == [bea]
        assert await listed(client, to="PT.123") == [by_id]
        assert await listed(client, to="+351912345670") == []


async def test_messages_of_a_joined_person_are_listed_under_every_name(
    server: Server, store: Store
) -> None:
    async with api(server.url) as client:
        before = [await send(client), await send(client, to={"user_id": "PT.123"})]  # type: ignore[arg-type]
        join(store)
        after = await send(client)

        assert set(await listed(client, to="PT.123")) == {*before, after}
        assert set(await listed(client, to=ANA)) == {*before, after}


def join(store: Store) -> None:
    """Let the phone number turn out to be another name of the user id."""
    state = '{"aliases":["351912345678"]}'
    args = ["PT.123", "", "v", state, "contact", 2, "351912345678", ""]
    assert store.call("commit", PREFIX, *args) == 1


async def test_messages_are_found_by_reference_also_when_their_text_is_gone(
    server: Server, store: Store
) -> None:
    async with api(server.url) as client:
        first = await send(client, reference="order 17")
        await send(client, "+351912345677", reference="order 18")
        second = await send(client, BEA, reference="order 17")
        finish(store)
        assert compact(store) == 3
        raw(store).delete(f"{PREFIX}texts")

        found = (await client.get("/v1/messages?reference=order 17")).json()["data"]
        both = await listed(client, reference="order 17", to=BEA)

    assert [one["id"] for one in found] == [second, first]
    assert {one["reference"] for one in found} == {"order 17"}
    assert {one["status"] for one in found} == {"accepted"}
    assert both == [second]


def finish(store: Store) -> None:
    """Let Meta accept all that is ready."""
    for attempt in lanes(store).pump([], 100).attempts:
        lanes(store).pump([Outcome(attempt.send, 1, "accepted", wamid=f"wamid.{attempt.send}")], 0)


async def test_messages_are_filtered_by_status_in_few_rows_a_page(
    server: Server, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.store.api.lists.paging.MOST_EXAMINED", 4)
    async with api(server.url) as client:
        accepted = [await send(client, f"+35191234{n:04}") for n in range(2)]
        finish(store)
        queued = [await send(client, f"+35191235{n:04}") for n in range(5)]
        later = await client.post(
            "/v1/messages", json={"to": ANA, "text": "Hi", "send_at": soon(7)}
        )
        scheduled = later.json()["id"]

        assert await listed(client, status="scheduled") == [scheduled]
        assert await all_pages(client, status="accepted") == [[], accepted[::-1], []]
        assert await listed(client, status="queued,accepted") == queued[:1:-1]


def soon(days: int) -> str:
    return (datetime.now().astimezone() + timedelta(days=days)).isoformat()


async def test_messages_are_found_by_the_moment_of_their_request(
    server: Server, store: Store
) -> None:
    async with api(server.url) as client:
        ids = [await send(client) for _ in range(3)]
        moments = [(await client.get(f"/v1/messages/{id_}")).json()["created_at"] for id_ in ids]

        assert set(await listed(client, since=moments[1])) >= set(ids[1:])
        assert ids[0] in await listed(client, until=moments[0])
        assert await listed(client, until="2020-01-01T00:00:00Z") == []
        assert await listed(client, since=soon(1)) == []


async def test_the_messages_of_several_numbers_are_one_list(server: Server, store: Store) -> None:
    number_list.add_number(store, OTHER)
    async with api(server.url) as client:
        ids = [await send(client, **{"from": (OTHER, NUMBER)[n % 2]}) for n in range(9)]
        pages = await all_pages(client, limit=2)
        at = {one: (await client.get(f"/v1/messages/{one}")).json()["created_at"] for one in ids}

        # Those of two numbers may have one moment.
        assert sorted(id_ for page in pages for id_ in page) == sorted(ids)
        moments = [datetime.fromisoformat(at[id_]) for page in pages for id_ in page]
        assert moments == sorted(moments, reverse=True)
        assert [len(page) for page in pages] == [2, 2, 2, 2, 1]
        assert await listed(client, **{"from": OTHER}) == ids[::-2]


async def test_a_bound_key_sees_its_numbers_only_and_its_cursors_are_its_own(
    server: Server, store: Store
) -> None:
    number_list.add_number(store, OTHER)
    add_key(store, ApiKey("k1", hash_key(BOUND), numbers=(OTHER,)))
    bound = {"authorization": f"Bearer {BOUND}"}
    async with api(server.url) as client:
        ids = [await send(client, **{"from": (OTHER, NUMBER)[n % 2]}) for n in range(4)]
        seen = (await client.get("/v1/messages?limit=1", headers=bound)).json()
        refused = await client.get(f"/v1/messages?cursor={seen['next_cursor']}")
        beyond = await client.get(f"/v1/messages?from={NUMBER}", headers=bound)

    assert [one["id"] for one in seen["data"]] == [ids[2]]
    assert refused.json()["type"] == "/v1/problems/cursor-mismatch"
    assert beyond.json()["errors"][0]["pointer"] == "#/from"


ODD_CURSORS: Mapping[str, Mapping[str, str]] = {
    "of other filters": {"status": "queued"},
    "of another person": {"to": BEA},
    "of another time": {"since": "2026-01-01T00:00:00Z"},
    "changed": {"cursor": "A"},
    "of nothing": {"cursor": "AAAA"},
    "not ASCII": {"cursor": "é"},
    "very long": {"cursor": "A" * 4_000},
}


@pytest.mark.parametrize("odd", ODD_CURSORS)
async def test_a_cursor_that_does_not_belong_to_the_list_is_refused(
    server: Server, store: Store, odd: str
) -> None:
    async with api(server.url) as client:
        for _ in range(2):
            await send(client)
        cursor = (await client.get("/v1/messages?limit=1")).json()["next_cursor"]
        query = {"cursor": cursor} | dict(ODD_CURSORS[odd])
        query["cursor"] = cursor + "A" if odd == "changed" else query["cursor"]
        answer = await client.get("/v1/messages", params=query)

    assert answer.status_code == 422
    assert answer.json()["type"] == "/v1/problems/cursor-mismatch"


async def test_another_process_takes_the_cursor_and_the_limit_may_change(
    server: Server, store: Store
) -> None:
    async with api(server.url) as client:
        ids = [await send(client) for _ in range(3)]
        cursor = (await client.get("/v1/messages?limit=1")).json()["next_cursor"]
    async with api(server.url) as client:
        assert await listed(client, limit=200, cursor=cursor) == ids[1::-1]


async def test_everything_that_is_wrong_with_a_query_is_named_at_once(server: Server) -> None:
    wrong = {
        "to": "hello", "status": "gone", "since": "yesterday", "until": "2026-01-01T00:00:00",
        "limit": "201", "reference": "x" * 129, "page": "2",
    }  # fmt: skip
    async with api(server.url) as client:
        answer = await client.get("/v1/messages", params=wrong)
        twice = await client.get("/v1/messages?status=queued&status=failed")

    told = {one["pointer"] for one in answer.json()["errors"]}
    assert answer.status_code == 422
    assert told == {f"#/{name}" for name in wrong}
    assert twice.json()["errors"][0]["pointer"] == "#/status"


DAMAGE: Mapping[str, Any] = {
    "another type": lambda client, key: (client.delete(key), client.set(key, "x")),
    "no content": lambda client, key: client.hdel(key, "row"),
    "content that is none": lambda client, key: client.hset(key, "row", "[1]"),
    "a moment that is none": lambda client, key: client.hset(key, "planned", "soon"),
    "an odd field": lambda client, key: client.hset(key, "at:odd", "x"),
    "a lane of another type": lambda client, key: client.set(
        f"{PREFIX}lane:notice:351912345678", "x"
    ),
}


@pytest.mark.parametrize("damage", DAMAGE)
async def test_a_damaged_row_says_so_and_hides_no_other(
    server: Server, store: Store, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    logged: list[Mapping[str, Any]] = []
    monkeypatch.setattr(damage_log.log, "error", lambda _, **more: logged.append(more))
    async with api(server.url) as client:
        odd, well = await send(client), await send(client, BEA)
        if damage == "a lane of another type":
            raw(store).delete(f"{PREFIX}lane:notice:351912345678")
        DAMAGE[damage](raw(store), f"{PREFIX}send:{odd}")
        found = (await client.get("/v1/messages")).json()["data"]
        await client.get("/v1/messages")
        alone = await client.get(f"/v1/messages/{odd}")
        failed = await listed(client, status="failed")

    assert [one["id"] for one in found] == [well, odd]
    assert found[1] == {"id": odd, "from": NUMBER, "damaged": True}
    assert (alone.status_code, "damaged" in alone.json()["detail"]) == (404, True)
    assert failed == []
    assert [one["send"] for one in logged] == [odd]


async def test_a_number_whose_list_is_damaged_is_left_out_and_sends_all_the_same(
    server: Server, store: Store
) -> None:
    number_list.add_number(store, OTHER)
    async with api(server.url) as client:
        raw(store).set(f"{keys.number(OTHER)}listed", "x")
        well, unlisted = await send(client), await send(client, **{"from": OTHER})

        assert await listed(client) == [well]
        assert (await client.get(f"/v1/messages/{unlisted}")).status_code == 200


async def test_messages_that_were_accepted_before_there_was_a_list_are_found_by_their_id(
    server: Server, store: Store
) -> None:
    async with api(server.url) as client:
        id_ = await send(client)
        raw(store).delete(*raw(store).keys(f"{PREFIX}terms*"), f"{PREFIX}listed")

        assert await listed(client) == []
        assert (await client.get(f"/v1/messages/{id_}")).json()["status"] == "queued"


async def test_a_send_whose_contact_joined_meanwhile_waits_in_its_present_lane(
    server: Server, store: Store
) -> None:
    async with api(server.url) as client:
        first = await send(client, to={"user_id": "PT.123"})  # type: ignore[arg-type]
        join(store)
        # As a request whose contact was read before.
        late = "late".ljust(24, "x")
        args = [late, "351912345678", "reply", 0, 1 << 45, 0, "", "", '{"rule":""}']
        store.call("accept", PREFIX, *args, "", f"{late}0:0", 9, "", "", "")

        assert [one.send for one in lanes(store).pump([], 9).attempts] == [first]
        assert set(await listed(client, to=ANA)) == {first, late}


async def test_pages_have_the_form_that_the_document_says(server: Server, store: Store) -> None:
    async with api(server.url) as client:
        for contact in (ANA, BEA):
            await send(client, contact, reference="order 17")
        odd = await send(client)
        raw(store).hdel(f"{PREFIX}send:{odd}", "row")
        document = (await client.get("/v1/openapi.json")).json()
        answer = (await client.get("/v1/messages")).json()

    assert len(answer["data"]) == 3
    jsonschema.validate(answer, of_document(document, "MessagesOut"))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(answer | {"next_cursor": 1}, of_document(document, "MessagesOut"))


def of_document(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return the schema of a name with all that it refers to."""
    return {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
