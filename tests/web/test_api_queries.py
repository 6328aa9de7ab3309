"""Queries of all addresses: what is unknown, twice, out of order or of another list is refused."""

from urllib.parse import quote

import pytest

from gateway.store.redis.client import Store
from tests.support.servers import Server
from tests.web.test_api_messages import api

pytestmark = [pytest.mark.store, pytest.mark.anyio]
CUSTOMER = "+351912345678"
SCHEDULE = {
    "cron": "0 9 * * *", "zone": "Europe/Lisbon", "message": {"to": CUSTOMER, "text": "Hello"},
}  # fmt: skip


async def test_every_address_of_the_document_refuses_a_query_that_it_does_not_know(
    server: Server, store: Store
) -> None:
    found = {}
    async with api(server.url) as client:
        document = (await client.get("/v1/openapi.json")).json()
        for path, operations in document["paths"].items():
            address = path.replace("{id}", quote(CUSTOMER)).replace("{task_id}", "x")
            for method in operations:
                answer = await client.request(method, f"{address}?dry_rum=true", json={})
                errors = answer.json().get("errors", [])
                found[method, path] = [one["pointer"] for one in errors]

    assert len(found) > 30
    assert [one for one, pointers in found.items() if "#/dry_rum" not in pointers] == []


@pytest.mark.parametrize(
    "address", ["messages", "events", "schedules", "dead-letters", "templates", "contacts"]
)
async def test_a_parameter_that_is_there_twice_is_refused(server: Server, address: str) -> None:
    async with api(server.url) as client:
        answer = await client.get(f"/v1/{address}?limit=1&limit=2")

    assert answer.status_code == 422
    assert answer.json()["errors"] == [{"pointer": "#/limit", "detail": "is there more than once"}]


@pytest.mark.parametrize("address", ["messages", "events", "dead-letters"])
async def test_a_period_may_have_an_offset_that_is_not_escaped_and_ends_after_it_begins(
    server: Server, address: str
) -> None:
    period = "since=2026-12-01T09:00:00+01:00&until=2026-12-01T0{}:00:00Z"
    async with api(server.url) as client:
        same = await client.get(f"/v1/{address}?{period.format(8)}")
        before = await client.get(f"/v1/{address}?{period.format(7)}")

    assert same.status_code == 200
    assert before.json()["errors"] == [{"pointer": "#/until", "detail": "must not be before since"}]


async def test_a_cursor_of_another_list_is_refused_by_lists_in_the_order_of_names(
    server: Server, store: Store
) -> None:
    async with api(server.url) as client:
        for _ in range(2):
            assert (await client.post("/v1/schedules", json=SCHEDULE)).status_code == 201
        page = (await client.get("/v1/schedules?limit=1")).json()
        rest = await client.get(f"/v1/schedules?cursor={page['next_cursor']}")
        others = [
            await client.get(f"/v1/{address}?cursor={cursor}")
            for address in ("templates", "messages", "events")
            for cursor in (page["next_cursor"], "x")
        ]
        others.append(await client.get(f"/v1/schedules?cursor={page['next_cursor'][:-2]}"))

    assert len(rest.json()["data"]) == 1
    assert {one.status_code for one in others} == {422}
    assert {one.json()["type"] for one in others} == {"/v1/problems/cursor-mismatch"}


@pytest.mark.parametrize(
    ("address", "methods"),
    [
        ("/v1/messages", "GET, POST"),
        ("/v1/messages/x", "DELETE, GET, PATCH"),
        ("/send-message", "POST"),
        ("/healthz", "GET, HEAD"),
        ("/metrics", "GET, HEAD"),
        ("/v1/problems/invalid", "GET, HEAD"),
        ("/v1/reference", "GET, HEAD"),
        ("/v1/openapi.json", "GET, HEAD"),
    ],
)
async def test_a_method_that_is_not_served_is_told_all_that_are(
    server: Server, address: str, methods: str
) -> None:
    async with api(server.url) as client:
        answer = await client.put(address, json={})

    assert (answer.status_code, answer.headers["allow"]) == (405, methods)
