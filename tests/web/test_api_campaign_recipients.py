"""Recipients of a campaign through the API: who did not get it, and why."""

from datetime import UTC, datetime

import httpx
import pytest

from gateway.core.api.keys import ApiKey, hash_key
from gateway.core.sending.outcome import Outcome
from gateway.store.api.api_keys import add_key
from gateway.store.campaigns import control
from gateway.store.campaigns.campaigns import Campaign
from gateway.store.campaigns.expansion import expand
from gateway.store.redis.client import Store
from tests.support.store.campaigns import (
    BODIES,
    a_campaign,
    csv_of,
    give_audience,
    phone,
    read,
)
from tests.support.store.sends import lanes

pytestmark = [pytest.mark.store, pytest.mark.anyio]


def half_failed(store: Store, count: int = 6) -> Campaign:
    """Return a running campaign whose recipients failed, with two codes, or were accepted."""
    campaign = a_campaign(store, count)
    assert control.start(store, campaign, "test", datetime.now(UTC)) == ""
    expand(store, BODIES, read(store, campaign))
    for i, one in enumerate(lanes(store).pump([], count).attempts):
        error = f'{{"code":{131026 if i % 4 == 1 else 131049}}}'
        outcome = (
            Outcome(one.send, one.ordinal, "dead", error_json=error)
            if i % 2
            else Outcome(one.send, one.ordinal, "accepted", wamid=one.send)
        )
        lanes(store).pump([outcome], 0)
    return read(store, campaign)


async def test_the_recipients_who_did_not_get_it_are_listed_with_the_reason(
    client: httpx.AsyncClient, store: Store
) -> None:
    path = f"/v1/campaigns/{half_failed(store).id}/recipients"

    failed = (await client.get(path, params={"status": "failed"})).json()
    coded = (await client.get(path, params={"code": 131026})).json()
    every = (await client.get(path, params={"status": "failed,accepted"})).json()

    assert [one["phone"] for one in failed["data"]] == [f"+{phone(i)}" for i in (1, 3, 5)]
    assert {one["status"] for one in failed["data"]} == {"failed"}
    assert [one["code"] for one in failed["data"]] == [131026, 131049, 131026]
    assert all(one["advice"] for one in failed["data"])
    assert [one["phone"] for one in coded["data"]] == [f"+{phone(1)}", f"+{phone(5)}"]
    assert len(every["data"]) == 6
    assert failed["next_cursor"] is None
    message = (await client.get(f"/v1/messages/{failed['data'][0]['message']}")).json()
    assert (message["status"], message["error"]["code"]) == ("failed", 131026)


async def test_a_campaign_that_has_ended_settles_while_statuses_may_come(
    client: httpx.AsyncClient, store: Store
) -> None:
    campaign = half_failed(store)
    path = f"/v1/campaigns/{campaign.id}"

    running = (await client.get(path)).json()["settling"]
    control.cancel(store, campaign, "test", "why")

    assert (running, (await client.get(path)).json()["settling"]) == (False, True)


async def test_a_page_leads_to_the_next_with_the_same_filters_only(
    client: httpx.AsyncClient, store: Store
) -> None:
    campaign = half_failed(store)
    path = f"/v1/campaigns/{campaign.id}/recipients"

    first = await client.get(path, params={"status": "failed", "limit": 2})
    after = first.json()["next_cursor"]
    second = await client.get(first.headers["link"].split(">")[0].removeprefix("<"))
    other = await client.get(path, params={"status": "read", "cursor": after})

    assert [one["phone"] for one in second.json()["data"]] == [f"+{phone(5)}"]
    assert second.json()["next_cursor"] is None
    assert (other.status_code, other.json()["type"].endswith("cursor-mismatch")) == (422, True)


async def test_a_cursor_of_another_audience_is_refused(
    client: httpx.AsyncClient, store: Store
) -> None:
    campaign = a_campaign(store, 3)
    path = f"/v1/campaigns/{campaign.id}/recipients"
    cursor = (await client.get(path, params={"limit": 1})).json()["next_cursor"]

    give_audience(store, campaign, b"phone,first\n+351912345678,Ana\n+351912345679,Bo")

    again = await client.get(path, params={"limit": 1, "cursor": cursor})
    assert again.json()["type"].endswith("cursor-mismatch")


@pytest.mark.parametrize(
    ("query", "place"),
    [("status=gone", "#/status"), ("code=x", "#/code"), ("code=99999999", "#/code"),
     ("limit=0", "#/limit"), ("phone=1", "#/phone"), ("status=", "#/status")],
)  # fmt: skip
async def test_a_query_that_is_wrong_says_where(
    client: httpx.AsyncClient, store: Store, query: str, place: str
) -> None:
    answer = await client.get(f"/v1/campaigns/{a_campaign(store, 1).id}/recipients?{query}")

    assert answer.status_code == 422, answer.text
    assert [one["pointer"] for one in answer.json()["errors"]] == [place]


async def test_a_bound_key_sees_no_recipients_of_other_numbers(
    client: httpx.AsyncClient, store: Store
) -> None:
    add_key(store, ApiKey("k1", hash_key("other"), numbers=("100000000000099",)))
    path = f"/v1/campaigns/{a_campaign(store, 1).id}/recipients"

    answer = await client.get(path, headers={"authorization": "Bearer other"})

    assert answer.status_code == 404


async def test_all_rows_that_were_left_out_can_be_had(
    client: httpx.AsyncClient, store: Store
) -> None:
    campaign = a_campaign(store, 0)
    audience, file = f"/v1/campaigns/{campaign.id}/audience", csv_of(2) + b"\n12,Bad" * 150
    headers = {"content-type": "text/csv"}

    told = (await client.put(audience, content=file, headers=headers)).json()
    every = (await client.get(told["all_problems"])).text.splitlines()
    excel = (await client.get(told["all_problems"], params={"excel": "1"})).content
    clean = (await client.put(audience, content=csv_of(2), headers=headers)).json()

    assert (len(told["problems"]), len(every)) == (100, 151)
    assert every[1] == "4,invalid,is no possible phone number"
    assert excel.startswith(b"\xef\xbb\xbfline;cause;detail\n4;invalid;")
    assert (clean["all_problems"], clean["problems"]) == (None, [])
    after = (await client.get(f"/v1/campaigns/{campaign.id}/problems.csv")).text
    assert after == "line,cause,detail\n"


@pytest.mark.parametrize("file", ["export.csv", "problems.csv"])
async def test_a_table_says_what_excel_may_be(
    client: httpx.AsyncClient, store: Store, file: str
) -> None:
    path = f"/v1/campaigns/{a_campaign(store, 1).id}/{file}"

    wrong, right = [await client.get(path, params={"excel": text}) for text in ("yes", "1")]

    assert (wrong.status_code, right.status_code) == (422, 200)
    assert [one["pointer"] for one in wrong.json()["errors"]] == ["#/excel"]
