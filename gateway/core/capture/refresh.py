"""Fresh copies of captured deliveries, whose messages have an effect once more."""

import base64
from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256
from typing import Any

import orjson

from gateway.core.webhook.customers import integer, list_field, object_field, text_field
from gateway.core.webhook.salvage import loads

_FIRST_MILLISECONDS = 10**11


def refresh_messages(body: bytes, seed: bytes, by: timedelta) -> bytes:
    """Return a body whose messages have new ids, made from `seed`, and times later by `by`.

    Only customers' messages are made new. A status keeps its id, because it is about a send of
    ours, and so does a notice, which might undo what a customer chose since. An error of a value
    is known by its neighbours, so beside a message it is new. A body without a message stays byte
    for byte the same.
    """
    try:
        parsed = loads(body)
    except orjson.JSONDecodeError:
        return body
    messages = list(_messages(parsed))
    for message in messages:
        message["id"] = _new_wamid(message["id"], seed)
        _delay(message, by)
    return _encode(parsed, body) if messages else body


def _messages(parsed: Any) -> Iterator[dict[str, Any]]:
    """Yield the items that the parser makes messages of, if they have an id."""
    if not isinstance(parsed, dict) or parsed.get("object") != "whatsapp_business_account":
        return
    for entry in list_field(parsed, "entry"):
        for change in list_field(entry, "changes") if isinstance(entry, dict) else ():
            if isinstance(change, dict) and change.get("field") == "messages":
                for message in list_field(object_field(change, "value"), "messages"):
                    if isinstance(message, dict) and text_field(message, "id"):
                        yield message


def _new_wamid(wamid: object, seed: bytes) -> str:
    digest = sha256(len(seed).to_bytes(2) + seed + str(wamid).encode()).digest()
    return "wamid." + base64.b64encode(digest).decode()


def _delay(message: dict[str, Any], by: timedelta) -> None:
    """Move the time at which a message was sent, in the notation that Meta used."""
    timestamp = message.get("timestamp")
    stamp = integer(timestamp)
    if stamp is None:
        return
    unit = timedelta(milliseconds=1) if stamp >= _FIRST_MILLISECONDS else timedelta(seconds=1)
    moved = stamp + by // unit
    message["timestamp"] = str(moved) if isinstance(timestamp, str) else moved


def _encode(parsed: Any, body: bytes) -> bytes:
    try:
        return orjson.dumps(parsed)
    except orjson.JSONEncodeError:
        return body  # too deep to be written, and unreadable to the parser for the same reason
