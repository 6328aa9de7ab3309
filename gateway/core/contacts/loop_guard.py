"""Loop guard: recognizes a contact that answers as only a program does.

Two programs that answer each other would never stop. A contact that writes within seconds of our
reply, a dozen times in a row, is taken for a program, and so is one that sends the same text again
and again, however slowly. Taps and pictures show a human: no program can tap, and an album arrives
all at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from gateway.core.events import Event, Message
from gateway.core.webhook.event_keys import digest

QUICK = timedelta(seconds=5)
# Twelve times five seconds: a program gets no more replies than these within a minute.
MOST_QUICK = 12
# A human who repeats a text does so two or three times, and then writes something else.
MOST_REPEATED = 5
DIGEST_LENGTH = 16
# A program that takes longer than twelve minutes costs five replies an hour at most.
REPEATED_WITHIN = timedelta(hours=1)
# The other side falls silent with us, so a short silence ends the loop and costs a human little.
SILENCE = timedelta(minutes=10)
# Messages of other programs arrive as one of these; their buttons are unsupported.
_OF_PROGRAMS = frozenset({"text", "unsupported"})
# Meta's timestamps are whole seconds.
_ROUNDED = timedelta(seconds=1)

QUICK_REASON = "it answers as fast as a program, and two programs would go on for ever"
REPEATED_REASON = "it repeats a text as a program does, and two programs would go on for ever"


@dataclass(frozen=True, slots=True)
class Repetition:
    """A text that is repeated: its first time, and how often in a row rules answered it.

    The digest covers the rules too, since a customer may answer six questions with "yes".
    """

    digest: str
    since: datetime
    times: int


@dataclass(frozen=True, slots=True)
class Volley:
    """The time of our last reply to a contact, and the quick messages and equal texts in a row."""

    replied_at: datetime
    quick: int = 0
    repeated: Repetition | None = None


def digest_exchange(text: str, rules: Sequence[str]) -> str:
    """Return the digest of a text in normal form and the rules that answer it, "" if none do."""
    return digest("\n".join([text, *rules])).hex()[:DIGEST_LENGTH] if text and rules else ""


def loop_reason(volley: Volley | None, event: Event, exchange: str) -> str:
    """Say why a reply to `event` would continue a loop, "" if it would not."""
    if volley is None:
        return ""
    if volley.quick >= MOST_QUICK and _is_quick(volley, event):
        return QUICK_REASON
    repeated = _repetition(volley, event, exchange)
    return REPEATED_REASON if repeated and repeated.times > MOST_REPEATED else ""


def after_reply(volley: Volley | None, event: Event, exchange: str, now: datetime) -> Volley:
    """Return the volley after a reply to `event`."""
    quick = volley.quick + 1 if volley and _is_quick(volley, event) else 0
    return Volley(now, quick, _repetition(volley, event, exchange))


def latest_volley(one: Volley | None, other: Volley | None) -> Volley | None:
    """Return the later volley of two contacts that are one customer."""
    known = [volley for volley in (one, other) if volley]
    return max(known, key=lambda volley: (volley.replied_at, volley.quick), default=None)


def _repetition(volley: Volley | None, event: Event, exchange: str) -> Repetition | None:
    """Return the repetition that `event` continues or begins, None if it is no text."""
    if not exchange or _is_of_human(event):
        return None
    before = volley.repeated if volley else None
    if before is None or before.digest != exchange or event.at - before.since > REPEATED_WITHIN:
        return Repetition(exchange, event.at, 1)
    # Texts that were written before our reply do not answer it.
    is_answer = volley is not None and event.at - volley.replied_at > -_ROUNDED
    return replace(before, times=before.times + 1) if is_answer else before


def _is_quick(volley: Volley, event: Event) -> bool:
    if _is_of_human(event):
        return False
    # A message written before our reply, which waited, does not answer it.
    return -_ROUNDED < event.at - volley.replied_at <= QUICK


def _is_of_human(event: Event) -> bool:
    return isinstance(event, Message) and event.type not in _OF_PROGRAMS
