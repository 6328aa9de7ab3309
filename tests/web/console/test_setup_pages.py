"""Pages of what an installation is made of: templates, rules, numbers and accounts."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.core.contacts.contact import Contact
from gateway.core.forwards.forward import Forward, forward_id
from gateway.core.planning.batch import Plan
from gateway.core.services.attempt_outcome import BREAKS_AFTER, CallOutcome
from gateway.core.services.service_call import ServiceCall
from gateway.store import keys, number_list
from gateway.store.campaigns.reach import note_limit
from gateway.store.console import audit_log
from gateway.store.outgoing import calls
from gateway.store.outgoing.forwards import queue_forwards
from gateway.store.outgoing.receiver_states import read_receiver_states
from gateway.store.planning.commit import commit
from gateway.store.redis.client import Store
from gateway.store.sending import pauses
from gateway.store.templates.registry import TemplateRegistry
from gateway.store.templates.sync import sync_templates
from gateway.web.console.pages.rules import MOST_PAYLOAD
from tests.support.factories import NUMBER, a_message, delivery_body, message_item
from tests.support.servers import Server
from tests.support.store.sends import WEEK
from tests.support.templates import WABA, MetaList, a_row
from tests.support.web.console_client import enter
from tests.support.web.console_world import HOSTILE, receive
from tests.support.web.web_app import Web, a_web

pytestmark = [pytest.mark.store, pytest.mark.anyio]
RULES = """
version: 1
rules:
  - name: hours
    when: {text: {contains: hours}}
    then: [We open at nine.]
  - name: welcome
    shadow: true
    then: [Hello]
"""


async def read(web: Web, page: str) -> tuple[Any, str]:
    """Return a page as JSON and as HTML."""
    path, _, query = page.partition("?")
    shown, html = await web.api.get(f"{path}.json?{query}"), await web.api.get(page)
    assert (shown.status_code, html.status_code) == (200, 200), html.text
    return shown.json(), html.text


async def test_templates_say_which_cannot_be_sent_and_are_drawn(
    server: Server, store: Store
) -> None:
    sync_templates(
        TemplateRegistry(store, WABA), MetaList([a_row(), a_row("bye", status="PAUSED")])
    )
    async with a_web(server.url, META_WABA_ID=WABA) as web:
        enter(web, store, "look")
        listed, _ = await read(web, "/console/templates")
        one, html = await read(web, "/console/templates/bye/en_US")
        paused, _ = await read(web, "/console/templates?status=PAUSED")
        unknown = await web.api.get("/console/templates/nobody/en_US")

    assert [(one["name"], one["usable"]) for one in listed["templates"]["data"]["data"]] == [
        ("bye", False),
        ("order_sent", True),
    ]
    assert [one["name"] for one in paused["templates"]["data"]["data"]] == ["bye"]
    assert one["template"]["why_not"] == "its status at Meta is PAUSED"
    assert "{{1}}" in one["bubble"]
    assert one["bubble"].strip() in html
    assert unknown.status_code == 404


async def test_a_number_is_held_and_released_with_the_reason_on_record(
    server: Server, store: Store
) -> None:
    number_list.add_number(store, NUMBER)
    page = f"/console/numbers/{NUMBER}"
    async with a_web(server.url) as web:
        enter(web, store, "operate")
        without = await web.api.post(f"{page}/hold", data={"why": " "})
        done = await web.api.post(f"{page}/hold", data={"why": HOSTILE[:40], "rule": "promo"})
        shown, html = await read(web, "/console/numbers")
        (held,) = shown["numbers"]["data"]["data"]
        released = await web.api.post(f"{page}/release", data={"rule": "promo"})
        enter(web, store, "reply")
        forbidden = await web.api.post(f"{page}/hold", data={"why": "no"})

    assert [one.status_code for one in (without, done, released, forbidden)] == [422, 303, 303, 403]
    assert [(one["rule"], one["why"]) for one in held["held"]] == [("promo", HOSTILE[:40])]
    assert "<script>document" not in html
    assert pauses.pauses_by_number(store, [NUMBER])[NUMBER].holds == ()
    notes = [(one.what, one.about) for one in audit_log.read_entries(store, "", 9)]
    about = f"number {NUMBER}, rule promo"
    assert notes == [("release", about), ("hold", about)]


async def test_the_overview_shows_the_reach_of_a_number_whose_limit_is_known(
    server: Server, store: Store
) -> None:
    number_list.add_number(store, NUMBER)
    number_list.add_number(store, "200000000000002")
    async with a_web(server.url) as web:
        enter(web, store, "look")
        unknown, _ = await read(web, "/console/overview")
        note_limit(store, NUMBER, "TIER_250")
        hour = store.redis.time()[0] // 3_600
        store.redis.pfadd(f"{keys.number(NUMBER)}reached:{hour}", "ana", "bo")
        store.redis.pfadd(f"{keys.number('200000000000002')}reached:{hour - 23}", "cy")
        store.redis.pfadd(f"{keys.number(NUMBER)}reached:{hour - 26}", "dan")
        known, html = await read(web, "/console/overview")
        note_limit(store, NUMBER, "TIER_UNLIMITED")
        unlimited, _ = await read(web, "/console/overview")

    assert unknown["reach"]["data"] == {}
    assert known["reach"]["data"] == {NUMBER: {"limit": 250, "used": 3}}
    assert "3 of 250" in html
    assert unlimited["reach"]["data"][NUMBER]["limit"] is None


async def test_a_receiver_is_paused_and_resumed(server: Server, store: Store) -> None:
    number_list.add_number(store, NUMBER)
    forward = Forward(forward_id("message|1", "crm"), "crm", "0:1000-0/0")
    assert queue_forwards(store, NUMBER, "crm", [forward]) == 1
    page = "/console/forwards"
    async with a_web(server.url) as web:
        enter(web, store, "operate")
        shown, _ = await read(web, page)
        odd = await web.api.post(f"{page}/crm/control", data={"verb": "burn"})
        nobody = await web.api.post(f"{page}/nobody/control", data={"verb": "pause"})
        paused = await web.api.post(f"{page}/crm/control", data={"verb": "pause"})
        (state,) = read_receiver_states(store, [NUMBER])
        resumed = await web.api.post(f"{page}/crm/control", data={"verb": "resume"})

    (receiver,) = shown["receivers"]["data"]["data"]
    assert (receiver["receiver"], receiver["waiting"]) == ("crm", 1)
    assert [one.status_code for one in (odd, nobody, paused, resumed)] == [422, 404, 303, 303]
    assert state.condition == "paused"
    assert read_receiver_states(store, [NUMBER])[0].condition == "well"


async def test_a_service_that_answers_nobody_is_shown_with_what_waits_for_it(
    server: Server, store: Store
) -> None:
    number_list.add_number(store, NUMBER)
    call = ServiceCall("one", "orders", {"service": "orders", "method": "GET", "path": "/1"})
    plan = Plan(NUMBER, Contact(""), changed=False, events=(a_message("wamid.1"),), calls=(call,))
    assert commit(store, [plan], WEEK) == [True]
    (attempt,) = calls.take(store, NUMBER, "orders", 1, timedelta(seconds=60)).attempts
    outcome = CallOutcome("later", "ReadTimeout", "ReadTimeout", 30_000, "sick")
    assert calls.settle(store, NUMBER, attempt, outcome, WEEK)
    async with a_web(server.url) as web:
        enter(web, store, "look")
        failing, _ = await read(web, "/console/services")
        store.redis.hset(f"{keys.number(NUMBER)}breaker:orders", "failures", BREAKS_AFTER)
        down, html = await read(web, "/console/services")

    (state,) = failing["services"]["data"]
    assert (state["service"], state["condition"], state["waiting"]) == ("orders", "failing", 1)
    assert state["next_at"]
    assert down["services"]["data"][0]["condition"] == "down"
    (numbers,) = down["calls"]["data"]
    assert (numbers["waiting"], numbers["counts"]) == (1, {"planned": 1})
    assert "orders" in html


async def test_rules_show_their_state_how_often_they_fired_and_who_answers_a_text(
    server: Server, store: Store, tmp_path: Path
) -> None:
    (tmp_path / "rules.yaml").write_text(RULES)
    receive(store, "wamid.HBgr")
    async with a_web(server.url, GATEWAY_RULES=str(tmp_path)) as web:
        enter(web, store, "look")
        shown, _ = await read(web, "/console/rules")
        explained = await web.api.post(
            "/console/rules", data={"text": "your hours?", "path": str(tmp_path)}
        )
        elsewhere = await web.api.post("/console/rules", data={"text": "hi", "path": "/etc"})
        (tmp_path / "rules.yaml").write_text("version: 1\nrules: [{name: broken}]")
        broken, _ = await read(web, "/console/rules")

    (book,) = shown["books"]["data"]
    assert [(one["name"], one["state"], one["does"]) for one in book["rules"]] == [
        ("hours", "on", ["send_text"]),
        ("welcome", "shadow", ["send_text"]),
    ]
    assert shown["hits"]["data"] == {"welcome": 1}
    assert "→ <bdi>We open at nine.</bdi>" in explained.text
    assert elsewhere.status_code == 422
    assert "broken" in broken["books"]["data"][0]["problems"][0]


async def test_a_pasted_payload_is_explained_event_by_event(
    server: Server, store: Store, tmp_path: Path
) -> None:
    (tmp_path / "rules.yaml").write_text(RULES)
    others = [
        message_item(f"wamid.{nth}", "your hours?", str(351900000100 + nth)) for nth in range(59)
    ]
    given = delivery_body(message_item("wamid.first", HOSTILE), *others).decode()
    room = MOST_PAYLOAD - len(given.encode())
    # An emoji of 4 bytes is 12 in a form.
    given = given.replace("<script>", "<script>" + "\N{GRINNING FACE}" * (room // 4))
    form = {"path": str(tmp_path)}
    async with a_web(server.url, GATEWAY_RULES=str(tmp_path)) as web:
        enter(web, store, "look")

        async def explain(**more: str) -> httpx.Response:
            return await web.api.post("/console/rules", data=form | more)

        explained = await explain(payload=given)
        refused = [
            await explain(payload="{"),
            await explain(payload='{"field": "messages", "value": {}}'),
            await explain(payload="1" * (MOST_PAYLOAD + 1)),
            await explain(payload=given, text="both"),
            await explain(),
        ]

    assert explained.status_code == 200, explained.text
    assert explained.text.count("→ <bdi>We open at nine.</bdi>") == 49
    assert "10 more events are not shown" in explained.text
    assert "<script>document" not in explained.text
    assert [one.status_code for one in refused] == [422] * 5
    assert "It is no JSON" in refused[0].text
    assert "Meta posts it inside object and entry" in refused[1].text
    assert "64 KB are read here" in refused[2].text


async def test_the_rules_that_gateway_dev_plays_are_shown_while_there_are_no_others(
    server: Server, store: Store, tmp_path: Path
) -> None:
    own, played = tmp_path / "own", tmp_path / "played"
    own.mkdir()
    played.mkdir()
    (played / "rules.yaml").write_text(RULES)
    async with a_web(server.url, GATEWAY_RULES=str(own), GATEWAY_DEMO_RULES=str(played)) as web:
        enter(web, store, "look")
        shown, _ = await read(web, "/console/rules")
        explained = await web.api.post(
            "/console/rules", data={"text": "your hours?", "path": str(played)}
        )

    (book,) = shown["books"]["data"]
    assert (book["path"], len(book["rules"])) == (str(played), 2)
    assert "→ <bdi>We open at nine.</bdi>" in explained.text


async def test_accounts_show_what_they_serve_and_no_secret(server: Server, store: Store) -> None:
    async with a_web(server.url, META_WABA_ID=WABA) as web:
        enter(web, store, "look")
        shown, html = await read(web, "/console/accounts")

    (account,) = shown["accounts"]
    assert [one["id"] for one in account["numbers"]] == [NUMBER]
    assert account["webhook"] == "/webhook"
    for secret in ("EAAtesttoken", "app secret", "a verify token"):
        assert secret not in html.replace("app secrets", "")
