"""A phone in the terminal, the rules that answer it, and what else is typed beside it."""

import itertools
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.cli.dev_gateway import RULES, Playing
from tests.support.factories import delivery_body, message_item
from tests.support.servers import wait_until

pytestmark = pytest.mark.e2e

ANA, BEA, CYD = "+351900000001", "+351900000002", "+351900000003"


@pytest.fixture(scope="module")
def playing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Playing]:
    made = Playing(tmp_path_factory.mktemp("play")).start()
    # Everybody is greeted once, so that the tests do not depend on each other.
    made.chat("hi", f"/as {BEA}", "hi")
    yield made
    made.end(signal.SIGTERM)


def without_times(shown: list[str]) -> list[str]:
    return [re.sub(r" · \d+ ms$| · \d+\.\d s$", " · soon", line) for line in shown]


def test_a_text_is_answered_and_one_line_says_why_and_how_fast(playing: Playing) -> None:
    assert without_times(playing.chat("which color?")[1:]) == [
        f"{ANA} › which color?",
        "  ✓",
        "‹ Yes: red, green and blue.",
        '    ✓ colour: text contains "color" · soon',
    ]


def test_why_tells_what_each_rule_said_of_the_last_message(playing: Playing) -> None:
    shown = playing.chat("/why", "any color?", "/why")

    assert "  Write something first; /why says then what each rule said of it." in shown
    assert shown[-4:] == [
        "  ✗ welcome: this is not the first contact",
        '  ✗ menu: text is not "menu"',
        '  ✗ pears: tapped is not "p"',
        '  ✓ colour: text contains "color"',
    ]


def test_a_button_is_tapped_by_its_number(playing: Playing) -> None:
    shown = playing.chat("menu", "2")

    assert shown[3:6] == ["‹ What now?", "    [1] Apples", "    [2] Pears"]
    assert "  ✓✓ read" in shown
    assert "‹ Pears it is." in shown
    assert without_times(shown)[-1] == '    ✓ pears: tapped is "p" · soon'


def test_a_message_that_no_rule_answers_says_so(playing: Playing) -> None:
    shown = without_times(playing.chat("what?"))

    assert shown[-1] == "    no rule answered; /why says more · soon"


def test_customers_have_phones_of_their_own(playing: Playing) -> None:
    shown = playing.chat("menu", f"/as {BEA}", "2")

    assert f"{BEA} › 2" in shown
    assert without_times(shown)[-1] == "    no rule answered; /why says more · soon"


SENT = ["/picture", "/voice", "/place Home", "/order", "/album 2", "/flow colour=red", "/react 👍"]


@pytest.mark.long
def test_a_customer_sends_more_than_text(playing: Playing) -> None:
    """The rule's own words show that each arrived as what it is."""
    types = ("image", "audio", "location", "order", "interactive", "reaction")
    written = [f"  - {{name: {one}, when: {{type: {one}}}, then: Got it}}" for one in types]
    with_rules(playing, "\n".join(["version: 1", "rules:", *written, ""]), 6)
    try:
        shown = without_times(playing.chat("hi", *SENT))
    finally:
        with_rules(playing, RULES, 4)

    reasons = [line.split()[1] for line in shown if line.startswith("    ✓")]
    assert reasons == ["image:", "audio:", "location:", "order:", "interactive:", "reaction:"]
    assert '    2 × ✓ image: type is "image" · soon' in shown


def with_rules(playing: Playing, written: str, count: int) -> None:
    """Change the rules, and wait until they are in force."""
    line = f"taken up: {count} rule"
    before = playing.said().count(line)
    playing.rules.write_text(written)
    wait_until(lambda: playing.said().count(line) > before, "the change is seen")
    playing.chat("/hours auto")  # waits until every worker has the rules


def test_a_message_can_be_made_to_fail_with_a_code_of_metas(playing: Playing) -> None:
    shown = playing.chat("/fail 131026", "a color?", "/fail 100", "a color again?", "/fail x")

    assert "  (131026) Message undeliverable, by a failed status: 1 × from now" in shown
    assert "    the answer is failed: (131026) Message undeliverable" in shown
    assert "  (100) Invalid parameter, in Meta's answer: 1 × from now" in shown
    assert any(line.startswith("    the answer is dead: (100) ") for line in shown)
    assert "  Write a code of Meta's behind it, such as /fail 131026." in shown
    assert "‹ Yes: red, green and blue." not in shown


def test_dev_joins_what_came_in_with_what_went_out(playing: Playing) -> None:
    """The send of the one message is named where it is planned, posted and reported."""
    before = len(playing.said())
    playing.chat("/fail 131026", "/duplicate", "which color then?")
    wait_until(lambda: "failed: (131026)" in playing.said()[before:], "the status is shown")
    shown = playing.said()[before:]

    (send,) = re.findall(r"planned 1 send → (\w{4})", shown)
    assert f"out     {send} accepted" in shown
    assert f"{send} failed: (131026) Message undeliverable" in shown
    wait_until(lambda: "1 duplicate, known already" in playing.said()[before:], "so is the other")


@pytest.mark.long
def test_dev_shows_what_an_alert_says(playing: Playing) -> None:
    alert = "  - {name: cross, when: {text: nope}, then: {alert: 'They say {{ text }}.'}}\n"
    with_rules(playing, f"version: 1\nrules:\n{alert}", 1)
    try:
        playing.chat("nope")
        wait_until(lambda: "alert   rule cross: They say nope." in playing.said(), "it is shown")
    finally:
        with_rules(playing, RULES, 4)


def test_the_window_is_shown_and_can_be_ended(playing: Playing) -> None:
    shown = playing.chat("hi there", "/window", "/expire", "/window", "hi again", "/window")

    states = [line for line in shown if line.startswith("  window at Meta")]
    assert [re.sub(r"5\d min", "some min", state) for state in states] == [
        "  window at Meta: open for 23 h some min more",
        "  window at Meta: closed: only templates arrive",
        "  window at Meta: open for 23 h some min more",
    ]


@pytest.mark.long
def test_opening_hours_can_be_tried(playing: Playing) -> None:
    shop = "hours: {shop: {zone: UTC, mon-sun: 09:00-18:00}}\nrules:\n"
    day = "  - {name: day, when: {inside: shop}, then: Day}\n  - {name: night, then: Night}\n"
    with_rules(playing, f"version: 1\n{shop}{day}", 2)
    try:
        shown = playing.chat("/hours 12:00", "one", "/hours closed", "two", "/hours noon")
    finally:
        playing.chat("/hours auto")
        with_rules(playing, RULES, 4)

    assert [line for line in shown if line.startswith("‹")] == ["‹ Day", "‹ Night"]
    assert "  opening hours take for now: closed (in force)" in shown
    assert shown[-1] == "  Write /hours open, closed, 18:30, sun 18:30, or auto."


FAULTS = {"/lose": "Meta takes the message, and its answer is lost", "/duplicate": "comes twice"}


@pytest.mark.parametrize(("command", "told"), FAULTS.items(), ids=FAULTS)
def test_a_fault_leads_to_one_reply_all_the_same(playing: Playing, command: str, told: str) -> None:
    shown = playing.chat(command, "color", "what?")

    assert any(told in line for line in shown)
    assert shown.count("‹ Yes: red, green and blue.") == 1


def test_a_throttled_reply_comes_a_little_later(playing: Playing) -> None:
    shown = playing.chat("/throttle", "color")

    assert "‹ Yes: red, green and blue." in shown
    assert "not taken now, the number sends more slowly; again in" in playing.said()


@pytest.mark.parametrize("typed", ["/nope", "/lose x", "/as Ana"])
def test_what_is_not_understood_is_told_and_the_chat_goes_on(playing: Playing, typed: str) -> None:
    # Each time in other words: one text again and again is taken for a program's.
    shown = playing.chat(typed, f"which color, after {typed}?")

    assert len(shown) > 4
    assert "‹ Yes: red, green and blue." in shown


def test_changed_rules_are_taken_up_and_broken_ones_are_not(playing: Playing) -> None:
    times = itertools.count()

    # Ana has written so often and so quickly by now that she may be taken for a program.
    def answered_anew() -> bool:
        return "‹ New answer" in playing.chat(f"/as {CYD}", f"color {next(times)}")

    try:
        playing.rules.write_text("version: 1\nrules:\n  - {name: new, then: New answer}\n")
        wait_until(lambda: "taken up: 1 rule\n" in playing.said(), "the change is seen")
        wait_until(answered_anew, "the new rule answers")
        playing.rules.write_text("version: 1\nrules:\n  - {name: new, than: Broken}\n")
        wait_until(
            lambda: "rules.yaml:3:17: rule 'new': unknown" in playing.said(), "the mistake is shown"
        )
        # A chat waits for seconds only, which may be too few where others take the processor.
        wait_until(answered_anew, "the rules before still answer")
    finally:
        playing.rules.write_text(RULES)
        wait_until(lambda: "taken up: 4 rules\n" in playing.said(), "the change is seen")


def test_the_printed_address_and_key_send_a_message(playing: Playing) -> None:
    wait_until(lambda: "stop    Ctrl-C" in playing.said(), "all addresses are printed")
    address = re.search(r"api +(http://\S+), for", playing.said())
    key = re.search(r"key +(\S+)", playing.said())
    assert address
    assert key

    asked = {"to": "+351900000001", "text": "Your order is ready."}
    headers = {"authorization": f"Bearer {key[1]}"}
    answer = httpx.post(f"{address[1]}/v1/messages", json=asked, headers=headers)

    assert answer.status_code == 202
    sent = playing.run("messages", "show", answer.json()["id"]).stdout
    assert answer.json()["id"] in sent


def test_a_captured_body_is_replayed_to_what_runs(playing: Playing) -> None:
    body = playing.folder / "body.json"
    body.write_bytes(delivery_body(message_item("wamid.replayed")))

    done = playing.run("replay", "post", "body.json")

    assert done.returncode == 0
    assert "200" in done.stdout


def test_a_second_gateway_dev_in_the_folder_is_refused(playing: Playing) -> None:
    refused = playing.run("dev")

    assert refused.returncode == 2
    assert "A gateway runs in this folder already" in refused.stderr


def test_a_chat_without_a_gateway_is_one_sentence(tmp_path: Path) -> None:
    refused = Playing(tmp_path).run("chat", typed="hi\n")

    assert refused.returncode == 2
    assert refused.stderr.startswith("error: No gateway dev runs in this folder")


def test_a_customer_without_a_number_is_refused(playing: Playing) -> None:
    refused = playing.run("chat", "--as", "Ana", typed="hi\n")

    assert refused.returncode == 2
    assert refused.stderr.startswith("error: Ana is no phone number")
