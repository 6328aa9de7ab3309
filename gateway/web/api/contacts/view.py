"""What a client sees of a contact; pure."""

from datetime import datetime
from typing import Any

from gateway.core.contacts.contact import Contact
from gateway.core.contacts.hand_over import HandOver
from gateway.core.sending.preflight import WINDOW, is_window_open


def view_contact(number: str, contact: Contact, now: datetime) -> dict[str, Any]:
    """Return a customer as one number knows them."""
    opened_at = contact.window_opened_at
    return {
        "number": number,
        "id": contact.key,
        "phone": contact.wa_id or None,
        "user_id": contact.user_id or None,
        "other_ids": list(contact.aliases),
        "name": contact.name or None,
        "tags": list(contact.tags),
        "variables": dict(contact.vars),
        "window": {
            "open": is_window_open(contact, now),
            "until": opened_at + WINDOW if opened_at else None,
        },
        "last_message_at": contact.last_inbound_at,
        "last_call_at": contact.called_at,
        "opted_out_at": contact.opted_out_at,
        "muted_until": _unless_over(contact.muted_until, now),
        "hand_over": _present_hand_over(contact, now),
    }


def view_hand_over(one: HandOver) -> dict[str, Any]:
    """Return since when and until when a person answers, and why."""
    return {"since": one.since, "until": one.until, "why": one.cause}


def _present_hand_over(contact: Contact, now: datetime) -> dict[str, Any] | None:
    one = contact.hand_over
    return view_hand_over(one) if one and one.until > now else None


def _unless_over(until: datetime | None, now: datetime) -> datetime | None:
    return until if until and until > now else None
