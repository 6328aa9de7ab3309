"""Receivers of forwards through the API: whoever may read sees them, and an admin pauses them."""

import pytest

from gateway.core.api.keys import ApiKey, hash_key
from gateway.store import number_list
from gateway.store.api.api_keys import add_key
from gateway.store.outgoing.forwards import pause_receiver
from gateway.store.redis.client import Store
from tests.support.factories import NUMBER
from tests.support.servers import Server
from tests.support.web.web_app import a_web

pytestmark = [pytest.mark.store, pytest.mark.anyio]
GIVEN = "a-key-of-the-environment"


async def test_a_receiver_is_listed_paused_and_resumed(server: Server, store: Store) -> None:
    number_list.add_number(store, NUMBER)
    pause_receiver(store, NUMBER, "crm")
    async with a_web(server.url, GATEWAY_API_KEYS=GIVEN) as web:
        web.api.headers["authorization"] = f"Bearer {GIVEN}"
        listed = (await web.api.get("/v1/forwards")).json()["data"]
        resumed = (await web.api.post("/v1/forwards/crm/resume")).json()["data"]
        paused = (await web.api.post("/v1/forwards/crm/pause")).json()["data"]
        unknown = await web.api.post("/v1/forwards/other/pause")

    conditions = [rows[0]["condition"] for rows in (listed, resumed, paused)]
    assert conditions == ["paused", "well", "paused"]
    assert (listed[0]["receiver"], listed[0]["number"]) == ("crm", NUMBER)
    assert unknown.status_code == 404


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
