"""Capture file format: a delivery as one line of the file, and back, byte for byte.

A line is a JSON object. The bytes of the delivery are in `body` if they are UTF-8, so that they
can be read and searched, otherwise in `body_base64`.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from gateway.core.events import Delivery
from gateway.core.storage.timestamps import ms_from_datetime

# The beginning of every line that `format_line` writes.
BEGINS = b'{"delivery":'
_DELIVERY_ID = re.compile(r"[0-9]{1,4}:[0-9]{1,15}-[0-9]{1,20}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class CaptureFormatError(Exception):
    """A line that is no captured delivery; the message says why and quotes nothing of it."""


def format_line(delivery: Delivery) -> bytes:
    """Return the line of a delivery, with its line end."""
    fields = {
        "delivery": delivery.id,
        "received_at": delivery.received_at.isoformat(timespec="milliseconds"),
        "origin": delivery.origin,
        "account": delivery.account,
        "secret": delivery.secret,
    }
    return orjson.dumps(fields | _encode_body(delivery.body), option=orjson.OPT_APPEND_NEWLINE)


def parse_line(line: bytes) -> Delivery:
    """Return the delivery of a line. Raises CaptureFormatError."""
    try:
        fields = orjson.loads(line)
    except orjson.JSONDecodeError:
        # Only the last line of a file may lack its line end.
        is_cut = not line.endswith(b"\n")
        raise CaptureFormatError("is cut in the middle" if is_cut else "is no JSON") from None
    if not isinstance(fields, dict):
        raise CaptureFormatError("is no JSON object")
    received_at = _parse_moment(fields.get("received_at"))
    return Delivery(
        id=_read_delivery_id(fields.get("delivery"), received_at),
        received_at=received_at,
        body=_decode_body(fields),
        account=_text(fields, "account"),
        secret=_text(fields, "secret"),
        origin=_text(fields, "origin"),
    )


def make_delivery_id(received_at: datetime, nth: int = 0) -> str:
    """Return an id for a delivery that has none from an inbox, the nth of its moment."""
    return f"0:{ms_from_datetime(received_at)}-{nth}"


def _encode_body(body: bytes) -> dict[str, str]:
    try:
        return {"body": body.decode()}
    except UnicodeDecodeError:
        return {"body_base64": base64.b64encode(body).decode()}


def _decode_body(fields: Mapping[str, Any]) -> bytes:
    match fields:
        case {"body": str(body)}:
            return body.encode()
        case {"body_base64": str(encoded)}:
            try:
                return base64.b64decode(encoded, validate=True)
            except (binascii.Error, ValueError):
                raise CaptureFormatError("has a body_base64 that is no base64") from None
        case _:
            raise CaptureFormatError("has neither body nor body_base64")


def _parse_moment(value: Any) -> datetime:
    try:
        at = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise CaptureFormatError("has no received_at, such as 2026-11-22T14:00:00.000Z") from None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    if at < _EPOCH:
        raise CaptureFormatError("has a received_at before 1970")
    return at


def _read_delivery_id(value: Any, received_at: datetime) -> str:
    if value is None:
        return make_delivery_id(received_at)
    if not isinstance(value, str) or not _DELIVERY_ID.fullmatch(value):
        raise CaptureFormatError(
            "has a delivery that is no place in an inbox, as 3:1795375301552-0"
        )
    return value


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name, "")
    if not isinstance(value, str):
        raise CaptureFormatError(f"has a value of {name} that is no text")
    return value
