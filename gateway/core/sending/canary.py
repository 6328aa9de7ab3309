"""Canary: an event of our own that goes the whole way, to show that the way is open.

It is stored, planned, committed and sent like a customer's message, but its send ends at us. It
has a number of its own, so that it is not counted with customers' messages or as evidence.
"""

from datetime import datetime, timedelta

import orjson

from gateway.core.events import InternalEvent
from gateway.core.sending.send import REPLY, Send, send_id

WHAT = "canary"
# Meta's ids are digits, so no number of ours has this id.
NUMBER = "canary"
LIFETIME = timedelta(seconds=60)
# One canary lost in a restart is normal; two in a row are a fault.
OVERDUE_S = 150.0


def delivery(name: str) -> bytes:
    """Return the body that is put into the inbox; a name has its effect once."""
    return orjson.dumps({"what": WHAT, "key": f"{WHAT}:{name}", "number": NUMBER})


def send(event: InternalEvent, now: datetime) -> Send | None:
    """Plan the send that ends at us; None for other events, and for a canary that is too late."""
    expires_at = event.at + LIFETIME
    if event.what != WHAT or event.number != NUMBER or now >= expires_at:
        return None
    return Send(
        id=send_id(event.key, WHAT, 0),
        lane=WHAT,
        priority=REPLY,
        body={"type": WHAT},
        expires_at=expires_at,
        repeatable=True,
    )


def kept_at(expires_at: datetime) -> datetime:
    """Return when a canary was stored, from its expiry."""
    return expires_at - LIFETIME
