"""Preflight check: whether a send may be posted to its customer now.

Meta accepts free-form messages for 24 hours after the customer's last message or call, and
templates always:
https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/send-messages
"""

from datetime import datetime, timedelta

from gateway.core.contacts.contact import Contact
from gateway.core.messages.bodies import GROUP
from gateway.core.sending.outcome import Attempt
from gateway.core.sending.response import CustomerQuiet, Refused, TemplateStopped, WindowClosed
from gateway.core.sending.send import BULK

WINDOW = timedelta(hours=24)
OPTED_OUT_CODE, STOPPED_CODE = 131050, 132015
# In our own words, because Meta was not asked; the codes are those that Meta would give.
NOT_POSTED = "The gateway did not post it"
WINDOW_REASON = (
    f"{NOT_POSTED}: the customer's last message or call that it knows is older than "
    "24 hours. Send a template."
)
OPTED_OUT_REASON = f"{NOT_POSTED}: the customer wants no marketing. Leave them without it."
STOPPED_REASON = (
    f"{NOT_POSTED}: Meta has stopped its template. It goes once Meta sends the template again."
)


def preflight_refusal(
    attempt: Attempt, now: datetime, *, is_stopped: bool = False
) -> WindowClosed | TemplateStopped | CustomerQuiet | Refused | None:
    """Return the refusal of an attempt, by the code that Meta would give, None if it may be posted.

    `is_stopped` says that Meta has stopped the template that it sends. It is decided at the moment
    of sending, because a send may have waited since it was planned.
    """
    if attempt.repeatable:
        return None  # a read mark or a "typing" is no message
    if attempt.contact.opted_out_at and _is_marketing(attempt):
        return Refused(OPTED_OUT_CODE, OPTED_OUT_REASON, "")
    if is_stopped:
        return TemplateStopped(STOPPED_CODE, STOPPED_REASON)
    if _needs_window(attempt) and not is_window_open(attempt.contact, now):
        return WindowClosed(WINDOW_REASON)
    quiet_until = attempt.quiet.end_at(now) if attempt.quiet else None
    return CustomerQuiet(quiet_until) if quiet_until else None


def _is_marketing(attempt: Attempt) -> bool:
    """Say whether a message is marketing; a bulk one is, unless its campaign says otherwise."""
    return attempt.priority == BULK if attempt.marketing is None else attempt.marketing


def _needs_window(attempt: Attempt) -> bool:
    """Say whether a message is free-form; no window is known of a group, so Meta decides there."""
    is_template = attempt.body.get("type") == "template"
    return not is_template and attempt.body.get("recipient_type") != GROUP


def is_outreach(attempt: Attempt, now: datetime) -> bool:
    """Say whether a message begins a conversation, which Meta's messaging limit counts."""
    is_message = not attempt.repeatable and attempt.body.get("recipient_type") != GROUP
    return is_message and not is_window_open(attempt.contact, now)


def is_window_open(contact: Contact, now: datetime) -> bool:
    """Say whether a customer wrote or called within the last 24 hours."""
    last = contact.window_opened_at
    return last is not None and now - last < WINDOW
