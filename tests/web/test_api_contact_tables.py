"""Contacts through the API: a file is imported and exported again."""

from collections.abc import AsyncIterator

import httpx
import pytest

from gateway.store import number_list
from gateway.store.planning.contacts import find_contact
from gateway.store.redis.client import Store
from tests.support.factories import ANA, NUMBER
from tests.support.servers import Server
from tests.support.web.web_app import a_web

pytestmark = [pytest.mark.store, pytest.mark.anyio]
GIVEN = "a-key-of-the-environment"
CSV = {"content-type": "text/csv"}
TABLE = f"phone,name,size\n+{ANA},Ana,38\n12,Bad,1\n"


@pytest.fixture
async def client(server: Server, store: Store) -> AsyncIterator[httpx.AsyncClient]:
    number_list.add_number(store, NUMBER)
    async with a_web(server.url, GATEWAY_API_KEYS=GIVEN) as web:
        web.api.headers["authorization"] = f"Bearer {GIVEN}"
        yield web.api


async def test_a_table_is_imported_and_exported(client: httpx.AsyncClient, store: Store) -> None:
    answer = await client.post(
        "/v1/contacts/import", params={"tag": "vip;new"}, content=TABLE, headers=CSV
    )

    assert answer.status_code == 200, answer.text
    assert answer.json() == {
        "rows": 2, "made": 1, "changed": 0, "unchanged": 0, "left_out": 1,
        "problems": [{"line": 3, "detail": "is no possible phone number"}],
    }  # fmt: skip
    assert find_contact(store, NUMBER, ANA).tags == ("new", "vip")
    exported = await client.get("/v1/contacts/export.csv", params={"tag": "vip"})
    assert exported.text == f"phone,user_id,name,tags,opted_out,size\n{ANA},,Ana,new;vip,,38\n"


@pytest.mark.parametrize(
    ("params", "content", "headers", "status", "place"),
    [
        ({}, b"phone\n\xe9\n", CSV, 422, "#"),
        ({}, TABLE.encode(), {"content-type": "text/plain"}, 415, ""),
        ({"number": "2"}, TABLE.encode(), CSV, 422, "#/number"),
        ({"tag": "x" * 201}, TABLE.encode(), CSV, 422, "#/tag"),
        ({"tags": "x"}, TABLE.encode(), CSV, 422, "#/tags"),
    ],
)
async def test_what_cannot_be_imported_is_refused(
    client: httpx.AsyncClient,
    params: dict[str, str],
    content: bytes,
    headers: dict[str, str],
    status: int,
    place: str,
) -> None:
    answer = await client.post(
        "/v1/contacts/import", params=params, content=content, headers=headers
    )

    assert answer.status_code == status, answer.text
    assert not place or answer.json()["errors"][0]["pointer"] == place


async def test_an_import_for_which_there_is_no_room_says_how_far_it_is(
    server: Server, store: Store
) -> None:
    number_list.add_number(store, NUMBER)
    async with a_web(server.url, GATEWAY_API_KEYS=GIVEN, GATEWAY_STORE_BYTES="1") as web:
        headers = CSV | {"authorization": f"Bearer {GIVEN}"}
        answer = await web.api.post("/v1/contacts/import", content=TABLE, headers=headers)

    assert answer.status_code == 503
    assert "the import ends after 2 rows" in answer.json()["detail"]
    assert find_contact(store, NUMBER, ANA).vars == {"size": "38"}
