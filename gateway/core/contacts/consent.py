"""Who wants no marketing: what a customer or Meta says of it, and how we tell ourselves; pure."""

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
# What a rule does without sending anything: verb -> whether it is a word against marketing.
VERBS: Mapping[str, bool] = {"opt_out": True, "opt_in": False}
_PREFERENCES: Mapping[str, bool] = {"stop": True, "resume": False, "signup": False}


class ConsentChange(NamedTuple):
    """What was said about marketing: out or in, and how we know."""

    opts_out: bool
    reason: str


def consent_change(event: Event) -> ConsentChange | None:
    """Return what an event that is no message says of its customer's will, None for nothing."""
    match event:
        case Notice(field="user_preferences", raw=dict(raw)):
            value = text_field(raw, "value")
            if text_field(raw, "category") == "marketing_messages" and value in _PREFERENCES:
                return ConsentChange(_PREFERENCES[value], f"their preference with Meta: {value}")
        # A group has no will of its own; only the status of a person's message names one.
        case Status(status="failed", code=131050) if event.wa_id or event.user_id:
            return ConsentChange(True, f"Meta's status with error {OPTED_OUT_CODE}")
        case InternalEvent(what="opted_out"):
            return ConsentChange(True, f"Meta's answer with error {OPTED_OUT_CODE}")
        case _:
            pass
    return None


def apply_consent(contact: Contact, change: ConsentChange, at: datetime) -> tuple[Contact, str]:
    """Return the contact after a word that was said at a moment, and what changed, in words."""
    after = contact.with_consent(opts_out=change.opts_out, at=at)
    if after is contact:
        return contact, f"nothing, for a newer word is known than {change.reason}"
    return after, f"opted {'out' if change.opts_out else 'in'}: {change.reason}"


def opt_out_delivery(number: str, contact: str, send: str, attempt: int, at: datetime) -> bytes:
    """Return the body of our own delivery that tells of a send which Meta answered with 131050."""
    return orjson.dumps(
        {
            "what": OPTED_OUT,
            "key": f"{OPTED_OUT}|{send}.{attempt}",
            "number": number,
            "contact": contact,
            "timestamp": ms_from_datetime(at),
        }
    )
