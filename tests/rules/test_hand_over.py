"""A person takes over by what they type on the phone, or because a rule asks for them."""

from datetime import timedelta
from typing import Any

import pytest

from gateway.core.contacts.contact import Contact
from gateway.core.contacts.hand_over import HandOver
from gateway.core.events import Event
from gateway.rules.rulebook import BY_PHONE
from tests.rules.test_events import a_change, an_item
from tests.support.factories import ANA, NOW, a_message
from tests.support.rules.rulebooks import planned, texts

HOUR = timedelta(hours=1)
HELLO = "- {name: hi, then: Hello}"
ANA_KNOWN = Contact(ANA, wa_id=ANA, last_inbound_at=NOW - HOUR)


def an_echo(kind: str = "text", seconds: int = 0, **content: Any) -> Event:
    stamp = str(int(NOW.timestamp()) + seconds)
    item = an_item(**{"from": "1555", "to": ANA, "type": kind, "timestamp": stamp, **content})
    return a_change("smb_message_echoes", message_echoes=[item])


@pytest.mark.parametrize(
    ("kind", "takes_over"),
    [
        ("text", True), ("image", True), ("audio", True), ("document", True), ("location", True),
        ("contacts", True), ("reaction", False), ("revoke", False), ("edit", False),
        ("template", False), ("interactive", False), ("button", False), ("system", False),
        ("unsupported", False), ("of_next_year", False),
    ],
)  # fmt: skip
def test_only_what_a_person_typed_or_sent_takes_over(kind: str, takes_over: bool) -> None:
    made = planned(HELLO, an_echo(kind), contact=ANA_KNOWN)

    assert bool(made.contact.hand_over) is takes_over


@pytest.mark.parametrize(("seconds", "takes_over"), [(0, False), (3, False), (4, True)])
def test_what_the_phone_sends_at_once_is_its_greeting(seconds: int, takes_over: bool) -> None:
    wrote = Contact(ANA, wa_id=ANA, last_inbound_at=NOW)

    made = planned(HELLO, an_echo(seconds=seconds), contact=wrote, now=NOW + HOUR)

    assert bool(made.contact.hand_over) is takes_over
    assert ("answered at once" in made.records[0].changes[0]) is not takes_over


def test_a_person_who_has_taken_over_may_answer_at_once() -> None:
    before = HandOver(NOW - HOUR, NOW + HOUR, BY_PHONE)
    known = Contact(ANA, wa_id=ANA, last_inbound_at=NOW, hand_over=before)

    after = planned(HELLO, an_echo(), contact=known).contact

    assert after.hand_over == HandOver(NOW - HOUR, NOW + 12 * HOUR, BY_PHONE)


@pytest.mark.parametrize(("setting", "hours"), [("4h", 4), ("1d", 24), ("no", 0), ("0", 0)])
def test_the_rules_file_says_for_how_long(setting: str, hours: int) -> None:
    rules = f"version: 1\ndefaults: {{hand_over: {setting}}}\nrules: []\n"

    after = planned(rules, an_echo(), contact=ANA_KNOWN).contact

    assert after.silent_until == (NOW + hours * HOUR if hours else None)


def test_a_hand_over_shortens_no_mute_and_is_not_shortened_by_one() -> None:
    muted = Contact(ANA, wa_id=ANA, muted_until=NOW + 24 * HOUR)

    after = planned(HELLO, an_echo(), contact=muted).contact

    assert (after.muted_until, after.silent_until) == (NOW + 24 * HOUR, NOW + 24 * HOUR)
    assert after.hand_over == HandOver(NOW, NOW + 12 * HOUR, BY_PHONE)


ASKS = "- {name: person, when: {text: agent}, then: [A colleague writes., {hand_over: 4h}, Bye.]}\n"


def test_a_rule_hands_over_after_its_own_answer() -> None:
    made = planned(ASKS + HELLO, a_message(text="agent"))

    assert texts(made) == ["A colleague writes.", "Bye."]
    assert made.contact.hand_over == HandOver(NOW, NOW + 4 * HOUR, "rule person")
    assert made.records[0].changes == ("a person answers until 2026-11-22 16:00 UTC: rule person",)


LATE = "- {name: it, when: {text: agent}, then: {%s: 12h}}\n" + HELLO


@pytest.mark.parametrize("verb", ["hand_over", "mute"])
@pytest.mark.parametrize(("days", "answer"), [(6, ["Hello"]), (0, [])])
def test_silence_counts_from_the_message_that_asked_for_it(
    verb: str, days: int, answer: list[str]
) -> None:
    asked = a_message(text="agent", at=NOW - timedelta(days=days))

    after = planned(LATE % verb, asked).contact

    assert after.silent_until == asked.at + 12 * HOUR
    assert texts(planned(LATE % verb, a_message("wamid.2"), contact=after)) == answer


@pytest.mark.parametrize("verb", ["hand_over", "mute"])
def test_silence_counts_from_now_where_the_clock_of_meta_is_ahead(verb: str) -> None:
    after = planned(LATE % verb, a_message(text="agent", at=NOW + HOUR)).contact

    assert after.silent_until == NOW + 12 * HOUR


def test_rules_send_nothing_while_a_person_answers() -> None:
    handed = planned(ASKS, a_message(text="agent")).contact

    made = planned(HELLO, a_message("wamid.2"), contact=handed)

    assert made.sends == ()
    assert made.records[0].fired[0].explanation == (
        "always; a person answers until 2026-11-22 16:00 UTC, so nothing is sent"
    )


def test_rules_answer_again_once_the_time_is_over() -> None:
    handed = planned(ASKS, a_message(text="agent")).contact
    now = NOW + 4 * HOUR

    assert texts(planned(HELLO, a_message("wamid.2", at=now), contact=handed, now=now)) == ["Hello"]


def test_unmute_ends_a_hand_over_and_a_mute() -> None:
    both = Contact(
        ANA, wa_id=ANA, muted_until=NOW + HOUR, hand_over=HandOver(NOW, NOW + HOUR, "rule it")
    )

    after = planned("- {name: on, then: unmute}", a_message(), contact=both).contact

    assert (after.muted_until, after.hand_over) == (None, None)
