"""Receivers of forwards through the API: whoever may read sees them, and an admin pauses them."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from gateway.cli.operate.forwards.listen import check_signature
from gateway.config.receiver_secrets import ReceiverSecrets
from gateway.core.api.keys import ApiKey, hash_key
from gateway.store import keys, number_list
from gateway.store.api.api_keys import add_key
from gateway.store.body_codec import Bodies
from gateway.store.inbox.partitions import partition_of
from gateway.store.inbox.record import BODY, HEADER
from gateway.store.outgoing import forward_replay
from gateway.store.outgoing.forwards import pause_receiver
from gateway.store.redis.client import Store
from gateway.web.api.operations import forwards
from tests.support.factories import NUMBER, delivery_body, message_item
from tests.support.servers import Server
from tests.support.store.raw import raw
from tests.support.tasks.receiving_application import Application, an_application
from tests.support.web.web_app import Web, a_web

pytestmark = [pytest.mark.store, pytest.mark.anyio]
GIVEN = "a-key-of-the-environment"


@pytest.fixture
def application() -> Iterator[Application]:
    with an_application() as running:
        yield running


@pytest.fixture
def rules(tmp_path: Path, application: Application, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CRM_SECRET", f"whsec_{base64.b64encode(b's' * 32).decode()}")
    path = tmp_path / "forwarding.yaml"
    url = f"http://127.0.0.1:{application.port}/in"
    receiver = f'{{to: crm, url: "{url}", secret: CRM_SECRET, events: message}}'
    path.write_text(f"version: 1\nforwards: [{receiver}]\nrules: []\n")
    return path


@pytest.fixture
def broken_rules(tmp_path: Path) -> Path:
    path = tmp_path / "broken.yaml"
    path.write_text("version: 1\nforwards: nothing\n")
    return path


async def test_a_receiver_is_listed_paused_and_resumed(
    server: Server, store: Store, rules: Path
) -> None:
    number_list.add_number(store, NUMBER)
    pause_receiver(store, NUMBER, "crm")
    async with a_web(server.url, GATEWAY_API_KEYS=GIVEN, GATEWAY_RULES=str(rules)) as web:
        web.api.headers["authorization"] = f"Bearer {GIVEN}"
        listed = (await web.api.get("/v1/forwards")).json()["data"]
        resumed = (await web.api.post("/v1/forwards/crm/resume")).json()["data"]
        paused = (await web.api.post("/v1/forwards/crm/pause")).json()["data"]
        unknown = await web.api.post("/v1/forwards/other/pause")

    conditions = [rows[0]["condition"] for rows in (listed, resumed, paused)]
    assert conditions == ["paused", "well", "paused"]
    assert (listed[0]["receiver"], listed[0]["number"]) == ("crm", NUMBER)
    assert unknown.status_code == 404


async def test_a_receiver_that_the_rules_do_not_name_is_unnamed(
    server: Server, store: Store, rules: Path
) -> None:
    number_list.add_number(store, NUMBER)
    pause_receiver(store, NUMBER, "old")
    async with a_web(server.url, GATEWAY_API_KEYS=GIVEN, GATEWAY_RULES=str(rules)) as web:
        web.api.headers["authorization"] = f"Bearer {GIVEN}"
        listed = (await web.api.get("/v1/forwards")).json()["data"]
        resumed = (await web.api.post("/v1/forwards/old/resume")).json()["data"]

    assert [rows[0]["condition"] for rows in (listed, resumed)] == ["unnamed", "unnamed"]
    assert (bool(listed[0]["paused_at"]), resumed[0]["paused_at"]) == (True, None)


async def test_rules_that_cannot_be_used_make_no_receiver_unnamed(
    server: Server, store: Store, broken_rules: Path
) -> None:
    number_list.add_number(store, NUMBER)
    pause_receiver(store, NUMBER, "old")
    async with a_web(server.url, GATEWAY_API_KEYS=GIVEN, GATEWAY_RULES=str(broken_rules)) as web:
        web.api.headers["authorization"] = f"Bearer {GIVEN}"
        listed = (await web.api.get("/v1/forwards")).json()["data"]

    assert [one["condition"] for one in listed] == ["paused"]


async def test_a_key_that_only_reads_pauses_nothing(server: Server, store: Store) -> None:
    number_list.add_number(store, NUMBER)
    pause_receiver(store, NUMBER, "crm")
    key = ApiKey("reader", hash_key("gwk_reader"), frozenset({"read"}))
    add_key(store, key)
    async with a_web(server.url, GATEWAY_API_KEYS=GIVEN) as web:
        headers = {"authorization": "Bearer gwk_reader"}
        seen = await web.api.get("/v1/forwards", headers=headers)
        refused = await web.api.post("/v1/forwards/crm/resume", headers=headers)

    assert (seen.status_code, refused.status_code) == (200, 403)


async def post(web: Web, what: str, given: Any, key: str = GIVEN) -> httpx.Response:
    headers = {"authorization": f"Bearer {key}"}
    return await web.api.post(f"/v1/forwards/{what}", json=given, headers=headers)


async def test_a_test_is_posted_at_once_and_signed(
    server: Server, store: Store, rules: Path, application: Application
) -> None:
    number_list.add_number(store, NUMBER)
    async with a_web(server.url, GATEWAY_API_KEYS=GIVEN, GATEWAY_RULES=str(rules)) as web:
        taken = (await post(web, "crm/test", {})).json()
        application.status = 503
        refused = (await post(web, "crm/test", {"number": NUMBER})).json()
        unknown = await post(web, "other/test", {})
        elsewhere = await post(web, "crm/test", {"number": "1"})

    assert (taken["receiver"], taken["status"], taken["error"]) == ("crm", 204, "")
    assert (refused["status"], bool(refused["error"])) == (503, True)
    assert (unknown.status_code, elsewhere.status_code) == (404, 404)
    (headers, body), _ = application.posts
    assert orjson.loads(body)["type"] == "test"
    verdict = check_signature(headers, body, ReceiverSecrets(), "CRM_SECRET")
    assert verdict == "verified (Standard Webhooks)"


async def test_a_test_without_its_secret_says_so(
    server: Server, store: Store, rules: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CRM_SECRET")
    number_list.add_number(store, NUMBER)
    async with a_web(server.url, GATEWAY_API_KEYS=GIVEN, GATEWAY_RULES=str(rules)) as web:
        answer = await post(web, "crm/test", {})

    assert (answer.status_code, "CRM_SECRET" in answer.json()["detail"]) == (409, True)


async def test_rules_that_cannot_be_used_are_told(
    server: Server, store: Store, broken_rules: Path
) -> None:
    number_list.add_number(store, NUMBER)
    async with a_web(server.url, GATEWAY_API_KEYS=GIVEN, GATEWAY_RULES=str(broken_rules)) as web:
        answer = await post(web, "crm/replay", {"since": "2026-01-01T00:00:00Z"})

    assert (answer.status_code, "cannot be used" in answer.json()["detail"]) == (409, True)


async def test_a_range_is_queued_once_more_by_an_admin_only(
    server: Server, store: Store, rules: Path
) -> None:
    number_list.add_number(store, NUMBER)
    body = delivery_body(message_item("wamid.1"), message_item("wamid.2"))
    store.call("keep", keys.partition(partition_of(body)), "meta|0|", Bodies().pack(body))
    add_key(store, ApiKey("sender", hash_key("gwk_sender"), frozenset({"send"})))
    bound = ApiKey("bound", hash_key("gwk_bound"), frozenset({"admin"}), numbers=("1",))
    add_key(store, bound)
    since = {"since": "2026-01-01T00:00:00Z"}
    async with a_web(server.url, GATEWAY_API_KEYS=GIVEN, GATEWAY_RULES=str(rules)) as web:
        counted = (await post(web, "crm/replay", since | {"dry_run": True})).json()
        queued = (await post(web, "crm/replay", since)).json()
        again = (await post(web, "crm/replay", since)).json()
        refused = [
            (await post(web, "crm/replay", since, key)).status_code
            for key in ("gwk_sender", "gwk_bound")
        ]
        wrong = [
            (await post(web, "crm/replay", given)).status_code for given in ({}, {"since": "now"})
        ]

    assert counted == {"found": 2, "queued": 0, "unopened": 0, "next_since": None}
    assert (queued["queued"], again["queued"]) == (2, 0)
    assert (refused, wrong) == ([403, 404], [422, 422])


async def test_a_long_range_is_queued_in_several_requests(
    server: Server, store: Store, rules: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forwards, "REPLAY_LASTS_S", -1.0)
    monkeypatch.setattr(forward_replay, "AT_ONCE", 2)
    number_list.add_number(store, NUMBER)
    inbox = f"{keys.partition(0)}inbox"
    for n in range(5):  # kept at moments that differ
        row = {HEADER: "meta|0|", BODY: Bodies().pack(delivery_body(message_item(f"wamid.{n}")))}
        raw(store).xadd(inbox, row, f"{1_000 + n}-0")
    since, queued = "1970-01-01T00:00:00Z", []
    async with a_web(server.url, GATEWAY_API_KEYS=GIVEN, GATEWAY_RULES=str(rules)) as web:
        while since:
            answer = (await post(web, "crm/replay", {"since": since})).json()
            since = answer["next_since"]
            queued.append(answer["queued"])

    assert queued == [2, 2, 1]
