"""Payload of a forward in the gateway's own form: one event, normalised; pure.

It has the three fields of Standard Webhooks (type, timestamp, data), and docs/forwards.md describes
all others. A field that is added later is no break, so receivers ignore what they do not know.
https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson

from gateway.core.events import Delivery, Event, Message, Notice, PhoneCall, Status
from gateway.core.forwards.forward import forward_id
from gateway.core.sending.send import parse_callback_data

TEST = "test"  # the kind of what `gateway forwards test` posts
CAMPAIGN = "campaign."  # with the phase, the kind of what is told of a campaign
RULE = "rule."  # begins the kind of what a rule notifies of


def build_payload(
    event: Event, kind: str, delivery: Delivery, receiver: str, references: Mapping[str, str]
) -> bytes:
    """Build the body that is posted, as JSON; the same for each attempt.

    `kind` is the event's in the words of rules; `references` has the callers' own names of sends.
    """
    payload = {
        "type": kind,
        "timestamp": _moment(event.at),
        "id": forward_id(event.key, receiver),
        "received_at": _moment(delivery.received_at),
        "account": delivery.account,
        "number": event.number,
        "contact": _describe_contact(event),
        "data": _describe(event, references),
    }
    return orjson.dumps(payload, default=str)


def build_test_payload(forward: str, at: datetime) -> bytes:
    """Build the body of a test, which has no event."""
    return build_notice_payload(forward, TEST, at, {})


def build_notice_payload(
    forward: str,
    kind: str,
    at: datetime,
    data: Mapping[str, Any],
    *,
    account: str = "",
    number: str = "",
    contact: Mapping[str, str] | None = None,
) -> bytes:
    """Build the body of what the gateway itself tells, which is no event of Meta's."""
    payload: dict[str, Any] = {
        "type": kind,
        "timestamp": _moment(at),
        "id": forward,
        "received_at": _moment(at),
        "account": account,
        "number": number,
        "contact": contact,
        "data": data,
    }
    return orjson.dumps(payload)


def is_notice(body: bytes) -> bool:
    """Say whether a body that is posted is no event of Meta's, which Meta's form cannot tell."""
    try:
        payload = orjson.loads(body)
    except orjson.JSONDecodeError:
        return False
    kind = payload.get("type") if isinstance(payload, dict) else None
    return isinstance(kind, str) and kind.startswith((CAMPAIGN, RULE))


def _moment(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds")


def _describe_contact(event: Event) -> Mapping[str, str] | None:
    """Describe the customer; None for an event that has none."""
    if not event.contact:
        return None
    name = event.name if isinstance(event, Message | PhoneCall) else ""
    return {"key": event.contact, "wa_id": event.wa_id, "user_id": event.user_id, "name": name}


def _describe(event: Event, references: Mapping[str, str]) -> Mapping[str, Any]:
    match event:
        case Message():
            return _describe_message(event)
        case Status():
            return _describe_status(event, references)
        case PhoneCall():
            return _describe_call(event)
        case Notice():
            return {"field": event.field, "waba": event.waba, "meta": event.raw}
        case _:
            return {"meta": event.raw}


def _describe_message(event: Message) -> Mapping[str, Any]:
    return {
        "id": event.id,
        "type": event.type,
        "text": event.text,
        "tapped": event.tapped,
        "group": event.group,
        "meta": event.raw,
    }


def _describe_status(event: Status, references: Mapping[str, str]) -> Mapping[str, Any]:
    send, attempt = parse_callback_data(event.callback)
    return {
        "id": event.id,
        "status": event.status,
        "message": send,
        "attempt": int(attempt) if attempt else None,
        "reference": references.get(send, "") if send else event.callback,
        "participant": event.participant,
        "code": event.code,
        "errors": [dict(one) for one in event.errors],
        "pricing": dict(event.pricing),
        "meta": own_callback(event.raw, references),
    }


def _describe_call(event: PhoneCall) -> Mapping[str, Any]:
    return {
        "field": event.field,
        "direction": event.direction,
        "outcome": event.outcome,
        "began_at": _moment(event.began_at),
        "meta": event.raw,
    }


def own_callback(status: Any, references: Mapping[str, str]) -> Any:
    """Return Meta's status with the caller's callback data in the place of ours, or without any."""
    callback = status.get("biz_opaque_callback_data") if isinstance(status, dict) else None
    send, _ = parse_callback_data(callback) if isinstance(callback, str) else ("", "")
    if not send:
        return status
    others = {key: value for key, value in status.items() if key != "biz_opaque_callback_data"}
    reference = references.get(send, "")
    return {**others, "biz_opaque_callback_data": reference} if reference else others


def own_send(event: Event) -> str:
    """Return the send of ours whose status an event is, "" if it is of none."""
    return parse_callback_data(event.callback)[0] if isinstance(event, Status) else ""
