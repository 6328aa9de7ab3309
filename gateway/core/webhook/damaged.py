"""Trusted parts of a damaged body, which had to be read a second time."""

import re
from collections.abc import Callable, Mapping, Set
from typing import Any

from gateway.core.webhook.customers import list_field, object_field, text_field
from gateway.core.webhook.event_readers import Location, Raw
from gateway.core.webhook.phone_numbers import contact_key
from gateway.core.webhook.salvage import LOST, Scanned, is_marred, is_torn


def unreadable_change(_location: Location, _item: int, _raw: Raw) -> None:
    """Make no event of a change whose items cannot be recognized: the operator must look at it."""


def trusted_field(change: Mapping[str, Any]) -> str | None:
    """Return the field of a change, None if it cannot be trusted to say what its items are.

    Meta writes it after the items, so it is missing if a body ends too early.
    """
    value = object_field(change, "value")
    metadata = object_field(value, "metadata")
    number = text_field(metadata, "phone_number_id")
    cut = any(isinstance(one, Scanned) and one.torn for one in (change, value))
    if is_marred(number) or (cut and not number) or getattr(metadata, "torn", False):
        return None
    raw_field = change.get("field", "" if not cut else LOST)
    field = raw_field if isinstance(raw_field, str) else ""
    if is_marred(field):
        return _guess_field(value) if cut else None
    return field


def _guess_field(value: Mapping[str, Any]) -> str | None:
    """Guess the field of a value from its content: only messages come with their customers."""
    whole = [
        one for one in list_field(value, "statuses") if isinstance(one, dict) and not is_torn(one)
    ]
    sends = bool(whole) and all(text_field(one, "id").startswith("wamid.") for one in whole)
    return "messages" if sends or (value.get("messages") and value.get("contacts")) else None


Mentions = Callable[[bytes], bool]

_PHONE = re.compile(rb"(?<![0-9])[0-9]{7,15}(?![0-9])")
_USER_ID = re.compile(rb"(?<![A-Za-z0-9])[A-Z]{2}\.[A-Za-z0-9.]{1,140}")


def message_matcher(wamid: str) -> Mentions:
    """Return a test of whether bytes hold a message's id, and not as the beginning of another."""
    pattern = re.compile(re.escape(wamid).encode() + rb"(?![A-Za-z0-9+/=])")
    # A slash may be escaped in JSON.
    return lambda body: bool(pattern.search(body.replace(rb"\/", b"/")))


def customer_matcher(names: Set[str]) -> Mentions:
    """Return a test of whether bytes hold a customer's name, a phone number in any of its forms."""

    def mentions(body: bytes) -> bool:
        phones = (contact_key(name.decode()) for name in _PHONE.findall(body))
        users = (name.decode() for name in _USER_ID.findall(body))
        return any(one in names for one in phones) or any(one in names for one in users)

    return mentions
