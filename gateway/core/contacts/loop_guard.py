"""Whether somebody who is answered answers as fast as only a program does; pure.

Two programs that answer each other would never end. Whoever writes within seconds of our reply, a
dozen times in a row, is taken for one. Taps and pictures show a person: no program can tap, and an
album comes in one go.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.core.events import Event, Message

QUICK = timedelta(seconds=5)
# Twelve times five seconds: no more replies than these go to a program within a minute.
MOST_QUICK = 12
# The other side falls silent with us, so a short silence ends it, and costs a person little.
SILENCE = timedelta(minutes=10)
# What other programs send comes to us as one of these; their buttons are unsupported.
_OF_PROGRAMS = frozenset({"text", "unsupported"})
# Meta tells whole seconds.
_ROUNDED = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Volley:
    """When we last replied to a contact, and how many quick ones in a row we replied to."""

    replied_at: datetime
    quick: int = 0


def is_loop(volley: Volley | None, event: Event) -> bool:
    """Say whether a reply to `event` would be one too many."""
    return volley is not None and volley.quick >= MOST_QUICK and _is_quick(volley, event)


def after_reply(volley: Volley | None, event: Event, now: datetime) -> Volley:
    """Return what is remembered once `event` was replied to."""
    return Volley(now, volley.quick + 1 if volley and _is_quick(volley, event) else 0)


def latest_volley(one: Volley | None, other: Volley | None) -> Volley | None:
    """Return what is remembered of a person who was known as two."""
    known = [volley for volley in (one, other) if volley]
    return max(known, key=lambda volley: (volley.replied_at, volley.quick), default=None)


def _is_quick(volley: Volley, event: Event) -> bool:
    if isinstance(event, Message) and event.type not in _OF_PROGRAMS:
        return False
    # What was written before our reply, and waited, answers nothing.
    return -_ROUNDED < event.at - volley.replied_at <= QUICK
