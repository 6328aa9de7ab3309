"""A delivery as one line of a capture file, and back, byte for byte; pure.

A line is a JSON object. The bytes of the delivery are its `body` where they are UTF-8, so that they
can be read and searched, and else its `body_base64`.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from gateway.core.events import Delivery

# How every line begins that `line` writes.
BEGINS = b'{"delivery":'
_PLACE = re.compile(r"[0-9]{1,4}:[0-9]{1,15}-[0-9]{1,20}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class CapturedError(Exception):
    """A line that is no captured delivery; the message says why and quotes nothing of it."""


def line(delivery: Delivery) -> bytes:
    """Return the line of a delivery, with its end."""
    told = {
        "delivery": delivery.id,
        "received_at": delivery.received_at.isoformat(timespec="milliseconds"),
        "origin": delivery.origin,
        "account": delivery.account,
        "secret": delivery.secret,
    }
    return orjson.dumps(told | _written(delivery.body), option=orjson.OPT_APPEND_NEWLINE)


def read(written: bytes) -> Delivery:
    """Return the delivery of a line. Raises CapturedError."""
    try:
        told = orjson.loads(written)
    except orjson.JSONDecodeError:
        # Only the last line of a file may lack its end.
        is_cut = not written.endswith(b"\n")
        raise CapturedError("is cut in the middle" if is_cut else "is no JSON") from None
    if not isinstance(told, dict):
        raise CapturedError("is no JSON object")
    received_at = _moment(told.get("received_at"))
    return Delivery(
        id=_place(told.get("delivery"), received_at),
        received_at=received_at,
        body=_body(told),
        account=_text(told, "account"),
        secret=_text(told, "secret"),
        origin=_text(told, "origin"),
    )


def place_at(received_at: datetime, nth: int = 0) -> str:
    """Return what names a delivery that no inbox has named, the nth of its moment."""
    return f"0:{int(received_at.timestamp() * 1000)}-{nth}"


def _written(body: bytes) -> dict[str, str]:
    try:
        return {"body": body.decode()}
    except UnicodeDecodeError:
        return {"body_base64": base64.b64encode(body).decode()}


def _body(told: Mapping[str, Any]) -> bytes:
    match told:
        case {"body": str(body)}:
            return body.encode()
        case {"body_base64": str(encoded)}:
            try:
                return base64.b64decode(encoded, validate=True)
            except (binascii.Error, ValueError):
                raise CapturedError("has a body_base64 that is no base64") from None
        case _:
            raise CapturedError("has neither body nor body_base64")


def _moment(said: Any) -> datetime:
    try:
        at = datetime.fromisoformat(said)
    except (TypeError, ValueError):
        raise CapturedError("has no received_at, such as 2026-11-22T14:00:00.000Z") from None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    if at < _EPOCH:
        raise CapturedError("has a received_at before 1970")
    return at


def _place(said: Any, received_at: datetime) -> str:
    if said is None:
        return place_at(received_at)
    if not isinstance(said, str) or not _PLACE.fullmatch(said):
        raise CapturedError("has a delivery that is no place in an inbox, as 3:1795375301552-0")
    return said


def _text(told: Mapping[str, Any], name: str) -> str:
    said = told.get(name, "")
    if not isinstance(said, str):
        raise CapturedError(f"has a value of {name} that is no text")
    return said
