"""Schedules through the API: made once, shown, changed and removed; mistakes are named."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.core.api.keys import ApiKey, hash_key
from gateway.core.api.schedules.schedule import Firing
from gateway.store import keys
from gateway.store.api.api_keys import add_key
from gateway.store.api.schedules import book
from gateway.store.api.schedules.rows import ScheduleChange, read_due, write_schedules
from gateway.store.body_codec import Bodies
from gateway.store.redis.client import Store
from gateway.store.templates.registry import TemplateRegistry
from gateway.store.templates.sync import sync_templates
from tests.support.accounts import CLINIC, TestAccount, write_accounts
from tests.support.factories import NUMBER
from tests.support.servers import Server
from tests.support.store.raw import raw
from tests.support.store.sends import a_send, queue
from tests.support.templates import WABA, MetaList, a_row
from tests.support.web.web_app import a_web

pytestmark = [pytest.mark.store, pytest.mark.anyio]
GIVEN = "a-key-of-the-environment"
MESSAGE = {"to": "+351912345678", "text": "Good morning"}
WANTED: dict[str, Any] = {"cron": "0 9 * * MON-FRI", "zone": "Europe/Lisbon", "message": MESSAGE}
PATH = "/v1/schedules"


@pytest.fixture(autouse=True)
def _empty(store: Store) -> None:
    """Begin with an empty store."""


@asynccontextmanager
async def api(url: str, **env: Any) -> AsyncIterator[httpx.AsyncClient]:
    async with a_web(url, GATEWAY_API_KEYS=GIVEN, **env) as web:
        web.api.headers["authorization"] = f"Bearer {GIVEN}"
        yield web.api


async def made(client: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    answer = await client.post(PATH, json=WANTED | fields)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def test_a_schedule_is_made_and_shown(server: Server, store: Store) -> None:
    async with api(server.url) as client:
        answer = await client.post(PATH, json=WANTED | {"name": "mornings", "count": 3})
        one = answer.json()
        shown = (await client.get(answer.headers["location"])).json()

    assert answer.status_code == 201
    assert shown == one
    assert (one["status"], one["name"], one["from"]) == ("active", "mornings", NUMBER)
    assert one["message"] == {**MESSAGE, "from": NUMBER}
    assert one["upcoming"][0] == one["next_at"]
    assert len(one["upcoming"]) == 3
    assert (one["sent"], one["skipped"], one["failed"], one["last"]) == (0, 0, 0, [])
    assert raw(store).zcard(f"{keys.number(NUMBER)}schedules") == 1


async def test_a_dry_run_shows_the_next_moments_and_stores_nothing(
    server: Server, store: Store
) -> None:
    async with api(server.url) as client:
        answer = await client.post(f"{PATH}?dry_run=true", json=WANTED)

    assert answer.status_code == 200
    assert len(answer.json()["upcoming"]) == 5
    assert raw(store).keys("*schedule*") == []


async def test_a_repeated_request_makes_one_schedule(server: Server, store: Store) -> None:
    named = {"idempotency-key": "once"}
    async with api(server.url) as client:
        asked = [client.post(PATH, json=WANTED, headers=named) for _ in range(5)]
        answers = await asyncio.gather(*asked)
        other = await client.post(PATH, json=WANTED | {"name": "x"}, headers=named)
        wrong = await client.post(PATH, json=WANTED, headers={"idempotency-key": "a b"})

    assert {one.status_code for one in answers} == {201}
    assert len({one.json()["id"] for one in answers}) == 1
    assert [one.headers.get("idempotent-replayed") for one in answers].count(None) == 1
    assert (other.status_code, other.json()["type"]) == (422, "/v1/problems/key-reused")
    assert wrong.status_code == 400
    assert raw(store).zcard(f"{keys.number(NUMBER)}schedules") == 1


async def test_all_mistakes_are_named_where_they_are(server: Server) -> None:
    wrong = {
        "cron": "0 0 9 * * *", "zone": "Lisbon", "missed": "x", "count": 0, "until": "tomorrow",
        "message": {"to": "1", "text": "", "send_at": "2030-01-01T00:00:00Z"},
    }  # fmt: skip
    async with api(server.url) as client:
        answer = await client.post(PATH, json=wrong)

    assert answer.status_code == 422
    assert {one["pointer"] for one in answer.json()["errors"]} == {
        "#/cron", "#/zone", "#/missed", "#/count", "#/until", "#/message/to", "#/message/text",
        "#/message/send_at",
    }  # fmt: skip


async def test_numbers_zone_and_country_are_those_of_the_accounts(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = TestAccount("shop", ["111"], "901", more="time_zone: Europe/Lisbon\ncountry: PT")
    clinic = replace(CLINIC, more=f"{CLINIC.more}\ntime_zone: Europe/Lisbon")
    for name, value in (env := write_accounts(tmp_path, [shop, clinic])).items():
        monkeypatch.setenv(name, value)
    wanted = {"cron": "0 9 * * *", "message": {"to": "912 345 678", "text": "Hi", "from": "111"}}
    async with api(server.url, **env) as client:
        one = (await client.post(PATH, json=wanted)).json()
        foreign = await client.post(PATH, json=WANTED | {"message": MESSAGE | {"from": "999"}})
        nobody = await client.post(PATH, json=WANTED)
        changes = {"message": MESSAGE | {"from": "222"}}
        moved = await client.patch(f"{PATH}/{one['id']}", json=changes)

    assert (one["zone"], one["from"]) == ("Europe/Lisbon", "111")
    assert one["message"]["to"] == "+351912345678"
    for answer in (foreign, nobody, moved):
        assert [one["pointer"] for one in answer.json()["errors"]] == ["#/message/from"]


async def test_a_schedule_is_paused_resumed_and_changed(server: Server) -> None:
    async with api(server.url) as client:
        one = await made(client)
        path = f"{PATH}/{one['id']}"
        paused = (await client.patch(path, json={"paused": True})).json()
        resumed = (await client.patch(path, json={"paused": False})).json()
        changed = (await client.patch(path, json={"cron": "30 9 * * *", "name": "x"})).json()
        wrong = await client.patch(path, json={"cron": "x", "message": {"to": 1}, "crom": 1})

    assert (paused["status"], paused["next_at"], paused["upcoming"]) == ("paused", None, [])
    assert (resumed["status"], resumed["next_at"]) == ("active", one["next_at"])
    assert (changed["cron"], changed["name"]) == ("30 9 * * *", "x")
    assert changed["message"] == one["message"]
    assert {one["pointer"] for one in wrong.json()["errors"]} == {
        "#/cron", "#/message", "#/message/to", "#/crom",
    }  # fmt: skip


async def test_a_removed_schedule_is_gone(server: Server, store: Store) -> None:
    async with api(server.url) as client:
        one = await made(client)
        removed = await client.delete(f"{PATH}/{one['id']}")
        again = await client.delete(f"{PATH}/{one['id']}")
        shown = await client.get(f"{PATH}/{one['id']}")
        changed = await client.patch(f"{PATH}/{one['id']}", json={"paused": True})

    assert removed.json() == {"id": one["id"], "outcome": "removed"}
    assert {one.status_code for one in (again, shown, changed)} == {404}
    assert raw(store).keys("*schedule*") == []


async def test_a_list_has_pages_that_no_change_moves(server: Server) -> None:
    async with api(server.url) as client:
        ids = sorted([(await made(client))["id"] for _ in range(5)])
        first = (await client.get(f"{PATH}?limit=2")).json()
        await client.delete(f"{PATH}/{ids[1]}")
        second = (await client.get(f"{PATH}?limit=2&cursor={first['next_cursor']}")).json()
        third = (await client.get(f"{PATH}?limit=2&cursor={second['next_cursor']}")).json()
        wrong = [await client.get(f"{PATH}?{one}") for one in ("limit=0", "limit=201", "page=2")]

    pages = [[one["id"] for one in page["data"]] for page in (first, second, third)]
    assert pages == [ids[:2], ids[2:4], ids[4:]]
    assert third["next_cursor"] is None
    assert "message" not in first["data"][0]
    assert {one.status_code for one in wrong} == {422}


async def test_there_are_at_most_so_many(
    server: Server, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(book.ScheduleBook, "__init__", _with_most(2))
    async with api(server.url) as client:
        answers = await asyncio.gather(*[client.post(PATH, json=WANTED) for _ in range(8)])
        listed = (await client.get(PATH)).json()["data"]

    made_ids = {one.json()["id"] for one in answers if one.status_code == 201}
    refused = {one.status_code for one in answers} - {201}
    assert {one["id"] for one in listed} == made_ids
    assert len(made_ids) <= 2
    assert refused == {409}


def _with_most(most: int) -> Any:
    real = book.ScheduleBook.__init__

    def init(self: book.ScheduleBook, store: Store, bodies: Bodies) -> None:
        real(self, store, bodies, most)

    return init


async def test_a_key_sees_only_what_it_may(server: Server, store: Store) -> None:
    add_key(store, ApiKey("k1", hash_key("gwk_bound"), numbers=("999",)))
    add_key(store, ApiKey("k2", hash_key("gwk_reads"), scopes=frozenset({"read"})))
    async with api(server.url) as client:
        one = await made(client)
        path = f"{PATH}/{one['id']}"
        client.headers["authorization"] = "Bearer gwk_bound"
        listed = (await client.get(PATH)).json()["data"]
        bound = [
            await client.get(path), await client.delete(path),
            await client.patch(path, json={"paused": True}),
        ]  # fmt: skip
        foreign = await client.post(PATH, json=WANTED | {"message": {**MESSAGE, "from": NUMBER}})
        client.headers["authorization"] = "Bearer gwk_reads"
        shown = (await client.get(path)).json()
        forbidden = [await client.post(PATH, json=WANTED), await client.delete(path)]

    assert listed == []
    assert {one.status_code for one in bound} == {404}
    assert foreign.status_code == 403
    assert (shown["id"], shown["message"]) == (one["id"], None)
    assert {one.status_code for one in forbidden} == {403}


async def test_what_became_of_the_last_sends_is_shown(server: Server, store: Store) -> None:
    send = a_send("first")
    queue(store, send)
    at = datetime(2026, 11, 30, 9, tzinfo=UTC)
    async with api(server.url) as client:
        one = await made(client)
        make_due(store, one["id"])
        (stored,) = read_due(store, Bodies(), NUMBER, 9).found
        firings = (Firing(at, ""), Firing(at, "x" * 24), Firing(at, send.id))
        progress = type(stored.progress)(firings=firings, fired=2, failed=1, ended_at=at)
        change = ScheduleChange(stored.id, stored.version, progress)
        assert write_schedules(store, Bodies(), NUMBER, [change]) == ["written"]
        shown = (await client.get(f"{PATH}/{one['id']}")).json()

    assert [(one["id"], one["status"]) for one in shown["last"]] == [
        (None, "failed"), ("x" * 24, "forgotten"), (send.id, "queued"),
    ]  # fmt: skip
    assert (shown["status"], shown["next_at"]) == ("ended", None)


async def test_a_schedule_that_cannot_be_read_can_be_removed(server: Server, store: Store) -> None:
    async with api(server.url) as client:
        one = await made(client)
        row = f"{keys.number(NUMBER)}schedule:{one['id']}"
        raw(store).hset(row, "definition", "nonsense")
        shown = await client.get(f"{PATH}/{one['id']}")
        removed = await client.delete(f"{PATH}/{one['id']}")

    assert (shown.status_code, removed.status_code) == (404, 200)


def make_due(store: Store, id_: str) -> None:
    raw(store).zadd(f"{keys.number(NUMBER)}schedules", {id_: 0})


async def test_a_change_at_the_moment_of_a_send_loses_neither(
    server: Server, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    real: Any = book.ScheduleBook.change
    lost: list[Any] = []

    def late(self: Any, stored: Any, schedule: Any, now: datetime) -> Any:
        if not lost:
            lost.append(stored)
            change = ScheduleChange(stored.id, stored.version, stored.progress)
            write_schedules(store, Bodies(), NUMBER, [change])
        return real(self, stored, schedule, now)

    async with api(server.url) as client:
        one = await made(client)
        monkeypatch.setattr(book.ScheduleBook, "change", late)
        changed = await client.patch(f"{PATH}/{one['id']}", json={"name": "late"})

    assert (changed.status_code, changed.json()["name"]) == (200, "late")
    assert raw(store).hget(f"{keys.number(NUMBER)}schedule:{one['id']}", "version") == b"3"


async def test_the_zone_of_the_account_counts_where_none_is_named(server: Server) -> None:
    async with api(server.url) as client:
        answer = await client.post(PATH, json={"cron": "0 9 * * *", "message": MESSAGE})

    assert answer.json()["errors"][0]["pointer"] == "#/zone"


async def test_an_end_that_has_come_is_refused(server: Server) -> None:
    past = (datetime.now(UTC) - timedelta(minutes=1)).isoformat()
    async with api(server.url) as client:
        answer = await client.post(PATH, json=WANTED | {"cron": "* * * * *", "until": past})

    assert answer.json()["errors"] == [{"pointer": "#/until", "detail": "is in the past"}]


async def test_a_template_that_meta_would_refuse_is_named_in_the_message(
    server: Server, store: Store
) -> None:
    sync_templates(TemplateRegistry(store, WABA), MetaList([a_row()]))
    short = {"name": "order_sent", "language": "en_US", "params": ["Ana"]}
    message = {"to": MESSAGE["to"], "template": short}
    async with api(server.url, META_WABA_ID=WABA) as client:
        answer = await client.post(PATH, json=WANTED | {"message": message})
        one = await made(client)
        changed = await client.patch(f"{PATH}/{one['id']}", json={"message": message})

    for refused in (answer, changed):
        assert refused.status_code == 422
        assert refused.json()["errors"][0]["pointer"].startswith("#/message/template/params")
