"""JSON, ids and addresses in Meta's form."""

import json
import re
import secrets
from base64 import b64encode
from typing import Any, TypeAlias

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

_BODY_MAX = 1 << 20  # bytes


async def read_body(request: Request) -> bytes:
    """Return the whole body; one over the limit is answered with 413."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _BODY_MAX:
            raise HTTPException(413)
    return bytes(body)


def as_json(value: object, status: int = 200) -> Response:
    """Answer with JSON."""
    return Response(orjson.dumps(value), status, media_type="application/json")


Json: TypeAlias = dict[str, Any]

WAMID = "wamid."
GROUP = "group"  # the type of a recipient
_WAMID_BYTES = 25  # Not a multiple of three, so that ids end in "==" as Meta's often do.
_NO_DIGIT = re.compile(r"\D")
_PHONE = re.compile(r"\+?[\d\s().-]+")
_PHONE_DIGITS = range(5, 16)
# https://developers.facebook.com/documentation/business-messaging/whatsapp/business-scoped-user-ids
_USER_ID = re.compile(r"[A-Z]{2}\.(ENT\.)?[A-Za-z0-9]{1,128}")


def make_room(table: dict[str, Any], most: int) -> None:
    """Drop the oldest entry of a table that is full."""
    if len(table) >= most:
        table.pop(next(iter(table)))


def encode_escaped(value: object) -> bytes:
    """Write JSON as Meta does on the wire: ASCII only, slashes escaped.

    The signature covers these bytes: a receiver that decodes and encodes before verifying fails.
    """
    return json.dumps(value, separators=(",", ":")).replace("/", "\\/").encode()


def new_wamid() -> str:
    """Return a message id that was never used before."""
    return WAMID + b64encode(secrets.token_bytes(_WAMID_BYTES)).decode()


def phone_digits(text: str) -> str | None:
    """Return the digits of a phone number in any usual form, or None if it is none."""
    digits = text.removeprefix("+")
    if not digits.isdecimal():  # Most are; the rest of this costs ten times as much.
        if not _PHONE.fullmatch(text):
            return None
        digits = _NO_DIGIT.sub("", text)
    return digits if digits.isascii() and len(digits) in _PHONE_DIGITS else None


def is_user_id(text: str) -> bool:
    """Return whether this is a business-scoped user id."""
    return _USER_ID.fullmatch(text) is not None


def customer_id(text: str) -> str | None:
    """Return the one key of a customer, digits or user id, or None if the text is neither."""
    return text if is_user_id(text) else phone_digits(text)
