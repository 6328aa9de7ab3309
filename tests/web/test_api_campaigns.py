"""Campaigns through the API: tried with one number, and repeated for those who failed."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.core.campaigns.checks.warnings import warn_of_receiver
from gateway.core.campaigns.stored_definition import pack_definition
from gateway.store.body_codec import Bodies
from gateway.store.campaigns import control
from gateway.store.campaigns.audience import read_first
from gateway.store.campaigns.campaigns import campaign_key, change_phase
from gateway.store.campaigns.drafts import create_campaign
from gateway.store.redis.client import Store
from tests.support.factories import NUMBER
from tests.support.servers import Server
from tests.support.store.campaigns import (
    BODIES,
    a_campaign,
    a_definition,
    csv_of,
    give_audience,
    read,
)
from tests.support.store.sends import lanes
from tests.support.web.web_app import a_web

pytestmark = [pytest.mark.store, pytest.mark.anyio]
TO = "+351912345678"


async def test_a_test_sends_the_message_with_the_first_recipients_values(
    client: httpx.AsyncClient, store: Store
) -> None:
    campaign = a_campaign(store, 2)

    answer = await client.post(f"/v1/campaigns/{campaign.id}/test", json={"to": TO})

    assert answer.status_code == 202, answer.text
    (attempt,) = lanes(store).pump([], 9).attempts
    assert (attempt.send, attempt.body["to"]) == (answer.json()["id"], TO)
    assert "Ana 0" in str(attempt.body)
    assert read(store, campaign).funnel.cells["waiting"] == 2


async def test_a_test_with_an_idempotency_key_is_sent_once(
    client: httpx.AsyncClient, store: Store
) -> None:
    path = f"/v1/campaigns/{a_campaign(store, 2).id}/test"

    ids = [
        (await client.post(path, json={"to": TO}, headers={"idempotency-key": "k1"})).json()["id"]
        for _ in range(2)
    ]

    assert ids[0] == ids[1]


@pytest.mark.parametrize(
    ("count", "body", "status", "place"),
    [(0, {"to": TO}, 409, ""), (1, {"to": "12"}, 422, "#/to"), (1, {}, 422, "#/to"),
     (1, {"to": TO, "text": "x"}, 422, "#/text")],
)  # fmt: skip
async def test_a_test_that_cannot_be_sent_says_why(
    client: httpx.AsyncClient, store: Store, count: int, body: Any, status: int, place: str
) -> None:
    answer = await client.post(f"/v1/campaigns/{a_campaign(store, count).id}/test", json=body)

    assert answer.status_code == status
    assert [one["pointer"] for one in answer.json().get("errors", [])] == ([place] if place else [])


async def test_a_file_for_a_campaign_that_is_no_draft_is_refused_before_it_is_read(
    client: httpx.AsyncClient, store: Store
) -> None:
    campaign = a_campaign(store, 1)
    change_phase(store, campaign, ["draft"], "running", "test", "started")

    answer = await client.put(
        f"/v1/campaigns/{campaign.id}/audience", content=b"", headers={"content-type": "text/csv"}
    )

    assert (answer.status_code, answer.json()["detail"]) == (409, "The campaign is running.")


async def test_a_campaign_that_expired_is_repeated(client: httpx.AsyncClient, store: Store) -> None:
    campaign = a_campaign(store, 3)
    change_phase(store, campaign, ["draft"], "expired", "finish_by", "over")

    answer = await client.post(f"/v1/campaigns/{campaign.id}/retry", json={"scope": "expired"})

    assert answer.status_code == 201, answer.text
    draft = answer.json()
    assert answer.headers["location"] == f"/v1/campaigns/{draft['id']}"
    assert (draft["phase"], draft["from"], draft["recipients"]) == ("draft", NUMBER, 3)
    assert draft["name"] == "spring (again)"


@pytest.mark.parametrize(
    ("body", "status"),
    [({"scope": "failed"}, 409), ({"scope": "read"}, 422), ({}, 422),
     ({"scope": "failed", "codes": ["x"]}, 422), ({"scope": "failed", "codes": [True]}, 422),
     ({"scope": "expired", "codes": [131026]}, 422), ({"scope": "unconfirmed"}, 422),
     ({"scope": "unconfirmed", "accept_duplicates": "yes"}, 422),
     ({"scope": "unconfirmed", "accept_duplicates": True}, 409)],
)  # fmt: skip
async def test_a_repetition_that_cannot_be_made_says_why(
    client: httpx.AsyncClient, store: Store, body: Any, status: int
) -> None:
    campaign = a_campaign(store, 1)
    change_phase(store, campaign, ["draft"], "expired", "finish_by", "over")

    answer = await client.post(f"/v1/campaigns/{campaign.id}/retry", json=body)

    assert answer.status_code == status


async def test_a_map_names_the_columns_of_a_file(client: httpx.AsyncClient, store: Store) -> None:
    campaign = a_campaign(store, 0)
    path = f"/v1/campaigns/{campaign.id}/audience"
    table = b"Handynummer;First Name;Handy\n+351912345678;Ana;1\n"

    async def give(column_map: str) -> Any:
        headers, params = {"content-type": "text/csv"}, {"map": column_map}
        return (await client.put(path, content=table, headers=headers, params=params)).json()

    refused = [
        await give(one) for one in ("", '{"phone": "Handy", "first": "Name"}', '{"x": "y"}', "[]")
    ]
    taken = await give('{"phone": "Handynummer", "first": "First Name"}')
    known = await client.put(path, json={"tag": "vip"}, params={"map": '{"phone": "Handy"}'})

    assert [(one["errors"][0]["pointer"], one["status"]) for one in [*refused, known.json()]] == [
        ("#", 422), ("#", 422), ("#/map/x", 422), ("#/map", 422), ("#/map", 422)
    ]  # fmt: skip
    details = [one["errors"][0]["detail"] for one in refused[:2]]
    assert (
        "Handynummer, Handy: rename all but one. Or say which column it is with map" in details[0]
    )
    assert "the column Name, which the file lacks: it has First Name, Handy, Handyn" in details[1]
    assert (taken["recipients"], taken["skipped"]) == (1, {})
    first = read_first(store, BODIES, read(store, campaign))
    assert first
    assert (first.phone, first.values) == ("351912345678", {"first": "Ana"})


async def test_customers_that_the_number_knows_are_an_audience(
    client: httpx.AsyncClient, store: Store
) -> None:
    campaign = a_campaign(store, 0, template={"name": "spring", "language": "en"})
    path = f"/v1/campaigns/{campaign.id}/audience"

    listed = await client.put(path, json={"contacts": [TO, "12"]})
    tagged = await client.put(path, json={"tag": "vip"})
    wrong = await client.put(path, json={"tags": "vip"})

    assert (listed.json()["recipients"], listed.json()["skipped"]) == (1, {"invalid": 1})
    assert (tagged.status_code, tagged.json()["recipients"]) == (200, 0)
    assert wrong.status_code == 422
    assert read(store, campaign).recipients == 0


async def test_a_check_warns_of_a_notice_to_a_receiver_that_the_rules_do_not_name(
    server: Server, store: Store, tmp_path: Path
) -> None:
    rules = tmp_path / "rules.yaml"
    receiver = '{to: crm, url: "https://crm.example", secret: CRM_SECRET, events: message}'
    rules.write_text(f"version: 1\nforwards: [{receiver}]\nrules: []\n")
    key, found = "a-key-of-the-environment", []
    async with a_web(server.url, GATEWAY_API_KEYS=key, GATEWAY_RULES=str(rules)) as web:
        web.api.headers["authorization"] = f"Bearer {key}"
        for notify in ({"forward": "crm"}, {"forward": "erp"}, {}):
            campaign = a_campaign(store, 1, notify=notify)
            check = (await web.api.post(f"/v1/campaigns/{campaign.id}/check")).json()
            found.append([one for one in check["warnings"] if "forward" in one])

    assert found == [[], warn_of_receiver("erp"), []]


async def test_a_campaign_that_cannot_be_read_says_so_and_is_left_out_of_the_list(
    client: httpx.AsyncClient, store: Store
) -> None:
    other = Bodies([bytes(32)])
    unreadable = create_campaign(store, other, NUMBER, a_definition())
    readable = a_campaign(store)

    shown = await client.get(f"/v1/campaigns/{unreadable}")
    listed = await client.get("/v1/campaigns")

    assert (shown.status_code, "cannot be read: key" in shown.json()["detail"]) == (503, True)
    assert [one["id"] for one in listed.json()["data"]] == [readable.id]


async def test_a_start_with_a_check_starts_what_was_looked_at(
    client: httpx.AsyncClient, store: Store
) -> None:
    campaign = a_campaign(store, 2)
    path = f"/v1/campaigns/{campaign.id}"
    first = (await client.post(f"{path}/check")).json()["check_id"]
    second = (await client.post(f"{path}/check")).json()["check_id"]
    shown = (await client.get(path)).json()["check_id"]

    stale = await client.post(f"{path}/start", json={"check_id": first})
    started = await client.post(f"{path}/start", json={"check_id": second})
    again = await client.post(f"{path}/start", json={"check_id": second})

    assert (stale.status_code, "checked anew" in stale.json()["detail"]) == (409, True)
    assert (started.json()["phase"], again.json()["phase"]) == ("running", "running")
    assert shown == second != first


async def test_a_start_with_the_check_of_another_audience_is_refused(
    client: httpx.AsyncClient, store: Store
) -> None:
    campaign = a_campaign(store, 2)
    path = f"/v1/campaigns/{campaign.id}"
    check_id = (await client.post(f"{path}/check")).json()["check_id"]
    give_audience(store, campaign, csv_of(3))

    answer = await client.post(f"{path}/start", json={"check_id": check_id})

    assert (answer.status_code, "another audience" in answer.json()["detail"]) == (409, True)
    assert read(store, campaign).phase == "draft"


async def test_a_start_after_its_end_is_refused_and_says_what_to_do(
    client: httpx.AsyncClient, store: Store
) -> None:
    soon = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    campaign = a_campaign(store, 2, finish_by=soon)
    path = f"/v1/campaigns/{campaign.id}"
    check_id = (await client.post(f"{path}/check")).json()["check_id"]
    past = replace(campaign.definition, finish_by=datetime.now(UTC) - timedelta(minutes=1))
    key = campaign_key(NUMBER, campaign.id)
    store.redis.hset(key, "definition", BODIES.pack(pack_definition(past)))

    answer = await client.post(f"{path}/start", json={"check_id": check_id})

    assert (answer.status_code, read(store, campaign).phase) == (409, "draft")
    assert "make it anew with a later one" in answer.json()["detail"]


async def test_a_paused_campaign_whose_end_has_passed_is_resumed_with_another(
    client: httpx.AsyncClient, store: Store
) -> None:
    now = datetime.now(UTC)
    campaign = a_campaign(store, 2, finish_by=(now + timedelta(hours=1)).isoformat())
    assert control.start(store, campaign, "test", now) == ""
    assert control.pause(store, campaign, "test", "a typo") == ""
    end = int((now - timedelta(minutes=1)).timestamp() * 1000)
    store.redis.hset(campaign_key(NUMBER, campaign.id), "finish_by", end)
    path, later = f"/v1/campaigns/{campaign.id}/resume", (now + timedelta(hours=2)).isoformat()

    bodies = (None, {"finish_by": "soon"}, {"finish_by": later})
    answers = [await client.post(path, json=body) for body in bodies]

    assert [one.status_code for one in answers] == [409, 422, 200]
    assert "another finish_by" in answers[0].json()["detail"]
    assert answers[2].json()["phase"] == "running"


@pytest.mark.parametrize("body", [{"check_id": 1}, {"check": "x"}, {"check_id": "x" * 17}, {}])
async def test_a_start_with_a_wrong_body_says_where(
    client: httpx.AsyncClient, store: Store, body: Any
) -> None:
    answer = await client.post(f"/v1/campaigns/{a_campaign(store, 1).id}/start", json=body)

    assert answer.status_code == 422
