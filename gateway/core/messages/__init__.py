"""Request bodies of `POST /{Version}/{Phone-Number-ID}/messages`, in Meta's outbound names."""

from collections.abc import Mapping
from typing import Any

from gateway.core.contacts import Contact

Body = dict[str, Any]


def text(body: str) -> Body:
    """Build a text message (Meta allows 4,096 characters)."""
    return {"type": "text", "text": {"body": body}}


def template(name: str, language: str, components: list[Any] | None = None) -> Body:
    """Build a template message."""
    # Meta's schema asks for the policy, of which there is only this one.
    inner: Body = {"name": name, "language": {"policy": "deterministic", "code": language}}
    if components:
        inner["components"] = components
    return {"type": "template", "template": inner}


def mark_read(message_id: str) -> Body:
    """Mark a customer's message, and all before it, as read."""
    return {"status": "read", "message_id": message_id}


def typing(message_id: str) -> Body:
    """Show "typing" for up to 25 s; Meta ties it to marking the message as read."""
    return mark_read(message_id) | {"typing_indicator": {"type": "text"}}


def addressed(body: Mapping[str, Any], contact: Contact) -> Body:
    """Complete a body with what every request carries and whom it is for.

    A phone number goes out with its plus sign, since Meta may otherwise prepend the business's own
    country code; a customer known by user id only is named in `recipient`.
    """
    if "status" in body:
        return {"messaging_product": "whatsapp", **body}
    to = {"to": f"+{contact.wa_id}"} if contact.wa_id else {"recipient": contact.user_id}
    return {"messaging_product": "whatsapp", "recipient_type": "individual", **to, **body}
