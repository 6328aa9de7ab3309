"""What a plan says of each send: how long it lasts, and what follows a closed window."""

from datetime import timedelta
from typing import Any

import pytest

from gateway.core.contacts.contact import Contact
from gateway.core.messages import template, text
from gateway.core.planning.batch import Plan, PlanningInput, plan
from gateway.core.planning.decision import Action, Decision, FiredRule
from gateway.core.sending.send import Send
from tests.support.factories import ANA, NOW, NUMBER, a_message


class Says:
    """A rulebook that does one thing."""

    version = "v1"

    def __init__(self, **action: Any) -> None:
        self.action = Action("send_text", text("Hi"), **action)

    def decide(self, event: object, contact: Contact, now: object) -> Decision:
        return Decision((FiredRule("it", "always", (self.action,)),))


def planned(rulebook: Says, *ages: timedelta) -> Plan:
    """Plan messages that were written so long ago."""
    events = [a_message(f"wamid.{i}", at=NOW - age) for i, age in enumerate(ages)]
    (made,) = plan(PlanningInput(NUMBER, NOW, {}, frozenset()), events, rulebook).plans
    return made


def a_send(**action: Any) -> Send:
    (send,) = planned(Says(**action), timedelta(0)).sends
    return send


@pytest.mark.parametrize(
    ("action", "closed", "lasts"),
    [
        ({}, "", timedelta(hours=1)),
        ({"when_closed": "drop"}, "drop", timedelta(hours=1)),
        ({"when_closed": "wait"}, "wait", timedelta(days=7)),
        ({"when_closed": template("sorry", "en")}, "template", timedelta(hours=1)),
    ],
)
def test_a_send_says_what_follows_and_how_long_it_lasts(
    action: dict[str, Any], closed: str, lasts: timedelta
) -> None:
    send = a_send(**action)

    assert (send.closed, send.expires_at - NOW) == (closed, lasts)


def test_a_template_that_goes_instead_is_addressed_like_the_message() -> None:
    send = a_send(when_closed=template("sorry", "en"))

    assert send.instead
    assert send.instead["to"] == send.body["to"] == f"+{ANA}"
    assert send.instead["template"]["name"] == "sorry"


def test_marketing_is_known_at_the_moment_of_sending() -> None:
    assert a_send(marketing=True).marketing


def test_only_what_came_a_moment_ago_uses_the_pace() -> None:
    ages = (timedelta(seconds=0), timedelta(seconds=9), timedelta(seconds=10), timedelta(hours=1))

    assert planned(Says(), *ages).inbound == 2
