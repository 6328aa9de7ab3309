"""What is left of a delivery once one customer is erased names them nowhere, and moves no other."""

import json
from typing import Any

import pytest

from gateway.core.contacts.person import Person
from gateway.core.events import Delivery, Message
from gateway.core.webhook.parser import split
from gateway.core.webhook.redaction import PLACEHOLDER, Redaction, redact
from tests.support.factories import NOW, NUMBER, bytes_of, delivery_body, message_item, status_item

ZOE, BOB = "351987650001", "351900000002"
MENTIONS = Person(frozenset({ZOE})).is_mentioned
OTHER = "100000000000099"


def from_zoe(name: str = "z") -> Any:
    return message_item(f"wamid.{name}", "hi", ZOE)


def from_bob(name: str = "b", text: str = "hello") -> Any:
    return message_item(f"wamid.{name}", text, BOB)


def texts(body: bytes | None) -> list[tuple[int, str | None]]:
    """Return position and text of each message."""
    events = split(Delivery("0:1-0", NOW, body or b""))
    return [(one.item, one.text) for one in events if isinstance(one, Message)]


def test_others_stay_where_they_stood() -> None:
    left = redact(delivery_body(from_zoe(), from_bob(), from_zoe("y")), MENTIONS).left

    assert texts(left) == [(1, "hello")]
    assert json.loads(left or b"")["entry"][0]["changes"][0]["value"]["messages"][0] == PLACEHOLDER


def test_the_sender_of_what_is_left_is_known_as_before() -> None:
    body = delivery_body(from_zoe(), from_bob())
    (before,) = [one for one in split(Delivery("0:1-0", NOW, body)) if one.contact == BOB]
    left = redact(body, MENTIONS).left
    (after,) = [one for one in split(Delivery("0:1-0", NOW, left or b"")) if one.contact]

    assert after == before


@pytest.mark.parametrize(
    "body",
    [
        delivery_body(from_zoe()),
        delivery_body(statuses=[status_item("wamid.out", "read", to=ZOE)]),
        bytes_of({"field": "messages", "value": {"messages": [], "about": ZOE}}),
        delivery_body(from_zoe(), from_bob()).removesuffix(b"}"),
        b'{"what":"opted_out","contact":"351987650001"}',
        b"[351987650001]",
        delivery_body(from_bob(text=f"ask {ZOE}")),
        json.dumps({ZOE: 1, **json.loads(delivery_body(from_bob()))}).encode(),
    ],
    ids=["a message", "a status", "an odd value", "damaged", "internal", "no object", "quoted",
         "a name of a field"],
)  # fmt: skip
def test_nothing_is_left_where_it_is_only_theirs_or_cannot_be_told_apart(body: bytes) -> None:
    assert redact(body, MENTIONS) == Redaction(True, None)


def test_a_delivery_that_does_not_name_them_is_not_concerned() -> None:
    assert redact(delivery_body(from_bob()), MENTIONS) == Redaction(False)


def test_only_what_some_numbers_have_is_removed_where_that_is_asked_for() -> None:
    ours, others = (json.loads(delivery_body(from_zoe(one), number=one)) for one in (NUMBER, OTHER))
    body = json.dumps(ours | {"entry": ours["entry"] + others["entry"]}).encode()

    left = redact(body, MENTIONS, [OTHER]).left

    assert texts(left) == [(0, "hi")]
    assert redact(delivery_body(from_zoe()), MENTIONS, [OTHER]) == Redaction(False)
