"""Dead letters through the API: listed without texts, redriven once, and dropped."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from gateway.core.api.keys import ApiKey, hash_key
from gateway.store import keys, number_list
from gateway.store.api.api_keys import add_key
from gateway.store.redis.client import Store
from gateway.web.api.operations import dead_letters
from tests.support.factories import NUMBER
from tests.support.servers import Server
from tests.support.store.raw import raw
from tests.support.store.sends import a_send, lanes, queue, settle
from tests.support.web.web_app import a_web

pytestmark = [pytest.mark.store, pytest.mark.anyio]
GIVEN = "a-key-of-the-environment"


@asynccontextmanager
async def api(url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with a_web(url, GATEWAY_API_KEYS=GIVEN) as web:
        web.api.headers["authorization"] = f"Bearer {GIVEN}"
        yield web.api


def die(store: Store, name: str, code: int) -> str:
    """Let a send die of one of Meta's codes; return its id."""
    number_list.add_number(store, NUMBER)
    send = a_send(name, name)
    queue(store, send)
    lanes(store).pump([], 9)
    error = f'"code":{code},"reason":"why"'
    history = f'{{"outcome":"dead",{error}}}'
    settle(store, send, "dead", error_json=f"{{{error}}}", history_json=history)
    return send.id


async def test_letters_are_listed_the_newest_first_and_filtered(
    server: Server, store: Store
) -> None:
    first, second = die(store, "first", 131026), die(store, "second", 100)
    async with api(server.url) as client:
        everything = (await client.get("/v1/dead-letters")).json()["data"]
        filtered = (await client.get("/v1/dead-letters?code=100")).json()["data"]
        limited = (await client.get("/v1/dead-letters?limit=1")).json()["data"]
        older = (await client.get("/v1/dead-letters?until=2020-01-01T00:00:00Z")).json()["data"]

    assert {one["id"] for one in everything} == {first, second}
    assert [one["id"] for one in filtered] == [second]
    assert (len(limited), older) == (1, [])
    assert filtered[0]["advice"] == "Correct the parameter that Meta names."
    assert "first" not in str(everything[0].keys())


@pytest.mark.parametrize("is_dropped", [False, True])
async def test_pages_miss_no_letter_of_one_moment_and_repeat_none_while_nothing_is_dropped(
    server: Server, store: Store, is_dropped: bool
) -> None:
    ids = [die(store, f"s{i}", 100) for i in range(5)]
    members = dict.fromkeys([f"send:{one}" for one in ids[:4]], 1_700_000_000_000)
    assert raw(store).zadd(f"{keys.number(NUMBER)}dead", members, xx=True, ch=True) == 4
    found = list[str]()
    cursor: str | None = ""
    async with api(server.url) as client:
        while cursor is not None:
            page = (await client.get(f"/v1/dead-letters?limit=2&cursor={cursor}")).json()
            found += [one["id"] for one in page["data"]]
            if is_dropped:
                assert (await client.delete(f"/v1/dead-letters/{found[-1]}")).status_code == 200
            cursor = page["next_cursor"]

    assert set(found) == set(ids)
    assert is_dropped or len(found) == len(ids)


async def test_a_page_looks_through_few_letters_however_rare_the_wanted_ones_are(
    server: Server, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dead_letters, "MOST_EXAMINED", 3)
    wanted = [die(store, name, 100) for name in ("oldest", "old")]
    for i in range(7):
        die(store, f"s{i}", 131026)
    pages = list[list[str]]()
    cursor: str | None = ""
    async with api(server.url) as client:
        while cursor is not None:
            page = (await client.get(f"/v1/dead-letters?code=100&limit=1&cursor={cursor}")).json()
            pages.append([one["id"] for one in page["data"]])
            cursor = page["next_cursor"]

    assert pages == [[], [], [wanted[1]], [wanted[0]]]


async def test_a_letter_is_redriven_once(server: Server, store: Store) -> None:
    id_ = die(store, "first", 131026)
    async with api(server.url) as client:
        answer = await client.post(f"/v1/dead-letters/{id_}/redrive", json={})
        again = await client.post(f"/v1/dead-letters/{id_}/redrive", json={})

    assert answer.json() == {"id": id_, "outcome": "redriven"}
    assert again.status_code == 404
    assert [one.send for one in lanes(store).pump([], 9).attempts] == [id_]


async def test_a_letter_is_dropped(server: Server, store: Store) -> None:
    id_ = die(store, "first", 131026)
    async with api(server.url) as client:
        answer = await client.delete(f"/v1/dead-letters/{id_}")
        left = (await client.get("/v1/dead-letters")).json()["data"]

    assert answer.json() == {"id": id_, "outcome": "dropped"}
    assert left == []


@pytest.mark.parametrize(
    "query", ["code=x", "code=-1", "limit=0", "limit=201", "since=yesterday", "page=2"]
)
async def test_a_query_that_is_wrong_is_a_problem(server: Server, query: str) -> None:
    async with api(server.url) as client:
        answer = await client.get(f"/v1/dead-letters?{query}")

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == f"#/{query.partition('=')[0]}"


async def test_a_key_for_other_numbers_sees_and_changes_nothing(
    server: Server, store: Store
) -> None:
    id_ = die(store, "first", 131026)
    add_key(store, ApiKey("k1", hash_key("gwk_bound"), numbers=("999",)))
    async with api(server.url) as client:
        client.headers["authorization"] = "Bearer gwk_bound"
        listed = await client.get("/v1/dead-letters")
        redriven = await client.post(f"/v1/dead-letters/{id_}/redrive", json={})
        dropped = await client.delete(f"/v1/dead-letters/{id_}")

    assert listed.json() == {"data": [], "next_cursor": None}
    assert (redriven.status_code, dropped.status_code) == (404, 404)
