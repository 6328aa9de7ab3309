"""The console in a browser: nothing breaks its policy, and everybody can use it."""

import re

import pytest
from playwright.sync_api import Browser, expect

from gateway.store.redis.client import Store
from tests.support.servers import Server
from tests.support.web.browser import Tab, a_tab
from tests.support.web.console_client import PASSWORD, know_user
from tests.support.web.console_server import serving_console

pytestmark = pytest.mark.store


def sign_in(tab: Tab, name: str) -> None:
    tab.page.get_by_label("Name").fill(name)
    tab.page.get_by_label("Password").fill(PASSWORD)
    tab.page.get_by_role("button", name="Sign in").click()


def test_a_user_signs_in_and_the_overview_stays_up_to_date(
    server: Server, store: Store, browser: Browser
) -> None:
    know_user(store, "admin")
    with serving_console(server.url) as console, a_tab(browser, console.url) as tab:
        tab.open("/console/")
        assert tab.findings() == []
        sign_in(tab, "admin")
        expect(tab.page.get_by_role("heading", name="Overview")).to_be_visible()
        assert tab.findings() == []
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
        tab.page.keyboard.press("u")
        expect(tab.page).to_have_url(re.compile("/console/audit$"))
        assert tab.findings() == []
