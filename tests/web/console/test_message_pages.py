"""Message pages: found by whatever is known of a message, and masked unless a reason is given."""

import re
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.store.api.lists import paging
from gateway.store.console import audit_log
from gateway.store.redis.client import Store
from tests.support.factories import ANA, NUMBER
from tests.support.servers import Server
from tests.support.web.console_client import enter
from tests.support.web.console_world import HOSTILE, receive
from tests.support.web.web_app import Web, a_web
from tests.web.test_api_messages import AUTH, GIVEN

pytestmark = [pytest.mark.store, pytest.mark.anyio]
WAMID = "wamid.HBgx"
RULES = """
version: 1
rules:
  - name: bye
    when: {text: bye}
    then: [Goodbye]
  - name: asked
    when: {text: {contains: hours}}
    then: [We open at nine.]
"""


async def search(web: Web, text: str) -> httpx.Response:
    return await web.api.post("/console/search", data={"q": text})


async def shown(web: Web, path: str) -> Any:
    answer = await web.api.get(f"{path}.json")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_message_is_found_by_its_wamid_its_send_and_its_event(
    server: Server, store: Store
) -> None:
    record = receive(store, WAMID, "a secret text")
    async with a_web(server.url) as web:
        enter(web, store, "look")
        places = [(await search(web, asked)).headers["location"] for asked in (WAMID, record)]
        by_wamid, by_record = [await shown(web, place) for place in places]
        (send,) = [one["id"] for one in by_wamid["events"][0]["sends"]]
        by_send = await shown(web, (await search(web, send)).headers["location"])

    assert by_wamid["events"] == by_record["events"] == by_send["events"]
    (story,) = by_wamid["stories"]
    steps = [one["what"] for one in story["below"]]
    assert [one for one in steps if one in ("kept", "planned")] == ["kept", "planned"]
    assert f"send {send}" in steps
    planned = next(one for one in story["below"] if one["what"] == "planned")
    assert [(one["what"], one["details"]) for one in planned["below"]] == [
        ("rule welcome", "always")
    ]


async def test_a_page_on_which_nothing_matches_leads_to_older_messages(
    server: Server, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "MOST_EXAMINED", 2)
    for nth in range(3):
        receive(store, f"{WAMID}{nth}")
    async with a_web(server.url) as web:
        enter(web, store, "look")
        newest = (await web.api.get("/console/messages?status=failed")).text
        place = re.search(r'<a href="([^"]+)" rel="next">', newest)
        assert place
        oldest = (await web.api.get(f"/console/messages{unescape(place[1])}")).text

    assert "an older one may match" in newest
    assert "There is none." in oldest


async def test_texts_and_numbers_are_masked_until_a_reason_is_given(
    server: Server, store: Store
) -> None:
    receive(store, WAMID, "a secret text")
    page = f"/console/messages/{WAMID}"
    async with a_web(server.url) as web:
        enter(web, store, "reply")
        masked = (await web.api.get(page)).text + (await web.api.get(f"{page}.json")).text
        without = await web.api.post(f"{page}/reveal", data={"reason": " "})
        given = await web.api.post(f"{page}/reveal", data={"reason": "she asked us"})
        clear = (await web.api.get(page)).text
        enter(web, store, "reply", "another")
        others = (await web.api.get(page)).text

    assert "a secret text" not in masked + others
    assert ANA not in masked + others
    assert (without.status_code, given.status_code) == (422, 303)
    assert "a secret text" in clear
    (entry,) = audit_log.read_entries(store, "", 9)
    assert (entry.user, entry.what) == ("reply", "reveal")
    assert entry.subject
    assert (entry.subject.number, entry.subject.contact, entry.subject.reason) == (
        NUMBER,
        ANA,
        "she asked us",
    )


async def test_whoever_only_looks_reveals_nothing(server: Server, store: Store) -> None:
    receive(store, WAMID)
    async with a_web(server.url) as web:
        enter(web, store, "look")
        refused = await web.api.post(f"/console/messages/{WAMID}/reveal", data={"reason": "why"})

    assert refused.status_code == 403
    assert audit_log.read_entries(store, "", 9) == []


async def test_a_phone_number_leads_to_an_address_that_does_not_name_it(
    server: Server, store: Store
) -> None:
    receive(store, WAMID)
    async with a_web(server.url) as web:
        enter(web, store, "look")
        found = await search(web, f"+{ANA}")
        nobody = await search(web, "+351900000009")

    assert found.headers["location"].startswith(f"/console/conversations/{NUMBER}/")
    assert ANA not in found.headers["location"]
    assert nobody.status_code == 404


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("messages/wamid.unknown", 404),
        ("messages/aaaaaaaaaaaaaaaaaaaaaaaa", 404),
        ("messages/00000000000000000000000000000000", 404),
        ("messages/none", 404),
        ("messages/%00%ff", 404),
        ("messages?status=wrong", 200),
        ("messages?cursor=forged", 200),
        ("conversations/1/forged", 404),
        ("nowhere", 404),
    ],
)
async def test_ids_that_are_none_are_told_so(
    server: Server, store: Store, path: str, status: int
) -> None:
    async with a_web(server.url) as web:
        enter(web, store, "look")
        answer = await web.api.get(f"/console/{path}")

    assert answer.status_code == status
    assert status == 404 or "Figures unavailable" in answer.text


async def test_what_customers_write_stays_text(server: Server, store: Store) -> None:
    receive(store, WAMID, HOSTILE)
    page = f"/console/messages/{WAMID}"
    async with a_web(server.url) as web:
        enter(web, store, "reply")
        await web.api.post(f"{page}/reveal", data={"reason": HOSTILE})
        text = (await web.api.get(page)).text

    assert "&lt;script&gt;" in text
    assert "<script>document" not in text
    assert "<img" not in text


async def test_the_newest_messages_are_listed_in_pages(server: Server, store: Store) -> None:
    for nth in range(60):
        receive(store, f"{WAMID}{nth}")
    async with a_web(server.url) as web:
        enter(web, store, "look")
        first = await shown(web, "/console/messages")
        html = (await web.api.get("/console/messages")).text
        cursor = first["messages"]["data"]["next_cursor"]
        second = (await web.api.get("/console/messages.json", params={"cursor": cursor})).json()

    pages = [one["messages"]["data"]["data"] for one in (first, second)]
    assert [len(one) for one in pages] == [50, 10]
    assert len({one["id"] for page in pages for one in page}) == 60
    assert "?cursor=" in html


@pytest.mark.parametrize(
    "reference", ["507f1f77bcf86cd799439011", "0" * 32, "1234567890", "wamid.lookalike"]
)
async def test_a_reference_may_look_like_an_id_or_a_phone_number(
    server: Server, store: Store, reference: str
) -> None:
    body = {"from": NUMBER, "to": f"+{ANA}", "text": "hi", "reference": reference}
    async with a_web(server.url, GATEWAY_API_KEYS=GIVEN) as web:
        enter(web, store, "look")
        before = await search(web, reference)
        sent = await web.api.post("/v1/messages", json=body, headers=AUTH)
        after = await search(web, reference)

    assert sent.status_code == 202
    assert before.status_code == 404
    assert after.headers["location"] == f"/console/messages?reference={reference}"


async def test_a_wamid_may_hold_what_an_address_sets_apart(server: Server, store: Store) -> None:
    receive(store, "wamid.HB/g+x?y#z=", "a secret text")
    async with a_web(server.url) as web:
        enter(web, store, "reply")
        place = (await search(web, "wamid.HB/g+x?y#z=")).headers["location"]
        revealed = await web.api.post(f"{place}/reveal", data={"reason": "she asked us"})
        page = await web.api.get(revealed.headers["location"])

    assert (revealed.headers["location"], page.status_code) == (place, 200)
    assert "a secret text" in page.text


async def test_nothing_is_revealed_of_what_is_not_there(server: Server, store: Store) -> None:
    async with a_web(server.url) as web:
        enter(web, store, "reply")
        answer = await web.api.post(
            "/console/messages/wamid.none/reveal", data={"reason": "for later"}
        )

    assert answer.status_code == 404
    assert audit_log.read_entries(store, "", 9) == []


async def test_a_message_says_which_rules_of_now_answer_it_and_why(
    server: Server, store: Store, tmp_path: Path
) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(RULES)
    receive(store, WAMID, "your hours, secretly")
    async with a_web(server.url, GATEWAY_RULES=str(tmp_path)) as web:
        enter(web, store, "look")
        page = f"/console/messages/{WAMID}"
        (before,) = (await shown(web, page))["trials"]["data"]
        html = (await web.api.get(page)).text
        rules.write_text(RULES.replace("hours", "prices"))
        (after,) = (await shown(web, page))["trials"]["data"]
        rules.write_text("version: 1\nrules: [{name: broken}]")
        (broken,) = (await shown(web, page))["trials"]["data"]

    assert [line.partition(":")[0] for line in before["why"]] == ["✗ bye", "✓ asked"]
    assert before["rulebook"].startswith("By the rules of now, version ")
    assert any("when it was planned, welcome fired" in note for note in before["notes"])
    assert "Rules tried, and why" in html
    assert "secretly" not in html
    assert [line.partition(":")[0] for line in after["why"]] == ["✗ bye", "✗ asked"]
    assert "broken" in broken["problem"]
