"""What receivers get: Meta's bytes as they came where all is meant for them, or one event."""

from typing import Any

import orjson
import pytest

from gateway.core.events import Delivery
from gateway.core.forwards.envelope import build_envelope
from gateway.core.forwards.forward import forward_id
from gateway.core.forwards.payload import build_payload
from gateway.core.sending.send import callback_data
from gateway.core.webhook.parser import split
from tests.support.factories import ANA, NOW, delivery_body, message_item, status_item

BEN = "351900000002"
SEND = "a" * 24


def a_delivery(body: bytes) -> Delivery:
    return Delivery("3:1-0", NOW, body, account="shop")


def value_of(body: bytes) -> Any:
    (entry,) = orjson.loads(body)["entry"]
    (change,) = entry["changes"]
    return change["value"]


def test_all_of_a_delivery_is_the_same_bytes() -> None:
    body = delivery_body(message_item("wamid.1"), message_item("wamid.2", sender=BEN))

    assert build_envelope(a_delivery(body), {0, 1}, {}) == body


def test_a_part_of_a_delivery_names_only_its_own_customer() -> None:
    body = delivery_body(
        message_item("wamid.1"), message_item("wamid.2", sender=BEN),
        statuses=[status_item("wamid.3", "read")],
    )  # fmt: skip

    value = value_of(build_envelope(a_delivery(body), {1}, {}))

    assert [one["id"] for one in value["messages"]] == ["wamid.2"]
    assert [one["wa_id"] for one in value["contacts"]] == [BEN]
    assert "statuses" not in value
    assert value["metadata"] == value_of(body)["metadata"]


@pytest.mark.parametrize(
    ("callback", "references", "expected"),
    [
        (callback_data(SEND, 1), {SEND: "order 7"}, "order 7"),
        (callback_data(SEND, 1), {}, None),
        ("of another program", {}, "of another program"),
    ],
)
def test_a_status_has_the_callers_data_and_never_ours(
    callback: str, references: dict[str, str], expected: str | None
) -> None:
    body = delivery_body(statuses=[status_item("wamid.3", "read", callback)])
    delivery = a_delivery(body)

    envelope = build_envelope(delivery, {0}, references)

    (status,) = value_of(envelope)["statuses"]
    assert status.get("biz_opaque_callback_data") == expected
    assert (envelope == body) is (expected == callback)
    described = orjson.loads(
        build_payload(split(delivery)[0], "status", delivery, "crm", references)
    )
    assert SEND not in str(described["data"]["meta"])
    assert described["data"]["reference"] == (expected or "")


def test_every_item_of_every_entry_can_stand_alone() -> None:
    entry = orjson.loads(delivery_body(message_item("wamid.1"), message_item("wamid.2")))["entry"][
        0
    ]
    other = {"id": "1", "changes": [{"field": "account_alerts", "value": {"entity_id": "1"}}, {}]}
    body = orjson.dumps({"object": "whatsapp_business_account", "entry": [entry, other, 7]})
    delivery = a_delivery(body)
    events = split(delivery)

    parts = [
        build_envelope(delivery, {event.item}, {}) for event in events if event.kind != "unreadable"
    ]
    alone = [split(a_delivery(part)) for part in parts]

    assert [[one.key for one in part] for part in alone] == [
        [event.key] for event in events if event.kind != "unreadable"
    ]


def test_our_form_says_who_wrote_what_and_keeps_metas_words() -> None:
    delivery = a_delivery(delivery_body(message_item("wamid.1", "Hello", at=1795348000)))
    (event,) = split(delivery)

    payload = orjson.loads(build_payload(event, "message", delivery, "crm", {}))

    assert payload["type"] == "message"
    assert payload["id"] == forward_id(event.key, "crm")
    assert (payload["account"], payload["number"]) == ("shop", event.number)
    assert payload["contact"] == {"key": ANA, "wa_id": ANA, "user_id": "", "name": "Ana"}
    assert payload["data"]["text"] == "Hello"
    assert payload["data"]["meta"] == event.raw
