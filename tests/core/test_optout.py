"""What customers want is heard from rules, preferences and errors, and a record says from which."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import orjson
import pytest

from gateway.core.contacts.consent import OPTED_OUT_CODE, consent_change, opt_out_delivery
from gateway.core.contacts.contact import Contact
from gateway.core.events import Delivery, Event, InternalEvent, Message, Notice
from gateway.core.messages import text
from gateway.core.planning.batch import Plan, PlanningInput, plan
from gateway.core.planning.contact_changes import apply_action
from gateway.core.planning.decision import Action, Decision, FiredRule
from gateway.core.webhook.parser import split
from tests.support.factories import ANA, NOW, NUMBER, a_message, a_status

SEND = "a" * 24


class Book:
    """Does what the message says."""

    version = "v1"

    def decide(self, event: Event, contact: Contact, now: object) -> Decision:
        if not isinstance(event, Message):
            return Decision()
        actions = (Action(event.text or "", {}), Action("send_text", text("As you wish.")))
        change = apply_action(contact, actions[0], "rule choice", event.at, NOW)
        noted = (change.contact, (change.change,)) if change else ()
        return Decision((FiredRule("choice", "always", actions),), "", *noted)


def planned(event: Event, contact: Contact | None = None) -> Plan:
    view = PlanningInput(NUMBER, NOW, {ANA: contact or Contact(ANA, wa_id=ANA)}, frozenset())
    (made,) = plan(view, [event], Book()).plans
    return made


def preference(**said: Any) -> Notice:
    raw = {"category": "marketing_messages", "value": "stop", **said}
    return Notice(
        key="n", delivery="0:1-0", item=0, number=NUMBER, contact=ANA, at=NOW, raw=raw,
        field="user_preferences",
    )  # fmt: skip


def returned(body: bytes) -> InternalEvent:
    (event,) = split(Delivery("0:1-0", NOW + timedelta(seconds=9), body, origin="internal"))
    assert isinstance(event, InternalEvent)
    return event


REFUSED = returned(opt_out_delivery(NUMBER, ANA, SEND, 2, NOW))


@pytest.mark.parametrize(
    ("event", "why"),
    [
        pytest.param(preference(), "their preference with Meta: stop", id="preference"),
        pytest.param(
            a_status("w", "failed", code=OPTED_OUT_CODE),
            "Meta's status with error 131050", id="status",
        ),
        pytest.param(REFUSED, "Meta's answer with error 131050", id="answer"),
    ],
)  # fmt: skip
def test_a_word_against_marketing_changes_the_contact_and_leaves_a_record(
    event: Event, why: str
) -> None:
    made = planned(event)

    assert (made.changed, made.contact.opted_out_at, made.sends) == (True, NOW, ())
    (record,) = made.records
    assert (record.fired, record.changes) == ((), (f"opted out: {why}",))


@pytest.mark.parametrize("value", ["resume", "signup"])
def test_a_preference_may_also_be_to_hear_again(value: str) -> None:
    out = Contact(ANA).with_consent(opts_out=True, at=NOW - timedelta(days=1))

    made = planned(preference(value=value), out)

    assert (made.contact.opted_out_at, made.contact.consent_at) == (None, NOW)
    assert made.records[0].changes == (f"opted in: their preference with Meta: {value}",)


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(preference(category="service_messages"), id="another category"),
        pytest.param(preference(value="later"), id="another value"),
        pytest.param(preference(value=None), id="no value"),
        pytest.param(replace(preference(), raw="odd"), id="odd"),
        pytest.param(replace(preference(), field="messages"), id="another field"),
        pytest.param(a_status("w", "failed", code=131026), id="another error"),
        pytest.param(a_status("w", "sent", code=OPTED_OUT_CODE), id="not failed"),
        pytest.param(a_status("w", "failed", code=OPTED_OUT_CODE, wa_id=""), id="a group"),
        pytest.param(replace(REFUSED, what="timer"), id="something else returned"),
        pytest.param(a_message(text="stop"), id="a message, which rules read"),
    ],
)
def test_anything_else_is_no_word(event: Event) -> None:
    assert consent_change(event) is None


def test_a_word_of_nobody_is_known_and_nothing_more() -> None:
    made = planned(replace(preference(), contact=""))

    assert (made.changed, made.records) == (False, ())


def test_a_late_word_changes_nothing_and_the_record_says_so() -> None:
    newer = Contact(ANA).with_consent(opts_out=False, at=NOW + timedelta(seconds=1))

    made = planned(preference(), newer)

    assert made.contact == newer
    (told,) = made.records[0].changes
    assert told == "nothing, for a newer word is known than their preference with Meta: stop"


def test_a_clock_ahead_of_ours_does_not_speak_for_tomorrow() -> None:
    ahead = replace(preference(), at=NOW + timedelta(hours=20))

    assert planned(ahead).contact.consent_at == NOW


@pytest.mark.parametrize(("verb", "out"), [("opt_out", True), ("opt_in", False)])
def test_a_rule_may_note_what_the_customer_wants(verb: str, out: bool) -> None:
    before = Contact(ANA, wa_id=ANA).with_consent(opts_out=not out, at=NOW - timedelta(days=1))

    made = planned(a_message(text=verb), before)

    assert (made.contact.opted_out_at is not None) == out
    assert made.records[0].changes == (f"opted {'out' if out else 'in'}: rule choice",)
    assert [send.body["text"]["body"] for send in made.sends] == ["As you wish."]


def test_doing_it_again_does_no_harm() -> None:
    once = planned(a_message(text="opt_out"))
    again = planned(a_message("wamid.2", text="opt_out", at=NOW), once.contact)

    assert again.contact.opted_out_at == once.contact.opted_out_at


def test_what_meta_answered_comes_back_as_an_event_of_its_own() -> None:
    assert (REFUSED.key, REFUSED.what) == (f"returned|opted_out|{SEND}.2", "opted_out")
    # The moment of the answer, not the one when it came back.
    assert (REFUSED.number, REFUSED.contact, REFUSED.at) == (NUMBER, ANA, NOW)
    assert set(orjson.loads(opt_out_delivery(NUMBER, ANA, SEND, 2, NOW))) == {
        "what", "key", "number", "contact", "timestamp",
    }  # fmt: skip
