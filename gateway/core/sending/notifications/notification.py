"""Notification of a rule: one event of one customer, reported to the operator's address."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from gateway.core.contacts.contact import Contact
from gateway.core.events import Event, Message, Status

NOTIFY = "notify"
TYPE = "rule.notified"
# A notification that nobody received for so long is given up.
LASTS = timedelta(days=3)
MOST_NAME, MOST_ID = 200, 300


@dataclass(frozen=True, slots=True)
class Notification:
    """One report to `GATEWAY_NOTIFY_URL`; the receiver gets `payload` with each attempt.

    With `receiver`, the receiver of forwards that is called so gets it instead, in its own form.
    """

    id: str
    payload: Mapping[str, Any] = field(repr=False)
    receiver: str = ""
    contact: str = field(default="", repr=False)  # the key of the customer

    @property
    def text(self) -> str:
        """Return the text that the rule gave it."""
        return str(self.payload["text"])

    def of_account(self, account: str) -> "Notification":
        """Return it with the name of the account of its number; the same if that has no name."""
        return replace(self, payload={**self.payload, "account": account}) if account else self


def build_notification(
    notification: str,
    rule: str,
    text: str,
    event: Event,
    contact: Contact,
    now: datetime,
    receiver: str = "",
) -> Notification:
    """Build the notification of an event; docs/notify.md describes each field of the payload.

    Names and ids come from outside, so they are cut: what waits must stay small.
    """
    payload = {
        "id": notification,
        "type": TYPE,
        "timestamp": now.isoformat(timespec="milliseconds"),
        "happened_at": event.at.isoformat(timespec="milliseconds"),
        "text": text,
        "rule": rule,
        "number": event.number,
        "contact": (contact.wa_id or event.wa_id)[:MOST_ID],
        "user_id": (contact.user_id or event.user_id)[:MOST_ID],
        "name": contact.name[:MOST_NAME],
        "event": event.key[:MOST_ID],
        "message": event.id[:MOST_ID] if isinstance(event, Message | Status) else "",
    }
    return Notification(notification, payload, receiver, contact.key)
