"""Lists that are read whole are answered page by page, each row on one page."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from gateway.core.contacts.contact import Contact
from gateway.core.contacts.hand_over import HandOver
from gateway.core.planning.batch import Plan
from gateway.store import number_list
from gateway.store.planning import contact_scan
from gateway.store.planning.commit import commit
from gateway.store.redis.client import Store
from tests.support.factories import NUMBER
from tests.support.servers import Server
from tests.support.store.campaigns import a_campaign, phone
from tests.support.web.web_app import a_web

pytestmark = [pytest.mark.store, pytest.mark.anyio]
GIVEN = "a-key-of-the-environment"
COUNT = 5


@pytest.fixture
async def client(server: Server, store: Store) -> AsyncIterator[httpx.AsyncClient]:
    async with a_web(server.url, GATEWAY_API_KEYS=GIVEN) as web:
        web.api.headers["authorization"] = f"Bearer {GIVEN}"
        yield web.api


def make_campaigns(store: Store) -> None:
    for _ in range(COUNT):
        a_campaign(store, 0)


def hand_over_contacts(store: Store) -> None:
    now = datetime.now(UTC)
    for i in range(COUNT):
        hand_over = HandOver(now - timedelta(minutes=i // 2), now + timedelta(hours=1), "why")
        contact = Contact(phone(i), wa_id=phone(i), hand_over=hand_over)
        assert commit(store, [Plan(NUMBER, contact, True, ())], timedelta(days=1)) == [True]


def list_numbers(store: Store) -> None:
    for i in range(COUNT - 1):
        number_list.add_number(store, f"10000000000000{i}")
    number_list.add_number(store, NUMBER)


LISTS: dict[str, Callable[[Store], None]] = {
    "/v1/campaigns?": make_campaigns,
    "/v1/contacts?handed_over=true&": hand_over_contacts,
    "/v1/numbers?": list_numbers,
}


@pytest.mark.parametrize("path", LISTS)
async def test_each_row_is_on_one_page(client: httpx.AsyncClient, store: Store, path: str) -> None:
    LISTS[path](store)
    whole = (await client.get(path)).raise_for_status().json()
    assert (len(whole["data"]), whole["next_cursor"]) == (COUNT, None)

    pages: list[Any] = []
    address = f"{path}limit=2"
    while address:
        answer = (await client.get(address)).raise_for_status()
        pages.append(answer.json()["data"])
        address = answer.links.get("next", {}).get("url", "")

    assert [len(page) for page in pages] == [2, 2, 1]
    assert [row for page in pages for row in page] == whole["data"]
    wrong = await client.get(f"{path}cursor=x")
    assert (wrong.status_code, wrong.json()["type"]) == (422, "/v1/problems/cursor-mismatch")
    assert (await client.get(f"{path}limit=0")).status_code == 422


async def test_customers_with_a_tag_are_listed_each_once(
    client: httpx.AsyncClient, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for i in range(COUNT):
        contact = Contact(phone(i), wa_id=phone(i), tags=("vip",) if i else ("other",))
        assert commit(store, [Plan(NUMBER, contact, True, ())], timedelta(days=1)) == [True]
    monkeypatch.setattr(contact_scan, "MOST_STEPS", 1)

    found: list[str] = []
    address = "/v1/contacts?tag=vip&limit=3"
    while address:
        answer = (await client.get(address)).raise_for_status()
        page = [one["id"] for one in answer.json()["data"]]
        assert len(page) <= 3
        found += page
        address = answer.links.get("next", {}).get("url", "")
        assert phone(1)[3:] not in address

    assert sorted(found) == [phone(i) for i in range(1, COUNT)]
    assert (await client.get("/v1/contacts?tag=")).status_code == 422
    assert (await client.get("/v1/contacts?tag=vip&handed_over=true")).status_code == 422
