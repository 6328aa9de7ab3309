"""What the customer of a test does, as the events that Meta would make of it; pure."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from gateway.core.events import Event
from gateway.rules.testing.simulated_customer import Phone
from gateway.rules.testing.testcase import They

ORDER = {
    "catalog_id": "1",
    "product_items": [
        {"product_retailer_id": "1", "quantity": 1, "item_price": 1, "currency": "EUR"}
    ],
}


def done(they: They, phone: Phone, at: datetime) -> list[Event]:
    """Return the events of what somebody does."""
    beside: dict[str, Any] = {}
    if they.referral is not None:
        beside["referral"] = they.referral
    if they.group is not None:
        beside["group_id"] = they.group
    return ACTS[they.act](they, phone, at, beside)


def _media(they: They, phone: Phone, at: datetime, beside: Mapping[str, Any]) -> list[Event]:
    kind = "audio" if they.media == "voice" else str(they.media)
    content: dict[str, Any] = {"id": "1", "mime_type": f"{kind}/*"}
    content |= {"voice": they.media == "voice"} if kind == "audio" else {}
    content |= {"caption": they.text} if they.text else {}
    return phone.message(at, kind, content, **beside)


def _elsewhere(they: They, phone: Phone, at: datetime, _: Mapping[str, Any]) -> list[Event]:
    text = they.text or ""
    return (
        phone.echo(at, text) if they.event == "echo" else phone.elsewhere(at, str(they.event), text)
    )


Act = Callable[[They, Phone, datetime, Mapping[str, Any]], list[Event]]
ACTS: dict[str, Act] = {
    "text": lambda they, phone, at, beside: phone.text(at, str(they.text), **beside),
    "tapped": lambda they, phone, at, _: phone.tap(at, str(they.tapped)),
    "media": _media,
    "reaction": lambda they, phone, at, _: phone.react(at, str(they.reaction)),
    "order": lambda _, phone, at, beside: phone.message(at, "order", ORDER, **beside),
    "type": lambda they, phone, at, beside: phone.message(
        at, str(they.type), they.content, **beside
    ),
    "status": lambda they, phone, at, _: phone.status(
        at, str(they.status), they.code[0] if they.code else None
    ),
    "event": _elsewhere,
    "field": lambda they, phone, at, _: phone.notice(at, str(they.field), they.value),
}
