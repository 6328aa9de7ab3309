"""Templates through the API: listed, shown, and fetched again from Meta."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from gateway.store import keys
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
    assert (found["next_cursor"], found["list"]["count"], found["list"]["error"]) == (None, 2, None)


async def test_a_list_is_filtered_and_read_in_pages(server: Server, store: Store) -> None:
    fetched(store, *(a_row(f"order_{i}") for i in range(3)), a_row("bye", status="PAUSED"))
    async with api(server.url) as client:
        paused = (await client.get("/v1/templates?status=paused")).json()
        orders = (await client.get("/v1/templates?q=order&limit=2")).json()
        rest = await client.get(
            "/v1/templates", params={"q": "order", "cursor": orders["next_cursor"]}
        )
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


TO = {"to": "+351912345678"}


def a_send(*params: Any, name: str = "order_sent", language: str = "en_US") -> dict[str, Any]:
    return TO | {"template": {"name": name, "language": language, "params": [*params]}}


async def errors_of(client: httpx.AsyncClient, message: dict[str, Any]) -> list[tuple[str, str]]:
    answer = await client.post("/v1/messages", json=message)
    assert answer.status_code == 422, answer.text
    return [(one["pointer"], one["detail"]) for one in answer.json()["errors"]]


async def test_a_message_that_fits_its_template_is_accepted(server: Server, store: Store) -> None:
    fetched(store, a_row())
    async with api(server.url) as client:
        answer = await client.post("/v1/messages", json=a_send("Ana", 17))

    assert answer.status_code == 202


async def test_what_does_not_fit_is_refused_with_its_place_in_either_form(
    server: Server, store: Store
) -> None:
    fetched(store, a_row())
    meta = a_send()["template"] | {"language": {"code": "en_US"}, "components": [
        {"type": "body", "parameters": [{"type": "text", "text": "a"}] * 3},
    ]}  # fmt: skip
    del meta["params"]
    instead = {"when_closed": {"template": a_send("a")["template"]}, "text": "Hi"}
    async with api(server.url) as client:
        short = await errors_of(client, a_send("Ana", "17", "extra"))
        whole = await errors_of(client, TO | {"type": "template", "template": meta})
        closed = await errors_of(client, TO | instead)
        language = await errors_of(client, a_send("a", "b", language="en"))

    assert [pointer for pointer, _ in short] == ["#/template/params/2"]
    assert [pointer for pointer, _ in whole] == ["#/template/components/0/parameters/2"]
    assert [pointer for pointer, _ in closed] == ["#/when_closed/template/params"]
    ((pointer, detail),) = language
    assert pointer == "#/template/language"
    assert "which Meta has in en_US: write en_US (Meta's list of " in detail


async def test_in_a_batch_only_the_message_that_does_not_fit_is_refused(
    server: Server, store: Store
) -> None:
    fetched(store, a_row())
    async with api(server.url) as client:
        items = {"messages": [a_send("a", "b"), a_send("a")]}
        found = (await client.post("/v1/messages/batch", json=items)).json()["results"]

    assert ["id" in one for one in found] == [True, False]


async def test_a_mismatch_fetches_the_list_once_and_names_what_it_was_before(
    server: Server, store: Store, serve: Serve
) -> None:
    fetched(store, a_row(components=[{"type": "BODY", "text": "Hello {{1}}"}]))
    an_hour_ago(store)
    asked: list[str] = []
    graph = serve(answering([reply({"data": [a_row()]})], asked))
    async with api(server.url, META_GRAPH_URL=graph) as client:
        now_right = await client.post("/v1/messages", json=a_send("Ana", "17"))
        ((_, detail),) = await errors_of(client, a_send("Ana"))

    assert (now_right.status_code, len(asked)) == (202, 1)
    assert "the body has 2 parameters (1, 2), and 1 given" in detail


async def test_a_changed_template_is_named_as_it_was_and_as_it_is(
    server: Server, store: Store, serve: Serve
) -> None:
    fetched(store, a_row(components=[{"type": "BODY", "text": "Hello {{1}}"}]))
    an_hour_ago(store)
    graph = serve(answering([reply({"data": [a_row()]})], []))
    async with api(server.url, META_GRAPH_URL=graph) as client:
        ((_, detail),) = await errors_of(client, a_send("a", "b", "c"))

    assert "is one too many: the body has 2 parameters (1, 2)" in detail
    assert "before, the body has 1 parameter (1))" in detail


async def test_a_template_that_is_not_known_is_accepted_while_the_list_is_not(
    server: Server, store: Store
) -> None:
    async with api(server.url, META_WABA_ID="") as client:
        answer = await client.post("/v1/messages", json=a_send("a"))

    assert answer.status_code == 202


async def test_while_meta_does_not_answer_the_list_that_is_known_decides(
    server: Server, store: Store, serve: Serve
) -> None:
    fetched(store, a_row())
    an_hour_ago(store)
    refusal = reply({"error": {"code": 2, "message": "down"}}, "503 Unavailable")
    async with api(server.url, META_GRAPH_URL=serve(answering([refusal], []))) as client:
        ((_, detail),) = await errors_of(client, a_send("a"))

    assert detail.startswith("lacks 2 of the body")


async def test_a_paused_template_is_accepted_and_a_rejected_one_is_not(
    server: Server, store: Store
) -> None:
    fetched(store, a_row(status="PAUSED"), a_row("other", status="REJECTED"))
    async with api(server.url) as client:
        paused = await client.post("/v1/messages", json=a_send("a", "b"))
        found = await errors_of(client, a_send("a", "b", name="other"))

    assert paused.status_code == 202
    assert found[0][0] == "#/template/name"
    assert "its status at Meta is REJECTED" in found[0][1]


def an_hour_ago(store: Store) -> None:
    """Let the latest fetch be an hour old."""
    client: Any = store.redis
    key = f"{keys.templates(WABA)}state"
    for field in ("tried_at", "began", "fetched_at"):
        client.hset(key, field, int(client.hget(key, field)) - 3_600_000)


async def test_a_template_is_drawn_with_values_and_what_does_not_fit_is_told(
    server: Server, store: Store
) -> None:
    fetched(store, a_row())
    async with api(server.url) as client:
        found = await client.post("/v1/templates/preview", json=_preview(["<Ana>", "17", "x"]))
        missing = await client.post("/v1/templates/preview", json=_preview([], name="other"))
        odd = await client.post("/v1/templates/preview", json={"template": {"name": "A"}})

    assert "&lt;Ana&gt;" in found.json()["html"]
    assert [one["pointer"] for one in found.json()["errors"]] == ["#/template/params/2"]
    assert (missing.status_code, odd.status_code) == (404, 422)


def _preview(params: list[str], name: str = "order_sent") -> dict[str, Any]:
    return {"template": {"name": name, "language": "en_US", "params": params}}


async def test_a_repeated_request_is_answered_as_then_whatever_the_template_is_by_now(
    server: Server, store: Store
) -> None:
    fetched(store, a_row())
    headers = {"idempotency-key": "order-17"}
    async with api(server.url) as client:
        first = await client.post("/v1/messages", json=a_send("a", "b"), headers=headers)
        an_hour_ago(store)
        fetched(store, a_row(components=[{"type": "BODY", "text": "Hello {{1}}"}]))
    async with api(server.url) as client:
        again = await client.post("/v1/messages", json=a_send("a", "b"), headers=headers)
        another = await client.post(
            "/v1/messages", json=a_send("a", "b"), headers={"idempotency-key": "other"}
        )

    assert (again.status_code, again.json()["id"]) == (202, first.json()["id"])
    assert again.headers["idempotent-replayed"] == "true"
    assert another.status_code == 422


async def test_a_dry_run_shows_the_status_of_the_template(server: Server, store: Store) -> None:
    fetched(store, a_row(status="PAUSED"))
    async with api(server.url) as client:
        paused = await client.post("/v1/messages?dry_run=true", json=a_send("a", "b"))
        text = await client.post("/v1/messages?dry_run=true", json=TO | {"text": "Hi"})

    assert paused.json()["template"] == {"status": "PAUSED", "usable": False, "waits": True}
    assert text.json()["template"] is None
