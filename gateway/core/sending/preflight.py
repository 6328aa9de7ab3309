"""Preflight check: whether a send may be posted to its customer now.

Meta accepts free-form messages for 24 hours after the customer's last one, and templates always:
https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/send-messages
"""

from datetime import datetime, timedelta

from gateway.core.contacts.contact import Contact
from gateway.core.sending.error_codes import ERROR_POLICIES
from gateway.core.sending.outcome import WINDOW_CLOSED, Attempt
from gateway.core.sending.response import Refused, WindowClosed
from gateway.core.sending.send import BULK

WINDOW = timedelta(hours=24)
OPTED_OUT_CODE = 131050
NOT_POSTED = "known before it was posted"


def preflight_refusal(attempt: Attempt, now: datetime) -> WindowClosed | Refused | None:
    """Return the refusal of an attempt, as Meta would give it, None if it may be posted.

    It is decided at the moment of sending, because a send may have waited since it was planned.
    """
    if attempt.repeatable:
        return None  # a read mark or a "typing" is no message
    if attempt.contact.opted_out_at and (attempt.marketing or attempt.priority == BULK):
        return Refused(OPTED_OUT_CODE, ERROR_POLICIES[OPTED_OUT_CODE].advice, NOT_POSTED)
    if attempt.body.get("type") == "template" or is_window_open(attempt.contact, now):
        return None
    return WindowClosed(ERROR_POLICIES[WINDOW_CLOSED].advice, NOT_POSTED)


def is_window_open(contact: Contact, now: datetime) -> bool:
    """Say whether a customer wrote within the last 24 hours."""
    last = contact.last_inbound_at
    return last is not None and now - last < WINDOW
