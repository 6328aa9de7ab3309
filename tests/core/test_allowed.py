"""What stands against posting a send at this moment, as a table."""

from datetime import timedelta
from typing import Any

import pytest

from gateway.core.contacts.contact import Contact
from gateway.core.messages import with_group
from gateway.core.sending.outcome import decide_outcome
from gateway.core.sending.preflight import NOT_POSTED, preflight_refusal
from gateway.core.sending.response import CustomerQuiet, Refused, TemplateStopped, WindowClosed
from gateway.core.sending.send import QuietSpan
from tests.core.test_outcome import an_attempt
from tests.support.factories import NOW

DAY = timedelta(hours=24)
FREE_FORM = {"type": "text", "text": {"body": "secret"}}
TEMPLATE = {"type": "template", "template": {"name": "offer"}}


def stands_against(last: timedelta | None, *, opted_out: bool = False, **others: Any) -> str:
    """Name what stands against a send to a customer who wrote `last` ago."""
    contact = Contact(
        "c",
        last_inbound_at=None if last is None else NOW - last,
        opted_out_at=NOW if opted_out else None,
    )
    match preflight_refusal(an_attempt(**({"body": FREE_FORM, "contact": contact} | others)), NOW):
        case WindowClosed():
            return "window"
        case Refused(code=131050):
            return "opted out"
        case None:
            return ""
        case odd:
            raise AssertionError(odd)


@pytest.mark.parametrize(
    ("last", "others", "expected"),
    [
        (timedelta(0), {}, ""),
        (DAY - timedelta(milliseconds=1), {}, ""),
        (DAY, {}, "window"),
        (None, {}, "window"),
        (None, {"body": TEMPLATE}, ""),
        (None, {"body": {"status": "read"}, "repeatable": True}, ""),
        (None, {"body": with_group(FREE_FORM, "Y2FwaV9ncm91cDox")}, ""),
        (DAY, {"priority": "bulk"}, "window"),
        (timedelta(0), {"opted_out": True}, ""),
        (timedelta(0), {"opted_out": True, "priority": "bulk"}, "opted out"),
        (timedelta(0), {"opted_out": True, "priority": "bulk", "body": TEMPLATE}, "opted out"),
        (timedelta(0), {"opted_out": True, "priority": "bulk", "marketing": False}, ""),
        (timedelta(0), {"opted_out": True, "body": TEMPLATE}, ""),
        (timedelta(0), {"opted_out": True, "body": TEMPLATE, "marketing": True}, "opted out"),
        (timedelta(0), {"body": TEMPLATE, "marketing": True}, ""),
    ],
    ids=[
        "written just now", "the last moment", "a day ago", "never written", "a template",
        "a signal", "a group", "a broadcast",
        "a reply to who wants no marketing", "a broadcast to them",
        "a broadcast template to them", "a broadcast to them that is no marketing",
        "a template of service to them", "marketing to them",
        "marketing to others",
    ],
)  # fmt: skip
def test_what_stands_against_a_send(
    last: timedelta | None, others: dict[str, Any], expected: str
) -> None:
    assert stands_against(last, **others) == expected


@pytest.mark.parametrize("contact", [Contact("c"), Contact("c", opted_out_at=NOW)])
def test_what_is_not_posted_is_refused_in_words_of_ours(contact: Contact) -> None:
    refusal = preflight_refusal(an_attempt(body=FREE_FORM, contact=contact, priority="bulk"), NOW)

    assert isinstance(refusal, WindowClosed | Refused)
    assert refusal.reason.startswith("The gateway did not post it: ")
    assert refusal.details == ""


BEGINS, ENDS = NOW - timedelta(hours=2), NOW + timedelta(hours=9)


@pytest.mark.parametrize(
    ("at", "until"),
    [
        (BEGINS - timedelta(seconds=1), None),
        (BEGINS, ENDS),
        (NOW, ENDS),
        (ENDS, None),
        (BEGINS + 3 * DAY, ENDS + 3 * DAY),
        (ENDS + 3 * DAY, None),
    ],
)
def test_a_send_waits_while_it_is_quiet_for_its_customer_on_each_day(at: Any, until: Any) -> None:
    attempt = an_attempt(body=TEMPLATE, quiet=QuietSpan(BEGINS, ENDS))

    refusal = preflight_refusal(attempt, at)

    assert refusal == (CustomerQuiet(until) if until else None)


def test_a_send_that_waits_for_the_morning_loses_no_try_and_notes_no_error() -> None:
    attempt = an_attempt(body=TEMPLATE, quiet=QuietSpan(BEGINS, ENDS))

    outcome = decide_outcome(attempt, CustomerQuiet(ENDS), NOW, 0.5)

    assert (outcome.step, outcome.wait_ms) == ("postponed", 9 * 3_600_000)
    assert outcome.error_json == ""
    assert NOT_POSTED in outcome.history_json


def test_a_stopped_template_waits_and_is_not_sent_to_who_wants_no_marketing() -> None:
    attempt = an_attempt(body=TEMPLATE, contact=Contact("c"))
    refusal = preflight_refusal(attempt, NOW, is_stopped=True)

    assert isinstance(refusal, TemplateStopped)
    assert (refusal.code, refusal.reason[:35]) == (132015, "The gateway did not post it: Meta h")
    out = an_attempt(body=TEMPLATE, contact=Contact("c", opted_out_at=NOW), priority="bulk")
    assert isinstance(preflight_refusal(out, NOW, is_stopped=True), Refused)
