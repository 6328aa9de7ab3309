"""Bodies of plain messages and of read marks, and the recipient that completes a body."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

Body = dict[str, Any]

GROUP = "group"  # the type of a recipient that is no single person
LINKS = ("https://", "http://")


class Addressee(Protocol):
    """A person by their phone number or Meta's user id; the other may be ""."""

    @property
    def wa_id(self) -> str:
        """Return the phone number as Meta writes it."""

    @property
    def user_id(self) -> str:
        """Return Meta's user id."""


class ContactCard(NamedTuple):
    """A person or a business to reach, as one entry of the customer's address book."""

    name: str
    phones: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    urls: tuple[str, ...] = ()
    company: str = ""


def text(body: str) -> Body:
    """Build a text message (Meta allows 4,096 characters)."""
    return {"type": "text", "text": {"body": body}}


def media(kind: str, source: str, caption: str = "", filename: str = "") -> Body:
    """Build a message with a file: a link that Meta fetches, or the id of one that was uploaded."""
    inner = {"link" if source.startswith(LINKS) else "id": source}
    if caption:
        inner["caption"] = caption
    if filename:
        inner["filename"] = filename
    return {"type": kind, kind: inner}


def location(latitude: str, longitude: str, name: str = "", address: str = "") -> Body:
    """Build a message with a place on the map, in degrees as they are written."""
    place: Body = {"latitude": latitude, "longitude": longitude}
    return {"type": "location", "location": place | _drop_empty(name=name, address=address)}


def contacts(cards: Sequence[ContactCard]) -> Body:
    """Build a message with contacts that the customer can write to or save."""
    return {"type": "contacts", "contacts": [_contact(card) for card in cards]}


def _contact(card: ContactCard) -> Body:
    # Meta requires one part of the name beside the whole.
    contact: Body = {"name": {"formatted_name": card.name, "first_name": card.name}}
    lists = {
        "phones": [{"phone": phone, "type": "WORK"} for phone in card.phones],
        "emails": [{"email": email, "type": "WORK"} for email in card.emails],
        "urls": [{"url": url, "type": "WORK"} for url in card.urls],
    }
    company = {"org": {"company": card.company}} if card.company else {}
    return contact | {name: items for name, items in lists.items() if items} | company


def reaction(message_id: str, emoji: str) -> Body:
    """Build a reaction to a message; it replaces an earlier one."""
    return {"type": "reaction", "reaction": {"message_id": message_id, "emoji": emoji}}


def mark_read(message_id: str) -> Body:
    """Build a request that marks a customer's message, and all before it, as read."""
    return {"status": "read", "message_id": message_id}


def typing(message_id: str) -> Body:
    """Build a request that shows "typing" for up to 25 s and marks the message as read."""
    return mark_read(message_id) | {"typing_indicator": {"type": "text"}}


def with_recipient(body: Mapping[str, Any], person: Addressee) -> Body:
    """Complete a body with the fields of every request and the recipient.

    A phone number is sent with its plus sign, because Meta may otherwise prepend the business's
    own country code; a customer known by user id only is named in `recipient`.
    """
    if "status" in body:
        return {"messaging_product": "whatsapp", **body}
    to = {"to": f"+{person.wa_id}"} if person.wa_id else {"recipient": person.user_id}
    return {"messaging_product": "whatsapp", "recipient_type": "individual", **to, **body}


def with_group(body: Mapping[str, Any], group_id: str) -> Body:
    """Complete a body with the fields of every request and the group that gets it.

    https://developers.facebook.com/documentation/business-messaging/whatsapp/groups/groups-messaging
    """
    return {
        "messaging_product": "whatsapp", "recipient_type": GROUP, "to": group_id, **body,
    }  # fmt: skip


def _drop_empty(**parts: str) -> Body:
    """Return the parts that are not empty."""
    return {name: part for name, part in parts.items() if part}
