"""Templates through the API: listed, shown, and fetched again from Meta."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from gateway.store.redis.client import Store
from gateway.store.templates.registry import TemplateRegistry
from gateway.store.templates.sync import sync_templates
from tests.graph.test_setup import answering, reply
from tests.support.servers import Server
from tests.support.templates import WABA, MetaList, a_row
from tests.support.web.socket_servers import Serve, serving
from tests.support.web.web_app import a_web

pytestmark = [pytest.mark.store, pytest.mark.anyio]
GIVEN = "a-key-of-the-environment"


@pytest.fixture
def serve() -> Iterator[Serve]:
    with serving() as start:
        yield start


@asynccontextmanager
async def api(url: str, **more: str) -> AsyncIterator[httpx.AsyncClient]:
    settings: dict[str, Any] = {"GATEWAY_API_KEYS": GIVEN, "META_WABA_ID": WABA} | more
    async with a_web(url, **settings) as web:
        web.api.headers["authorization"] = f"Bearer {GIVEN}"
        yield web.api


def fetched(store: Store, *rows: dict[str, Any]) -> None:
    sync_templates(TemplateRegistry(store, WABA), MetaList(list(rows)))


async def test_templates_are_listed_by_name_with_what_is_known_of_each(
    server: Server, store: Store
) -> None:
    fetched(store, a_row(), a_row("bye", status="ON_THE_MOON"))
    async with api(server.url) as client:
        found = (await client.get("/v1/templates")).json()

    assert [(one["name"], one["usable"]) for one in found["data"]] == [
        ("bye", False),
        ("order_sent", True),
    ]
    assert found["data"][0]["why_not"] == "its status at Meta is ON_THE_MOON"
    assert found["data"][1]["params"][1] == {
        "where": "body", "key": "2", "kind": "text", "example": "17", "max": 995, "required": True,
    }  # fmt: skip
    assert (found["next"], found["list"]["count"], found["list"]["error"]) == (None, 2, None)


async def test_a_list_is_filtered_and_read_in_pages(server: Server, store: Store) -> None:
    fetched(store, *(a_row(f"order_{i}") for i in range(3)), a_row("bye", status="PAUSED"))
    async with api(server.url) as client:
        paused = (await client.get("/v1/templates?status=paused")).json()
        orders = (await client.get("/v1/templates?q=order&limit=2")).json()
        rest = await client.get("/v1/templates", params={"q": "order", "after": orders["next"]})
        unusable = (await client.get("/v1/templates?status=unusable")).json()
        odd = await client.get("/v1/templates?limit=0")

    assert [one["name"] for one in paused["data"]] == ["bye"]
    assert [one["name"] for one in orders["data"]] == ["order_0", "order_1"]
    assert [one["name"] for one in rest.json()["data"]] == ["order_2"]
    assert [one["name"] for one in unusable["data"]] == ["bye"]
    assert odd.status_code == 422


async def test_one_template_is_shown_in_either_spelling_of_its_language(
    server: Server, store: Store
) -> None:
    fetched(store, a_row())
    async with api(server.url) as client:
        found = await client.get("/v1/templates/order_sent/en-US")
        missing = await client.get("/v1/templates/order_sent/pt_PT")

    assert found.json()["components"] == a_row()["components"]
    assert missing.status_code == 404


async def test_the_list_is_fetched_on_demand_once_a_minute(
    server: Server, store: Store, serve: Serve
) -> None:
    asked: list[str] = []
    graph = serve(answering([reply({"data": [a_row()]})], asked))
    async with api(server.url, META_GRAPH_URL=graph) as client:
        first = await client.post("/v1/templates/sync")
        again = await client.post("/v1/templates/sync")
        found = (await client.get("/v1/templates")).json()

    assert (first.status_code, first.json()["step"], first.json()["list"]["count"]) == (
        200, "fetched", 1,
    )  # fmt: skip
    assert (again.status_code, again.headers["retry-after"], len(asked)) == (429, "60", 1)
    assert [one["source"] for one in found["data"]] == ["fetch"]


async def test_an_error_of_meta_is_told_and_the_list_stays(
    server: Server, store: Store, serve: Serve
) -> None:
    refusal = reply({"error": {"code": 200, "message": "no"}}, "403 Forbidden")
    async with api(server.url, META_GRAPH_URL=serve(answering([refusal], []))) as client:
        found = await client.post("/v1/templates/sync")
        listed = (await client.get("/v1/templates")).json()

    assert (found.status_code, found.json()["type"]) == (502, "/v1/problems/upstream")
    assert listed["list"]["error"] == found.json()["detail"]


async def test_without_the_id_of_the_account_nothing_is_fetched(
    server: Server, store: Store
) -> None:
    async with api(server.url, META_WABA_ID="") as client:
        found = await client.post("/v1/templates/sync")

    assert (found.status_code, "META_WABA_ID" in found.json()["detail"]) == (409, True)
