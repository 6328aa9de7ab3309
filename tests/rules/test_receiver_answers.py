"""Answers of receivers to forwards: what counts as one, and what it sends to whom."""

from datetime import timedelta
from typing import Any

import orjson
import pytest

from gateway.core.contacts.contact import Contact
from gateway.core.events import Delivery, Event
from gateway.core.forwards.payload import build_payload
from gateway.core.forwards.receiver_answer import (
    NO_JSON,
    ReceiverAnswer,
    build_answer_delivery,
    find_answer,
    forwarded_event,
    read_forwarded,
)
from gateway.core.messages import text
from gateway.core.planning.contact_changes import hand_over_contact
from gateway.core.webhook.parser import split
from gateway.rules.explain import explain
from tests.support.factories import ANA, NOW, a_message
from tests.support.rules.rulebooks import book, planned, texts

RULES = book("version: 1\nrules: []")
MESSAGE = a_message(text="Where is it?")
ANSWER = ReceiverAnswer("crm", (text("On its way."), text("Anything else?")))


def returned(answer: ReceiverAnswer, message: Event = MESSAGE) -> Event:
    """Return the event of an answer, as the inbox gives it back."""
    body = build_payload(message, "message", Delivery("0:1-0", NOW, b"{}"), "crm", {})
    posted = read_forwarded(body)
    assert posted
    delivery = Delivery("0:2-0", NOW, build_answer_delivery(posted, answer), origin="internal")
    (event,) = split(delivery)
    return event


@pytest.mark.parametrize(
    ("content_type", "body", "flaw", "found"),
    [
        ("application/json", b'{"messages": ["Hi"]}', "", ({"messages": ["Hi"]}, "")),
        ("text/plain", b'{"messages": ["Hi"]}', "", ({"messages": ["Hi"]}, "")),
        ("application/json", b'{"messages": ["Hi"]', "", (None, NO_JSON)),
        ("application/json; charset=utf-8", b"{", "broke off", (None, "the answer broke off")),
        ("application/json", b'{"messages": []}', "", None),
        ("application/json", b'{"ok": true}', "", None),
        ("application/json", b'["messages"]', "", None),
        ("text/html", b'<p>"messages"', "", None),
        ("text/html", b"<p>", "broke off", None),
        ("", b"", "", None),
    ],
)
def test_only_an_object_with_messages_is_an_answer(
    content_type: str, body: bytes, flaw: str, found: Any
) -> None:
    assert find_answer(content_type, body, flaw) == found


@pytest.mark.parametrize("body", [b"", b"[]", b'{"type": "status"}', b'{"type": "message"}'])
def test_what_is_no_message_of_a_customer_is_not_answered(body: bytes) -> None:
    assert read_forwarded(body) is None


def test_the_messages_are_sent_to_the_customer_under_the_events_key() -> None:
    event = returned(ANSWER)
    plan = planned(RULES, event)

    assert texts(plan) == ["On its way.", "Anything else?"]
    assert {send.body["to"] for send in plan.sends} == {f"+{ANA}"}
    assert [one.id for one in plan.sends] == [one.id for one in planned(RULES, event).sends]
    assert (forwarded_event(event.key), event.at) == (MESSAGE.key, MESSAGE.at)
    assert forwarded_event(MESSAGE.key) == ""


@pytest.mark.parametrize("why", ["a person answers", "muted", "too old", "refused"])
def test_nothing_is_sent_over_a_person_or_late_and_the_record_says_why(why: str) -> None:
    contact, now, answer = Contact(ANA, wa_id=ANA), NOW, ANSWER
    match why:
        case "a person answers":
            contact = hand_over_contact(contact, timedelta(hours=1), NOW, "asked").contact
        case "muted":
            contact = Contact(ANA, wa_id=ANA, muted_until=NOW + timedelta(hours=1))
        case "too old":
            now = NOW + timedelta(days=1)
        case _:
            answer = ReceiverAnswer("crm", failure="refused: #/messages/0 is empty")
    event = returned(answer)
    plan = planned(RULES, event, contact=contact, now=now)

    assert plan.sends == ()
    (record,) = plan.records
    assert why in record.fired[0].explanation
    assert explain(RULES, event, contact, now)[0].reason == record.fired[0].explanation


def test_a_delivery_names_its_customer_first() -> None:
    body = build_payload(MESSAGE, "message", Delivery("0:1-0", NOW, b"{}"), "crm", {})
    delivery = build_answer_delivery(read_forwarded(body) or {}, ANSWER)

    assert next(iter(orjson.loads(delivery).items())) == ("from", ANA)
