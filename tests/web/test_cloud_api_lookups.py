"""The questions that clients of Meta's form ask at their start: numbers and templates."""

from pathlib import Path
from typing import Any

import pytest

from gateway.core.api.keys import ApiKey, hash_key
from gateway.store.api.api_keys import add_key
from gateway.store.redis.client import Store
from tests.support.accounts import TestAccount, write_accounts
from tests.support.factories import NUMBER
from tests.support.servers import Server
from tests.support.web.web_app import Web, a_web

pytestmark = [pytest.mark.store, pytest.mark.anyio]
GIVEN = "a-key-of-the-environment"
WABA = "102290129340398"
BEARER = {"authorization": f"Bearer {GIVEN}"}


async def ask(web: Web, path: str, key: str = GIVEN) -> tuple[int, Any]:
    answer = await web.api.get(path, headers={"authorization": f"Bearer {key}"})
    return answer.status_code, answer.json()


async def test_a_number_is_shown_as_far_as_the_accounts_know_it(
    server: Server, store: Store
) -> None:
    async with a_web(server.url, GATEWAY_API_KEYS=GIVEN, META_WABA_ID=WABA) as web:
        assert await ask(web, f"/v25.0/{NUMBER}") == (200, {"id": NUMBER})
        status, numbers = await ask(web, f"/v25.0/{WABA}/phone_numbers?fields=id,verified_name")

    assert (status, numbers["data"]) == (200, [{"id": NUMBER}])
    assert "next" not in numbers["paging"]


@pytest.mark.parametrize("below", ["", "/phone_numbers", "/message_templates"])
async def test_what_is_not_ours_does_not_exist(server: Server, store: Store, below: str) -> None:
    async with a_web(server.url, GATEWAY_API_KEYS=GIVEN, META_WABA_ID=WABA) as web:
        status, answer = await ask(web, f"/v25.0/100000000000099{below}")

    assert (status, answer["error"]["code"], answer["error"]["error_subcode"]) == (400, 100, 33)


async def test_a_bound_key_sees_its_numbers_only(
    server: Server, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = TestAccount("shop", ["1001", "1002"], "501", more="default: yes", waba="77")
    for name, value in (env := write_accounts(tmp_path, [both])).items():
        monkeypatch.setenv(name, value)
    add_key(store, ApiKey("k", hash_key("a bound key"), numbers=("1002",)))
    async with a_web(server.url, lambda: None, **env) as web:
        _, numbers = await ask(web, "/v25.0/77/phone_numbers", "a bound key")
        status, _ = await ask(web, "/v25.0/1001", "a bound key")

    assert [one["id"] for one in numbers["data"]] == ["1002"]
    assert status == 400


async def test_templates_that_nobody_could_fetch_are_no_empty_list(
    server: Server, store: Store
) -> None:
    env = {"META_WABA_ID": WABA, "META_GRAPH_URL": "http://127.0.0.1:1"}
    async with a_web(server.url, lambda: None, GATEWAY_API_KEYS=GIVEN, **env) as web:
        status, answer = await ask(web, f"/v14.0/{WABA}/message_templates")

    assert (status, answer["error"]["code"]) == (500, 131016)
    assert "could not be fetched" in answer["error"]["error_data"]["details"]
