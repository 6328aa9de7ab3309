"""The OpenAPI document and the pages that are made from it."""

from html.parser import HTMLParser
from typing import Any

import jsonschema
import pytest

from gateway.core.api.keys import ApiKey, hash_key
from gateway.core.sending.error_codes import ERROR_POLICIES
from gateway.store.api.api_keys import add_key
from gateway.store.redis.client import Store
from gateway.web.api.problems import TYPES
from tests.support.accounts import CLINIC, SHOP, write_accounts
from tests.support.servers import Server
from tests.web.test_api_messages import HELLO, api

pytestmark = [pytest.mark.store, pytest.mark.anyio]
BROWSER = {"accept": "text/html,*/*"}


class _Page(HTMLParser):
    """Collects the ids, the links and the tags of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: set[str] = set()
        self.tags: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.add(tag)
        self.ids |= {found["id"] or ""} if "id" in found else set()
        self.links |= {found["href"] or ""} if "href" in found else set()


def _references(node: Any) -> set[str]:
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    found = (
        {node["$ref"]} if isinstance(node, dict) and isinstance(node.get("$ref"), str) else set()
    )
    return found.union(*(_references(child) for child in children))


async def test_the_document_is_whole_and_each_reference_in_it_leads_somewhere(
    server: Server,
) -> None:
    async with api(server.url) as client:
        document = (await client.get("/v1/openapi.json")).json()

    assert document["openapi"].startswith("3.1")
    names = {one.removeprefix("#/components/schemas/") for one in _references(document)}
    assert names <= document["components"]["schemas"].keys()
    for schema in document["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)
    ids = [one["operationId"] for path in document["paths"].values() for one in path.values()]
    assert len(ids) == len(set(ids))


async def test_the_reference_shows_every_address_and_field_without_a_script(
    server: Server,
) -> None:
    async with api(server.url) as client:
        document = (await client.get("/v1/openapi.json")).json()
        answer = await client.get("/v1/reference", headers={"authorization": ""})

    page = _Page(answer.text)
    operations = [one for path in document["paths"].values() for one in path.values()]
    assert {one["operationId"] for one in operations} <= page.ids
    assert set(document["components"]["schemas"]) <= page.ids
    assert {one[1:] for one in page.links if one.startswith("#")} <= page.ids
    assert not page.tags & {"script", "img", "iframe", "link"}
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "undefined" not in answer.text.lower()


@pytest.mark.parametrize(
    ("address", "count"), [("/v1/problems", len(TYPES)), ("/v1/errors", len(ERROR_POLICIES))]
)
async def test_a_page_lists_every_error_for_browsers_and_for_terminals(
    server: Server, address: str, count: int
) -> None:
    async with api(server.url) as client:
        html = await client.get(address, headers=BROWSER)
        text = await client.get(address)

    assert html.text.count("<section>") == count
    assert html.headers["content-type"].startswith("text/html")
    assert text.headers["content-type"].startswith("text/plain")
    assert "Meta&#39;s" in html.text or "Meta's" not in text.text


async def test_a_key_of_an_account_sees_and_uses_its_numbers_only(
    server: Server, store: Store, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (env := write_accounts(tmp_path, [SHOP, CLINIC])).items():
        monkeypatch.setenv(name, value)
    add_key(store, ApiKey("k1", hash_key("clinic"), name="clinic", accounts=("clinic",)))
    async with api(server.url, **env) as client:
        client.headers["authorization"] = "Bearer clinic"
        numbers = (await client.get("/v1/numbers")).json()["data"]
        own = await client.post("/v1/messages?dry_run=true", json=HELLO)
        other = await client.post("/v1/messages", json=HELLO | {"from": SHOP.numbers[0]})

    assert [one["id"] for one in numbers] == CLINIC.numbers
    assert own.json()["from"] == CLINIC.numbers[0]
    assert other.status_code == 403
