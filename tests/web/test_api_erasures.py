"""Erasures through the API: who may ask for one, what it answers, and how far it is."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from gateway.core.api.keys import ApiKey, hash_key
from gateway.store.api.api_keys import add_key
from gateway.store.planning.contacts import find_contact
from gateway.store.redis.client import Store
from tests.support.factories import ANA, NUMBER, delivery_body, message_item
from tests.support.servers import Server
from tests.support.tasks.worker_state import keep
from tests.support.web.web_app import a_web
from tests.web.test_api_contacts import know

pytestmark = [pytest.mark.store, pytest.mark.anyio]
GIVEN = "a-key-of-the-environment"
OTHER = "100000000000099"
ONE = f"/v1/contacts/+{ANA}"


@asynccontextmanager
async def api(url: str, key: str = GIVEN) -> AsyncIterator[httpx.AsyncClient]:
    async with a_web(url, GATEWAY_API_KEYS=GIVEN) as web:
        web.api.headers["authorization"] = f"Bearer {key}"
        yield web.api


async def test_a_customer_is_erased_at_once_where_nothing_waits(
    server: Server, store: Store
) -> None:
    know(store)
    async with api(server.url) as client:
        answer = await client.delete(ONE)
        later = await client.get(answer.headers["location"])
        unknown = await client.get(ONE)

    erased = answer.json()
    assert (answer.status_code, erased["status"], erased["erased"]["contacts"]) == (200, "done", 1)
    assert later.json() == erased
    assert ANA not in answer.text
    assert {"kept", "out_of_reach"} <= set(erased)
    assert unknown.status_code == 404


async def test_what_waits_is_erased_later_and_the_same_erasure_says_how_far_it_is(
    server: Server, store: Store
) -> None:
    know(store)
    keep(store, delivery_body(message_item("wamid.1")))
    async with api(server.url) as client:
        first, again = await client.delete(ONE), await client.delete(ONE)

    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json()["waiting_for"] == {"deliveries": 1, "messages": 0, "audiences": 0}
    assert again.json()["id"] == first.json()["id"]


async def test_only_a_key_with_the_scope_admin_erases(server: Server, store: Store) -> None:
    know(store)
    scopes = frozenset({"read", "send"})
    add_key(store, ApiKey("k1", hash_key("sender"), name="sender", scopes=scopes))
    async with api(server.url, "sender") as client:
        answer = await client.delete(ONE)

    assert (answer.status_code, answer.json()["detail"]) == (403, "The key lacks the scope admin.")
    assert find_contact(store, NUMBER, ANA).version


async def test_a_bound_key_erases_only_what_its_numbers_have_and_sees_only_that(
    server: Server, store: Store
) -> None:
    know(store)
    know(store, OTHER)
    add_key(store, ApiKey("k1", hash_key("bound"), name="bound", numbers=(OTHER,)))
    async with api(server.url) as client:
        all_numbers = (await client.delete(f"{ONE}?number={NUMBER}")).json()["id"]
        know(store)
        client.headers["authorization"] = "Bearer bound"
        erased = await client.delete(ONE)
        own = await client.get(erased.headers["location"])
        foreign = await client.get(f"/v1/erasures/{all_numbers}")

    assert (erased.json()["erased"]["contacts"], own.status_code) == (1, 200)
    assert foreign.status_code == 404
    assert find_contact(store, NUMBER, ANA).version
    assert find_contact(store, OTHER, ANA).version == ""


async def test_an_export_is_one_whole_object(server: Server, store: Store) -> None:
    know(store)
    async with api(server.url) as client:
        answer = await client.get(f"{ONE}/export")
        nobody = await client.get("/v1/contacts/351900000009/export")

    found = answer.json()
    assert (answer.status_code, found["complete"]) == (200, True)
    assert [one["name"] for one in found["contacts"]] == ["Ana"]
    assert nobody.json() == {name: [] for name in found if name != "complete"} | {"complete": True}


async def test_only_a_key_with_the_scope_admin_exports(server: Server, store: Store) -> None:
    scopes = frozenset({"read", "send"})
    add_key(store, ApiKey("k1", hash_key("reader"), name="reader", scopes=scopes))
    async with api(server.url, "reader") as client:
        assert (await client.get(f"{ONE}/export")).status_code == 403


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/contacts/ana", 422),
        (f"{ONE}?number=1", 422),
        (f"{ONE}?dry_run=true", 422),
    ],
)
async def test_an_erasure_of_nobody_in_particular_is_refused(
    server: Server, store: Store, path: str, status: int
) -> None:
    know(store)
    async with api(server.url) as client:
        answers = [await client.delete(path), await client.get("/v1/erasures/unknown")]

    assert [one.status_code for one in answers] == [status, 404]
    assert find_contact(store, NUMBER, ANA).version
