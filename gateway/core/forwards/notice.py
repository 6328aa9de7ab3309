"""Notice for a receiver of forwards: the notification of a rule in the gateway's own form; pure."""

from datetime import datetime

from gateway.core.forwards.forward import forward_id
from gateway.core.forwards.payload import build_notice_payload
from gateway.core.sending.notifications.notification import Notification


def notice_id(notification: Notification) -> str:
    """Return the id of the forward that a notification is, the same however often it is made."""
    return forward_id(notification.id, notification.receiver)


def build_notice(notification: Notification) -> bytes:
    """Build the body that the receiver of a notification is posted."""
    told = notification.payload
    contact = {"key": notification.contact}
    contact |= {"wa_id": told["contact"], "user_id": told["user_id"], "name": told["name"]}
    return build_notice_payload(
        notice_id(notification),
        told["type"],
        datetime.fromisoformat(told["happened_at"]),
        {name: told[name] for name in ("text", "rule", "event", "message")},
        account=told.get("account", ""),
        number=told["number"],
        contact=contact if notification.contact else None,
    )
