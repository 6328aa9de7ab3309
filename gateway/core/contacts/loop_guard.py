"""Loop guard: recognizes a contact that answers too fast to be human.

Two programs that answer each other would never stop. A contact that writes within seconds of our
reply, a dozen times in a row, is taken for a program. Taps and pictures show a human: no program
can tap, and an album arrives all at once.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.core.events import Event, Message

QUICK = timedelta(seconds=5)
# Twelve times five seconds: a program gets no more replies than these within a minute.
MOST_QUICK = 12
# The other side falls silent with us, so a short silence ends the loop and costs a human little.
SILENCE = timedelta(minutes=10)
# Messages of other programs arrive as one of these; their buttons are unsupported.
_OF_PROGRAMS = frozenset({"text", "unsupported"})
# Meta's timestamps are whole seconds.
_ROUNDED = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Volley:
    """The time of our last reply to a contact, and how many quick messages in a row it had."""

    replied_at: datetime
    quick: int = 0


def is_loop(volley: Volley | None, event: Event) -> bool:
    """Say whether a reply to `event` would continue a loop."""
    return volley is not None and volley.quick >= MOST_QUICK and _is_quick(volley, event)


def after_reply(volley: Volley | None, event: Event, now: datetime) -> Volley:
    """Return the volley after a reply to `event`."""
    return Volley(now, volley.quick + 1 if volley and _is_quick(volley, event) else 0)


def latest_volley(one: Volley | None, other: Volley | None) -> Volley | None:
    """Return the later volley of two contacts that are one customer."""
    known = [volley for volley in (one, other) if volley]
    return max(known, key=lambda volley: (volley.replied_at, volley.quick), default=None)


def _is_quick(volley: Volley, event: Event) -> bool:
    if isinstance(event, Message) and event.type not in _OF_PROGRAMS:
        return False
    # A message written before our reply, which waited, does not answer it.
    return -_ROUNDED < event.at - volley.replied_at <= QUICK
