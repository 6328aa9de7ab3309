"""Rules are asked about messages, and about what else they name."""

from datetime import timedelta
from typing import Any

import pytest

from gateway.core.contacts.contact import Contact
from gateway.core.contacts.hand_over import HandOver
from gateway.core.events import Delivery, Event, Notice
from gateway.core.sending.send import answers_a_status, callback_data, parse_callback_data
from gateway.core.webhook.parser import split
from gateway.rules.rulebook import BY_PHONE
from tests.support.factories import ANA, NOW, NUMBER, a_message, a_status, bytes_of
from tests.support.rules.rulebooks import planned

OURS = "a" * 24
HELLO = "- {name: hi, then: Hello}"
TEMPLATE_INSTEAD = """\
- name: template-instead
  when: {event: status, status: failed, code: 131047}
  then: {send_template: we_answered, language: en}
"""
FAILED = a_status("wamid.o", "failed", f"{OURS}.1", code=131047)


def a_change(field: str, **value: Any) -> Event:
    """Make the one event of a change, as the envelope does."""
    metadata = {"display_phone_number": "15550001111", "phone_number_id": NUMBER}
    body = bytes_of({"field": field, "value": {"metadata": metadata, **value}})
    (event,) = split(Delivery("0:1-0", NOW, body))
    return event


def an_item(**more: Any) -> dict[str, Any]:
    stamp = str(int(NOW.timestamp()))
    return {"id": "wamid.e", "timestamp": stamp, "type": "text", "text": {"body": "hi"}, **more}


ECHO = a_change("smb_message_echoes", message_echoes=[an_item(**{"from": "1555", "to": ANA})])
STANDBY = a_change("standby", standby={"messages": [an_item(**{"from": ANA})]})
HISTORY = a_change("history", messages=[an_item(**{"from": ANA, "timestamp": "1700000000"})])
ACCOUNT = a_change("account_update", event="DISABLED_UPDATE")
EVENTS = {
    "message": a_message(), "status": FAILED, "echo": ECHO, "standby": STANDBY,
    "history": HISTORY, "notice": ACCOUNT,
}  # fmt: skip


@pytest.mark.parametrize("happened", EVENTS)
@pytest.mark.parametrize("named", EVENTS)
def test_an_event_matches_only_where_it_is_named(named: str, happened: str) -> None:
    rules = f"- {{name: it, when: {{event: {named}}}, then: {{alert: It happened.}}}}"

    made = planned(rules, EVENTS[happened])

    assert len(made.alerts) == (named == happened)


def test_a_rule_that_names_no_event_is_about_messages() -> None:
    rules = "- {name: it, then: {alert: It happened.}}"

    told = [kind for kind, event in EVENTS.items() if planned(rules, event).alerts]

    assert told == ["message"]


def test_a_field_stands_for_the_notices_that_come_with_it() -> None:
    rules = "- {name: it, when: {field: account_update}, then: {alert: The account changed.}}"

    assert len(planned(rules, ACCOUNT).alerts) == 1
    assert planned(rules, a_change("flows", event="x")).alerts == ()


@pytest.mark.parametrize("field", ["smb_message_echoes", "standby", "history"])
def test_a_field_with_an_event_of_its_own_needs_no_event_beside_it(field: str) -> None:
    rules = f"- {{name: it, when: {{field: {field}}}, then: {{alert: It came.}}}}"

    told = [event for event in EVENTS.values() if planned(rules, event).alerts]

    assert [event.field for event in told if isinstance(event, Notice)] == [field]


def test_the_text_of_an_echo_is_a_text() -> None:
    rules = "- {name: it, when: {event: echo, text: hi}, then: {tag: answered}}"

    assert planned(rules, ECHO).contact.tags == ("answered",)


def test_what_belongs_to_nobody_can_be_told_and_not_answered() -> None:
    made = planned("- {name: it, when: {event: notice}, then: [Hi, {tag: a}, {alert: b}]}", ACCOUNT)

    (record,) = made.records
    assert (made.sends, made.changed, len(made.alerts)) == ((), False, 1)
    assert record.fired[0].explanation == (
        'event is "notice"; nobody can be answered, so nothing is sent; there is no contact'
    )


def test_a_failed_status_is_answered_to_its_contact() -> None:
    made = planned(TEMPLATE_INSTEAD, FAILED, contact=Contact(ANA))

    (send,) = made.sends
    assert (send.body["to"], send.body["template"]["name"]) == (f"+{ANA}", "we_answered")
    assert made.records[0].fired[0].explanation == (
        'event is "status" and status is "failed" and code is "131047"'
    )
    assert len(made.status_updates) == 1


def test_what_becomes_of_an_answer_to_a_status_is_not_answered_but_may_be_told() -> None:
    rules = TEMPLATE_INSTEAD.replace("then:", "then: [{alert: It failed.},").replace("en}", "en}]")
    (first,) = planned(rules, FAILED).sends
    assert answers_a_status(first.id)

    again = planned(rules, a_status("wamid.p", "failed", callback_data(first.id, 1), code=131047))

    assert (again.sends, len(again.alerts)) == ((), 1)
    assert (
        again.records[0]
        .fired[0]
        .explanation.endswith("it tells of an answer to a status, so nothing is sent")
    )


def test_each_attempt_that_fails_is_answered_by_the_same_send() -> None:
    second = a_status("wamid.p", "failed", f"{OURS}.2", code=131047)

    one, other = planned(TEMPLATE_INSTEAD, FAILED, second).sends

    assert one.id == other.id
    assert parse_callback_data(callback_data(one.id, 1)) == (one.id, "1")


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(a_status("wamid.o", "read", f"{OURS}.1", code=131047), id="another status"),
        pytest.param(a_status("wamid.q", "failed", f"{'b' * 24}.1", code=131047), id="other send"),
    ],
)
def test_another_send_or_status_is_answered_by_itself(other: Event) -> None:
    rules = "- {name: it, when: {event: status}, then: Hi}"

    one, another = planned(rules, FAILED, other).sends

    assert one.id != another.id


def test_a_status_of_a_group_is_answered_to_nobody() -> None:
    event = a_status("wamid.o", "failed", f"{OURS}.1", code=131047, contact="", wa_id="")

    assert planned(TEMPLATE_INSTEAD, event).sends == ()


def test_a_status_that_no_rule_names_leaves_its_contact_alone() -> None:
    made = planned("- {name: it, then: Hi}", FAILED)

    assert (made.changed, made.records, len(made.status_updates)) == (False, (), 1)


def test_a_status_that_says_a_wish_and_is_answered_has_one_record() -> None:
    event = a_status("wamid.o", "failed", f"{OURS}.1", code=131050)

    made = planned("- {name: it, when: {event: status, code: 131050}, then: {tag: left}}", event)

    (record,) = made.records
    assert (made.contact.opted_out_at, made.contact.tags) == (NOW, ("left",))
    assert record.changes == (
        "opted out: Meta's status with error 131050", "tagged left: rule it",
    )  # fmt: skip


def test_an_echo_of_a_person_silences_rules_for_twelve_hours() -> None:
    rules = "- {name: hi, then: [Hello, {tag: seen}]}"
    echoed = planned(rules, ECHO, contact=Contact(ANA, wa_id=ANA))
    assert echoed.contact.hand_over == HandOver(NOW, NOW + timedelta(hours=12), BY_PHONE)
    assert echoed.records[0].changes == (
        "a person answers until 2026-11-23 00:00 UTC: a person answered from the phone",
    )

    now = NOW + timedelta(hours=11)
    made = planned(rules, a_message(at=now), contact=echoed.contact, now=now)

    assert (made.sends, made.contact.tags) == ((), ("seen",))


def test_a_rule_that_fires_for_an_echo_may_end_the_silence() -> None:
    known = Contact(ANA, wa_id=ANA)
    made = planned("- {name: on, when: {event: echo}, then: unmute}", ECHO, contact=known)

    assert made.contact.silent_until is None
    assert made.records[0].changes == (
        "a person answers until 2026-11-23 00:00 UTC: a person answered from the phone",
        "not muted any more: rule on",
    )


def test_what_a_program_of_ours_sent_silences_nobody() -> None:
    echo = a_change("message_echoes", message_echoes=[an_item(**{"from": "1555", "to": ANA})])

    assert planned(HELLO, echo, contact=Contact(ANA)).contact.silent_until is None


def test_history_is_never_too_old() -> None:
    assert NOW - HISTORY.at > timedelta(days=1_000)

    rules = "- {name: it, when: {event: history}, then: {alert: It is here.}}"

    assert len(planned(rules, HISTORY).alerts) == 1
