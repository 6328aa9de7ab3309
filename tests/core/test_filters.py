"""Deliveries are chosen by time, number, kind and words."""

from datetime import timedelta

import pytest

from gateway.core.capture.filter import DeliveryFilter
from gateway.core.events import Delivery
from tests.support.factories import NOW, NUMBER, delivery_body, message_item, status_item

MINUTE = timedelta(minutes=1)
MESSAGE = delivery_body(message_item("wamid.1", "Where is my ORDER?"))
STATUS = delivery_body(statuses=[status_item("wamid.2", "sent")], number="77")
BOTH = delivery_body(message_item("wamid.1", "hi"), statuses=[status_item("wamid.2", "sent")])
ESCAPED = b'{"object":"page","said":"caf\\u00c9 \\ud83d\\ude00"}'

CASES = {
    "nothing asked": (DeliveryFilter(), MESSAGE, True),
    "received then": (DeliveryFilter(since=NOW, until=NOW), MESSAGE, True),
    "received before": (DeliveryFilter(since=NOW + MINUTE), MESSAGE, False),
    "received after": (DeliveryFilter(until=NOW - MINUTE), MESSAGE, False),
    "of the number": (DeliveryFilter(number=NUMBER), MESSAGE, True),
    "of another number": (DeliveryFilter(number=NUMBER), STATUS, False),
    "of the kind": (DeliveryFilter(kinds=frozenset({"status"})), STATUS, True),
    "of another kind": (DeliveryFilter(kinds=frozenset({"status"})), MESSAGE, False),
    "of one of two kinds": (DeliveryFilter(kinds=frozenset({"status", "notice"})), BOTH, True),
    "number and kind of different events": (
        DeliveryFilter(number="77", kinds=frozenset({"message"})),
        STATUS,
        False,
    ),
    "unreadable": (DeliveryFilter(kinds=frozenset({"unreadable"})), b"\xff{", True),
    "says it in another case": (DeliveryFilter(contains="my order"), MESSAGE, True),
    "does not say it": (DeliveryFilter(contains="parcel"), MESSAGE, False),
    "holds the id": (DeliveryFilter(contains="wamid.2"), BOTH, True),
    "says it in escapes": (DeliveryFilter(contains="CAFé 😀"), ESCAPED, True),
    "says it in bytes that are no text": (DeliveryFilter(contains="abc"), b"\xff ABC", True),
    "does not say it in broken escapes": (DeliveryFilter(contains="abc"), b'"\\', False),
}


@pytest.mark.parametrize(("asked", "body", "taken"), CASES.values(), ids=CASES)
def test_a_delivery_is_taken_where_it_is_all_that_is_asked(
    asked: DeliveryFilter, body: bytes, taken: bool
) -> None:
    assert asked.matches(Delivery("0:1-0", NOW, body)) is taken
