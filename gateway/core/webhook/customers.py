"""Read Meta's JSON, believing nothing but its signature; pure and total.

What is absent, null or of another type than Meta's documentation says reads as empty.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from gateway.core.phone_numbers import contact_key, one_form
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


def text(holder: Mapping[str, Any], name: str) -> str:
    """Return a string or whole number as a string, else ""."""
    said = holder.get(name)
    if isinstance(said, str):
        return said
    return str(said) if type(said) is int else ""


def listed(holder: Mapping[str, Any], name: str) -> list[Any]:
    """Return the items of a list; anything else that is there counts as its only item."""
    said = holder.get(name)
    if said is None:
        return []
    return said if isinstance(said, list) else [said]


def within(holder: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return an object, or an empty one."""
    said = holder.get(name)
    return said if isinstance(said, dict) else NOTHING


def integer(said: Any) -> int | None:
    """Return what is written as a number or as a string of digits, or None."""
    if isinstance(said, str) and len(said) < 20 and said.isascii() and said.isdigit():
        return int(said)
    return said if type(said) is int else None


def moment(said: Any, received_at: datetime) -> datetime | None:
    """Return a time given in seconds or milliseconds, or None where it cannot be true."""
    stamp = integer(said)
    if stamp is None or not 0 < stamp < _FIRST_MILLISECONDS * 1000:
        return None
    seconds = stamp / 1000 if stamp >= _FIRST_MILLISECONDS else stamp
    at = datetime.fromtimestamp(seconds, UTC)
    return at if at >= _WHATSAPP_BEGAN and at - _CLOCKS_DIFFER_BY <= received_at else None


def people(value: Mapping[str, Any]) -> dict[str, Customer]:
    """Return whom `contacts` names, by phone number and user id, and by "" whoever is alone."""
    found: dict[str, Customer] = {}
    contacts = [contact for contact in listed(value, "contacts") if isinstance(contact, dict)]
    for contact in contacts:
        wa_id, user_id = _told_apart(_intact(contact, "wa_id"), _intact(contact, "user_id"))
        person = Customer(wa_id, user_id, text(within(contact, "profile"), "name"))
        found[one_form(wa_id)] = found[user_id] = found[""] = person
    if len(contacts) > 1:
        del found[""]
    return found


def customer(known: Mapping[str, Customer], phone: str = "", user: str = "") -> Customer:
    """Return the customer with what is known of the same one, or of the only one named."""
    wa_id, user_id = _told_apart(phone, user)
    same = (wa_id and known.get(one_form(wa_id))) or (user_id and known.get(user_id))
    same = same or _alone(known, wa_id, user_id)
    return Customer(wa_id or same.wa_id, user_id or same.user_id, same.name)


def keys_of(*called: Customer) -> tuple[str, ...]:
    """Return all keys of one customer, phone numbers first."""
    found = [contact_key(one.wa_id) for one in called if one.wa_id]
    found += [one.user_id for one in called if one.user_id]
    return tuple(found) if len(found) < 2 else tuple(dict.fromkeys(found))


def _alone(known: Mapping[str, Customer], wa_id: str, user_id: str) -> Customer:
    """Return the only one named, unless that is somebody else."""
    alone = known.get("") or NOBODY
    differs = (wa_id and alone.wa_id) or (user_id and alone.user_id)
    return NOBODY if differs else alone


def words(kind: str, message: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Return what the customer wrote or saw on what was tapped, and the id of what was tapped."""
    said = within(message, kind)
    if kind == "text":
        return _words(said, "body"), None
    if kind == "button":
        return _words(said, "text"), text(said, "payload") or None
    if kind == "interactive":
        reply = within(said, "button_reply") or within(said, "list_reply")
        return _words(reply, "title"), text(reply, "id") or None
    return _words(said, "caption"), None


def _intact(holder: Mapping[str, Any], name: str) -> str:
    """Return the same as `text`, and "" where a part of it could not be read."""
    said = text(holder, name)
    return "" if is_marred(said) else said


def _told_apart(phone: str, user: str) -> tuple[str, str]:
    # Some bodies carry the user id where the phone number belongs.
    if phone.isascii() and phone.isdigit():
        return phone, user
    return "", user or phone


def _words(holder: Mapping[str, Any], name: str) -> str | None:
    said = holder.get(name)
    return said if isinstance(said, str) else None
