"""A phone in the terminal, the rules that answer it, and what else is typed beside it."""

import itertools
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cli.dev_gateway import RULES, Playing
from tests.support.factories import delivery_body, message_item
from tests.support.servers import wait_until

pytestmark = pytest.mark.e2e

ANA, BEA = "+351900000001", "+351900000002"


@pytest.fixture(scope="module")
def playing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Playing]:
    made = Playing(tmp_path_factory.mktemp("play")).start()
    # Everybody is greeted once, so that the tests do not depend on each other.
    made.chat("hi", f"/as {BEA}", "hi")
    yield made
    made.end(signal.SIGTERM)


def test_a_text_is_answered_and_the_rules_tell_why(playing: Playing) -> None:
    assert playing.chat("which color?")[1:] == [
        f"{ANA} › which color?",
        "  ✓",
        "‹ Yes: red, green and blue.",
        "    ✗ welcome: this is not the first contact",
        '    ✗ menu: text is not "menu"',
        '    ✗ pears: tapped is not "p"',
        '    ✓ colour: text contains "color"',
    ]


def test_a_button_is_tapped_by_its_number(playing: Playing) -> None:
    shown = playing.chat("menu", "2")

    assert shown[3:6] == ["‹ What now?", "    [1] Apples", "    [2] Pears"]
    assert "  ✓✓ read" in shown
    assert "‹ Pears it is." in shown
    assert shown[-1] == '    ✓ pears: tapped is "p"'


def test_a_message_that_no_rule_answers_says_so(playing: Playing) -> None:
    assert "    no rule answered" in playing.chat("what?")


def test_customers_have_phones_of_their_own(playing: Playing) -> None:
    shown = playing.chat("menu", f"/as {BEA}", "2")

    assert f"{BEA} › 2" in shown
    assert "    no rule answered" in shown


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

    def answered_anew() -> bool:
        return "‹ New answer" in playing.chat(f"color {next(times)}")

    try:
        playing.rules.write_text("version: 1\nrules:\n  - {name: new, then: New answer}\n")
        wait_until(lambda: "taken up: 1 rule\n" in playing.said(), "the change is seen")
        wait_until(answered_anew, "the new rule answers")
        playing.rules.write_text("version: 1\nrules:\n  - {name: new, than: Broken}\n")
        wait_until(
            lambda: "rules.yaml:3:17: rule 'new': unknown" in playing.said(), "the mistake is shown"
        )
        assert answered_anew()
    finally:
        playing.rules.write_text(RULES)
        wait_until(lambda: "taken up: 4 rules\n" in playing.said(), "the change is seen")


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
