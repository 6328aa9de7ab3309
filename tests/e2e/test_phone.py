"""The phone in a browser beside `gateway dev`: the newcomer's minute, faults, and hostile texts."""

import json
import re
import signal
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, Locator, expect

from tests.support.cli.dev_gateway import Playing
from tests.support.web.browser import Tab, a_tab

pytestmark = pytest.mark.e2e

HOSTILE = '<img src=x onerror="alert(1)"></bdi><script>alert(1)</script> \u202eevil {{ 7 * 7 }}'


@pytest.fixture(scope="module")
def playing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Playing]:
    made = Playing(tmp_path_factory.mktemp("phone")).start()
    yield made
    made.end(signal.SIGTERM)


@pytest.fixture
def tab(playing: Playing, browser: Browser) -> Iterator[Tab]:
    """Open a tab at the address that `gateway dev` prints as that of the phone."""
    printed = re.search(r"phone +(http://\S+)/phone", playing.said())
    assert printed
    permissions = ["clipboard-read", "clipboard-write"]
    with a_tab(browser, printed[1], permissions=permissions) as found:
        yield found


def phone(tab: Tab, customer: str) -> Locator:
    return tab.page.locator(f"[data-customer='{customer}']")


def write(column: Locator, text: str) -> None:
    field = column.get_by_label("Message", exact=True)
    field.fill(text)
    field.press("Enter")


def last_line(column: Locator) -> Locator:
    return column.locator(".line").last


def test_a_newcomer_writes_and_sees_the_answer_with_its_rule(tab: Tab) -> None:
    tab.open("/phone")
    tab.page.keyboard.type("hello")  # the field has the focus
    tab.page.keyboard.press("Enter")
    ana = phone(tab, "351900000001")

    expect(last_line(ana)).to_contain_text("Welcome!")
    expect(last_line(ana).locator(".reason")).to_have_text(
        re.compile(r"✓ welcome: this is the first contact · \d+ ms")
    )
    expect(ana.locator(".line.written .ticks")).to_have_attribute("title", "delivered")
    expect(last_line(ana).locator(".stage")).to_have_text("reported as read")
    expect(ana.locator("[data-window]")).to_have_text(re.compile(r"window open for 23 h 5\d min"))

    write(ana, "menu")
    ana.get_by_role("button", name="Pears").click()
    expect(last_line(ana)).to_contain_text("Pears it is.")
    expect(last_line(ana).locator(".reason")).to_contain_text('pears: tapped is "p"')
    expect(ana.locator(".line.written").last.locator(".ticks")).to_have_attribute("title", "read")
    last_line(ana).get_by_text("tried").click()
    expect(last_line(ana).locator("li").first).to_contain_text("✗ welcome")
    assert tab.findings() == []
    for line in (last_line(ana), ana.locator(".line.written").last):
        story = line.get_by_role("link", name="whole story").get_attribute("href") or ""
        led = httpx.get(story)
        assert led.status_code == 303
        assert led.headers["location"].startswith("/console/sign-in?next=/console/messages/wamid.")


def test_customers_stand_side_by_side_and_a_fault_hits_the_next_answer(tab: Tab) -> None:
    tab.open("/phone?as=351900000011")
    tab.page.get_by_label("Another customer").fill("+351 900 000 012")
    tab.page.get_by_role("button", name="Add").click()
    one, two = phone(tab, "351900000011"), phone(tab, "351900000012")

    tab.page.get_by_text("Faults").click()
    tab.page.get_by_label("Meta's code instead").fill("131026")
    tab.page.get_by_label("How often").fill("1")
    tab.page.get_by_role("button", name="Arm").click()
    expect(tab.page.locator("#armed")).to_contain_text("131026")

    write(one, "hello")
    expect(last_line(one)).to_contain_text("not delivered: (131026)")
    write(two, "hello")
    expect(last_line(two)).to_contain_text("Welcome!")
    expect(tab.page.locator("#armed")).to_have_text("none")
    assert tab.findings() == []

    tab.page.get_by_label("Meta's code instead").fill("99999999999")
    tab.page.get_by_role("button", name="Arm").click()
    expect(tab.page.get_by_text("Of code, code must be a number")).to_be_visible()
    tab.troubles.clear()  # the browser notes the 400 itself


def test_hostile_texts_stay_texts_on_both_sides(tab: Tab) -> None:
    tab.open("/phone?as=351900000021")
    ana = phone(tab, "351900000021")
    write(ana, HOSTILE)
    expect(last_line(ana)).to_contain_text("Welcome!")
    write(ana, "😀" * 2048)
    expect(ana.locator(".line.written").last).to_contain_text("😀")
    write(ana, "any color?")

    expect(last_line(ana)).to_contain_text("Yes: red, green and blue.")
    expect(ana.locator(".line.written").first).to_contain_text("<script>alert(1)</script>")
    assert ana.locator("script, img").count() == 0
    ana.locator(".line.written").last.get_by_role("button", name="answer").click()
    write(ana, "color again")
    expect(ana.locator(".line.written").last.locator(".quote")).to_contain_text("any color?")


def test_what_is_copied_works_where_it_is_put(tab: Tab, playing: Playing) -> None:
    tab.open("/phone?as=351900000031")
    ana = phone(tab, "351900000031")
    write(ana, "hello")
    expect(last_line(ana).locator(".reason")).to_contain_text("welcome")
    write(ana, "which color?")
    expect(last_line(ana).locator(".reason")).to_contain_text("colour")
    asked = ana.locator(".line.written").last

    asked.hover()
    asked.get_by_role("button", name="copy as rule test").click()
    expect(asked.get_by_role("button", name="copied")).to_be_visible()
    copied = tab.page.evaluate("navigator.clipboard.readText()")
    (playing.rules.parent / "phone.test.yaml").write_text(copied)
    with tab.page.expect_download() as download:
        asked.get_by_role("link", name="save as payload").click()
    download.value.save_as(playing.folder / "message.jsonl")

    tested = playing.run("rules", "test")
    assert tested.returncode == 0, tested.stdout
    planned = playing.run("replay", "dry-run", "message.jsonl", "--fresh", "--reveal")
    assert "colour" in planned.stdout, planned.stderr


def test_the_phone_comes_back_after_it_was_hidden_and_knows_what_happened(
    tab: Tab, playing: Playing
) -> None:
    running = json.loads((playing.folder / ".gateway" / "dev.json").read_text())
    tab.open("/phone?as=351900000041")
    ana = phone(tab, "351900000041")
    expect(ana.locator("[data-window]")).to_have_text(re.compile("window closed"))
    tab.page.evaluate("source.close()")
    url = f"{running['sandbox']}/sandbox/customers/351900000041/messages"
    httpx.post(url, json={"text": "hello"}).raise_for_status()
    tab.page.evaluate("relisten()")

    expect(last_line(ana)).to_contain_text("Welcome!")
    assert ana.locator(".line").count() == 2


def test_a_day_goes_by_for_meta_and_for_the_gateway(tab: Tab) -> None:
    tab.open("/phone?as=351900000051")
    ana = phone(tab, "351900000051")
    write(ana, "hello")
    expect(last_line(ana)).to_contain_text("Welcome!")
    expect(ana.locator("[data-window]")).to_have_text(re.compile("window open"))

    tab.page.get_by_text("Clock").click()
    tab.page.get_by_role("button", name="Move ahead").click()
    expect(tab.page.locator("#clock")).to_have_text("25 h ahead")
    expect(ana.locator("[data-window]")).to_have_text(re.compile("window closed"))

    write(ana, "any color?")  # which would be too old if only one of the two clocks had moved
    expect(last_line(ana)).to_contain_text("Yes: red, green and blue.")
    expect(ana.locator("[data-window]")).to_have_text(re.compile("window open"))
    assert tab.findings() == []
