"""Who wants no marketing: what a customer or Meta says of it, and how we tell ourselves; pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

import orjson

from gateway.core.contacts.contact import Contact
from gateway.core.events import Event, InternalEvent, Notice, Status
from gateway.core.webhook.customers import text

STOPPED = 131050  # "User has stopped receiving marketing messages from your business"
OPTED_OUT = "opted_out"
# What a rule does without sending anything: verb -> whether it is a word against marketing.
VERBS: Mapping[str, bool] = {"opt_out": True, "opt_in": False}
_PREFERENCES: Mapping[str, bool] = {"stop": True, "resume": False, "signup": False}


class Word(NamedTuple):
    """What was said about marketing: out or in, and how we know."""

    out: bool
    why: str


def word(event: Event) -> Word | None:
    """Return what an event that is no message says of its customer's will, None for nothing."""
    match event:
        case Notice(field="user_preferences", raw=dict(raw)):
            value = text(raw, "value")
            if text(raw, "category") == "marketing_messages" and value in _PREFERENCES:
                return Word(_PREFERENCES[value], f"their preference with Meta: {value}")
        # A group has no will of its own; only the status of a person's message names one.
        case Status(status="failed", code=131050) if event.wa_id or event.user_id:
            return Word(True, f"Meta's status with error {STOPPED}")
        case InternalEvent(what="opted_out"):
            return Word(True, f"Meta's answer with error {STOPPED}")
        case _:
            pass
    return None


def heard(contact: Contact, said: Word, at: datetime) -> tuple[Contact, str]:
    """Return the contact after a word that was said at a moment, and what changed, in words."""
    after = contact.told(out=said.out, at=at)
    if after is contact:
        return contact, f"nothing, for a newer word is known than {said.why}"
    return after, f"opted {'out' if said.out else 'in'}: {said.why}"


def refused(number: str, contact: str, send: str, attempt: int, at: datetime) -> bytes:
    """Return the body of our own delivery that tells of a send which Meta answered with 131050."""
    return orjson.dumps(
        {
            "what": OPTED_OUT,
            "key": f"{OPTED_OUT}|{send}.{attempt}",
            "number": number,
            "contact": contact,
            "timestamp": int(at.timestamp() * 1000),
        }
    )
