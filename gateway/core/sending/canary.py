"""The canary: an event of our own that goes the whole way, to show that the way is open; pure.

It is kept, planned, committed and sent as a customer's message is, only that its send ends at us.
It has a number of its own, so that it is counted with nobody's messages and counts as no evidence.
"""

from datetime import datetime, timedelta

import orjson

from gateway.core.events import InternalEvent
from gateway.core.sending.send import REPLY, Send, send_id

WHAT = "canary"
# Meta's ids are digits, so no number of ours is called like this.
NUMBER = "canary"
LIFETIME = timedelta(seconds=60)
# One that is lost in a restart is normal; with two in a row something is wrong.
OVERDUE_S = 150.0


def delivery(name: str) -> bytes:
    """Return what is put into the inbox; a name has its effect once."""
    return orjson.dumps({"what": WHAT, "key": f"{WHAT}:{name}", "number": NUMBER})


def send(event: InternalEvent, now: datetime) -> Send | None:
    """Plan the send that ends at us; None for anything else, and for one that comes too late."""
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
    """Return when a canary was kept, which its expiry tells."""
    return expires_at - LIFETIME
