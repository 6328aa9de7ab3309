"""Consent to marketing, as customers' actions, Meta's webhooks and error 131050 change it."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

import orjson

from gateway.core.contacts.contact import Contact
from gateway.core.events import Event, InternalEvent, Notice, Status
from gateway.core.storage.timestamps import ms_from_datetime
from gateway.core.webhook.customers import text_field

OPTED_OUT_CODE = 131050  # "User has stopped receiving marketing messages from your business"
OPTED_OUT = "opted_out"
# How a change in words begins: one of consent, and one that left the contact as it was.
_CHANGED = "opted "
UNCHANGED = "nothing, for"
# Actions of rules that change consent: verb -> whether the customer opts out.
VERBS: Mapping[str, bool] = {"opt_out": True, "opt_in": False}
_PREFERENCES: Mapping[str, bool] = {"stop": True, "resume": False, "signup": False}


class ConsentChange(NamedTuple):
    """A change of marketing consent: out or in, and how we know."""

    opts_out: bool
    reason: str


def consent_change(event: Event) -> ConsentChange | None:
    """Return the consent that an event other than a message reports, None if it reports none."""
    match event:
        case Notice(field="user_preferences", raw=dict(raw)):
            value = text_field(raw, "value")
            if text_field(raw, "category") == "marketing_messages" and value in _PREFERENCES:
                return ConsentChange(_PREFERENCES[value], f"their preference with Meta: {value}")
        # A group gives no consent; only the status of a customer's message counts.
        case Status(status="failed", code=131050) if event.wa_id or event.user_id:
            return ConsentChange(True, f"Meta's status with error {OPTED_OUT_CODE}")
        case InternalEvent(what="opted_out"):
            return ConsentChange(True, f"Meta's answer with error {OPTED_OUT_CODE}")
        case _:
            pass
    return None


def apply_consent(contact: Contact, change: ConsentChange, at: datetime) -> tuple[Contact, str]:
    """Return the contact after a consent change made at a moment, and what changed, in words."""
    after = contact.with_consent(opts_out=change.opts_out, at=at)
    if after is contact:
        return contact, f"{UNCHANGED} a newer word is known than {change.reason}"
    return after, f"{_CHANGED}{'out' if change.opts_out else 'in'}: {change.reason}"


def is_consent_change(change: str) -> bool:
    """Say whether a change of a contact in words, as records have it, is one of consent."""
    return change.startswith(_CHANGED)


def opt_out_delivery(number: str, contact: str, send: str, attempt: int, at: datetime) -> bytes:
    """Return the body of our internal delivery about a send that Meta refused with 131050."""
    return orjson.dumps(
        {
            "what": OPTED_OUT,
            "key": f"{OPTED_OUT}|{send}.{attempt}",
            "number": number,
            "contact": contact,
            "timestamp": ms_from_datetime(at),
        }
    )
