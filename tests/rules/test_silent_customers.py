"""Conditions on customers to whom rules send nothing: a person answers them, or they are muted."""

from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.core.contacts.contact import Contact
from gateway.core.contacts.hand_over import HandOver
from gateway.core.planning.contact_changes import hand_over_contact
from tests.support.factories import ANA, NOW, a_message
from tests.support.rules.rulebooks import decided, planned, texts

HOUR = timedelta(hours=1)
KNOWN = Contact(ANA, wa_id=ANA, last_inbound_at=NOW)
MUTED = replace(KNOWN, muted_until=NOW + HOUR)
HANDED_OVER = hand_over_contact(KNOWN, HOUR, NOW, "a test").contact
OVER = replace(
    KNOWN,
    muted_until=NOW - HOUR,
    hand_over=HandOver(NOW - 2 * HOUR, NOW - HOUR, "a test"),
)
CUSTOMERS = {"ordinary": KNOWN, "muted": MUTED, "handed over": HANDED_OVER, "over": OVER}
RULES = """\
- {name: muted, when: {muted: yes}, then: {tag: a}}
- {name: not-muted, when: {muted: no}, then: {tag: a}}
- {name: handed-over, when: {handed_over: yes}, then: {tag: a}}
- {name: not-handed-over, when: {handed_over: no}, then: {tag: a}}
"""


@pytest.mark.parametrize(
    ("customer", "fires"),
    [
        ("ordinary", ["not-muted", "not-handed-over"]),
        ("muted", ["muted", "not-handed-over"]),
        ("handed over", ["muted", "handed-over"]),
        ("over", ["not-muted", "not-handed-over"]),
    ],
)
def test_rules_know_who_is_silenced(customer: str, fires: list[str]) -> None:
    assert [one.rule for one in decided(RULES, CUSTOMERS[customer]).fired] == fires


def test_a_rule_sees_what_those_above_it_did() -> None:
    rules = """\
- {name: ask, when: {text: agent}, then: {hand_over: 1h}}
- {name: noted, when: {handed_over: yes}, then: {tag: waits}}
"""
    assert [one.rule for one in decided(rules, KNOWN, text="agent").fired] == ["ask", "noted"]


def test_a_person_is_asked_for_once_however_often_the_customer_asks() -> None:
    rules = """\
- {name: it, when: {handed_over: no}, then: [{notify: Somebody waits.}, {hand_over: 1h}, Soon.]}
"""
    made = planned(rules, *(a_message(f"wamid.{n}") for n in range(4)))

    assert (len(made.notifications), texts(made)) == (1, ["Soon."])


def test_a_customer_who_is_given_back_is_answered_at_once() -> None:
    rules = "- {name: back, when: {handed_over: yes}, then: [unmute, Hello!]}"

    assert texts(planned(rules, a_message(), contact=HANDED_OVER)) == ["Hello!"]


def test_a_rule_below_one_that_gives_the_customer_back_is_reached() -> None:
    rules = """\
- {name: a, when: {muted: no}, then: A.}
- {name: back, then: unmute}
- {name: b, when: {muted: no}, then: B.}
"""
    assert texts(planned(rules, a_message(), contact=MUTED)) == ["B."]
    assert [one.rule for one in decided(rules, MUTED).fired] == ["back", "b"]
