"""Contacts through the API: shown as each number knows them, and changed beside other changes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from gateway.core.api.keys import ApiKey, hash_key
from gateway.core.contacts.contact import Contact
from gateway.core.contacts.hand_over import HandOver
from gateway.core.planning.batch import Plan
from gateway.store import number_list
from gateway.store.api.api_keys import add_key
from gateway.store.planning import changed_contact
from gateway.store.planning.commit import commit
from gateway.store.planning.contacts import find_contact
from gateway.store.redis.client import Store
from tests.support.factories import ANA, NUMBER
from tests.support.servers import Server
from tests.support.store.sends import WEEK
from tests.support.web.web_app import a_web

pytestmark = [pytest.mark.store, pytest.mark.anyio]
GIVEN = "a-key-of-the-environment"
OTHER = "100000000000099"
NOW = datetime.now(UTC).replace(microsecond=0)


@asynccontextmanager
async def api(url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with a_web(url, GATEWAY_API_KEYS=GIVEN) as web:
        web.api.headers["authorization"] = f"Bearer {GIVEN}"
        yield web.api


def know(store: Store, number: str = NUMBER, **more: Any) -> Contact:
    """Commit a contact as a message of hers would."""
    number_list.add_number(store, number)
    before = find_contact(store, number, ANA)
    contact = replace(before, wa_id=ANA, name="Ana", last_inbound_at=NOW, **more)
    assert commit(store, [Plan(number, contact, changed=True, events=())], WEEK) == [True]
    return contact


async def change(client: httpx.AsyncClient, body: Any, query: str = "") -> httpx.Response:
    return await client.patch(f"/v1/contacts/{ANA}{query}", json=body)


@pytest.mark.parametrize("name", [ANA, f"+{ANA}", "+351 900 000 001"])
async def test_a_contact_is_shown_by_any_form_of_the_phone_number(
    server: Server, store: Store, name: str
) -> None:
    know(store, tags=("vip",), vars={"size": "M"})
    async with api(server.url) as client:
        (shown,) = (await client.get(f"/v1/contacts/{name}")).json()["data"]

    assert (shown["number"], shown["id"], shown["name"]) == (NUMBER, ANA, "Ana")
    assert (shown["tags"], shown["variables"]) == (["vip"], {"size": "M"})
    assert shown["window"]["open"] is True
    assert (shown["opted_out_at"], shown["muted_until"], shown["hand_over"]) == (None, None, None)


async def test_a_contact_is_shown_as_each_number_knows_it(server: Server, store: Store) -> None:
    know(store)
    know(store, OTHER, tags=("other",))
    async with api(server.url) as client:
        both = (await client.get(f"/v1/contacts/{ANA}")).json()["data"]
        one = (await client.get(f"/v1/contacts/{ANA}?number={OTHER}")).json()["data"]

    assert {each["number"]: each["tags"] for each in both} == {NUMBER: [], OTHER: ["other"]}
    assert [each["number"] for each in one] == [OTHER]


async def test_a_contact_is_changed_in_every_way_at_once(server: Server, store: Store) -> None:
    know(store, tags=("new", "vip"), vars={"size": "M", "town": "Porto"})
    until = NOW + timedelta(hours=1)
    body = {
        "tags": {"add": ["asked"], "remove": ["new"]},
        "variables": {"size": "L", "town": None},
        "muted_until": until.isoformat(),
        "hand_over": {"until": until.isoformat(), "why": "a refund"},
        "opted_out": True,
    }
    async with api(server.url) as client:
        shown = (await change(client, body)).json()

    kept = find_contact(store, NUMBER, ANA)
    assert shown["tags"] == ["asked", "vip"] == list(kept.tags)
    assert shown["variables"] == {"size": "L"} == kept.vars
    assert kept.muted_until == until
    assert kept.hand_over
    assert (kept.hand_over.until, kept.hand_over.cause) == (until, "a refund")
    assert kept.opted_out_at is not None


async def test_what_a_change_does_not_name_stays(server: Server, store: Store) -> None:
    before = know(store, tags=("vip",), muted_until=NOW + timedelta(hours=1), opted_out_at=NOW)
    async with api(server.url) as client:
        assert (await change(client, {"tags": ["one", "two"]})).status_code == 200

    after = find_contact(store, NUMBER, ANA)
    assert after.tags == ("one", "two")
    assert replace(after, tags=before.tags, version="") == replace(before, version="")


async def test_null_ends_a_mute_and_a_hand_over(server: Server, store: Store) -> None:
    know(store, muted_until=NOW + timedelta(hours=1))
    async with api(server.url) as client:
        await change(client, {"hand_over": {"until": (NOW + timedelta(hours=2)).isoformat()}})
        shown = (await change(client, {"hand_over": None, "muted_until": None})).json()

    assert (shown["hand_over"], shown["muted_until"]) == (None, None)
    assert find_contact(store, NUMBER, ANA).silent_until is None


async def test_a_change_by_an_event_meanwhile_is_kept_too(
    server: Server, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    know(store)
    rivals = [lambda: know(store, vars={"size": "M"})]

    def commit_second(*args: Any) -> Any:
        if rivals:
            rivals.pop()()
        return commit(*args)

    monkeypatch.setattr(changed_contact, "commit", commit_second)
    async with api(server.url) as client:
        shown = (await change(client, {"tags": ["vip"]})).json()

    assert (shown["tags"], shown["variables"]) == (["vip"], {"size": "M"})


async def test_a_change_names_the_number_where_several_know_the_customer(
    server: Server, store: Store
) -> None:
    know(store)
    know(store, OTHER)
    async with api(server.url) as client:
        refused = await change(client, {"tags": ["vip"]})
        done = await change(client, {"tags": ["vip"]}, f"?number={OTHER}")

    assert refused.json()["errors"][0]["pointer"] == "#/number"
    assert (done.status_code, done.json()["number"]) == (200, OTHER)
    assert find_contact(store, NUMBER, ANA).tags == ()


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({}, ["#"]),
        ({"name": "Ana"}, ["#/name"]),
        ({"tags": "vip"}, ["#/tags"]),
        ({"tags": None}, ["#/tags"]),
        ({"tags": ["vip", " ", 3]}, ["#/tags/1", "#/tags/2"]),
        ({"tags": {"add": ["x" * 201], "set": []}}, ["#/tags/set", "#/tags/add/0"]),
        ({"variables": {"a b": "1", "size": 3}}, ["#/variables/a b", "#/variables/size"]),
        ({"muted_until": "2026-12-01T09:00"}, ["#/muted_until"]),
        ({"hand_over": {"why": 3}}, ["#/hand_over/until", "#/hand_over/why"]),
        ({"opted_out": "yes"}, ["#/opted_out"]),
        ({"variables": {f"v{i}": "x" * 4_096 for i in range(3)}}, ["#/variables"]),
    ],
)
async def test_what_is_wrong_with_a_change_is_named(
    server: Server, store: Store, body: Any, pointers: list[str]
) -> None:
    before = know(store)
    async with api(server.url) as client:
        answer = await change(client, body)

    assert answer.status_code == 422
    assert [one["pointer"] for one in answer.json()["errors"]] == pointers
    assert find_contact(store, NUMBER, ANA).vars == before.vars


async def test_customers_that_a_person_answers_are_listed_those_that_wait_longest_first(
    server: Server, store: Store
) -> None:
    until = NOW + timedelta(hours=1)
    know(store, hand_over=HandOver(NOW, until, "rule person"))
    know(store, OTHER, hand_over=HandOver(NOW - timedelta(hours=1), until, "an echo"))
    async with api(server.url) as client:
        listed = (await client.get("/v1/contacts?handed_over=true")).json()
        first = (await client.get("/v1/contacts?handed_over=true&limit=1")).json()["data"]
        one = (await client.get(f"/v1/contacts?handed_over=true&number={NUMBER}")).json()["data"]

    assert [each["number"] for each in listed["data"]] == [OTHER, NUMBER]
    assert [each["number"] for each in first] == [OTHER]
    assert [(each["id"], each["hand_over"]["why"]) for each in one] == [(ANA, "rule person")]
    assert listed["unreadable"] == 0


@pytest.mark.parametrize(
    ("query", "pointers"),
    [
        ("", ["#/handed_over"]),
        ("?handed_over=false&limit=0", ["#/handed_over", "#/limit"]),
        ("?handed_over=true&tag=vip", ["#/handed_over"]),
        ("?handed_over=true&number=1", ["#/number"]),
    ],
)
async def test_a_list_of_other_customers_is_refused(
    server: Server, query: str, pointers: list[str]
) -> None:
    async with api(server.url) as client:
        answer = await client.get(f"/v1/contacts{query}")

    assert answer.status_code == 422
    assert [one["pointer"] for one in answer.json()["errors"]] == pointers


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/contacts/351900000009", 404),
        ("/v1/contacts/PT.unknown", 404),
        ("/v1/contacts/ana", 422),
        (f"/v1/contacts/{ANA}?number=1", 422),
        (f"/v1/contacts/{ANA}?numbr={NUMBER}", 422),
    ],
)
async def test_a_customer_whom_no_number_knows_is_said(
    server: Server, store: Store, path: str, status: int
) -> None:
    know(store)
    async with api(server.url) as client:
        assert (await client.get(path)).status_code == status


async def test_a_key_sees_and_changes_only_what_its_numbers_know(
    server: Server, store: Store
) -> None:
    know(store)
    add_key(store, ApiKey("bound", hash_key("bound"), name="bound", numbers=(OTHER,)))
    async with api(server.url) as client:
        client.headers["authorization"] = "Bearer bound"
        answers = [await client.get(f"/v1/contacts/{ANA}"), await change(client, {"tags": ["x"]})]

    assert [one.status_code for one in answers] == [404, 404]
    assert find_contact(store, NUMBER, ANA).tags == ()
