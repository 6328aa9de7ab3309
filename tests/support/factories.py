"""Events, deliveries and bodies that tests make."""

import json
from datetime import UTC, datetime
from typing import Any

from gateway.core.events import BY_CUSTOMER, CallOutcome, Message, PhoneCall, Status

NUMBER = "106540352242922"
ANA = "351900000001"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def message_item(wamid: str, text: str = "hi", sender: str = ANA, at: int | None = None) -> Any:
    """Make one element of Meta's `messages`."""
    stamp = str(at if at is not None else int(datetime.now(UTC).timestamp()))
    return {"from": sender, "id": wamid, "timestamp": stamp, "type": "text", "text": {"body": text}}


def status_item(wamid: str, status: str, callback: str = "", to: str = ANA) -> Any:
    """Make one element of Meta's `statuses`."""
    stamp = str(int(datetime.now(UTC).timestamp()))
    item = {"id": wamid, "status": status, "timestamp": stamp, "recipient_id": to}
    return item | ({"biz_opaque_callback_data": callback} if callback else {})


def delivery_body(*messages: Any, statuses: Any = (), number: str = NUMBER) -> bytes:
    """Make the body of one POST that holds these items."""
    value: dict[str, Any] = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "15550001111", "phone_number_id": number},
    }
    if messages:
        value["contacts"] = [
            {"profile": {"name": "Ana"}, "wa_id": sender}
            for sender in dict.fromkeys(item["from"] for item in messages)
        ]
        value["messages"] = list(messages)
    if statuses:
        value["statuses"] = list(statuses)
    return bytes_of({"field": "messages", "value": value})


def bytes_of(change: Any) -> bytes:
    """Make the body of one POST that holds one change."""
    return json.dumps(
        {"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": [change]}]}
    ).encode()


def a_message(wamid: str = "wamid.1", contact: str = ANA, **others: Any) -> Message:
    """Make a message event."""
    given: dict[str, Any] = {
        "key": f"message|{NUMBER}|{wamid}", "delivery": "0:1-0", "item": 0, "number": NUMBER,
        "also": (others["user_id"],) if contact.isdigit() and others.get("user_id") else (),
        "contact": contact, "at": NOW, "raw": {}, "id": wamid, "type": "text", "text": "hi",
        "wa_id": contact, "name": "Ana",
    }  # fmt: skip
    return Message(**(given | others))


def a_status(wamid: str, status: str, callback: str = "", **others: Any) -> Status:
    """Make a status event."""
    given: dict[str, Any] = {
        "key": f"status|{NUMBER}|{wamid}|{status}", "item": 0,
        "delivery": f"0:{int(NOW.timestamp()) * 1000}-0",
        "number": NUMBER, "contact": ANA, "wa_id": ANA, "at": NOW, "raw": {}, "id": wamid,
        "status": status, "callback": callback,
    }  # fmt: skip
    return Status(**(given | others))


def a_call(outcome: CallOutcome = "missed", **others: Any) -> PhoneCall:
    """Make the event of a call that the customer began."""
    given: dict[str, Any] = {
        "key": f"call|{NUMBER}|wacid.1|{outcome}", "delivery": "0:1-0", "item": 0,
        "number": NUMBER, "contact": ANA, "wa_id": ANA, "at": NOW, "raw": {}, "field": "calls",
        "direction": BY_CUSTOMER, "outcome": outcome, "began_at": NOW, "name": "Ana",
    }  # fmt: skip
    return PhoneCall(**(given | others))
