"""The console in a browser: nothing breaks its policy, and everybody can use it."""

import re
import signal
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from gateway.store import number_list
from gateway.store.console.sign_ins import end_sign_ins, read_sign_ins
from gateway.store.redis.client import Store
from gateway.web.console import live
from gateway.web.console.page_table import PAGES
from tests.support.factories import ANA, NUMBER
from tests.support.servers import Server, wait_until
from tests.support.store.dead_sends import die
from tests.support.store.sends import a_send, lanes, queue
from tests.support.web.browser import Tab, a_tab
from tests.support.web.clinic_world import Clinic
from tests.support.web.console_client import PASSWORD, know_user
from tests.support.web.console_server import serving_console
from tests.support.web.console_world import HOSTILE, MANY_EMOJI, receive

pytestmark = pytest.mark.store
WAMID = "wamid.HBgx"
SCREENS: dict[str, dict[str, Any]] = {
    "light": {"viewport": {"width": 1280, "height": 800}, "color_scheme": "light"},
    "dark phone": {
        "viewport": {"width": 360, "height": 740}, "color_scheme": "dark", "has_touch": True,
    },
}  # fmt: skip


def sign_in(tab: Tab, name: str) -> None:
    tab.open("/console/")
    give_password(tab.page, name)


def give_password(page: Page, name: str) -> None:
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()


def let_die(store: Store, *names: str) -> None:
    number_list.add_number(store, NUMBER)
    for name in names:
        send = a_send(name, name)
        queue(store, send)
        die(store, send)


def test_the_overview_stays_up_to_date_and_the_keys_lead_around(
    server: Server, store: Store, browser: Browser
) -> None:
    know_user(store, "admin")
    with serving_console(server.url) as console, a_tab(browser, console.url) as tab:
        tab.open("/console/")
        assert tab.findings() == []
        sign_in(tab, "admin")
        at = tab.page.locator("#overview time").first
        before = at.get_attribute("datetime")
        assert before
        expect(at).not_to_have_attribute("datetime", before)

        tab.page.keyboard.press("?")
        expect(tab.page.get_by_role("dialog")).to_be_visible()
        tab.page.keyboard.press("Escape")
        tab.page.keyboard.press("p")
        expect(tab.page.get_by_text("paused")).to_be_visible()
        tab.page.keyboard.press("g")
        tab.page.keyboard.press("m")
        expect(tab.page).to_have_url(re.compile("/console/messages$"))
        tab.page.keyboard.press("/")
        expect(tab.page.get_by_role("searchbox")).to_be_focused()


def test_a_tab_that_nobody_has_looked_at_holds_no_connection(
    server: Server, store: Store, browser: Browser
) -> None:
    know_user(store, "look")
    with serving_console(server.url) as console, a_tab(browser, console.url) as tab:
        sign_in(tab, "look")
        tab.page.goto("about:blank")  # the page that was signed in to may only now become live
        tab.page.add_init_script(
            "let hidden = true;"
            "Object.defineProperty(document, 'hidden', { get: () => hidden });"
            "window.look = () => { hidden = false;"
            " document.dispatchEvent(new Event('visibilitychange')); };"
        )
        streams: list[str] = []
        tab.page.on("request", lambda one: streams.append(one.url) if "/live?" in one.url else None)
        tab.open("/console/overview")
        before = list(streams)
        tab.page.evaluate("window.look()")
        at = tab.page.locator("#overview time").first
        seen = at.get_attribute("datetime") or ""
        expect(at).not_to_have_attribute("datetime", seen)

    assert (before, len(streams)) == ([], 1)


@pytest.mark.parametrize("screen", SCREENS)
def test_every_page_can_be_used_by_everybody_whatever_customers_write(
    server: Server, store: Store, browser: Browser, screen: str, clinic: Clinic
) -> None:
    know_user(store, "admin")
    receive(store, WAMID, HOSTILE)
    receive(store, "wamid.2", MANY_EMOJI)
    let_die(store, "dead")
    options = SCREENS[screen]
    serving = serving_console(server.url, **clinic.env)
    with serving as console, a_tab(browser, console.url, **options) as tab:
        sign_in(tab, "admin")
        for path in (page.path for page in PAGES):
            query = f"?from={NUMBER}" if path.startswith("/templates") else ""
            tab.open(f"{clinic.place(path)}{query}")
            expect(tab.page.get_by_role("heading", level=1)).to_be_visible()
            assert (path, tab.findings()) == (path, [])
            assert _overflow(tab) <= 0, path
        tab.open("/console/messages")
        for asked in (WAMID, ANA):
            tab.page.get_by_role("searchbox").fill(asked)
            tab.page.get_by_role("button", name="Search").click()
            tab.page.get_by_label("Why do you look?").fill(HOSTILE[:200])
            tab.page.get_by_role("button", name="Show texts and numbers").click()
            expect(tab.page.get_by_text("are shown for 15 minutes")).to_be_visible()
            expect(tab.page.get_by_text("<script>document.title").first).to_be_attached()
            assert (asked, tab.findings()) == (asked, [])
            assert _overflow(tab) <= 0, asked
        assert "stolen" not in tab.page.title()


def _overflow(tab: Tab) -> int:
    """Return by how many pixels a page is wider than the screen."""
    return int(tab.page.evaluate("document.documentElement.scrollWidth - window.innerWidth"))


def test_a_hand_over_is_answered_by_hand(server: Server, store: Store, browser: Browser) -> None:
    know_user(store, "reply")
    receive(store, WAMID, "I need a person")
    with serving_console(server.url) as console, a_tab(browser, console.url) as tab:
        sign_in(tab, "reply")
        tab.open("/console/conversations")
        tab.page.get_by_role("link", name="…0001").click()
        tab.page.get_by_role("button", name="Take over").click()
        expect(tab.page.get_by_text("reply, in the console")).to_be_visible()
        tab.page.get_by_label("Reply by hand").fill("Here I am.")
        tab.page.get_by_role("button", name="Send").click()
        expect(tab.page.get_by_text("by hand: reply")).to_be_visible()
        # What comes in meanwhile appears by itself.
        receive(store, "wamid.live", "thank you!")
        expect(tab.page.locator(".entry-row.customer")).to_have_count(2)
        tab.open("/console/conversations")
        expect(
            tab.page.get_by_role("region", name="Customers that a person answers")
        ).to_contain_text("…0001")

    posted = [one.body["text"]["body"] for one in lanes(store).pump([], 9).attempts]
    assert posted  # the first of the lane; the rest waits behind it


def test_of_many_open_windows_some_are_live_and_every_page_can_be_loaded(
    server: Server, store: Store, browser: Browser
) -> None:
    know_user(store, "look")
    with serving_console(server.url) as console, a_tab(browser, console.url) as tab:
        sign_in(tab, "look")
        others = [tab.page.context.new_page() for _ in range(9)]
        for page in others:
            page.goto(f"{console.url}/console/overview")
        pages = [tab.page, *others]

        def find_live() -> list[Page]:
            return [one for one in pages if one.text_content("#live-state") == "live"]

        wait_until(lambda: len(find_live()) == 4, "four windows are live")
        # Which ones depends on whose stream was the first, and on whose broke off meanwhile.
        waiting = next(one for one in pages if one not in find_live())
        expect(waiting.locator("#live-state")).to_have_text("not live: 4 other windows are")
        left = find_live()[0]
        left.goto(f"{console.url}/console/messages")
        expect(left.get_by_role("heading", name="Messages", exact=True)).to_be_visible()
        pages.remove(left)
        wait_until(
            lambda: len(find_live()) == 4, "the place of the page that was left is another's"
        )


def test_a_page_says_that_its_user_is_signed_out_and_comes_back_by_itself(
    server: Server, store: Store, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "SIGN_IN_CHECKED_S", 0.1)
    know_user(store, "reply")
    receive(store, WAMID, "I need a person")
    with serving_console(server.url) as console, a_tab(browser, console.url) as tab:
        sign_in(tab, "reply")
        state = tab.page.locator("#live-state")
        chat = tab.page.context.new_page()
        chat.goto(f"{console.url}/console/conversations")
        chat.get_by_role("link", name="…0001").click()
        chat.get_by_label("Reply by hand").fill("half a sen")
        expect(chat.locator("#live-state")).to_have_text("live")
        end_sign_ins(store, [one.digest for one in read_sign_ins(store, datetime.now(UTC))])
        for page in (tab.page, chat):
            expect(page.locator("#live-state")).to_contain_text("You are signed out")
        assert tab.findings() == []
        again = tab.page.context.new_page()
        place = tab.page.get_by_role("link", name="Sign in").get_attribute("href")
        again.goto(f"{console.url}{place}")
        give_password(again, "reply")
        expect(state).to_have_text("live")
        expect(tab.page.get_by_role("link", name="Sign in")).to_be_hidden()
        expect(chat.locator("#live-state")).to_have_text("live")
        expect(chat.get_by_label("Reply by hand")).to_have_value("half a sen")
        # The browser itself notes the status of the streams.
        tab.troubles = [one for one in tab.troubles if "401" not in one]


def test_a_form_that_is_sent_signed_out_can_be_sent_again(
    server: Server, store: Store, browser: Browser
) -> None:
    know_user(store, "operate")
    let_die(store, "one")
    with serving_console(server.url) as console, a_tab(browser, console.url) as tab:
        sign_in(tab, "operate")
        tab.open("/console/dead-letters")
        end_sign_ins(store, [one.digest for one in read_sign_ins(store, datetime.now(UTC))])
        tab.page.get_by_role("button", name="Redrive all that match").click()
        expect(tab.page.get_by_role("heading")).to_have_text("You are not signed in.")
        with tab.page.context.expect_page() as opened:
            tab.page.get_by_role("link", name="Sign in in another tab").click()
        give_password(opened.value, "operate")
        tab.page.reload()
        expect(tab.page.get_by_text("This would redrive 1 dead letter")).to_be_visible()
        tab.troubles = [one for one in tab.troubles if "401" not in one]


def test_dead_letters_are_redriven_as_the_preview_says(
    server: Server, store: Store, browser: Browser
) -> None:
    know_user(store, "operate")
    let_die(store, "one", "two", "three")
    with serving_console(server.url) as console, a_tab(browser, console.url) as tab:
        sign_in(tab, "operate")
        tab.page.keyboard.press("g")
        tab.page.keyboard.press("d")
        tab.page.get_by_role("button", name="Redrive all that match").click()
        expect(tab.page.get_by_text("This would redrive 3 dead letters")).to_be_visible()
        assert tab.findings() == []
        tab.page.get_by_role("button", name="Redrive 3").click()
        expect(tab.page.get_by_text("It is over.")).to_be_visible()
        expect(tab.page.get_by_text("3 of 3 done")).to_be_visible()
        assert tab.findings() == []


@pytest.mark.usefixtures("gives_up_soon")
def test_a_page_says_that_the_store_is_away_and_comes_back_by_itself(
    tmp_path: Path, browser: Browser
) -> None:
    own = Server(tmp_path / "valkey", appendonly="no").start()
    store = Store(own.url)
    know_user(store, "look")
    try:
        with serving_console(own.url) as console, a_tab(browser, console.url) as tab:
            sign_in(tab, "look")
            own.send_signal(signal.SIGSTOP)
            tab.page.goto(f"{tab.url}/console/dead-letters")
            expect(tab.page.get_by_role("heading")).to_have_text("The store does not answer.")
            own.send_signal(signal.SIGCONT)
            expect(tab.page.get_by_role("heading", level=1)).to_have_text("Dead letters")
            # The browser itself notes the status of the page.
            tab.troubles = [one for one in tab.troubles if "503" not in one]
    finally:
        store.close()
        own.kill()
