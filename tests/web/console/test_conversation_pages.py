"""Conversation pages: both sides of a chat, masked until a reason is given; replies by hand."""

import re
from typing import Any

import pytest

from gateway.store.console import audit_log
from gateway.store.planning.contacts import find_contact
from gateway.store.redis.client import Store
from tests.support.factories import ANA, NUMBER
from tests.support.servers import Server
from tests.support.store.sends import lanes
from tests.support.web.console_client import enter
from tests.support.web.console_world import HOSTILE, MANY_EMOJI, Silent, receive
from tests.support.web.web_app import Web, a_web

pytestmark = [pytest.mark.store, pytest.mark.anyio]
SECRET = "a secret text"


async def open_chat(web: Web) -> str:
    """Return the address of Ana's conversation."""
    return (await web.api.post("/console/search", data={"q": ANA})).headers["location"]


async def shown(web: Web, page: str) -> Any:
    answer = await web.api.get(f"{page}.json")
    assert answer.status_code == 200, answer.text
    return answer.json()


def said(chat: Any) -> list[tuple[str, str]]:
    texts = (re.sub("<[^>]+>|\\s+", " ", one["bubble"]) for one in chat["entries"])
    return [(one["from"], text) for one, text in zip(chat["entries"], texts, strict=True)]


async def test_a_chat_shows_both_sides_and_the_rule_beside_each_reply(
    server: Server, store: Store
) -> None:
    receive(store, "wamid.1", SECRET)
    receive(store, "wamid.2", "and more")
    async with a_web(server.url) as web:
        enter(web, store, "reply")
        page = await open_chat(web)
        masked = await shown(web, page)
        html = (await web.api.get(page)).text
        await web.api.post(f"{page}/reveal", data={"reason": "she called"})
        clear = await shown(web, page)

    assert [one["from"] for one in clear["entries"]] == ["customer", "us", "customer", "us"]
    assert [(one["rule"], one["why"]) for one in clear["entries"]][1::2] == [
        ("welcome", "always"),
        ("again", "always"),
    ]
    texts = [text for _, text in said(clear)]
    assert SECRET in texts[0]
    assert "welcome" in texts[1]
    assert clear["contact"]["phone"] == ANA
    assert (masked["contact"]["id"], masked["contact"]["name"]) == ("…0001", None)
    assert SECRET not in str(masked) + html
    assert ANA not in str(masked) + html
    assert "Ana" not in html


async def test_a_handed_over_customer_is_found_and_answered_by_hand_once(
    server: Server, store: Store
) -> None:
    receive(store, "wamid.1")
    async with a_web(server.url) as web:
        user = enter(web, store, "reply")
        page = await open_chat(web)
        taken = await web.api.post(f"{page}/take-over", data={"for": "4 h"})
        receive(store, "wamid.2", "are you there?")
        waiting = (await shown(web, "/console/conversations"))["waiting"]["data"]
        nonce = (await shown(web, page))["nonce"]
        form = {"text": "Yes, here I am.", "nonce": nonce}
        answers = [await web.api.post(f"{page}/reply", data=form) for _ in range(2)]
        chat = await shown(web, page)
        back = await web.api.post(f"{page}/give-back", data={"x": ""})

    assert [one.status_code for one in (taken, *answers, back)] == [303] * 4
    assert [(one["address"], one["customer"]) for one in waiting] == [(page, "…0001")]
    by_hand = [one for one in chat["entries"] if one["by_hand"]]
    assert [one["by_hand"] for one in by_hand] == [f"by hand: {user.name}"]
    posted = [one.body["text"]["body"] for one in lanes(store).pump([], 9).attempts]
    assert posted.count("Yes, here I am.") <= 1
    assert find_contact(store, NUMBER, ANA).hand_over is None
    noted = [
        (one.what, one.subject and one.subject.contact)
        for one in audit_log.read_entries(store, "", 9)
    ]
    assert noted == [("give back", ANA), *[("reply by hand", ANA)] * 2, ("take over", ANA)]


@pytest.mark.parametrize("act", ["reveal", "reply", "take-over", "give-back", "mute"])
async def test_whoever_only_looks_changes_nothing(server: Server, store: Store, act: str) -> None:
    receive(store, "wamid.1")
    async with a_web(server.url) as web:
        enter(web, store, "look")
        page = await open_chat(web)
        form = {"text": "x", "nonce": "n" * 12, "for": "1 h", "reason": "why"}
        refused = await web.api.post(f"{page}/{act}", data=form)

    assert refused.status_code == 403
    assert audit_log.read_entries(store, "", 9) == []


@pytest.mark.parametrize(
    ("act", "form"),
    [
        ("reply", {"text": " ", "nonce": "n" * 12}),
        ("reply", {"text": "x" * 4_097, "nonce": "n" * 12}),
        ("reply", {"text": "x", "nonce": "\N{SNOWMAN}" * 12}),
        ("take-over", {"for": "999 h"}),
        ("mute", {"for": ""}),
    ],
)
async def test_a_form_that_says_nothing_usable_is_refused(
    server: Server, store: Store, act: str, form: dict[str, str]
) -> None:
    receive(store, "wamid.1")
    async with a_web(server.url) as web:
        enter(web, store, "reply")
        page = await open_chat(web)
        refused = await web.api.post(f"{page}/{act}", data=form)

    assert refused.status_code == 422


async def test_a_long_chat_is_shown_in_pages(server: Server, store: Store) -> None:
    for nth in range(50):
        receive(store, f"wamid.{nth}", f"text {nth}")
    async with a_web(server.url) as web:
        enter(web, store, "reply")
        page = await open_chat(web)
        ids, place = list[str](), ""
        while True:
            found = (await web.api.get(f"{page}.json{place}")).json()
            ids = [one["id"] for one in found["entries"]] + ids
            if not found["older"]:
                break
            place = f"?before={found['older']}"

    assert len(set(ids)) == len(ids) == 100


async def test_what_customers_write_stays_text(server: Server, store: Store) -> None:
    receive(store, "wamid.1", HOSTILE)
    receive(store, "wamid.2", MANY_EMOJI)
    async with a_web(server.url) as web:
        enter(web, store, "reply")
        page = await open_chat(web)
        await web.api.post(f"{page}/reveal", data={"reason": "why"})
        html = (await web.api.get(page)).text

    assert MANY_EMOJI in html
    assert "&lt;script&gt;" in html
    assert "<script>document" not in html
    assert "<img" not in html


async def test_what_no_rule_answered_is_in_the_chat_as_well(server: Server, store: Store) -> None:
    receive(store, "wamid.1", "is anybody there?", rules=Silent())
    receive(store, "wamid.2", "hello", rules=Silent())
    async with a_web(server.url) as web:
        enter(web, store, "reply")
        recent = await shown(web, "/console/conversations")
        (listed,) = recent["recent"]["data"]
        await web.api.post(f"{listed['address']}/reveal", data={"reason": "nobody answered"})
        chat = await shown(web, listed["address"])

    (first, second) = said(chat)
    assert (first[0], second[0]) == ("customer", "customer")
    assert "is anybody there?" in first[1]
    assert "hello" in second[1]
