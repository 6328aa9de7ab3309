"""Answers to campaigns: which events may be one, and the figures to which they add up."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from gateway.core.contacts import consent
from gateway.core.contacts.contact import Contact
from gateway.core.events import Event, Message, Notice
from gateway.core.webhook.customers import object_field, text_field

# An answer counts for the figures of a campaign for so long after its message.
COUNTED_FOR = timedelta(days=7)
# Rules may ask for so long; the store knows no longer to whom a campaign wrote.
KNOWN_FOR = timedelta(days=30)
# Each recipient counts once in each.
WAYS = ("replied", "tapped", "opted_out")
MOST_BUTTON = 64  # characters of a button's title
# Types of messages that are no answer, and of those that a tap sends.
_NO_ANSWERS = frozenset({"system", "reaction"})
_TAPS = frozenset({"button", "interactive"})


@dataclass(frozen=True, slots=True)
class CampaignAnswers:
    """How many recipients of a campaign answered, each counted once in each figure."""

    replied: int = 0
    tapped: int = 0
    opted_out: int = 0
    buttons: Mapping[str, int] = field(default_factory=dict)  # by the title tapped first


@dataclass(frozen=True, slots=True)
class CampaignAnswer:
    """What one event adds to the figures of a campaign."""

    send: str
    ways: tuple[str, ...]
    button: str = field(default="", repr=False)


def may_answer(event: Event) -> bool:
    """Say whether an event may answer a campaign's message."""
    if isinstance(event, Message):
        return bool(event.contact) and not event.group and event.type not in _NO_ANSWERS
    return isinstance(event, Notice) and bool(event.contact) and bool(consent.consent_change(event))


def quoted_message(event: Event) -> str:
    """Return the wamid of the message that a customer quoted, or tapped a button of, or ""."""
    raw = event.raw if isinstance(event.raw, dict) else {}
    return text_field(object_field(raw, "context"), "id")


def count_answer(event: Event, before: Contact, after: Contact) -> CampaignAnswer | None:
    """Return what an event adds to the figures of the campaign that it answers, None for nothing.

    `before` and `after` are the contact without the event and with it.
    """
    message = event.answers
    if message is None or event.at - message.sent_at > COUNTED_FOR:
        return None
    written = event if isinstance(event, Message) else None
    tapped = written if written and written.type in _TAPS and message.is_quoted else None
    opts_out = before.opted_out_at is None and after.opted_out_at is not None
    held = zip(WAYS, (written, tapped, opts_out), strict=True)
    ways = tuple(way for way, is_so in held if is_so)
    button = (tapped.text or "")[:MOST_BUTTON] if tapped else ""
    return CampaignAnswer(message.send, ways, button) if ways else None
