"""Readers of fields and customers in Meta's JSON, which trust only its signature; total.

A field that is absent, null or of another type than Meta's documentation says reads as empty.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from gateway.core.webhook.phone_numbers import contact_key, normalize_phone
from gateway.core.webhook.salvage import is_marred

NOTHING: Mapping[str, Any] = {}

_WHATSAPP_BEGAN = datetime(2009, 1, 1, tzinfo=UTC)
_CLOCKS_DIFFER_BY = timedelta(days=1)
_FIRST_MILLISECONDS = 10**11  # As seconds it would be the year 5138.


class Customer(NamedTuple):
    """A customer as a webhook names one; any part may be empty."""

    wa_id: str = ""
    user_id: str = ""
    name: str = ""


NOBODY = Customer()


def text_field(holder: Mapping[str, Any], name: str) -> str:
    """Return a string or whole number as a string, else ""."""
    value = holder.get(name)
    if isinstance(value, str):
        return value
    return str(value) if type(value) is int else ""


def list_field(holder: Mapping[str, Any], name: str) -> list[Any]:
    """Return the items of a list; any other value counts as its only item."""
    value = holder.get(name)
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def object_field(holder: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return an object, or an empty one."""
    value = holder.get(name)
    return value if isinstance(value, dict) else NOTHING


def integer(value: Any) -> int | None:
    """Return an integer from a number or a string of digits, or None."""
    if isinstance(value, str) and len(value) < 20 and value.isascii() and value.isdigit():
        return int(value)
    return value if type(value) is int else None


def read_moment(value: Any, received_at: datetime) -> datetime | None:
    """Return a time given in seconds or milliseconds, or None if it cannot be true."""
    stamp = integer(value)
    if stamp is None or not 0 < stamp < _FIRST_MILLISECONDS * 1000:
        return None
    seconds = stamp / 1000 if stamp >= _FIRST_MILLISECONDS else stamp
    at = datetime.fromtimestamp(seconds, UTC)
    return at if at >= _WHATSAPP_BEGAN and at - _CLOCKS_DIFFER_BY <= received_at else None


def named_customers(value: Mapping[str, Any]) -> dict[str, Customer]:
    """Return the customers in `contacts` by phone number and user id, and a single one by ""."""
    customers: dict[str, Customer] = {}
    contacts = [contact for contact in list_field(value, "contacts") if isinstance(contact, dict)]
    for contact in contacts:
        wa_id, user_id = _phone_and_user_id(
            _intact_text(contact, "wa_id"), _intact_text(contact, "user_id")
        )
        person = Customer(wa_id, user_id, text_field(object_field(contact, "profile"), "name"))
        customers[normalize_phone(wa_id)] = customers[user_id] = customers[""] = person
    if len(contacts) > 1:
        del customers[""]
    return customers


def find_customer(known: Mapping[str, Customer], phone: str = "", user: str = "") -> Customer:
    """Return the customer, completed from the same one in `known`, or from the only one there."""
    wa_id, user_id = _phone_and_user_id(phone, user)
    same = (wa_id and known.get(normalize_phone(wa_id))) or (user_id and known.get(user_id))
    same = same or _only_customer(known, wa_id, user_id)
    return Customer(wa_id or same.wa_id, user_id or same.user_id, same.name)


def customer_keys(*called: Customer) -> tuple[str, ...]:
    """Return all keys of one customer, phone numbers first."""
    keys = [contact_key(one.wa_id) for one in called if one.wa_id]
    keys += [one.user_id for one in called if one.user_id]
    return tuple(keys) if len(keys) < 2 else tuple(dict.fromkeys(keys))


def _only_customer(known: Mapping[str, Customer], wa_id: str, user_id: str) -> Customer:
    """Return the only customer named, unless their phone number or user id differs."""
    alone = known.get("") or NOBODY
    differs = (wa_id and alone.wa_id) or (user_id and alone.user_id)
    return NOBODY if differs else alone


def read_content(kind: str, message: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Return the text that the customer wrote or the title they tapped, and the id tapped."""
    content = object_field(message, kind)
    if kind == "text":
        return _string_field(content, "body"), None
    if kind == "button":
        return _string_field(content, "text"), text_field(content, "payload") or None
    if kind == "interactive":
        reply = object_field(content, "button_reply") or object_field(content, "list_reply")
        return _string_field(reply, "title"), text_field(reply, "id") or None
    return _string_field(content, "caption"), None


def _intact_text(holder: Mapping[str, Any], name: str) -> str:
    """Return the same as `text_field`, but "" if a part of it could not be read."""
    value = text_field(holder, name)
    return "" if is_marred(value) else value


def _phone_and_user_id(phone: str, user: str) -> tuple[str, str]:
    # Some bodies have the user id in the field of the phone number.
    if phone.isascii() and phone.isdigit():
        return phone, user
    return "", user or phone


def _string_field(holder: Mapping[str, Any], name: str) -> str | None:
    value = holder.get(name)
    return value if isinstance(value, str) else None
