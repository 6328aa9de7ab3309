"""Campaign pages: from a draft through a file and a check to a start, by operators alone."""

import re
from collections.abc import Mapping
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from gateway.core.alerts import AlertState
from gateway.core.planning.batch import Plan
from gateway.store import number_list
from gateway.store.campaigns.campaigns import Campaign, campaign_key, change_phase
from gateway.store.console import audit_log
from gateway.store.monitoring import alert_store
from gateway.store.planning.commit import commit
from gateway.store.planning.contacts import find_contact
from gateway.store.redis.client import Store
from gateway.store.templates.registry import TemplateRegistry
from gateway.store.templates.sync import sync_templates
from tasks.campaigns.alerts import completed_alert
from tests.support.factories import ANA, NUMBER
from tests.support.servers import Server
from tests.support.store.campaigns import a_campaign, csv_of, read
from tests.support.store.recipients import place
from tests.support.store.sends import WEEK
from tests.support.templates import WABA, MetaList, a_body, a_row
from tests.support.web.browser import Tab, a_tab
from tests.support.web.console_client import PASSWORD, enter, know_user
from tests.support.web.console_server import serving_console
from tests.support.web.web_app import Web, a_web

pytestmark = pytest.mark.store
PAGE = "/console/campaigns"
START_CALL = """-d '{{"check_id": "…"}}' "$GATEWAY/v1{}/start"</pre>"""
DRAFT = {
    "name": "spring",
    "template": "spring",
    "language": "en",
    "params": "{{ first }}\n",
    "pace": "100/m",
}


def know_template(store: Store) -> None:
    buttons = [{"type": "QUICK_REPLY", "text": "Stop this"}]
    parts = [{"type": "FOOTER", "text": "Shop Ana"}, {"type": "BUTTONS", "buttons": buttons}]
    row = a_row("spring", "en", components=[a_body("Hi {{1}}!", "Ana"), *parts])
    sync_templates(TemplateRegistry(store, WABA), MetaList([row]))


async def made(web: Web, **more: str) -> str:
    """Make a draft by the form, and return the address of its page."""
    answer = await web.api.post(PAGE, data=DRAFT | more)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


async def upload(web: Web, page: str, content: bytes, query: str = "") -> str:
    headers = {"content-type": "text/csv"}
    answer = await web.api.post(f"{page}/audience{query}", content=content, headers=headers)
    return answer.text


def an_ended_campaign(store: Store) -> Campaign:
    """Return a campaign of five, of whom three failed and one is in doubt."""
    campaign = a_campaign(store, 5)
    assert change_phase(store, campaign, ["draft"], "completed", "campaign", "over")[0]
    for row, code in enumerate((131026, 131026, 131049)):
        place(store, campaign, row, "failed", code)
    cells = {"waiting": 0, "delivered": 1, "failed": 3, "unconfirmed": 1}
    counts: Any = {f"cell:{name}": count for name, count in cells.items()}
    counts |= {"code:131026": 2, "code:131049": 1}
    store.redis.hset(campaign_key(campaign.number, campaign.id), mapping=counts)
    return campaign


def press(tab: Tab, name: str) -> None:
    tab.page.get_by_role("button", name=name, exact=True).click()


def fill(page: Page, fields: Mapping[str, str]) -> None:
    for label, text in fields.items():
        page.get_by_label(label, exact=True).fill(text)


@pytest.mark.anyio
async def test_a_campaign_goes_from_a_file_to_its_start(server: Server, store: Store) -> None:
    know_template(store)
    async with a_web(server.url, META_WABA_ID=WABA) as web:
        enter(web, store, "operate")
        page = await made(web)
        too_early = await web.api.post(f"{page}/control", data={"verb": "start"})
        read = await upload(web, page, csv_of(40) + b"\n+351900000000,Ana again")
        checked = (await web.api.post(f"{page}/check", data={"now": "1"})).text
        (check_id,) = re.findall('name="check_id" value="([0-9a-f]+)"', checked)
        start = {"verb": "start", "check_id": check_id}
        stale = await web.api.post(f"{page}/control", data=start | {"check_id": check_id[::-1]})
        started = await web.api.post(f"{page}/control", data=start)
        paused = await web.api.post(f"{page}/control", data={"verb": "pause", "why": "a typo"})
        shown = (await web.api.get(f"{page}.json")).json()["campaign"]
        unread = await web.api.post(f"{page}/control", data={"verb": "resume", "finish_by": "soon"})
        ended = await web.api.post(f"{page}/control", data={"verb": "cancel", "why": " "})
        why = (await web.api.get(f"{page}.json")).json()["campaign"]["why"]
        listed = (await web.api.get(f"{PAGE}.json")).json()["campaigns"]["data"]["data"]

    assert too_early.status_code == 409
    assert re.search(r"40 recipients from 41 rows\..*1 left out: duplicate\.", read, re.DOTALL)
    assert "<dd>40 of 40</dd>" in checked
    assert START_CALL.format(page.removeprefix("/console")) in unescape(checked)
    assert (stale.status_code, "checked anew" in stale.text) == (409, True)
    assert (started.status_code, paused.status_code) == (303, 303)
    assert (shown["phase"], shown["why"], shown["done"]) == ("paused", "a typo", 0)
    assert (unread.status_code, "finish_by" in unread.text) == (422, True)
    assert (ended.status_code, why) == (303, "cancelled by hand")
    assert shown["by"] == "operate, in the console"
    assert sum(count for _, count in shown["cells"]) == shown["funnel"]["total"]
    assert [one["name"] for one in listed] == ["spring"]
    assert [one.what for one in audit_log.read_entries(store, "", 9)] == [
        "cancel a campaign",
        "resume a campaign",
        "pause a campaign",
        "start a campaign",
        "start a campaign",
        "check a campaign",
        "give an audience",
        "create a campaign",
    ]


@pytest.mark.anyio
async def test_how_it_goes_is_asked_for_and_shown(server: Server, store: Store) -> None:
    more = {"stop_opted_out": "5", "stop_quality": "no", "first_size": "50", "first_wait": "30"}
    others = {"quiet_from": "21:00", "quiet_to": "08:00", "notify_forward": "crm"}
    async with a_web(server.url) as web:
        enter(web, store, "operate")
        page = await made(web, **more, **others, skip_unreachable="yes", finish_by="")
        refused = await web.api.post(PAGE, data=DRAFT | {"stop_failed": "lots"})
        shown = (await web.api.get(f"{page}.json")).json()["campaign"]
        html = " ".join((await web.api.get(page)).text.split())

    assert (shown["stop"]["opted_out"], shown["stop"]["quality"]) == (5, False)
    assert shown["first"] == {"size": 50, "wait": 1800}
    assert "21:00 to 08:00, by each recipient&#39;s clock" in html.replace("'", "&#39;")
    assert "50, then it waits for 30 min" in html
    assert "more than 5 % opted out; Meta refuses with a code" in html
    assert "an alert, the receiver crm</dd>" in html
    assert "whom Meta could not reach in 30 days</dd>" in html
    assert "stop/failed must be a whole number from 1 to 100" in refused.text


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("message", "is_known", "bubble"),
    [
        ({}, True, "Hi Eve!.*Shop Ana.*Stop this"),
        ({}, False, r"Template spring \(en\).*Eve"),
        ({"template": "", "text": "Hello {{ first }}."}, True, "Hello Eve."),
    ],
    ids=["a template", "one of which nothing is known", "a text"],
)
async def test_a_check_draws_its_samples_as_the_chat_shows_them(
    server: Server, store: Store, message: Mapping[str, str], is_known: bool, bubble: str
) -> None:
    if is_known:
        know_template(store)
    async with a_web(server.url, META_WABA_ID=WABA) as web:
        enter(web, store, "operate")
        page = await made(web, **message)
        await upload(web, page, b"phone,first\n+351900000001,Eve\n+351900000002,Maria-Luisa")
        html = (await web.api.post(f"{page}/check", data={"now": "1"})).text

    drawn = re.findall("<figure>(.*?)</figure>", html, re.DOTALL)
    first, longest = (" ".join(one.split()) for one in drawn)
    assert "<figcaption>the first, and the shortest</figcaption>" in first
    assert "<figcaption>the longest</figcaption>" in longest
    assert re.search(bubble, first.partition("<details")[0])
    assert "Eve" not in longest
    assert "Maria-Luisa" in longest.partition("As it is posted")[2]


@pytest.mark.anyio
async def test_a_test_goes_to_one_number_once_however_often_its_form_is_sent(
    server: Server, store: Store
) -> None:
    async with a_web(server.url) as web:
        enter(web, store, "operate")
        page = await made(web)
        early = (await web.api.get(page)).text
        await upload(web, page, csv_of(2))
        (nonce,) = re.findall('name="nonce" value="([^"]+)"', (await web.api.get(page)).text)
        form = {"nonce": nonce, "to": " +351912345678 "}
        sent = [await web.api.post(f"{page}/test", data=form) for _ in range(2)]
        tested = (await web.api.get(sent[0].headers["location"])).text
        odd = await web.api.post(f"{page}/test", data={"nonce": nonce + "x", "to": "12"})
        lost = await web.api.post(f"{page}/test", data={"to": "+351912345678"})
        shown = (await web.api.get(f"{page}.json")).json()["campaign"]
        listed = (await web.api.get("/console/messages.json")).json()["messages"]["data"]["data"]

    assert "Test it" not in early  # without an audience there are no values
    places = {one.headers["location"] for one in sent}
    assert places == {f"{page}?tested={one['id']}" for one in listed}
    assert f'<a href="/console/messages/{listed[0]["id"]}">what becomes of it</a>' in tested
    assert (odd.status_code, lost.status_code) == (422, 422)
    assert shown["funnel"]["waiting"] == 2
    assert audit_log.read_entries(store, "", 9)[0].what == "send a test of a campaign"
    assert "912345678" not in str(audit_log.read_entries(store, "", 9))


@pytest.mark.anyio
async def test_those_who_did_not_get_it_are_a_new_draft(server: Server, store: Store) -> None:
    campaign = an_ended_campaign(store)
    page = f"{PAGE}/{campaign.id}"
    async with a_web(server.url) as web:
        enter(web, store, "operate")
        shown = (await web.api.get(page)).text
        some = await web.api.post(f"{page}/retry", data={"scope": "failed", "codes": "131026, 7"})
        draft = (await web.api.get(f"{some.headers['location']}.json")).json()["campaign"]
        none = await web.api.post(f"{page}/retry", data={"scope": "expired"})
        refused = [
            await web.api.post(f"{page}/retry", data=data)
            for data in (
                {"scope": "unconfirmed"},
                {"scope": "failed", "codes": "many"},
                {"scope": ""},
            )
        ]
        enter(web, store, "reply")
        unseen = (await web.api.get(page)).text

    options = re.findall(r"<option value=\"\w+\">(\w+ \(\d+\))", shown)
    assert options == ["failed (3)", "unconfirmed (1)"]
    assert (some.status_code, draft["phase"], draft["recipients"]) == (303, "draft", 2)
    assert (none.status_code, "No recipient of the campaign is expired" in none.text) == (409, True)
    assert [one.status_code for one in refused] == [422, 422, 422]
    assert "may get it twice" in refused[0].text
    assert "Once more" not in unseen
    assert audit_log.read_entries(store, "", 9)[-1].what == "retry a campaign"


@pytest.mark.anyio
async def test_a_file_in_another_encoding_is_read_by_its_name(server: Server, store: Store) -> None:
    content = "phone,first\n+351900000001,João".encode("cp1252")
    async with a_web(server.url) as web:
        enter(web, store, "operate")
        page = await made(web)
        unread = await upload(web, page, content)
        read = await upload(web, page, content, "?encoding=cp1252")
        empty = await upload(web, page, csv_of(2), "?encoding=")
        unknown = await upload(web, page, content, "?encoding=cp0")

    assert "Line 2 is not in the encoding utf-8" in unread
    assert "1 recipient from 1 row." in read
    assert "2 recipients from 2 rows." in empty
    assert "There is no encoding cp0" in unknown


@pytest.mark.anyio
async def test_the_customers_with_a_tag_are_an_audience(server: Server, store: Store) -> None:
    known = find_contact(store, NUMBER, ANA)
    ana = replace(known, wa_id=ANA, tags=("vip",), vars={"first": "Ana"})
    assert commit(store, [Plan(NUMBER, ana, changed=True, events=())], WEEK) == [True]
    async with a_web(server.url) as web:
        enter(web, store, "operate")
        page = await made(web)
        given = await web.api.post(f"{page}/tagged", data={"tag": " vip "})
        nobody = await web.api.post(f"{page}/tagged", data={"tag": ""})
        checked = (await web.api.post(f"{page}/check", data={"now": "1"})).text
        shown = (await web.api.get(f"{page}.json")).json()["campaign"]

    assert "1 recipient from 1 row." in given.text
    assert nobody.status_code == 422
    assert shown["recipients"] == 1
    assert "<dt>takes</dt><dd>1.0 s, from " in checked
    assert "<dt>costs</dt><dd>not known: no category is known</dd>" in checked
    assert audit_log.read_entries(store, "", 9)[1].what == "give an audience"


@pytest.mark.anyio
async def test_what_is_wrong_is_told_and_nothing_of_it_counts(server: Server, store: Store) -> None:
    async with a_web(server.url) as web:
        enter(web, store, "operate")
        unnamed = await web.api.post(PAGE, data=DRAFT | {"name": " ", "pace": "fast"})
        broken_name = await web.api.post(PAGE, data=DRAFT | {"name": "spring\r\nsale"})
        page = await made(web)
        broken = await upload(web, page, b"phone,first\n+351900000001")
        shown = (await web.api.get(f"{page}.json")).json()["campaign"]
        odd = await web.api.post(f"{page}/control", data={"verb": "explode"})
        nobody = await web.api.get(f"{PAGE}/nobody")

    assert (unnamed.status_code, odd.status_code, nobody.status_code) == (422, 422, 404)
    assert "name must have 1 to 100 characters" in unnamed.text
    assert "name must be one line without control characters" in broken_name.text
    assert "pace must be 1 to 1,000 messages a second" in unnamed.text
    assert "line 2" in broken
    assert shown["recipients"] == 0


@pytest.mark.anyio
@pytest.mark.parametrize("role", ["look", "reply"])
async def test_only_an_operator_makes_and_starts(server: Server, store: Store, role: str) -> None:
    async with a_web(server.url) as web:
        enter(web, store, "operate")
        page = await made(web)
        enter(web, store, role)
        refused = [await web.api.post(PAGE, data=DRAFT)]
        refused += [
            await web.api.post(f"{page}/{what}", data={"verb": "start"})
            for what in ("control", "check", "audience", "tagged", "test", "retry")
        ]
        html = (await web.api.get(page)).text

    assert {one.status_code for one in refused} == {403}
    assert "What to do" not in html


@pytest.mark.anyio
async def test_one_that_is_over_is_news_of_the_overview(server: Server, store: Store) -> None:
    number_list.add_number(store, NUMBER)
    campaign = replace(a_campaign(store, 2), phase="completed")
    alert = completed_alert(campaign)
    alert_store.replace_row(store, alert.cause.key, None, AlertState("id", alert, 1))
    async with a_web(server.url) as web:
        enter(web, store, "look")
        state = (await web.api.get("/console/overview.json")).json()["state"]["data"]
        html = (await web.api.get("/console/overview")).text

    told = {"number": NUMBER, "what": alert.title, "advice": alert.advice}
    assert (state["alerts"], state["news"]) == ([], [told])
    assert f"<p>Number {NUMBER}: {alert.title}" in html


def sign_in(tab: Tab, path: str) -> None:
    tab.open(path)
    fill(tab.page, {"Name": "operate", "Password": PASSWORD})
    press(tab, "Sign in")


def make_draft(tab: Tab) -> None:
    fill(tab.page, {"Name": "spring", "Template": "spring", "Language": "en"})
    fill(tab.page, {"Its values, one a line": "{{ first }}"})
    tab.page.get_by_text("More: end, quiet hours").click()
    fill(tab.page, {"if more opted out, %": "5", "Quiet from": "21:00"})
    fill(tab.page, {"to, by each recipient's clock": "21:01"})
    assert tab.findings() == []
    press(tab, "Make a draft")
    expect(tab.page).to_have_url(re.compile(f"{PAGE}/[a-z0-9]+$"))
    tab.page.get_by_text("How it goes").click()
    expect(tab.page.get_by_text("more than 5 % opted out")).to_be_visible()


def test_an_operator_makes_a_campaign_in_a_browser(
    server: Server, store: Store, browser: Browser, tmp_path: Path
) -> None:
    know_user(store, "operate")
    know_template(store)
    (tmp_path / "people.csv").write_bytes("phone,first\n+351900000001,João\n".encode("cp1252"))
    serving = serving_console(server.url, META_WABA_ID=WABA)
    with serving as console, a_tab(browser, console.url) as tab:
        sign_in(tab, PAGE)
        make_draft(tab)
        tab.page.get_by_label("Audience").set_input_files(tmp_path / "people.csv")
        press(tab, "Give it this audience")
        expect(tab.page.get_by_text("Line 2 is not in the encoding utf-8")).to_be_visible()
        fill(tab.page, {"Its encoding": "cp1252"})
        press(tab, "Give it this audience")
        expect(tab.page.get_by_text("1 recipient from 1 row.")).to_be_visible()
        fill(tab.page, {"A phone number of your own": "+351 912 345 678"})
        assert tab.findings() == []
        press(tab, "Send a test")
        expect(tab.page.get_by_role("link", name="what becomes of it")).to_be_visible()
        assert tab.findings() == []
        press(tab, "Check")
        expect(tab.page.get_by_text("1 of 1", exact=True)).to_be_visible()
        expect(tab.page.get_by_role("figure").first).to_contain_text("Hi João!")
        assert tab.findings() == []
        press(tab, "Start")
        expect(tab.page.get_by_role("heading", name="running")).to_be_visible()
        expect(tab.page.get_by_role("progressbar")).to_have_attribute("max", "1")
        assert tab.findings() == []
        # The browser itself notes the status of the file that was refused.
        tab.troubles = [one for one in tab.troubles if "422" not in one]


def test_an_operator_sends_once_more_to_those_who_failed_in_a_browser(
    server: Server, store: Store, browser: Browser
) -> None:
    know_user(store, "operate")
    campaign = an_ended_campaign(store)
    with serving_console(server.url) as console, a_tab(browser, console.url) as tab:
        sign_in(tab, f"{PAGE}/{campaign.id}")
        tab.page.get_by_label("Those who are").select_option(label="failed (3)")
        fill(tab.page, {"Of the failed, with Meta's codes": "131026"})
        assert tab.findings() == []
        press(tab, "Make a draft for them")
        expect(tab.page.get_by_role("heading", name="draft")).to_be_visible()
        expect(tab.page.get_by_text("0 of 2 recipients done.")).to_be_visible()
        changed = tab.page.get_by_text("What can be done has changed")
        expect(changed).to_be_hidden()
        draft = read(store, tab.page.url.rpartition("/")[2])
        assert change_phase(store, draft, ["draft"], "cancelled", "ana", "a typo")[0]
        expect(changed).to_be_visible()
        assert tab.findings() == []
