"""Requests to send: whatever JSON comes, it becomes a request, or errors that name their place."""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.api.countries import COUNTRIES
from gateway.core.api.field_errors import FieldError
from gateway.core.api.message_request import (
    FIELDS,
    MessageRequest,
    plan_request,
    read_request,
)
from gateway.core.api.recipient import Recipient, parse_phone, write_recipient
from gateway.core.contacts.contact import Contact
from gateway.core.sending.send import PRIORITIES, Send
from gateway.sandbox.validation.message import check_message

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
HELLO = {"to": "+351912345678", "text": "Hello"}
ID = "a" * 24
TEXTS = st.text(max_size=20) | st.sampled_from(
    ["+351912345678", "text", "image", "template", "wait", "2026-12-01T09:00:00+01:00", "reply"]
)
LEAVES = st.none() | st.booleans() | st.integers(-5, 10**6) | st.floats(allow_nan=False) | TEXTS
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(TEXTS | st.just("link"), inner, max_size=3)
    ),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.sampled_from(sorted(FIELDS | {"image", "contacts"})), VALUES)


def planned(**fields: Any) -> Send:
    request = read_request(HELLO | fields)
    assert isinstance(request, MessageRequest), request
    send = plan_request(request, ID, Contact("351912345678"), NOW)
    assert isinstance(send, Send), send
    return send


LATER = "2026-12-01T09:00:00+01:00"
QUOTED, SCHEDULED = {"reply_to": "wamid.in"}, {"send_at": LATER}
PRIORITY: dict[str, tuple[dict[str, Any], bool, str]] = {
    "a message": ({}, False, "notice"),
    "into an open window": ({}, True, "reply"),
    "that quotes one": (QUOTED, False, "reply"),
    "that quotes one in Meta's form": ({"context": {"message_id": "wamid.in"}}, False, "reply"),
    "scheduled": (SCHEDULED, True, "notice"),
    "scheduled, that quotes one": (QUOTED | SCHEDULED, True, "notice"),
    "scheduled for a moment ago": ({"send_at": "2026-11-30T11:59:30Z"}, True, "reply"),
    "a reply by its word": ({"priority": "reply"}, True, "reply"),
    "no reply, though it may be": (QUOTED | {"priority": "notice"}, True, "notice"),
    "bulk": ({"priority": "bulk"}, True, "bulk"),
    "bulk, scheduled": (SCHEDULED | {"priority": "bulk"}, False, "bulk"),
    "a reply into a closed window": ({"priority": "reply"}, False, ""),
    "a reply at a time": (SCHEDULED | QUOTED | {"priority": "reply"}, True, ""),
}


@pytest.mark.parametrize("name", PRIORITY)
def test_a_message_that_is_expected_is_a_reply_and_all_others_are_notices(name: str) -> None:
    fields, is_open, priority = PRIORITY[name]
    wrote_at = NOW - timedelta(hours=1 if is_open else 25)
    request = read_request(HELLO | fields)
    assert isinstance(request, MessageRequest), request

    send = plan_request(request, ID, Contact("351912345678", last_inbound_at=wrote_at), NOW)

    if isinstance(send, Send):
        assert send.priority == priority
    else:
        assert [(one.pointer, one.detail.split(" only")[0]) for one in send] == [
            ("#/priority", "can be reply")
        ]
        assert priority == ""


def test_a_priority_is_one_of_three() -> None:
    assert read_request(HELLO | {"priority": "high"}) == [
        FieldError("#/priority", f"must be one of {', '.join(PRIORITIES)}")
    ]


@given(OBJECTS)
def test_whatever_comes_is_a_request_or_errors_with_pointers(fields: dict[str, Any]) -> None:
    result = read_request(fields)

    if isinstance(result, MessageRequest):
        contact = Contact(result.recipient.name)
        outcome = plan_request(result, ID, contact, NOW)
        if isinstance(outcome, Send):
            orjson.dumps(outcome.body)
            return
        result = outcome
    assert result
    assert all(one.pointer.startswith("#") for one in result)


@given(OBJECTS)
def test_what_is_wrong_beside_a_good_message_is_all_that_is_told(fields: dict[str, Any]) -> None:
    odd = {name: value for name, value in fields.items() if name in ("ttl", "priority", "reply_to")}
    result = read_request(HELLO | odd)

    if not isinstance(result, MessageRequest):
        assert {one.pointer.removeprefix("#/") for one in result} <= odd.keys()


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("+351 912 345 678", "351912345678"),
        ("351912345678", "351912345678"),
        ("00351912345678", "351912345678"),
        ("+1 (555) 010-0100", "15550100100"),
        ("15550783881", "15550783881"),  # Meta's test numbers are possible, and not valid
        ("+52 1 55 1234 5678", "5215512345678"),  # as Meta writes it, though it is too long
        ("525512345678", "525512345678"),
        ("52155123456789", ""),
        ("\u202a+351\u00a0912\u200b345\u00a0678\u202c", "351912345678"),  # as phones copy it
        ("\ufeff\u2068351912345678\u2069\u200f", "351912345678"),
        ("912345678", ""),
        ("+351", ""),
        ("+999123456789", ""),
        ("+35191234567890123", ""),
        ("call me", ""),
        ("+351-CALL-ME-NOW", ""),
        ("", ""),
    ],
)
def test_a_phone_number_is_international_and_possible(text: str, digits: str) -> None:
    assert parse_phone(text) == digits


NATIONAL = [
    ("PT", "912 345 678", "351912345678"),
    ("PT", "351912345678", "351912345678"),
    ("PT", "+34 612 345 678", "34612345678"),
    ("PT", "0034612345678", "34612345678"),
    ("DE", "(0171) 234/5678", "491712345678"),
    ("DE", "0171 2345678", "491712345678"),
    ("DE", "4917112345678", "4917112345678"),  # after +49 it is valid too
    ("GB", "07911 123456", "447911123456"),
    ("IT", "06 1234 5678", "390612345678"),  # the zero belongs to the number
    ("BR", "(11) 98765-4321", "5511987654321"),
    ("US", "(415) 555-2671", "14155552671"),
    ("ES", "+34612345678", "34612345678"),
    (
        "PT",
        "\u2066912\u00a0345\u200e678\u2069",
        "351912345678",
    ),  # direction marks count for nothing
    ("MX", "5215512345678", "5215512345678"),
    ("DE", "5215512345678", "5215512345678"),
    ("CN", "131 2345 6789", "13123456789"),  # valid both ways, and read as without a country
]


@pytest.mark.parametrize(("country", "text", "digits"), NATIONAL)
def test_a_national_number_is_one_of_the_country(country: str, text: str, digits: str) -> None:
    request = read_request(HELLO | {"to": text}, country)

    assert isinstance(request, MessageRequest), request
    assert request.recipient == Recipient(digits)


NOT_NATIONAL = {
    "no country": ("", "912 345 678", "is read where the accounts file gives the account a `cou"),
    "too short": ("PT", "912 345", "is no possible phone number, nor one of PT: write a phone"),
    "another person's": ("ES", "612345678", "may also be a number of ES: begin with + and the"),
    "international prefix": ("PT", "00912345678", "is no possible phone number, nor one of PT"),
    "letters": ("PT", "0800 FLOWERS", "is no possible phone number, nor one of PT"),
}


@pytest.mark.parametrize(("country", "text", "hint"), NOT_NATIONAL.values(), ids=NOT_NATIONAL)
def test_a_number_that_names_nobody_for_sure_is_refused(country: str, text: str, hint: str) -> None:
    result = read_request(HELLO | {"to": text}, country)

    assert isinstance(result, list)
    assert [one.pointer for one in result] == ["#/to"]
    assert hint in result[0].detail
    assert text not in result[0].detail


@given(st.from_regex(r"\+?[0-9]{5,16}", fullmatch=True), st.sampled_from(["PT", "ES", "DE", "US"]))
def test_a_country_never_changes_whom_a_number_names(text: str, country: str) -> None:
    before = parse_phone(text)
    result = read_request(HELLO | {"to": text}, country)

    if before and isinstance(result, MessageRequest):
        assert result.recipient.wa_id == before


def test_the_countries_are_those_that_have_phone_numbers() -> None:
    beyond_iso_3166 = {"AC", "TA", "XK"}

    assert phonenumbers.SUPPORTED_REGIONS - beyond_iso_3166 == COUNTRIES


def test_a_customer_is_written_to_by_the_name_that_meta_used_last() -> None:
    request = read_request(HELLO)
    assert isinstance(request, MessageRequest)
    known = Contact("351912345678", wa_id="351900000009", user_id="PT.1")

    send = plan_request(request, ID, known, NOW)

    assert isinstance(send, Send)
    assert (send.lane, send.body["to"]) == ("351912345678", "+351900000009")


LIFETIMES: dict[str, tuple[dict[str, Any], timedelta]] = {
    "a day": ({}, timedelta(days=1)),
    "an hour for an answer": ({"reply_to": "wamid.1"}, timedelta(hours=1)),
    "a week for one that waits": ({"when_closed": "wait"}, timedelta(days=7)),
    "as long as is said": ({"ttl": 90}, timedelta(seconds=90)),
    "until the moment that is said": (
        {"expires_at": "2026-11-30T13:30:00Z"}, timedelta(minutes=90),
    ),
    "after the time at which it is due": (
        {"send_at": "2026-12-01T12:00:00Z", "ttl": 60}, timedelta(days=1, seconds=60),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("fields", "lasts"), LIFETIMES.values(), ids=LIFETIMES)
def test_a_message_may_be_sent_for(fields: dict[str, Any], lasts: timedelta) -> None:
    assert planned(**fields).expires_at - NOW == lasts


def test_a_time_of_a_moment_ago_is_now_and_an_older_one_is_in_the_past() -> None:
    assert planned(send_at="2026-11-30T11:59:30Z").due_at is None

    request = read_request(HELLO | {"send_at": "2026-11-30T11:58:00Z"})
    assert isinstance(request, MessageRequest)
    refused = plan_request(request, ID, Contact("x"), NOW)
    assert refused == [FieldError("#/send_at", "is in the past")]


def test_a_template_goes_instead_where_the_window_is_closed() -> None:
    instead = {"template": {"name": "hello", "language": "en", "params": {"name": "Ana"}}}
    send = planned(when_closed=instead)

    assert send.closed == "template"
    assert send.instead
    assert send.instead["to"] == "+351912345678"
    assert send.instead["template"]["name"] == "hello"


GROUP = "Y2FwaV9ncm91cDoxNzA1NTU1MDEzOQ"


def test_a_message_to_a_group_names_it_and_has_a_lane_of_its_own() -> None:
    instead = {"template": {"name": "hello", "language": "en"}}
    request = read_request(HELLO | {"to": {"group_id": GROUP}, "when_closed": instead})
    assert isinstance(request, MessageRequest)

    send = plan_request(request, ID, Contact(request.recipient.name), NOW)

    assert isinstance(send, Send)
    assert send.lane == GROUP
    assert send.instead
    for body in (send.body, send.instead):
        assert (body["recipient_type"], body["to"]) == ("group", GROUP)
        assert check_message(dict(body)) is None


def test_a_group_may_be_named_as_meta_does() -> None:
    ours = read_request(HELLO | {"to": {"group_id": GROUP}})

    assert read_request(HELLO | {"to": GROUP, "recipient_type": "group"}) == ours


@pytest.mark.parametrize("group", ["", "x", "a b", "351912345678", 7, GROUP * 20])
def test_what_is_no_group_is_refused(group: object) -> None:
    errors = read_request(HELLO | {"to": {"group_id": group}})

    assert isinstance(errors, list)
    assert [one.pointer for one in errors] == ["#/to"]


@pytest.mark.parametrize(
    "to", ["+351912345678", {"user_id": "PT.123"}, {"group_id": GROUP}], ids=str
)
def test_a_recipient_is_written_as_it_is_read(to: object) -> None:
    request = read_request(HELLO | {"to": to})

    assert isinstance(request, MessageRequest)
    assert write_recipient(request.recipient) == to
