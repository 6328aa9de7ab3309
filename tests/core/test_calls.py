"""A call belongs to the customer, says what became of it, and opens the window if they began it."""

from datetime import timedelta
from typing import Any

import pytest

from gateway.core.contacts.contact import Contact
from gateway.core.contacts.grouping import contact_keys
from gateway.core.contacts.serialization import pack, unpack
from gateway.core.events import BY_CUSTOMER, BY_US, Delivery, PhoneCall
from gateway.core.sending.preflight import is_window_open
from gateway.core.webhook.parser import split
from tests.support.factories import ANA, NOW, NUMBER, a_call, a_message, bytes_of

OURS = "15550001111"
THEIRS = {"from": ANA, "to": OURS, "direction": BY_CUSTOMER}
OF_OURS = {"from": OURS, "to": ANA, "direction": BY_US}
OVER = {"event": "terminate", "status": "FAILED"}
PICKED_UP = {"start_time": "1795348058", "end_time": "1795348118", "duration": 60}


def call(
    item: dict[str, Any], *, under: str = "calls", customers: tuple[Any, ...] = (), ours: str = OURS
) -> PhoneCall:
    """Read the one call of a webhook."""
    metadata = {"display_phone_number": ours, "phone_number_id": NUMBER}
    value = {"metadata": metadata, "contacts": customers, under: [{"id": "wacid.1", **item}]}
    (event,) = split(Delivery("0:1-0", NOW, bytes_of({"field": "calls", "value": value})))
    assert isinstance(event, PhoneCall)
    return event


@pytest.mark.parametrize(
    ("item", "under", "outcome"),
    [
        ({**THEIRS, "event": "connect"}, "calls", "ringing"),
        ({**THEIRS, **OVER}, "calls", "missed"),
        ({**THEIRS, "event": "terminate"}, "calls", "missed"),
        ({**THEIRS, **OVER, "status": "COMPLETED"}, "calls", "ended"),
        ({**THEIRS, **OVER, **PICKED_UP}, "calls", "ended"),
        ({**THEIRS, **OVER, "status": "REJECTED"}, "calls", "rejected"),
        ({**OF_OURS, "event": "connect"}, "calls", ""),
        ({**OF_OURS, **OVER}, "calls", "failed"),
        ({**OF_OURS, **OVER, **PICKED_UP}, "calls", "ended"),
        ({"from": ANA, "event": "terminate"}, "calls", ""),
        ({"recipient_id": ANA, "status": "RINGING"}, "statuses", "calling"),
        ({"recipient_id": ANA, "status": "ACCEPTED"}, "statuses", "answered"),
        ({"recipient_id": ANA, "status": "REJECTED"}, "statuses", "rejected"),
        ({"recipient_id": ANA, "status": "ODD"}, "statuses", ""),
    ],
)
def test_what_became_of_a_call_is_read_from_metas_fields(
    item: dict[str, Any], under: str, outcome: str
) -> None:
    assert call(item, under=under).outcome == outcome


NAMED = ({"wa_id": ANA, "user_id": "PT.1", "profile": {"name": "Ana"}},)


@pytest.mark.parametrize(
    ("item", "customers", "keys"),
    [
        pytest.param(THEIRS, (), (ANA,), id="caller"),
        pytest.param(OF_OURS, (), (ANA,), id="callee"),
        pytest.param(THEIRS, NAMED, (ANA, "PT.1"), id="caller with a user id"),
        pytest.param({**OF_OURS, "to": OURS}, NAMED, (ANA, "PT.1"), id="our own number as callee"),
        pytest.param({"from": ANA, "to": OURS}, (), (ANA,), id="no direction, to us"),
        pytest.param({"from": f"+{OURS}", "to": ANA}, (), (ANA,), id="no direction, from us"),
        pytest.param({"from_user_id": "PT.1", "direction": BY_CUSTOMER}, (), ("PT.1",), id="id"),
        pytest.param({"direction": BY_CUSTOMER}, NAMED, (ANA, "PT.1"), id="only in contacts"),
        pytest.param({}, (), (), id="nobody"),
    ],
)
def test_a_call_belongs_to_the_customer_whoever_began_it(
    item: dict[str, Any], customers: tuple[Any, ...], keys: tuple[str, ...]
) -> None:
    assert contact_keys(call({**item, "event": "terminate"}, customers=customers)) == keys


def test_the_name_of_the_caller_is_read() -> None:
    assert call({**THEIRS, **OVER}, customers=NAMED).name == "Ana"


@pytest.mark.parametrize(("direction", "opens"), [(BY_CUSTOMER, True), (BY_US, False), ("", False)])
def test_only_a_call_that_the_customer_began_opens_the_window(direction: str, opens: bool) -> None:
    after = Contact(ANA).with_event(a_call("missed", direction=direction))

    assert is_window_open(after, NOW + timedelta(hours=23)) is opens
    assert not is_window_open(after, NOW + timedelta(hours=24))


def test_a_long_call_opens_the_window_when_it_was_picked_up() -> None:
    began_at = NOW - timedelta(hours=2)

    assert Contact(ANA).with_event(a_call("ended", began_at=began_at)).called_at == began_at


def test_a_call_is_no_message() -> None:
    after = Contact(ANA).with_event(a_call())

    assert (after.is_new, after.name) == (True, "Ana")


def test_an_earlier_call_does_not_close_the_window_that_a_message_opened() -> None:
    wrote = Contact(ANA).with_event(a_message(at=NOW))

    after = wrote.with_event(a_call(began_at=NOW - timedelta(days=2)))

    assert after.window_opened_at == NOW


def test_a_call_is_stored_with_its_contact() -> None:
    called = Contact(ANA, called_at=NOW)

    assert unpack(ANA, b"1", pack(called)).called_at == NOW


def test_contacts_that_are_one_customer_keep_the_later_call() -> None:
    earlier = Contact("PT.1", called_at=NOW - timedelta(hours=1))

    assert Contact(ANA, called_at=NOW).merged_with(earlier).called_at == NOW
